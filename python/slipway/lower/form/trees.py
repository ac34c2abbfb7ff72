"""Collects trees into one set of flat arrays, the form in which they are written; helpers for trees of any library."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from slipway.lower.form.types import Array, Arrays, Tree
from slipway.refusal import Refused

LEAF = -1
MISSING_LEFT = 1
CATEGORICAL = 2
ZERO_MISSING = 4
# On a categorical node the same bit: values between -1 and 0 are category 0.
TRUNCATES = 4
OUTSIDE_OTHER = 8
NAMES = ("roots", "feature", "threshold", "left", "right", "flags", "leaves", "bitsets", "cover")
MOST_WORDS = 2048


class Nodes:
    """Collects trees into one set of flat arrays; children and bitsets are numbered across all trees."""

    def __init__(self) -> None:
        self.count = 0
        self.leaf_count = 0
        self.bitset_count = 0
        self.parts: dict[str, list[Array]] = {name: [] for name in NAMES}

    def add(self, tree: Tree) -> None:
        """Adds one tree: arrays feature, threshold, left, right, flags, leaf (bool), leaves (nodes × width), bitsets,
        cover (training weight of every node)."""
        leaf = tree["leaf"]
        places = self.leaf_count + np.cumsum(leaf) - 1
        category = (tree["flags"] & CATEGORICAL) != 0
        threshold = np.where(category, tree["threshold"] + self.bitset_count, tree["threshold"])
        parts = {
            "roots": np.array([self.count]),
            "feature": np.where(leaf, LEAF, tree["feature"]),
            "threshold": np.where(leaf, 0.0, threshold),
            "left": np.where(leaf, places, tree["left"] + self.count),
            "right": np.where(leaf, places, tree["right"] + self.count),
            "flags": np.where(leaf, 0, tree["flags"]),
            "leaves": tree["leaves"][leaf].ravel(),
            "bitsets": tree["bitsets"].ravel(),
            "cover": tree["cover"],
        }
        for name, values in parts.items():
            self.parts[name].append(values)
        self.count += len(leaf)
        self.leaf_count += int(leaf.sum())
        self.bitset_count += len(tree["bitsets"])

    def arrays(self) -> Arrays:
        """The finished arrays with the types that the file keeps."""
        types = {"threshold": "<f8", "leaves": "<f8", "cover": "<f8", "flags": "u1", "bitsets": "<u4"}
        return {name: np.concatenate(parts).astype(types.get(name, "<i4")) for name, parts in self.parts.items()}


def reachable(left: Array, right: Array) -> tuple[Array, Array, Array]:
    """(old numbers, left, right) of the nodes under node 0, level by level, so that parents precede their children."""
    order = [0]
    for node in order:
        if left[node] >= 0:
            order.extend((int(left[node]), int(right[node])))
    keep = np.array(order)
    place = np.full(len(left), LEAF)
    place[keep] = np.arange(len(keep))
    inner = left[keep] >= 0
    return keep, np.where(inner, place[left[keep]], LEAF), np.where(inner, place[right[keep]], LEAF)


def bitset_words(largest: int) -> int:
    """Words of 32 bits that hold the categories up to this one, at least eight. Raises Refused where they are too many."""
    words = max(8, int(largest) // 32 + 1)
    if words > MOST_WORDS:
        raise Refused(f"a split on category {largest}; native are those below {32 * MOST_WORDS}")
    return words


def set_of(categories: Iterable[int], words: int) -> Array:
    """A bitset of categories."""
    bits = np.zeros(words, dtype="uint32")
    for category in categories:
        bits[category // 32] |= np.uint32(1 << (category % 32))
    return bits
