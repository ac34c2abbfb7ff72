"""Text vectorizers: what the default analyzers do to a text, as the description of a node."""

from __future__ import annotations

import functools
import re
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from slipway.lower.form.columns import Lowering, refs, then, values
from slipway.lower.form.types import Array, Arrays, Column, Estimator, Matrix, Spec
from slipway.refusal import Refused, class_path

PATTERNS = {r"(?u)\b\w\w+\b": 2, r"(?u)\b\w+\b": 1}
MOST_COUNTED = 4096
WIDEST_SPREAD = 20_000


@dataclass(frozen=True)
class Wide:
    """The many columns, nearly all zero, that one text becomes: a node that is added where something reads them."""

    column: Column
    node: dict[str, Any] = field(hash=False)
    arrays: dict[str, Any] = field(hash=False)
    count: int = 0


def wide_matrix(wide: Wide) -> Matrix:
    """The columns of one text as a matrix; who reads columns one by one asks `has_wide` before."""
    return Matrix([cast("Column", wide)], True)


def either(matrix: Matrix) -> list[Column | Wide]:
    """The columns of a matrix that may be those of a text."""
    return cast("list[Column | Wide]", matrix.columns)


def has_wide(matrix: Matrix) -> bool:
    """Whether a matrix has columns of text."""
    return any(isinstance(c, Wide) for c in either(matrix))


@functools.lru_cache
def ranges(name: str) -> Array:
    """The code points that are parts of words, spaces or combining marks, as pairs of first and last."""
    tests: dict[str, Callable[[str], object]] = {"words": re.compile(r"\w").match, "spaces": str.isspace, "marks": unicodedata.combining}
    test = tests[name]
    out: list[int] = []
    start: int | None = None
    for point in range(sys.maxunicode + 2):
        inside = point <= sys.maxunicode and test(chr(point))
        if inside and start is None:
            start = point
        elif not inside and start is not None:
            out += [start, point - 1]
            start = None
    return np.array(out, dtype="<i4")


def refuse_own(vectorizer: Estimator) -> None:
    """Refuses what is not one of the default analyzers."""
    for name in ("tokenizer", "preprocessor"):
        if getattr(vectorizer, name, None) is not None:
            raise Refused(f"{class_path(vectorizer)} with a {name} of its own")
    if vectorizer.analyzer not in ("word", "char", "char_wb"):
        raise Refused(f"{class_path(vectorizer)} with an analyzer of its own")
    if vectorizer.input != "content":
        raise Refused(f"{class_path(vectorizer)} with input={vectorizer.input!r}")
    if vectorizer.analyzer == "word" and vectorizer.token_pattern not in PATTERNS:
        raise Refused(f"{class_path(vectorizer)} with token_pattern={vectorizer.token_pattern!r}")
    if vectorizer.strip_accents not in (None, "ascii", "unicode"):
        raise Refused(f"{class_path(vectorizer)} with strip_accents of its own")
    if vectorizer.dtype != np.float64 and vectorizer.dtype != np.int64:
        raise Refused(f"{class_path(vectorizer)} with numbers of type {vectorizer.dtype}")


def analyzer(vectorizer: Estimator) -> tuple[Spec, Arrays]:
    """(description, arrays) of how a text becomes terms."""
    refuse_own(vectorizer)
    low, high = vectorizer.ngram_range
    stop = vectorizer.get_stop_words() if vectorizer.analyzer == "word" else None
    node = {"op": "text", "analyzer": vectorizer.analyzer, "ngrams": [int(low), int(high)], "lowercase": bool(vectorizer.lowercase)}
    node |= {"accents": vectorizer.strip_accents, "shortest": PATTERNS.get(vectorizer.token_pattern, 1)}
    node |= {"stop_words": sorted(stop or ()), "binary": bool(vectorizer.binary), "norm": None}
    return node, {name: ranges(name) for name in ("words", "spaces", "marks")}


def vectorize(state: Lowering, vectorizer: Estimator, matrix: Matrix, more: Spec, count: int) -> Wide:
    """The wide columns of one text."""
    if len(matrix.columns) != 1:
        raise Refused(f"{class_path(vectorizer)} on {len(matrix.columns)} columns")
    (column,) = either(matrix)
    if isinstance(column, Wide) or column.value is not None or column.steps:
        raise Refused(f"{class_path(vectorizer)} on a computed column")
    state.expect(column, "text", vectorizer)
    node, arrays = analyzer(vectorizer)
    return Wide(then(column, {"op": "note"}), node | more, arrays, count)


def count_terms(state: Lowering, vectorizer: Estimator, matrix: Matrix) -> Wide:
    """The columns of a text that count the terms of a vocabulary."""
    terms = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.get)
    if sorted(vectorizer.vocabulary_.values()) != list(range(len(terms))):
        raise Refused(f"{class_path(vectorizer)} with a vocabulary that has gaps")
    wide = vectorize(state, vectorizer, matrix, {"terms": terms}, len(terms))
    state.vocabulary.setdefault(wide.column.source, []).extend(terms)
    return wide


