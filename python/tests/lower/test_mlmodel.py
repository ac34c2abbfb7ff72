"""The reader of MLmodel files and signatures, without a YAML package."""

import unittest

from slipway.lower.mlmodel import parse_mlmodel, read_signature
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


if __name__ == "__main__":
    unittest.main()
