"""A checkpoint as a folder: a state, and a manifest by whose digests its files are told from damaged ones."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import stat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Names in the folder of a checkpoint.
MANIFEST, STATE = "checkpoint.json", "state"
#: Bytes that are read at once.
CHUNK = 1 << 20
PLAIN = (str, int, float, bool, type(None))
#: Number of the format; a reader refuses others.
FORMAT = 1


class CheckpointRefused(ValueError):
    """A state that cannot be kept; the message says why."""


class Damaged(Exception):
    """A checkpoint whose files are not those of its manifest."""


def write_state(folder: str, state: object, facts: dict[str, Any], largest: int) -> int:
    """Writes a state with its manifest to a new folder, and has the system put it on the disk. Returns its bytes."""
    os.mkdir(folder, 0o700)
    writer = Writer(folder, largest)
    kind = writer.take(state)
    manifest = {"format": FORMAT, **facts, "kind": kind, "files": writer.files, "folders": writer.folders, "size": writer.size}
    text = json.dumps(manifest, sort_keys=True)
    put(os.path.join(folder, MANIFEST), json.dumps({"manifest": text, "digest": digest_of(text.encode())}).encode())
    for inside in [*writer.folders, ""]:
        sync_folder(os.path.join(folder, inside))
    return writer.size


class Writer:
    """Writes the files of one state, and counts them."""

    def __init__(self, folder: str, largest: int) -> None:
        self.folder = folder
        self.largest = largest
        self.size = 0
        #: Path, bytes, digest.
        self.files: list[list[Any]] = []
        self.folders: list[str] = []

    def take(self, state: object) -> str:
        """Writes the state; its kind."""
        if isinstance(state, os.PathLike):
            return self.copy(os.fspath(state))
        if isinstance(state, (bytes, bytearray, memoryview)):
            self.write(STATE, iter([bytes(state)]))
            return "bytes"
        self.write(STATE, iter([json_of(state)]))
        return "json"

    def copy(self, path: str) -> str:
        """Copies a file, or a folder with its files."""
        if stat.S_ISREG(kind_of(path)):
            self.copy_file(path, STATE)
            return "file"
        if not stat.S_ISDIR(kind_of(path)):
            raise CheckpointRefused(f"{path} is neither a file nor a folder: nothing else can be kept as a checkpoint")
        for at, names, files in os.walk(path):
            inside = os.path.normpath(os.path.join(STATE, os.path.relpath(at, path)))
            os.mkdir(os.path.join(self.folder, inside), 0o700)
            self.folders.append(inside)
            for name in sorted([*names, *files]):
                kind = kind_of(os.path.join(at, name))
                if stat.S_ISREG(kind):
                    self.copy_file(os.path.join(at, name), os.path.join(inside, name))
                elif not stat.S_ISDIR(kind):
                    raise CheckpointRefused(f"{os.path.join(at, name)} is a link or a special file: a checkpoint keeps files and folders")
        return "folder"

    def copy_file(self, path: str, inside: str) -> None:
        """Copies a file."""
        with open(path, "rb") as file:
            self.write(inside, chunks(file))

    def write(self, inside: str, parts: Iterator[bytes]) -> None:
        """Writes a file down to the disk."""
        found, size = hashlib.sha256(), 0
        with open(os.path.join(self.folder, inside), "xb") as file:
            for part in parts:
                size += len(part)
                self.size += len(part)
                if self.size > self.largest:
                    raise CheckpointRefused(
                        f"the state has more than {self.largest} bytes, which a checkpoint of this step may have at most;"
                        " raise checkpoints.largest of the step, or keep less"
                    )
                found.update(part)
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        self.files.append([inside, size, found.hexdigest()])


def read_manifest(folder: str) -> dict[str, Any]:
    """What the manifest of a checkpoint says. Raises Damaged."""
    try:
        with open(os.path.join(folder, MANIFEST), encoding="utf-8") as file:
            sealed = json.load(file)
        text = sealed["manifest"]
        if digest_of(text.encode()) != sealed["digest"]:
            raise Damaged("its manifest is not as it was written")
        manifest: dict[str, Any] = json.loads(text)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged(f"its manifest cannot be read: {error}") from None
    if manifest.get("format") != FORMAT:
        raise Damaged(f"it has the format {manifest.get('format')!r}, and this reads {FORMAT}")
    return manifest


def read_state(folder: str, manifest: dict[str, Any]) -> object:
    """The state of a checkpoint, once each of its files was found to be as it was written: a value, bytes, or a path. Raises Damaged."""
    try:
        for inside, size, digest in manifest["files"]:
            verify(os.path.join(folder, inside), inside, size, digest)
        for inside in manifest["folders"]:
            # a folder without files is none of those that are kept by content
            os.makedirs(os.path.join(folder, inside), exist_ok=True)
        place = os.path.join(folder, STATE)
        if manifest["kind"] in ("file", "folder"):
            return pathlib.Path(place)
        with open(place, "rb") as file:
            content = file.read()
        return content if manifest["kind"] == "bytes" else json.loads(content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(str(error)) from None


def verify(path: str, inside: str, size: int, digest: str) -> None:
    """Raises Damaged unless a file has these bytes."""
    found, length = hashlib.sha256(), 0
    with open(path, "rb") as file:
        for part in chunks(file):
            found.update(part)
            length += len(part)
    if length != size or found.hexdigest() != digest:
        raise Damaged(f"{inside} is not as it was written")


def json_of(state: object) -> bytes:
    """A value as JSON. Raises CheckpointRefused."""
    try:
        check_value(state, "state")
        return json.dumps(state).encode()
    except CheckpointRefused:
        raise
    except RecursionError:
        raise CheckpointRefused("the state nests too deep, or holds itself: save it by its own saver and give the path") from None
    except ValueError as error:
        raise CheckpointRefused(f"the state cannot be written: {error}; write such a number as a text") from None


def check_value(value: object, where: str) -> None:
    """Raises CheckpointRefused for what JSON has not, or would give back as something else; of a tuple it makes a list."""
    if isinstance(value, PLAIN):
        return
    if isinstance(value, (list, tuple)):
        for number, one in enumerate(value):
            if type(one) not in PLAIN:
                check_value(one, f"{where}[{number}]")
    elif isinstance(value, dict):
        for key, one in value.items():
            if not isinstance(key, str):
                raise CheckpointRefused(f"{where} has the key {key!r}; JSON has only texts as keys: write it as a text, or keep a file")
            check_value(one, f"{where}[{key!r}]")
    else:
        raise CheckpointRefused(
            f"{where} is {type(value).__module__}.{type(value).__qualname__}; a checkpoint keeps values that JSON has, bytes, or the"
            " path of a file or folder: save it by its own saver and give the path"
        )


def kind_of(path: str) -> int:
    """What the system says of a path, without following a link. Raises CheckpointRefused where nothing is there."""
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        raise CheckpointRefused(f"{path} is not there: it cannot be kept as a checkpoint") from None


def put(path: str, content: bytes) -> None:
    """Writes a file down to the disk."""
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: str) -> None:
    """Puts the names of a folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def chunks(source: Any) -> Iterator[bytes]:
    """The bytes of something that is read, piece by piece."""
    while part := source.read(CHUNK):
        yield part


def digest_of(content: bytes) -> str:
    """SHA-256 as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
