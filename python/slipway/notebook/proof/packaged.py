"""Runs the package by `main`, and writes down the variables of each step, messages, figures, predictions and what became of the model."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.util
import io
import json
import logging
import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from slipway.notebook.proof.guards import Late, explain, limit, own_output, seed_all
from slipway.notebook.proof.handing import packed
from slipway.notebook.proof.invented import answer_cases
from slipway.notebook.proof.original import prepare, tops, visible
from slipway.notebook.proof.pictures import capture
from slipway.notebook.proof.pieces import answer_one, answer_pieces, count_of
from slipway.notebook.proof.remembered import Memory, held_below
from slipway.notebook.proof.rows import copied
from slipway.notebook.proof.started.sitecustomize import HIDDEN, hold, noted
from slipway.notebook.proof.values import Describer, without_places

Steps = dict[str, int]


class Watch:
    """Looks at each step as it begins and returns."""

    def __init__(self, request: dict[str, Any], describer: Describer, said: Any) -> None:
        """`request["steps"]`: name of a function to its cell."""
        self.steps: Steps = request["steps"]
        self.home = os.path.join(request["src"], request["package"]) + os.sep
        self.limit = request["limit"]
        self.describer = describer
        self.said = said
        self.printed = io.StringIO()
        self.figures: list[str] = []
        self.records: dict[int, dict[str, Any]] = {}
        self.current = 0

    def look(self, frame: FrameType, event: str, argument: object) -> None:
        """Called by Python as functions begin and end."""
        if event not in ("call", "return"):
            return
        code = frame.f_code
        if code.co_name not in self.steps or not code.co_filename.startswith(self.home):
            return
        cell = self.steps[code.co_name]
        if event == "call":
            self.current = cell
            self.said.write(f"{cell}\n")
            self.said.flush()
            limit(self.limit)
            return
        limit(0)
        sys.setprofile(None)
        one = self.records.setdefault(cell, {"printed": "", "figures": [], "values": {}})
        one["values"] |= {name: self.describer.describe(value) for name, value in frame.f_locals.items() if visible(name)}
        one["printed"] += self.printed.getvalue()[:200_000]
        one["figures"] += self.figures
        self.printed.seek(0)
        self.printed.truncate()
        self.figures = []
        sys.setprofile(self.look)

    def goes_on(self) -> None:
        """Tells whoever waits for this process that it asks for the next."""
        self.said.write("asking\n")
        self.said.flush()


class Messages(logging.Handler):
    """Messages of the package's loggers, as lines of text."""

    def __init__(self, watch: Watch) -> None:
        """They go where printed text goes."""
        super().__init__()
        self.watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        """One message."""
        self.watch.printed.write(record.getMessage() + "\n")


@contextlib.contextmanager
def shown(names: set[str]) -> Iterator[None]:
    """Hidden modules are found meanwhile, here and by what is started; what was imported of them is gone again behind it."""
    kept = set(names)
    names.clear()
    hidden = os.environ.pop(HIDDEN, "")
    try:
        yield
    finally:
        names |= kept
        os.environ[HIDDEN] = hidden
        for one in [name for name in sys.modules if name.split(".")[0] in kept]:
            del sys.modules[one]


#: Saving may take this long, seconds: it imports MLflow, and asks the model once more.
SAVING = 900


