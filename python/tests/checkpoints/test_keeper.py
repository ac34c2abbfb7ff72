"""Checkpoints of a step: what is kept comes back as it was, also after kill -9, damage, a full disk and a request to stop."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from collections.abc import Callable
from unittest import mock

from slipway.checkpoints.cadence import daly, interval
from slipway.checkpoints.keeper import Keeper, Stopped
from slipway.checkpoints.place import Offered, Place
from slipway.checkpoints.states import CheckpointRefused
from tests.step.attempt import AttemptCase

TOLD: dict[str, object] = {"keep": 2, "largest_bytes": 10_000_000, "every_s": None, "between_s": 3600.0, "resume": []}

#: A loop whose result hangs on every number that was drawn.
LOOP = """
import random, time
from slipway import checkpoint, resume
def main(out, steps, hold):
    last = resume()
    if last is None:
        first, total = 0, [0.0, 0]
        random.seed(7)
    else:
        first, total = last.step + 1, last.state["total"]
        kind, words, gauss = last.state["random"]
        random.setstate((kind, tuple(words), gauss))
    for step in range(first, steps):
        total = [total[0] * 0.9 + random.gauss(0, 1), total[1] ^ random.getrandbits(64)]
        checkpoint({"total": total, "random": random.getstate()}, step=step)
        if step >= hold: time.sleep(600)
    out.write_text(repr(total))
