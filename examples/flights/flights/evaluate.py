"""Step 5: judge the model on the hold-out: quality, quality by carrier and origin, and what each feature is worth."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from flights.columns import FEATURES
from flights.tables import read_table, write_table
from flights.train import inputs

SLICES = ["carrier", "origin"]

#: A slice is judged only if it has this many rows and both outcomes.
SLICE_ROWS = 200

#: Importance is measured on this many rows of the hold-out.
IMPORTANCE_ROWS = 5000


def quality(y: np.ndarray, score: np.ndarray) -> dict[str, float]:
    """Area under the curve, log-loss (nats), Brier score, base rate and mean score of probabilities against 0/1."""
    return {
        "roc_auc": float(roc_auc_score(y, score)),
        "log_loss": float(log_loss(y, score)),
        "brier": float(brier_score_loss(y, score)),
        "base_rate": float(np.mean(y)),
        "mean_score": float(np.mean(score)),
        "rows": len(y),
    }


def by_slice(judged: pd.DataFrame) -> dict[str, float]:
    """`roc_auc.<column>.<value>` for each slice that is large enough; judged has y, score and the slices' columns."""
    areas: dict[str, float] = {}
    for column in SLICES:
        for value, rows in judged.groupby(column):
            if len(rows) >= SLICE_ROWS and rows["y"].nunique() == 2:
                areas[f"roc_auc.{column}.{value}"] = float(roc_auc_score(rows["y"], rows["score"]))
    return areas


def importance(model: object, rows: pd.DataFrame, y: np.ndarray, seed: int) -> dict[str, float]:
    """What shuffling a feature's values does, one shuffle each (permutation importance, Breiman 2001).

    `importance.<feature>` is the mean absolute change of the score: 0 = the model does not look at it.
    `importance_auc.<feature>` is the fall of the area under the curve, of which about 0.002 is chance; it can be
    small for a feature that matters where another one says nearly the same.
    """
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(rows))[:IMPORTANCE_ROWS]
    rows, y = rows.iloc[chosen].reset_index(drop=True), y[chosen]
    score = model.predict_proba(rows)[:, 1]
    area = roc_auc_score(y, score)
    found: dict[str, float] = {}
    for name in FEATURES:
        shuffled = rows.assign(**{name: rows[name].to_numpy()[random.permutation(len(rows))]})
        changed = model.predict_proba(shuffled)[:, 1]
        found[f"importance.{name}"] = float(np.abs(changed - score).mean())
        found[f"importance_auc.{name}"] = float(area - roc_auc_score(y, changed))
    return found


def gain(y: np.ndarray, score: np.ndarray, incumbent: np.ndarray) -> dict[str, float]:
    """The gain in area under the curve over the incumbent's scores of the same rows, with its 95 % lower bound.

    The standard error of the paired difference is that of DeLong, DeLong and Clarke-Pearson (1988).
    """
    late = y == 1
    parts = []
    for values in (score, incumbent):
        order = rankdata(values)
        above = (order[late] - rankdata(values[late])) / (~late).sum()
        below = 1 - (order[~late] - rankdata(values[~late])) / late.sum()
        parts.append((above, below))
    above, below = parts[0][0] - parts[1][0], parts[0][1] - parts[1][1]
    error = np.sqrt(above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below))
    return {
        "incumbent_roc_auc": float(parts[1][0].mean()),
        "roc_auc_gain": float(above.mean()),
        "roc_auc_gain_low": float(above.mean() - 1.645 * error),
    }


def main(model: Path, holdout: Path, predictions: Path, seed: int, incumbent: str = "") -> dict[str, float]:
    """Score the hold-out, write `predictions` (id, y, score, carrier, origin) and return the metrics.

    incumbent: where MLflow finds a model to compare with on the same rows, for example `models:/flight-delay/3`; its
    scores become the column `incumbent` of the predictions. Empty = none. Months differ in how hard they are, so
    figures of different hold-outs do not compare.
    """
    fitted = mlflow.sklearn.load_model(str(model))
    table = read_table(holdout)
    rows, y = inputs(table), table["y"].to_numpy()
    score = fitted.predict_proba(rows)[:, 1]
    judged = table[["id", "y"]].assign(score=score, **{name: table[name] for name in SLICES})
    metrics = {**quality(y, score), **by_slice(judged), **importance(fitted, rows, y, seed)}
    if incumbent:
        other = mlflow.sklearn.load_model(incumbent).predict_proba(rows)[:, 1]
        judged["incumbent"] = other
        metrics |= gain(y, score, other)
    write_table(judged, predictions)
    return metrics
