"""Runs the cells of research code in order, in one namespace, and writes down what each leaves."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import json
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.notebook.proof.doubled import ENDED, asked_doubled
from slipway.notebook.proof.guards import Late, ask_nobody, close_network, explain, limit, own_clock, own_output, seed_all
from slipway.notebook.proof.invented import asked_invented
from slipway.notebook.proof.pictures import capture
from slipway.notebook.proof.pieces import asked_in_pieces
from slipway.notebook.proof.remembered import Memory, held_below, held_in
from slipway.notebook.proof.rows import Asked, Asks, Question
from slipway.notebook.proof.started.sitecustomize import hold, noted
from slipway.notebook.proof.values import Describer, type_of, without_places

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
    hold(set(), str(out / "started"))
    prepare(request)
    asked = Asked()
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
        asked.cell = cell["id"]
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
        if request["traced"]:
            one["states"] = {name: state_of(space.__dict__.get(name), describer) for name in request["traced"]}
        record["cells"].append({**one, "id": cell["id"], "figures": list(figures)})
    started, _ = noted()
    record["modules"] = sorted((tops() | started) - before)
    if record["failed"] is None:
        said.write("asking\n")
        said.flush()
        for known in further(request, space.__dict__, asked, describer):
            record |= known
            if "invented" in known:
                keep(record, out, describer)
            said.write("asking\n")
            said.flush()
    keep(record, out, describer)
    return 0


def keep(record: dict[str, Any], out: Path, describer: Describer) -> None:
    """Writes down what is known by now."""
    describer.file.flush()
    (out / "record.json").write_text(json.dumps(record), encoding="utf-8")


@dataclass
class Way:
    """The way from rows to answers: the notebook's own steps and model, as they are at the end."""

    rows: Any
    request: dict[str, Any]
    space: dict[str, Any]

    def __call__(self, rows: Any) -> Any:
        """What they answer."""
        for step in self.request["chain"]:
            one = self.space[step["name"]]
            rows = one.transform(rows) if step["kind"] == "transform" else one(rows)
        return getattr(self.space[self.request["model"]], self.request["method"])(rows)


def further(request: dict[str, Any], space: dict[str, Any], asked: Asked, describer: Describer) -> Iterator[dict[str, Any]]:
    """What the model is asked when all cells have run, one thing after the other."""
    memory = Memory("")
    memory.look(held(request, space, memory))
    found, way = probe(request, space, asked, describer)
    yield found
    # a second run, which looks at states, is compared with nobody's answers
    if way is None or request["traced"]:
        return
    asked_so = asked_in_pieces(way.rows, way, request, describer)
    yield asked_so
    # a library may end the process when it is asked for what no notebook asks
    yield {"invented": {"cases": [], "left": "the process of the notebook ended when it was asked for them"}}
    yield {"invented": asked_invented(way.rows, way, request, describer), "undoubled": ENDED}
    yield asked_doubled(asked_so.get("pieces", []), way.rows, way, request, describer)
    yield {"keeps": memory.others(held(request, space, memory))}


def held(request: dict[str, Any], space: dict[str, Any], memory: Memory) -> dict[str, Any]:
    """What the code may keep from one call to the next."""
    return {**held_in(space, "__main__"), **held_below(Path(request["folder"]), memory.modules)}


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


def state_of(value: Any, describer: Describer) -> str:
    """A digest of a model or a step; of a function, which is described by its name, that of its code."""
    code = getattr(value, "__code__", None)
    looked = without_places(describer.describe(value)) if code is None else repr((code.co_code, code.co_consts, code.co_names))
    text = json.dumps(looked)
    return hashlib.sha256(text.encode()).hexdigest()


def visible(name: str) -> bool:
    """Names that are not private."""
    return not name.startswith("_")


def run_cell(cell: dict[str, Any], request: dict[str, Any], space: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Runs one cell; what it printed, what it showed, and why it ended early."""
    tree = Asks().visit(Alike(request["inputs"], request["seed"]).visit(ast.parse(cell["source"])))
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


def probe(request: dict[str, Any], space: dict[str, Any], asked: Asked, describer: Describer) -> tuple[dict[str, Any], Way | None]:
    """What the notebook's model answered, the rows, whether their variable, or the model, is another by now; and how to ask for others."""
    model = space.get(request["model"])
    known, given, question = asked.question(model, request)
    if not known:
        return {}, None
    rows = asked.kept.get("rows", given)
    asked.hand_on(rows, Path(request["out"]) / "rows.pickle")
    record: dict[str, Any] = {}
    if "rows" in asked.kept:
        record["rows"] = describer.describe(rows)
        if request["rows"] in space:
            record["changed"] = without_places(describer.describe(space[request["rows"]])) != without_places(record["rows"])
    try:
        seed_all(request["seed"], request["modules"])
        record["probe"] = describer.describe(getattr(model, request["method"])(given))
    except Exception as error:  # noqa: BLE001 what was fitted may have no answers
        record["probe"] = {"k": "skip", "why": explain(error)}
    if question is not None:
        record |= answered(question, model, request, describer)
    steps = request["chain"]
    if record["probe"]["k"] == "skip" or (steps and "rows" not in asked.kept):
        return record, None
    return record, Way(rows, request, space)


def answered(question: Question, model: Any, request: dict[str, Any], describer: Describer) -> dict[str, Any]:
    """What the notebook was answered, and what the model as it is at the end answers to the same call. Answers by chance say nothing."""
    by = "notebook" if question.plain(request["method"]) else "proof"
    record: dict[str, Any] = {"asked": {"cell": question.cell, "by": by}}
    first = describer.describe(question.answer)
    try:
        again, twice = describer.describe(question.again(model)), describer.describe(question.again(model))
    except Exception as error:  # noqa: BLE001 a model that was altered may not answer what it answered before
        again = twice = {"k": "fault", "why": explain(error)}
    if without_places(again) != without_places(twice):
        return {"asked": {"cell": question.cell, "by": "proof"}}
    if by == "notebook":
        record["probe"] = first
    return {**record, "first": first, "again": again}
