"""Files by content on a node: what an attempt is given comes from a cache or from the server, what it made is sent by digest."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import http.client
    from collections.abc import Callable, Iterator

    from slipway.remote.server import Server

#: Bytes that are read at once.
CHUNK = 1 << 20
#: Seconds for which a server that is away is asked to take a file of a checkpoint: by then there is a newer one.
PATIENCE_S = 600.0


class Unkept(Exception):
    """An output is something that is not kept, or is not there; the message says what."""


class Cache:
    """Files that attempts of this node were given, by digest."""

    def __init__(self, folder: str, fetch: Callable[[str, Callable[[http.client.HTTPResponse], bytes]], object]) -> None:
        self.folder = os.path.join(folder, "files")
        self.fetch = fetch

    def path(self, digest: str) -> str:
        """Where the file of a digest lies, or would."""
        digits = digest.partition(":")[2]
        return os.path.join(self.folder, digits[:2], digits)

    def bytes(self, digest: str) -> bytes:
        """The content of a small file."""
        for _ in range(2):
            place = self.bring(digest)
            with open(place, "rb") as file:
                content = file.read()
            if digest_of(content) == digest:
                return content
            os.unlink(place)
        raise OSError(f"{digest} is changed in the cache of this node as soon as it is there")

    def copy(self, digest: str, target: str, mode: int) -> None:
        """Copies a file; one whose bytes are no longer those of its digest is fetched anew."""
        for _ in range(2):
            place = self.bring(digest)
            found = hashlib.sha256()
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with open(place, "rb") as source, open(descriptor, "wb") as file:
                for part in chunks(source):
                    found.update(part)
                    file.write(part)
            if f"sha256:{found.hexdigest()}" == digest:
                os.chmod(target, mode)
                return
            os.unlink(place)
        raise OSError(f"{digest} is changed in the cache of this node as soon as it is there")

    def bring(self, digest: str) -> str:
        """The path of a file, fetched where it is not there; it is there whole or not at all."""
        place = self.path(digest)
        if not os.path.exists(place):
            os.makedirs(os.path.dirname(place), 0o700, exist_ok=True)
            self.fetch(digest, lambda reply: store(reply, place, digest))
        return place


def store(reply: http.client.HTTPResponse, place: str, digest: str) -> bytes:
    """Writes an answer to its place. Raises ValueError where its bytes are others than were asked for, which counts as no answer."""
    descriptor, new = tempfile.mkstemp(dir=os.path.dirname(place))
    try:
        found = hashlib.sha256()
        with open(descriptor, "wb") as file:
            for part in chunks(reply):
                found.update(part)
                file.write(part)
        if f"sha256:{found.hexdigest()}" != digest:
            raise ValueError(f"{digest} came with other bytes")
        os.replace(new, place)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        raise
    return b""


def lay_out(cache: Cache, tree: str, target: str, writable: bool) -> None:
    """Writes a tree, which is a file or a folder, to ``target``, whose parent is there."""
    files = json.loads(cache.bytes(tree))["files"]
    single = len(files) == 1 and files[0][0] == ""
    if not single:
        os.mkdir(target)
    for path, _, digest, executable in files:
        place = target if single else os.path.join(target, *checked(path))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        cache.copy(digest, place, (0o600 if writable else 0o400) | (0o100 if executable else 0))


def checked(path: str) -> list[str]:
    """The parts of a plain relative path. Raises OSError for any other: the server makes none."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise OSError(f"a path of the tree is not plain: {path!r}")
    return parts


def listed(path: str, name: str) -> Iterator[tuple[str, str, os.stat_result]]:
    """The files of an output: path in it, path here, what the system says. Raises Unkept for links and special files."""
    try:
        top = os.lstat(path)
    except FileNotFoundError:
        raise Unkept(f'output "{name}" does not exist') from None
    if not stat.S_ISDIR(top.st_mode):
        yield "", path, regular(top, name, name)
        return
    for folder, names, files in os.walk(path):
        for entry in sorted([*names, *files]):
            place = os.path.join(folder, entry)
            found = os.lstat(place)
            if not stat.S_ISDIR(found.st_mode):
                inside = os.path.relpath(place, path)
                yield inside, place, regular(found, inside, name)


def regular(found: os.stat_result, path: str, name: str) -> os.stat_result:
    """What the system says of a regular file. Raises Unkept for any other."""
    if not stat.S_ISREG(found.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "a special file"
        raise Unkept(f'output "{name}" cannot be kept: "{path}" is {kind}; only regular files and folders are kept')
    return found


def send_output(
    server: Server, where: Callable[[str], str], name: str, path: str, known: set[str] | None = None, patience: float = PATIENCE_S
) -> list[list[Any]]:
    """Sends the files of an output, and returns their list: path, bytes, digest, whether it may be run. The server has the files of
    ``known`` digests, to which those that are sent are added. ``patience``: seconds for which a server that is away is asked with each."""
    known = set() if known is None else known
    sent = []
    for inside, place, found in listed(path, name):
        if not found.st_mode & 0o400:
            os.chmod(place, found.st_mode | 0o400)
        with open(place, "rb") as file:
            counted, size = hashlib.sha256(), 0
            for part in chunks(file):
                counted.update(part)
                size += len(part)
            digest = f"sha256:{counted.hexdigest()}"
            if digest not in known:
                server.call("PUT", where(digest), partial(rewound, file), patience, lengths(size))
                known.add(digest)
        sent.append([inside, size, digest, bool(found.st_mode & 0o100)])
    return sent


def lengths(size: int) -> dict[str, str]:
    """Headers of a body of so many bytes."""
    return {"content-type": "application/octet-stream", "content-length": str(size)}


def rewound(file: Any) -> Any:
    """The file from its beginning."""
    file.seek(0)
    return file


def chunks(source: Any) -> Iterator[bytes]:
    """The bytes of something that is read, piece by piece."""
    while part := source.read(CHUNK):
        yield part


def digest_of(content: bytes) -> str:
    """The name of a content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
