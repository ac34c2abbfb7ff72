"""The wrapper of a step: its log, its limits, its exit file; without the server."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from typing import Any

from slipway.step import call, supervisor
from slipway.step.log import RedactedLog

PYTHON = pathlib.Path(__file__).resolve().parents[2]


class StepCase(unittest.TestCase):
    """A folder for one attempt."""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.folder.name)
        (self.dir / "work").mkdir()
        (self.dir / "out").mkdir()

    def tearDown(self) -> None:
        self.folder.cleanup()

    def start(self, code: str, **changes: object) -> subprocess.Popen[bytes]:
        (self.dir / "work" / "job.py").write_text(textwrap.dedent(code))
        spec = {
            "attempt": f"test-{os.getpid()}-{self.id()}",
            "fence": "fence",
            "dir": str(self.dir),
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
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PYTHON),
            "PYTHONDONTWRITEBYTECODE": "1",
            "KEY": "the-secret",
            "SLIPWAY_ATTEMPT": str(spec["attempt"]),
        }
        command = [sys.executable, "-m", "slipway.step", str(self.dir / "spec.json")]
        return subprocess.Popen(command, env=env, start_new_session=True)

    def run_step(self, code: str, **changes: object) -> dict[str, Any]:
        self.assertEqual(self.start(code, **changes).wait(30), 0)
        return json.loads((self.dir / "exit.json").read_text())

    def test_a_good_step(self) -> None:
        exit_file = self.run_step(
            """
            def main(out, n):
                out.write_text("x" * n)
                print("the-secret is", n)
                return {"n": n, "half": 0.5}
            """,
            outputs={"out": str(self.dir / "out" / "out")},
            params={"n": 3},
        )
        self.assertEqual(exit_file["class"], "ok", exit_file["message"])
        self.assertEqual(exit_file["metrics"], {"n": "3.0", "half": "0.5"})
        self.assertEqual((self.dir / "log").read_text(), "[secret] is 3\n")
        self.assertEqual((self.dir / "out" / "out").read_text(), "xxx")
        self.assertEqual(json.loads((self.dir / "heartbeat.json").read_text())["fence"], "fence")

    def test_a_package_of_the_user_may_have_our_name(self) -> None:
        package = self.dir / "work" / "slipway"
        package.mkdir()
        (package / "__init__.py").write_text("WHOSE = 'theirs'\n")
        exit_file = self.run_step("import slipway\ndef main(): print(slipway.WHOSE)\n")
        self.assertEqual(exit_file["class"], "ok", exit_file["message"])
        self.assertEqual((self.dir / "log").read_text(), "theirs\n")

    def test_a_request_to_stop_ends_the_group_and_says_so(self) -> None:
        process = self.start("import time\ndef main():\n    print('begun', flush=True)\n    time.sleep(60)\n")
        until = time.monotonic() + 20
        while not (self.dir / "log").exists() or "begun" not in (self.dir / "log").read_text():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20), 0)
        self.assertEqual(json.loads((self.dir / "exit.json").read_text())["class"], "cancelled")

    def test_results_are_refused_with_what_was_expected(self) -> None:
        cases = {
            "def main(): return 'text'": "returned str; expected a dict",
            "def main(): return {1: 2}": "a metric is a text with a number",
            "def main(a): pass": 'needs "a"',
            "main = 5": 'has no function "main"',
        }
        for code, message in cases.items():
            with self.subTest(code):
                exit_file = self.run_step(code)
                self.assertEqual(exit_file["class"], "user")
                self.assertIn(message, exit_file["message"])


class LogCase(unittest.TestCase):
    """Redaction, whatever pieces the output comes in."""

    def write(self, pieces: list[bytes], limit: int | None = None, secrets: list[str] | None = None) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log")
            log = RedactedLog(path, secrets or ["secret-one", "secret", "abcd"], limit)
            for piece in pieces:
                log.write(piece)
            log.close()
            self.assertEqual(log.size, os.path.getsize(path))
            return pathlib.Path(path).read_bytes()

    def test_every_split_hides_the_secret(self) -> None:
        text = b"x secret-one y secret z abcd secre"
        for at in range(len(text)):
            written = self.write([text[:at], text[at:]])
            self.assertEqual(written, b"x [secret] y [secret] z [secret] secre")

    def test_a_secret_that_ends_in_the_beginning_of_another(self) -> None:
        self.assertEqual(self.write([b"1 xyab", b" 2"], secrets=["xyab", "abzz"]), b"1 [secret] 2")

    def test_single_bytes(self) -> None:
        self.assertEqual(self.write([bytes([b]) for b in b"a secret b"]), b"a [secret] b")

    def test_the_limit_leaves_a_mark(self) -> None:
        written = self.write([b"x" * 60, b"y" * 60, b"z" * 60], limit=100)
        self.assertTrue(written.startswith(b"x" * 60 + b"y" * 40))
        self.assertIn(b"the log is cut here after 100 bytes", written)
        self.assertNotIn(b"z" * 60, written)


class ClassifyCase(unittest.TestCase):
    """Exit codes have their classes."""

    def test_codes(self) -> None:
        classes = {1: "user", 75: "infrastructure", 124: "timeout", 126: "environment", 127: "environment"}
        classes |= {130: "preempted", 137: "out_of_memory", 143: "preempted"}
        for code, kind in classes.items():
            self.assertEqual(supervisor.classify_code(code)["class"], kind, code)

    def test_signals(self) -> None:
        classes = {signal.SIGKILL: "out_of_memory", signal.SIGTERM: "preempted", signal.SIGSEGV: "user"}
        for number, kind in classes.items():
            self.assertEqual(supervisor.classify_signal(number)["class"], kind)

    def test_metrics_keep_what_json_cannot_say(self) -> None:
        self.assertEqual(call.metrics_of({"a": float("nan"), "b": True}), {"a": "nan", "b": "1.0"})


if __name__ == "__main__":
    unittest.main()
