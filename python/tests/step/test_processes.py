"""What is known of the processes of an attempt, and that all of them can be ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import unittest

from slipway.step import memory, processes

MIB = 1 << 20

#: Starts a child, tells both that it is ready, and waits to be ended.
PARENT = """
import os, subprocess, sys
kept = b"x" * (30 << 20)
child = subprocess.Popen([sys.executable, "-c", "import sys; print('ready', flush=True); sys.stdin.read()"], stdin=subprocess.PIPE)
sys.stdin.read()
child.stdin.close()
child.wait()
"""


@unittest.skipUnless(sys.platform == "linux", "only Linux tells of processes in /proc")
class ProcessesCase(unittest.TestCase):
    """A process with a child, marked as an attempt's."""

    def setUp(self) -> None:
        env = {**os.environ, "SLIPWAY_ATTEMPT": f"processes-{os.getpid()}"}
        pipe, command = subprocess.PIPE, [sys.executable, "-c", PARENT]
        self.process = subprocess.Popen(command, env=env, start_new_session=True, stdin=pipe, stdout=pipe)
        self.addCleanup(self.process.wait)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            self.addCleanup(stream.close)
        self.addCleanup(self.process.kill)
        assert self.process.stdout is not None
        self.assertEqual(self.process.stdout.readline(), b"ready\n")

    def test_descendants_are_found_by_their_parents(self) -> None:
        found = processes.descendants(self.process.pid)
        self.assertEqual((found[0], len(found)), (self.process.pid, 2))
        self.assertIn(self.process.pid, processes.descendants(os.getpid()))

    def test_memory_of_the_tree_is_that_of_all_but_the_first(self) -> None:
        used = processes.tree_memory(os.getpid(), None)
        self.assertGreater(used, 30 * MIB)
        child = processes.descendants(self.process.pid)[1]
        self.assertEqual(processes.tree_memory(self.process.pid, None), processes.resident(child))

    def test_shared_pages_count_once_where_the_sum_is_over_the_limit(self) -> None:
        plain = processes.tree_memory(os.getpid(), None)
        self.assertLess(processes.tree_memory(os.getpid(), 1), plain)
        self.assertGreater(processes.tree_memory(os.getpid(), 1), 30 * MIB)

    def test_cpu_of_the_living(self) -> None:
        self.assertGreater(sum((processes.cpu_ticks(self.process.pid) or ("", 0, 0))[1:]), 0)

    def test_all_that_are_marked_end_even_outside_the_group(self) -> None:
        attempt = f"processes-{os.getpid()}"
        env = {**os.environ, "SLIPWAY_ATTEMPT": attempt}
        other = subprocess.Popen(["sleep", "600"], env=env, start_new_session=True)
        self.addCleanup(other.wait)
        # the system tells of a program's variables a moment after it has begun
        until = time.monotonic() + 120
        while len(found := processes.marked(attempt)) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        self.assertEqual(len(found), 3)
        self.assertGreaterEqual(processes.kill_marked(attempt, self.process.pid), 1)
        self.assertEqual(other.wait(120), -signal.SIGKILL)
        self.assertEqual(self.process.wait(120), -signal.SIGKILL)

    def test_marks_are_compared_as_a_whole(self) -> None:
        self.assertEqual(processes.marked(f"processes-{os.getpid()}"[:-1]), [])
        self.assertEqual(processes.marked("nobody"), [])

    def test_a_process_that_is_gone_has_nothing(self) -> None:
        self.process.kill()
        self.process.wait()
        self.assertEqual(processes.descendants(self.process.pid), [self.process.pid])
        self.assertEqual((processes.resident(self.process.pid), processes.proportional(self.process.pid)), (0, 0))


class GroupPlacesCase(unittest.TestCase):
    """Where a control group may be made, by what the system says of its mounts."""

    def places(self, mounts: list[tuple[str, str, str, str]], own: dict[str, str | None]) -> list[str]:
        """The folders that are tried."""
        kept = memory.mounts, memory.own_group
        memory.mounts = lambda: mounts
        memory.own_group = lambda controller, root, mount: own.get(controller)
        try:
            return [folder for folder, _ in memory.parents()]
        finally:
            memory.mounts, memory.own_group = kept

    def test_below_our_group_or_beside_it(self) -> None:
        unified = [("/", "/sys/fs/cgroup", "cgroup2", "rw")]
        self.assertEqual(self.places(unified, {"": "/sys/fs/cgroup/a/b"}), ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a"])
        self.assertEqual(self.places(unified, {"": "/sys/fs/cgroup"}), ["/sys/fs/cgroup"])
        self.assertEqual(self.places(unified, {}), [])

    def test_of_version_one_only_the_memory_controller(self) -> None:
        old = [("/", "/cg/cpu", "cgroup", "rw,cpu"), ("/", "/cg/memory", "cgroup", "rw,memory"), ("/", "/tmp", "tmpfs", "rw")]
        self.assertEqual(self.places(old, {"memory": "/cg/memory/x"}), ["/cg/memory/x", "/cg/memory"])

    def test_lines_of_mountinfo(self) -> None:
        line = ["29", "23", "0:26", "/", "/sys/fs/cgroup", "rw,nosuid", "shared:4", "-", "cgroup2", "cgroup2", "rw,nsdelegate"]
        self.assertEqual(memory.kind_of(line), ("cgroup2", "rw,nsdelegate"))
        self.assertEqual(memory.kind_of(["1", "-", "x"]), ("", ""))

    def test_a_file_that_may_not_be_written_is_no_error(self) -> None:
        self.assertFalse(memory.write("/proc/self", "no-such-file", "1"))


if __name__ == "__main__":
    unittest.main()
