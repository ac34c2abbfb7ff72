"""The rows that an export is verified on: random, within what the model takes, with its own answers."""

from __future__ import annotations

import importlib.util
import json
import math
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slipway.export import rows as export_rows
from slipway.export.draws import Draws, borders_of
from slipway.export.reference import Reference, decode
from slipway.refusal import Refused
from slipway.scorer.results import encode_result

HAS_PANDAS = importlib.util.find_spec("pandas") is not None
COLUMNS = [
    {"name": "a", "kind": "number", "dtype": "double"},
    {"name": "n", "kind": "integer", "dtype": "long"},
    {"name": "b", "kind": "boolean", "dtype": "boolean"},
]
TEXT = {"name": "t", "kind": "string", "dtype": "string"}


class FakeModel:
    """A model that is one function of a DataFrame or an array."""

    pyfunc: Any = None

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self.call = lambda data, params: answer(data)


def reference_of(answer: Callable[[Any], Any], columns: list[dict[str, Any]] = COLUMNS, tensor: str | None = None) -> Reference:
    """A model of one function, asked as a scorer asks."""
    model: Any = FakeModel(answer)
    return Reference(columns, tensor, model)


@unittest.skipUnless(HAS_PANDAS, "pandas is not installed")
class ReferenceCase(unittest.TestCase):
    """Answers come as a caller gets them."""

    def test_the_model_sees_the_types_of_the_signature(self) -> None:
        kinds: list[Any] = []

        def answer(frame: Any) -> Any:
            kinds.append([str(kind) for kind in frame.dtypes])
            return frame["a"]

        reference = reference_of(answer)
        self.assertEqual(reference.answers([[0.5, 1, True], [None, 2, False]])[0], 0.5)
        self.assertEqual(kinds, [["float64", "int64", "bool"]])
        array = reference_of(lambda data: data * 2, [{"name": f"x{i}", "kind": "number", "dtype": "float32"} for i in range(2)], "float32")
        self.assertEqual(array.answers([[1.5, 2.0]]), [[3.0, 4.0]])

    def test_names_of_columns(self) -> None:
        reference = reference_of(lambda frame: frame[["a"]].rename(columns={"a": "score"}))
        self.assertEqual((reference.columns([1.0, 1, True]), reference.answers([[1.0, 1, True]])), (["score"], [1.0]))

    def test_what_was_encoded_is_read_back(self) -> None:
        import numpy as np

        for answer in (np.array([0.1, math.inf]), np.array([[1.0, 2.0], [3.0, 4.0]]), [["a"], ["b"]], np.array(["x", "y"])):
            found = decode(encode_result(answer, 2))
            self.assertEqual(found, answer if isinstance(answer, list) else answer.tolist())


