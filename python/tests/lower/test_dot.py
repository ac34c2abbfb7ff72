"""The orders of addition: each is told from the others by its last bits."""

import importlib.util
import random
import unittest
from fractions import Fraction

from slipway.lower.form.dot import ORDERS, dot_orders, find_orders, fma


class DotTest(unittest.TestCase):
    """Twelve ways to add the same products."""

    def setUp(self) -> None:
        r = random.Random(1)
        self.rows = [[r.gauss(0, 1) for _ in range(23)] for _ in range(32)]
        self.coefficients = [r.gauss(0, 1) for _ in range(23)]

    def test_every_order_is_found_from_its_own_products(self) -> None:
        for name, dot in ORDERS.items():
            products = [[dot(row, self.coefficients)] for row in self.rows]
            self.assertEqual(find_orders(self.rows, [self.coefficients], products), [name])

    def test_every_order_is_a_dot_product(self) -> None:
        for dot in ORDERS.values():
            for row in self.rows:
                exact = sum(Fraction(a) * Fraction(b) for a, b in zip(row, self.coefficients))
                self.assertAlmostEqual(dot(row, self.coefficients), float(exact), places=12)

    def test_an_unknown_order_is_none(self) -> None:
        products = [[sum(sorted(a * b for a, b in zip(row, self.coefficients)))] for row in self.rows]
        self.assertEqual(find_orders(self.rows, [self.coefficients], products), [None])

    def test_fma_rounds_once(self) -> None:
        self.assertEqual(fma(1 + 2**-52, 1 + 2**-52, -1.0), 2**-51 + 2**-104)

    def test_rows_of_every_length(self) -> None:
        r = random.Random(2)
        for width in range(1, 70):
            row, other = ([r.choice([-1, 1]) * 2.0 ** r.randrange(-3, 4) for _ in range(width)] for _ in range(2))
            # powers of two add up without rounding, so that every order gives the exact sum
            exact = float(sum(Fraction(a) * Fraction(b) for a, b in zip(row, other)))
            for name, dot in ORDERS.items():
                self.assertEqual(dot(row, other), exact, (name, width))

    def test_the_order_of_this_machine_repeats_its_products(self) -> None:
        if importlib.util.find_spec("numpy") is None:
            self.skipTest("numpy is not installed")
        import numpy as np

        fresh = np.random.default_rng(9)
        known = 0
        for outputs, width in ((1, 3), (1, 20), (3, 7), (3, 33)):
            table = fresh.normal(size=(outputs, width))
            coefficients = table[0] if outputs == 1 else table
            for k, order in enumerate(dot_orders(coefficients, table)):
                if order is None:
                    continue
                known += 1
                for row in fresh.normal(size=(20, width)):
                    product = np.atleast_1d(np.asarray(row[None, :] @ coefficients.T)[0])[k]
                    self.assertEqual(ORDERS[order](row.tolist(), table[k].tolist()), product)
        self.assertGreater(known, 0)


if __name__ == "__main__":
    unittest.main()
