"""The trial's word against what a program does: on this machine, and on machines that have less, for which filters stand."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import platform
import socket
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from typing import Any

from slipway.confine.landlock import version
from tests.confine.places import elsewhere

PACKAGE = pathlib.Path(__file__).resolve().parents[2]
NUMBERS = {
    "x86_64": {"mount": 165, "unshare": 272, "seccomp": 317, "keyctl": 250},
    "aarch64": {"mount": 40, "unshare": 97, "seccomp": 277, "keyctl": 219},
}.get(platform.machine(), {})
#: The launcher on a machine that has less: calls that its kernel does not know or grant, and an older Landlock.
MACHINE = """
import sys
sys.path.insert(0, %(package)r)
from slipway.confine import landlock
from slipway.confine.command import main
from slipway.confine.seccomp import MACHINES, Rule, code_of, install
from slipway.confine.enter import drop_rights
from slipway.confine.kernel import prctl
import os
lacks, older = %(lacks)r, %(older)r
if older is not None:
    real = landlock.version
    landlock.version = lambda: min(older, real())
if lacks:
    prctl(38, 1, "no_new_privs")
    architecture, known = MACHINES[os.uname().machine]
    numbers = {str(number): number for number in lacks}
    install(code_of(architecture, numbers, tuple(Rule(str(number), (), error) for number, error in lacks.items())), known["seccomp"])
sys.exit(main(["launcher", *sys.argv[1:]]))
"""
EPERM, ENOSYS, EINVAL = 1, 38, 22
NO_NAMESPACES = {NUMBERS.get("unshare", -1): EPERM, NUMBERS.get("mount", -1): EPERM}
NO_LANDLOCK = {444: ENOSYS, 445: ENOSYS, 446: ENOSYS}
NO_FILTERS = {NUMBERS.get("seccomp", -1): EINVAL}
#: Tries each statement of its argument; prints for each whether it went through.
TRIES = """
import ctypes, json, os, resource, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def checked(result):
    if result < 0: raise OSError(ctypes.get_errno(), "")
def went(code):
    try: exec(code, globals()); return True
    except Exception: return False
