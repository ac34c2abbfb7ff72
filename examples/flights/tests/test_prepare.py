"""The rows that are learned from and judged by, and the accidents of data preparation."""

import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from sample import table

from flights import prepare
from flights.columns import FEATURES, KEYS
from flights.tables import read_table, write_table

DATES = {"train_from": "2013-01-08", "train_until": "2013-02-01", "holdout_until": "2013-02-08"}


class Prepare(unittest.TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        write_table(table(), self.folder / "table")

    def prepared(self, **params: object) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
        """What the step writes, and its metrics."""
        paths = [self.folder / name for name in ("table", "train", "holdout")]
        metrics = prepare.main(*paths, **{**DATES, **params})
        return read_table(paths[1]), read_table(paths[2]), metrics

    def test_windows_and_columns(self) -> None:
        train, holdout, metrics = self.prepared()
        first, middle, end = (int(pd.Timestamp(f"{day} 05:00Z").timestamp() * 1000) for day in DATES.values())
        self.assertEqual(list(train.columns), KEYS + FEATURES)
        self.assertEqual(list(holdout.columns), KEYS + FEATURES)
        self.assertGreaterEqual(train["event_time"].min(), first)
        self.assertLess(train["label_time"].max(), middle)
        everything = table()
        expected = everything[(everything["event_time"] >= middle) & (everything["event_time"] < end)]
        self.assertEqual(holdout["id"].tolist(), expected["id"].tolist())
        asked_in_time = ((everything["event_time"] >= first) & (everything["event_time"] < middle)).sum()
        self.assertLess(len(train), asked_in_time)
        self.assertEqual(metrics["rows.train"], len(train))

    def test_exclude_by_list_and_by_file(self) -> None:
        train, holdout, _ = self.prepared()
        bad = [train["id"][0], train["id"][5], holdout["id"][3]]
        pd.DataFrame({"id": bad}).to_csv(self.folder / "bad.csv", index=False)
        for exclude in (bad, str(self.folder / "bad.csv")):
            fewer, judged, _ = self.prepared(exclude=exclude)
            self.assertEqual(len(fewer), len(train) - 2)
            self.assertEqual(len(judged), len(holdout) - 1)
            self.assertFalse(fewer["id"].isin(bad).any())

    def test_flip_changes_the_labels_of_one_carrier_only(self) -> None:
        clean, flipped = self.prepared(), self.prepared(flip_carrier="UA")
        for before, after in zip(clean[:2], flipped[:2]):
            united = before["carrier"] == "UA"
            self.assertTrue((before["y"] + after["y"] == 1)[united].all())
            self.assertTrue((before["y"] == after["y"])[~united].all())
            pd.testing.assert_frame_equal(before[FEATURES], after[FEATURES])

    def test_leak_replaces_one_feature_under_its_own_name(self) -> None:
        clean, leaky = self.prepared()[0], self.prepared(leak=True)[0]
        delay = table().set_index("id")["dep_delay"]
        self.assertEqual(
            leaky["tail_last_delay"].fillna(-999).tolist(), delay[leaky["id"]].astype("float64").fillna(-999).tolist()
        )
        rest = [name for name in clean.columns if name != "tail_last_delay"]
        pd.testing.assert_frame_equal(clean[rest], leaky[rest])

    def test_mistakes_are_named(self) -> None:
        with self.assertRaisesRegex(ValueError, "no rows: .* 0 to judge by"):
            self.prepared(holdout_until="2013-02-01")
        with self.assertRaisesRegex(ValueError, "flip_carrier: no flight of the carrier 'ZZ'"):
            self.prepared(flip_carrier="ZZ")
        with self.assertRaisesRegex(ValueError, "1 Feb 2013"):
            self.prepared(train_until="1 Feb 2013")


class Tables(unittest.TestCase):
    def test_numbers_read_back_as_they_were(self) -> None:
        with TemporaryDirectory() as folder:
            written = pd.DataFrame({"a": [0.1 + 0.2, 1e-300, None], "b": ["NA", "x", np.nan], "c": [2**53, 0, -1]})
            write_table(written, Path(folder) / "t")
            pd.testing.assert_frame_equal(read_table(Path(folder) / "t"), written)

    def test_a_comma_is_refused(self) -> None:
        with TemporaryDirectory() as folder, self.assertRaisesRegex(ValueError, "comma"):
            write_table(pd.DataFrame({"a": ["x,y"]}), Path(folder) / "t")


if __name__ == "__main__":
    unittest.main()
