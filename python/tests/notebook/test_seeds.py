"""Parameters are read from files without an import, and rows are taken by a rule without chance."""

from __future__ import annotations

import json
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from slipway.notebook import signatures
from slipway.notebook.proof.sample import run_sample, taken
from slipway.notebook.scopes import names

PACKAGE = {
    "shapes/__init__.py": "from .round import Ball as Sphere, roll\nfrom .square import *\n",
    "shapes/round.py": """
raise RuntimeError("nothing of this is to be run")

class Base:
    def __init__(self, size, *, random_state=None): ...

class Ball(Base):
    def __init__(self, colour="red", **more): ...

class Plain(Base): ...

def roll(times, seed=None, /, *rest, shuffle=False): ...
""",
    "shapes/square.py": "class Box: ...\n",
}


class SignatureTests(unittest.TestCase):
    """What an installed package says of its parameters."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for path, text in PACKAGE.items():
            file = Path(folder.name, path)
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        searched = mock.patch.object(sys, "path", [folder.name, *sys.path])
        searched.start()
        self.addCleanup(searched.stop)
        signatures.parsed.cache_clear()

    def found(self, name: str) -> object:
        parameters = signatures.parameters(name)
        return None if parameters is None else [(one["name"], one["default"], one["at"]) for one in parameters]

    def test_a_class_has_the_named_parameters_of_its_base(self) -> None:
        wanted = [("colour", "'red'", 0), ("size", None, None), ("random_state", "None", None)]
        self.assertEqual(self.found("shapes.Sphere"), wanted)
        self.assertEqual(self.found("shapes.round.Plain"), [("size", None, 0), ("random_state", "None", None)])

    def test_a_function_has_places(self) -> None:
        self.assertEqual(self.found("shapes.roll"), [("times", None, 0), ("seed", "None", 1), ("shuffle", "False", None)])

    def test_what_no_file_explains_has_none(self) -> None:
        for name in ("shapes.nothing", "shapes.Sphere.roll", "nowhere.at_all", "math.sqrt", "shapes.square.Box"):
            self.assertIsNone(signatures.parameters(name), name)
        self.assertNotIn("shapes.round", sys.modules)


class SampleTests(unittest.TestCase):
    """Rows of large tables."""

    def test_a_share_has_no_period_and_no_chance(self) -> None:
        for period in (2, 7, 24, 60, 64, 1000):
            rows = [row for row in range(200_000) if taken(row, 0.1)]
            self.assertAlmostEqual(len(rows), 20_000, delta=20)
            counts = [0] * period
            for row in rows:
                counts[row % period] += 1
            self.assertLess(max(counts) / (20_000 / period), 1.5, period)
            self.assertGreater(min(counts) / (20_000 / period), 0.5, period)
        self.assertTrue(taken(0, 1e-9))

    def sample(self, name: str, data: bytes, share: float) -> tuple[bytes, dict[str, int]]:
        with tempfile.TemporaryDirectory() as folder:
            source, target, answer = (Path(folder, one) for one in (name, f"out-{name}", "answer"))
            source.write_bytes(data)
            run_sample({"source": str(source), "target": str(target), "answer": str(answer), "share": share})
            return target.read_bytes(), json.loads(answer.read_text())

    def test_records_keep_line_ends_within_quotes_and_the_header(self) -> None:
        text, counts = self.sample("a.csv", b'a,b\n1,"x\ny"\n2,"q ""w"" "\n', 1)
        self.assertEqual((text, counts), (b'a,b\n1,"x\ny"\n2,"q ""w"" "\n', {"kept": 2, "rows": 2}))
        text, counts = self.sample("a.csv", b"a\n" + b"7\n" * 1000, 0.1)
        self.assertTrue(text.startswith(b"a\n7\n"))
        self.assertAlmostEqual(counts["kept"], 100, delta=2)

    def test_a_quote_that_nothing_closes_takes_no_file_with_it(self) -> None:
        _, counts = self.sample("a.csv", b'a\n"open\n' + b"7,8,9\n" * 400_000, 0.5)
        self.assertGreater(counts["rows"], 200_000)

    def test_lines_of_json_have_no_header(self) -> None:
        text, counts = self.sample("a.jsonl", b'{"a": "\\""}\n{"a": 2}', 1)
        self.assertEqual((text, counts["rows"]), (b'{"a": "\\""}\n{"a": 2}', 2))


class NonlocalTests(unittest.TestCase):
    """A nested function by itself."""

    def test_names_of_the_function_around_it_are_its_own(self) -> None:
        import ast

        [node] = ast.parse("def bump(by):\n    nonlocal total\n    total += by + step\n    return total").body
        self.assertEqual((names(node).later, names(node).written), (["step"], []))


if __name__ == "__main__":
    unittest.main()
