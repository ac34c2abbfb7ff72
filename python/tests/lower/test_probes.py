"""The rows that a lowered model is verified on: where mistakes would show, and only such as the library takes."""

from __future__ import annotations

import math
import random
import struct
import unittest
from collections.abc import Callable
from typing import Any

try:
    import numpy as np

    from slipway.lower.form.columns import UNSEEN_TEXT
    from slipway.lower.form.inputs import InputColumn
    from slipway.lower.form.types import Column
    from slipway.lower.lowered import Lowered
    from slipway.lower.probes import Probes, find_limits, invert, neighbour
    from slipway.lower.reference import sift
    from tests.lower.flat_model import number_step
except ImportError:
    np = None


class FakeReference:
    """Refuses the rows that a rule refuses."""

    def __init__(self, refuses: Callable[[list[Any]], bool]) -> None:
        self.refuses = refuses
        self.calls = 0

    def answers(self, rows: list[list[Any]]) -> None:
        """Raises ValueError when one of the rows is refused."""
        self.calls += 1
        if any(self.refuses(row) for row in rows):
            raise ValueError("refused")


def lowered_of(columns: list[Column], thresholds: list[tuple[int, float]], **more: Any) -> Lowered:
    """A description with one tree node for each (column, threshold)."""
    features = [feature for feature, _ in thresholds]
    arrays = {
        "feature": np.array([*features, -1]),
        "threshold": np.array([*(value for _, value in thresholds), 0.0]),
        "flags": np.zeros(len(features) + 1, dtype="int64"),
        "bitsets": np.zeros(0, dtype="uint32"),
    }
    return Lowered(columns, {}, {}, [(columns, arrays)], None, None, more.get("vocabulary", {}))


@unittest.skipIf(np is None, "numpy and pandas are not installed")
class InvertCase(unittest.TestCase):
    """The input that steps turn into a threshold."""

    def test_it_leads_back_through_the_steps(self) -> None:
        roll = random.Random(1)
        for _ in range(200):
            steps = []
            for _ in range(roll.randrange(5)):
                amount = roll.choice([-2.5, 0.5, 3.0, 1e3])
                steps.append({"op": roll.choice(["add", "subtract", "multiply", "divide"]), "value": amount})
            steps.append({"op": "finite"})
            target = roll.uniform(-5, 5)
            value = invert(steps, target)
            self.assertIsNotNone(value)
            for step in steps:
                value = number_step(step, value or 0.0)
            self.assertAlmostEqual(value or 0.0, target, places=6)

    def test_steps_without_an_inverse(self) -> None:
        for op in ("encode", "is_missing", "fill_text", "above", "bin", "quantile", "interpolate", "apply"):
            self.assertIsNone(invert([{"op": "add", "value": 1.0}, {"op": op}], 2.0))
        self.assertIsNone(invert([{"op": "multiply", "value": 0.0}], 2.0))
        self.assertIsNone(invert([], math.inf))


@unittest.skipIf(np is None, "numpy and pandas are not installed")
class ProbesCase(unittest.TestCase):
    """What is drawn for each kind of input."""

    def test_thresholds_and_both_neighbours_are_met(self) -> None:
        columns = [Column(0, ({"op": "multiply", "value": 2.0},))]
        draws = Probes([InputColumn("x", "number")], [], lowered_of(columns, [(0, 3.0), (0, 7.0)]), 0)
        found = {draws.row()[0] for _ in range(600)}
        for point in (1.5, 3.5):
            self.assertLessEqual({point, math.nextafter(point, math.inf), math.nextafter(point, -math.inf)}, found)
        self.assertIn(None, found)

    def test_the_next_float32_is_one_bit_away(self) -> None:
        def bits(value: float) -> int:
            found: int = struct.unpack("<i", struct.pack("<f", value))[0]
            return found

        for point in (0.1, 3.0, -7.25, 1e-3):
            near, up, down = (neighbour(point, which) for which in (3, 4, 5))
            self.assertEqual(near, struct.unpack("<f", struct.pack("<f", point))[0])
            self.assertEqual({abs(bits(up) - bits(near)), abs(bits(near) - bits(down))}, {1})
            self.assertLess(down, near)
            self.assertLess(near, up)

    def test_categories_known_and_unseen(self) -> None:
        tables: list[dict[str, Any]] = [{"keys": ["a", "b"]}, {"keys": [1.0, 4.0]}]
        columns = [Column(i, ({"op": "encode", "table": i},)) for i in range(2)]
        inputs = [InputColumn("t", "string"), InputColumn("n", "integer")]
        draws = Probes(inputs, tables, lowered_of(columns, []), 0)
        rows = [draws.row() for _ in range(400)]
        texts, numbers = ({row[i] for row in rows} for i in range(2))
        self.assertLess({"a", "b", None, math.nan}, texts)
        self.assertEqual(len(texts), 5)
        self.assertEqual(numbers, {1, 4, 5, None})
        draws.allow_unseen = [False, False]
        self.assertEqual({draws.row()[0] for _ in range(200)}, {"a", "b", None, math.nan})

    def test_values_have_the_kind_of_their_input(self) -> None:
        inputs = [InputColumn("f", "number", float32=True), InputColumn("b", "boolean"), InputColumn("i", "integer")]
        draws = Probes(inputs, [], lowered_of([Column(0), Column(1), Column(2)], [(0, 0.1), (2, 2.5)]), 3)
        for _ in range(300):
            value, flag, whole = draws.row()
            self.assertIsInstance(flag, bool)
            self.assertTrue(value is None or value == float(np.float32(value)))
            self.assertTrue(whole is None or (isinstance(whole, int) and abs(whole) <= 2**53))

    def test_texts_hold_terms_of_the_vocabulary(self) -> None:
        lowered = lowered_of([Column(0, ({"op": "note"},))], [], vocabulary={0: ["storm", "gate"]})
        draws = Probes([InputColumn("t", "string")], [], lowered, 0)
        texts = [text if isinstance(text, str) else "" for text in (draws.row()[0] for _ in range(200))]
        self.assertGreater(sum("storm" in text.lower() for text in texts), 50)
        self.assertIn("", texts)

    def test_the_same_seed_draws_the_same_rows(self) -> None:
        def rows(seed: int) -> list[Any]:
            draws = Probes([InputColumn("x", "number")], [], lowered_of([Column(0)], [(0, 1.0)]), seed)
            return [draws.row() for _ in range(50)]

        self.assertEqual(rows(4), rows(4))
        self.assertNotEqual(rows(4), rows(5))


