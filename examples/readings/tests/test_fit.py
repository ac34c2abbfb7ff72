"""A step outside of a pipeline is its function: pytest or unittest calls it."""

import tempfile
import unittest
from pathlib import Path

from readings.fit import fit
from readings.make import make


class FitCase(unittest.TestCase):
    def test_a_line_without_noise_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            table, line = Path(folder, "table"), Path(folder, "line")
            make(table, rows=50, noise=0)
            metrics = fit(table, line)
        self.assertAlmostEqual(metrics["slope"], 0.5, places=6)
        self.assertAlmostEqual(metrics["r2"], 1.0, places=6)


if __name__ == "__main__":
    unittest.main()
