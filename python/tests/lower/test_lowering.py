"""What lowering writes beside the model: facts, limits, exact answers, and the reason where there is no native form."""

from __future__ import annotations

import json
import math
import unittest
from typing import Any
from unittest import mock

from slipway.lower import command
from tests.lower.flat_model import FlatModel, RowRefused, read_arrays
from tests.lower.lowered_models import NUMBERS, TEXTS, LoweringCase, lower_model, make_table, make_target, save_model, two_classes

try:
    import numpy as np
    import pandas as pd
    from sklearn import (
        compose,
        dummy,
        ensemble,
        feature_extraction,
        frozen,
        gaussian_process,
        impute,
        linear_model,
        model_selection,
        neighbors,
        pipeline,
        preprocessing,
        tree,
    )
except ImportError:
    pass


class FactsCase(LoweringCase):
    """result.json, model.json and verify.json of a model with a native form."""

    def test_result_and_document(self) -> None:
        model = tree.DecisionTreeClassifier(max_depth=3, random_state=0).fit(make_table()[NUMBERS], two_classes(make_target()))
        result, native = self.lower(model, make_table()[NUMBERS], "predict_proba", probes=30)
        self.assertEqual((result["ok"], result["reason"], result["kind"]), (True, None, "sklearn.tree._classes.DecisionTreeClassifier"))
        self.assertEqual((result["output"], result["trees"], result["features"], result["probes"]), ("predict_proba", 1, 4, 30))
        self.assertEqual(result["bytes"], sum((native / f"model.{end}").stat().st_size for end in ("json", "bin")))
        document, arrays = read_arrays(native, "model")
        self.assertEqual((document["format"], document["classes"]), ("slipway.native/2", ["fine", "late"]))
        self.assertEqual([spec["name"] for spec in document["inputs"]], NUMBERS)
        self.assertEqual(set(document["versions"]) & {"python", "numpy", "scikit-learn"}, {"python", "numpy", "scikit-learn"})
        self.assertEqual(len(arrays["feature"]), model.tree_.node_count)

    def test_verification_holds_the_librarys_answers(self) -> None:
        table, target = make_table()[NUMBERS], make_target()
        model = pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()).fit(table, two_classes(target))
        _, native = self.lower(model, table, "predict_proba")
        document, arrays = read_arrays(native, "verify")
        count = document["rows"]
        rows = pd.DataFrame({name: arrays[f"input{i}"][:count] for i, name in enumerate(NUMBERS)})
        np.testing.assert_allclose(np.reshape(arrays["probabilities"], (count, 2)), model.predict_proba(rows), rtol=1e-12)
        np.testing.assert_allclose(arrays["raw"], model.decision_function(rows), rtol=1e-12)
        self.assertEqual(np.array(["fine", "late"])[arrays["predictions"]].tolist(), model.predict(rows).tolist())
        # refused rows come last, and the library does refuse them
        refused = pd.DataFrame({name: arrays[f"input{i}"][count:] for i, name in enumerate(NUMBERS)})
        self.assertEqual(len(refused), document["refused"])
        for i in range(len(refused)):
            with self.assertRaises(ValueError):
                model.predict(refused.iloc[i : i + 1])

    def test_the_same_seed_writes_the_same_files(self) -> None:
        model = linear_model.Ridge().fit(make_table()[NUMBERS], make_target())
        folder = save_model(self.folder / "m", model, make_table()[NUMBERS])
        found = []
        for seed in (1, 1, 2):
            _, native = lower_model(folder, seed=seed)
            found.append({path.name: path.read_bytes() for path in native.iterdir()})
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[0]["model.bin"], found[2]["model.bin"])
        self.assertNotEqual(found[0]["verify.bin"], found[2]["verify.bin"])

    def test_inputs_without_a_signature(self) -> None:
        named = self.lower(linear_model.Ridge().fit(make_table()[NUMBERS], make_target()), None)
        self.assertEqual([spec["name"] for spec in FlatModel(named[1]).document["inputs"]], NUMBERS)
        plain = self.lower(linear_model.Ridge().fit(make_table()[NUMBERS].to_numpy(), make_target()), None)
        self.assertEqual([spec["name"] for spec in FlatModel(plain[1]).document["inputs"]], ["x0", "x1", "x2", "x3"])

    def test_columns_are_found_by_name_and_dropped_ones_may_be_left_out(self) -> None:
        columns = compose.ColumnTransformer([("scale", preprocessing.StandardScaler(), ["c", "a"])])
        model = pipeline.make_pipeline(columns, linear_model.Ridge()).fit(make_table()[NUMBERS], make_target())
        shuffled = make_table()[["c", "b", "a"]]
        result, native = self.lower(model, shuffled)
        self.assertTrue(result["ok"], result["reason"])
        row = make_table(seed=3)[NUMBERS].head(1)
        wanted = model.predict(row)[0]
        self.assertAlmostEqual(FlatModel(native).predict([row["c"][0], 0.0, row["a"][0]]), wanted, places=9)

    def test_searches_and_frozen_models_are_opened(self) -> None:
        table, target = make_table()[NUMBERS], make_target()
        search = model_selection.GridSearchCV(linear_model.Ridge(), {"alpha": [0.1, 10]}, cv=2).fit(table, target)
        for model in (search, frozen.FrozenEstimator(search)):
            result, native = self.lower(model, table)
            self.assertEqual(result["kind"], "sklearn.linear_model._ridge.Ridge")
            self.assertAlmostEqual(FlatModel(native).predict([1.0, 2.0, 3.0, 4.0]), self.one(search, [1.0, 2.0, 3.0, 4.0]), places=9)

    def one(self, model: Any, row: list[float]) -> float:
        """The prediction for one row of numbers."""
        return float(model.predict(pd.DataFrame([row], columns=NUMBERS))[0])

    def test_missing_values_and_infinities_are_refused_as_the_model_does(self) -> None:
        forest = ensemble.GradientBoostingRegressor(n_estimators=2).fit(make_table()[NUMBERS], make_target())
        result, native = self.lower(forest, make_table()[NUMBERS])
        self.assertGreaterEqual(result["refused_probes"], 8)
        self.assertTrue(all(spec["required"] for spec in FlatModel(native).document["inputs"]))
        for row in ([None, 1.0, 1.0, 1.0], [1.0, math.inf, 1.0, 1.0]):
            with self.assertRaises(RowRefused):
                FlatModel(native).raw(row)