class Step:
    """The step of the pipeline, `main` of the package: what it ran and what it handed to `save` is kept."""

    def __init__(self, train: Any, watch: Watch, hidden: set[str]) -> None:
        """`run` and `save` of the module are looked at from here on."""
        self.train = train
        self.watch = watch
        self.hidden = hidden
        self.state: dict[str, Any] = {}
        self.settings: dict[str, str] = {}
        #: What they are where nobody sets them.
        self.defaults: dict[str, str] = {}
        self.predictor: Any = None
        self.rows: Any = None
        self.metrics: Any = None
        #: The model and the steps before it, as they are saved.
        self.held: dict[str, Any] = {}
        #: Top-level modules that are imported when the steps have run: what saving imports comes later.
        self.modules: set[str] = set()
        #: Pythons that the steps have started, and that find what they like.
        self.loose: list[str] = []
        #: The predictor as it was handed to `save`, by way of pickle, as the saved model comes.
        self.travelled: Any = None
        self.saved = {"state": "failed", "why": "main of the package saves no model"}
        self.run, self.save = train.run, train.save
        train.run, train.save = self.running, self.saving

    def running(self, settings: Any) -> Any:
        """`run`, with a look at each of its steps."""
        self.settings = {one.name: repr(getattr(settings, one.name)) for one in dataclasses.fields(settings)}
        self.defaults = {one.name: repr(one.default) for one in dataclasses.fields(settings) if one.default is not dataclasses.MISSING}
        sys.setprofile(self.watch.look)
        try:
            self.state = self.run(settings)
        finally:
            sys.setprofile(None)
            found, self.loose = noted()
        self.modules = tops() | found
        return self.state

    def saving(self, predictor: Any, rows: Any, folder: Path) -> None:
        """`save`, where MLflow is there."""
        self.predictor = predictor
        self.rows = None if rows is None else self.watch.describer.describe(rows)
        fields = getattr(predictor, "__dict__", {})
        self.held = {name: self.watch.describer.describe(one) for name, one in fields.items()}
        if importlib.util.find_spec("mlflow") is None:
            self.saved = {"state": "skipped", "why": "mlflow-skinny of the lock is not in this environment, so that nothing was saved"}
            return
        self.watch.said.write("saving\n")
        self.watch.said.flush()
        try:
            limit(SAVING)
            # MLflow has what it needs in an environment of its own
            with shown(self.hidden), contextlib.redirect_stdout(sys.stderr):
                self.travelled = travelled(predictor)
                self.save(predictor, rows, folder)
            self.saved = {"state": "saved", "why": ""}
        except Late:
            self.saved = {"state": "failed", "why": f"save took longer than {SAVING} s"}
        except Exception as error:  # noqa: BLE001 whatever keeps the model from being saved is told
            self.saved = {"state": "failed", "why": f"save of the package: {explain(error)}"}
        finally:
            limit(0)

    def hand_on(self, rows: Any, path: Path) -> None:
        """Writes the rows that the notebook asked with, for the process that loads the model."""
        if self.saved["state"] != "saved":
            return
        try:
            path.write_bytes(packed(rows))
        except Exception as error:  # noqa: BLE001 rows may be of any class
            self.saved = {"state": "skipped", "why": f"the rows cannot be handed to another process: {explain(error)}"}


def run_packaged(request: dict[str, Any]) -> int:
    """Runs ``main`` of the package; the record lies in ``out``, the model in ``model``."""
    said = own_output()
    out = Path(request["out"])
    # as the pipeline has them: what lies beside src comes before it
    sys.path[:0] = [str(Path(request["src"]).parent), request["src"]]
    hidden = set(request["hidden"])
    hold(hidden, str(out / "started"))
    prepare(request)
    describer = Describer(out / "values.bin", request["package"])
    watch = Watch(request, describer, said)
    failed = None
    asking: dict[str, Any] = {}
    rows: Any = None
    metrics: Any = None
    held: dict[str, Any] = {}
    to_save: dict[str, Any] = {}
    saved = {"state": "failed", "why": "the package does not run"}
    settings: dict[str, str] = {}
    defaults: dict[str, str] = {}
    modules: list[str] = []
    loose: list[str] = []
    before = tops()
    standard = sys.stdout
    sys.stdout = watch.printed
    try:
        if request["draws"]:
            figures = importlib.import_module(f"{request['package']}.figures")
            figures.keep_figures = lambda name: watch.figures.extend(capture())  # type: ignore[attr-defined]
        train = importlib.import_module(f"{request['package']}.train")
        logger = logging.getLogger(request["package"])
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(Messages(watch))
        step = Step(train, watch, hidden)
        params = {name: json.loads(text) for name, text in request["params"].items()}
        given = train.main(Path(request["model"]), **{**params, **request["settings"]})
        metrics = {str(name): describer.describe(value) for name, value in given.items()}
        rows, held = step.rows, step.held
        known, asked = rows_of(step, request)
        if known:
            step.hand_on(asked, Path(request["asked"]))
            asking = answers(step, asked, request, describer)
        to_save = handed(step, asked if known else None, request, describer)
        saved, settings, defaults = step.saved, step.settings, step.defaults
        modules, loose = sorted(step.modules - before), step.loose
    except Late:
        failed = {"cell": watch.current, "why": f"it took longer than {request['limit']:g} s"}
    except BaseException as error:  # noqa: BLE001 whatever ends the package is told
        failed = {"cell": watch.current, "why": explain(error)}
    finally:
        sys.setprofile(None)
        limit(0)
        sys.stdout = standard
    leftover = capture()
    if leftover:
        # those that the original leaves open are seen at its end, whether or not its last cell became a step
        watch.records.setdefault(request["last"], {"printed": "", "figures": [], "values": {}})["figures"] += leftover
    cells = [{"id": cell, **one} for cell, one in watch.records.items()]
    describer.file.close()
    record = {"cells": cells, "failed": failed, "probe": None, "rows": rows, "metrics": metrics, "saved": saved}
    more = {"held": held, "settings": settings, "defaults": defaults, "modules": modules, "loose": loose}
    (out / "record.json").write_text(json.dumps({**record, **more, **to_save, **asking}), encoding="utf-8")
    return 0


