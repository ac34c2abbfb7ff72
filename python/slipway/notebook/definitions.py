"""A function or class: its parameters, the names of the module that it reads, and the places where hints and arguments fit."""

from __future__ import annotations

import ast
from typing import Any

from slipway.notebook.places import Places
from slipway.notebook.scopes import names


def definition(node: ast.AST, places: Places) -> dict[str, Any]:
    """Facts of one definition at the top of a cell or within a statement."""
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    found = names(node)
    start, end = places.span(node)
    first = node.body[0]
    body, _ = places.span(first)
    answer: dict[str, Any] = {
        "name": node.name,
        "kind": "class" if isinstance(node, ast.ClassDef) else "function",
        "span": [start, end],
        "now": found.now,
        "later": found.later,
        "written": found.written,
        "decorated": bool(node.decorator_list),
        "asynchronous": isinstance(node, ast.AsyncFunctionDef),
        "body": body,
        "indent": len(indent_of(places, body)),
        "own_line": indent_of(places, body).strip() == "",
        "documented": ast.get_docstring(node) is not None,
        "generator": any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in ast.walk(node)),
    }
    if not isinstance(node, ast.ClassDef):
        answer |= signature(node, places, body)
    return answer


def indent_of(places: Places, at: int) -> str:
    """What stands before a place in its line."""
    line = places.data.rfind(b"\n", 0, at) + 1
    return places.data[line:at].decode()


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef, places: Places, body: int) -> dict[str, Any]:
    """Where a parameter and a hint can be added."""
    start, _ = places.at(node)
    close, colon = brackets(places, start, body)
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    rest = [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    starred = keyword_star(places, start, arguments.kwarg)
    return {
        "defaults": defaults(arguments, places),
        "parameters": [one.arg for one in (*every, *rest)],
        "bare": [places.at(one)[1] for one in every if one.annotation is None and one.arg not in ("self", "cls")],
        "close": close,
        "colon": colon,
        "returns": node.returns is not None,
        "given": bool(every or rest),
        "comma": places.before(close, ","),
        "keyword_only": bool(arguments.kwonlyargs) or arguments.vararg is not None,
        "star_kwargs": starred,
    }


def defaults(arguments: ast.arguments, places: Places) -> list[dict[str, Any]]:
    """The parameters that have a default."""
    positional = [*arguments.posonlyargs, *arguments.args]
    first = len(positional) - len(arguments.defaults)
    found = [(positional[first + at], one, first + at) for at, one in enumerate(arguments.defaults)]
    named = [(one, default, None) for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults) if default is not None]
    return [{"name": one.arg, "span": places.at(default), "at": at} for one, default, at in [*found, *named]]


def keyword_star(places: Places, start: int, kwarg: ast.arg | None) -> int | None:
    """Where `**kwargs` begins."""
    if kwarg is None:
        return None
    at, _ = places.at(kwarg)
    found = places.data.rfind(b"**", start, at)
    return found if found >= 0 else None


def brackets(places: Places, start: int, body: int) -> tuple[int, int]:
    """The places of the bracket that ends the parameters, and of the colon before the body."""
    depth, close = 0, -1
    for text, at, _ in places.tokens(start, body):
        if text in "([{":
            depth += 1
        elif text in ")]}":
            depth -= 1
            if depth == 0 and close < 0:
                close = at
        elif text == ":" and depth == 0 and close >= 0:
            return close, at
    return close, -1