class MissingTextCase(LoweringCase):
    """None and NaN are two values to scikit-learn, and a caller's null may be either."""

    def steps(self) -> dict[str, list[Any]]:
        """What may stand before a model of texts, some of which were missing in training."""
        one_hot = preprocessing.OneHotEncoder(handle_unknown="ignore")
        ordinal = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
        fill = impute.SimpleImputer(strategy="most_frequent")
        word = impute.SimpleImputer(strategy="constant", fill_value="none", missing_values=None)
        marked = impute.SimpleImputer(strategy="most_frequent", add_indicator=True)
        marks = compose.ColumnTransformer([("fill", marked, [0]), ("rest", "passthrough", [1])])
        hot = [preprocessing.OneHotEncoder(handle_unknown="ignore")]
        found = {"one-hot": [one_hot], "strict": [preprocessing.OneHotEncoder()], "ordinal": [ordinal]}
        found |= {"fill": [fill, *hot], "word": [word, *hot], "both": [impute.SimpleImputer(strategy="most_frequent"), word, *hot]}
        return found | {"two encoders": [ordinal, preprocessing.OneHotEncoder(handle_unknown="ignore")], "marks": [marks, *hot]}

    def test_each_is_answered_as_the_library_does(self) -> None:
        lowered = 0
        for absent in (None, math.nan):
            table = make_table(gaps=("carrier", "origin"))[TEXTS].astype(object)
            table = table.where(table.notna(), absent)
            for name, steps in self.steps().items():
                with self.subTest(name, absent=absent):
                    lowered += self.compare(steps, table)
        self.assertGreaterEqual(lowered, 11)

    def compare(self, steps: list[Any], table: Any) -> bool:
        """Compares the answers to every missing value in every column; False for steps that cannot be fitted or have no native form."""
        model = pipeline.make_pipeline(*steps, linear_model.Ridge())
        try:
            model.fit(table, make_target())
        except (TypeError, ValueError):  # an imputer that looks for None refuses NaN, and the other way about
            return False
        result, native = self.lower(model, table)
        if not result["ok"]:
            return False
        flat = FlatModel(native)
        for row in ([first, second] for first in ("UA", None, math.nan) for second in ("JFK", None, math.nan)):
            try:
                wanted = float(model.predict(pd.DataFrame([row], columns=TEXTS, dtype=object))[0])
            except ValueError:
                with self.assertRaises(RowRefused, msg=row):
                    flat.raw(row)
                continue
            self.assertAlmostEqual(flat.predict(row), wanted, places=9, msg=str(row))
        return True

    def test_the_verification_asks_both(self) -> None:
        table = make_table(gaps=("carrier",))[TEXTS]
        model = pipeline.make_pipeline(preprocessing.OneHotEncoder(handle_unknown="ignore"), linear_model.Ridge()).fit(table, make_target())
        _, native = self.lower(model, table, probes=200)
        document, arrays = read_arrays(native, "verify")
        self.assertEqual(document["format"], "slipway.native.verify/2")
        self.assertLessEqual({-1, -2, 0}, set(arrays["input0"]))
        places = [arrays["input0"][: document["rows"]].index(place) for place in (-1, -2)]
        self.assertNotEqual(*(arrays["raw"][place] for place in places))


