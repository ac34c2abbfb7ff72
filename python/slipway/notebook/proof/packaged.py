"""Runs the package and writes down the variables of each of its steps, the messages, the figures and the predictions."""

from __future__ import annotations

import importlib
import io
import json
import logging
import os
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


def run_packaged(request: dict[str, Any]) -> int:
    """Runs ``run`` of the package; the record lies in ``out``."""
    said = own_output()
    out = Path(request["out"])
    sys.path.insert(0, request["src"])
    prepare(request)
    describer = Describer(out / "values.bin", request["package"])
    watch = Watch(request, describer, said)
    failed = None
    probe: Any = None
    standard = sys.stdout
    sys.stdout = watch.printed
    try:
        if request["draws"]:
            figures = importlib.import_module(f"{request['package']}.figures")
            figures.keep_figures = lambda name: watch.figures.extend(capture())  # type: ignore[attr-defined]
        train = importlib.import_module(f"{request['package']}.train")
        config = importlib.import_module(f"{request['package']}.config")
        logger = logging.getLogger(request["package"])
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(Messages(watch))
        settings = config.Config(**request["settings"])
        sys.setprofile(watch.look)
        state = train.run(settings)
        sys.setprofile(None)
        if request["rows"] and request["rows"] in state:
            probe = answers(train, state, request, describer)
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
    (out / "record.json").write_text(json.dumps({"cells": cells, "failed": failed, "probe": probe}), encoding="utf-8")
    return 0


def answers(train: Any, state: dict[str, Any], request: dict[str, Any], describer: Describer) -> dict[str, Any]:
    """What the predictor of the package answers to the rows that the notebook asked with."""
    try:
        predictor = train.predictor_of(state)
        predict = importlib.import_module(f"{request['package']}.predict").predict
        return describer.describe(predict(predictor, state[request["rows"]]))
    except Exception as error:  # noqa: BLE001 a predictor that fails is told as not verified
        return {"k": "fault", "why": explain(error)}
