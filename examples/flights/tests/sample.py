"""Six weeks of the real tables, built once for all tests."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from flights import features, ingest


@cache
def raw() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Flights from January 1 to February 14, and the whole tables of weather and planes."""
    with TemporaryDirectory() as folder:
        paths = {name: Path(folder) / name for name in ("flights", "weather", "planes")}
        ingest.main(**paths)
        flights, weather, planes = (pd.read_csv(path) for path in paths.values())
    early = (flights["month"] == 1) | ((flights["month"] == 2) & (flights["day"] <= 14))
    return flights[early].reset_index(drop=True), weather, planes


@cache
def table() -> pd.DataFrame:
    """The feature table of those weeks; the tests must not change it."""
    return features.build(*raw())
