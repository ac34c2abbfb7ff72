"""The reader of MLmodel files and signatures, without a YAML package."""

from __future__ import annotations

import importlib.util
import json
import pickle
import random
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path
from typing import Any

from slipway.lower.form.inputs import InputColumn
from slipway.lower.mlmodel import load_boosted, load_model, parse_mlmodel, read_examples, read_signature, read_yaml
from slipway.refusal import Refused

MLMODEL = """flavors:
  python_function:
    env:
      conda: conda.yaml
    model_path: model.pkl
    predict_fn: predict_proba
    python_version: 3.11.7
  sklearn:
    code: null
    pickled_model: model.pkl
    skops_trusted_types:
    - one.Type
    - two.Type
signature:
  inputs: '[{"type": "double", "name": "it''s", "required": true}, {"type": "long", "name":
    "b", "required": true}]'
  params: null
model_size_bytes: 9135
"""


class MlmodelTest(unittest.TestCase):
    """The parts of a folder's MLmodel that decide what it is."""

    def test_nested_maps_lists_and_folded_text(self) -> None:
        meta = parse_mlmodel(MLMODEL)
        self.assertEqual(meta["flavors"]["python_function"]["env"], {"conda": "conda.yaml"})
        self.assertEqual(meta["flavors"]["python_function"]["python_version"], "3.11.7")
        self.assertIsNone(meta["flavors"]["sklearn"]["code"])
        self.assertEqual(meta["flavors"]["sklearn"]["skops_trusted_types"], ["one.Type", "two.Type"])
        self.assertEqual(meta["model_size_bytes"], 9135)
        inputs, frame = read_signature(meta)
        self.assertEqual([(c.name, c.kind) for c in inputs or ()], [("it's", "number"), ("b", "integer")])
        self.assertTrue(frame)

    def test_tensor_becomes_numbered_columns(self) -> None:
        text = '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}]'
        inputs, frame = read_signature({"signature": {"inputs": text}})
        self.assertEqual([(c.name, c.kind, c.float32) for c in inputs or ()], [("x0", "number", True), ("x1", "number", True)])
        self.assertFalse(frame)

    def test_types_without_a_native_form_are_refused_by_name(self) -> None:
        with self.assertRaisesRegex(Refused, "input t of type datetime"):
            read_signature({"signature": {"inputs": '[{"type": "datetime", "name": "t"}]'}})
        with self.assertRaisesRegex(Refused, "tensor inputs of shape"):
            read_signature({"signature": {"inputs": '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2, 2]}}]'}})

    def test_columns_without_names_and_types_that_are_no_texts(self) -> None:
        with self.assertRaisesRegex(Refused, "a signature with unnamed columns"):
            read_signature({"signature": {"inputs": '[{"type": "double"}]'}})
        with self.assertRaisesRegex(Refused, "input a of type {'type': 'array'}"):
            read_signature({"signature": {"inputs": '[{"type": {"type": "array"}, "name": "a"}]'}})
        with self.assertRaisesRegex(Refused, "a tensor input of type uint8"):
            read_signature({"signature": {"inputs": '[{"type": "tensor", "tensor-spec": {"dtype": "uint8", "shape": [-1, 2]}}]'}})

    def test_no_signature_is_a_frame_of_unknown_inputs(self) -> None:
        for meta in ({}, {"signature": None}, {"signature": {"inputs": None}}):
            self.assertEqual(read_signature(meta), (None, True))

    def test_the_small_reader_agrees_with_yaml(self) -> None:
        if importlib.util.find_spec("yaml") is None:
            self.skipTest("PyYAML, the oracle, is not installed")
        import yaml

        roll = random.Random(4)
        words = [
            "model.pkl",
            "it's",
            "x: y",
            "null",
            "true",
            "3.11.7",
            "007",
            "é–ü",
            "# no comment",
            "- item",
            "",
            " padded ",
            "{}",
            "a'b\"c",
            "9135",
        ]

        def value(depth: int) -> Any:
            kind = roll.randrange(6 if depth < 3 else 4)
            if kind == 0:
                return roll.choice([None, True, False, roll.randrange(10**6), {}])
            if kind == 1:
                return json.dumps([{"name": roll.choice(words), "type": "double", "required": True} for _ in range(roll.randrange(1, 6))])
            if kind in (2, 3):
                return roll.choice(words)
            if kind == 4:
                return [roll.choice(words) for _ in range(roll.randrange(1, 4))]
            return {f"key_{i}": value(depth + 1) for i in range(roll.randrange(1, 4))}

        for _ in range(300):
            wanted = {f"top_{i}": value(0) for i in range(4)}
            text = yaml.safe_dump(wanted, default_flow_style=False, allow_unicode=True)
            self.assertEqual(parse_mlmodel(text), wanted, text)