class RefusalCase(LoweringCase):
    """A model without a native form stays with Python, and the reason names the part."""

    def refuse(self, model: Any, inputs: Any, reason: str, predict: str = "predict") -> None:
        """Lowers and expects the reason."""
        result, native = self.lower(model, inputs, predict)
        self.assertFalse(result["ok"])
        self.assertRegex(result["reason"], reason)
        self.assertFalse((native / "model.json").exists())

    def test_classes_and_functions_without_a_form(self) -> None:
        table, target = make_table()[NUMBERS].abs(), make_target()
        own = pipeline.make_pipeline(preprocessing.FunctionTransformer(np.log1p), linear_model.Ridge())
        wave = pipeline.make_pipeline(preprocessing.PowerTransformer(), linear_model.Ridge())
        cases = {
            r"KNeighborsRegressor has no native form": neighbors.KNeighborsRegressor(),
            r"GaussianProcessRegressor has no native form": gaussian_process.GaussianProcessRegressor(),
            r"DummyRegressor has no native form": dummy.DummyRegressor(),
            r"FunctionTransformer with numpy.log1p, whose last bit": own,
            r"PowerTransformer with method='yeo-johnson'": wave,
            r"GradientBoostingRegressor with init": ensemble.GradientBoostingRegressor(n_estimators=1, init=linear_model.Ridge()),
        }
        for reason, model in cases.items():
            with self.subTest(reason):
                self.refuse(model.fit(table, target), table, reason)

    def test_inputs_that_do_not_fit(self) -> None:
        model = linear_model.Ridge().fit(make_table()[NUMBERS], make_target())
        self.refuse(model, make_table()[NUMBERS[:3]], "the model takes column d, which the signature lacks")
        array = linear_model.Ridge().fit(make_table()[NUMBERS].to_numpy(), make_target())
        self.refuse(array, make_table()[NUMBERS[:3]].to_numpy(), "the signature has 3 inputs, the model takes 4")
        self.refuse(
            model, make_table()[[*NUMBERS[:3], "carrier"]].rename(columns={"carrier": "d"}), "reads input d as number, but it is text"
        )

    def test_a_text_model_that_takes_a_series(self) -> None:
        notes = pd.Series(["late gate", "storm", "late", "gate storm"] * 5, dtype=object)
        model = pipeline.make_pipeline(feature_extraction.text.CountVectorizer(), linear_model.Ridge()).fit(notes, range(20))
        self.refuse(model, pd.DataFrame({"note": notes}), "a vectorizer of texts takes one column of a table by a ColumnTransformer")

    def test_a_function_that_the_model_lacks(self) -> None:
        model = linear_model.Ridge().fit(make_table()[NUMBERS], make_target())
        self.refuse(model, make_table()[NUMBERS], "Ridge has no predict_proba", "predict_proba")

    def test_an_encoder_that_reads_numbers_as_texts(self) -> None:
        columns = compose.ColumnTransformer([("n", preprocessing.OneHotEncoder(), ["n"]), ("t", preprocessing.OneHotEncoder(), TEXTS)])
        model = pipeline.make_pipeline(columns, linear_model.Ridge()).fit(make_table()[["n", *TEXTS]], make_target())
        self.refuse(model, make_table()[["n", *TEXTS]].astype({"n": object}), "reads input n as number, but it is text")

    def test_a_folder_that_cannot_be_opened(self) -> None:
        folder = save_model(self.folder / "broken", linear_model.Ridge(), make_table()[NUMBERS])
        (folder / "model.pkl").write_bytes(b"no pickle")
        result, _ = lower_model(folder)
        self.assertRegex(result["reason"], "the model cannot be opened here: |lowering did not foresee this model: UnpicklingError")

    def test_an_exception_that_nobody_expected_is_no_failure(self) -> None:
        folder = save_model(self.folder / "m", linear_model.Ridge(), make_table()[NUMBERS])
        with mock.patch.object(command, "lower", side_effect=RuntimeError("odd")):
            result, _ = lower_model(folder)
        self.assertEqual((result["ok"], result["reason"]), (False, "lowering did not foresee this model: RuntimeError: odd"))
        self.assertIn("python", result["versions"])

    def test_a_model_that_takes_too_long_row_by_row(self) -> None:
        model = linear_model.Ridge().fit(make_table()[NUMBERS], make_target())
        with mock.patch("slipway.lower.lowering.MOST_SECONDS", -1.0):
            result, _ = self.lower(model, make_table()[NUMBERS])
        self.assertRegex(result["reason"], "asking the model 40 rows one at a time would take")


