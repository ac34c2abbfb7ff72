"""The library's answers asked in batches: the same, bit for bit, as those to each row alone."""

from __future__ import annotations

import unittest
import warnings
from typing import Any
from unittest import mock

from tests.lower.lowered_models import NUMBERS, TEXTS, LoweringCase, make_table, make_target, save_model, two_classes

try:
    import numpy as np
    from sklearn import compose, decomposition, ensemble, impute, linear_model, pipeline, preprocessing

    from slipway.lower.lowering import describe
    from slipway.lower.mlmodel import load_model
    from slipway.lower.probes import Probes
    from slipway.lower.reference import Reference, sift
except ImportError:
    pass

#: Rows that are asked both ways.
ROWS = 60


def prepared(*more: Any, sparse: bool = False) -> Any:
    """Numbers scaled and texts one-hot, as most pipelines begin."""
    hot = preprocessing.OneHotEncoder(handle_unknown="ignore", **{"sparse_output": sparse})
    numbers = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler(), *more)
    return compose.ColumnTransformer([("n", numbers, NUMBERS), ("c", hot, TEXTS)])


def voting() -> Any:
    """Trees and a linear model, asked together."""
    trees = ensemble.GradientBoostingClassifier(n_estimators=4, random_state=0)
    return ensemble.VotingClassifier([("t", trees), ("l", linear_model.LogisticRegression(max_iter=500))], voting="soft")


class BatchCase(LoweringCase):
    """Rows of probes, asked in one batch as far as the model allows."""

    def reference(self, *steps: Any) -> tuple[Reference, list[Any]]:
        """A fitted pipeline's reference, and rows that it answers."""
        table = make_table(gaps=("a", "c"))[NUMBERS + TEXTS]
        model = pipeline.make_pipeline(*steps).fit(table, two_classes(make_target()))
        found = describe(load_model(save_model(self.folder / f"m{len(list(self.folder.iterdir()))}", model, table, "predict_proba")))
        reference = Reference(found.steps, found.model, found.inputs, found.lowered, found.frame)
        draws = Probes(found.inputs, found.tables, found.lowered, 0)
        rows, _ = sift(reference, [draws.row() for _ in range(ROWS)])
        self.assertGreater(len(rows), ROWS // 2)
        return reference, rows

    def check(self, apart: int | None, *steps: Any) -> None:
        """The steps that are asked in one batch, and that all answers are those of each row alone."""
        reference, rows = self.reference(*steps)
        self.assertEqual(reference.lowered.row_by_row, apart)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = reference.answers(rows)
            alone = [reference.answers([row]) for row in rows]
        for which, values in enumerate(batch):
            wanted = np.concatenate([one[which] for one in alone])
            self.assertEqual(np.asarray(values).tobytes(), wanted.astype(np.asarray(values).dtype).tobytes())

    def test_what_multiplies_at_the_end_is_prepared_in_one_batch(self) -> None:
        self.check(1, prepared(), voting())
        self.check(1, prepared(), linear_model.LogisticRegression(max_iter=500))
        self.check(2, prepared(), preprocessing.MaxAbsScaler(), voting())

    def test_trees_alone_are_asked_in_one_batch(self) -> None:
        self.check(None, prepared(), ensemble.GradientBoostingClassifier(n_estimators=4, random_state=0))
        self.check(None, prepared(sparse=True), ensemble.RandomForestClassifier(n_estimators=4, random_state=0))

    def test_what_follows_a_projection_is_asked_row_by_row(self) -> None:
        self.check(1, prepared(), decomposition.PCA(3, random_state=0), linear_model.LogisticRegression(max_iter=500))
        self.check(0, prepared(decomposition.PCA(2, random_state=0)), linear_model.LogisticRegression(max_iter=500))

    def test_what_adds_along_a_row_is_asked_row_by_row_where_the_rest_is(self) -> None:
        self.check(1, prepared(), preprocessing.Normalizer(), voting())

    def test_a_step_before_the_first_product_is_asked_once_for_all_rows(self) -> None:
        reference, rows = self.reference(prepared(), voting())
        step = reference.steps[0]
        with mock.patch.object(type(step), "transform", autospec=True, side_effect=type(step).transform) as asked:
            reference.answers(rows)
        self.assertEqual([call.args[1].shape[0] for call in asked.call_args_list], [len(rows)])


if __name__ == "__main__":
    unittest.main()
