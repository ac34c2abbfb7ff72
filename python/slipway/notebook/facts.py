"""Facts of cells: their statements with places in bytes, the names they need and leave, calls, texts and definitions."""

from __future__ import annotations

import ast
import builtins
import json
import platform
import sys
from typing import Any

from slipway.notebook.definitions import definition
from slipway.notebook.flow import COMPREHENSIONS, FUNCTIONS, Flow, root
from slipway.notebook.magics import translate
from slipway.notebook.places import Places


def facts(request: dict[str, Any]) -> dict[str, Any]:
    """``{"cells": [{"id", "source"}]}`` to what stands in each."""
    return {
        "python": platform.python_version(),
        "builtins": sorted(set(dir(builtins)) | {"__name__", "__doc__", "__file__"}),
        "standard": sorted(sys.stdlib_module_names),
        "cells": [cell(one["id"], one["source"]) for one in request["cells"]],
    }


def cell(number: int, source: str) -> dict[str, Any]:
    """One cell: its source without magics, and its statements or the fault of its syntax."""
    clean, magics = unguarded(*translate(source))
    answer: dict[str, Any] = {"id": number, "clean": clean, "magics": magics, "error": None, "statements": []}
    try:
        tree = ast.parse(clean)
    except (SyntaxError, ValueError, RecursionError) as error:
        answer["error"] = {"line": getattr(error, "lineno", None) or 1, "message": getattr(error, "msg", None) or str(error)}
        return answer
    places = Places(clean)
    answer["statements"] = [statement(node, places) for node in tree.body]
    answer["held"] = places.held()
    return answer


