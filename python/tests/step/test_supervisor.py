"""The wrapper of a step: its files, its limits, its signals; without the server."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import pathlib
import signal
import stat
import sys
import unittest
from collections.abc import Callable
from typing import Any
from unittest import mock

from slipway.step import supervisor
from tests.step.attempt import AttemptCase

KEYS = {
    "attempt", "fence", "class", "message", "traceback", "code", "signal", "metrics", "cpu_seconds", "max_rss_bytes", "memory_kib_s",
    "started_at", "finished_at", "log_bytes", "log_truncated", "reads",
}  # fmt: skip

BEAT = {"fence", "at", "quiet_s", "cpu_seconds", "max_rss_bytes", "memory_kib_s", "started_at", "log_bytes"}


class StepCase(AttemptCase):
    """What an attempt leaves."""

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
        self.wait_until(lambda: "begun" in self.log())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(120), 0)
        self.assertEqual(json.loads((self.dir / "exit.json").read_text())["class"], "cancelled")

    def test_a_request_to_stop_waits_for_the_supervisor_that_is_still_being_loaded(self) -> None:
        process = self.start("import time\ndef main():\n    time.sleep(60)\n")
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not children.read_text():
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(120), 0)
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


class ExitFileCase(AttemptCase):
    """The exit file says why an attempt ended, and is the last word."""

    def test_it_has_its_keys_and_nothing_is_left_half_written(self) -> None:
        found = self.run_step("def main(): pass")
        self.assertEqual(set(found), KEYS)
        self.assertEqual((found["fence"], found["code"], found["signal"], found["traceback"]), ("fence", 0, None, None))
        self.assertLess(found["started_at"], found["finished_at"])
        self.assertGreater(found["max_rss_bytes"], 1 << 20)
        self.assertEqual([name for name in os.listdir(self.dir) if name.endswith(".tmp")], [])

    def test_it_is_written_and_read_where_the_step_took_the_rights_away(self) -> None:
        place = str(self.dir)
        self.run_step(
            f"""
            import os, time
            def main():
                for name in ("said", "out", "log", "heartbeat.json", ""):
                    if os.path.exists(os.path.join({place!r}, name)):
                        os.chmod(os.path.join({place!r}, name), 0)
                time.sleep(3)
            """
        )
        for path in (self.dir, *self.dir.iterdir()):
            self.assertEqual(path.stat().st_mode & 0o700, 0o700 if path.is_dir() else 0o600, path)

    def test_what_is_taken_away_while_rights_are_given_back_ends_nothing(self) -> None:
        place = self.dir / "said"
        for name in ("one", "other"):
            (place / name).touch(0o400)

        def chmod(path: str, mode: int, given_back: Callable[[str, int], None] = os.chmod) -> None:
            given_back(path, mode)
            # of the two that were listed together one is gone when its turn comes
            if path != str(place):
                for other in place.iterdir():
                    if str(other) != path:
                        other.unlink()

        with mock.patch("os.chmod", chmod):
            supervisor.give_back_rights(str(place))
        self.assertEqual([stat.S_IMODE(left.stat().st_mode) for left in place.iterdir()], [0o600])

    def test_errors_of_the_code(self) -> None:
        cases: dict[str, tuple[str, str]] = {
            "def main(): raise ValueError('wrong the-secret')": ("user", "ValueError: wrong [secret]"),
            "import sys\ndef main(): sys.exit(3)": ("user", "the code called exit(3)"),
            "import os\ndef main(): os._exit(0)": ("user", "did it call os._exit?"),
            "def main(): raise MemoryError": ("out_of_memory", "MemoryError"),
            "import no_such_package": ("environment", "add it to the packages of the project file"),
            "import job.inner": ("user", "No module named"),
            "import os, signal\ndef main(): os.kill(os.getpid(), signal.SIGSEGV)": ("user", "crashed in native code with SIGSEGV"),
            "import os, signal\ndef main(): os.kill(os.getpid(), signal.SIGKILL)": ("out_of_memory", "killed by signal 9"),
        }
        for code, (kind, message) in cases.items():
            with self.subTest(code):
                found = self.run_step(code)
                self.assertEqual(found["class"], kind)
                self.assertIn(message, found["message"])

    def test_a_traceback_shows_the_code_and_hides_us_and_secrets(self) -> None:
        found = self.run_step("def main():\n    inner()\ndef inner():\n    raise ValueError('the-secret')\n")
        self.assertIn("in inner", found["traceback"])
        self.assertNotIn("slipway/step", found["traceback"])
        self.assertNotIn("the-secret", found["traceback"] + self.log())
        self.assertIn("ValueError: [secret]", self.log())

    def test_commands(self) -> None:
        cases: list[tuple[list[str], str, int | None]] = [
            (["sh", "-c", "exit 0"], "ok", 0),
            (["sh", "-c", "exit 75"], "infrastructure", 75),
            (["no-such-command"], "environment", 127),
        ]
        for entry, kind, code in cases:
            with self.subTest(entry):
                found = self.run_step("", entry=entry)
                self.assertEqual((found["class"], found["code"]), (kind, code))

    def test_what_no_program_can_be_given_is_the_fault_of_the_user(self) -> None:
        command = ["sh", "-c", "exit 0", *["x" * 120_000] * 100]
        cases: list[tuple[dict[str, str], dict[str, object], str]] = [
            ({}, {"entry": command}, r'"sh" cannot be run: 12000\d{3} bytes of arguments and \d+ bytes of environment variables'),
            ({f"V{i}": "x" * 120_000 for i in range(100)}, {}, r"0 bytes of arguments and 12\d{6} bytes of environment variables"),
            ({"BIG": "x" * 140_000}, {"entry": ["sh", "-c", "exit 0"]}, r"the largest is BIG, 140005 bytes"),
        ]
        for variables, changes, message in cases:
            with self.subTest(message):
                self.variables = variables
                found = self.run_step("def main(): pass", **changes)
                self.assertEqual(found["class"], "user", found)
                self.assertRegex(found["message"], message)
                self.assertRegex(found["message"], "hand over what is large in a file$")

    def test_folders_of_modules_that_a_variable_names(self) -> None:
        (self.dir / "work" / "extras").mkdir()
        (self.dir / "work" / "extras" / "found.py").write_text("")
        (self.dir / "work" / "inner.py").write_text("import found\n")
        self.variables = {"PYTHONPATH": "extras"}
        code = """
            import found, os, subprocess, sys
            def main():
                os.chdir("/")
                subprocess.run([sys.executable, "-c", "import found, job"], check=True)
            """
        for entry in ("job:main", [sys.executable, "inner.py"]):
            with self.subTest(entry):
                self.assertEqual(self.run_step(code, entry=entry)["class"], "ok", self.log())

    def test_outputs_of_a_command_must_be_there(self) -> None:
        there, gone = str(self.dir / "out" / "there"), str(self.dir / "out" / "gone")
        found = self.run_step("", entry=["touch", there], outputs={"there": there, "gone": gone})
        self.assertEqual(found["class"], "user")
        self.assertIn('declared output "gone" was not made', found["message"])

    def test_an_output_made_in_the_working_folder_is_moved_to_its_place(self) -> None:
        place = self.dir / "out" / "model"
        found = self.run_step("def main():\n    open('model', 'w').write('m')\n", outputs={"model": str(place)})
        self.assertEqual((found["class"], place.read_text()), ("ok", "m"))
        self.assertFalse((self.dir / "work" / "model").exists())


class LimitsCase(AttemptCase):
    """Time, memory, output and processes of an attempt have ends."""

    def test_a_step_over_its_time_is_ended_and_one_that_ignores_that_is_killed(self) -> None:
        stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ndef main(): time.sleep(60)\n"
        # on a busy machine Python takes a second until it is stubborn
        found = self.run_step(stubborn, timeout_s=4)
        self.assertEqual((found["class"], found["signal"]), ("timeout", signal.SIGKILL))
        self.assertIn("longer than its timeout of 4 s", found["message"])

    def test_a_step_over_its_memory_is_killed(self) -> None:
        hog = "import time\ndef main():\n    kept = bytearray(b'x' * (200 << 20))\n    time.sleep(60)\n"
        found = self.run_step(hog, memory_bytes=100 << 20)
        self.assertEqual(found["class"], "out_of_memory")
        self.assertIn("limit of 100 MiB", found["message"])

    def test_memory_of_children_counts(self) -> None:
        hog = "import subprocess, sys\ndef main():\n    code = 'import time; kept = b\"x\" * (200 << 20); time.sleep(60)'\n"
        hog += "    subprocess.run([sys.executable, '-c', code])\n"
        self.assertEqual(self.run_step(hog, memory_bytes=100 << 20)["class"], "out_of_memory")

    def test_output_over_the_limit_is_dropped_and_the_step_goes_on(self) -> None:
        found = self.run_step("def main():\n    for _ in range(100): print('x' * 99)\n    return {'done': 1}\n", log_bytes=1000)
        self.assertEqual((found["class"], found["metrics"], found["log_truncated"]), ("ok", {"done": "1.0"}, True))
        self.assertIn("the log is cut here after 1000 bytes", self.log())
        self.assertEqual(found["log_bytes"], len(self.log()))

    def test_processes_left_behind_are_killed_and_named(self) -> None:
        code = (
            "import subprocess\ndef main():\n    child = subprocess.Popen(['sleep', '60'], start_new_session=True)\n    print(child.pid)\n"
        )
        found = self.run_step(code)
        self.assertEqual(found["class"], "ok")
        pid, note = self.log().splitlines()
        self.assertEqual(note, "[slipway] 1 process(es) that the step left behind were killed")
        self.assertFalse(self.alive(int(pid)))

    def alive(self, pid: int) -> bool:
        """Whether a process runs; one that waits for its parent does not, and that may ask for it at any moment."""
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def test_heartbeats_tell_what_is_used(self) -> None:
        code = "import time\ndef main():\n    print('begun', flush=True)\n    x = sum(range(10 ** 6))\n    time.sleep(60)\n"
        process = self.start(code)
        beat = self.dir / "heartbeat.json"
        self.wait_until(lambda: beat.exists() and self.beat()["log_bytes"] >= len("begun\n"))
        found = self.beat()
        self.assertEqual(set(found), BEAT)
        self.assertEqual((found["fence"], found["log_bytes"]), ("fence", len("begun\n")))
        self.assertGreater(found["max_rss_bytes"], 1 << 20)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(120), 0)

    def beat(self) -> dict[str, Any]:
        """The last heartbeat."""
        found: dict[str, Any] = json.loads((self.dir / "heartbeat.json").read_text())
        return found

    def test_every_signal_that_ends_the_wrapper_cancels_the_attempt(self) -> None:
        for number in (signal.SIGINT, signal.SIGHUP):
            with self.subTest(number):
                process = self.start("import time\ndef main():\n    print('begun', flush=True)\n    time.sleep(60)\n")
                self.wait_until(lambda: "begun" in self.log())
                process.send_signal(number)
                self.assertEqual(process.wait(120), 0)
                self.assertEqual(json.loads((self.dir / "exit.json").read_text())["class"], "cancelled")

    def test_the_code_has_no_input_and_its_own_group(self) -> None:
        code = """
        import os, sys
        def main():
            print(repr(sys.stdin.read()), os.getpgid(0) == os.getpid(), os.nice(0) >= 5)
            print(sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:3])
        """
        self.run_step(code)
        self.assertEqual(self.log().splitlines(), ["'' True True", "[0, 1, 2]"])


class BeatCase(unittest.TestCase):
    """A beat that cannot be written."""

    def test_on_a_full_disk_it_is_left_out_and_where_the_folder_is_gone_it_ends_the_supervisor(self) -> None:
        beats = object.__new__(supervisor.Supervisor)
        beats.spec, beats.heard, beats.began = {"fence": "f", "dir": "."}, 0.0, 0.0
        beats.meter, beats.log = mock.Mock(peak=0, kib_s=0), mock.Mock(size=0)
        for number, ends in ((errno.ENOSPC, False), (errno.EDQUOT, False), (errno.EACCES, False), (errno.ENOENT, True)):
            with self.subTest(errno.errorcode[number]), mock.patch.object(supervisor, "give_back_rights"):
                fault = mock.patch.object(supervisor, "write_json", side_effect=OSError(number, os.strerror(number)))
                with fault, self.assertRaises(OSError) if ends else contextlib.nullcontext():
                    beats.beat(1.0)


class DrainCase(unittest.TestCase):
    """What a step has printed is in its log."""

    def test_what_the_pipe_holds_is_read_however_late_the_supervisor_has_its_turn(self) -> None:
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(reader, False)
        os.write(writer, b"the last line\n")
        os.close(writer)
        late = object.__new__(supervisor.Supervisor)
        late.pipe, late.log = reader, mock.Mock()
        with mock.patch("time.monotonic", side_effect=itertools.count(0, 10)):
            late.drain()
        late.log.write.assert_called_once_with(b"the last line\n")


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


if __name__ == "__main__":
    unittest.main()
