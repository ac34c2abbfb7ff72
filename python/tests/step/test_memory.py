"""The control group of an attempt: made where the system lets us, its limit held by the system, gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import unittest

from slipway.step.memory import MemoryGroup, limit_allocations

MIB = 1 << 20

#: Enters the group, then takes memory as fast as it can.
HOG = """
import sys
from slipway.step.memory import MemoryGroup
group = MemoryGroup("unused", None)
group.path = sys.argv[1]
group.enter()
kept = []
while True: kept.append(bytearray(b"x" * (10 << 20)))
"""


class MemoryGroupCase(unittest.TestCase):
    def test_no_limit_is_no_group(self) -> None:
        group = MemoryGroup("none", None)
        self.assertIsNone(group.path)
        group.enter()
        self.assertEqual(group.kills(), 0)
        group.close()

    def test_the_system_ends_what_is_over_the_limit(self) -> None:
        group = MemoryGroup(f"test-{os.getpid()}", 64 * MIB)
        if group.path is None:
            self.skipTest("no control group may be made here; run as root, or in a delegated group")
        try:
            ended = subprocess.run([sys.executable, "-c", HOG, group.path], timeout=120, check=False)
            self.assertEqual(ended.returncode, -signal.SIGKILL)
            self.assertGreaterEqual(group.kills(), 1)
        finally:
            group.close()
        self.assertFalse(os.path.exists(group.path))

    def test_what_cannot_be_allocated_fails_in_the_process(self) -> None:
        program = "import resource, sys; from slipway.step.memory import limit_allocations; limit_allocations(64 << 20)\n"
        program += "try: bytearray(8 << 30)\nexcept MemoryError: sys.exit(7)"
        if sys.platform != "linux":
            self.skipTest("only Linux counts what a process allocates")
        self.assertEqual(subprocess.run([sys.executable, "-c", program], check=False).returncode, 7)
        limit_allocations(None)


if __name__ == "__main__":
    unittest.main()
