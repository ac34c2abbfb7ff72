"""Whether an attempt is still its machine's, by a file that is written anew while its server is heard of."""

from __future__ import annotations

import json
import os
import tempfile
import unittest
from unittest import mock

from slipway.step.lease import Lease


class LeaseTest(unittest.TestCase):
    """Time is that of a clock which the test moves."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "lease.json")
        self.now = 100.0
        clock = mock.patch("time.monotonic", lambda: self.now)
        clock.start()
        self.addCleanup(clock.stop)
        self.writes = 0

    def write(self, text: str) -> None:
        """Writes the file anew, with a time of its own."""
        self.writes += 1
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        os.utime(self.path, ns=(self.writes, self.writes))

    def after(self, lease: Lease, seconds: float) -> str | None:
        """What is said so much later."""
        self.now += seconds
        return lease.over()

    def test_ends_once_the_file_is_not_written_anew_for_as_long_as_it_says(self) -> None:
        self.write(json.dumps({"ends_after_s": 900}))
        lease = Lease(self.path)
        self.assertIsNone(lease.over())
        self.assertIsNone(self.after(lease, 900))
        said = self.after(lease, 1)
        assert said is not None
        self.assertIn("away for longer than 15 min", said)

    def test_goes_on_while_the_file_is_written_anew(self) -> None:
        self.write(json.dumps({"ends_after_s": 5}))
        lease = Lease(self.path)
        for _ in range(5):
            self.assertIsNone(self.after(lease, 4))
            self.write(json.dumps({"ends_after_s": 5}))
        self.assertIsNone(lease.over())
        self.assertIn("5 s", self.after(lease, 6) or "")

    def test_a_machine_that_is_alone_keeps_its_steps_whatever_time_it_takes(self) -> None:
        self.write(json.dumps({"ends_after_s": None}))
        lease = Lease(self.path)
        self.assertIsNone(lease.over())
        self.assertIsNone(self.after(lease, 1_000_000))

    def test_a_file_that_is_gone_or_broken_is_one_that_was_not_written_anew(self) -> None:
        missing = Lease(self.path)
        self.assertIsNone(self.after(missing, 1_000_000))
        self.write(json.dumps({"ends_after_s": 5}))
        lease = Lease(self.path)
        self.assertIsNone(lease.over())
        for broken in ("{", "[]", "{}"):
            self.write(broken)
            self.assertIsNone(self.after(lease, 1.5))
        self.assertIsNotNone(self.after(lease, 1))


if __name__ == "__main__":
    unittest.main()