@unittest.skipUnless(HAS_PANDAS, "pandas is not installed")
class WriteCase(unittest.TestCase):
    """verify.json of models that take, refuse, waver."""

    def write(self, reference: Reference, example: Any = None, probes: int = 120, net: bool = False) -> dict[str, Any]:
        """The file's content."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            meta: dict[str, Any] = {}
            if example is not None:
                (folder / "example.json").write_text(json.dumps(example))
                meta = {"saved_input_example_info": {"artifact_path": "example.json"}}
            count = export_rows.write_rows(folder / "verify.json", reference, (folder, meta, net), probes, 1)
            found: dict[str, Any] = json.loads((folder / "verify.json").read_text())
        self.assertEqual((count, len(found["answers"])), (len(found["rows"]), len(found["rows"])))
        return found

    def test_rows_have_the_models_answers(self) -> None:
        found = self.write(reference_of(lambda frame: (frame["a"] * 2 + frame["n"]).to_numpy()), net=True)
        self.assertGreater(len(found["rows"]), 100)
        for (a, n, _), answer in zip(found["rows"], found["answers"]):
            self.assertEqual(answer, None if a is None or n is None else a * 2 + n)
        self.assertTrue(any(a is None for a, *_ in found["rows"]))
        self.assertEqual((found["whole"], found["net"], found["columns"]), ([], True, None))

    def test_inputs_that_must_be_there_are_named_and_never_missing(self) -> None:
        def answer(frame: Any) -> Any:
            if frame["a"].isna().any():
                raise ValueError("a is missing")
            return frame["a"].to_numpy()

        found = self.write(reference_of(answer))
        self.assertEqual(found["whole"], ["a"])
        self.assertFalse(any(a is None for a, *_ in found["rows"]))

    def test_infinities_are_words(self) -> None:
        found = self.write(reference_of(lambda frame: (frame["a"] * math.inf).to_numpy()))
        self.assertLessEqual({"Infinity", "-Infinity"}, set(found["answers"]))

    def test_examples_come_first_in_every_form(self) -> None:
        wanted = [[1.0, 2, True], [3.0, 4, False]]
        for example in (
            {"columns": ["b", "n", "a"], "data": [[True, 2, 1.0], [False, 4, 3.0]]},
            {"inputs": wanted},
            wanted,
        ):
            found = self.write(reference_of(lambda frame: frame["a"].to_numpy()), example)
            self.assertEqual(found["rows"][:2], wanted)
        found = self.write(reference_of(lambda frame: frame["a"].to_numpy()), {"inputs": [[1.0]]})
        self.assertNotEqual(found["rows"][0], [1.0])

    def test_rows_that_the_model_refuses_are_left_out(self) -> None:
        def answer(frame: Any) -> Any:
            if (frame["n"] % 7 == 3).any():
                raise ValueError("three of seven")
            return frame["a"].to_numpy()

        found = self.write(reference_of(answer))
        self.assertGreater(len(found["rows"]), 40)
        self.assertFalse(any(n is not None and n % 7 == 3 for _, n, _ in found["rows"]))

    def test_a_model_that_wavers_is_refused(self) -> None:
        calls: list[int] = []

        def random_answer(frame: Any) -> Any:
            calls.append(1)
            return frame["a"].fillna(0).to_numpy() * 0 + len(calls)

        for answer in (random_answer, lambda frame: (frame["a"] - frame["a"].mean()).to_numpy()):
            with self.assertRaisesRegex(Refused, "depends on the other rows of a call, or is random"):
                self.write(reference_of(answer))

    def test_answers_that_a_graph_lacks_are_refused(self) -> None:
        cases: dict[str, Callable[[Any], Any]] = {
            "its answer has several names: p, q": lambda frame: frame.assign(p="x", q=1.0)[["p", "q"]],
            "the answer to one row has more than one dimension": lambda frame: [[{"p": 1.0}]] * len(frame),
        }
        for reason, answer in cases.items():
            with self.subTest(reason), self.assertRaisesRegex(Refused, reason):
                self.write(reference_of(answer))

    def test_a_model_that_answers_nothing_is_refused_in_its_words(self) -> None:
        def answer(_: Any) -> Any:
            raise KeyError("column\nmore")

        with self.assertRaisesRegex(Refused, "the Python model answers no row that was tried: KeyError: 'column"):
            self.write(reference_of(answer))

    def test_a_text_needs_an_example(self) -> None:
        with self.assertRaisesRegex(Refused, "input t is a text, and there is no example of it"):
            self.write(reference_of(lambda frame: [1.0] * len(frame), [TEXT]))
        found = self.write(reference_of(lambda frame: [1.0] * len(frame), [TEXT]), {"columns": ["t"], "data": [["x"], ["y"]]})
        self.assertLessEqual({row[0] for row in found["rows"]}, {"x", "y", None})


@unittest.skipUnless(HAS_PANDAS, "pandas is not installed")
class DrawsCase(unittest.TestCase):
    """Random values like those of the examples, and far from them."""

    def test_near_values_stay_near(self) -> None:
        draws = Draws(reference_of(lambda frame: frame), [[float(i), i, True] for i in range(10, 20)], 0)
        draws.stay_near(True)
        rows = [draws.row() for _ in range(300)]
        self.assertTrue(all(10 <= n <= 19 for _, n, _ in rows))
        self.assertLess(max(abs(a - 14.5) for a, *_ in rows), 4.5 * 6)
        draws.stay_near(False)
        self.assertTrue(any(not 10 <= draws.row()[1] <= 19 for _ in range(100)))

    def test_missing_values_only_where_they_are_allowed(self) -> None:
        draws = Draws(reference_of(lambda frame: frame), [], 0)
        draws.allow_missing([1])
        rows = [draws.row() for _ in range(400)]
        self.assertEqual([any(row[i] is None for row in rows) for i in range(3)], [False, True, False])

    def test_the_borders_of_trees_are_met(self) -> None:
        import types

        import numpy as np

        reference = reference_of(lambda frame: frame, [COLUMNS[0], {**COLUMNS[0], "name": "c"}])
        trees = types.SimpleNamespace(get_borders=lambda: {1: [0.1]})
        reference.model.pyfunc = types.SimpleNamespace(_model_impl=types.SimpleNamespace(cb_model=trees))
        self.assertEqual(borders_of(reference), [[], [0.1]])
        draws = Draws(reference, [], 0)
        near = np.float32(0.1)
        wanted = {float(near), float(np.nextafter(near, np.float32(1))), float(np.nextafter(near, np.float32(-1)))}
        self.assertLessEqual(wanted, {draws.row()[1] for _ in range(200)})


if __name__ == "__main__":
    unittest.main()
