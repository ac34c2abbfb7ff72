"""Refuses calls of the kernel that get round the other layers: set-user-id files, limits of others, namespaces, rings and keys."""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from slipway.confine.kernel import checked, libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SET_FILTER, KEEP_SPEED = 1, 4
LOAD, EQUAL, AT_LEAST, BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
#: Where the data of a call has its number and its architecture; the arguments, of two halves each, follow from the third on.
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
#: Calls of x86-64 with short pointers have this bit in their number.
X32 = 0x40000000

#: Numbers that every 64-bit machine has alike.
COMMON = {"clone3": 435, "openat2": 437, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "fchmodat2": 452}
GENERIC = COMMON | {
    "mknodat": 33, "fchmod": 52, "fchmodat": 53, "openat": 56, "ioctl": 29, "unshare": 97, "clone": 220, "setns": 268,
    "add_key": 217, "request_key": 218, "keyctl": 219, "prlimit64": 261, "userfaultfd": 282, "seccomp": 277,
}  # fmt: skip
X86_64 = COMMON | {
    "open": 2, "ioctl": 16, "clone": 56, "creat": 85, "chmod": 90, "fchmod": 91, "mknod": 133, "add_key": 248, "request_key": 249,
    "keyctl": 250, "openat": 257, "mknodat": 259, "fchmodat": 268, "unshare": 272, "prlimit64": 302, "setns": 308, "seccomp": 317,
    "userfaultfd": 323,
}  # fmt: skip
#: The architecture as the filter sees it, and the numbers of its calls, by machine.
MACHINES = {"x86_64": (0xC000003E, X86_64), "aarch64": (0xC00000B7, GENERIC), "riscv64": (0xC00000F3, GENERIC)}

#: The bits of a mode by which a program runs as its owner or as its group.
SET_ID = 0o6000
#: Flags with which opening makes a file: O_CREAT, and the bit of O_TMPFILE that is no other flag.
MAKES = 0o100 | 0o20000000
NEW_USERS = 0x10000000
#: Types that terminals into the input of whoever reads from it: TIOCSTI, and TIOCLINUX which pastes.
TYPES_INTO_TERMINALS = (0x5412, 0x541C)


class Condition:
    """A half of an argument that is compared: it has one of some bits (BITS), is a value (EQUAL), or is another (`negated`)."""

    def __init__(self, argument: int, operation: int, value: int, *, negated: bool = False, high: bool = False) -> None:
        self.argument, self.operation, self.value = argument, operation, value
        self.negated, self.high = negated, high


class Rule:
    """A call that fails with an error where all conditions hold."""

    def __init__(self, call: str, conditions: tuple[Condition, ...] = (), error: int = errno.EPERM) -> None:
        self.call, self.conditions, self.error = call, conditions, error


class Program(ctypes.Structure):
    """A filter as the kernel takes it."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def rules() -> Iterator[Rule]:
    """What is refused. Calls whose meaning lies behind a pointer fail as where the kernel has none: programs then use the older ones."""
    for call, mode in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2), ("creat", 1), ("mknod", 1), ("mknodat", 2)):
        yield Rule(call, (Condition(mode, BITS, SET_ID),))
    for call, flags in (("open", 1), ("openat", 2)):
        yield Rule(call, (Condition(flags, BITS, MAKES), Condition(flags + 1, BITS, SET_ID)))
    for call in ("openat2", "clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"):
        yield Rule(call, error=errno.ENOSYS)
    for call in ("unshare", "clone"):
        yield Rule(call, (Condition(0, BITS, NEW_USERS),))
    for call in ("setns", "userfaultfd", "add_key", "request_key", "keyctl"):
        yield Rule(call)
    for request in TYPES_INTO_TERMINALS:
        yield Rule("ioctl", (Condition(1, EQUAL, request),))
    # a limit of one open file ends a server as surely as a signal does
    of_another = Condition(0, EQUAL, 0, negated=True)
    for high in (False, True):
        yield Rule("prlimit64", (of_another, Condition(2, EQUAL, 0, negated=True, high=high)))


def refuse_calls() -> None:
    """Installs the filter, for good. Raises OSError where the kernel has no filters, or this machine's numbers are not known."""
    machine = os.uname().machine
    if machine not in MACHINES:
        raise OSError(errno.ENOSYS, f"seccomp: the calls of {machine} are not known")
    install(code_of(*MACHINES[machine], tuple(rules())), MACHINES[machine][1]["seccomp"])


def install(code: bytes, number: int) -> None:
    """Gives the kernel a filter. Raises OSError."""
    program = Program(len(code) // 8, code)
    # without the flag, older kernels would slow all of the process for fear of side channels
    checked(libc.syscall(number, ctypes.c_uint(SET_FILTER), ctypes.c_uint(KEEP_SPEED), ctypes.byref(program)), "seccomp")


def code_of(architecture: int, numbers: dict[str, int], refused: tuple[Rule, ...]) -> bytes:
    """The filter: calls of another architecture or of x32 are none, those of the rules fail, the others go through."""
    none = step(RETURN, REFUSE | errno.ENOSYS)
    start = step(LOAD, ARCHITECTURE) + step(EQUAL, architecture, 1, 0) + none
    start += step(LOAD, NUMBER) + step(AT_LEAST, X32, 0, 1) + none
    known = (refusal(numbers[rule.call], rule) for rule in refused if rule.call in numbers)
    return start + b"".join(known) + step(RETURN, ALLOW)


def refusal(number: int, rule: Rule) -> bytes:
    """One rule. Calls without one are told by their number alone: kernels remember these, and do not run the filter for them."""
    size = 2 * len(rule.conditions)
    code = step(EQUAL, number, 0, size + (2 if size else 1))
    for place, one in enumerate(rule.conditions):
        past = size - 2 * place - 1
        code += step(LOAD, ARGUMENTS + 8 * one.argument + 4 * one.high)
        code += step(one.operation, one.value, past if one.negated else 0, 0 if one.negated else past)
    return code + step(RETURN, REFUSE | rule.error) + (step(LOAD, NUMBER) if size else b"")


def step(operation: int, value: int, when: int = 0, otherwise: int = 0) -> bytes:
    """One instruction; the last two are how many to skip where a comparison holds and where it does not."""
    return struct.pack("=HBBI", operation, when, otherwise, value)
