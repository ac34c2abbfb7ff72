"""Every family of estimators and transformers: what was lowered answers as scikit-learn does, by a reader of the format of its own."""

from __future__ import annotations

import functools
import unittest
import warnings
from collections.abc import Callable
from typing import Any

from tests.lower.flat_model import FlatModel, RowRefused
from tests.lower.lowered_models import NUMBERS, TEXTS, LoweringCase, make_table, make_target, three_classes, two_classes

try:
    import numpy as np
    import pandas as pd
    from sklearn import (
        calibration,
        cluster,
        compose,
        decomposition,
        ensemble,
        feature_extraction,
        feature_selection,
        impute,
        isotonic,
        linear_model,
        multioutput,
        naive_bayes,
        pipeline,
        preprocessing,
        svm,
        tree,
    )
except ImportError:
    pass

MIXED = [*NUMBERS, "n", *TEXTS]
CHECKED = 25


class OracleCase(LoweringCase):
    """Fits, lowers and compares."""

    def check(self, model: Any, inputs: Any, target: Any, trees: int | None = None) -> dict[str, Any]:
        """Fits a model, lowers it, and compares raw predictions (and probabilities where there are some) on fresh rows."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(inputs, target)
        shares = hasattr(model, "predict_proba")
        result, native = self.lower(model, inputs, "predict_proba" if shares else "predict")
        if not result["ok"] and shares and "predict_proba" in result["reason"]:
            shares = False
            result, native = self.lower(model, inputs)
        self.assertTrue(result["ok"], result["reason"])
        if trees is not None:
            self.assertEqual(result["trees"], trees)
        flat = FlatModel(native)
        fresh = self.fresh(inputs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predicted = model.predict(fresh)
            probable = model.predict_proba(fresh) if shares else None
        rows = fresh.to_numpy(dtype=object) if isinstance(fresh, pd.DataFrame) else fresh
        for i, row in enumerate(rows):
            values = list(row)
            self.assert_close(flat.predict(values), predicted[i])
            if probable is not None:
                np.testing.assert_allclose(flat.shares(values), probable[i], rtol=1e-6, atol=1e-9)
        return result

    def fresh(self, inputs: Any) -> Any:
        """Rows of the same form that the model has not seen."""
        if isinstance(inputs, np.ndarray):
            return inputs[:CHECKED] + np.asarray(0.25, dtype=inputs.dtype)
        gaps = tuple(name for name in inputs.columns if inputs[name].isna().any())
        other = make_table(gaps, seed=23)
        return other[list(inputs.columns)].head(CHECKED)

    def assert_close(self, found: Any, wanted: Any) -> None:
        """Labels are equal; numbers agree but for the order of sums."""
        if isinstance(found, str):
            self.assertEqual(found, wanted)
        else:
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)

    def check_all(self, makers: list[Callable[[], Any]], inputs: Any, target: Any) -> None:
        """Several models on the same table."""
        for make in makers:
            model = make()
            with self.subTest(type(model).__name__):
                self.check(model, inputs, target)


class LinearCase(OracleCase):
    """Products and sums."""

    def test_regressors(self) -> None:
        table = make_table()[NUMBERS]
        makers = [linear_model.LinearRegression, linear_model.Ridge, functools.partial(linear_model.Lasso, alpha=0.01)]
        makers += [functools.partial(linear_model.SGDRegressor, random_state=0, eta0=1e-5), linear_model.BayesianRidge]
        self.check_all(makers, table, make_target())

    def test_classifiers(self) -> None:
        table = make_table()[NUMBERS]
        scaled = [linear_model.LogisticRegression(), linear_model.RidgeClassifier(), svm.LinearSVC(random_state=0)]
        for target in (two_classes(make_target()), three_classes(make_target())):
            for model in scaled:
                with self.subTest(model=model, classes=len(set(target))):
                    self.check(pipeline.make_pipeline(preprocessing.StandardScaler(), model), table, target)

    def test_several_targets(self) -> None:
        target = make_target()
        self.check(linear_model.LinearRegression(), make_table()[NUMBERS], np.c_[target, 2 - target])

    def test_an_array_without_names(self) -> None:
        table = make_table()[NUMBERS].to_numpy()
        self.check(linear_model.Ridge(), table, make_target())
        self.check(linear_model.Ridge(), table.astype("float32").astype("float64"), make_target())


class TreesCase(OracleCase):
    """Sums of trees, by the library's rule for each."""

    def test_forests_and_single_trees(self) -> None:
        table, target = make_table()[NUMBERS], make_target()
        small = {"n_estimators": 5, "max_depth": 4, "random_state": 0}
        self.check(ensemble.RandomForestRegressor(**small), table, target, trees=5)
        self.check(ensemble.RandomForestClassifier(**small), table, three_classes(target), trees=5)
        self.check(ensemble.ExtraTreesClassifier(**small), table, two_classes(target), trees=5)
        self.check(tree.DecisionTreeRegressor(max_depth=4, random_state=0), table, target, trees=1)

    def test_missing_values_go_where_training_sent_them(self) -> None:
        table = make_table(tuple(NUMBERS))[NUMBERS]
        self.check(tree.DecisionTreeRegressor(max_depth=5, random_state=0), table, make_target())
        self.check(ensemble.HistGradientBoostingRegressor(max_iter=5, random_state=0), table, make_target(), trees=5)

    def test_gradient_boosting(self) -> None:
        table, target = make_table()[NUMBERS], make_target()
        small = {"n_estimators": 6, "random_state": 0}
        self.check(ensemble.GradientBoostingRegressor(**small), table, target, trees=6)
        self.check(ensemble.GradientBoostingClassifier(**small), table, two_classes(target), trees=6)
        self.check(ensemble.GradientBoostingClassifier(**small), table, three_classes(target), trees=18)

    def test_histogram_boosting_of_classes_and_counts(self) -> None:
        table, target = make_table()[NUMBERS], make_target()
        self.check(ensemble.HistGradientBoostingClassifier(max_iter=4), table, three_classes(target), trees=12)
        self.check(ensemble.HistGradientBoostingClassifier(max_iter=4), table, two_classes(target), trees=4)
        self.check(ensemble.HistGradientBoostingRegressor(max_iter=4, loss="poisson"), table, np.exp(target / 8), trees=4)

    def test_categories_of_histogram_boosting(self) -> None:
        ordinal = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
        columns = compose.ColumnTransformer([("text", ordinal, TEXTS)], remainder="passthrough")
        boosted = ensemble.HistGradientBoostingRegressor(max_iter=6, categorical_features=[0, 1], random_state=0)
        self.check(pipeline.make_pipeline(columns, boosted), make_table()[MIXED], make_target())

    def test_bagging_and_adaptive_boosting(self) -> None:
        table, target = make_table()[NUMBERS], make_target()
        member = functools.partial(tree.DecisionTreeRegressor, max_depth=3)
        self.check(ensemble.BaggingRegressor(member(), n_estimators=4, max_features=0.7, random_state=0), table, target, trees=4)
        self.check(ensemble.AdaBoostRegressor(member(), n_estimators=5, random_state=0), table, target, trees=5)
        stump = tree.DecisionTreeClassifier(max_depth=2)
        self.check(ensemble.AdaBoostClassifier(stump, n_estimators=5, random_state=0), table, two_classes(target))
        self.check(ensemble.AdaBoostClassifier(stump, n_estimators=5, random_state=0), table, three_classes(target))

    def test_isolation_forest(self) -> None:
        self.check(ensemble.IsolationForest(n_estimators=8, random_state=0), make_table()[NUMBERS], make_target(), trees=8)


