"""What is read of cells: magics, names in the order of their use, places in bytes, packages of imports."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

from slipway.notebook.environment import environment
from slipway.notebook.facts import facts
from slipway.notebook.flow import Flow
from slipway.notebook.magics import translate
from slipway.notebook.modules import names_of

HELPER = Path(__file__).parents[2] / "slipway" / "notebook"


def flow(source: str) -> Flow:
    """The flow of the statements of a source."""
    found = Flow()
    found.run(ast.parse(source).body)
    return found


def cell(source: str) -> Any:
    """The facts of one cell."""
    return facts({"cells": [{"id": 1, "source": source}]})["cells"][0]


class MagicTests(unittest.TestCase):
    """What only IPython understands."""

    def test_lines_are_dropped_kept_translated_or_refused(self) -> None:
        cases = [
            ("%matplotlib inline", "", "drop"),
            ("%load_ext slipway", "", "drop"),
            ("%slipway curves loss", "", "drop"),
            ("!pip install -q a b==1", "", "drop"),
            ("!ls data", "", "drop"),
            ("!rm -rf data", "", "refuse"),
            ("%time fit(x)", "fit(x)", "keep"),
            ("%env A=b c", "import os; os.environ['A'] = 'b c'", "translate"),
            ("%run other.py", "", "refuse"),
            ("files = !ls", "", "refuse"),
            ("model?", "", "drop"),
            ("??model", "", "drop"),
            ("    !ls", "    pass", "drop"),
        ]
        for line, text, action in cases:
            with self.subTest(line=line):
                found, said = translate(line)
                self.assertEqual((found, [one["action"] for one in said]), (text, [action]))

    def test_an_install_line_names_its_packages(self) -> None:
        self.assertEqual(translate("%pip install a 'b>=1' -U")[1][0]["installs"], ["a", "b>=1"])

    def test_operators_and_texts_are_no_magics(self) -> None:
        for source in (
            "x = (a\n% b)",
            "t = '''\n%time\n!ls\n'''",
            "x = a \\\n  % b",
            "a %= 3",
            "s = f('''%s''',\n'?')",
            'q = "a\\"b"\nx = 1',
        ):
            with self.subTest(source=source):
                self.assertEqual(translate(source), (source, []))

    def test_cells_of_another_language_are_refused_and_wrappers_run(self) -> None:
        self.assertEqual(translate("%%bash\nls")[1][0]["action"], "refuse")
        text, said = translate("%%time\n%matplotlib inline\nx = 1")
        self.assertEqual(text, "\n\nx = 1")
        self.assertEqual([(one["line"], one["action"]) for one in said], [(1, "keep"), (2, "drop")])


class FlowTests(unittest.TestCase):
    """Names that are needed, bound, bound perhaps, changed."""

    def test_what_is_bound_before_its_use_is_not_needed(self) -> None:
        found = flow("a = b\nc = a + d\nfor i in r:\n    e = i + c")
        self.assertEqual(list(found.uses), ["b", "d", "r"])
        self.assertEqual((found.bound, found.maybe), ({"a", "c"}, {"i", "e"}))

    def test_branches_bind_what_both_bind(self) -> None:
        found = flow("if t:\n    a = 1\n    b = 1\nelse:\n    a = 2\nprint(b)")
        self.assertEqual((found.bound, found.maybe), ({"a"}, {"b"}))
        self.assertEqual(list(found.uses), ["t", "print", "b"])

    def test_a_try_may_have_ended_before(self) -> None:
        self.assertEqual(flow("try:\n    a = 1\nexcept E:\n    pass").maybe, {"a"})
        self.assertEqual(flow("try:\n    a = 1\nexcept E:\n    raise").bound, {"a"})

    def test_functions_read_later_and_comprehensions_at_once(self) -> None:
        found = flow("def f(x, n=N):\n    return g(x) + K\nz = [h(i) for i in s]\nk = lambda q: q + W")
        self.assertEqual(list(found.uses), ["N", "h", "s"])
        self.assertEqual(sorted(found.later), ["K", "W", "g"])

    def test_changes_and_deletions(self) -> None:
        found = flow("df['a'] = 1\nm.w = 2\nl.append(3)\nn += 1\ndel gone")
        self.assertEqual((list(found.changed), list(found.called)), (["df", "m", "n"], ["l"]))
        self.assertEqual(found.deleted, {"gone"})


class FactTests(unittest.TestCase):
    """Places are bytes, and definitions say where arguments fit."""

    def test_places_count_bytes(self) -> None:
        source = "é = 'ü'; g(é)"
        one = cell(source)["statements"][1]
        self.assertEqual(source.encode()[one["start"] : one["end"]].decode(), "g(é)")
        self.assertEqual(one["calls"][0]["close"], one["end"] - 1)

    def test_a_signature_over_lines_with_brackets_in_its_defaults(self) -> None:
        source = "def f(\n    a,  # :)\n    b=(1, [2]),\n    **kw,\n) -> 'x:y':\n    return a"
        found = cell(source)["statements"][0]["definition"]
        data = source.encode()
        self.assertEqual(data[found["close"] : found["close"] + 1], b")")
        self.assertEqual(data[found["colon"] :].decode(), ":\n    return a")
        self.assertTrue(data[found["star_kwargs"] :].startswith(b"**kw"))
        self.assertTrue(found["comma"])

    def test_lines_within_texts_are_held(self) -> None:
        self.assertEqual(cell("x = 1\ny = '''a\nb\nc'''\nz = 2")["held"], [3, 4])

    def test_a_fault_of_syntax_has_its_line(self) -> None:
        self.assertEqual(cell("x = 1\nif")["error"]["line"], 2)

    def test_the_helper_runs_none_of_the_code(self) -> None:
        request = {"cells": [{"id": 1, "source": "open('/tmp/slipway-never', 'w')\nraise SystemExit(9)"}]}
        done = subprocess.run([sys.executable, "-I", str(HELPER), "facts"], input=json.dumps(request), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(Path("/tmp/slipway-never").exists())


class EnvironmentTests(unittest.TestCase):
    """Distributions come from what is installed; the rest is missing, with candidates."""

    def test_nothing_is_guessed(self) -> None:
        found = environment({"imports": ["json", "cv2", "not_there_at_all"], "folder": None})
        self.assertEqual(found["resolved"], {})
        self.assertEqual([one["import"] for one in found["missing"]], ["cv2", "not_there_at_all"])
        self.assertIn("opencv-python", found["missing"][0]["candidates"])

    def test_a_module_beside_the_notebook_is_local(self) -> None:
        here = Path(__file__).parent
        self.assertEqual(environment({"imports": ["test_reading"], "folder": str(here)})["local"], ["test_reading"])

    def test_names_of_stars_are_read_without_an_import(self) -> None:
        self.assertIn("sqrt", names_of("math", None) or [])
        self.assertEqual(names_of("nowhere_at_all", None), None)


if __name__ == "__main__":
    unittest.main()
