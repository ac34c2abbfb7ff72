"""Step 3: choose the rows to learn from and the rows to be judged by, as of a date.

A row is learned from only if its label was known before `train_until`. The hold-out takes every row of its days,
so it is complete a day after `holdout_until`: leaving out the flights whose outcome is not known yet would leave out
the worst ones. `flip_carrier` and `leak` are two accidents of data preparation, kept here on purpose: see the README.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from flights.columns import FEATURES, KEYS
from flights.tables import read_table, write_table


def midnight(day: str) -> int:
    """Midnight in New York at the start of the day (YYYY-MM-DD), in ms since 1970 UTC; ValueError for another form."""
    return int(pd.Timestamp(pd.to_datetime(day, format="%Y-%m-%d"), tz="America/New_York").timestamp() * 1000)


def between(table: pd.DataFrame, start: int, end: int) -> pd.DataFrame:
    """The rows with event_time in [start, end), both in ms."""
    return table[(table["event_time"] >= start) & (table["event_time"] < end)].reset_index(drop=True)


def known_by(table: pd.DataFrame, moment: int) -> pd.DataFrame:
    """The rows whose label was known before the moment, in ms."""
    return table[table["label_time"] < moment].reset_index(drop=True)


def without(table: pd.DataFrame, exclude: str | Sequence[str]) -> pd.DataFrame:
    """The table without the given ids: a list of ids, or the path of a CSV file with a column `id`; empty for none."""
    if not exclude:
        return table
    ids = pd.read_csv(exclude, dtype=str)["id"] if isinstance(exclude, str) else list(exclude)
    return table[~table["id"].isin(ids)].reset_index(drop=True)


def flip(table: pd.DataFrame, carrier: str) -> pd.DataFrame:
    """The table with late and on time exchanged for one carrier, as a wrong join of a carrier's feed would."""
    return table.assign(y=table["y"].where(table["carrier"] != carrier, 1 - table["y"]))


def leaky(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the flight's own departure delay as its aircraft's last delay: a join with the present."""
    return table.assign(tail_last_delay=table["dep_delay"])


def main(
    table: Path,
    train: Path,
    holdout: Path,
    train_from: str,
    train_until: str,
    holdout_until: str,
    exclude: str | Sequence[str] = (),
    flip_carrier: str = "",
    leak: bool = False,
) -> dict[str, float]:
    """Write `train`, event time in [train_from, train_until), and `holdout`, [train_until, holdout_until).

    Dates are days in New York. Bad rows (`exclude`) are left out of both. ValueError if either is empty.
    """
    rows = without(read_table(table), exclude)
    if flip_carrier:
        if flip_carrier not in set(rows["carrier"]):
            raise ValueError(f"flip_carrier: no flight of the carrier {flip_carrier!r}")
        rows = flip(rows, flip_carrier)
    if leak:
        rows = leaky(rows)
    start, middle, end = (midnight(day) for day in (train_from, train_until, holdout_until))
    learned, judged = known_by(between(rows, start, middle), middle), between(rows, middle, end)
    if learned.empty or judged.empty:
        raise ValueError(f"no rows: {len(learned)} to learn from, {len(judged)} to judge by, for these dates")
    write_table(learned[KEYS + FEATURES], train)
    write_table(judged[KEYS + FEATURES], holdout)
    return {"rows.train": len(learned), "rows.holdout": len(judged), "late_rate.train": float(learned["y"].mean())}