"""


class Folder(unittest.TestCase):
    """A folder of an attempt."""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        quiet = contextlib.redirect_stderr(io.StringIO())
        quiet.__enter__()
        self.addCleanup(quiet.__exit__, None, None, None)
        self.dir = pathlib.Path(self.folder.name)
        (self.dir / "said").mkdir()
        (self.dir / "checkpoints").mkdir()

    def keeper(self, **changes: object) -> Keeper:
        given = {"dir": str(self.dir), "keep": 2, "largest": 1_000_000, "every": None, "between": 3600.0, "offered": [], **changes}
        return Keeper(Place(**given))  # type: ignore[arg-type]

    def names(self) -> list[str]:
        return sorted(name for name in os.listdir(self.dir / "checkpoints") if name != ".lock")


class StateCase(Folder):
    """States of each kind."""

    def test_values_and_bytes_come_back_as_they_were(self) -> None:
        for state in (None, {"a": [1, 2.5, "é", None, True], "big": 2**80, "tiny": 5e-324, "third": 1 / 3}, b"\0\xff" * 1000, b"", "text"):
            self.assertTrue(self.keeper().keep(state, 3))
            found = self.keeper().resume()
            assert found is not None
            self.assertEqual((found.state, type(found.state), found.step), (state, type(state), 3))

    def test_a_nan_and_infinities_come_back(self) -> None:
        self.keeper().keep([math.nan, math.inf, -math.inf, -0.0], None)
        found = self.keeper().resume()
        assert found is not None
        self.assertEqual(repr(found.state), "[nan, inf, -inf, -0.0]")

    def test_files_and_folders_come_back(self) -> None:
        made = self.dir / "made"
        (made / "deep" / "empty").mkdir(parents=True)
        (made / "deep" / "a.bin").write_bytes(os.urandom(3_000))
        (made / "b").write_text("b")
        self.keeper().keep(made, 1)
        self.keeper().keep(made / "b", 2)
        found = self.keeper().resume()
        assert found is not None
        self.assertEqual(found.state.read_text(), "b")
        shutil.rmtree(self.dir / "checkpoints" / self.names()[-1])
        found = self.keeper().resume()
        assert found is not None
        self.assertEqual((found.state / "deep" / "a.bin").read_bytes(), (made / "deep" / "a.bin").read_bytes())
        self.assertTrue((found.state / "deep" / "empty").is_dir())

    def test_what_cannot_be_kept_is_refused_by_name_and_leaves_nothing(self) -> None:
        os.symlink("/etc", self.dir / "link")
        cases = {
            "has the key 1": {"a": {1: 2}},
            r"state\['a'\]\[0\] is builtins.set": {"a": [set()]},
            "is not there": self.dir / "nowhere",
            "neither a file nor a folder": self.dir / "link",
            "more than 1000000 bytes.*checkpoints.largest": b"x" * 1_000_001,
        }
        for message, state in cases.items():
            with self.assertRaisesRegex(CheckpointRefused, message):
                self.keeper().keep(state, None)
        endless: list[object] = []
        endless.append(endless)
        for message, odd in (("nests too deep, or holds itself", endless), ("4300 digits.*as a text", {"a": 10**5000})):
            with self.assertRaisesRegex(CheckpointRefused, message):
                self.keeper().keep(odd, None)
        with self.assertRaisesRegex(CheckpointRefused, "due.nan.: expected seconds"):
            self.keeper().due(math.nan)
        with self.assertRaisesRegex(CheckpointRefused, "step is -1"):
            self.keeper().keep(1, -1)
        self.assertEqual(self.names(), [])

    def test_outside_of_a_step_nothing_is_kept_and_that_is_said(self) -> None:
        code = "from slipway import checkpoint, resume, stopping\nprint(resume(), checkpoint.due(), checkpoint(1), stopping())"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(found.stdout, "None False False False\n")
        self.assertIn("outside of a step", found.stderr)


class KeptCase(Folder):
    """Which ones stay, and which is read."""

    def test_the_last_two_stay_and_numbers_go_on_behind_those_of_earlier_attempts(self) -> None:
        keeper = self.keeper(offered=[Offered("/nowhere", 41)])
        for step in range(4):
            keeper.keep(step, step)
        self.assertEqual(self.names(), ["000000000044", "000000000045"])

    def test_a_damaged_one_falls_back_to_the_last_good_and_says_so(self) -> None:
        keeper = self.keeper()
        for step in range(2):
            keeper.keep({"step": step, "pad": "x" * 100}, step)
        for damage in ("state", "checkpoint.json"):
            path = self.dir / "checkpoints" / self.names()[-1] / damage
            whole = path.read_bytes()
            for at in range(0, len(whole), 23):
                path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
                found = self.keeper().resume()
                assert found is not None
                self.assertEqual((found.step, found.state["step"]), (0, 0), f"{damage} {at}")
            path.write_bytes(whole[:-1])
            fallen = self.keeper()
            found = fallen.resume()
            assert found is not None
            self.assertEqual((found.step, fallen.status["damaged"]), (0, 1))
            path.write_bytes(whole)

    def test_where_all_are_damaged_it_begins_anew(self) -> None:
        self.keeper().keep(1, 1)
        (self.dir / "checkpoints" / self.names()[0] / "state").write_text("2")
        self.assertIsNone(self.keeper().resume())

    def test_two_at_once_are_both_kept_whole(self) -> None:
        keepers = [self.keeper(keep=100) for _ in range(4)]
        threads = [threading.Thread(target=lambda k=k: [k.keep({"v": list(range(200))}, 1) for _ in range(10)]) for k in keepers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.names(), [f"{number:012d}" for number in range(1, 41)])
        self.assertEqual(self.keeper().resume(), self.keeper().resume())

    def test_a_disk_that_is_full_keeps_the_last_good_one_and_the_step_goes_on(self) -> None:
        keeper = self.keeper()
        self.assertTrue(keeper.keep(b"good", 1))
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
            self.assertFalse(keeper.keep(b"x" * 100_000, 2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ignored)
        self.assertEqual(len(self.names()), 1)
        self.assertEqual(json.loads((self.dir / "said" / "checkpoints.json").read_text())["failed"]["message"], "File too large")
        found = self.keeper().resume()
        assert found is not None
        self.assertEqual(found.state, b"good")
        self.assertTrue(keeper.keep(b"more", 3))
        self.assertIsNone(json.loads((self.dir / "said" / "checkpoints.json").read_text())["failed"])

    def test_a_signal_handler_that_keeps_one_while_one_is_written_does_not_wait_for_itself(self) -> None:
        keeper = self.keeper()
        told: list[bool] = []
        before = signal.signal(signal.SIGUSR1, lambda *_: told.append(keeper.keep("of the handler", 2)))
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        real = os.fsync

        def interrupted(descriptor: int) -> None:
            if not told:
                signal.raise_signal(signal.SIGUSR1)
            real(descriptor)

        with mock.patch("os.fsync", interrupted):
            self.assertTrue(keeper.keep("of the loop", 1))
        self.assertEqual(told, [False])
        found = self.keeper().resume()
        assert found is not None
        self.assertEqual(found.state, "of the loop")
        self.assertTrue(keeper.keep("the next", 3))

    def test_folders_that_the_code_has_cleared_away_end_nothing(self) -> None:
        shutil.rmtree(self.dir / "checkpoints")
        shutil.rmtree(self.dir / "said")
        keeper = self.keeper()
        self.assertIsNone(keeper.resume())
        self.assertTrue(keeper.keep("kept", 1))
        found = self.keeper().resume()
        assert found is not None
        self.assertEqual(found.state, "kept")

    def test_a_checkpoint_while_the_step_is_stopped_is_kept_and_ends_it(self) -> None:
        keeper = self.keeper()
        (self.dir / "stopping.json").write_text("{}")
        self.assertTrue(keeper.due(1e9))
        with self.assertRaises(Stopped):
            keeper.keep("last", 9)
        found = self.keeper().resume()
        assert found is not None
        self.assertEqual(found.state, "last")


class CadenceCase(Folder):
    """How often."""

    def test_the_formula_has_the_least_expected_time(self) -> None:
        # the exact model of Daly: exponential interruptions, and a restart that costs nothing; its minimum is searched here
        for cost, between in ((0.1, 600), (5, 3600), (30, 1800), (60, 600)):

            def loss(work: float, cost: float = cost, between: float = between) -> float:
                return between * (math.exp((work + cost) / between) - 1) / work

            best = min(loss(x * between / 2000) for x in range(1, 6000))
            self.assertLess(loss(daly(cost, between)) / best, 1.002, f"{cost} {between}")

    def test_it_stays_within_its_bounds(self) -> None:
        self.assertEqual([interval(1e-6, 60), interval(1000, 1e9), interval(None, 60)], [5.0, 3600.0, 1.0])
        self.assertEqual(daly(500, 100), 100)

    def test_due_follows_the_project_the_argument_or_the_cost(self) -> None:
        keeper = self.keeper(between=7200.0)
        with mock.patch("time.monotonic", return_value=keeper.began + 0.9):
            self.assertFalse(keeper.due(None))
        with mock.patch("time.monotonic", return_value=keeper.began + 1.1):
            self.assertTrue(keeper.due(None))
            self.assertFalse(keeper.due(2))
            self.assertTrue(self.keeper(every=0.0).due(None))
        keeper.cost = 1.0
        for after, expected in ((110, False), (130, True)):
            with mock.patch("time.monotonic", return_value=keeper.last + after):
                self.assertEqual(keeper.due(None), expected)


class KilledCase(AttemptCase):
    """A loop that is killed."""

    def setUp(self) -> None:
        super().setUp()
        (self.dir / "checkpoints").mkdir()

    def test_killed_at_random_it_ends_as_if_nothing_had_been(self) -> None:
        given = {"outputs": {"out": str(self.dir / "out" / "out")}, "checkpoints": TOLD}
        self.run_step(LOOP, params={"steps": 40, "hold": 40}, **given)
        whole = (self.dir / "out" / "out").read_text()
        (self.dir / "out" / "out").unlink()
        shutil.rmtree(self.dir / "checkpoints")
        (self.dir / "checkpoints").mkdir()
        dice = random.Random(5)
        for kill in range(4):
            reached = 8 * kill + 2
            # it is killed somewhere in these steps, and never at its end
            process = self.start(LOOP, params={"steps": 40, "hold": reached + 5}, **given)
            self.wait_until(self.has_made(reached))
            if dice.random() < 0.5:
                os.killpg(os.getpgid(self.child_of(process)), signal.SIGKILL)
                self.assertEqual(process.wait(120), 0)
            else:
                child = self.child_of(process)
                process.kill()
                process.wait()
                os.kill(child, signal.SIGKILL)
        self.assertEqual(self.run_step(LOOP, params={"steps": 40, "hold": 40}, **given)["class"], "ok")
        self.assertEqual((self.dir / "out" / "out").read_text(), whole)
        self.assertIn("goes on from checkpoint", self.log())

    def has_made(self, count: int) -> Callable[[], bool]:
        return lambda: len(self.made()) > 0 and int(self.made()[-1]) >= count

    def made(self) -> list[str]:
        return sorted(name for name in os.listdir(self.dir / "checkpoints") if name.isdigit())

    def child_of(self, process: subprocess.Popen[bytes]) -> int:
        return int(pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])

    def test_a_request_to_stop_leaves_time_for_a_checkpoint(self) -> None:
        code = """
            import time, multiprocessing
            from slipway import checkpoint, resume, stopping
            def work(): time.sleep(60)
            def main():
                resume()
                other = multiprocessing.get_context("fork").Process(target=work, daemon=True)
                other.start()
                print("begun", flush=True)
                while not stopping():
                    time.sleep(0.01)
                time.sleep(0.3)
                assert other.is_alive(), "the others were ended first"
                checkpoint("the end", step=5)
                print("never said")
            """
        process = self.start(code, checkpoints=TOLD, grace_s=20)
        self.wait_until(lambda: "begun" in self.log())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(120), 0)
        self.assertEqual(json.loads((self.dir / "exit.json").read_text())["class"], "cancelled")
        self.assertEqual(len(self.made()), 1)
        self.assertNotIn("never said", self.log())

    def test_code_that_asks_and_does_not_end_is_ended_within_its_grace(self) -> None:
        code = "import time\nfrom slipway import resume\ndef main():\n    resume()\n    print('begun', flush=True)\n    time.sleep(60)\n"
        process = self.start(code, checkpoints=TOLD, grace_s=0.5)
        self.wait_until(lambda: "begun" in self.log())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(120), 0)

    def test_a_program_of_a_command_keeps_checkpoints_too(self) -> None:
        (self.dir / "work" / "train.py").write_text("from slipway import checkpoint\ncheckpoint([1, 2], step=1)\n")
        found = self.run_step("", entry=[sys.executable, "train.py"], checkpoints=TOLD)
        self.assertEqual(found["class"], "ok", self.log())
        self.assertEqual(len(self.made()), 1)