@unittest.skipIf(np is None, "numpy and pandas are not installed")
class LimitsCase(unittest.TestCase):
    """What a library refuses is found by asking it."""

    def limits(self, refuses: Callable[[list[Any]], bool], *inputs: InputColumn) -> tuple[Probes, list[Any]]:
        """The draws with their limits, and the refused rows."""
        columns = [Column(i, ({"op": "encode", "table": 0},) if column.kind == "string" else ()) for i, column in enumerate(inputs)]
        draws = Probes(list(inputs), [{"keys": ["a", "b"]}], lowered_of(columns, []), 0)
        reference: Any = FakeReference(refuses)
        return draws, find_limits(draws, reference, list(inputs))

    def test_an_input_that_must_be_there(self) -> None:
        x, y = InputColumn("x", "number"), InputColumn("y", "number")
        draws, refused = self.limits(lambda row: row[0] is None, x, y)
        self.assertEqual((x.required, y.required, draws.missing), (True, False, [[], [None]]))
        self.assertEqual([row[0] for row in refused], [None])

    def test_an_infinity(self) -> None:
        _, refused = self.limits(lambda row: row[0] is not None and math.isinf(row[0]), InputColumn("x", "number"))
        self.assertEqual(refused, [[math.inf]])

    def test_an_unseen_category(self) -> None:
        draws, refused = self.limits(lambda row: row[0] not in ("a", "b", None, math.nan), InputColumn("t", "string"))
        self.assertEqual((draws.allow_unseen, len(refused)), ([False], 1))

    def test_a_text_is_asked_with_both_missing_values_of_python(self) -> None:
        taken: dict[tuple[Any, ...], Any] = {("a",): None, ("a", None): "none", ("a", math.nan): "nan", ("a", None, math.nan): "both"}
        for values, kind in taken.items():
            text = InputColumn("t", "string")
            draws, refused = self.limits(lambda row, values=values: row[0] not in (*values, "b"), text)  # type: ignore[misc]
            self.assertEqual((text.required, text.missing if kind else None), (kind is None, kind))
            self.assertEqual(set(draws.missing[0]), set(values) - {"a"})
            self.assertEqual({row[0] for row in refused}, {None, math.nan, UNSEEN_TEXT} - set(values))

    def test_sifting_keeps_exactly_the_rows_that_are_answered(self) -> None:
        roll = random.Random(2)
        for share in (0.0, 0.05, 0.5, 1.0):
            bad = [roll.random() < share for _ in range(64)]
            reference = FakeReference(lambda row, bad=bad: bad[row[0]])  # type: ignore[misc]
            rows = [[i] for i in range(64)]
            answered: Any
            answered, refused = sift(reference, rows)  # type: ignore[arg-type]
            self.assertEqual([row[0] for row in answered], [i for i in range(64) if not bad[i]])
            self.assertEqual([row[0] for row in refused], [i for i in range(64) if bad[i]])
            self.assertLessEqual(reference.calls, 127)


if __name__ == "__main__":
    unittest.main()
