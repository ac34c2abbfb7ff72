"""The line magic ``%slipway``: reads its line, asks the server, and publishes what is shown."""

from __future__ import annotations

import argparse
import shlex
from typing import Any, NoReturn

from slipway.display.curves import draw, read_curve
from slipway.display.failure import NotShown
from slipway.display.runs import find_columns, find_experiment, last_run, newest_runs, runs_with
from slipway.display.server import Server, find_server
from slipway.display.table import run_line, runs_table, whose
from slipway.display.words import Shown, clean

USAGE = """%slipway runs [EXPERIMENT | --all] [--filter TEXT] [--metrics A,B] [--params A,B] [--limit N]
%slipway curves METRIC [EXPERIMENT | --all] [--run ID]... [--limit N]
%slipway last [EXPERIMENT | --all]"""

#: Points of a curve in the notebook: as many as there are pixels to see them.
CURVE_POINTS = 300
MOST_RUNS = 200
MOST_CURVES = 24


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a line as the magic does, and never ends the process."""

    def error(self, message: str) -> NoReturn:
        """What argparse found."""
        raise NotShown(f"{clean(message, 300)}\n{USAGE}")


class Magic:
    """What ``%slipway`` does in one shell."""

    def __init__(self, ipython: Any) -> None:
        self.ipython = ipython

    def slipway(self, line: str) -> None:
        """%slipway runs [EXPERIMENT], %slipway curves METRIC [EXPERIMENT], %slipway last: runs of the server, in the notebook."""
        asked = parse(line)
        server = find_server()
        shown = SHOWS[asked.show](server, asked)
        data = {"text/html": server.mask(shown.html), "text/plain": server.mask(shown.text)}
        self.ipython.display_pub.publish(data)


def register(ipython: Any) -> None:
    """Gives an IPython shell the magic; nothing of IPython is imported."""
    ipython.register_magic_function(Magic(ipython).slipway, magic_kind="line", magic_name="slipway")


def parse(line: str) -> argparse.Namespace:
    """The line as options. Raises NotShown with the usage."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise NotShown(f"{clean(error)} in the line; put a text with blanks into quotes\n{USAGE}") from None
    if not words:
        raise NotShown(f"say what to show\n{USAGE}")
    parser = Parser(prog="%slipway", add_help=False, allow_abbrev=False)
    shows = parser.add_subparsers(dest="show", required=True)
    runs, curves, last = (shows.add_parser(name, add_help=False, allow_abbrev=False) for name in ("runs", "curves", "last"))
    curves.add_argument("metric")
    for one in (runs, curves, last):
        one.add_argument("experiment", nargs="?", default="")
        one.add_argument("--all", action="store_true")
    runs.add_argument("--filter", default="")
    runs.add_argument("--metrics", type=names)
    runs.add_argument("--params", type=names)
    runs.add_argument("--limit", type=Within(MOST_RUNS), default=20)
    curves.add_argument("--run", action="append", default=[])
    curves.add_argument("--limit", type=Within(MOST_CURVES), default=8)
    asked = parser.parse_args(words)
    if asked.all and asked.experiment:
        raise NotShown(f"give an experiment or --all, not both\n{USAGE}")
    return asked


def names(text: str) -> list[str]:
    """Names with commas between them."""
    return [one.strip() for one in text.split(",") if one.strip()]


class Within:
    """Reads a whole number from 1 to a limit."""

    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(self, text: str) -> int:
        """The number, or an error that says which would be."""
        if not text.isdecimal() or not 1 <= int(text) <= self.most:
            raise argparse.ArgumentTypeError(f"got {text}, expected a whole number from 1 to {self.most}")
        return int(text)


def show_runs(server: Server, asked: argparse.Namespace) -> Shown:
    """The table of runs."""
    experiment = find_experiment(server, asked.experiment, asked.all)
    columns = find_columns(server, experiment, asked.metrics, asked.params)
    wanted = {"metrics": ",".join(columns.metrics), "params": ",".join(columns.params)}
    rows, more = newest_runs(server, experiment, asked.limit, filter=asked.filter, **wanted)
    if not rows:
        text = f"no run of {whose(experiment)}{' passes the filter' if asked.filter else ''}"
        raise NotShown(server.mask(clean(text, 400)))
    return runs_table(server, experiment, columns, rows, more)


def show_curves(server: Server, asked: argparse.Namespace) -> Shown:
    """Curves of the runs that were named, else of the newest that have the metric."""
    notes: list[str] = []
    if len(asked.run) > MOST_CURVES:
        raise NotShown(f"{len(asked.run)} runs are named; at most {MOST_CURVES} curves are drawn")
    if asked.run:
        rows = server.get("/v1/runs/compare", "runs", ids=",".join(asked.run))["runs"]
    else:
        experiment = find_experiment(server, asked.experiment, asked.all)
        rows = runs_with(server, experiment, asked.metric, asked.limit)
        notes = [f"the newest {len(rows)} {'run' if len(rows) == 1 else 'runs'} of {whose(experiment)} with this metric"]
    ids = ",".join(row["id"] for row in rows)
    found = {one["id"]: one for one in server.items("/v1/runs/curves", ids=ids, key=asked.metric, max_points=CURVE_POINTS)}
    curves = [read_curve(row, found[row["id"]]) for row in rows if row["id"] in found]
    if not any(curve.steps for curve in curves):
        raise NotShown(server.mask(f'these runs have no metric "{clean(asked.metric)}"'))
    return draw(server, asked.metric, curves, notes)


def show_last(server: Server, asked: argparse.Namespace) -> Shown:
    """The last run with its link."""
    experiment = find_experiment(server, asked.experiment, asked.all)
    run = last_run(server, experiment, own=not asked.experiment)
    if run is None:
        raise NotShown(server.mask(clean(f"no run of {whose(experiment)}", 400)))
    return run_line(server, run)


SHOWS = {"runs": show_runs, "curves": show_curves, "last": show_last}
