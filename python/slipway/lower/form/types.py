"""Names of what lowering passes around: columns, matrices, and the pieces of model.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

#: A fitted estimator or transformer, of a library that is not imported here.
Estimator: TypeAlias = Any
Array: TypeAlias = "np.ndarray[Any, Any]"
#: One step on one column: its `op` and what that op takes.
Step: TypeAlias = "dict[str, Any]"
#: A model or a node of the graph, as model.json describes it.
Spec: TypeAlias = "dict[str, Any]"
#: Arrays by the name that the binary file keeps them under.
Arrays: TypeAlias = "dict[str, Array]"
#: Values of one row in the order of the inputs; None is missing, and so is NaN where a text belongs: models tell them apart.
Row: TypeAlias = "list[Any]"
#: What a category becomes: a number, the text of one that JSON lacks, or "error" where the library refuses.
Code: TypeAlias = "float | int | str"
#: A table of categories: `kind`, `keys`, `codes`, and the codes of what is `missing` (of texts NaN, and None `missing_none`) and `unseen`.
Table: TypeAlias = "dict[str, Any]"
#: One tree: arrays leaf (bool), feature, threshold, left, right, flags, leaves (nodes × width), bitsets, cover.
Tree: TypeAlias = "dict[str, Array]"


@dataclass(frozen=True)
class Column:
    """One column on its way: the input it is made of and the steps so far.

    A column that more than one input goes into has the reference of a graph's `value` instead, and source -1. `hot` is (group, index) for a
    column of a one-hot encoding, with `off` and `on` as its two values.
    """

    source: int
    steps: tuple[Step, ...] = ()
    hot: tuple[int, int] | None = None
    off: float = 0.0
    on: float = 1.0
    value: int | None = None


@dataclass
class Matrix:
    """What a transformer gives or takes: columns from left to right, and whether scikit-learn holds it sparse."""

    columns: list[Column]
    sparse: bool = False


#: What the lowering of an estimator gives: the matrix it reads, its description and its arrays.
Result: TypeAlias = "tuple[Matrix, Spec, Arrays]"