print(json.dumps({name: went(code) for name, code in json.loads(sys.argv[1]).items()}))
"""


@contextlib.contextmanager
def world() -> Iterator[tuple[str, dict[str, dict[str, str]]]]:
    """A data folder with a token, another run and a socket; and by promise the ways to break it, as code that others would write."""
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory())
        outside = stack.enter_context(tempfile.TemporaryDirectory(dir=elsewhere()))
        os.makedirs(f"{data}/attempts/other")
        for name in ("token", "slipway.db", "attempts/other/secret"):
            pathlib.Path(data, name).write_text("text")
        named, nameless = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        named.bind(f"{data}/gateway.sock")
        nameless.bind(f"\0slipway-test-{os.getpid()}")
        for one in (named, nameless):
            one.listen(8)
        me = os.getpid()
        yield (
            data,
            {
                "files": {
                    "token": f"open({data!r} + '/token').read()",
                    "database": f"open({data!r} + '/slipway.db', 'r+b')",
                    "another run": f"open({data!r} + '/attempts/other/secret').read()",
                    "names": f"assert 'token' in os.listdir({data!r})",
                },
                "writes": {"a file": f"open({outside!r} + '/planted', 'w')"},
                "processes": {
                    "environment": f"open('/proc/{me}/environ', 'rb').read()",
                    "memory": f"open('/proc/{me}/mem', 'rb')",
                    "tracing": f"checked(libc.ptrace(0x4206, {me}, None, None))",
                },
                "signals": {
                    "signal": f"os.kill({me}, 0)",
                    "limit": f"resource.prlimit({me}, 7, resource.prlimit({me}, 7))",
                },
                "modes": {"rights": f"os.chmod({data!r} + '/token', 0o600)", "times": f"os.utime({data!r} + '/token')"},
                "sockets": {"gateway": f"socket.socket(socket.AF_UNIX).connect({data!r} + '/gateway.sock')"},
                "nameless": {"gateway": f"socket.socket(socket.AF_UNIX).connect('\\0slipway-test-{me}')"},
                "set_id": {"program": "open('/var/tmp/slipway-mark', 'w'); os.chmod('/var/tmp/slipway-mark', 0o4755)"},
                "kernel": {
                    "keys": f"checked(libc.syscall({NUMBERS.get('keyctl', -1)}, 0, -4, 0))",
                    "namespace": "checked(libc.unshare(0x10000000))",
                },
            },
        )
        with contextlib.suppress(FileNotFoundError):
            os.unlink("/var/tmp/slipway-mark")


def run(lacks: dict[int, int], older: int | None, *arguments: str) -> str:
    """What the launcher prints on such a machine."""
    code = MACHINE % {"package": str(PACKAGE), "lacks": lacks, "older": older}
    command = [sys.executable, "-I", "-S", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@unittest.skipUnless(NUMBERS, f"the kernel's numbers for {platform.machine()} are not in this test")
@unittest.skipUnless(sys.platform.startswith("linux") and version() > 0, "this machine has no Landlock, so nothing can be compared")
class ProbeCase(unittest.TestCase):
    """Each promise on each machine: held is what a real program could not do, and nothing else."""

    def compared(self, lacks: dict[int, int], older: int | None) -> dict[str, Any]:
        """The trial's answer, which is what a program behind the launcher found."""
        with world() as (data, ways):
            found: dict[str, Any] = json.loads(run(lacks, older, "--probe", data))
            # a restart may be beside a server: a trial leaves nothing
            self.assertEqual(sorted(os.listdir(data)), ["attempts", "gateway.sock", "slipway.db", "token"])
            policy = {"layers": found["layers"], "hide": [data], "show": [], "fixed": [], "write": []}
            tries = {f"{promise} {name}": code for promise, all_ in ways.items() for name, code in all_.items()}
            said = json.loads(run(lacks, older, json.dumps(policy), sys.executable, "-c", TRIES, json.dumps(tries)))
            went = {promise: sorted(name for name in all_ if said[f"{promise} {name}"]) for promise, all_ in ways.items()}
        if found["layers"]:
            self.assertEqual(found["held"], {promise: not names for promise, names in went.items()}, went)
        else:
            self.assertEqual(set(found["held"].values()), {False})
        return found

    def open_on(self, lacks: dict[int, int], older: int | None = None) -> set[str]:
        return {promise for promise, held in self.compared(lacks, older)["held"].items() if not held}

    def test_this_machine(self) -> None:
        self.compared({}, None)

    def test_landlock_alone_leaves_modes_and_sockets_with_a_path_open(self) -> None:
        found = self.compared(NO_NAMESPACES, None)
        self.assertEqual(found["layers"], ["landlock"])
        self.assertIn("mount+landlock", found["reasons"])
        self.assertEqual({name for name, held in found["held"].items() if not held} - {"signals", "nameless"}, {"modes", "sockets"})

    def test_an_older_landlock_holds_no_signals_and_no_sockets_without_a_path(self) -> None:
        self.assertEqual(self.open_on(NO_NAMESPACES, older=5), {"modes", "sockets", "signals", "nameless"})

    def test_a_kernel_without_landlock(self) -> None:
        found = self.compared(NO_LANDLOCK, None)
        if not found["layers"]:
            self.skipTest(f"this machine has no mount namespaces either: {found['reasons']}")
        self.assertEqual(found["layers"], ["mount"])
        self.assertEqual({name for name, held in found["held"].items() if not held}, {"writes", "signals", "nameless"})

    def test_a_kernel_with_neither(self) -> None:
        found = self.compared(NO_LANDLOCK | NO_NAMESPACES, None)
        self.assertEqual(found["layers"], [])
        self.assertEqual(sorted(found["reasons"]), ["landlock", "mount", "mount+landlock"])

    def test_a_kernel_without_filters_of_calls(self) -> None:
        self.assertLessEqual({"set_id", "kernel", "signals"}, self.open_on(NO_FILTERS))
