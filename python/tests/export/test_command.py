"""Where an export that came with a model is looked for, and what is said where one cannot be made."""

import json
import tempfile
import unittest
from pathlib import Path

from slipway.export.command import main
from slipway.export.frameworks import need, refuse_export
from slipway.export.user_graph import find_user_graph
from slipway.refusal import Refused


class GivenExport(unittest.TestCase):
    """The file beside the model."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "extra_files").mkdir()

    def test_finds_model_onnx_among_the_extra_files(self) -> None:
        """Without metadata."""
        self.assertIsNone(find_user_graph(self.folder, {}))
        (self.folder / "model.onnx").write_bytes(b"x")
        self.assertEqual(find_user_graph(self.folder, {"metadata": None}), "model.onnx")
        (self.folder / "extra_files/model.onnx").write_bytes(b"x")
        self.assertEqual(find_user_graph(self.folder, {}), "extra_files/model.onnx")

    def test_takes_the_file_that_the_metadata_names_and_no_other_place(self) -> None:
        """A path that is not there, or leads out, is refused by name."""
        (self.folder / "extra_files/mine.onnx").write_bytes(b"x")
        named = lambda path: find_user_graph(self.folder, {"metadata": {"slipway.onnx": path}})
        self.assertEqual(named("extra_files/mine.onnx"), "extra_files/mine.onnx")
        for path in ("gone.onnx", "../model.onnx", "/etc/passwd", "extra_files", 7):
            with self.assertRaisesRegex(Refused, "metadata slipway.onnx names .*, which is no file of the model"):
                named(path)


class Refusals(unittest.TestCase):
    """What the reason says."""

    def test_names_the_package_that_is_missing(self) -> None:
        """The user adds it to the requirements."""
        with self.assertRaisesRegex(Refused, "TensorFlow is exported with no_such_package, which the model's environment lacks"):
            need("no_such_package", "TensorFlow")

    def test_gives_the_first_line_without_places_in_the_source(self) -> None:
        """Those of C++ are the builder's."""
        with self.assertRaisesRegex(Refused, "^CatBoost does not export it: ValueError: Unexpected label$"):
            refuse_export("CatBoost", ValueError("a/b/helpers.cpp:145: Unexpected label\nmore"))

    def test_a_model_of_another_flavor_is_no_failure(self) -> None:
        """result.json has the reason, and the exit status is 0."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: x\n")
            self.assertEqual(main([name, name]), 0)
            result = json.loads((folder / "result.json").read_text())
            self.assertEqual((result["ok"], result["reason"]), (False, "no flavor that is exported to ONNX; flavors: python_function"))


if __name__ == "__main__":
    unittest.main()
