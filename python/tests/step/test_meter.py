"""What an attempt uses, measured on real processes: those nobody waited for, those that ended unseen, and memory over time."""

from __future__ import annotations

import json
import time
import unittest

from tests.step.attempt import AttemptCase

BURN = """
import os, signal, sys, time
def burn(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until: pass
"""

#: What the supervisor has told so far, and its next two heartbeats: between them it has looked at each process.
BEATS = """
import json, os, time
def told():
    return json.load(open("../heartbeat.json")) if os.path.exists("../heartbeat.json") else {"at": 0, "memory_kib_s": 0}
def two_beats():
    for _ in range(2):
        before = told()["at"]
        while told()["at"] == before: time.sleep(0.05)
"""


class MeterCase(AttemptCase):
    """The use that the exit file and the heartbeat tell."""

    def test_a_daemon_that_was_never_waited_for_is_counted(self) -> None:
        ended = self.run_step(
            BURN
            + """
def main():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            burn(1); open("burnt", "w").close(); time.sleep(600)
        os._exit(0)
    while not os.path.exists("burnt"): time.sleep(0.05)
"""
        )
        self.assertEqual(ended["class"], "ok")
        self.assertGreater(ended["cpu_seconds"], 0.95)

    def test_a_child_that_was_left_when_the_step_ended_is_counted(self) -> None:
        ended = self.run_step(
            BURN
            + """
def main():
    if os.fork() == 0:
        burn(1); open("burnt", "w").close(); time.sleep(600)
    while not os.path.exists("burnt"): time.sleep(0.05)
"""
        )
        self.assertGreater(ended["cpu_seconds"], 0.95)

    def test_children_whose_end_nobody_asks_for_are_counted_as_far_as_they_were_seen(self) -> None:
        ended = self.run_step(
            BURN
            + BEATS
            + """
def main():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in range(2):
        child = os.fork()
        if child == 0:
            burn(1.5); two_beats(); os._exit(0)  # all of it is seen
        try:
            while True:
                os.kill(child, 0); time.sleep(0.1)
        except ProcessLookupError:
            pass
"""
        )
        self.assertEqual(ended["class"], "ok", ended)
        self.assertGreater(ended["cpu_seconds"], 2.8)

    def test_memory_counts_for_as_long_as_it_was_held(self) -> None:
        ended = self.run_step(
            BEATS
            + """
def main():
    began = time.monotonic()
    held = bytearray(200 << 20)
    while told()["memory_kib_s"] < 200 << 10: time.sleep(0.05)
    del held
    time.sleep(3 * (time.monotonic() - began))
"""
        )
        seconds = ended["finished_at"] - ended["started_at"]
        held = 200 * 1024
        self.assertGreater(ended["max_rss_bytes"], 200 << 20)
        self.assertGreater(ended["memory_kib_s"], held)
        self.assertLess(ended["memory_kib_s"], ended["max_rss_bytes"] / 1024 * seconds * 0.5)

    def test_an_attempt_that_ends_before_a_look_has_used_memory(self) -> None:
        ended = self.run_step("def main(): pass\n")
        self.assertGreater(ended["memory_kib_s"], 0)
        seconds = ended["finished_at"] - ended["started_at"]
        self.assertLessEqual(ended["memory_kib_s"], ended["max_rss_bytes"] / 1024 * (seconds + 0.5))

    def test_the_heartbeat_tells_what_was_used_so_far_and_for_how_long_nothing_was_put_out(self) -> None:
        process = self.start(
            BURN
            + """
def main():
    print("begins", flush=True)
    burn(1)
    time.sleep(600)
"""
        )
        path = self.dir / "heartbeat.json"

        def told() -> bool:
            beat = json.loads(path.read_text()) if path.exists() else {"quiet_s": 0, "cpu_seconds": 0}
            return bool(beat["quiet_s"] > 2.5 and beat["cpu_seconds"] > 0.95)

        self.wait_until(told)
        beat = json.loads(path.read_text())
        self.assertGreater(beat["memory_kib_s"], 1024)
        self.assertLess(beat["quiet_s"], time.time() - beat["started_at"])
        process.terminate()
        self.assertEqual(process.wait(120), 0)

    def test_output_of_any_kind_ends_the_quiet(self) -> None:
        process = self.start(
            """
import sys, time
def main():
    while True:
        sys.stderr.write("\\r50%"); sys.stderr.flush()
        time.sleep(0.2)
"""
        )
        path = self.dir / "heartbeat.json"

        def told() -> bool:
            beat = json.loads(path.read_text()) if path.exists() else {"at": 0, "started_at": 0}
            # a step that has no turn for a while is quiet, too, and not for long
            return bool(beat["at"] - beat["started_at"] > 4.5 and beat["quiet_s"] < 1)

        self.wait_until(told)
        process.terminate()
        process.wait(120)

    def test_a_secret_that_is_too_short_is_named(self) -> None:
        self.run_step("import os\ndef main(): print(os.environ['KEY'])\n", secret_env=["KEY", "NONE"])
        self.assertIn("[slipway] the secret NONE has fewer than 4 characters: it is too short to be masked", self.log())
        self.assertNotIn("the secret KEY", self.log())
        self.assertNotIn("the-secret", self.log())


if __name__ == "__main__":
    unittest.main()
