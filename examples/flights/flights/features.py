"""Step 2: one row per flight with what was known two hours before its scheduled departure.

Every join looks back from the row's event time T and takes only what had been published by T:
weather records ten minutes after their hour, outcomes when their label is known.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from flights.columns import DAY_MS, HOUR_MS, TABLE, WEATHER
from flights.ingest import COLUMNS
from flights.tables import write_table

MINUTE_MS = 60_000
LEAD_MS = 2 * HOUR_MS
WEATHER_PUBLISHED_MS = 10 * MINUTE_MS
WEATHER_TTL_MS = 3 * HOUR_MS
TAIL_TTL_MS = 3 * DAY_MS
LATE_MINUTES = 15

#: A late rate starts from this many imagined flights with this share late, so that few labels say little.
PRIOR_ROWS = 20
PRIOR_RATE = 0.25


def milliseconds(text: pd.Series) -> np.ndarray:
    """ISO times in UTC as milliseconds since 1970."""
    stamps, values = pd.factorize(text)
    parsed = pd.to_datetime(values, utc=True).as_unit("ms").astype("int64").to_numpy()
    return parsed[stamps]


def outcomes(flights: pd.DataFrame) -> pd.DataFrame:
    """The table's keys for each flight: id, event_time, label_time, y (see columns.py), plus month and dep_delay."""
    scheduled = milliseconds(flights["time_hour"]) + flights["minute"].to_numpy() * MINUTE_MS
    landed = flights["arr_delay"].notna().to_numpy()
    minutes = flights["dep_delay"] + flights["air_time"] + 30 + 60
    known_after = np.where(landed, minutes.fillna(0).to_numpy() * MINUTE_MS, DAY_MS).astype("int64")
    day = [f"{year}-{month:02}-{day:02}" for year, month, day in zip(flights["year"], flights["month"], flights["day"])]
    return pd.DataFrame(
        {
            "id": [*map("-".join, zip(day, flights["carrier"], flights["flight"].astype(str), flights["origin"]))],
            "event_time": scheduled - LEAD_MS,
            "label_time": scheduled + known_after,
            "y": (~landed | (flights["arr_delay"] >= LATE_MINUTES).to_numpy()).astype("int64"),
            "month": flights["month"],
            "dep_delay": flights["dep_delay"],
        }
    )


def schedule(flights: pd.DataFrame) -> pd.DataFrame:
    """What the published schedule says: distance in miles, local hour, day of the week (Monday 0), load of the hour."""
    day = pd.to_datetime(flights[["year", "month", "day"]])
    return pd.DataFrame(
        {
            "distance": flights["distance"],
            "sched_hour": flights["hour"],
            "dow": day.dt.dayofweek.astype("int64"),
            "sched_load": flights.groupby(["origin", "time_hour"])["flight"].transform("size"),
        }
    )


def aircraft(flights: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """Age in years (2013 - year of manufacture) and seats of the assigned aircraft, where the register knows it."""
    register = planes.set_index("tailnum")
    return pd.DataFrame(
        {
            "plane_age": (2013 - flights["tailnum"].map(register["year"])).astype("Int64"),
            "seats": flights["tailnum"].map(register["seats"]).astype("Int64"),
        }
    )


def weather_as_of(event_time: pd.Series, origin: pd.Series, weather: pd.DataFrame) -> pd.DataFrame:
    """The newest weather record published by T at the origin; missing when it is more than 3 hours old."""
    records = weather[["origin", *WEATHER]].assign(at=milliseconds(weather["time_hour"]) + WEATHER_PUBLISHED_MS)
    records = records.sort_values("at", kind="stable")
    asked = pd.DataFrame({"at": event_time, "origin": origin}).sort_values("at", kind="stable")
    found = pd.merge_asof(asked, records, on="at", by="origin", tolerance=WEATHER_TTL_MS)
    return found.set_index(asked.index)[WEATHER].reindex(event_time.index)


def late_rate(keys: pd.DataFrame, group: pd.Series, window_ms: int) -> np.ndarray:
    """The share late over the group's labels that became known in (T - window, T], shrunk to the prior, 4 decimals."""
    rate = np.empty(len(keys))
    asked, known, late = (keys[name].to_numpy() for name in ("event_time", "label_time", "y"))
    for rows in group.groupby(group).indices.values():
        order = rows[np.argsort(known[rows], kind="stable")]
        times = known[order]
        total = np.concatenate([[0], np.cumsum(late[order])])
        first = np.searchsorted(times, asked[rows] - window_ms, side="right")
        last = np.searchsorted(times, asked[rows], side="right")
        rate[rows] = (total[last] - total[first] + PRIOR_ROWS * PRIOR_RATE) / (last - first + PRIOR_ROWS)
    return rate.round(4)


def last_delay(keys: pd.DataFrame, tailnum: pd.Series, arr_delay: pd.Series) -> pd.Series:
    """The newest arrival delay (minutes) of the aircraft known by T; missing when it is more than 3 days old.

    Of two arrivals that become known in the same millisecond, the one scheduled later counts.
    """
    past = pd.DataFrame({"at": keys["label_time"], "tailnum": tailnum, "delay": arr_delay, "event": keys["event_time"]})
    past = past.dropna(subset=["tailnum", "delay"])
    past = past.iloc[np.lexsort((past["event"], past["at"]))]
    asked = pd.DataFrame({"at": keys["event_time"], "tailnum": tailnum}).dropna().sort_values("at", kind="stable")
    found = pd.merge_asof(asked, past[["at", "tailnum", "delay"]], on="at", by="tailnum", tolerance=TAIL_TTL_MS)
    return found.set_index(asked.index)["delay"].reindex(keys.index).astype("Int64")


def build(flights: pd.DataFrame, weather: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """The whole table, one row per flight, in order of event time, then of the raw table."""
    keys = outcomes(flights)
    rates = {
        "carrier_rate_7d": late_rate(keys, flights["carrier"], 7 * DAY_MS),
        "origin_rate_7d": late_rate(keys, flights["origin"], 7 * DAY_MS),
        "dest_rate_7d": late_rate(keys, flights["dest"], 7 * DAY_MS),
        "origin_rate_6h": late_rate(keys, flights["origin"], 6 * HOUR_MS),
    }
    parts = [
        keys,
        schedule(flights),
        aircraft(flights, planes),
        weather_as_of(keys["event_time"], flights["origin"], weather),
        pd.DataFrame(rates),
        last_delay(keys, flights["tailnum"], flights["arr_delay"]).rename("tail_last_delay"),
        flights[["carrier", "origin", "dest"]],
    ]
    table = pd.concat(parts, axis=1)[TABLE].astype({"dep_delay": "Int64"})
    return table.sort_values("event_time", kind="stable", ignore_index=True)


def main(flights: Path, weather: Path, planes: Path, table: Path) -> dict[str, float]:
    """Read the raw tables, write the feature table as CSV (empty = missing); returns its size and base rate."""
    sources = {"flights": flights, "weather": weather, "planes": planes}
    rows = build(*(pd.read_csv(path, usecols=list(COLUMNS[name])) for name, path in sources.items()))
    write_table(rows, table)
    return {"rows": len(rows), "late_rate": float(rows["y"].mean())}
