"""Keeps this process from changing the limits of others: a limit of one open file ends a server as surely as a signal does."""

from __future__ import annotations

import ctypes
import os
import struct

from slipway.confine.kernel import checked, libc

#: The number of `seccomp` by machine, and that of `prlimit64` in each interface its kernel has: (architecture, number).
MACHINES = {
    "x86_64": (317, ((0xC000003E, 302), (0xC000003E, 302 | 0x40000000), (0x40000003, 340))),
    "aarch64": (277, ((0xC00000B7, 261), (0x40000028, 369))),
    "riscv64": (277, ((0xC00000F3, 261),)),
}
SET_FILTER, KEEP_SPEED = 1, 4
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050001
#: Where the data of a call has its number, architecture and, by halves, its first and third argument.
NUMBER, ARCHITECTURE, FIRST, THIRD, THIRD_HIGH = 0, 4, 16, 32, 36


class Program(ctypes.Structure):
    """A filter as the kernel takes it."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def leave_limits_alone() -> None:
    """A limit is set by a process for itself only, from now on and for good. Raises OSError where the kernel has no filters; does
    nothing on machines whose numbers are not known."""
    known = MACHINES.get(os.uname().machine)
    if known is None:
        return
    seccomp, calls = known
    code = b"".join(refusal(*call) for call in calls) + step(RETURN, ALLOW)
    program = Program(len(code) // 8, code)
    # without the flag, older kernels would slow all of the process for fear of side channels
    checked(libc.syscall(seccomp, ctypes.c_uint(SET_FILTER), ctypes.c_uint(KEEP_SPEED), ctypes.byref(program)), "seccomp")


def refusal(architecture: int, number: int) -> bytes:
    """Refuses one call that sets a limit (third argument) of a process that is named (first argument)."""
    steps = (
        (LOAD, ARCHITECTURE),
        (EQUAL, architecture, 0, 9),
        (LOAD, NUMBER),
        (EQUAL, number, 0, 7),
        (LOAD, FIRST),
        (EQUAL, 0, 5, 0),
        (LOAD, THIRD),
        (EQUAL, 0, 0, 2),
        (LOAD, THIRD_HIGH),
        (EQUAL, 0, 1, 0),
        (RETURN, REFUSE),
    )
    return b"".join(step(*one) for one in steps)


def step(operation: int, value: int, when: int = 0, otherwise: int = 0) -> bytes:
    """One instruction; the last two are how many to skip where a comparison holds and where it does not."""
    return struct.pack("=HBBI", operation, when, otherwise, value)
