"""Rows that come more than once: all of them, in the same order again, unless that takes too much or too long."""

from __future__ import annotations

import itertools
import signal
import tempfile
import unittest
from pathlib import Path
from typing import Any

from slipway.notebook.proof.doubled import LEAST, asked_doubled
from slipway.notebook.proof.pieces import Ask
from slipway.notebook.proof.values import Describer

ROWS = ["a", "b", "c"]
PIECES = [{"rows": [1], "among": ["B"]}, {"rows": [2, 0, 1], "among": ["C", "A", "B"]}]


def upper(rows: list[str]) -> list[str]:
    """A model."""
    return [one.upper() for one in rows]


class DoubledTests(unittest.TestCase):
    """Rows in a list; tables are asked by the tests of the command."""

    def asked(self, ask: Ask, rows: Any = ROWS, limit: float = 600) -> dict[str, Any]:
        """What is known of a model."""
        with tempfile.TemporaryDirectory() as folder:
            describer = Describer(Path(folder) / "values.bin", "made")
            try:
                return asked_doubled(PIECES, rows, ask, {"limit": limit, "seed": 0, "modules": []}, describer)
            finally:
                describer.file.close()

    def test_each_row_is_asked_again_until_there_are_more_than_a_thousand(self) -> None:
        found = self.asked(upper)
        *before, last = found["pieces"]
        self.assertEqual((before, found["undoubled"]), (PIECES, ""))
        self.assertEqual(len(last["rows"]), 1038)
        self.assertGreaterEqual(len(last["rows"]), LEAST)
        self.assertEqual(last["rows"][:6], [2, 0, 1, 2, 0, 1])
        self.assertEqual(last["texts"][:4], ["'C'", "'A'", "'B'", "'C'"])
        self.assertEqual(last["among"][:4], ["C", "A", "B", "C"])

    def test_a_refusal_is_an_answer(self) -> None:
        self.assertEqual(self.asked(lambda rows: rows[5000])["pieces"][-1]["answer"]["k"], "fault")

    def test_whatever_keeps_it_from_being_asked_is_told(self) -> None:
        count = itertools.count()
        for why, ask, rows, limit in (
            ("the notebook's own model takes longer than 0.05 s", lambda _: signal.pause(), ROWS, 0.2),
            ("they are answered by chance", lambda _: next(count), ROWS, 600),
            ("they take more than 256 MB", upper, ["a" * 300_000, "b" * 300_000, "c" * 300_000], 600),
            ("nobody can tell how large they are", upper, [lambda: "no row", lambda: "another", lambda: "one more"], 600),
        ):
            with self.subTest(why):
                found = self.asked(ask, rows, limit)
                self.assertEqual(found, {"undoubled": f"rows that come more than once were not asked: {why}"})

    def test_what_is_not_asked_in_pieces_is_not_asked_so(self) -> None:
        self.assertEqual(asked_doubled([], ROWS, upper, {}, None), {"undoubled": ""})  # type: ignore[arg-type]
