"""Where tests of confined programs make what these may not write: not below the temporary folders, in which every program may."""

from __future__ import annotations

import os
import pathlib

#: Folders that confined programs may write.
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")
#: Other folders that the user may write: this one, their home, and those that systems have for everybody's files of the moment.
CHOICES = (os.path.dirname(__file__), os.path.expanduser("~"), f"/run/user/{os.getuid()}", "/run/lock", "/var/lib")


def elsewhere() -> pathlib.Path:
    """A folder that the user can write and no confined program. Raises FileNotFoundError where this machine has none."""
    for choice in map(os.path.realpath, CHOICES):
        below = any(choice == one or choice.startswith(f"{one}/") for one in TEMPORARY)
        if not below and os.access(choice, os.W_OK):
            return pathlib.Path(choice)
    raise FileNotFoundError(f"none of {', '.join(CHOICES)} can be written and lies outside of temporary folders")
