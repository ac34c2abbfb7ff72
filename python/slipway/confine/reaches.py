"""What a confined process may not reach, as things that it tries: each is one promise, and held where every way to it is refused."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from slipway.confine.kernel import checked, libc
from slipway.confine.seccomp import MACHINES, NEW_USERS


class Target(NamedTuple):
    """What is reached for."""

    #: A process of the server's user that is not confined.
    process: int
    #: A file of the data folder, and the folder in it where it lies beside a socket called `s`.
    file: str
    folder: str
    #: Name of a socket without a path.
    nameless: bytes
    #: Folders outside the data folder that the user can write and no step may.
    elsewhere: list[str]


Reach = Callable[[Target], object]
Of = TypeVar("Of")


def refused(reach: Callable[[Of], object], target: Of) -> bool:
    """Whether something is refused, or not there."""
    try:
        reach(target)
    except OSError:
        return True
    return False


def read(target: Target) -> None:
    """Opens the file."""
    os.close(os.open(target.file, os.O_RDONLY))


def list_names(target: Target) -> None:
    """Reads the names beside the file. Raises OSError where they are not shown."""
    if os.path.basename(target.file) not in os.listdir(target.folder):
        raise FileNotFoundError(target.file)


def make_file(folder: str) -> None:
    """Makes a file without a name, which leaves nothing."""
    os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600))


def write_elsewhere(target: Target) -> None:
    """Makes a file in any of the folders of the user's."""
    if all(refused(make_file, folder) for folder in target.elsewhere):
        raise PermissionError(errno.EACCES, "no folder of the user could be written")


def write_hidden(target: Target) -> None:
    """Opens the file for writing."""
    os.close(os.open(target.file, os.O_WRONLY))


def environment(target: Target) -> None:
    """Reads a variable of the other process."""
    with open(f"/proc/{target.process}/environ", "rb") as file:
        file.read(1)


def memory(target: Target) -> None:
    """Opens the memory of the other process."""
    os.close(os.open(f"/proc/{target.process}/mem", os.O_RDONLY))


def trace(target: Target) -> None:
    """Follows the other process, as debuggers do, without stopping it."""
    checked(libc.ptrace(0x4206, target.process, None, None), "ptrace")


def signal(target: Target) -> None:
    """Asks whether it may send the other process a signal."""
    os.kill(target.process, 0)


def limit(target: Target) -> None:
    """Sets a limit of the other process to what it is: whoever may do that may make it so small that the process ends."""
    import resource

    resource.prlimit(target.process, resource.RLIMIT_NOFILE, resource.prlimit(target.process, resource.RLIMIT_NOFILE))


def modes(target: Target) -> None:
    """Sets the rights to the file to what they are."""
    os.chmod(target.file, 0o600)


def times(target: Target) -> None:
    """Sets the times of the file."""
    os.utime(target.file)


def connect_by_path(target: Target) -> None:
    """Connects to the socket beside the file."""
    # from its folder: the path itself may be longer than that of a socket may be
    os.chdir(target.folder)
    try:
        connect("s")
    finally:
        os.chdir("/")


def connect_by_name(target: Target) -> None:
    """Connects to the socket without a path."""
    connect(target.nameless)


def connect(address: str | bytes) -> None:
    """Connects to a unix socket."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(address)


def set_user_id(_: Target) -> None:
    """Marks a file, one in memory that nobody sees, as a program that runs with the rights of its owner."""
    descriptor = os.memfd_create("slipway", 0)
    try:
        os.fchmod(descriptor, 0o4700)
    finally:
        os.close(descriptor)


def call(name: str, *arguments: int) -> Reach:
    """A call with arguments of which the kernel can make nothing: only a filter, or a kernel without it, refuses it for what it is."""

    def reach(_: Target) -> None:
        number = MACHINES[os.uname().machine][1][name] if os.uname().machine in MACHINES else -1
        if libc.syscall(ctypes.c_long(number), *map(ctypes.c_ulong, arguments)) < 0:
            found = ctypes.get_errno()
            if found in (errno.EPERM, errno.ENOSYS, errno.EACCES):
                raise OSError(found, name)

    return reach


#: What is promised, and the ways to it.
REACHES: dict[str, tuple[Reach, ...]] = {
    "files": (read, list_names, write_hidden),
    "writes": (write_elsewhere,),
    "processes": (environment, memory, trace),
    "signals": (signal, limit),
    "modes": (modes, times),
    "sockets": (connect_by_path,),
    "nameless": (connect_by_name,),
    "set_id": (set_user_id,),
    "kernel": (
        call("io_uring_setup", 0, 0),
        call("userfaultfd", 0xFFFF),
        call("keyctl", 0xFFFF),
        call("unshare", NEW_USERS),
    ),
}
