"""The scorer's frames, its input columns and its results; needs numpy and pandas, no scikit-learn."""

from __future__ import annotations

import importlib.util
import json
import math
import struct
import unittest
from typing import Any

from slipway.scorer import inputs, results

HAS_PANDAS = importlib.util.find_spec("pandas") is not None

INPUTS = [
    {"name": "x", "kind": "number", "dtype": "double"},
    {"name": "f", "kind": "number", "dtype": "float"},
    {"name": "n", "kind": "integer", "dtype": "long"},
    {"name": "on", "kind": "boolean", "dtype": "boolean"},
    {"name": "c", "kind": "string", "dtype": "string"},
]


def payload(count: int, texts: Any, numbers: Any, params: dict[str, Any] | None = None) -> bytes:
    """One PREDICT payload."""
    extra = {"texts": texts} if params is None else {"texts": texts, "params": params}
    text = json.dumps(extra).encode("utf-8")
    return inputs.COUNTS.pack(count, len(text)) + text + struct.pack(f"<{len(numbers)}d", *numbers)


@unittest.skipUnless(HAS_PANDAS, "pandas is not installed")
class FramesTest(unittest.TestCase):
    def build(self, numbers: list[float], texts: Any, count: int = 1, params: dict[str, Any] | None = None) -> Any:
        return inputs.Inputs(INPUTS, None).build(payload(count, [texts], numbers, params))

    def test_columns_have_the_types_of_the_signature(self) -> None:
        data, params = self.build([1.5, 2.5, 3, 1], ["a"], params={"t": 1})
        self.assertEqual(list(data.columns), ["x", "f", "n", "on", "c"])
        kinds = [str(kind) for kind in data.dtypes[:4]]
        self.assertEqual(kinds, ["float64", "float32", "int64", "bool"])
        self.assertEqual(data.iloc[0].tolist(), [1.5, 2.5, 3, True, "a"])
        self.assertEqual(params, {"t": 1})

    def test_missing_values(self) -> None:
        nan = math.nan
        data, _ = self.build([nan, nan, nan, nan], [None])
        self.assertTrue(all(math.isnan(value) for value in data.iloc[0][["x", "f", "n"]]))
        self.assertIsNone(data["on"][0])
        self.assertIsNone(data["c"][0])
        self.assertEqual(str(data["n"].dtype), "float64")

    def test_missing_texts_are_none_or_nan_as_they_are_marked(self) -> None:
        columns = [{"name": "b", "kind": "string", "dtype": "binary"}, {"name": "c", "kind": "string", "dtype": "string"}]

        def said(texts: list[Any], **marks: Any) -> tuple[str, str]:
            extra = json.dumps({"texts": [[None] * len(texts), texts], **marks}).encode()
            data, _ = inputs.Inputs(columns, None).build(inputs.COUNTS.pack(len(texts), len(extra)) + extra)
            self.assertEqual(data["b"].tolist(), [None] * len(texts))
            return str(data["c"].dtype), repr(data["c"].tolist())

        three = inputs.pandas_major() >= 3
        text = "str" if three else "object"
        self.assertEqual(said([None, None]), ("object", "[None, None]"))
        self.assertEqual(said([None, None], nan={"1": [0, 1]}), ("object", "[nan, nan]"))
        self.assertEqual(said(["a", None, None], nan={"0": [0], "1": [1, 2]}), (text, "['a', nan, nan]"))
        self.assertEqual(said(["a", None], beside={"1": [1]}), (text, "['a', nan]") if three else ("object", "['a', None]"))
        self.assertEqual(said(["a", "b"]), (text, "['a', 'b']"))
        self.assertEqual(said(["a", None]), ("object", "['a', None]"), "of two calls that were merged")

    def test_a_list_of_texts_lacks_them_as_none(self) -> None:
        columns = [{"name": "x0", "kind": "string", "dtype": "string"}]
        extra = json.dumps({"texts": [["a", None]], "beside": {"0": [1]}}).encode()
        data, _ = inputs.Inputs(columns, None, listed=True).build(inputs.COUNTS.pack(2, len(extra)) + extra)
        self.assertEqual(data, ["a", None])

    def test_whole_numbers_that_float64_cannot_hold(self) -> None:
        columns = [{"name": "n", "kind": "integer", "dtype": "long"}]
        exact = [2**53 + 1, -(2**62) - 1]
        extra = json.dumps({"whole": {"0": exact}}).encode()
        data = inputs.COUNTS.pack(2, len(extra)) + extra + struct.pack("<2d", *map(float, exact))
        self.assertEqual(inputs.Inputs(columns, None).build(data)[0]["n"].tolist(), exact)
        extra = json.dumps({"whole": {"0": [2**53 + 1, None]}}).encode()
        data = inputs.COUNTS.pack(2, len(extra)) + extra + struct.pack("<2d", 2.0**53, math.nan)
        frame = inputs.Inputs(columns, None).build(data)[0]
        self.assertEqual((str(frame["n"].dtype), frame["n"][0]), ("float64", 2.0**53))

    def test_a_list_of_the_only_input(self) -> None:
        for column, texts, numbers, wanted in (
            ({"name": "t", "kind": "string", "dtype": "string"}, [["a", "b"]], [], ["a", "b"]),
            ({"name": "n", "kind": "integer", "dtype": "long"}, [], [3.0, 4.0], [3, 4]),
        ):
            found, _ = inputs.Inputs([column], None, listed=True).build(payload(2, texts, numbers))
            self.assertEqual(found, wanted)

    def test_rows_by_name_as_a_payload_come_back(self) -> None:
        rows: list[dict[str, Any]] = [{"x": 1.5, "f": None, "n": 3, "on": True, "c": "a"}, {"c": "b"}]
        frame, params = inputs.Inputs(INPUTS, None).build(inputs.encode_example(INPUTS, rows))
        self.assertEqual(frame[["x", "n", "on", "c"]].to_numpy().tolist(), [[1.5, 3, True, "a"], [0.0, 0, False, "b"]])
        self.assertTrue(math.isnan(frame["f"][0]))
        self.assertIsNone(params)

    def test_columns_lie_one_after_another(self) -> None:
        data, _ = self.build([1, 2, 10, 20, 5, 6, 0, 1], ["a", "b"], count=2)
        self.assertEqual(data["x"].tolist(), [1, 2])
        self.assertEqual(data["n"].tolist(), [5, 6])
        self.assertEqual(data["on"].tolist(), [False, True])
        self.assertEqual(data["c"].tolist(), ["a", "b"])

    def test_a_tensor_signature_gives_an_array(self) -> None:
        columns = [{"name": f"x{i}", "kind": "number", "dtype": "float32"} for i in range(3)]
        data, _ = inputs.Inputs(columns, "float32").build(payload(2, [], [1, 2, 3, 4, 5, 6]))
        self.assertEqual(data.dtype.name, "float32")
        self.assertEqual(data.tolist(), [[1, 3, 5], [2, 4, 6]])

    def tensor(self, kind: str, dtype: str, dims: list[int] | None, numbers: list[float], count: int = 1, texts: Any = ()) -> Any:
        width = max(len(numbers), len(texts)) // count
        columns = [{"name": f"x{i}", "kind": kind, "dtype": dtype} for i in range(width)]
        return inputs.Inputs(columns, dtype, dims).build(payload(count, [[text] for text in texts], numbers))[0]

    def test_tensors_of_any_shape_and_type(self) -> None:
        cube = self.tensor("number", "float32", [2, 2], [1, 2, 3, 4])
        self.assertEqual((cube.shape, cube.dtype.name, cube.tolist()), ((1, 2, 2), "float32", [[[1, 2], [3, 4]]]))
        self.assertEqual(self.tensor("number", "float64", [], [1, 2], count=2).tolist(), [1, 2])
        self.assertEqual(self.tensor("integer", "uint8", None, [0, 255]).tolist(), [[0, 255]])
        self.assertEqual(self.tensor("boolean", "bool", None, [0, 1]).tolist(), [[False, True]])
        self.assertEqual(self.tensor("string", "str", None, [], texts=["a", "bcd"]).tolist(), [["a", "bcd"]])
        for kind, dtype, numbers, texts in (
            ("integer", "int64", [math.nan], []),
            ("boolean", "bool", [math.nan], []),
            ("string", "str", [], [None]),
        ):
            with self.assertRaisesRegex(inputs.InputRefused, "x0: a value is missing"):
                self.tensor(kind, dtype, None, numbers, texts=texts)

    def test_times_of_several_forms_and_base64(self) -> None:
        columns = [{"name": "t", "kind": "string", "dtype": "datetime"}, {"name": "b", "kind": "string", "dtype": "binary"}]

        def build(times: list[str | None], blobs: list[str | None]) -> Any:
            return inputs.Inputs(columns, None).build(payload(len(times), [times, blobs], []))[0]

        frame = build(["2020-01-02", "2020-01-02T03:04:05+02:00", None], ["YWI=", "YWI=\n", None])
        self.assertEqual([str(one) for one in frame["t"]], ["2020-01-02 00:00:00", "2020-01-02 01:04:05", "NaT"])
        self.assertEqual(frame["b"].tolist(), [b"ab", b"ab", None])
        with self.assertRaisesRegex(inputs.InputRefused, "t: .*yesterday"):
            build(["yesterday"], [""])
        with self.assertRaisesRegex(inputs.InputRefused, "b: got '%', expected base64"):
            build(["2020-01-02"], ["%"])