class BayesCase(OracleCase):
    """Likelihoods and distances."""

    def test_naive_bayes(self) -> None:
        table, target = make_table()[NUMBERS].abs(), three_classes(make_target())
        makers = [naive_bayes.GaussianNB, naive_bayes.MultinomialNB, naive_bayes.ComplementNB]
        makers.append(functools.partial(naive_bayes.BernoulliNB, binarize=10.0))
        self.check_all(makers, table, target)

    def test_categories(self) -> None:
        model = pipeline.make_pipeline(preprocessing.OrdinalEncoder(), naive_bayes.CategoricalNB())
        self.check(model, make_table()[TEXTS], two_classes(make_target()))

    def test_nearest_centre(self) -> None:
        self.check(cluster.KMeans(3, n_init=1, random_state=0), make_table()[NUMBERS], make_target())


class PartsCase(OracleCase):
    """Estimators made of estimators."""

    def test_voting_and_stacking_of_regressors(self) -> None:
        table, target = make_table()[NUMBERS], make_target()
        parts = [("tree", tree.DecisionTreeRegressor(max_depth=3)), ("line", linear_model.Ridge())]
        self.check(ensemble.VotingRegressor(parts, weights=[1, 3]), table, target)
        self.check(ensemble.StackingRegressor(parts, linear_model.Ridge(), cv=2, passthrough=True), table, target)

    def test_voting_of_classifiers(self) -> None:
        table, target = make_table()[NUMBERS], two_classes(make_target())
        parts = [("tree", tree.DecisionTreeClassifier(max_depth=3)), ("forest", ensemble.RandomForestClassifier(3, max_depth=3))]
        self.check(ensemble.VotingClassifier(parts, voting="soft", weights=[2, 1]), table, target)
        self.check(ensemble.VotingClassifier(parts, voting="hard"), table, target)

    def test_calibration(self) -> None:
        table, target = make_table()[NUMBERS], two_classes(make_target())
        for method in ("sigmoid", "isotonic"):
            with self.subTest(method):
                self.check(calibration.CalibratedClassifierCV(tree.DecisionTreeClassifier(max_depth=3), method=method, cv=2), table, target)

    def test_several_targets_and_chains(self) -> None:
        table, target = make_table()[NUMBERS], make_target()
        both = np.c_[target, 2 - target]
        self.check(multioutput.MultiOutputRegressor(linear_model.Ridge()), table, both)
        self.check(multioutput.RegressorChain(linear_model.Ridge(), order=[1, 0]), table, both)

    def test_a_scaled_target_and_a_bagged_line(self) -> None:
        table, target = make_table()[NUMBERS], make_target()
        for scaler in (preprocessing.StandardScaler(), preprocessing.MinMaxScaler(), preprocessing.RobustScaler()):
            self.check(compose.TransformedTargetRegressor(linear_model.Ridge(), transformer=scaler), table, target)
        self.check(ensemble.BaggingRegressor(linear_model.Ridge(), n_estimators=3, random_state=0), table, target)

    def test_one_input_along_a_line_of_steps(self) -> None:
        self.check(isotonic.IsotonicRegression(out_of_bounds="clip"), make_table()[["a"]], make_target())


