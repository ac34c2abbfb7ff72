"""Restricts this process by Landlock: what is read, what is written, and which processes it can look into or signal."""

from __future__ import annotations

import ctypes
import os
import stat

from slipway.confine.kernel import checked, libc
from slipway.confine.mounts import inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

CREATE, ADD, RESTRICT = 444, 445, 446
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MAKE_CHAR, MAKE_BLOCK, REFER, TRUNCATE = 1 << 6, 1 << 11, 1 << 13, 1 << 14
READ = EXECUTE | READ_FILE | READ_DIR
#: Rights that a rule on a file, and not on a folder, may give.
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
#: Abstract sockets and signals of processes outside.
SCOPES = 3
#: Folders for temporary files, where everybody may write.
TEMPORARY = ("/tmp", "/var/tmp")
#: Devices that programs use; those that hold disks or memory are not among them.
DEVICES = frozenset(
    ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "hugepages", "dri", "kfd", "dxg", "infiniband")
)
#: How the names of more of them begin, which are numbered.
NUMBERED_DEVICES = ("nvidia", "accel", "davinci", "neuron")


def version() -> int:
    """The version of Landlock's interface in this kernel; 0 without it."""
    return max(0, libc.syscall(CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def handled(abi: int) -> int:
    """Every right to files that this version can hold back."""
    return (1 << (13 if abi < 2 else 14 if abi < 3 else 15)) - 1


class Attributes(ctypes.Structure):
    """What a set of rules holds back."""

    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class Beneath(ctypes.Structure):
    """A rule: rights to all beneath a path."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("rights", ctypes.c_uint64), ("parent", ctypes.c_int32))


def restrict(policy: dict[str, Any]) -> None:
    """Holds this process to the policy. What ``hide`` names is left out of what can be read where it can still be seen. Raises OSError."""
    abi = version()
    every = handled(abi) & ~(MAKE_CHAR | MAKE_BLOCK)
    attributes = Attributes(handled(abi), 0, SCOPES if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    rules = checked(libc.syscall(CREATE, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0)), "landlock")
    seen = [] if "mount" in policy["layers"] else policy["hide"]
    if not seen:
        allow(rules, "/", READ_DIR)
    for path, folder in around("/", ["/dev", *seen]):
        allow(rules, path, READ, folder)
    for name in os.listdir("/dev"):
        if is_device(name):
            allow(rules, f"/dev/{name}", every)
    for path in (*policy["show"], *policy["fixed"]):
        allow(rules, path, READ)
    for temporary in TEMPORARY:
        # where the data folder lies in it, what is shown of that must not become writable by this
        for path, folder in around(temporary, policy["hide"]):
            allow(rules, path, every, folder)
    for path in policy["write"]:
        allow(rules, path, every)
    checked(libc.syscall(RESTRICT, ctypes.c_int(rules), ctypes.c_uint32(0)), "landlock")
    os.close(rules)


def is_device(name: str) -> bool:
    """Whether programs use a device of this name."""
    return name in DEVICES or name.startswith(NUMBERED_DEVICES)


def around(folder: str, excluded: list[str]) -> Iterator[tuple[str, bool | None]]:
    """The paths that together are a folder without what is excluded, and whether each is a folder (None = not known). What appears beside
    it later is not among them."""
    within = [path for path in excluded if inside(path, folder)]
    if not within:
        yield folder, None
    elif folder not in within:
        start = folder.rstrip("/") + "/"
        leading = {path[len(start) :].partition("/")[0] for path in within}
        try:
            # there may be thousands, of which one leads on
            entries = [entry for entry in os.scandir(folder) if not entry.is_symlink()]
        except OSError:
            return
        for entry in entries:
            if entry.name in leading:
                yield from around(entry.path, within)
            else:
                yield entry.path, entry.is_dir()


def allow(rules: int, path: str, rights: int, folder: bool | None = None) -> None:
    """Adds a rule for a path, if it is there and can be opened; ``folder`` tells whether it is one, where that is known."""
    # what was seen in a folder of others may be a link by now
    seen = 0 if folder is None else os.O_NOFOLLOW | (os.O_DIRECTORY if folder else 0)
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC | seen)
    except OSError:
        return
    try:
        RULE.parent = descriptor
        RULE.rights = rights if folder or (folder is None and stat.S_ISDIR(os.fstat(descriptor).st_mode)) else rights & OF_FILES
        if add_rule(ADD, rules, 1, THE_RULE, 0) < 0:
            checked(-1, f"landlock: {path}")
    finally:
        os.close(descriptor)


#: One rule for all that are added, since there may be thousands.
RULE = Beneath(0, 0)
THE_RULE = ctypes.byref(RULE)
add_rule = libc.syscall
