"""One attempt of a step in a folder of its own, run by the wrapper without a server: what the tests of steps begin with."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

PYTHON = pathlib.Path(__file__).resolve().parents[2]


class AttemptCase(unittest.TestCase):
    """A folder for one attempt."""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.folder.name)
        (self.dir / "work").mkdir()
        (self.dir / "out").mkdir()
        (self.dir / "said").mkdir()

    def tearDown(self) -> None:
        self.folder.cleanup()

    #: Variables that the project file gives the step.
    variables: Mapping[str, str] = MappingProxyType({})

    def start(self, code: str, **changes: object) -> subprocess.Popen[bytes]:
        """Starts the wrapper over `main` of this code, in an empty folder."""
        for name in ("log", "said/result.json", "exit.json", "heartbeat.json"):
            (self.dir / name).unlink(missing_ok=True)
        (self.dir / "work" / "job.py").write_text(textwrap.dedent(code))
        spec = {
            "attempt": f"test-{os.getpid()}-{self.id()}",
            "fence": "fence",
            "dir": str(self.dir),
            "python": sys.executable,
            "policy": None,
            "cwd": str(self.dir / "work"),
            "entry": "job:main",
            "inputs": {},
            "outputs": {},
            "params": {},
            "secret_env": ["KEY"],
            "timeout_s": None,
            "grace_s": 0.3,
            "memory_bytes": None,
            "log_bytes": 100_000,
            "pythonpath": [str(self.dir / "work")],
            **changes,
        }
        (self.dir / "spec.json").write_text(json.dumps(spec))
        mark = {"SLIPWAY_ATTEMPT": str(spec["attempt"])}
        env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "KEY": "the-secret", **self.variables, **mark}
        command = [sys.executable, "-I", "-S", str(PYTHON / "slipway" / "step"), str(self.dir / "spec.json")]
        process = subprocess.Popen(command, env=mark, stdin=subprocess.PIPE, start_new_session=True)
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(json.dumps(env).encode())
        return process

    def run_step(self, code: str, **changes: object) -> dict[str, Any]:
        """Runs the wrapper to its end; the exit file."""
        self.assertEqual(self.start(code, **changes).wait(120), 0)
        found: dict[str, Any] = json.loads((self.dir / "exit.json").read_text())
        return found

    def wait_until(self, holds: Callable[[], bool], seconds: float = 120) -> None:
        """Looks again and again until something holds; fails after so many seconds."""
        until = time.monotonic() + seconds
        while not holds():
            self.assertLess(time.monotonic(), until, "it did not come to hold")
            time.sleep(0.02)

    def log(self) -> str:
        """The log as far as it is written; empty before there is one."""
        path = self.dir / "log"
        return path.read_text() if path.exists() else ""
