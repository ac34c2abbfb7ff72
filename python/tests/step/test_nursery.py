"""The nursery: attempts that are forked are as those of an interpreter of their own, and nothing of one is seen by another."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable

PYTHON = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = str(PYTHON / "slipway/step/__main__.py")
ROOM = 64
CODE = """
import os, pathlib, time
def main(gate):
    print("begins", os.environ["KEY"][:3], flush=True)
    while not pathlib.Path(gate).exists(): time.sleep(0.02)
    return {"descriptors": len(os.listdir("/proc/self/fd"))}
"""


@unittest.skipUnless(sys.platform == "linux", "only Linux tells of processes in /proc")
class Nursery(unittest.TestCase):
    """A nursery, with a folder for attempts that run until a gate is opened."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.gate = self.folder / "gate"
        self.started: list[int] = []
        self.process = self.open()

    def open(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-S", PROGRAM, f"{self.folder}/", "--nursery"]
        variables = {"PATH": os.environ["PATH"], "SLIPWAY_ATTEMPT": "-" * ROOM}
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, env=variables, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True, bufsize=0)
        self.addCleanup(self.end, process)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        self.gate.touch()
        for pid in self.started:
            self.wait_until(lambda pid=pid: is_gone(pid))  # type: ignore[misc]
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()

    def prepare(self, name: str, key: str) -> tuple[pathlib.Path, dict[str, str]]:
        """The folder of an attempt and its variables."""
        place = self.folder / name
        for part in ("work", "out", "said"):
            (place / part).mkdir(parents=True)
        (place / "work/job.py").write_text(CODE)
        limits = {"timeout_s": None, "grace_s": 0.3, "memory_bytes": None, "log_bytes": 100_000}
        paths = {"dir": str(place), "python": sys.executable, "cwd": str(place / "work"), "pythonpath": [str(place / "work")]}
        what = {"attempt": name, "fence": "f", "entry": "job:main", "inputs": {}, "outputs": {}, "params": {"gate": str(self.gate)}}
        (place / "spec.json").write_text(json.dumps({**what, **paths, **limits, "policy": None, "secret_env": []}))
        return place, {"PATH": os.environ["PATH"], "KEY": key, "SLIPWAY_ATTEMPT": name}

    def request(self, name: str, variables: dict[str, str]) -> None:
        body = json.dumps(variables).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(f"{name} {len(body)}".ljust(128).encode() + body)

    def answer(self) -> list[str]:
        line = b""
        assert self.process.stdout is not None
        while not line.endswith(b"\n") and (sign := self.process.stdout.read(1)):
            line += sign
        return line.decode().split()

    def start(self, name: str, key: str = "none") -> tuple[pathlib.Path, int]:
        """Starts an attempt; returns its folder and its pid, once its step runs."""
        place, variables = self.prepare(name, key)
        self.request(name, variables)
        answer = self.answer()
        self.assertEqual(answer[:2], ["started", name])
        self.started.append(int(answer[2]))
        self.wait_until(lambda: (place / "log").exists() and "begins" in (place / "log").read_text())
        return place, int(answer[2])

    def wait_until(self, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + 60
        while not holds():
            self.assertLess(time.monotonic(), until, "it did not come to hold")
            time.sleep(0.02)

    def outcome(self, place: pathlib.Path) -> dict[str, object]:
        self.wait_until((place / "exit.json").exists)
        found: dict[str, object] = json.loads((place / "exit.json").read_text())
        self.assertEqual(found["class"], "ok", found["message"])
        return found

    def test_an_attempt_has_its_own_session_mark_and_files_and_is_told_of_and_waited_for(self) -> None:
        place, pid = self.start("att_one")
        self.assertEqual((os.getsid(pid), os.getpgid(pid)), (pid, pid))
        marks = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        self.assertIn(b"SLIPWAY_ATTEMPT=att_one\0", marks)
        self.assertNotIn(b"att_one", pathlib.Path(f"/proc/{self.process.pid}/environ").read_bytes())
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), str(place))
        self.assertEqual(signals(pid), signals(self.alone()), "signals that are blocked, ignored and caught")
        self.gate.touch()
        self.assertEqual(self.answer(), ["ended", "att_one"])
        self.assertFalse(pathlib.Path(f"/proc/{pid}").exists())
        self.assertEqual(self.outcome(place)["metrics"], self.outcome(self.folder / "att_alone")["metrics"], "open descriptors of the step")

    def alone(self) -> int:
        """The pid of the same attempt, under another name, by an interpreter of its own."""
        _, variables = self.prepare("att_alone", "none")
        command = [sys.executable, "-I", "-S", PROGRAM, str(self.folder / "att_alone/spec.json")]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env={"SLIPWAY_ATTEMPT": "att_alone"}, start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(self.gate.touch)
        assert process.stdin is not None
        process.stdin.write(json.dumps(variables).encode())
        process.stdin.close()
        self.wait_until(lambda: (self.folder / "att_alone/log").exists() and "begins" in (self.folder / "att_alone/log").read_text())
        return process.pid

    def test_no_descriptor_is_left_to_an_attempt_nor_kept_of_one(self) -> None:
        _, pid = self.start("att_first")
        before = descriptors(self.process.pid)
        _, second = self.start("att_second")
        alone = self.alone()
        for one in (pid, second):
            # beside the standard ones those of a supervisor: its log, the output of the step, and what wakes it
            self.wait_until(lambda pid=one: len(descriptors(pid)) == len(descriptors(alone)))  # type: ignore[misc]
            self.assertEqual({target for target in descriptors(one).values() if target in before.values()} - {"/dev/null"}, set())
        self.assertEqual(descriptors(self.process.pid), before)

    def test_what_one_attempt_was_given_is_in_the_memory_of_neither_the_nursery_nor_the_next(self) -> None:
        key = "sk-" + os.urandom(16).hex()
        _, first = self.start("att_first", key)
        _, second = self.start("att_second")
        self.assertTrue(holds(first, key), "the search finds it where it is")
        self.assertFalse(holds(self.process.pid, key))
        self.assertFalse(holds(second, key))

    def test_it_ends_with_its_server_and_what_it_started_goes_on(self) -> None:
        place, pid = self.start("att_on")
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.assertEqual(self.process.wait(120), 0)
        self.assertTrue(pathlib.Path(f"/proc/{pid}").exists())
        self.gate.touch()
        self.outcome(place)

    def test_what_it_started_goes_on_when_it_is_killed(self) -> None:
        place, _ = self.start("att_on")
        self.process.kill()
        self.process.wait(120)
        self.gate.touch()
        self.outcome(place)

    def test_a_server_that_was_gone_before_its_request_was_read_has_started_nothing(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        place, variables = self.prepare("att_late", "none")
        self.request("att_late", variables)
        assert self.process.stdin is not None and self.process.stderr is not None
        self.process.stdin.close()
        self.process.send_signal(signal.SIGCONT)
        self.process.wait(120)
        self.assertEqual(self.answer(), [])
        self.assertEqual(self.process.stderr.read(), b"")
        self.assertEqual(sorted(os.listdir(place)), ["out", "said", "spec.json", "work"])

    def test_an_environment_that_is_cut_short_starts_nothing(self) -> None:
        place, _ = self.prepare("att_cut", "none")
        assert self.process.stdin is not None
        self.process.stdin.write(b"att_cut 1000".ljust(128) + b'{"KEY": ')
        self.process.stdin.close()
        self.assertEqual(self.process.wait(120), 0)
        self.assertEqual(self.answer(), [])
        self.assertFalse((place / "log").exists())

    def test_an_attempt_whose_folder_is_gone_ends_and_the_next_one_is_started(self) -> None:
        self.request("att_gone", {"KEY": "none"})
        self.assertEqual(self.answer()[:2], ["started", "att_gone"])
        self.assertEqual(self.answer(), ["ended", "att_gone"])
        self.start("att_next")


def is_gone(pid: int) -> bool:
    """Whether a process has ended, waited for or not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def signals(pid: int) -> list[str]:
    """What the system tells of how a process takes signals."""
    return [
        line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(("SigBlk", "SigIgn", "SigCgt"))
    ]


def descriptors(pid: int) -> dict[str, str]:
    """Open descriptors of a process with what they lead to."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        # one may be closed meanwhile
        with contextlib.suppress(FileNotFoundError):
            found[name] = os.readlink(f"/proc/{pid}/fd/{name}")
    return found


def holds(pid: int, text: str) -> bool:
    """Whether a text lies in memory that a process can write."""
    regions = [line.split() for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for place, rights, *_ in regions:
            start, _, end = place.partition("-")
            if rights.startswith("rw"):
                memory.seek(int(start, 16))
                # a process that goes on may have given it back meanwhile
                with contextlib.suppress(OSError):
                    if text.encode() in memory.read(int(end, 16) - int(start, 16)):
                        return True
    return False


if __name__ == "__main__":
    unittest.main()