def lower_count_vectorizer(state: Lowering, vectorizer: Estimator, matrix: Matrix) -> Matrix:
    """Counts of the terms of a vocabulary."""
    return wide_matrix(count_terms(state, vectorizer, matrix))


def lower_tfidf_vectorizer(state: Lowering, vectorizer: Estimator, matrix: Matrix) -> Matrix:
    """Counts, weighted and normalised."""
    return wide_matrix(weigh(vectorizer, count_terms(state, vectorizer, matrix), vectorizer))


def lower_tfidf_transformer(_state: Lowering, transformer: Estimator, matrix: Matrix) -> Matrix:
    """Counts of terms, weighted and normalised."""
    (wide,) = either(matrix) if len(matrix.columns) == 1 else (None,)
    if not isinstance(wide, Wide) or "idf" in wide.arrays or "sublinear" in wide.arrays or wide.node["norm"] is not None:
        raise Refused(f"{class_path(transformer)} on anything but the counts of one text")
    return wide_matrix(weigh(transformer, wide, transformer))


def weigh(who: Estimator, wide: Wide, settings: Estimator) -> Wide:
    """Wide columns with the weights and the norm of a tf-idf."""
    arrays = dict(wide.arrays)
    if settings.sublinear_tf:
        arrays["sublinear"] = (np.log(np.arange(1, MOST_COUNTED + 1, dtype="float64")) + 1.0).astype("<f8")
    if settings.use_idf:
        arrays["idf"] = np.asarray(settings.idf_, dtype="<f8")
    if settings.norm not in (None, "l1", "l2"):
        raise Refused(f"{class_path(who)} with norm={settings.norm!r}")
    return replace(wide, arrays=arrays, node=wide.node | {"norm": settings.norm})


def lower_hashing_vectorizer(state: Lowering, vectorizer: Estimator, matrix: Matrix) -> Matrix:
    """Terms counted at the place of their hash."""
    count = int(vectorizer.n_features)
    more = {"hashed": {"width": count, "signed": bool(vectorizer.alternate_sign)}, "norm": vectorizer.norm}
    if vectorizer.norm not in (None, "l1", "l2"):
        raise Refused(f"{class_path(vectorizer)} with norm={vectorizer.norm!r}")
    wide = vectorize(state, vectorizer, matrix, more, count)
    state.vocabulary.setdefault(wide.column.source, []).extend(["delay", "late", "snow", "ATC", "café"])
    return wide_matrix(wide)


def text_node(state: Lowering, wide: Wide) -> int:
    """The number of the node that fills wide columns; one for each vectorizer."""
    known = next((index for other, index in state.texts if other is wide), None)
    if known is None:
        known = len(state.graph.nodes)
        state.graph.add(wide.node | {"from": refs(state, [wide.column])}, 0, wide.arrays)
        state.texts.append((wide, known))
    return known


def sparse_product(state: Lowering, who: Estimator, matrix: Matrix, table: Array, intercept: Array) -> list[int]:
    """References of X @ table.T + intercept over columns of which some are wide, added from left to right as SciPy adds sparse rows."""
    if not matrix.sparse:
        raise Refused(f"{class_path(who)} on dense columns of text")
    parts: list[dict[str, Any]] = []
    read: list[int] = []
    for column in either(matrix):
        if isinstance(column, Wide):
            parts.append({"text": text_node(state, column), "width": column.count})
            continue
        state.expect(column, "number", who)
        found = refs(state, [column])
        if not parts or "from" not in parts[-1]:
            parts.append({"from": []})
        parts[-1]["from"] += found
        read += found
    wide = next(c for c in either(matrix) if isinstance(c, Wide))
    node: Spec = {"op": "sparse", "parts": parts, "intercept": np.asarray(intercept, dtype="float64").tolist()}
    node["from"] = read or refs(state, [wide.column])
    arrays = {"coefficients": np.ascontiguousarray(np.asarray(table, dtype="<f8").T).ravel()}
    return state.graph.add(node, len(table), arrays)


def spread(state: Lowering, who: Estimator, matrix: Matrix) -> Matrix:
    """Wide columns as one value each, for what reads dense columns."""
    out: list[Column] = []
    for column in either(matrix):
        if not isinstance(column, Wide):
            out.append(column)
            continue
        if column.count > WIDEST_SPREAD:
            raise Refused(f"{class_path(who)} on {column.count} columns of text; native up to {WIDEST_SPREAD}")
        node = {"op": "spread", "text": text_node(state, column), "width": column.count, "from": refs(state, [column.column])}
        out.extend(values(state.graph.add(node, column.count)))
    return Matrix(out, matrix.sparse)
