"""Runs the cells of research code in order, in one namespace, and writes down what each leaves."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys
import types
from pathlib import Path
from typing import Any

from slipway.notebook.proof.guards import Late, ask_nobody, close_network, explain, limit, own_clock, own_output, seed_all
from slipway.notebook.proof.pictures import capture
from slipway.notebook.proof.values import Describer, type_of

UNSEEDED = ("default_rng", "RandomState")
LISTINGS = ("glob.glob", "os.listdir", "glob", "listdir", "glob.iglob")


class Alike(ast.NodeTransformer):
    """What both runs have alike: inputs that lie elsewhere, seeds of generators without one, sorted folders."""

    def __init__(self, inputs: dict[str, str], seed: int) -> None:
        """`inputs`: text of the code to the path that is there."""
        self.inputs = inputs
        self.seed = seed

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """A path that lies elsewhere."""
        if isinstance(node.value, str) and node.value in self.inputs:
            return ast.copy_location(ast.Constant(self.inputs[node.value]), node)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """Parts of f-strings stay."""
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Seeds and sorts."""
        self.generic_visit(node)
        text = ast.unparse(node.func)
        if text.split(".")[-1] in UNSEEDED and not node.args and not node.keywords:
            node.args.append(ast.copy_location(ast.Constant(self.seed), node))
        if text in LISTINGS:
            return ast.copy_location(ast.Call(ast.copy_location(ast.Name("sorted", ast.Load()), node), [node], []), node)
        return node


def run_original(request: dict[str, Any]) -> int:
    """Runs the request's cells; the record lies in ``out``."""
    said = own_output()
    out = Path(request["out"])
    sys.path.insert(0, request["folder"])
    space = types.ModuleType("__main__")
    space.__file__ = request["file"]
    sys.modules["__main__"] = space
    before = tops()
    prepare(request)
    describer = Describer(out / "values.bin", "")
    record: dict[str, Any] = {"cells": [], "failed": None, "types": {}, "probe": None}
    figures: list[str] = []
    if request["draws"]:
        import matplotlib.pyplot as plt

        plt.show = lambda *given, **named: figures.extend(capture())
    for cell in request["cells"]:
        said.write(f"{cell['id']}\n")
        said.flush()
        figures.clear()
        one, error = run_cell(cell, request, space.__dict__)
        if error is not None:
            record["failed"] = {"cell": cell["id"], "why": error}
            break
        last = cell is request["cells"][-1]
        if request["kind"] == "notebook" or last:
            figures.extend(capture())
        names = [name for name in (space.__dict__ if last else cell["names"]) if visible(name) and name in space.__dict__]
        one["values"] = {name: describer.describe(space.__dict__[name]) for name in names}
        record["types"] |= {name: type_of(space.__dict__[name]) for name in names}
        record["cells"].append({**one, "id": cell["id"], "figures": list(figures)})
    record["modules"] = sorted(tops() - before)
    if record["failed"] is None and request["probe"]:
        record["probe"] = probe(request["probe"], space.__dict__, describer)
    describer.file.close()
    (out / "record.json").write_text(json.dumps(record), encoding="utf-8")
    return 0


def prepare(request: dict[str, Any]) -> None:
    """Guards and seeds, before anything of the code runs."""
    ask_nobody()
    if not request["network"]:
        close_network()
    own_clock((request.get("package", ""),) if request.get("package") else ())
    seed_all(request["seed"], request["modules"])


def tops() -> set[str]:
    """The top-level modules that are imported, from files, and are not Python's own."""
    own = sys.stdlib_module_names
    loaded = [name for name, module in list(sys.modules.items()) if getattr(module, "__file__", None)]
    return {name for name in (one.split(".")[0] for one in loaded) if name not in own and name not in ("__main__", "slipway")}


def visible(name: str) -> bool:
    """Names that are not private."""
    return not name.startswith("_")


def run_cell(cell: dict[str, Any], request: dict[str, Any], space: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Runs one cell; what it printed, what it showed, and why it ended early."""
    tree = Alike(request["inputs"], request["seed"]).visit(ast.parse(cell["source"]))
    ast.fix_missing_locations(tree)
    shown = tree.body.pop() if request["kind"] == "notebook" and tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    value: object = None
    error: str | None = None
    try:
        with contextlib.redirect_stdout(printed):
            limit(request["limit"])
            exec(compile(tree, f"<cell {cell['id']}>", "exec"), space)
            if shown is not None:
                value = eval(compile(ast.Expression(shown.value), f"<cell {cell['id']}>", "eval"), space)
    except Late:
        error = f"it took longer than {request['limit']:g} s"
    except BaseException as fault:  # noqa: BLE001 whatever ends the user's code is told
        error = explain(fault)
    finally:
        limit(0)
    text = "" if value is None or error is not None else safe_repr(value)
    return {"printed": printed.getvalue()[:200_000], "shown": text}, error


def safe_repr(value: object) -> str:
    """What a notebook shows; empty where that fails."""
    try:
        return repr(value)[:20_000]
    except Exception:  # noqa: BLE001 a foreign object's own fault
        return ""


def probe(expression: str, space: dict[str, Any], describer: Describer) -> dict[str, Any]:
    """The model's answers to the rows that the notebook asked with."""
    try:
        return describer.describe(eval(expression, space))
    except Exception as error:  # noqa: BLE001 rows may be gone by the end
        return {"k": "skip", "why": explain(error)}
