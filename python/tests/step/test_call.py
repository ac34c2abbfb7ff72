"""How a step calls the user's function: its arguments, its metrics, its outputs, and what is said of an error."""

from __future__ import annotations

import math
import os
import pathlib
import tempfile
import unittest
from collections.abc import Callable
from typing import Any

from slipway.step import call


def spec_of(**parts: Any) -> dict[str, Any]:
    """The part of a spec that calling a function reads."""
    return {"entry": "job:main", "inputs": {}, "outputs": {}, "params": {}, "pythonpath": [], **parts}


class ArgumentsCase(unittest.TestCase):
    """Inputs and params must be accepted, outputs are given where they are."""

    def arguments(self, function: Callable[..., object]) -> dict[str, Any]:
        """What a function gets of one input, one param and one output."""
        return call.arguments(function, spec_of(inputs={"table": "/in/t"}, params={"rate": 0.1}, outputs={"model": "/out/m"}))

    def test_by_name(self) -> None:
        def takes(table: Any, *, rate: float, model: Any = None) -> None: ...

        self.assertEqual(self.arguments(takes), {"table": pathlib.Path("/in/t"), "rate": 0.1, "model": pathlib.Path("/out/m")})

    def test_an_output_that_is_not_a_parameter_is_left_out(self) -> None:
        def takes(table: Any, rate: float) -> None: ...

        self.assertEqual(set(self.arguments(takes)), {"table", "rate"})

    def test_any_keyword(self) -> None:
        def takes(**others: Any) -> None: ...

        self.assertEqual(set(self.arguments(takes)), {"table", "rate", "model"})

    def test_a_function_without_a_signature_gets_everything(self) -> None:
        class Compiled:
            __signature__ = "not told"

            def __call__(self, **values: Any) -> None: ...

        self.assertEqual(set(self.arguments(Compiled())), {"table", "rate", "model"})

    def test_what_does_not_fit_is_refused_with_the_names(self) -> None:
        def lacks(table: Any) -> None: ...

        def needs(table: Any, rate: float, seed: int) -> None: ...

        def positional(table: Any, rate: float, /) -> None: ...

        cases: dict[Callable[..., object], str] = {
            lacks: 'job:main does not accept "rate", which slipway.yaml gives it; its parameters are "table"',
            needs: 'job:main needs "seed", which slipway.yaml gives neither as input, param nor output',
            positional: 'does not accept "table", "rate"',
        }
        for function, message in cases.items():
            with self.subTest(message), self.assertRaises(call.CallRefused) as caught:
                self.arguments(function)
            self.assertIn(message, str(caught.exception))


class MetricsCase(unittest.TestCase):
    """What a function returns becomes texts of floats."""

    def test_numbers_of_every_kind(self) -> None:
        found = call.metrics_of({"a": 1, "b": True, "c": 0.1, "d": math.nan, "e": -math.inf, "f": 2**80})
        self.assertEqual(found, {"a": "1.0", "b": "1.0", "c": "0.1", "d": "nan", "e": "-inf", "f": repr(float(2**80))})
        self.assertEqual(call.metrics_of(None), {})

    def test_a_scalar_of_another_library_is_its_item(self) -> None:
        class Scalar:
            size = 1

            def item(self) -> float:
                return 2.5

        self.assertEqual(call.metrics_of({"a": Scalar()}), {"a": "2.5"})

    def test_everything_else_is_refused(self) -> None:
        cases: dict[str, object] = {"returned list; expected a dict": [1], "returned 'a': str": {"a": "1"}, "returned 1: int": {1: 1}}
        for message, returned in cases.items():
            with self.subTest(message), self.assertRaisesRegex(call.CallRefused, message):
                call.metrics_of(returned)


class OutputsCase(unittest.TestCase):
    """Declared outputs are where they belong, or the step has failed."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        self.folder = pathlib.Path(holder.name)
        (self.folder / "out").mkdir()
        os.chdir(self.folder)

    def test_made_in_place_or_beside(self) -> None:
        for name in ("placed", "beside"):
            (self.folder / ("out" if name == "placed" else "") / name).write_text(name)
        (self.folder / "placed").write_text("another file of that name")
        call.take_outputs(spec_of(outputs={name: str(self.folder / "out" / name) for name in ("placed", "beside")}))
        self.assertEqual((self.folder / "out" / "placed").read_text(), "placed")
        self.assertEqual((self.folder / "out" / "beside").read_text(), "beside")

    def test_a_link_to_nowhere_counts_as_made(self) -> None:
        (self.folder / "out" / "link").symlink_to("nowhere")
        call.take_outputs(spec_of(outputs={"link": str(self.folder / "out" / "link")}))

    def test_all_that_are_missing_are_named(self) -> None:
        with self.assertRaisesRegex(call.CallRefused, 'declared output "a", "b" was not made'):
            call.take_outputs(spec_of(outputs={"a": "out/a", "b": "out/b"}))


class DescribeCase(unittest.TestCase):
    """The class of an exception decides whether a step is tried again."""

    def describe(self, error: BaseException, **parts: Any) -> dict[str, Any]:
        """What is said of an error that was raised here."""
        try:
            raise error
        except BaseException as caught:  # noqa: BLE001 the test looks at it
            return call.describe(caught, spec_of(**parts))

    def test_classes(self) -> None:
        class OutOfMemoryError(RuntimeError):
            """As PyTorch calls it."""

        cases: list[tuple[BaseException, str]] = [
            (ValueError("x"), "user"),
            (call.CallRefused("x"), "user"),
            (SystemExit(2), "user"),
            (MemoryError(), "out_of_memory"),
            (OutOfMemoryError("CUDA"), "out_of_memory"),
            (ModuleNotFoundError("No module named 'x'", name="x"), "environment"),
            (ImportError("cannot import name"), "user"),
            (KeyboardInterrupt(), "user"),
        ]
        for error, kind in cases:
            with self.subTest(repr(error)):
                self.assertEqual(self.describe(error)["class"], kind)

    def test_a_missing_module_of_the_project_is_the_codes_fault(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "mine").mkdir()
            error = ModuleNotFoundError("No module named 'mine.part'", name="mine.part")
            self.assertEqual(self.describe(error, pythonpath=[folder])["class"], "user")
            self.assertEqual(self.describe(error, pythonpath=["/nowhere"])["class"], "environment")

    def test_messages_are_cut(self) -> None:
        found = self.describe(ValueError("x" * 10_000))
        self.assertEqual(len(found["message"]), 4000)
        self.assertIn("test_call.py", found["traceback"])

    def test_refusals_have_no_traceback(self) -> None:
        self.assertIsNone(self.describe(call.CallRefused("why"))["traceback"])
        self.assertEqual(self.describe(SystemExit("bye"))["message"], "the code called exit('bye')")


if __name__ == "__main__":
    unittest.main()
