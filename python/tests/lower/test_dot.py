"""The orders of addition: each is told from the others by its last bits."""

import random
import unittest
from fractions import Fraction

from slipway.lower.form.dot import ORDERS, find_orders, fma


class DotTest(unittest.TestCase):
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


if __name__ == "__main__":
    unittest.main()