def block_yaml(value: dict[str, Any], indent: str = "") -> str:
    """Nested maps of texts as MLflow writes them, without a YAML package."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict) and item:
            lines.append(f"{indent}{key}:\n{block_yaml(item, indent + '  ')}")
        else:
            text = "{}" if isinstance(item, dict) else "'" + item.replace("'", "''") + "'"
            lines.append(f"{indent}{key}: {text}\n")
    return "".join(lines)


class FolderCase(unittest.TestCase):
    """A model folder is opened by the class and serializer that it names."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def save(self, flavors: dict[str, Any], **more: Any) -> Path:
        """An MLmodel file."""
        (self.folder / "MLmodel").write_text(block_yaml({"flavors": flavors, **more}))
        return self.folder

    def test_a_pickled_object_with_its_code(self) -> None:
        (self.folder / "code").mkdir()
        (self.folder / "code" / "slipway_mlmodel_test.py").write_text("class Thing:\n    answer = 42\n")
        sys.path.insert(0, str(self.folder / "code"))
        import slipway_mlmodel_test

        (self.folder / "model.pkl").write_bytes(pickle.dumps(slipway_mlmodel_test.Thing()))
        sys.path.remove(str(self.folder / "code"))
        del sys.modules["slipway_mlmodel_test"]
        self.addCleanup(setattr, sys, "path", list(sys.path))
        flavors = {"sklearn": {"pickled_model": "model.pkl"}, "python_function": {"code": "code", "predict_fn": "predict_proba"}}
        loaded = load_model(self.save(flavors, signature={"inputs": '[{"type": "float", "name": "x"}]'}))
        self.assertEqual((loaded.estimator.answer, loaded.output, loaded.frame), (42, "predict_proba", True))
        self.assertEqual(loaded.inputs, [InputColumn("x", "number", float32=True)])

    def test_other_flavors_and_functions_are_refused_by_name(self) -> None:
        with self.assertRaisesRegex(Refused, "no flavor of scikit-learn, XGBoost or LightGBM; flavors: keras, python_function"):
            load_model(self.save({"python_function": {}, "keras": {}}))
        with self.assertRaisesRegex(Refused, "flavors: none"):
            load_model(self.save({}))
        with self.assertRaisesRegex(Refused, "predict function transform"):
            load_model(self.save({"sklearn": {"pickled_model": "x"}, "python_function": {"predict_fn": "transform"}}))
        with self.assertRaisesRegex(Refused, "model class os.system in the flavor xgboost"):
            load_boosted(self.folder / "x", "xgboost", {"model_class": "os.system"})

    def test_rows_of_the_example_in_the_order_of_the_inputs(self) -> None:
        example = {"columns": ["b", "a", "more"], "data": [[1, "x", 0], [None, "y", 0], [2, float("nan"), 0]]}
        (self.folder / "example.json").write_text(json.dumps(example))
        meta = {"saved_input_example_info": {"artifact_path": "example.json", "pandas_orient": "split"}}
        inputs = [InputColumn("a", "string"), InputColumn("b", "number")]
        self.assertEqual(read_examples(self.folder, meta, inputs), [["x", 1], ["y", None], [None, 2]])
        self.assertEqual(read_examples(self.folder, meta, [InputColumn("gone", "number")]), [])
        self.assertEqual(read_examples(self.folder, meta, None), [])
        self.assertEqual(read_examples(self.folder, {}, inputs), [])
        meta["saved_input_example_info"]["artifact_path"] = "gone.json"
        self.assertEqual(read_examples(self.folder, meta, inputs), [])

    def test_the_file_is_read_without_a_yaml_package_too(self) -> None:
        (self.folder / "MLmodel").write_text(MLMODEL)
        before = read_yaml(self.folder / "MLmodel")
        with unittest.mock.patch.dict(sys.modules, {"yaml": None}):
            self.assertEqual(read_yaml(self.folder / "MLmodel"), before)


if __name__ == "__main__":
    unittest.main()
