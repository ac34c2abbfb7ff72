"""Runs the package by `main`, and writes down the variables of each step, messages, figures, predictions and what became of the model."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import logging
import os
import pickle
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from slipway.notebook.proof.guards import Late, explain, limit, own_output
from slipway.notebook.proof.original import prepare, visible
from slipway.notebook.proof.pictures import capture
from slipway.notebook.proof.values import Describer

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


class Messages(logging.Handler):
    """Messages of the package's loggers, as lines of text."""

    def __init__(self, watch: Watch) -> None:
        """They go where printed text goes."""
        super().__init__()
        self.watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        """One message."""
        self.watch.printed.write(record.getMessage() + "\n")


#: Saving may take this long, seconds: it imports MLflow, and asks the model once more.
SAVING = 900


class Step:
    """The step of the pipeline, `main` of the package: what it ran and what it handed to `save` is kept."""

    def __init__(self, train: Any, watch: Watch) -> None:
        """`run` and `save` of the module are looked at from here on."""
        self.train = train
        self.watch = watch
        self.state: dict[str, Any] = {}
        self.predictor: Any = None
        self.metrics: Any = None
        self.saved = {"state": "failed", "why": "main of the package saves no model"}
        self.run, self.save = train.run, train.save
        train.run, train.save = self.running, self.saving

    def running(self, settings: Any) -> Any:
        """`run`, with a look at each of its steps."""
        sys.setprofile(self.watch.look)
        try:
            self.state = self.run(settings)
        finally:
            sys.setprofile(None)
        return self.state

    def saving(self, predictor: Any, rows: Any, folder: Path) -> None:
        """`save`, where MLflow is there."""
        self.predictor = predictor
        if importlib.util.find_spec("mlflow") is None:
            self.saved = {"state": "skipped", "why": "mlflow-skinny of the lock is not in this environment, so that nothing was saved"}
            return
        self.watch.said.write("saving\n")
        self.watch.said.flush()
        try:
            limit(SAVING)
            with contextlib.redirect_stdout(sys.stderr):
                self.save(predictor, rows, folder)
            self.saved = {"state": "saved", "why": ""}
        except Late:
            self.saved = {"state": "failed", "why": f"save took longer than {SAVING} s"}
        except Exception as error:  # noqa: BLE001 whatever keeps the model from being saved is told
            self.saved = {"state": "failed", "why": f"save of the package: {explain(error)}"}
        finally:
            limit(0)

    def hand_on(self, rows: str, path: Path) -> None:
        """Writes the rows that the notebook asked with, for the process that loads the model."""
        if self.saved["state"] != "saved" or rows not in self.state:
            return
        try:
            path.write_bytes(pickle.dumps(self.state[rows]))
        except Exception as error:  # noqa: BLE001 rows may be of any class
            self.saved = {"state": "skipped", "why": f"the rows cannot be handed to another process: {explain(error)}"}


def run_packaged(request: dict[str, Any]) -> int:
    """Runs ``main`` of the package; the record lies in ``out``, the model in ``model``."""
    said = own_output()
    out = Path(request["out"])
    sys.path.insert(0, request["src"])
    prepare(request)
    describer = Describer(out / "values.bin", request["package"])
    watch = Watch(request, describer, said)
    failed = None
    probe: Any = None
    metrics: Any = None
    saved = {"state": "failed", "why": "the package does not run"}
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
        step = Step(train, watch)
        given = train.main(Path(request["model"]), **request["settings"])
        metrics = {str(name): describer.describe(value) for name, value in given.items()}
        if request["rows"] and request["rows"] in step.state:
            probe = answers(step, request, describer)
            step.hand_on(request["rows"], Path(request["asked"]))
        saved = step.saved
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
    record = {"cells": cells, "failed": failed, "probe": probe, "metrics": metrics, "saved": saved}
    (out / "record.json").write_text(json.dumps(record), encoding="utf-8")
    return 0


def answers(step: Step, request: dict[str, Any], describer: Describer) -> dict[str, Any]:
    """What the predictor that `main` saves answers to the rows that the notebook asked with."""
    try:
        predict = importlib.import_module(f"{request['package']}.predict").predict
        return describer.describe(predict(step.predictor, step.state[request["rows"]]))
    except Exception as error:  # noqa: BLE001 a predictor that fails is told as not verified
        return {"k": "fault", "why": explain(error)}
