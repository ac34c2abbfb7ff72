"""Calls of the Linux kernel for which the standard library has no function."""

from __future__ import annotations

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> int:
    """The result of a call. Raises OSError with the kernel's reason where it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, argument: int, what: str) -> None:
    """Sets a property of this process. Raises OSError."""
    checked(libc.prctl(option, ctypes.c_ulong(argument), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)), what)


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mounts, binds or changes a mount. Raises OSError."""
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    source_, target_, kind_, data_ = texts
    checked(libc.mount(source_, target_, kind_, ctypes.c_ulong(flags), data_), f"mount on {target}")


def unshare(flags: int) -> None:
    """Moves this process into namespaces of its own. Raises OSError."""
    checked(libc.unshare(flags), "unshare")
