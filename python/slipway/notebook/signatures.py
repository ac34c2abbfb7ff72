"""Parameters of installed functions and classes, read from their files: nothing is imported or run."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from typing import Any

from slipway.notebook.modules import origin

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
#: A name that is handed on through more modules than this is not followed.
DEPTH = 8
#: Bases of a class that are looked at, one behind the other.
BASES = 6


def signatures(request: dict[str, Any]) -> dict[str, Any]:
    """``{"names": [dotted], "folder"}`` to the parameters of each; null for what no file explains."""
    return {"signatures": {name: parameters(name) for name in request["names"]}}


def parameters(dotted: str) -> list[dict[str, Any]] | None:
    """The parameters of a function, or of what makes an object of a class: name, default as text, place among the positional ones."""
    parts = dotted.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:cut])
        if module.split(".")[0] in sys.stdlib_module_names:
            return None
        if origin(module, None) is not None and len(parts) - cut == 1:
            return of_name(module, parts[-1])
    return None


def of_name(module: str, name: str) -> list[dict[str, Any]] | None:
    """The parameters of a name of a module."""
    found = find(module, name, 0)
    if found is None:
        return None
    home, node = found
    return listed(node, method=False) if isinstance(node, FUNCTIONS) else of_class(home, node, 0)


def find(module: str, name: str, depth: int) -> tuple[str, Any] | None:
    """The definition of a name, and the module that has it: imports are followed."""
    tree, package = parsed(module)
    if tree is None or depth > DEPTH:
        return None
    for node in statements(tree.body):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and node.name == name:
            return module, node
    for node in statements(tree.body):
        if not isinstance(node, ast.ImportFrom):
            continue
        for one in node.names:
            if one.name != "*" and (one.asname or one.name) == name:
                return find(absolute(node, module, package), one.name, depth + 1)
    return None


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Those at the top of a module, and those under a condition there."""
    for node in body:
        yield node
        for field in ("body", "orelse"):
            if isinstance(node, (ast.If, ast.Try)):
                yield from statements(getattr(node, field, []))


@functools.cache
def parsed(module: str) -> tuple[ast.Module | None, bool]:
    """A module's tree, and whether it is a package."""
    path = origin(module, None)
    if path is None:
        return None, False
    try:
        with open(path, encoding="utf-8") as file:
            return ast.parse(file.read()), path.endswith("__init__.py")
    except (OSError, SyntaxError, ValueError):
        return None, False


def absolute(node: ast.ImportFrom, module: str, package: bool) -> str:
    """The module that an import names."""
    if node.level == 0:
        return node.module or ""
    parts = module.split(".")
    base = parts[: len(parts) - node.level + (1 if package else 0)]
    return ".".join([*base, *([node.module] if node.module else [])])


def of_class(module: str, node: ast.ClassDef, depth: int) -> list[dict[str, Any]] | None:
    """The parameters of `__init__`; where it hands named ones on, those of its base too."""
    own = next((one for one in node.body if isinstance(one, FUNCTIONS) and one.name == "__init__"), None)
    found = listed(own, method=True) if own is not None else []
    if (own is not None and own.args.kwarg is None) or depth > BASES:
        return found
    for base in node.bases:
        if isinstance(base, ast.Name):
            above = find(module, base.id, 0)
            if above is not None and isinstance(above[1], ast.ClassDef):
                known = {one["name"] for one in found}
                more = of_class(above[0], above[1], depth + 1) or []
                # what stands behind named parameters can be given by name only
                found += [{**one, "at": one["at"] if own is None else None} for one in more if one["name"] not in known]
    return found or None


def listed(node: ast.FunctionDef | ast.AsyncFunctionDef, *, method: bool) -> list[dict[str, Any]]:
    """The parameters of a definition."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args][1 if method else 0 :]
    defaults: list[ast.expr | None] = [*[None] * (len(positional) - len(arguments.defaults)), *arguments.defaults]
    defaults = defaults[len(defaults) - len(positional) :]
    named = zip(arguments.kwonlyargs, arguments.kw_defaults)
    every = [(one, default, at) for at, (one, default) in enumerate(zip(positional, defaults))]
    return [
        {"name": one.arg, "default": None if default is None else ast.unparse(default), "at": at}
        for one, default, at in [*every, *((one, default, None) for one, default in named)]
    ]
