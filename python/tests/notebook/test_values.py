"""Descriptions of values: equal for equal values, different for every difference that matters, and silent about what only shows."""

from __future__ import annotations

import datetime
import tempfile
import unittest
from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from slipway.notebook.proof.values import Describer


class Point:
    """An object with a state."""

    def __init__(self, x: float) -> None:
        """One number."""
        self.x = x
        self.me = self


class ValueTests(unittest.TestCase):
    """Values of the standard library; tables and arrays are compared by the tests of the command."""

    def described(self, value: object) -> Any:
        """The description by a describer of its own."""
        with tempfile.TemporaryDirectory() as folder:
            describer = Describer(Path(folder) / "values.bin", "made")
            try:
                return describer.describe(value)
            finally:
                describer.file.close()

    def test_equal_values_have_equal_descriptions(self) -> None:
        for make in (
            lambda: [1, 2.5, "a", None, True],
            lambda: {"a": (1, {2, 3})},
            lambda: Point(0.1),
            lambda: list(range(1000)),
            lambda: [0.5] * 999,
            lambda: [(at, at / 2) for at in range(15_000)],
            lambda: {Point(1.0).x: 1, Fraction(1, 3): 2},
        ):
            self.assertEqual(self.described(make()), self.described(make()))

    def test_no_part_of_a_long_value_is_left_out(self) -> None:
        rows = [(at, at / 2) for at in range(15_000)]
        pairs: list[tuple[object, object]] = [
            (rows, [*rows[:-1], (0, 0.0)]),
            (dict(enumerate(rows)), dict(enumerate([*rows[:-1], (0, 0.0)]))),
            ({at: at for at in range(30_000)}, {at: at if at < 29_999 else 0 for at in range(30_000)}),
            ([rows, "a"], [rows, "b"]),
        ]
        for one, other in pairs:
            self.assertNotEqual(self.described(one), self.described(other))

    def test_what_is_too_large_to_look_at_is_said(self) -> None:
        deep: list[object] = []
        for _ in range(50):
            deep = [deep]
        said = self.described(deep)
        self.assertEqual((said["t"], said["v"][1][0], said["v"][1][1]["k"]), ("cut", "rest", "skip"))

    def test_addresses_in_a_state_are_not_compared(self) -> None:
        one, other = Point(1.0), Point(1.0)
        one._stop_words_id, other._stop_words_id = 1, 2  # type: ignore[attr-defined]
        self.assertEqual(self.described(one), self.described(other))

    def test_every_difference_is_one(self) -> None:
        pairs: list[tuple[object, object]] = [
            (1, 1.0),
            (1, True),
            ("1", 1),
            ([1, 2], (1, 2)),
            ([1, 2], [2, 1]),
            ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
            (0.1, 0.1 + 1e-17 + 2e-17),
            (Point(1.0), Point(2.0)),
            ([0.5] * 999, [0.5] * 998 + [0.25]),
            (list(range(1000)), [*range(999), 0]),
            (b"a", b"b"),
            (float("nan"), 0.0),
            ([None, 0.5] * 200, [float("nan"), 0.5] * 200),
            (["a", 0.5] * 200, ["a", 0.25] * 200),
            ({datetime.date(2026, 1, 1): 1}, {datetime.date(2026, 1, 2): 1}),
            ({Fraction(1, 3): 1}, {Fraction(1, 2): 1}),
            ({Fraction(1, 3)}, {Fraction(1, 2)}),
            (defaultdict(list), defaultdict(set)),
        ]
        for one, other in pairs:
            with self.subTest(one=str(one)[:30], other=str(other)[:30]):
                self.assertNotEqual(self.described(one), self.described(other))

    def test_what_cannot_be_compared_is_named(self) -> None:
        def own() -> None: ...

        own.__module__ = "__main__"
        kind = type("Thing", (), {"__module__": "__main__"})
        for value, why in (
            (own, "the function own of the notebook"),
            (kind, "the class Thing of the notebook"),
            ((one for one in [1]), "the generator <genexpr>"),
        ):
            self.assertEqual(self.described([value])["v"][0]["k"], "skip")
            self.assertEqual(self.described(value)["why"], why)

    def test_functions_classes_and_modules_of_libraries_are_compared_by_name(self) -> None:
        for one, other in ((len, print), (Point, Fraction), (unittest, datetime)):
            self.assertEqual(self.described(one)["k"], "exact")
            self.assertEqual(self.described(one), self.described(one))
            self.assertNotEqual(self.described(one), self.described(other))

    def test_a_class_of_the_package_stands_for_one_of_the_notebook(self) -> None:
        notebook = type("Thing", (), {"__module__": "__main__"})
        package = type("Thing", (), {"__module__": "made.features"})
        other = type("Thing", (), {"__module__": "another"})
        self.assertEqual(self.described(notebook())["t"], self.described(package())["t"])
        self.assertNotEqual(self.described(notebook())["t"], self.described(other())["t"])

    def test_measured_times_are_not_compared(self) -> None:
        self.assertEqual(self.described({"mean_fit_time": 1.0}), self.described({"mean_fit_time": 2.0}))
        self.assertNotEqual(self.described({"mean_test_score": 1.0}), self.described({"mean_test_score": 2.0}))


if __name__ == "__main__":
    unittest.main()