class DocumentCase(unittest.TestCase):
    """JSON with its arrays beside it."""

    def test_arrays_are_aligned_and_told_by_offset(self) -> None:
        if "np" not in globals():
            self.skipTest("numpy is not installed")
        import tempfile
        from pathlib import Path

        from slipway.lower.files import write_document

        arrays = {
            "bytes": np.array([1, 2, 3], dtype="u1"),
            "floats": np.array([0.1, math.inf]),
            "none": np.array([], dtype="<i4"),
            "words": np.array([2**32 - 1], dtype="<u4"),
        }
        with tempfile.TemporaryDirectory() as name:
            size = write_document(Path(name), "x", {"é": 1}, arrays)
            document, found = read_arrays(Path(name), "x")
            self.assertEqual(size, sum(path.stat().st_size for path in Path(name).iterdir()))
            self.assertEqual(json.loads(Path(name, "x.json").read_text("utf-8"))["é"], 1)
        self.assertEqual(found, {key: values.tolist() for key, values in arrays.items()})
        self.assertEqual([place["offset"] % 8 for place in document["arrays"].values()], [0, 0, 0, 0])

    def test_numbers_that_json_lacks_are_refused(self) -> None:
        import tempfile
        from pathlib import Path

        from slipway.lower.files import write_document

        with tempfile.TemporaryDirectory() as name, self.assertRaises(ValueError):
            write_document(Path(name), "x", {"value": math.nan}, {})


if __name__ == "__main__":
    unittest.main()
