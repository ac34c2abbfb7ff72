"""Becomes a program that may take so much processor time: ``python -I -S limited.py SOFT HARD PROGRAM ARGUMENTS…``, in whole s.

``SIGXCPU`` comes at SOFT, which may be caught, and ``SIGKILL`` at HARD. There is no core file, which of a model would be of its size.
"""

import os
import resource
import sys


def lower(kind: int, soft: int, hard: int) -> None:
    """Sets a limit where the machine's own is not lower, for that one cannot be raised and holds as well."""
    present = resource.getrlimit(kind)[1]
    if present != resource.RLIM_INFINITY:
        soft, hard = min(soft, present), min(hard, present)
    resource.setrlimit(kind, (soft, hard))


def main(soft: str, hard: str, program: str, *arguments: str) -> None:
    """Never returns: the process becomes the program."""
    lower(resource.RLIMIT_CPU, int(soft), int(hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    os.execvp(program, [program, *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
