"""The features against their definition, row by row, and against a future that was changed."""

import unittest

import numpy as np
import pandas as pd
from sample import raw, table

from flights import features
from flights.columns import FEATURES, NULLABLE, TABLE, WEATHER

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def truth() -> pd.DataFrame:
    """The raw flights in the table's order, with their times worked out by pandas instead of by the code under test."""
    flights, _, _ = raw()
    scheduled = pd.to_datetime(flights["time_hour"]) + pd.to_timedelta(flights["minute"], unit="min")
    done = scheduled + pd.to_timedelta(flights["dep_delay"] + flights["air_time"] + 90, unit="min")
    known = done.where(flights["arr_delay"].notna(), scheduled + pd.Timedelta(days=1))
    epoch = pd.Timestamp(0, tz="UTC")
    asked = (scheduled - pd.Timedelta(hours=2) - epoch) // pd.Timedelta(milliseconds=1)
    rows = flights.assign(asked=asked, known=(known - epoch) // pd.Timedelta(milliseconds=1))
    rows["late"] = [not delay < 15 for delay in rows["arr_delay"]]
    return rows.sort_values("asked", kind="stable", ignore_index=True)


def rate(past: pd.DataFrame, asked: int, window: int) -> float:
    """The shrunk share late of the past flights whose label became known in (asked - window, asked]."""
    seen = past[(past["known"] > asked - window) & (past["known"] <= asked)]
    return round((seen["late"].sum() + 5) / (len(seen) + 20), 4)


class Definition(unittest.TestCase):
    def setUp(self) -> None:
        self.table, self.truth = table(), truth()
        self.sample = np.random.default_rng(7).choice(len(self.table), 150, replace=False)

    def test_keys(self) -> None:
        self.assertEqual(list(self.table.columns), TABLE)
        self.assertTrue(self.table["id"].is_unique)
        self.assertTrue(self.table["event_time"].is_monotonic_increasing)
        self.assertEqual(self.table["event_time"].tolist(), self.truth["asked"].tolist())
        self.assertEqual(self.table["label_time"].tolist(), self.truth["known"].tolist())
        self.assertEqual(self.table["y"].tolist(), self.truth["late"].astype(int).tolist())
        self.assertTrue((self.table["label_time"] > self.table["event_time"]).all())
        self.assertEqual(self.table["id"][0], "2013-01-01-UA-1545-EWR")

    def test_only_the_nullable_are_missing(self) -> None:
        missing = {name for name in FEATURES if self.table[name].isna().any()}
        self.assertLessEqual(missing, set(NULLABLE))

    def test_rates(self) -> None:
        columns = {"carrier_rate_7d": "carrier", "origin_rate_7d": "origin", "dest_rate_7d": "dest"}
        for at in self.sample:
            row = self.truth.iloc[at]
            for name, key in columns.items():
                expected = rate(self.truth[self.truth[key] == row[key]], row["asked"], 7 * DAY)
                self.assertAlmostEqual(self.table[name][at], expected, places=9, msg=f"{name} of row {at}")
            expected = rate(self.truth[self.truth["origin"] == row["origin"]], row["asked"], 6 * HOUR)
            self.assertAlmostEqual(self.table["origin_rate_6h"][at], expected, places=9)

    def test_last_delay_of_the_aircraft(self) -> None:
        found = 0
        for at in self.sample:
            row = self.truth.iloc[at]
            past = self.truth[(self.truth["tailnum"] == row["tailnum"]) & self.truth["arr_delay"].notna()]
            past = past[(past["known"] <= row["asked"]) & (past["known"] >= row["asked"] - 3 * DAY)]
            actual = self.table["tail_last_delay"][at]
            if past.empty:
                self.assertTrue(pd.isna(actual))
            else:
                found += 1
                self.assertEqual(actual, past.sort_values(["known", "asked"])["arr_delay"].iloc[-1])
        self.assertGreater(found, 50)

    def test_weather(self) -> None:
        _, weather, _ = raw()
        hour = pd.to_datetime(weather["time_hour"]).dt.as_unit("ms").astype("int64")
        for at in self.sample:
            row = self.truth.iloc[at]
            published = hour + 10 * MINUTE
            records = weather[(weather["origin"] == row["origin"]) & (published <= row["asked"])]
            newest = records.loc[hour[records.index].idxmax()]
            fresh = row["asked"] - published[newest.name] <= 3 * HOUR
            for name in WEATHER:
                actual = self.table[name][at]
                if fresh and not pd.isna(newest[name]):
                    self.assertEqual(actual, newest[name])
                else:
                    self.assertTrue(pd.isna(actual))

    def test_schedule_and_aircraft(self) -> None:
        _, _, planes = raw()
        for at in self.sample:
            row = self.truth.iloc[at]
            same_hour = (self.truth["origin"] == row["origin"]) & (self.truth["time_hour"] == row["time_hour"])
            self.assertEqual(self.table["sched_load"][at], same_hour.sum())
            self.assertEqual(self.table["dow"][at], pd.Timestamp(row["year"], row["month"], row["day"]).dayofweek)
            self.assertEqual(self.table["sched_hour"][at], row["sched_dep_time"] // 100)
            self.assertEqual(self.table["distance"][at], row["distance"])
            plane = planes[planes["tailnum"] == row["tailnum"]]
            self.assertEqual(pd.isna(self.table["seats"][at]), plane.empty)
            if not plane.empty:
                self.assertEqual(self.table["seats"][at], plane["seats"].iloc[0])


class NoLeakage(unittest.TestCase):
    def test_a_changed_future_changes_no_feature_of_the_past(self) -> None:
        flights, weather, planes = raw()
        before = table()
        cut = int(before["event_time"][len(before) // 2])
        known = features.outcomes(flights)["label_time"]
        later_hours = features.milliseconds(weather["time_hour"]) + 10 * MINUTE > cut
        other = flights.assign(arr_delay=flights["arr_delay"].where(known <= cut, 500 - flights["arr_delay"]))
        storm = weather.assign(temp=weather["temp"].where(~later_hours, -99.0))
        after = features.build(other, storm, planes)
        past = before["event_time"] <= cut
        pd.testing.assert_frame_equal(before.loc[past, FEATURES], after.loc[past, FEATURES])
        changed = (before.loc[~past, FEATURES].fillna(-1) != after.loc[~past, FEATURES].fillna(-1)).any(axis=1)
        self.assertGreater(changed.mean(), 0.9)


if __name__ == "__main__":
    unittest.main()
