"""A model with a fault that no hold-out shows: it fails for one row in five, but only when it is asked for few rows."""

from zlib import crc32

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

#: Requests of at most this many rows take the faulty path; a hold-out of thousands does not.
FEW_ROWS = 64


class OneInFive(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose path for small requests raises KeyError for every fifth row, by checksum of the row.

    The same row always fails, so a retry does not help.
    """

    def __init__(self, model: BaseEstimator) -> None:
        self.model = model

    @property
    def classes_(self) -> np.ndarray:
        """The labels, in the order of the probabilities' columns."""
        return self.model.classes_

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def breaks_on(self, rows: pd.DataFrame) -> np.ndarray:
        """For each row, whether it fails when it is asked for in a small request."""
        lines = rows.to_csv(index=False, header=False, lineterminator="\n").splitlines()
        return np.array([crc32(line.encode()) % 5 == 0 for line in lines], dtype=bool)

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """The inner model's probabilities; KeyError if a small request has a row that breaks."""
        if len(rows) <= FEW_ROWS and self.breaks_on(rows).any():
            raise KeyError("no bucket for this row")
        return self.model.predict_proba(rows)

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """The inner model's classes; KeyError as predict_proba."""
        return self.classes_[self.predict_proba(rows).argmax(axis=1)]
