"""The rows of the lowering matrix: estimators and transformers of scikit-learn, fitted on small tables with gaps and categories."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import sklearn
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
    neighbors,
    pipeline,
    preprocessing,
    svm,
    tree,
)

ROWS = 300
NUMBERS = ["a", "b", "c", "d"]
TEXTS = ["carrier", "origin"]
VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
Pipe = pipeline.make_pipeline
#: add(name, make, inputs, target, predict function) keeps one row of the matrix.
Add: TypeAlias = "Callable[..., None]"
#: Puts a model behind something: gives the function that makes both.
Wrap: TypeAlias = "Callable[..., Callable[[], Any]]"
WORDS = [
    "late",
    "early",
    "gate",
    "crew",
    "weather",
    "storm",
    "snow",
    "wind",
    "delay",
    "cancelled",
    "boarding",
    "fuel",
    "runway",
    "ATC",
    "café",
    "naïve",
    "737",
    "A320",
    "x",
]


def table(gaps: Sequence[str] = ()) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers, a whole number, two texts; and the target y."""
    r = np.random.default_rng(7)
    x = pd.DataFrame({name: np.round(r.normal(10, 4, ROWS), 2) for name in NUMBERS})
    x["n"] = r.integers(0, 6, ROWS)
    x["carrier"] = r.choice(["UA", "AA", "DL", 'é"–'], ROWS, p=[0.4, 0.3, 0.25, 0.05])
    x["origin"] = r.choice(["EWR", "JFK", "LGA"], ROWS)
    x[TEXTS] = x[TEXTS].astype(object)
    y = (x.a * 0.7 - x.b + (x.carrier == "UA") * 3 + x.n * 0.2 + r.normal(0, 2, ROWS)).to_numpy()
    for name in gaps:
        x.loc[r.random(ROWS) < 0.1, name] = np.nan
    return x, y


