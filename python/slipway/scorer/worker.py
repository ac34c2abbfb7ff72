"""Serves one model version to the gateway: reads frames from a socket, scores rows, answers frames.

The process ends when the socket does, so it never outlives its gateway.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from slipway.lower.mlmodel import read_yaml
from slipway.scorer.frames import (
    DRAIN,
    ERROR,
    HELLO,
    LOAD,
    PREDICT,
    RESULT,
    ROWS,
    STATS,
    Channel,
    Closed,
)
from slipway.scorer.inputs import InputRefused, Inputs, encode_example
from slipway.scorer.model import Model
from slipway.scorer.process import die_with_parent, end_forks, limit_memory, usage
from slipway.scorer.results import encode_result

WARM_CALLS = 3
#: Rows of the input example that a warm-up scores.
MAX_EXAMPLE = 100


class Scorer:
    """Answers the frames of one gateway until it is told to end or the gateway goes."""

    def __init__(self, channel: Channel, folder: Path) -> None:
        self._channel = channel
        self._folder = folder
        self._model: Model | None = None
        self._inputs: Inputs | None = None
        self._calls = 0
        self._rows = 0
        self._printed_at = 0.0

    def serve(self) -> None:
        """Reads and answers frames; returns after DRAIN."""
        self._channel.send_json(0, HELLO, {"pid": os.getpid(), "python": sys.version.split()[0]})
        while True:
            number, op, _, payload = self._channel.receive()
            if op == DRAIN:
                self._channel.send_json(number, RESULT, {"ok": True})
                return
            try:
                self._answer(number, op, payload)
            except Closed:
                raise
            except Exception as error:  # noqa: BLE001 the model's is the caller's to know, and never ends the process
                refusal = refusal_of(error)
                if refusal is not None:
                    self._channel.send_json(number, ERROR, {"message": refusal[:2000], "refused": True})
                    continue
                self._print_traceback()
                self._channel.send_json(number, ERROR, {"message": f"{type(error).__name__}: {error}"[:2000]})

    def _print_traceback(self) -> None:
        """Prints a traceback, at most one a second: a model that fails all the time must not fill the disk."""
        now = time.monotonic()
        if now - self._printed_at >= 1:
            self._printed_at = now
            traceback.print_exc()

    def _answer(self, number: int, op: int, payload: bytes) -> None:
        if op == LOAD:
            self._channel.send_json(number, RESULT, self._load(json.loads(payload)))
        elif op == PREDICT:
            self._channel.send(number, RESULT, ROWS, self._predict(payload))
        elif op == STATS:
            self._channel.send_json(number, RESULT, {"calls": self._calls, "rows": self._rows, **usage()})
        else:
            raise ValueError(f"op {op} is not known")

    def _load(self, wanted: dict[str, Any]) -> dict[str, Any]:
        started = time.monotonic()
        self._inputs = Inputs(wanted["inputs"], wanted.get("tensor"), wanted.get("dims"), wanted.get("list", False))
        self._model = Model(self._folder)
        warm = self._warm_up()
        return {"flavor": self._model.flavor, "seconds": time.monotonic() - started, "warm": warm, **usage()}

    def _loaded(self) -> tuple[Model, Inputs]:
        """The model and its inputs. Raises ValueError before LOAD."""
        if self._model is None or self._inputs is None:
            raise ValueError("no model is loaded")
        return self._model, self._inputs

    def _warm_up(self) -> str | None:
        """Scores the model's input example, else one row without values, until lazy imports and thread pools are paid for.

        What it raised, or None: a model may refuse such a row, and that is no fault.
        """
        try:
            payload = self._example()
        except Exception:  # noqa: BLE001 an example that cannot be read is no reason not to serve
            payload = None
        try:
            for _ in range(WARM_CALLS):
                self._predict(payload or self._zeros())
        except Exception as error:  # noqa: BLE001 whatever the model raises is told
            return f"{type(error).__name__}: {error}"[:500]
        finally:
            self._calls = self._rows = 0
        return None

    def _zeros(self) -> bytes:
        """A row of zeros and empty texts."""
        return encode_example(self._loaded()[1].columns, [{}])

    def _example(self) -> bytes | None:
        """The rows of the folder's input example, where it is a table with the model's columns."""
        info = read_yaml(self._folder / "MLmodel").get("saved_input_example_info") or {}
        if info.get("type") != "dataframe":
            return None
        table = json.loads((self._folder / info["artifact_path"]).read_text("utf-8"))
        rows = [dict(zip(table["columns"], row)) for row in table["data"][:MAX_EXAMPLE]]
        return encode_example(self._loaded()[1].columns, rows) if rows else None

    def _predict(self, payload: bytes) -> bytes:
        model, inputs = self._loaded()
        data, params = inputs.build(payload)
        process = os.getpid()
        try:
            answer = model.call(data, params)
        finally:
            if os.getpid() != process:  # a fork that came back from the model must not answer a second time
                os._exit(0)
        result = encode_result(answer, len(data))
        self._calls += 1
        self._rows += len(data)
        return result


def refusal_of(error: Exception) -> str | None:
    """What is wrong with a caller's rows or params, where MLflow or this process found it before the model saw them; else None."""
    if isinstance(error, InputRefused):
        return str(error)
    text = str(error)
    if type(error).__name__ != "MlflowException" or not text.startswith(("Failed to enforce schema", "Invalid parameters found")):
        return None
    return text.split("Error: ", 1)[-1]


def connect(arguments: argparse.Namespace) -> socket.socket:
    """The socket to the gateway: inherited by number, or connected by path."""
    if arguments.fd is not None:
        stream = socket.socket(fileno=arguments.fd)
    else:
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.connect(arguments.socket)
    stream.setblocking(True)
    return stream


def main(argv: list[str] | None = None) -> int:
    """`python -m slipway.scorer (--fd N | --socket PATH) --model DIR [--cap-mb N]`"""
    parser = argparse.ArgumentParser(prog="slipway.scorer", description="Serve one model version to a gateway.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--fd", type=int, help="number of an inherited, connected socket")
    where.add_argument("--socket", help="path of a unix socket to connect to")
    parser.add_argument("--model", type=Path, required=True, help="MLflow model folder")
    parser.add_argument("--cap-mb", type=int, help="megabytes beyond which allocations fail")
    arguments = parser.parse_args(argv)
    limit_memory(arguments.cap_mb)
    die_with_parent()
    with contextlib.suppress(Closed, ConnectionError):
        Scorer(Channel(connect(arguments)), arguments.model).serve()
    end_forks()
    return 0