class TransformersCase(OracleCase):
    """What stands in front of a line."""

    def test_scalers(self) -> None:
        table = make_table()[NUMBERS]
        for scaler in (
            preprocessing.StandardScaler(with_mean=False),
            preprocessing.MinMaxScaler((-1, 1), clip=True),
            preprocessing.MaxAbsScaler(),
            preprocessing.RobustScaler(with_centering=False),
            preprocessing.Binarizer(threshold=9.0),
            preprocessing.QuantileTransformer(n_quantiles=12),
            preprocessing.KBinsDiscretizer(4, encode="ordinal"),
            preprocessing.KBinsDiscretizer(4, encode="onehot-dense"),
            preprocessing.PolynomialFeatures(2),
            preprocessing.Normalizer("l1"),
            preprocessing.FunctionTransformer(np.square),
            decomposition.PCA(2),
            decomposition.TruncatedSVD(2),
            feature_selection.SelectKBest(feature_selection.f_regression, k=2),
        ):
            with self.subTest(scaler=scaler):
                self.check(pipeline.make_pipeline(scaler, linear_model.Ridge()), table, make_target())

    def test_gaps_are_filled_and_marked(self) -> None:
        table = make_table(tuple(NUMBERS))[NUMBERS]
        for imputer in (
            impute.SimpleImputer(strategy="median", add_indicator=True),
            impute.SimpleImputer(strategy="constant", fill_value=-1),
            pipeline.make_union(impute.SimpleImputer(), impute.MissingIndicator()),
        ):
            with self.subTest(imputer=imputer):
                self.check(pipeline.make_pipeline(imputer, linear_model.Ridge()), table, make_target())

    def test_encoders(self) -> None:
        table = make_table()[MIXED]
        for encoder in (
            preprocessing.OneHotEncoder(handle_unknown="ignore"),
            preprocessing.OneHotEncoder(drop="first"),
            preprocessing.OrdinalEncoder(),
            preprocessing.TargetEncoder(random_state=0),
        ):
            columns = compose.ColumnTransformer([("text", encoder, TEXTS), ("scale", preprocessing.StandardScaler(), NUMBERS)])
            with self.subTest(encoder=encoder):
                self.check(pipeline.make_pipeline(columns, linear_model.Ridge()), table, make_target())

    def test_weights_of_branches(self) -> None:
        scale = preprocessing.StandardScaler()
        columns = compose.ColumnTransformer([("x", scale, ["a", "b"]), ("y", "passthrough", ["c"])], transformer_weights={"x": 0.5})
        self.check(pipeline.make_pipeline(columns, linear_model.Ridge()), make_table()[NUMBERS], make_target())

    def test_an_unseen_category_is_refused_where_the_encoder_refuses(self) -> None:
        columns = compose.ColumnTransformer([("text", preprocessing.OrdinalEncoder(), TEXTS)])
        model = pipeline.make_pipeline(columns, linear_model.Ridge()).fit(make_table()[TEXTS], make_target())
        result, native = self.lower(model, make_table()[TEXTS])
        self.assertGreater(result["refused_probes"], 0)
        with self.assertRaises(RowRefused):
            FlatModel(native).raw(["nobody", "EWR"])

    def test_words(self) -> None:
        notes = ["late gate crew", "weather storm late", "gate gate delay", "crew weather", "fuel", ""] * 20
        target = np.arange(len(notes)) % 6 * 1.5
        table = pd.DataFrame({"note": pd.Series(notes, dtype=object)})
        for vectorizer in (
            feature_extraction.text.CountVectorizer(ngram_range=(1, 2)),
            feature_extraction.text.TfidfVectorizer(sublinear_tf=True, stop_words=["crew"]),
        ):
            columns = compose.ColumnTransformer([("words", vectorizer, "note")])
            model = pipeline.make_pipeline(columns, linear_model.Ridge()).fit(table, target)
            result, native = self.lower(model, table)
            self.assertTrue(result["ok"], result["reason"])
            flat = FlatModel(native)
            for text in ("Late GATE crew gate", "storm of the century", "", "delay, delay... delay!"):
                wanted = model.predict(pd.DataFrame({"note": pd.Series([text], dtype=object)}))[0]
                self.assert_close(flat.predict([text]), wanted)


if __name__ == "__main__":
    unittest.main()
