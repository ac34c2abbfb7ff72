"""Hides folders in a mount namespace of this process: an empty folder lies over each, with holes for what may be seen."""

from __future__ import annotations

import os

from slipway.confine.kernel import mount, unshare

NEW_MOUNTS, NEW_USERS = 0x20000, 0x10000000
READ_ONLY, NO_SETUID, NO_DEVICES, REMOUNT, BIND, RECURSIVE, SLAVE = 1, 2, 4, 32, 4096, 16384, 1 << 19
#: Flags of a mount as statvfs tells them and as mount wants them; a user namespace may not clear them.
KEPT = ((2, 2), (4, 4), (8, 8), (1024, 1024), (2048, 2048), (4096, 1 << 21))


def inside(path: str, folder: str) -> bool:
    """Whether a path is the folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def cover(hidden: list[str], shown: list[str], fixed: list[str], written: list[str]) -> None:
    """Hides, but for what is shown. Changes of mounts outside still come in, none goes out. Raises OSError."""
    enter_namespace()
    mount(None, "/", None, RECURSIVE | SLAVE)
    covered = outermost([path for path in hidden if os.path.lexists(path)])
    wanted = sorted({path for path in (*shown, *fixed, *written) if any(inside(path, folder) for folder in covered)})
    holes: list[tuple[str, int]] = []
    for path in wanted:
        # what lies in a hole can be seen already, and only what is fixed needs a mount of its own
        if path in fixed or not any(inside(path, known) for known, _ in holes):
            holes.append((path, os.open(path, os.O_PATH | os.O_CLOEXEC)))
    for path in covered:
        lay_over(path)
    for path, descriptor in holes:
        open_hole(path, descriptor)
        if path in fixed:
            make_read_only(path)
    for path in covered:
        if os.path.isdir(path):
            make_read_only(path)


def enter_namespace() -> None:
    """A mount namespace of our own: by right, else in a user namespace in which we stay who we are. Raises OSError."""
    try:
        unshare(NEW_MOUNTS)
        return
    except PermissionError:
        user, group = os.geteuid(), os.getegid()
    unshare(NEW_USERS | NEW_MOUNTS)
    for file, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{file}", "w", encoding="ascii") as opened:
            opened.write(text)


def outermost(paths: list[str]) -> list[str]:
    """Without those that lie in another of them."""
    return [path for path in sorted(set(paths)) if not any(path != other and inside(path, other) for other in paths)]


def lay_over(path: str) -> None:
    """Nothing is seen of a folder, or of a file, from now on."""
    if os.path.isdir(path):
        mount("slipway", path, "tmpfs", NO_SETUID | NO_DEVICES, "mode=0755,size=256k")
    else:
        mount("/dev/null", path, None, BIND)


def open_hole(path: str, descriptor: int) -> None:
    """Shows again what was opened before it was covered."""
    if os.path.isdir(f"/proc/self/fd/{descriptor}"):
        os.makedirs(path, exist_ok=True)
    elif not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii"):
            pass
    mount(f"/proc/self/fd/{descriptor}", path, None, BIND | RECURSIVE)
    os.close(descriptor)


def make_read_only(path: str) -> None:
    """Nothing below a mount can be changed through it, its modes and times neither."""
    flags = os.statvfs(path).f_flag
    kept = sum(wanted for told, wanted in KEPT if flags & told)
    mount(None, path, None, REMOUNT | BIND | READ_ONLY | kept)