@unittest.skipUnless(HAS_PANDAS, "pandas is not installed")
class ResultsTest(unittest.TestCase):
    def read(self, output: Any, count: int) -> Any:
        self.names, data = results.split_names(results.encode_result(output, count))
        rows, width = inputs.COUNTS.unpack_from(data)
        self.assertEqual(rows, count)
        if width == results.JSON_WIDTH:
            return json.loads(data[8:])
        return width, list(struct.unpack(f"<{(len(data) - 8) // 8}d", data[8:]))

    def test_numbers_texts_and_frames(self) -> None:
        import numpy as np
        import pandas as pd

        self.assertEqual(self.read(np.array([0.1, 0.2]), 2), (0, [0.1, 0.2]))
        self.assertEqual(self.read(np.array([[0.1, 0.9]]), 1), (2, [0.1, 0.9]))
        self.assertEqual(self.read([1, 2], 2), (0, [1.0, 2.0]))
        self.assertEqual(self.read(pd.Series([3, 4]), 2), (0, [3.0, 4.0]))
        self.assertEqual(self.read(pd.DataFrame({"p": [3, 4]}), 2), (0, [3.0, 4.0]))
        self.assertEqual(self.read(np.array(["a", "b"]), 2), ["a", "b"])
        self.assertEqual(self.read(np.array([True, False]), 2), [True, False])
        mixed = pd.DataFrame({"label": ["a"], "p": [math.nan]})
        self.assertEqual(self.read(mixed, 1), [{"label": "a", "p": None}])
        self.assertIsNone(self.names)

    def test_columns_keep_their_names(self) -> None:
        import numpy as np
        import pandas as pd

        cases = [
            (pd.DataFrame({"p": [0.5, 1]}), (0, [0.5, 1]), ["p"]),
            (pd.DataFrame({"p": [0.5, 1], "q": [2, 3]}), (2, [0.5, 2, 1, 3]), ["p", "q"]),
            (pd.Series([3, 4]), (0, [3, 4]), ["0"]),
            (pd.Series(["a", "b"], name="s"), ["a", "b"], ["s"]),
            ({"p": np.array([0.5, 1]), "q": [2, 3]}, (2, [0.5, 2, 1, 3]), ["p", "q"]),
            (np.array([1.0, 2.0]), (0, [1, 2]), None),
        ]
        for output, values, names in cases:
            self.assertEqual((self.read(output, 2), self.names), (values, names))
        self.assertEqual(self.read({"p": np.ones((1, 2)), "q": ["a"]}, 1), [{"p": [1.0, 1.0], "q": "a"}])
        for output in ({"p": 1}, {"p": [1]}, "ab", b"ab"):
            with self.assertRaisesRegex(ValueError, "for (each of )?2 rows|each of 2 rows"):
                results.encode_result(output, 2)

    def test_times_and_bytes_are_written_as_mlflow_writes_them(self) -> None:
        import numpy as np
        import pandas as pd

        times = pd.Series([pd.Timestamp("2020-01-01 10:00"), pd.NaT])
        self.assertEqual(self.read(times, 2), ["2020-01-01T10:00:00", None])
        self.assertEqual(self.read(np.array(["2020-01-01T10:00"], dtype="datetime64[s]"), 1), ["2020-01-01T10:00:00"])
        self.assertEqual(self.read([b"ab"], 1), ["YWI=\n"])

    def test_whole_numbers_beyond_float64_and_missing_values_of_pandas(self) -> None:
        import numpy as np
        import pandas as pd

        for value in (2**53 + 1, -(2**53) - 1):
            self.assertEqual(self.read(np.array([1, value]), 2), [1, value])
        self.assertEqual(self.read(np.array([2**53, -(2**53)]), 2), (0, [2.0**53, -(2.0**53)]))
        self.assertEqual(self.read(pd.Series(["a", None], dtype="string"), 2), ["a", None])
        self.assertEqual(self.read([pd.NaT, math.inf, {"a": np.float32(0.5)}], 3), [None, None, {"a": 0.5}])

    def test_lists_within_lists(self) -> None:
        import numpy as np

        deep = np.arange(12.0).reshape(2, 3, 2)
        self.assertEqual(self.read(deep, 2), deep.tolist())
        self.assertEqual(self.read(deep.tolist(), 2), deep.tolist())
        self.assertEqual(self.read([[1, 2], [3]], 2), [[1, 2], [3]])
        self.assertEqual(self.read([np.zeros((2, 1)), np.zeros((2, 3))], 2), [[[0.0]] * 2, [[0.0] * 3] * 2])
        with self.assertRaisesRegex(ValueError, "1 rows for 2"):
            results.encode_result(np.ones((1, 1, 1)), 2)

    def test_answers_of_no_rows_are_refused(self) -> None:
        import numpy as np

        for output in (np.array(1.0), 3.0, None):
            with self.assertRaisesRegex(ValueError, "the model answered"):
                results.encode_result(output, 1)

    def test_a_wrong_number_of_rows_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "1 rows for 2"):
            results.encode_result([0.5], 2)


if __name__ == "__main__":
    unittest.main()
