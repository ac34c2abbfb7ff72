"""Keeps what a model is asked with while the original runs: a copy of the rows, as they are at that moment."""

from __future__ import annotations

import ast
import builtins
import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.notebook.proof.handing import packed

#: Calls that ask a model for answers.
ASKS = ("predict", "predict_proba", "decision_function", "score_samples", "score")
#: Rows that take more than this are not copied, bytes.
LARGEST = 1 << 28
#: What the code calls, put in by the text of the cells.
KEPT = "__slipway_kept__"
ASK = "__slipway_ask__"


class Asks(ast.NodeTransformer):
    """Calls that ask a model, wherever they stand, are made by a function that keeps what was asked and answered."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """`m.predict(X)` becomes a call of it with m and X."""
        self.generic_visit(node)
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in ASKS:
            return node
        # without rows, as models of statsmodels answer for what they learnt from, it asks for nothing that predict.py could be asked
        if not any(not isinstance(one, ast.Starred) for one in node.args[:1]) and not any(one.arg == "X" for one in node.keywords):
            return node
        name = ast.copy_location(ast.Constant(node.func.attr), node)
        values = [*node.args, *(one.value for one in node.keywords)]
        marked = ast.copy_location(ast.Constant(any(is_argument(one) for one in values)), node)
        ask = ast.copy_location(ast.Name(ASK, ast.Load()), node)
        return ast.copy_location(ast.Call(ask, [marked, node.func.value, name, *node.args], node.keywords), node)


def is_argument(node: ast.expr) -> bool:
    """What a model is given, where the text of the cells marks it."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != KEPT:
        return False
    return ast.unparse(node.args[0]) in ("'argument'", "'both'")


@dataclass
class Question:
    """One call that asked a model, as it was made."""

    cell: int
    owner: Any
    method: str
    given: tuple[Any, ...]
    named: dict[str, Any]
    answer: Any = None

    def rows(self) -> Any:
        """What it was asked with."""
        return self.given[0] if self.given else self.named.get("X")

    def plain(self, method: str) -> bool:
        """Whether it was asked with rows and nothing else, as predict.py asks."""
        return self.method == method and len(self.given) + len(self.named) == 1

    def again(self, model: Any) -> Any:
        """The same call of a model."""
        return getattr(model, self.method)(*self.given, **self.named)


class Asked:
    """What models were asked, and what they answered: the last time each."""

    def __init__(self) -> None:
        """The code finds it among the names that Python has built in, so that its own names stay as they are."""
        self.cell = 0
        self.kept: dict[str, Any] = {}
        self.marked: Question | None = None
        self.last: dict[int, Question] = {}
        for name, function in ((KEPT, self.keep), (ASK, self.ask)):
            setattr(builtins, name, function)

    def keep(self, what: str, value: Any) -> Any:
        """Called where the code asks: `rows`, the `argument` that the model gets, or `both`."""
        for one in ("rows", "argument") if what == "both" else (what,):
            self.kept[one] = copied(value)
        return value

    def ask(self, marked: bool, owner: Any, method: str, /, *given: Any, **named: Any) -> Any:
        """Makes the call, and keeps it with its answer as they are now."""
        copies = {name: copied(value) for name, value in named.items()}
        one = Question(self.cell, owner, method, tuple(copied(value) for value in given), copies)
        answer = getattr(owner, method)(*given, **named)
        one.answer = copied(answer)
        self.last[id(owner)] = one
        if marked:
            self.marked = one
        return answer

    def question(self, model: Any, request: dict[str, Any]) -> tuple[bool, Any, Question | None]:
        """Whether it is known what the model was given last, that, and the call. Rows that it learnt from were never asked."""
        last = self.last.get(id(model))
        elsewhere = last is not None and last.owner is model and model is not None
        if "argument" in self.kept and not (elsewhere and request["learnt"]):
            return True, self.kept["argument"], self.marked
        self.kept.clear()
        known = elsewhere and request["anywhere"]
        return known, last.rows() if known and last is not None else None, last if known else None

    def hand_on(self, rows: Any, path: Path) -> None:
        """Writes rows for the process that runs the package, where they are of no class of the code."""
        try:
            text = packed(rows)
        except Exception:  # noqa: BLE001 rows may be of any class
            return
        # the package has such a class by another name
        if b"__main__" not in text:
            path.write_bytes(text)


def copied(value: Any) -> Any:
    """A copy; what is too large, or cannot be copied, itself."""
    try:
        taken = value.memory_usage() if hasattr(value, "memory_usage") else getattr(value, "nbytes", 0)
        total = taken.sum() if hasattr(taken, "sum") else taken
        return value if total > LARGEST else copy.deepcopy(value)
    except Exception:  # noqa: BLE001 a foreign object's own fault
        return value
