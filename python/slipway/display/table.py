"""The table of runs, and the line about one run, in HTML that takes its colours from the page."""

from __future__ import annotations

from typing import Any

from slipway.display.runs import Columns, Experiment
from slipway.display.server import Server
from slipway.display.words import Cell, Shown, clean, escape, number, plain_table, started, status, took

#: A line of half-transparent grey is seen on white and on black.
LINE = "border-bottom:1px solid rgba(128,128,128,.4);padding:.25em .75em;white-space:nowrap;vertical-align:top"
#: Metrics in the line about a run.
MOST_FACTS = 8
SMALL = "opacity:.75;font-size:.9em"


def runs_table(server: Server, experiment: Experiment, columns: Columns, rows: list[dict[str, Any]], more: bool) -> Shown:
    """Runs in the order given; a note says what is left out."""
    notes = left_out(columns, len(rows), more)
    title = f"{len(rows)} {'run' if len(rows) == 1 else 'runs'} of {whose(experiment)}, newest first"
    head = ["run", "status", "started (UTC)", "took", *columns.metrics, *columns.params]
    cells = [row_cells(server, row, columns) for row in rows]
    kinds = [("", 4), ("metrics", len(columns.metrics)), ("params", len(columns.params))]
    html = "".join(
        [
            f"<div>{escape(title, 400)}</div>",
            '<div style="overflow-x:auto"><table style="border-collapse:collapse;background:transparent"><thead>',
            f"<tr>{''.join(group(name, width) for name, width in kinds if width)}</tr>",
            f"<tr>{''.join(heading(name) for name in head)}</tr></thead><tbody>",
            *(f"<tr>{''.join(html_cell(cell) for cell in line)}</tr>" for line in cells),
            "</tbody></table></div>",
            *(f'<div style="{SMALL}">{escape(note, 400)}</div>' for note in notes),
        ]
    )
    plain_head = [*head[:4], *(f"metrics.{clean(one)}" for one in columns.metrics), *(f"params.{clean(one)}" for one in columns.params)]
    return Shown(html, "\n".join([clean(title, 400), plain_table(plain_head, cells), *(clean(note, 400) for note in notes)]))


def whose(experiment: Experiment) -> str:
    """Whose runs they are."""
    return f'experiment "{experiment.name}"' if experiment.id else "all experiments"


def left_out(columns: Columns, shown: int, more: bool) -> list[str]:
    """What a reader does not see, and how to see it."""
    notes = [f"older runs are not shown: --limit {min(200, 2 * shown)}"] if more else []
    if columns.more_metrics:
        notes.append(f"{columns.more_metrics} more metrics: name some with --metrics a,b")
    if columns.more_params:
        notes.append(f"{columns.more_params} more params: name some with --params a,b")
    return notes


def row_cells(server: Server, row: dict[str, Any], columns: Columns) -> list[Cell]:
    """The cells of a run; empty where it has no such metric or param."""
    first = Cell(clean(row["name"] or row["id"]), link=server.link(row["id"]))
    metrics = [Cell(number(row["metrics"][key]) if key in row["metrics"] else "", number=True) for key in columns.metrics]
    params = [Cell(clean(row["params"].get(key, ""))) for key in columns.params]
    return [first, Cell(status(row)), Cell(started(row)), Cell(took(row), number=True), *metrics, *params]


def group(name: str, width: int) -> str:
    """A heading over several columns."""
    return f'<th colspan="{width}" style="{LINE};text-align:left">{name}</th>'


def heading(name: str) -> str:
    """The heading of a column."""
    return f'<th scope="col" style="{LINE};text-align:left">{escape(name)}</th>'


def html_cell(cell: Cell) -> str:
    """A cell as HTML."""
    side = "right;font-variant-numeric:tabular-nums" if cell.number else "left"
    return f'<td style="{LINE};text-align:{side}">{anchor(cell.text, cell.link)}</td>'


def anchor(text: str, link: str) -> str:
    """A text, as a link where it leads somewhere; the page that it opens learns nothing of the notebook."""
    if not link:
        return escape(text)
    return f'<a href="{escape(link, 2000)}" target="_blank" rel="noopener noreferrer">{escape(text)}</a>'


def run_line(server: Server, run: dict[str, Any]) -> Shown:
    """One run with its link and its last metrics."""
    link = server.link(run["id"])
    name = clean(run["name"] or run["id"])
    facts = [status(run), f"started {started(run)} UTC", *([f"took {took(run)}"] if took(run) else [])]
    metrics = sorted(run["metrics"], key=lambda one: one["key"])
    facts += [f"{clean(one['key'])} = {number(one['value'])}" for one in metrics[:MOST_FACTS]]
    if len(metrics) > MOST_FACTS:
        facts.append(f"{len(metrics) - MOST_FACTS} more metrics")
    html = f'<div>{anchor(name, link)} <span style="{SMALL}">{escape(" · ".join(facts), 2000)}</span></div>'
    return Shown(html, f"{name}  {link}\n{' · '.join(facts)}")