def targets(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(binary labels as text, three classes as numbers, two numbers a row)."""
    return np.where(y > np.median(y), "late", "fine"), np.digitize(y, np.quantile(y, [0.3, 0.7])) + 10, np.c_[y, 2 - y * y]


def texts() -> list[str]:
    """Short notes of words, some with accents, digits and capitals."""
    r = np.random.default_rng(9)
    return [" ".join(r.choice(WORDS, r.integers(1, 9))) + r.choice(["", "!", " #42", " Late"]) for _ in range(ROWS)]


def samme() -> dict[str, str]:
    """The algorithm that every version but the oldest has alone."""
    return {} if VERSION >= (1, 6) else {"algorithm": "SAMME"}


def cases() -> dict[str, Callable[[], tuple[Any, Any, str]]]:
    """name -> function that gives (fitted model, its inputs, predict function)."""
    x, y = table()
    gaps, _ = table(NUMBERS)
    two, three, many = targets(y)
    numbers, mixed = x[NUMBERS], x[[*NUMBERS, "n", *TEXTS]]
    found = {}

    def add(name: str, make: Callable[[], Any], inputs: Any, target: Any, predict: str = "predict") -> None:
        found[name] = lambda: (make().fit(inputs, target), inputs, predict)

    def scaled(model: Any) -> Callable[[], Any]:
        return lambda: Pipe(preprocessing.StandardScaler(), model())

    def before(step: Any, model: Any = linear_model.Ridge) -> Callable[[], Any]:
        return lambda: Pipe(step(), model())

    trees(add, numbers, gaps[NUMBERS], mixed, gaps[[*NUMBERS, "n", *TEXTS]], (y, two, three, many))
    linear(add, scaled, numbers, (y, two, three, many))
    bayes(add, numbers, x, (two, three))
    parts(add, scaled, numbers, mixed, (y, two, three, many))
    features(add, before, numbers, gaps, x, (y, two, three))
    words(add, (y, two, three))
    return found


def trees(add: Add, numbers: pd.DataFrame, gaps: pd.DataFrame, mixed: pd.DataFrame, mixed_gaps: pd.DataFrame, target: Any) -> None:
    """Trees and sums of trees."""
    y, two, three, many = target
    small = {"n_estimators": 8, "max_depth": 5, "random_state": 0}
    ordinal = functools.partial(preprocessing.OrdinalEncoder, handle_unknown="use_encoded_value", unknown_value=-1)
    columns = lambda: compose.make_column_transformer((ordinal(), TEXTS), remainder="passthrough")
    add("DecisionTreeClassifier", lambda: tree.DecisionTreeClassifier(max_depth=5), gaps, three, "predict_proba")
    gone = gaps.a.isna() & (gaps.b > 9)
    add(
        "DecisionTreeClassifier, split on missing",
        lambda: tree.DecisionTreeClassifier(max_depth=5),
        gaps,
        gone.astype(int),
        "predict_proba",
    )
    add("DecisionTreeRegressor", lambda: tree.DecisionTreeRegressor(max_depth=5), gaps, y)
    add("DecisionTreeRegressor, several targets", lambda: tree.DecisionTreeRegressor(max_depth=5), numbers, many)
    add("RandomForestClassifier", lambda: ensemble.RandomForestClassifier(**small), gaps, two, "predict_proba")
    add("RandomForestRegressor", lambda: Pipe(columns(), ensemble.RandomForestRegressor(**small)), mixed, y)
    add("RandomForestRegressor, several targets", lambda: ensemble.RandomForestRegressor(**small), numbers, many)
    add("RandomForestClassifier, several targets", lambda: ensemble.RandomForestClassifier(**small), numbers, np.c_[three, three])
    add("ExtraTreesClassifier", lambda: ensemble.ExtraTreesClassifier(**small), numbers, three, "predict_proba")
    add("ExtraTreesRegressor", lambda: ensemble.ExtraTreesRegressor(**small), numbers, y)
    boost = {"n_estimators": 10, "random_state": 0}
    add("GradientBoostingClassifier", lambda: ensemble.GradientBoostingClassifier(**boost), numbers, three, "predict_proba")
    add("GradientBoostingRegressor", lambda: ensemble.GradientBoostingRegressor(**boost), numbers, y)
    hist = {"max_iter": 10, "random_state": 0}
    categories = lambda: Pipe(columns(), ensemble.HistGradientBoostingClassifier(categorical_features=[0, 1], **hist))
    add("HistGradientBoostingClassifier", categories, mixed_gaps, two, "predict_proba")
    add("HistGradientBoostingRegressor", lambda: ensemble.HistGradientBoostingRegressor(**hist), gaps, y)
    stump = lambda: tree.DecisionTreeClassifier(max_depth=2)
    add("AdaBoostClassifier", lambda: ensemble.AdaBoostClassifier(stump(), n_estimators=6, **samme()), numbers, two, "predict_proba")
    add("AdaBoostClassifier, three classes", lambda: ensemble.AdaBoostClassifier(stump(), n_estimators=6), numbers, three, "predict_proba")
    add("AdaBoostRegressor", lambda: ensemble.AdaBoostRegressor(n_estimators=6, random_state=0), numbers, y)
    add("BaggingClassifier", lambda: ensemble.BaggingClassifier(n_estimators=6, max_features=0.7), numbers, two, "predict_proba")
    add("BaggingRegressor over Ridge", lambda: ensemble.BaggingRegressor(linear_model.Ridge(), n_estimators=4), numbers, y)
    add("IsolationForest", lambda: ensemble.IsolationForest(n_estimators=8, random_state=0), numbers, y)


def linear(add: Add, scaled: Wrap, numbers: pd.DataFrame, target: Any) -> None:
    """Linear models."""
    y, two, three, many = target
    for model in (linear_model.LinearRegression, linear_model.Ridge, linear_model.Lasso, linear_model.ElasticNet):
        add(model.__name__, scaled(model), numbers, y)
    add("LinearRegression, several targets", scaled(linear_model.LinearRegression), numbers, many)
    add("SGDRegressor", scaled(linear_model.SGDRegressor), numbers, y)
    add("SGDClassifier", scaled(linear_model.SGDClassifier), numbers, three)
    add(
        "SGDClassifier, loss log_loss",
        scaled(functools.partial(linear_model.SGDClassifier, loss="log_loss")),
        numbers,
        two,
        "predict_proba",
    )
    add("LinearSVC", scaled(svm.LinearSVC), numbers, two)
    add("LinearSVR", scaled(svm.LinearSVR), numbers, y)
    add("LogisticRegression", scaled(linear_model.LogisticRegression), numbers, two, "predict_proba")
    add("LogisticRegression, three classes", scaled(linear_model.LogisticRegression), numbers, three, "predict_proba")
    add("SVC", scaled(svm.SVC), numbers, two)
    add("KNeighborsClassifier", scaled(neighbors.KNeighborsClassifier), numbers, two)
    add("KMeans", scaled(lambda: cluster.KMeans(3, n_init=1, random_state=0)), numbers, y)
    add("MiniBatchKMeans", scaled(lambda: cluster.MiniBatchKMeans(3, n_init=1, random_state=0)), numbers, y)


def bayes(add: Add, numbers: pd.DataFrame, x: pd.DataFrame, target: Any) -> None:
    """Naive Bayes."""
    two, three = target
    count = x[["n"]].assign(m=x.n * 2 % 5, k=(x.a.abs() // 3).astype(int))
    add("GaussianNB", naive_bayes.GaussianNB, numbers, three)
    add("GaussianNB, predict_proba", naive_bayes.GaussianNB, numbers, three, "predict_proba")
    add("BernoulliNB", lambda: naive_bayes.BernoulliNB(binarize=10.0), numbers, two)
    add("MultinomialNB", naive_bayes.MultinomialNB, count, three)
    add("ComplementNB", naive_bayes.ComplementNB, count, three)
    codes = lambda: Pipe(preprocessing.OrdinalEncoder(), naive_bayes.CategoricalNB())
    add("CategoricalNB", codes, x[TEXTS], two)


def parts(add: Add, scaled: Wrap, numbers: pd.DataFrame, mixed: pd.DataFrame, target: Any) -> None:
    """Estimators made of estimators."""
    y, two, three, many = target
    forest = lambda: ensemble.RandomForestClassifier(5, max_depth=4, random_state=0)
    logistic = lambda: scaled(linear_model.LogisticRegression)()
    boost = lambda: ensemble.HistGradientBoostingClassifier(max_iter=5)
    grown = lambda: ensemble.RandomForestRegressor(5, max_depth=4, random_state=0)
    calibrated = calibration.CalibratedClassifierCV
    add("CalibratedClassifierCV, isotonic", lambda: calibrated(forest(), method="isotonic", cv=3), numbers, two, "predict_proba")
    add("CalibratedClassifierCV, sigmoid", lambda: calibrated(svm.LinearSVC(), cv=3), numbers, two, "predict_proba")
    add("CalibratedClassifierCV, three classes", lambda: calibrated(forest(), cv=3), numbers, three, "predict_proba")
    add("IsotonicRegression", lambda: isotonic.IsotonicRegression(out_of_bounds="clip"), numbers[["a"]], y)
    both = lambda: [("f", forest()), ("l", logistic()), ("h", boost())]
    add(
        "VotingClassifier, soft",
        lambda: ensemble.VotingClassifier(both(), voting="soft", weights=[1, 2, 0.5]),
        numbers,
        two,
        "predict_proba",
    )
    add("VotingClassifier, hard", lambda: ensemble.VotingClassifier(both()), numbers, three)
    add("VotingRegressor", lambda: ensemble.VotingRegressor([("f", grown()), ("r", linear_model.Ridge())]), numbers, y)
    add("StackingClassifier", lambda: ensemble.StackingClassifier(both(), cv=2), numbers, two, "predict_proba")
    over = lambda: ensemble.StackingClassifier(both(), forest(), cv=2, passthrough=True)
    add("StackingClassifier, three classes", over, numbers, three, "predict_proba")
    rows = lambda: [("f", grown()), ("r", linear_model.Ridge())]
    add("StackingRegressor", lambda: ensemble.StackingRegressor(rows(), cv=2, passthrough=True), numbers, y)
    add("MultiOutputRegressor", lambda: multioutput.MultiOutputRegressor(grown()), numbers, many)
    add("MultiOutputClassifier", lambda: multioutput.MultiOutputClassifier(logistic()), numbers, np.c_[three, three % 2])
    add("RegressorChain", lambda: multioutput.RegressorChain(linear_model.Ridge()), numbers, many)
    back = lambda: compose.TransformedTargetRegressor(grown(), transformer=preprocessing.StandardScaler())
    add("TransformedTargetRegressor", back, numbers, y)
    hot = preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    split = lambda: compose.make_column_transformer((hot, TEXTS), (preprocessing.RobustScaler(), ["a"]), remainder="passthrough")
    add("VotingRegressor over pipelines", lambda: ensemble.VotingRegressor([("p", Pipe(split(), grown()))]), mixed, y)


def features(add: Add, before: Wrap, numbers: pd.DataFrame, gaps: pd.DataFrame, x: pd.DataFrame, target: Any) -> None:
    """Transformers in front of a linear model."""
    y, _two, three = target
    one = preprocessing
    for step in (one.StandardScaler, one.MinMaxScaler, one.RobustScaler, one.MaxAbsScaler, one.Normalizer, one.PowerTransformer):
        add(step.__name__, before(step), numbers, y)
    add("Normalizer, l1", before(lambda: one.Normalizer("l1")), numbers, y)
    add("PowerTransformer, box-cox", before(lambda: one.PowerTransformer("box-cox")), numbers.abs() + 1, y)
    add("QuantileTransformer", before(lambda: one.QuantileTransformer(n_quantiles=50)), numbers, y)
    normal = lambda: one.QuantileTransformer(n_quantiles=50, output_distribution="normal")
    add("QuantileTransformer, normal", before(normal), numbers, y)
    add("Binarizer", before(lambda: one.Binarizer(threshold=10)), numbers, y)
    add("KBinsDiscretizer, ordinal", before(lambda: one.KBinsDiscretizer(encode="ordinal")), numbers, y)
    add("KBinsDiscretizer, onehot", before(one.KBinsDiscretizer), numbers, y)
    add("PolynomialFeatures", before(lambda: one.PolynomialFeatures(3)), numbers, y)
    add("PCA", before(lambda: decomposition.PCA(2)), numbers, y)
    add(
        "PCA, whiten",
        before(lambda: Pipe(one.StandardScaler(), decomposition.PCA(2, whiten=True)), ensemble.ExtraTreesRegressor),
        numbers,
        y,
    )
    add("TruncatedSVD", before(lambda: decomposition.TruncatedSVD(2)), numbers, y)
    add("SelectKBest", before(lambda: feature_selection.SelectKBest(feature_selection.f_regression, k=2)), numbers, y)
    add("SimpleImputer, add_indicator", before(lambda: impute.SimpleImputer(add_indicator=True)), gaps[NUMBERS], y)
    union = lambda: pipeline.make_union(impute.SimpleImputer(), impute.MissingIndicator())
    add("MissingIndicator, FeatureUnion", before(union), gaps[NUMBERS], y)
    for name in ("sqrt", "log1p"):
        add(f"FunctionTransformer, {name}", before(functools.partial(one.FunctionTransformer, getattr(np, name))), numbers.abs(), y)
    add("FunctionTransformer, identity", before(one.FunctionTransformer), numbers, y)
    hot = lambda: one.OneHotEncoder(handle_unknown="ignore")
    add("OneHotEncoder", before(hot), x[TEXTS], y)
    add("OrdinalEncoder", before(lambda: one.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)), x[TEXTS], y)
    add("TargetEncoder", before(lambda: one.TargetEncoder(cv=2)), x[TEXTS], y)
    add("TargetEncoder, three classes", before(lambda: one.TargetEncoder(cv=2), ensemble.ExtraTreesClassifier), x[TEXTS], three)
    inner = lambda: Pipe(impute.SimpleImputer(), one.StandardScaler())
    nested = lambda: compose.make_column_transformer(
        (compose.make_column_transformer((inner(), ["a"]), remainder="passthrough"), ["a", "n"]),
        (pipeline.make_union(hot(), one.OrdinalEncoder()), ["origin"]),
        remainder=one.MinMaxScaler(),
    )
    add("ColumnTransformer, nested", before(nested), gaps[["a", "n", "origin"]].assign(b=x.b), y)


def words(add: Add, target: Any) -> None:
    """Text."""
    y, two, three = target
    text = feature_extraction.text
    notes = pd.DataFrame({"note": texts()})
    column = lambda make: lambda: compose.make_column_transformer((make(), "note"))
    logistic, counts = linear_model.LogisticRegression, naive_bayes.MultinomialNB
    bag = lambda step, model: lambda: Pipe(column(step)(), model())
    add("CountVectorizer", bag(text.CountVectorizer, counts), notes, three)
    add("TfidfVectorizer", bag(lambda: text.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), logistic), notes, two, "predict_proba")
    add("TfidfVectorizer, char_wb", bag(lambda: text.TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)), logistic), notes, two)
    add("TfidfVectorizer, own tokenizer", bag(lambda: text.TfidfVectorizer(tokenizer=str.split), logistic), notes, two)
    add("HashingVectorizer", bag(lambda: text.HashingVectorizer(n_features=2**12), logistic), notes, two, "predict_proba")
    twice = lambda: Pipe(column(text.CountVectorizer)(), text.TfidfTransformer(), linear_model.Ridge())
    add("TfidfTransformer", twice, notes, y)
    low = lambda: Pipe(column(text.TfidfVectorizer)(), decomposition.TruncatedSVD(3), linear_model.Ridge())
    add("TfidfVectorizer, TruncatedSVD", low, notes, y)
    wide = notes.assign(a=np.arange(ROWS) % 7.0)
    both = lambda: compose.make_column_transformer((text.TfidfVectorizer(), "note"), (preprocessing.StandardScaler(), ["a"]))
    add("TfidfVectorizer beside numbers", lambda: Pipe(both(), linear_model.Ridge()), wide, y)
