"""What a machine can have no more of: memory, disk, open files, processes. It says nothing of the model that wanted it."""

from __future__ import annotations

import errno

_WANTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM})


def want_of(fault: BaseException | None) -> str | None:
    """In words what the machine had no more of, where the exception or one that it was raised from says so; else None."""
    while fault is not None:
        if isinstance(fault, MemoryError):
            return f"it ran out of memory: {fault}".removesuffix(": ")
        if isinstance(fault, OSError) and fault.errno in _WANTS:
            return f"the machine refused it: {fault}"
        fault = fault.__cause__
    return None
