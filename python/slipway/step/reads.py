"""Notes what a step reads besides what its cache key holds: files, folders and databases outside, and the network.

The child notes names as it meets them, by Python's audit hook; forked children go on in the same file. What is not seen: reads of
programs that are no Python, and of libraries that open files by themselves (C++ of Arrow, DuckDB). The supervisor adds digests at the end.
"""

from __future__ import annotations

import os
import site
import stat
import sys
import sysconfig
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: The file of an attempt into which names are written, a line each.
FILE = os.path.join("said", "reads")
#: What a name can be of.
KINDS = ("file", "folder", "database", "network", "project")
#: Names that one process notes at most; a step that reads more has said enough.
MOST = 1000
#: Names that are kept of an attempt.
KEPT = 200
#: Characters of the names of an attempt that are read.
NOTED = 32 * 2**20
#: Bytes of a file, and of all together, that are hashed; of larger ones size and time of change are kept.
HASHED = 64 * 2**20
HASHED_IN_ALL = 256 * 2**20
#: The digest of an empty file.
EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#: Programs whose argument after `-c` is a command.
SHELLS = ("sh", "bash", "dash", "zsh", "ksh")
#: Absolute paths in such a command: at its beginning, behind a blank, a quote, a redirection or `NAME=`.
IN_COMMAND = r"""(?<![^\s"'`=<>|;&(])/[^\s"'`<>|;&()]+"""
#: By how much the clock of files may lag behind, s.
LAG_S = 0.02
#: What belongs to the system and not to the data of a step.
SYSTEM = (
    "/proc/",
    "/dev/",
    "/sys/",
    "/etc/",
    "/run/",
    "/lib/",
    "/lib64/",
    "/bin/",
    "/sbin/",
    "/usr/lib/",
    "/usr/lib64/",
    "/usr/bin/",
    "/usr/local/cuda",
)
#: The same of the system's and of a person's settings, at whatever place.
SETTINGS = ("/share/zoneinfo/", "/share/fonts/", "/share/locale/", "/share/ca-certificates/", "/.config/", "/.cache/fontconfig/")
#: Files of a person's settings, by name.
PERSONAL = ("/.netrc", "/.gitconfig", "/.cache/matplotlib/", "/.matplotlib/", "/.databrickscfg", "/mime.types")
#: From here on ports are given by the system, as to the workers of a pool.
EPHEMERAL = 32768


def watch(spec: dict[str, Any]) -> None:
    """Begins to note reads of this process and of those that it forks."""
    file = os.open(os.path.join(spec["dir"], FILE), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    # out of the way of programs that count on low numbers
    high = fcntl_dup(file)
    Watch(spec, high).begin()


def watch_programs(spec: dict[str, Any]) -> None:
    """Lets Python programs that are started from here note their reads too: the folder `site` comes first in their path."""
    ours = os.path.join(os.path.dirname(os.path.abspath(__file__)), "site")
    os.environ["PYTHONPATH"] = os.pathsep.join([ours, os.environ.get("PYTHONPATH", "")])
    os.environ["SLIPWAY_READS"] = os.path.join(spec["dir"], "spec.json")


def fcntl_dup(file: int) -> int:
    """The same file under a number of 100 or more."""
    import fcntl

    high = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 100)
    os.close(file)
    return high