def unguarded(clean: str, magics: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """The cell without `if __name__ == "__main__":`, whose body runs where research code is run; lines keep their numbers."""
    try:
        tree = ast.parse(clean)
    except (SyntaxError, ValueError, RecursionError):
        return clean, magics
    held = set(Places(clean).held())
    lines = clean.split("\n")
    for node in tree.body:
        if not (isinstance(node, ast.If) and is_main(node) and not node.orelse):
            continue
        first = node.body[0]
        magics = [*magics, {"line": node.lineno, "text": lines[node.lineno - 1].strip(), "action": "main", "installs": []}]
        if first.lineno == node.lineno:
            lines[node.lineno - 1] = lines[node.lineno - 1].encode()[first.col_offset :].decode()
            continue
        for at in range(node.lineno - 1, first.lineno - 1):
            stripped = lines[at].strip()
            lines[at] = stripped if stripped.startswith("#") else ""
        for at in range(first.lineno - 1, node.end_lineno or first.lineno):
            if at + 1 not in held:
                lines[at] = lines[at][min(first.col_offset, len(lines[at]) - len(lines[at].lstrip())) :]
    return "\n".join(lines), magics


def statement(node: ast.stmt, places: Places) -> dict[str, Any]:
    """One statement at the top of a cell."""
    flow = Flow()
    flow.statement(node)
    start, end = places.span(node)
    again = repeated(node)
    joined = in_strings(node)
    return {
        "kind": type(node).__name__,
        "start": start,
        "end": end,
        "line": places.line(start),
        "binds": sorted(flow.bound),
        "maybe": sorted(flow.maybe - flow.bound),
        "uses": list(flow.uses),
        "later": list(flow.later),
        "changed": list(flow.changed),
        "called": list(flow.called),
        "deleted": sorted(flow.deleted),
        "imports": imports(node, places),
        "definition": definition(node, places) if isinstance(node, FUNCTIONS) else None,
        "definitions": [definition(part, places) for part in ast.walk(node) if isinstance(part, FUNCTIONS)],
        "names": [name(part, parent, places) for part, parent in with_parents(node) if isinstance(part, ast.Name)],
        "calls": [
            {**call(part, parent, places), "once": id(part) not in again, "joined": id(part) in joined}
            for part, parent in with_parents(node)
            if isinstance(part, ast.Call)
        ],
        "texts": texts(node, places),
        "awaits": awaits(node, places),
        "value": literal(node),
        "shown": shown(node, places) if isinstance(node, ast.Expr) else None,
        "assigned": places.span(node.value) if isinstance(node, ast.Assign) else None,
    }


def with_parents(node: ast.AST) -> list[tuple[ast.AST, ast.AST | None]]:
    """Every node below one, with what it stands in."""
    result: list[tuple[ast.AST, ast.AST | None]] = []
    waiting: list[tuple[ast.AST, ast.AST | None]] = [(node, None)]
    while waiting:
        one, parent = waiting.pop()
        result.append((one, parent))
        waiting.extend((child, one) for child in ast.iter_child_nodes(one))
    return result


def awaits(node: ast.stmt, places: Places) -> list[dict[str, Any]]:
    """What waits at the top of a cell, which only a notebook's kernel runs: `called` is the name of a function that is awaited."""
    inner = {id(part) for one in ast.walk(node) if isinstance(one, (*FUNCTIONS, ast.Lambda)) for part in ast.walk(one)}
    found: list[dict[str, Any]] = []
    for part in ast.walk(node):
        if id(part) in inner:
            continue
        if isinstance(part, ast.Await):
            value = part.value
            named = isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
            called = value.func.id if named else None  # type: ignore[attr-defined]
            found.append({"span": places.at(part), "value": places.at(value), "called": called, "line": part.lineno})
        elif isinstance(part, (ast.AsyncFor, ast.AsyncWith)):
            found.append({"span": places.at(part), "value": places.at(part), "called": None, "line": part.lineno})
        elif isinstance(part, ast.comprehension) and part.is_async:
            found.append({"span": places.at(part.iter), "value": places.at(part.iter), "called": None, "line": part.iter.lineno})
    return found


def repeated(node: ast.AST) -> set[int]:
    """The nodes that may be run any number of times: within loops, comprehensions, and functions."""
    loops = (ast.For, ast.AsyncFor, ast.While, ast.Lambda, *COMPREHENSIONS, *FUNCTIONS)
    return {id(part) for loop in ast.walk(node) if isinstance(loop, loops) for part in ast.walk(loop)}


def in_strings(node: ast.AST) -> set[int]:
    """The nodes that are parts of f-strings."""
    return {id(part) for one in ast.walk(node) if isinstance(one, ast.JoinedStr) for part in ast.walk(one)}


def imports(node: ast.stmt, places: Places) -> list[dict[str, Any]]:
    """What an import statement brings, and those within other statements."""
    found: list[dict[str, Any]] = []
    spare = guarded(node)
    for part in ast.walk(node):
        top = part is node
        if isinstance(part, ast.Import):
            found += [
                {"module": one.name, "name": None, "as": one.asname, "level": 0, "top": top, "span": places.span(part)}
                for one in part.names
            ]
        elif isinstance(part, ast.ImportFrom):
            module = part.module or ""
            found += [
                {"module": module, "name": one.name, "as": one.asname, "level": part.level, "top": top, "span": places.span(part)}
                for one in part.names
            ]
    return [{**one, "optional": tuple(one["span"]) in {places.span(part) for part in spare}} for one in found]


def guarded(node: ast.stmt) -> list[ast.stmt]:
    """The imports that may fail: a `try` around them goes on without."""
    catches = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
    found: list[ast.stmt] = []
    for part in ast.walk(node):
        if isinstance(part, ast.Try) and any(one.type is None or caught(one.type) & catches for one in part.handlers):
            found += [one for top in part.body for one in ast.walk(top) if isinstance(one, (ast.Import, ast.ImportFrom))]
    return found


def caught(node: ast.expr) -> set[str]:
    """The names of the faults that an `except` takes."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def name(node: ast.AST, parent: ast.AST | None, places: Places) -> dict[str, Any]:
    """A name with its place, whether it is read, and the call of which it is the function."""
    assert isinstance(node, ast.Name)
    called = isinstance(parent, ast.Call) and parent.func is node
    start, end = places.at(node)
    answer: dict[str, Any] = {"name": node.id, "start": start, "end": end, "read": isinstance(node.ctx, ast.Load), "call": None}
    if called:
        answer["call"] = closing(parent, places)
    return answer


def closing(node: Any, places: Places) -> dict[str, Any]:
    """Where arguments can be added to a call."""
    close = places.at(node)[1] - 1
    given = bool(node.args or node.keywords)
    comma = given and places.before(close, ",")
    # `f(x for x in y)` needs brackets of its own before a second argument fits
    bare = len(node.args) == 1 and not node.keywords and isinstance(node.args[0], ast.GeneratorExp)
    inner = places.at(node.args[0]) if bare else None
    shares = inner is not None and inner[1] == close + 1
    return {"close": close, "given": given, "comma": comma, "generator": inner if shares else None}


def call(node: ast.AST, parent: ast.AST | None, places: Places) -> dict[str, Any]:
    """A call: what is called as text, its arguments with places, and values where they are literals."""
    assert isinstance(node, ast.Call)
    return {
        "text": ast.unparse(node.func),
        "root": root(node.func),
        "span": places.at(node),
        "function": places.at(node.func),
        "statement": isinstance(parent, ast.Expr),
        "arguments": [{**argument(one, places), "star": isinstance(one, ast.Starred)} for one in node.args],
        "keywords": [{**argument(one.value, places), "name": one.arg} for one in node.keywords],
        "line": node.lineno,
        **closing(node, places),
    }


def argument(node: ast.AST, places: Places) -> dict[str, Any]:
    """An argument: its place, the names in it, and its value as JSON where it is a literal."""
    inner = node.value if isinstance(node, ast.Starred) else node
    return {
        "span": places.at(node),
        "text": ast.unparse(node),
        "names": [part.id for part in ast.walk(inner) if isinstance(part, ast.Name)],
        "kind": type(inner).__name__,
        "literal": value_of(inner),
    }


def texts(node: ast.stmt, places: Places) -> list[dict[str, Any]]:
    """Texts with their places; `target` is the name, keyword, key or attribute that a text is given to."""
    targets: dict[int, str] = {}
    joined = in_strings(node)
    docs = {id(one.value) for one in ast.walk(node) if isinstance(one, ast.Expr)}
    for part in ast.walk(node):
        label(part, targets)
    return [
        {
            "value": part.value,
            "span": places.at(part),
            "line": part.lineno,
            "target": targets.get(id(part), ""),
            "joined": id(part) in joined,
            "doc": id(part) in docs,
        }
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]


def label(part: ast.AST, targets: dict[int, str]) -> None:
    """Notes to what the texts that stand directly in a node are given."""
    if isinstance(part, ast.Assign):
        targets[id(part.value)] = last_name(part.targets[0])
    elif isinstance(part, ast.keyword):
        targets[id(part.value)] = part.arg or ""
    elif isinstance(part, ast.Dict):
        for key, value in zip(part.keys, part.values):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                targets[id(value)] = key.value
    elif isinstance(part, ast.arguments):
        defaults = part.defaults
        for argument_node, default in zip(part.args[len(part.args) - len(defaults) :], defaults):
            targets[id(default)] = argument_node.arg


def last_name(node: ast.AST) -> str:
    """`b` of `a.b`, `k` of `a["k"]`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return ""


def literal(node: ast.stmt) -> dict[str, Any] | None:
    """`NAME = literal`: the name, the place and the value; None for other statements."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        found = value_of(node.value)
        if found is not None:
            return {"name": node.targets[0].id, **found, "source": ast.unparse(node.value)}
    return None


def value_of(node: ast.AST) -> dict[str, Any] | None:
    """A number, text, truth value or None, or a tuple or list of such; as JSON with its type."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    if not plain(value):
        return None
    try:
        return {"type": type(value).__name__, "json": json.dumps(value)}
    except (TypeError, ValueError):
        return None


def plain(value: object) -> bool:
    """Whether a value fits a setting."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return True
    return isinstance(value, (tuple, list)) and len(value) <= 50 and all(plain(one) for one in value)


def is_main(node: ast.stmt) -> bool:
    """`if __name__ == "__main__":`."""
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("__name__ == '__main__'", "'__main__' == __name__")


def shown(node: ast.Expr, places: Places) -> dict[str, Any]:
    """What an expression by itself is: a call, a name, a part of an object, a text."""
    value = node.value
    return {
        "kind": type(value).__name__,
        "text": ast.unparse(value),
        "root": root(value),
        "calls": sum(isinstance(part, ast.Call) for part in ast.walk(value)),
        "span": places.at(value),
    }
