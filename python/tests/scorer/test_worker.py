"""The scorer as its gateway meets it: every frame gets an answer, hostile ones too, and the process ends when it should."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from slipway.scorer import frames, worker
from tests.scorer.conversation import HAS_PANDAS, NUMBER, ConversationCase, payload, save_model

PYTHON = Path(__file__).resolve().parents[2]


class AnswersCase(ConversationCase):
    """Loading, predicting, counting, ending."""

    def test_hello_names_process_and_python(self) -> None:
        self.assertEqual(self.hello, {"pid": os.getpid(), "python": sys.version.split()[0]})

    def test_load_warms_up_and_counts_nothing(self) -> None:
        loaded = self.load()
        self.assertEqual((loaded["flavor"], loaded["warm"]), ("sklearn", None))
        self.assertGreater(loaded["peak_mb"], 1)
        stats = json.loads(self.ask(frames.STATS, b"")[1])
        self.assertEqual((stats["calls"], stats["rows"]), (0, 0))

    def test_the_input_example_warms_up_and_a_fault_in_it_is_told(self) -> None:
        meta = (self.folder / "MLmodel").read_text()
        meta += "saved_input_example_info:\n  artifact_path: example.json\n  type: dataframe\n"
        (self.folder / "MLmodel").write_text(meta)
        (self.folder / "example.json").write_text(json.dumps({"columns": ["x"], "data": [[-1.0]]}))
        self.assertEqual(self.load()["warm"], "ValueError: negative")
        (self.folder / "example.json").write_text("no JSON")
        self.assertIsNone(self.load()["warm"])

    def test_rows_and_errors_of_the_model(self) -> None:
        self.load()
        self.assertEqual(self.predict(payload(2, [], [1.5, 4.0])), (frames.RESULT, [3.0, 8.0]))
        self.assertEqual(self.predict(payload(1, [], [-1.0])), (frames.ERROR, {"message": "ValueError: negative"}))
        op, error = self.predict(payload(2, [], [13.0, 1.0]))
        self.assertEqual((op, error["message"]), (frames.ERROR, "ValueError: the model answered 1 rows for 2"))
        op, error = self.predict(payload(1, [], [7.0]))
        self.assertEqual(len(error["message"]), 2000)
        stats = json.loads(self.ask(frames.STATS, b"")[1])
        # rows that the model refused were not scored
        self.assertEqual((stats["calls"], stats["rows"]), (1, 2))

    def test_drain_ends_the_talk(self) -> None:
        self.assertEqual(self.ask(frames.DRAIN, b"")[0], frames.RESULT)
        self.thread.join(5)
        self.assertFalse(self.thread.is_alive())

    def test_tracebacks_are_printed_at_most_once_a_second(self) -> None:
        self.load()
        with mock.patch.object(worker, "time") as clock:
            for now, printed in ((1e6, 1), (1e6 + 0.9, 1), (1e6 + 1, 2), (1e6 + 1.9, 2)):
                clock.monotonic.return_value = now
                for _ in range(5):
                    self.predict(payload(1, [], [-1.0]))
                self.assertEqual(self.printed.getvalue().count("Traceback"), printed, now)


class HostileCase(ConversationCase):
    """A payload that lies gets an ERROR frame, and the next one its answer."""

    def test_payloads_that_do_not_hold_what_they_say(self) -> None:
        self.load()
        hostile = {
            "empty": b"",
            "half a head": b"\x01\x00",
            "a JSON text that is longer than the payload": struct.pack("<II", 1, 1000) + b"{}",
            "a JSON text that is none": struct.pack("<II", 1, 3) + b"{x}" + struct.pack("<d", 1.0),
            "a JSON text that is a list": struct.pack("<II", 1, 2) + b"[]" + struct.pack("<d", 1.0),
            "numbers of half a width": payload(1, [], [1.0]) + b"\x00\x00",
            "fewer numbers than rows": payload(3, [], [1.0]),
            "no numbers": payload(1, [], []),
            "a count of four billion": struct.pack("<II", 0xFFFFFFFF, 0) + struct.pack("<d", 1.0),
        }
        for name, data in hostile.items():
            with self.subTest(name):
                op, answer = self.predict(data)
                self.assertEqual((op, set(answer)), (frames.ERROR, {"message"}), answer)
                self.assertEqual(self.predict(payload(1, [], [2.0])), (frames.RESULT, [4.0]))

    def test_orders_out_of_turn(self) -> None:
        self.assertEqual(self.predict(payload(1, [], [2.0])), (frames.ERROR, {"message": "ValueError: no model is loaded"}))
        for op in (0, 99, 255):
            self.assertEqual(json.loads(self.ask(op, b"")[1]), {"message": f"ValueError: op {op} is not known"})
        for data in (b"", b"[]", b'{"inputs": 5}', b"{}"):
            self.assertEqual(self.ask(frames.LOAD, data)[0], frames.ERROR)
        self.load()

    def test_a_value_that_does_not_fit_is_the_callers_fault(self) -> None:
        self.load(inputs=[{"name": "x", "kind": "string", "dtype": "binary"}])
        op, answer = self.predict(payload(1, [["%"]], []))
        self.assertEqual((op, answer["refused"]), (frames.ERROR, True))
        self.assertIn("x: got '%', expected base64", answer["message"])
        # the traceback of a refusal is not worth a line
        self.assertNotIn("expected base64", self.printed.getvalue())


class RefusalCase(unittest.TestCase):
    """What MLflow's own exceptions say of a caller's rows."""

    def test_schema_and_params_are_the_callers_others_are_not(self) -> None:
        class MlflowException(Exception):
            """Named as MLflow's."""

        schema = MlflowException("Failed to enforce schema of data. Error: missing column 'x'")
        self.assertEqual(worker.refusal_of(schema), "missing column 'x'")
        params = MlflowException("Invalid parameters found: t")
        self.assertEqual(worker.refusal_of(params), "Invalid parameters found: t")
        self.assertIsNone(worker.refusal_of(MlflowException("the model is broken")))
        self.assertIsNone(worker.refusal_of(ValueError("Failed to enforce schema")))