class Watch:
    """What one process has noted."""

    def __init__(self, spec: dict[str, Any], file: int) -> None:
        self.file = file
        self.began = time.time() - LAG_S
        self.work = both(spec["cwd"])
        #: The home folder of the attempt, whose links lead to what the user of the server has.
        self.home = both(spec["home"]) if "home" in spec else []
        self.unheld = frozenset(spec.get("unheld", ()))
        self.ignored = (*both(spec["dir"]), *near_folders(), *SYSTEM)
        #: Whether all folders of the interpreter are among them: asking for them takes as long as a small step.
        self.knows_all = False
        self.seen: set[object] = set()
        self.written: set[str] = set()
        self.told: set[tuple[str, str]] = set()
        self.bound: set[int] = set()
        self.asked: dict[int, str] = {}
        self.tracking = port_of(os.environ.get("MLFLOW_TRACKING_URI", ""))
        self.handlers: dict[str, Callable[[tuple[Any, ...]], None]] = {
            "open": self.opened,
            "os.listdir": self.listed,
            "os.scandir": self.listed,
            "os.rename": self.renamed,
            "sqlite3.connect": self.database,
            "ctypes.dlopen": self.library,
            "subprocess.Popen": lambda args: self.program((args[0], *words(args[1]))),
            "os.exec": lambda args: self.program((args[0], *words(args[1]))),
            "os.posix_spawn": lambda args: self.program((args[0], *words(args[1]))),
            "os.system": lambda args: self.program(("sh", "-c", args[0])),
            "socket.bind": self.bind,
            "socket.getaddrinfo": self.lookup,
            "socket.connect": self.connected,
        }

    def begin(self) -> None:
        """Adds the hook; it stays as long as the process."""
        handlers = self.handlers.get

        def hook(event: str, args: tuple[Any, ...]) -> None:
            handler = handlers(event)
            if handler is not None:
                try:
                    handler(args)
                except (OSError, TypeError, ValueError, AttributeError, IndexError):
                    # the step goes on whatever its reads are; what was not noted is not known
                    return

        sys.addaudithook(hook)

    def opened(self, args: tuple[Any, ...]) -> None:
        """A file was opened, or at least tried."""
        path, _, flags = args
        if writes(flags):
            self.written.add(absolute(path))
        elif path not in self.seen:
            self.seen.add(path)
            self.file_read(absolute(path))

    def listed(self, args: tuple[Any, ...]) -> None:
        """The names of a folder were read."""
        path = self.beyond(absolute(args[0] if args and args[0] is not None else "."))
        if self.ignores(os.path.join(path, "")) or is_setting(os.path.join(path, "")):
            return
        if os.path.isdir(path) and os.stat(path).st_ctime < self.began and not self.ignores(os.path.join(path, ""), last=True):
            self.tell("folder", path)

    def renamed(self, args: tuple[Any, ...]) -> None:
        """A file got a name by the step's own act."""
        self.written.add(absolute(args[1]))

    def database(self, args: tuple[Any, ...]) -> None:
        """An SQLite database was opened."""
        name = os.fsdecode(args[0]) if isinstance(args[0], (str, bytes, os.PathLike)) else ""
        if name.startswith("file:"):
            from urllib.parse import urlsplit

            name = urlsplit(name).path
        if name not in ("", ":memory:"):
            self.file_read(absolute(name), "database")

    def library(self, args: tuple[Any, ...]) -> None:
        """A shared library was loaded."""
        if isinstance(args[0], (str, bytes)) and os.path.isabs(os.fsdecode(args[0])):
            self.file_read(absolute(args[0]))

    def program(self, parts: tuple[object, ...]) -> None:
        """A program was started: files that its arguments name are most likely read by it."""
        texts = [os.fsdecode(part) for part in parts if isinstance(part, (str, bytes, os.PathLike))]
        for path in [*filter(os.path.isabs, texts), *(paths_in(texts) if is_shell(texts) else [])]:
            try:
                self.file_read(absolute(path))
            except (OSError, ValueError):
                # one that is not there, or is the shell's own text, says nothing of the others
                continue

    def bind(self, args: tuple[Any, ...]) -> None:
        """This process listens: who speaks to it is no one outside."""
        if isinstance(args[1], tuple):
            self.bound.add(args[1][1] or args[0].getsockname()[1])

    def lookup(self, args: tuple[Any, ...]) -> None:
        """A name was looked up, most likely to connect to it."""
        try:
            self.asked[int(args[1] or 0)] = os.fsdecode(args[0] or "")
        except (TypeError, ValueError):
            return

    def connected(self, args: tuple[Any, ...]) -> None:
        """A connection was made, or at least tried."""
        address = args[1]
        if not isinstance(address, tuple):
            return
        host, port = str(address[0]), int(address[1])
        is_local = host.startswith("127.") or host in ("::1", "localhost")
        if port in self.bound or (is_local and (port == self.tracking[1] or port >= EPHEMERAL)):
            return
        name = self.asked.get(port) or host
        if (name, port) != self.tracking and (host, port) != self.tracking:
            self.tell("network", f"{name}:{port}")

    def file_read(self, path: str, kind: str = "file") -> None:
        """Notes a file outside, or one of the project that the key does not hold."""
        if path in self.written:
            return
        path = self.beyond(path)
        for work in self.work:
            if path.startswith(work):
                if path[len(work) :] in self.unheld:
                    self.tell("project", path[len(work) :])
                return
        if self.ignores(path) or is_setting(path):
            return
        real = os.path.realpath(path)
        if self.ignores(real):
            return
        found = os.stat(real)
        # what has changed since the beginning is most likely the step's own
        if stat.S_ISREG(found.st_mode) and found.st_ctime < self.began and not any(self.ignores(one, last=True) for one in (path, real)):
            self.tell(kind, path)

    def ignores(self, path: str, *, last: bool = False) -> bool:
        """Whether a path lies in what is no data of the step. Only with ``last`` all folders of the interpreter are asked for."""
        if last and not self.knows_all:
            # first, for what is asked for opens files itself
            self.knows_all = True
            self.ignored = (*self.ignored, *own_folders())
        return path.startswith(self.ignored)

    def beyond(self, path: str) -> str:
        """What a path in the home folder of the attempt leads to."""
        return os.path.realpath(path) if any(path.startswith(home) for home in self.home) else path

    def tell(self, kind: str, name: str) -> None:
        """Writes a line, once for each name."""
        if (kind, name) in self.told or len(self.told) >= MOST:
            return
        self.told.add((kind, name))
        import json

        os.write(self.file, (json.dumps([kind, name]) + "\n").encode())


