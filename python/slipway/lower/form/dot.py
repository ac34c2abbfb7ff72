"""Finds the order in which this machine's matrix product adds, so that another program can repeat it bit for bit.

A dot product has one exact value and many rounded ones: BLAS kernels keep several partial sums and fuse multiply and
add. The orders below are the ones that NumPy's OpenBLAS was measured to use for one row; the lowering multiplies random
rows, compares, and keeps the order that gave every bit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeAlias

from slipway.lower.form.types import Array

if sys.version_info >= (3, 13):
    from math import fma
else:

    def fma(a: float, b: float, c: float) -> float:
        """a * b + c with one rounding (finite arguments)."""
        return float(Fraction(a) * Fraction(b) + Fraction(c))


TRIALS = 64
#: Factors or products as plain floats.
Floats: TypeAlias = "Sequence[float]"
#: A dot product that adds in one order.
Dot: TypeAlias = "Callable[[Floats, Floats], float]"


def sequential(x: Floats, c: Floats) -> float:
    """One running sum, each product rounded before it is added."""
    total = 0.0
    for a, b in zip(x, c):
        total += a * b
    return total


def lanes16_fused(x: Floats, c: Floats) -> float:
    """Four vectors of four fused sums over blocks of sixteen; the rest added one by one (OpenBLAS ddot with AVX2)."""
    end = len(x) // 16 * 16
    total = 0.0
    if end:
        acc = [0.0] * 16
        for i in range(0, end, 16):
            for j in range(16):
                acc[j] = fma(x[i + j], c[i + j], acc[j])
        pair = [[acc[4 * v + j] + acc[4 * v + j + 2] for j in (0, 1)] for v in range(4)]
        half = [(pair[0][j] + pair[1][j]) + (pair[2][j] + pair[3][j]) for j in (0, 1)]
        total = half[0] + half[1]
    for i in range(end, len(x)):
        total += x[i] * c[i]
    return total


def fused_tail(total: float, x: Floats, c: Floats, start: int) -> float:
    """Adds the last one to three products as a compiler that fuses multiply and add does."""
    rest = len(x) - start
    if rest == 1:
        return fma(x[start], c[start], total)
    if rest == 2:
        return total + fma(x[start], c[start], x[start + 1] * c[start + 1])
    if rest == 3:
        first = fma(x[start], c[start], x[start + 1] * c[start + 1])
        return total + fma(x[start + 2], c[start + 2], first)
    return total


def lanes(x: Floats, c: Floats, count: int, fused: bool) -> float:
    """`count` running sums (two or four) over whole blocks of four, then the fused tail (OpenBLAS dgemv, transposed)."""
    end = len(x) // 4 * 4
    acc = [0.0] * count
    for i in range(0, end, count):
        for j in range(count):
            acc[j] = fma(x[i + j], c[i + j], acc[j]) if fused else acc[j] + x[i + j] * c[i + j]
    total = acc[0] + acc[1] if count == 2 else (acc[0] + acc[2]) + (acc[1] + acc[3])
    return fused_tail(total, x, c, end)


def columns4_fused(x: Floats, c: Floats) -> float:
    """Whole blocks of four added at once, each as two fused pairs; then a pair, then a single (OpenBLAS dgemv, four rows)."""
    end = len(x) // 4 * 4
    total = 0.0
    for i in range(0, end, 4):
        total += fma(x[i + 2], c[i + 2], x[i] * c[i]) + fma(x[i + 3], c[i + 3], x[i + 1] * c[i + 1])
    rest = end
    if len(x) - rest >= 2:
        total += x[rest] * c[rest] + x[rest + 1] * c[rest + 1]
        rest += 2
    return total + x[rest] * c[rest] if rest < len(x) else total


def columns2(x: Floats, c: Floats) -> float:
    """Whole blocks of four as two pairs, each pair added at once; the rest one by one (OpenBLAS dgemv, rows left over)."""
    end = len(x) // 4 * 4
    total = 0.0
    for i in range(0, end, 2):
        total += x[i] * c[i] + x[i + 1] * c[i + 1]
    for i in range(end, len(x)):
        total += x[i] * c[i]
    return total


def fused(x: Floats, c: Floats, total: float = 0.0, start: int = 0) -> float:
    """One running sum, multiply and add fused (OpenBLAS for AVX-512, short rows)."""
    for a, b in zip(x[start:], c[start:]):
        total = fma(a, b, total)
    return total


def lanes32_fused(x: Floats, c: Floats) -> float:
    """Four vectors of eight fused sums over blocks of thirty-two, of four over the sixteen left, then fused (ddot, AVX-512)."""
    n16 = len(x) // 16 * 16
    n32 = n16 // 32 * 32
    if n16 == 0:
        return fused(x, c)
    acc = [0.0] * 32
    for i in range(n32):
        acc[i % 32] = fma(x[i], c[i], acc[i % 32])
    half = [acc[8 * (j // 4) + j % 4] + acc[8 * (j // 4) + 4 + j % 4] for j in range(16)]
    for i in range(n32, n16):
        half[i - n32] = fma(x[i], c[i], half[i - n32])
    lane = [((half[j] + half[4 + j]) + half[8 + j]) + half[12 + j] for j in range(4)]
    return fused(x, c, (lane[0] + lane[2]) + (lane[1] + lane[3]), n16)


def pairs_fused(x: Floats, c: Floats) -> float:
    """Whole blocks of four as two fused pairs, each added at once; the rest fused (dgemv, AVX-512, up to three outputs)."""
    end = len(x) // 4 * 4
    total = 0.0
    for i in range(0, end, 2):
        total += fma(x[i], c[i], x[i + 1] * c[i + 1])
    return fused(x, c, total, end)


def columns4_chain(x: Floats, c: Floats) -> float:
    """Whole blocks of four as one fused chain; then a fused pair, then a single (dgemv, AVX-512, four outputs)."""
    end = len(x) // 4 * 4
    total = 0.0
    for i in range(0, end, 4):
        chain = fma(x[i], c[i], x[i + 1] * c[i + 1])
        total += fma(x[i + 3], c[i + 3], fma(x[i + 2], c[i + 2], chain))
    rest = end
    if len(x) - rest >= 2:
        total += fma(x[rest], c[rest], x[rest + 1] * c[rest + 1])
        rest += 2
    return total + x[rest] * c[rest] if rest < len(x) else total


def strided2(x: Floats, c: Floats) -> float:
    """Two sums: blocks of four pairs from the last pair to the first, then pair by pair (einsum)."""
    acc = [0.0, 0.0]
    end = len(x) // 8 * 8
    for i in range(0, end, 8):
        for at in (i + 6, i + 4, i + 2, i):
            acc = [acc[j] + x[at + j] * c[at + j] for j in (0, 1)]
    for i in range(end, len(x)):
        acc[i % 2] += x[i] * c[i]
    return acc[0] + acc[1]


ORDERS = {
    "sequential": sequential,
    "lanes16_fused": lanes16_fused,
    "lanes4_fused": lambda x, c: lanes(x, c, 4, True),
    "lanes4": lambda x, c: lanes(x, c, 4, False),
    "lanes2": lambda x, c: lanes(x, c, 2, False),
    "columns4_fused": columns4_fused,
    "columns2": columns2,
    "fused": fused,
    "lanes32_fused": lanes32_fused,
    "pairs_fused": pairs_fused,
    "columns4_chain": columns4_chain,
    "strided2": strided2,
}


def find_orders(rows: Sequence[Floats], coefficients: Sequence[Floats], products: Sequence[Floats]) -> list[str | None]:
    """For each output the name of the order that repeats `products` (rows × outputs) exactly, or None.

    `rows` and `coefficients` (outputs × features) are lists of lists of floats.
    """
    return [
        next((name for name, dot in ORDERS.items() if repeats(dot, rows, c, [p[k] for p in products])), None)
        for k, c in enumerate(coefficients)
    ]


def repeats(dot: Dot, rows: Sequence[Floats], coefficients: Floats, expected: Floats) -> bool:
    """Whether an order gives every expected value."""
    return all(dot(row, coefficients) == want for row, want in zip(rows, expected))


def dot_orders(coef: Array, table: Array) -> list[str | None]:
    """The order of every output, found by multiplying random rows one at a time.

    `coef` is what the model multiplies by, `table` the same as outputs × features.
    """
    import numpy as np

    random = np.random.default_rng(1)
    rows = random.normal(size=(TRIALS, table.shape[1])) * 10.0 ** random.integers(-3, 4, size=(TRIALS, 1))
    right = coef if coef.ndim == 1 else coef.T
    products = [np.atleast_1d(np.asarray(row[None, :] @ right)[0]).tolist() for row in rows]
    return find_orders(rows.tolist(), table.tolist(), products)
