"""The raw tables as the package has them, and a package that lacks a column."""

import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from flights import ingest


class Ingest(unittest.TestCase):
    def test_all_rows_of_the_year(self) -> None:
        with TemporaryDirectory() as folder:
            paths = {name: Path(folder) / name for name in ("flights", "weather", "planes")}
            metrics = ingest.main(**paths)
            self.assertEqual(metrics, {"rows.flights": 336_776, "rows.weather": 26_115, "rows.planes": 3_322})
            for name, path in paths.items():
                read = pd.read_csv(path, usecols=list(ingest.COLUMNS[name]))
                self.assertEqual(len(read), metrics[f"rows.{name}"])

    def test_a_lacking_column_is_named(self) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "planes"
            path.write_text("tailnum,seats\nN1,100\n", encoding="utf-8")
            with self.assertRaisesRegex(ValueError, r"planes lacks the columns \['year'\]"):
                ingest.check("planes", path)


if __name__ == "__main__":
    unittest.main()