def writes(flags: object) -> bool:
    """True for what begins anew, or is only written: nothing of it was there to be read."""
    if not isinstance(flags, int):
        return False
    access = flags & os.O_ACCMODE
    return access == os.O_WRONLY or (access == os.O_RDWR and flags & (os.O_TRUNC | os.O_EXCL) != 0)


def words(args: object) -> tuple[object, ...]:
    """Arguments of a program; a text is one for a shell."""
    if isinstance(args, (str, bytes)):
        return tuple(os.fsdecode(args).split())
    return tuple(args) if isinstance(args, (list, tuple)) else ()


def paths_in(texts: list[str]) -> list[str]:
    """Paths that stand anywhere in commands of a shell."""
    import re

    return [path for text in texts for path in re.findall(IN_COMMAND, text)]


def is_shell(texts: list[str]) -> bool:
    """Whether a program's arguments hold a command for a shell, which names files anywhere in it."""
    return "-c" in texts and any(os.path.basename(text) in SHELLS for text in texts[: texts.index("-c")])


def absolute(path: object) -> str:
    """The path from the root; raises TypeError for what is none, such as a number of an open file."""
    return os.path.abspath(os.fsdecode(os.fspath(path)))  # type: ignore[call-overload]


def is_setting(path: str) -> bool:
    """Settings and caches of the system and of a person, which tools read whatever the step does."""
    return any(part in path for part in SETTINGS) or any(part in path for part in PERSONAL)


def both(folder: str) -> list[str]:
    """A folder as it is named and as it lies, each as the beginning of what is in it."""
    return sorted({os.path.join(os.path.abspath(folder), ""), os.path.join(os.path.realpath(folder), "")})


def near_folders() -> list[str]:
    """Folders of the interpreter, of the environment, and of this package that are known without asking for settings."""
    found = [os.path.dirname(os.__file__), sys.prefix, sys.base_prefix, os.path.join(os.path.dirname(__file__), "..", "..")]
    return folders_of([*found, *site.getsitepackages()])


def own_folders() -> list[str]:
    """All of them."""
    return folders_of([*sysconfig.get_paths().values(), site.getusersitepackages()])


def folders_of(found: list[str]) -> list[str]:
    """Folders as beginnings of what is in them."""
    # the prefix of the system's own interpreter holds much besides
    folders = [os.path.abspath(folder) for folder in found if os.path.abspath(folder) not in ("/usr", "/usr/local", "/")]
    return [one for folder in folders for one in both(folder)]


def port_of(uri: str) -> tuple[str, int]:
    """Host and port of an address; an empty host for none."""
    if uri == "":
        return ("", 0)
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(uri)
        return (parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0))
    except ValueError:
        return ("", 0)


def collect(folder: str, hidden: list[str]) -> list[dict[str, str | None]] | None:
    """What the processes of an attempt have noted, sorted, with digests of files but for what lies in a ``hidden`` folder; None where
    nothing watched. The names are the word of the user's code, which may name anything."""
    try:
        with open(os.open(os.path.join(folder, FILE), os.O_RDONLY | os.O_NOFOLLOW), encoding="utf-8", errors="replace") as file:
            lines = file.read(NOTED).splitlines()
    except OSError:
        return None
    names = sorted({said for said in map(said_by, lines) if said is not None})[:KEPT]
    left = HASHED_IN_ALL
    reads: list[dict[str, str | None]] = []
    for kind, name in names:
        may = kind in ("file", "database") and not is_beneath(os.path.realpath(name), hidden)
        digest, size = digest_of(name, left) if may else (None, 0)
        left -= size
        if kind == "database" and digest is not None:
            # what was written last may lie in its log alone, until SQLite moves it into the file
            log, size = digest_of(f"{name}-wal", left)
            left -= size
            digest = digest if log in (None, EMPTY) else f"{digest} wal {log}"
        reads.append({"kind": kind, "name": name, "digest": digest})
    return reads


def said_by(line: str) -> tuple[str, str] | None:
    """Kind and name that a line notes; None for any other line."""
    import json

    try:
        kind, name = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return None
    return (kind, name) if kind in KINDS and isinstance(name, str) and "\0" not in name else None


def is_beneath(path: str, folders: list[str]) -> bool:
    """Whether a path is one of the folders or lies in it."""
    return any(path == folder or path.startswith(os.path.join(folder, "")) for folder in map(os.path.realpath, folders))


def digest_of(path: str, left: int) -> tuple[str | None, int]:
    """A text that is another when the file is, and how many bytes were hashed for it; None for a file that is gone."""
    # loaded here, for a step that begins has nothing to hash
    import hashlib

    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return None, 0
        if found.st_size > min(HASHED, left):
            return f"size {found.st_size} changed {found.st_mtime_ns}", 0
        with open(path, "rb") as file:
            return f"sha256:{hashlib.sha256(file.read()).hexdigest()}", found.st_size
    except OSError:
        return None, 0
