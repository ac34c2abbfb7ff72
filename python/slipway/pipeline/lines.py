"""Where in the user's file a call stands, and where each of its arguments, so that a fault names that line."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from types import CodeType
    from typing import Any

#: A path of keys and indexes, and the file and line where that stands.
Path = tuple[object, ...]
Place = tuple[str, int]

parsed: dict[str, Any] = {}


class Site:
    """A call that is under way: cheap to note, for every step of a run does; looked up only where somebody asks."""

    def __init__(self, code: CodeType, at: int, line: int) -> None:
        self.code = code
        self.at = at
        self.line = line

    @property
    def place(self) -> Place:
        """The file, and the line of the call."""
        return self.code.co_filename, self.line

    def arguments(self) -> dict[Path, Place]:
        """Each argument by its name or number, and what is written inside of it."""
        found: dict[Path, int] = {}
        for call in calls_at(self):
            for number, value in enumerate(call.args):
                inside((number,), value, found)
            for keyword in call.keywords:
                if keyword.arg is not None:
                    inside((keyword.arg,), keyword.value, found)
                    found[(keyword.arg,)] = keyword.lineno
        return {path: (self.code.co_filename, line) for path, line in found.items()}


def here(depth: int) -> Site:
    """The call that is `depth` functions up; 1 is the caller of this."""
    frame = sys._getframe(depth)
    return Site(frame.f_code, frame.f_lasti, frame.f_lineno)


def calls_at(site: Site) -> list[ast.Call]:
    """The call as it is written; of Python 3.10, which tells lines alone, all that begin there. None where there is no source."""
    import ast

    calls = [node for node in ast.walk(tree_of(site.code.co_filename)) if isinstance(node, ast.Call)]
    positions = getattr(site.code, "co_positions", None)
    if positions is not None:
        _, line, _, column = list(positions())[site.at // 2]
        # calls may begin at the same place, and never end at the same
        return [call for call in calls if (call.end_lineno, call.end_col_offset) == (line, column)]
    return [call for call in calls if call.lineno == site.line]


def argument_place(code: CodeType, name: str) -> Place:
    """Where a function declares an argument; its beginning where the source is not to be had."""
    import ast

    for node in ast.walk(tree_of(code.co_filename)):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            begins = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            for one in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]:
                if begins == code.co_firstlineno and one is not None and one.arg == name:
                    return code.co_filename, one.lineno
    return code.co_filename, code.co_firstlineno


def tree_of(file: str) -> Any:
    """The syntax of a file, read once; nothing where it cannot be read."""
    import ast
    import tokenize

    if file not in parsed:
        try:
            with tokenize.open(file) as source:
                parsed[file] = ast.parse(source.read())
        except (OSError, SyntaxError, ValueError):
            parsed[file] = ast.Module([], [])
    return parsed[file]


def inside(path: Path, node: ast.expr, found: dict[Path, int]) -> None:
    """Notes the lines of a value and of the parts that are written in it."""
    import ast

    found[path] = node.lineno
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values):
            if isinstance(key, ast.Constant):
                within = (*path, key.value)
                inside(within, value, found)
                found[within] = key.lineno
    elif isinstance(node, (ast.List, ast.Tuple)):
        for number, item in enumerate(node.elts):
            inside((*path, number), item, found)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        for keyword in node.keywords:
            if keyword.arg is not None:
                within = (*path, keyword.arg)
                inside(within, keyword.value, found)
                found[within] = keyword.lineno