def travelled(predictor: Any) -> Any:
    """A copy by way of pickle, as MLflow writes it; None of what cannot be pickled."""
    try:
        import cloudpickle

        return pickle.loads(cloudpickle.dumps(predictor))
    except Exception:  # noqa: BLE001 what cannot be pickled is saved in some other way, and known by its answers
        return None


def handed(step: Step, rows: Any, request: dict[str, Any], describer: Describer) -> dict[str, Any]:
    """What was handed to `save`, as it is when it has answered: models keep things as they do. Else why nobody can look at it."""
    if step.saved["state"] != "saved":
        return {}
    if step.travelled is None:
        return {"ungiven": "what save of predict.py gets cannot be pickled"}
    predict = importlib.import_module(f"{request['package']}.predict").predict
    looks = []
    for _ in range(2):
        if rows is not None:
            with contextlib.suppress(Exception):
                predict(step.travelled, rows)
        fields = getattr(step.travelled, "__dict__", {})
        looks.append({name: describer.describe(one, codes=True) for name, one in fields.items()})
    first, second = looks
    if without_places(first) != without_places(second):
        return {"ungiven": "what the model holds is something else whenever it has answered"}
    return {"given": first}


def rows_of(step: Step, request: dict[str, Any]) -> tuple[bool, Any]:
    """The rows that the original asked with, as its run has handed them on; else those of the package."""
    handed = Path(request["handed"])
    if handed.exists():
        return True, pickle.loads(handed.read_bytes())
    return request["rows"] in step.state, step.state.get(request["rows"])


def answers(step: Step, rows: Any, request: dict[str, Any], describer: Describer) -> dict[str, Any]:
    """What the predictor that `main` saves answers: to the notebook's rows, to pieces of them, to made-up rows, and to pieces again."""
    try:
        predict = importlib.import_module(f"{request['package']}.predict").predict
        memory = Memory(request["package"])
        memory.look(kept_by(step, request, memory))
        seed_all(request["seed"], request["modules"])
        # steps may change the rows that they are given
        whole = describer.describe(predict(step.predictor, copied(rows)))
    except Exception as error:  # noqa: BLE001 a predictor that fails is told as not verified
        return {"probe": {"k": "fault", "why": explain(error)}, "pieces": []}

    def ask(some: Any) -> Any:
        return predict(step.predictor, some)

    pieces = request["pieces"]
    found: dict[str, Any] = {"probe": whole, "pieces": answer_pieces(pieces, rows, ask, request, describer)}
    step.watch.goes_on()
    answered = answer_cases(request["cases"], rows, ask, request, describer, request["limit"])
    found["invented"] = {"cases": [{**case, **one} for case, one in zip(request["cases"], answered)], "left": ""}
    step.watch.goes_on()
    found["repeated"] = answer_pieces(pieces[::-1], rows, ask, request, describer)
    if pieces:
        found["again"] = answer_one(rows, list(range(count_of(rows))), ask, request, describer)["answer"]
    return {**found, "keeps": memory.others(kept_by(step, request, memory))}


def kept_by(step: Step, request: dict[str, Any], memory: Memory) -> dict[str, Any]:
    """What the package may keep from one call to the next."""
    fields = getattr(step.predictor, "__dict__", {})
    return {**held_below(Path(request["src"]).parent, memory.modules), **{f"predictor.{name}": one for name, one in fields.items()}}
