"""Which names of the module a nested scope reads and writes, by Python's own table of symbols."""

from __future__ import annotations

import ast
import symtable
from typing import NamedTuple


class Names(NamedTuple):
    """Names of the module that a piece of code has to do with."""

    #: Read at once: defaults, decorators, base classes, the bodies of classes and comprehensions.
    now: list[str]
    #: Read when it is called.
    later: list[str]
    #: Written by `global`.
    written: list[str]


def names(node: ast.AST) -> Names:
    """Of a definition, a lambda or a comprehension, as it stands at the top of a module."""
    mode = "eval" if isinstance(node, ast.expr) else "exec"
    text = ast.unparse(node)
    try:
        top = symtable.symtable(text, "cell", mode)
    except SyntaxError:
        # a function within another one may write names of that one, which is not here
        top = symtable.symtable(ast.unparse(Own().visit(ast.parse(text, mode=mode))), "cell", mode)
    own = getattr(node, "name", None)
    now = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()} - {own}
    later: set[str] = set()
    written: set[str] = set()
    immediate = not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    for table in top.get_children():
        collect(table, now if immediate else later, later, written)
    return Names(sorted(now), sorted(later - now), sorted(written))


class Own(ast.NodeTransformer):
    """Makes names of the function around a piece of code its own."""

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        """Without the statement what is assigned is local."""
        return ast.copy_location(ast.Pass(), node)


def collect(table: symtable.SymbolTable, here: set[str], later: set[str], written: set[str]) -> None:
    """Adds the names of a scope to `here`, and those of functions in it to `later`."""
    for symbol in table.get_symbols():
        if not symbol.is_global():
            continue
        if symbol.is_assigned() and symbol.is_declared_global():
            written.add(symbol.get_name())
        if symbol.is_referenced():
            here.add(symbol.get_name())
    for child in table.get_children():
        # comprehensions run where they stand, classes too
        at_once = child.get_type() == "class" or child.get_name() in ("listcomp", "setcomp", "dictcomp", "genexpr")
        collect(child, here if at_once else later, later, written)
