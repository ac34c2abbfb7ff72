"""The launcher with real processes, by each layer and by both: what a confined program reaches, and would reach otherwise."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from typing import Any

from slipway.confine import landlock
from slipway.confine.landlock import around, handled
from slipway.confine.mounts import outermost
from slipway.confine.probe import probe
from tests.confine.places import elsewhere

LAUNCHER = pathlib.Path(__file__).resolve().parents[2] / "slipway" / "confine"
#: Tries each statement of its argument; prints for each whether it went through.
TRIES = """
import json, os, sys
def holds(name, code):
    try: exec(code); return True
    except Exception as error: print(name, repr(error), file=sys.stderr); return False
print(json.dumps({name: holds(name, code) for name, code in json.loads(sys.argv[1]).items()}))
"""


class ConfineCase(unittest.TestCase):
    """A data folder with a token, the folder of a run and that of another; a folder of the user outside."""

    def setUp(self) -> None:
        self.place = tempfile.TemporaryDirectory()
        self.outside = tempfile.TemporaryDirectory(dir=elsewhere())
        self.data = pathlib.Path(self.place.name).resolve() / "data"
        for name in ("mine/work", "mine/in", "other"):
            (self.data / name).mkdir(parents=True)
        for name in ("token", "mine/in/input", "mine/note", "other/secret"):
            (self.data / name).write_text("text")
        (pathlib.Path(self.outside.name) / "rows.csv").write_text("a,b")

    def tearDown(self) -> None:
        self.place.cleanup()
        self.outside.cleanup()

    def policy(self, layers: list[str]) -> dict[str, Any]:
        """The policy of a step."""
        mine = str(self.data / "mine")
        return {"layers": layers, "hide": [str(self.data)], "show": [mine], "fixed": [f"{mine}/in"], "write": [f"{mine}/work"]}

    def tried(self, layers: list[str] | None) -> dict[str, bool]:
        """What goes through for a program with these layers; None = started without the launcher."""
        data, mine, outside = str(self.data), str(self.data / "mine"), self.outside.name
        tries = {
            "token": f"open({data!r} + '/token').read()",
            "another run": f"open({data!r} + '/other/secret').read()",
            "listing": f"assert 'token' in os.listdir({data!r})",
            "write another run": f"open({data!r} + '/other/planted', 'w')",
            "environ": f"open('/proc/{os.getpid()}/environ', 'rb').read()",
            "signal": f"os.kill({os.getpid()}, 0)",
            "limit": f"import resource; resource.prlimit({os.getpid()}, 7, resource.prlimit({os.getpid()}, 7))",
            "chmod": f"os.chmod({data!r} + '/token', 0o600)",
            "write an input": f"open({mine!r} + '/in/input', 'a')",
            "write a note": f"open({mine!r} + '/note', 'a')",
            "write outside": f"open({outside!r} + '/planted', 'w')",
            "read outside": f"open({outside!r} + '/rows.csv').read()",
            "read a limit": f"import resource; resource.prlimit({os.getpid()}, 7)",
            "own limit": "import resource; resource.setrlimit(7, resource.getrlimit(7)); resource.prlimit(0, 4, (0, 0))",
            "read an input": f"open({mine!r} + '/in/input').read()",
            "own folder": f"os.makedirs({mine!r} + '/work/a/b'); open({mine!r} + '/work/a/b/c', 'w').write('x')",
            "rename": f"os.rename({mine!r} + '/work/a/b/c', {mine!r} + '/work/c')",
        }
        command = [sys.executable, "-c", TRIES, json.dumps(tries)]
        launched = [] if layers is None else [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(self.policy(layers))]
        started = [*launched, *command]
        found = subprocess.run(started, capture_output=True, text=True, timeout=120, check=True, cwd="/")
        self.said = found.stderr
        answer: dict[str, bool] = json.loads(found.stdout)
        return answer

    def test_without_the_launcher_all_is_reached(self) -> None:
        self.assertEqual([name for name, went in self.tried(None).items() if not went], [])

    def test_what_each_layer_holds(self) -> None:
        found = probe(self.place.name)
        may = {"read outside", "read a limit", "own limit", "read an input", "own folder", "rename"}
        # Landlock knows no rights to modes, and older versions none to signals; a namespace hides, and does no more
        beyond = {
            ("mount", "landlock"): set(),
            ("landlock",): {"chmod"},
            ("mount",): {"signal", "write a note", "write outside"},
        }
        if found["landlock"] < 6:
            beyond[("mount", "landlock")] |= {"signal"}
            beyond[("landlock",)] |= {"signal"}
        if not found["layers"]:
            self.skipTest(f"this machine confines nothing: {found['reasons']}")
        for layers in (tuple(found["layers"]), *((one,) for one in found["layers"])):
            with self.subTest(layers):
                went = {name for name, went in self.tried(list(layers)).items() if went}
                self.assertEqual(went, may | beyond[layers], self.said)
                for name in ("a", "c"):
                    subprocess.run(["rm", "-rf", str(self.data / "mine" / "work" / name)], check=True)

    def test_a_layer_that_cannot_be_had_starts_nothing(self) -> None:
        policy = {**self.policy(["mount"]), "hide": [str(self.data), "/proc"]}
        marker = self.data / "mine" / "work" / "ran"
        command = [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(policy), "touch", str(marker)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(ended.returncode, 126, ended.stderr)
        self.assertIn("cannot be confined, and was not started", ended.stderr)
        self.assertFalse(marker.exists())

    def test_a_program_that_is_not_there(self) -> None:
        command = [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps({**self.policy([]), "hide": []}), "/nowhere/program"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual((ended.returncode, ended.stderr), (127, "/nowhere/program cannot be run: No such file or directory\n"))


class RulesCase(unittest.TestCase):
    """What the rules are made of."""

    def test_around_leaves_out_what_is_excluded_and_nothing_else(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            for name in ("a/b/secret", "a/b/beside", "a/c", "d"):
                os.makedirs(f"{place}/{name}")
            os.symlink(f"{place}/a/b/secret", f"{place}/link")
            with open(f"{place}/file", "w", encoding="ascii"):
                pass
            found = sorted(around(place, [f"{place}/a/b/secret"]))
            folders = [(f"{place}/{name}", True) for name in ("a/b/beside", "a/c", "d")]
            self.assertEqual(found, [*folders, (f"{place}/file", False)])
            self.assertEqual(list(around(place, [])), [(place, None)])
            self.assertEqual(list(around(place, [place])), [])
            self.assertEqual(list(around(f"{place}/d", [f"{place}/dd"])), [(f"{place}/d", None)], "a name that only begins so")

    def test_older_versions_are_asked_for_what_they_know(self) -> None:
        self.assertEqual([handled(abi).bit_length() for abi in (1, 2, 3, 7)], [13, 14, 15, 15])

    def test_devices_with_disks_and_memory_are_not_among_those_that_programs_use(self) -> None:
        for name in ("vda", "sda1", "nvme0n1", "mem", "kmem", "port", "loop0", "sg0", "fuse", "mapper"):
            self.assertFalse(landlock.is_device(name), name)
        for name in ("null", "urandom", "shm", "pts", "nvidia0", "nvidiactl", "dri"):
            self.assertTrue(landlock.is_device(name), name)

    def test_outermost(self) -> None:
        self.assertEqual(outermost(["/a/b", "/a", "/ab", "/a"]), ["/a", "/ab"])
