"""The home folder of an attempt: libraries keep their caches there, what the user has can be read, and nothing is written into the void."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from slipway.confine.probe import probe
from slipway.step import home as homes
from slipway.step.home import make_home, remove_home
from tests.confine.places import elsewhere

LAUNCHER = pathlib.Path(__file__).resolve().parents[2] / "slipway/confine/__main__.py"
#: What the user has.
FILES = {
    "rows.csv": "a,b",
    ".netrc": "machine x",
    "projects/one/data.csv": "c",
    ".aws/credentials": "key",
    ".config/gcloud/credentials.json": "{}",
    ".cache/huggingface/hub/models--known/blobs/1": "weights",
    ".cache/torch/hub/checkpoints/resnet.pth": "weights",
    ".cache/matplotlib/fontlist.json": "fonts",
    ".cache/pip/http/1": "package",
    ".cache/numba/mine/index": "code",
}
#: As libraries do it: each makes its folder in the cache and writes there; what is downloaded already is read and stays as it is.
LIBRARIES = """
import json, os, pathlib, tempfile
home = pathlib.Path("~").expanduser()
def went(act):
    try: act(); return True
    except OSError: return False
def make(path):
    path = home / path
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent); os.close(handle); os.replace(name, path)
    assert path.exists()
def read(path): assert (home / path).read_text() != ""
makes = [".cache/x", ".cache/matplotlib/fontlist-v2.json", ".config/matplotlib/matplotlibrc", ".cache/huggingface/hub/models--new/refs/main",
  ".cache/huggingface/token", ".cache/torch/hub/checkpoints/new.pth", ".cache/pip/http/2", ".cache/numba/mine/index", ".keras/datasets/mnist.npz",
  "scikit_learn_data/iris.pkz", "nltk_data/corpora/x.zip", ".local/share/jupyter/x"]
reads = ["rows.csv", ".netrc", "projects/one/data.csv", ".aws/credentials", ".config/gcloud/credentials.json",
  ".cache/huggingface/hub/models--known/blobs/1", ".cache/torch/hub/checkpoints/resnet.pth", ".cache/matplotlib/fontlist.json"]
lost = ["result.csv", "projects/one/new.csv", "rows.csv", ".cache/huggingface/hub/models--known/blobs/1"]
# the password database still names the user's own home, and some programs ask that alone
named = pathlib.Path(os.environ["NAMED_HOME"])
assert (named / "rows.csv").read_text() == "a,b"
lost += [str(named / p) for p in ("rows.csv", ".ivy2", ".cache/x")]
print(json.dumps({"read": [p for p in reads if not went(lambda: read(p))], "made": [p for p in makes if not went(lambda: make(p))],
  "lost": [p for p in lost if went(lambda: open(home / p, "a"))]}))
"""  # noqa: E501


class Home(unittest.TestCase):
    """A user with files, and a place for the home of an attempt."""

    def setUp(self) -> None:
        folders = [tempfile.TemporaryDirectory(), tempfile.TemporaryDirectory(dir=elsewhere())]
        for folder in folders:
            self.addCleanup(folder.cleanup)
        self.data, self.outside = (pathlib.Path(folder.name).resolve() for folder in folders)
        self.place = self.data / "attempt/home"
        self.place.parent.mkdir()

    def user(self, name: str = "user") -> pathlib.Path:
        home = self.outside / name
        for path, text in FILES.items():
            (home / path).parent.mkdir(parents=True, exist_ok=True)
            (home / path).write_text(text)
        return home

    def test_libraries_write_caches_read_what_the_user_has_and_change_nothing_of_it(self) -> None:
        found = probe(str(self.data))["layers"]
        if "landlock" not in found:
            self.skipTest("this machine has no Landlock: writing is held by nothing")
        for layers in (["mount", "landlock"], ["landlock"]):
            if not set(layers) <= set(found):
                continue
            home, place = self.user(f"user-{len(layers)}"), self.data / f"attempt/home-{len(layers)}"
            write = make_home(str(place), str(home), [])
            policy = {"layers": layers, "hide": [str(self.data)], "show": [str(place.parent)], "fixed": [], "write": write}
            command = [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(policy), sys.executable, "-c", LIBRARIES]
            variables = {**os.environ, "HOME": str(place), "NAMED_HOME": str(home)}
            said = subprocess.run(command, env=variables, check=True, capture_output=True, timeout=120).stdout
            self.assertEqual(json.loads(said), {"read": [], "made": [], "lost": []}, layers)
            for path, text in FILES.items():
                self.assertEqual((home / path).read_text(), text, path)
            self.assertFalse((home / ".cache/x").exists())

    def test_a_folder_that_may_be_written_is_linked_whole_also_where_a_cache_lies_around_it(self) -> None:
        home = self.user()
        (home / ".cache/other/deep").mkdir(parents=True)
        make_home(
            str(self.place), str(home), [*(str(home / name) for name in (".cache/huggingface", ".cache/other/deep", "out", ".")), "/x"]
        )
        (self.place / ".cache/huggingface/kept").write_text("x")
        (self.place / ".cache/other/deep/kept").write_text("x")
        self.assertEqual((home / ".cache/huggingface/kept").read_text(), "x")
        self.assertEqual((home / ".cache/other/deep/kept").read_text(), "x")
        self.assertTrue((self.place / "out").is_symlink(), "one that is made later is there too")
        self.assertFalse((self.place / ".cache/pip").exists())

    def test_without_a_home_there_are_caches_all_the_same(self) -> None:
        for number, user in enumerate(("", str(self.outside / "nobody"))):
            place = self.data / str(number)
            for folder in make_home(str(place), user, ["/out"]):
                (pathlib.Path(folder) / "x").write_text("x")
                self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700)
            self.assertNotIn("rows.csv", os.listdir(place))

    def test_a_file_where_a_cache_is_expected_or_a_folder_that_is_closed_keeps_no_step_from_beginning(self) -> None:
        home = self.outside / "odd"
        (home / ".config").mkdir(parents=True)
        (home / ".keras").write_text("a file")
        (home / ".config").chmod(0)
        self.addCleanup((home / ".config").chmod, 0o700)
        make_home(str(self.place), str(home), [])
        self.assertTrue((self.place / ".keras").is_dir())

    def test_it_is_removed_without_a_step_out_of_it_whatever_lies_there_now(self) -> None:
        home = self.user()
        make_home(str(self.place), str(home), [])
        cache = self.place / ".cache/huggingface/hub"
        for entry in list(cache.iterdir()):
            entry.unlink()
        cache.rmdir()
        cache.symlink_to(home / ".cache/huggingface/hub")
        (self.place / ".keras/datasets").symlink_to(home / "projects")
        (self.place / ".nv/deep/er").mkdir(parents=True)
        remove_home(str(self.place))
        self.assertFalse(self.place.exists())
        for path, text in FILES.items():
            self.assertEqual((home / path).read_text(), text, path)
        self.place.symlink_to(home)
        remove_home(str(self.place))
        self.assertTrue((home / "rows.csv").exists())

    def test_of_a_large_one_a_part_is_left_to_the_server_and_what_cannot_be_removed_is_no_fault(self) -> None:
        make_home(str(self.place), "", [])
        for number in range(homes.MOST + 1):
            (self.place / f".cache/{number}").write_text("")
        before = set(os.listdir("/proc/self/fd"))
        remove_home(str(self.place))
        self.assertTrue(1 <= len(os.listdir(self.place / ".cache")) <= 20)
        remove_home(str(self.place / "nowhere"))
        self.assertEqual(set(os.listdir("/proc/self/fd")), before)


if __name__ == "__main__":
    unittest.main()
