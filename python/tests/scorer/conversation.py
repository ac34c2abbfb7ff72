"""A scorer at the other end of a socket pair, with a model of plain Python: what the tests of the worker begin with."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import pickle
import socket
import struct
import sys
import tempfile
import textwrap
import threading
import unittest
from pathlib import Path
from typing import Any

from slipway.scorer import frames, inputs, worker

HAS_PANDAS = importlib.util.find_spec("pandas") is not None
NUMBER = {"name": "x", "kind": "number", "dtype": "double"}

MODEL = """
import os

class Doubler:
    def predict(self, frame):
        if (frame["x"] < 0).any():
            raise ValueError("negative")
        if (frame["x"] == 13).any():
            return [1.0]
        if (frame["x"] == 7).any():
            raise KeyError("é" * 5000)
        return frame["x"] * 2
"""
MLMODEL = (
    "flavors:\n  python_function:\n    code: code\n    predict_fn: predict\n"
    "  sklearn:\n    code: code\n    pickled_model: model.pkl\n    serialization_format: pickle\n"
)


def payload(count: int, texts: list[Any], numbers: list[float], **extra: Any) -> bytes:
    """One PREDICT payload, written from the description of the wire."""
    text = json.dumps({"texts": texts, **extra}).encode("utf-8")
    return struct.pack("<II", count, len(text)) + text + struct.pack(f"<{len(numbers)}d", *numbers)


def save_model(folder: Path, code: str = MODEL, name: str = "slipway_test_model") -> Path:
    """A model folder whose pickle holds a Doubler of this code."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / f"{name}.py").write_text(textwrap.dedent(code))
    (folder / "MLmodel").write_text(MLMODEL)
    sys.path.insert(0, str(folder / "code"))
    try:
        module = importlib.import_module(name)
        (folder / "model.pkl").write_bytes(pickle.dumps(module.Doubler()))
    finally:
        sys.path.remove(str(folder / "code"))
    return folder


@unittest.skipUnless(HAS_PANDAS, "pandas is not installed")
class ConversationCase(unittest.TestCase):
    """A scorer that has said HELLO."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = save_model(Path(holder.name) / "model")
        ours, theirs = socket.socketpair()
        ours.settimeout(20)
        self.channel = frames.Channel(ours)
        self.printed = io.StringIO()
        self.thread = threading.Thread(target=self.serve, args=(theirs,), daemon=True)
        self.thread.start()
        self.addCleanup(self.thread.join, 5)
        self.addCleanup(theirs.close)
        self.addCleanup(ours.close)
        self.socket = ours
        number, op, _, hello = self.channel.receive()
        self.assertEqual((number, op), (0, frames.HELLO))
        self.hello = json.loads(hello)

    def serve(self, stream: socket.socket) -> None:
        """The scorer; what it prints is kept."""
        with contextlib.redirect_stderr(self.printed), contextlib.suppress(frames.Closed, OSError):
            worker.Scorer(frames.Channel(stream), self.folder).serve()

    def ask(self, op: int, data: bytes, codec: int = frames.JSON) -> tuple[int, bytes]:
        """One question; op and payload of its answer."""
        self.channel.send(7, op, codec, data)
        number, answered, _, got = self.channel.receive()
        self.assertEqual(number, 7)
        return answered, got

    def load(self, **more: Any) -> dict[str, Any]:
        """Loads the model for one number."""
        op, answer = self.ask(frames.LOAD, json.dumps({"inputs": [NUMBER], **more}).encode())
        self.assertEqual(op, frames.RESULT, answer)
        found: dict[str, Any] = json.loads(answer)
        return found

    def predict(self, data: bytes) -> tuple[int, Any]:
        """RESULT with its numbers, or ERROR with its JSON."""
        op, answer = self.ask(frames.PREDICT, data, frames.ROWS)
        if op == frames.ERROR:
            return op, json.loads(answer)
        count, width = inputs.COUNTS.unpack_from(answer)
        self.assertEqual(width, 0xFFFFFFFE)
        (size,) = struct.unpack_from("<I", answer, 8)
        return op, list(struct.unpack_from(f"<{count}d", answer, 12 + size + 8))