SLOW = """
import os, time

class Doubler:
    def predict(self, frame):
        if (frame["x"] == 5).any():
            bytearray(3 << 30)
        if (frame["x"] == 6).any():
            if os.fork() == 0:
                return frame["x"]  # a fork that comes back as if it were the scorer
            os.wait()
        return frame["x"] * 2
"""


@unittest.skipUnless(HAS_PANDAS, "pandas is not installed")
class ProcessCase(unittest.TestCase):
    """`python -m slipway.scorer` as a process."""

    holder: tempfile.TemporaryDirectory[str]
    model: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.holder = tempfile.TemporaryDirectory()
        cls.model = save_model(Path(cls.holder.name) / "model", SLOW, "slipway_slow_model")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.holder.cleanup()

    def start(self, *options: str, fd: int | None = None) -> subprocess.Popen[bytes]:
        """The process, with stderr thrown away."""
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PYTHON), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "slipway.scorer", *options, "--model", str(self.model)]
        passed = () if fd is None else (fd,)
        process = subprocess.Popen(command, env=env, pass_fds=passed, stderr=subprocess.DEVNULL, start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def talk(self, channel: frames.Channel, numbers: list[float]) -> tuple[int, bytes]:
        """One PREDICT."""
        channel.send(1, frames.PREDICT, frames.ROWS, payload(len(numbers), [], numbers))
        _, op, _, answer = channel.receive()
        return op, answer

    def load(self, stream: socket.socket) -> frames.Channel:
        """HELLO and LOAD."""
        stream.settimeout(60)
        channel = frames.Channel(stream)
        self.assertEqual(channel.receive()[1], frames.HELLO)
        channel.send_json(0, frames.LOAD, {"inputs": [NUMBER]})
        self.assertEqual(channel.receive()[1], frames.RESULT)
        return channel

    def test_memory_forks_and_the_end_of_the_socket(self) -> None:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = self.start("--fd", str(theirs.fileno()), "--cap-mb", "2000", fd=theirs.fileno())
            channel = self.load(ours)
            op, answer = self.talk(channel, [5.0])
            self.assertEqual((op, json.loads(answer)["message"].split(":")[0]), (frames.ERROR, "MemoryError"))
            # a fork of the model that returns does not answer a second time
            self.assertEqual(self.talk(channel, [6.0])[0], frames.RESULT)
            op, answer = self.talk(channel, [1.0])
            self.assertEqual((op, struct.unpack("<d", answer[-8:])), (frames.RESULT, (2.0,)))
        self.assertEqual(process.wait(120), 0)

    def test_a_socket_by_its_path(self) -> None:
        path = str(Path(self.holder.name) / "s")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            server.settimeout(60)
            process = self.start("--socket", path)
            stream, _ = server.accept()
            with stream:
                channel = self.load(stream)
                channel.send(9, frames.DRAIN, frames.JSON, b"")
                self.assertEqual(channel.receive()[:2], (9, frames.RESULT))
                self.assertEqual(process.wait(120), 0)

    def test_a_parent_that_dies_takes_the_scorer_along(self) -> None:
        code = "import os, subprocess, sys, time\nchild = subprocess.Popen(sys.argv[1:], pass_fds=(int(sys.argv[5]),))\n"
        code += "print(child.pid, flush=True)\ntime.sleep(60)\n"
        ours, theirs = socket.socketpair()
        with ours, theirs:
            fd = theirs.fileno()
            command = [sys.executable, "-m", "slipway.scorer", "--fd", str(fd), "--model", str(self.model)]
            env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PYTHON), "PYTHONDONTWRITEBYTECODE": "1"}
            parent = subprocess.Popen([sys.executable, "-c", code, *command], env=env, pass_fds=(fd,), stdout=subprocess.PIPE)
            self.addCleanup(parent.wait)
            assert parent.stdout is not None
            with parent.stdout:
                pid = int(parent.stdout.readline())
            channel = self.load(ours)
            theirs.close()
            parent.send_signal(signal.SIGKILL)
            with self.assertRaisesRegex(frames.Closed, "end of stream", msg=f"the scorer {pid} outlives its parent"):
                channel.receive()


if __name__ == "__main__":
    unittest.main()
