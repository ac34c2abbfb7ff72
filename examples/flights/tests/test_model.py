"""The saved model as MLflow loads it, the fault of the faulty one, and the judgement of both."""

import os
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import numpy as np
import pandas as pd
from sample import table
from sklearn.metrics import roc_auc_score

from flights import evaluate, train
from flights.columns import CATEGORICAL, FEATURES, KEYS
from flights.tables import read_table, write_table


class Model(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
        mlflow.set_tracking_uri((cls.folder / "runs").as_uri())
        rows = table()[KEYS + FEATURES]
        write_table(rows.iloc[:12_000], cls.folder / "train")
        write_table(rows.iloc[12_000:16_000], cls.folder / "holdout")
        for name, faulty in (("model", False), ("faulty", True)):
            train.main(cls.folder / "train", cls.folder / name, max_iter=15, seed=1, faulty=faulty)
        cls.rows = train.inputs(read_table(cls.folder / "holdout"))

    def test_parameters_and_quality_of_the_fit_are_in_a_run(self) -> None:
        runs = mlflow.search_runs(experiment_ids=["0"])
        self.assertEqual(set(runs["params.max_iter"]), {"15"})
        self.assertTrue((runs["metrics.training_roc_auc"] > 0.6).all())

    def test_signature_and_probabilities(self) -> None:
        served = mlflow.pyfunc.load_model(str(self.folder / "model"))
        self.assertEqual(served.metadata.signature.inputs.input_names(), FEATURES)
        answer = served.predict(self.rows.head(100))
        self.assertEqual(np.shape(answer), (100, 2))
        inner = mlflow.sklearn.load_model(str(self.folder / "model"))
        np.testing.assert_array_equal(answer, inner.predict_proba(self.rows.head(100)))

    def test_the_same_rows_give_the_same_bytes(self) -> None:
        train.main(self.folder / "train", self.folder / "again", max_iter=15, seed=1)
        first, second = ((self.folder / name / "model.pkl").read_bytes() for name in ("model", "again"))
        self.assertEqual(first, second)

    def test_the_example_is_answered(self) -> None:
        for name in ("model", "faulty"):
            served = mlflow.pyfunc.load_model(str(self.folder / name))
            self.assertEqual(np.shape(served.predict(served.input_example)), (train.EXAMPLE_ROWS, 2))

    def test_a_code_not_seen_in_training_counts_as_missing(self) -> None:
        model = mlflow.sklearn.load_model(str(self.folder / "model"))
        unseen = self.rows.head(50).assign(**dict.fromkeys(CATEGORICAL, "??"))
        missing = self.rows.head(50).assign(**dict.fromkeys(CATEGORICAL, None))
        np.testing.assert_array_equal(model.predict_proba(unseen), model.predict_proba(missing))

    def test_the_faulty_model_fails_for_one_row_in_five_and_always_the_same(self) -> None:
        good = mlflow.sklearn.load_model(str(self.folder / "model"))
        faulty = mlflow.sklearn.load_model(str(self.folder / "faulty"))
        np.testing.assert_array_equal(faulty.predict_proba(self.rows), good.predict_proba(self.rows))
        breaks = faulty.breaks_on(self.rows)
        self.assertAlmostEqual(breaks.mean(), 0.2, delta=0.03)
        for at in range(40):
            one = self.rows.iloc[[at]]
            if breaks[at]:
                self.assertRaises(KeyError, faulty.predict_proba, one)
                self.assertRaises(KeyError, faulty.predict_proba, one)
            else:
                np.testing.assert_array_equal(faulty.predict_proba(one), good.predict_proba(one))

    def test_evaluation(self) -> None:
        paths = {name: self.folder / name for name in ("model", "holdout", "predictions")}
        metrics = evaluate.main(**paths, seed=1, incumbent=str(self.folder / "model"))
        written = read_table(self.folder / "predictions")
        self.assertEqual(list(written.columns), ["id", "y", "score", "carrier", "origin", "incumbent"])
        np.testing.assert_array_equal(written["incumbent"], written["score"])
        self.assertEqual(metrics["roc_auc"], roc_auc_score(written["y"], written["score"]))
        united = written[written["carrier"] == "UA"]
        self.assertEqual(metrics["roc_auc.carrier.UA"], roc_auc_score(united["y"], united["score"]))
        self.assertEqual(sum(name.startswith("importance.") for name in metrics), len(FEATURES))
        self.assertGreater(metrics["importance.sched_hour"], metrics["importance.wind_gust"])
        self.assertEqual(metrics["roc_auc_gain"], 0)
        self.assertEqual(metrics["roc_auc_gain_low"], 0)

    def test_without_an_incumbent_nothing_is_compared(self) -> None:
        paths = {name: self.folder / name for name in ("model", "holdout", "predictions")}
        metrics = evaluate.main(**paths, seed=1)
        self.assertEqual(list(read_table(paths["predictions"]).columns), ["id", "y", "score", "carrier", "origin"])
        self.assertNotIn("roc_auc_gain", metrics)

    def test_the_bound_of_the_gain_agrees_with_the_bootstrap(self) -> None:
        random = np.random.default_rng(3)
        y = random.integers(0, 2, 1500)
        signal = y + random.normal(0, 1.5, 1500)
        better, worse = signal + random.normal(0, 0.5, 1500), signal + random.normal(0, 1.5, 1500)
        found = evaluate.gain(y, better, worse)
        again = []
        for _ in range(400):
            at = random.integers(0, 1500, 1500)
            again.append(roc_auc_score(y[at], better[at]) - roc_auc_score(y[at], worse[at]))
        self.assertAlmostEqual(found["roc_auc_gain"], roc_auc_score(y, better) - roc_auc_score(y, worse), places=12)
        self.assertAlmostEqual(found["incumbent_roc_auc"], roc_auc_score(y, worse), places=12)
        self.assertAlmostEqual(found["roc_auc_gain_low"], pd.Series(again).quantile(0.05), delta=0.004)


if __name__ == "__main__":
    unittest.main()
