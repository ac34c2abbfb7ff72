"""The names that a module gives to `from module import *`, read from its file: nothing is imported but what Python itself brings."""

from __future__ import annotations

import ast
import importlib
import importlib.machinery
import os
import sys
from typing import Any


def exported(request: dict[str, Any]) -> dict[str, Any]:
    """``{"modules": [...], "folder": FOLDER}`` to the names of each; null for a module that cannot be read."""
    return {"modules": {name: names_of(name, request.get("folder")) for name in request["modules"]}}


def names_of(module: str, folder: str | None) -> list[str] | None:
    """The public names of a module."""
    if module.split(".")[0] in sys.stdlib_module_names:
        found = importlib.import_module(module)
        return sorted(getattr(found, "__all__", [name for name in dir(found) if not name.startswith("_")]))
    path = origin(module, folder)
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return None
    return declared(tree) or sorted(name for name in bound(tree.body) if not name.startswith("_"))


def origin(module: str, folder: str | None) -> str | None:
    """The Python file of a module, found part by part without an import."""
    path = [*([folder] if folder else []), *sys.path]
    found = None
    parts = module.split(".")
    for number in range(len(parts)):
        found = importlib.machinery.PathFinder.find_spec(".".join(parts[: number + 1]), path)
        if found is None:
            return None
        path = list(found.submodule_search_locations or [])
    return found.origin if found is not None and found.origin and found.origin.endswith(".py") and os.path.isfile(found.origin) else None


def declared(tree: ast.Module) -> list[str]:
    """The names of a literal `__all__`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == "__all__" for one in node.targets):
            try:
                return sorted(ast.literal_eval(node.value))
            except (ValueError, TypeError):
                return []
    return []


def bound(body: list[ast.stmt]) -> set[str]:
    """Names that statements at the top of a module bind."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {one.asname or one.name.split(".")[0] for one in node.names}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {one.id for one in targets if isinstance(one, ast.Name)}
        else:
            for field in ("body", "orelse", "finalbody"):
                found |= bound(getattr(node, field, []) if isinstance(node, (ast.If, ast.Try, ast.With)) else [])
    return found
