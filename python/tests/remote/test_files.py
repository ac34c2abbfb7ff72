"""Files by content on a node: fetched once, held against their digests, and nothing that is no file is sent."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import unittest
from collections.abc import Callable
from typing import Any

from slipway.remote.files import Cache, Unkept, checked, lay_out, listed, store


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Far:
    """What a server has, with a count of what was asked for."""

    def __init__(self, *contents: bytes) -> None:
        self.contents = {digest_of(content): content for content in contents}
        self.asked: list[str] = []

    def fetch(self, digest: str, take: Callable[[Any], bytes]) -> None:
        self.asked.append(digest)
        take(io.BytesIO(self.contents[digest]))


def tree(*files: tuple[str, bytes, int]) -> bytes:
    lines = [[path, len(content), digest_of(content), executable] for path, content, executable in files]
    return json.dumps({"slipway_tree": 1, "files": lines}).encode()


class FilesTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_a_tree_is_laid_out_with_its_modes_and_fetched_once(self) -> None:
        manifest = tree(("a/run.sh", b"run", 1), ("b.txt", b"text", 0))
        far = Far(manifest, b"run", b"text")
        cache = Cache(self.folder, far.fetch)
        for name in ("one", "two"):
            lay_out(cache, digest_of(manifest), os.path.join(self.folder, name), writable=name == "one")
        self.assertEqual(len(far.asked), 3)
        modes = [os.stat(os.path.join(self.folder, path)).st_mode & 0o777 for path in ("one/a/run.sh", "one/b.txt", "two/b.txt")]
        self.assertEqual(modes, [0o700, 0o600, 0o400])

    def test_a_file_alone_is_laid_out_as_a_file(self) -> None:
        manifest = tree(("", b"x", 0))
        cache = Cache(self.folder, Far(manifest, b"x").fetch)
        target = os.path.join(self.folder, "table")
        lay_out(cache, digest_of(manifest), target, writable=False)
        with open(target, "rb") as file:
            self.assertEqual(file.read(), b"x")

    def test_what_was_changed_in_the_cache_is_fetched_again(self) -> None:
        far = Far(b"whole")
        cache = Cache(self.folder, far.fetch)
        place = cache.bring(digest_of(b"whole"))
        for content in (b"other", b"", b"whole and more"):
            with open(place, "wb") as file:
                file.write(content)
            cache.copy(digest_of(b"whole"), os.path.join(self.folder, "copy"), 0o600)
            self.assertEqual(cache.bytes(digest_of(b"whole")), b"whole")
        self.assertEqual(len(far.asked), 4)

    def test_other_bytes_than_were_asked_for_are_kept_nowhere(self) -> None:
        place = os.path.join(self.folder, "place")
        with self.assertRaises(ValueError):
            store(io.BytesIO(b"other"), place, digest_of(b"asked"))  # type: ignore[arg-type]
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_path_that_leads_elsewhere_is_refused(self) -> None:
        for path in ("../x", "a/../../x", "/x", "a//b", "a/.", "", "a\0b"):
            with self.assertRaises(OSError):
                checked(path)
        self.assertEqual(checked("a/b"), ["a", "b"])

    def test_an_output_is_listed_by_its_files_and_never_through_a_link(self) -> None:
        out = os.path.join(self.folder, "out")
        os.makedirs(os.path.join(out, "deep"))
        for name in ("deep/b", "a"):
            with open(os.path.join(out, name), "w", encoding="ascii") as file:
                file.write(name)
        self.assertEqual(sorted(inside for inside, _, _ in listed(out, "out")), ["a", "deep/b"])
        for make in (lambda path: os.symlink("/etc", path), os.mkfifo):
            place = os.path.join(out, "deep", "odd")
            make(place)
            with self.assertRaisesRegex(Unkept, "deep/odd"):
                list(listed(out, "out"))
            os.unlink(place)
        with self.assertRaisesRegex(Unkept, "does not exist"):
            list(listed(os.path.join(self.folder, "nowhere"), "out"))


if __name__ == "__main__":
    unittest.main()
