"""Texts of users, numbers and times as people read them in a table."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

#: Characters of a text in a cell; notebooks are committed, so they stay small.
CELL_CHARS = 60


@dataclass(frozen=True)
class Shown:
    """What goes into the notebook: for a browser, and for a terminal."""

    html: str
    text: str


@dataclass(frozen=True)
class Cell:
    """A cell of a table; `link` is an address without a secret, `number` puts it to the right."""

    text: str
    link: str = ""
    number: bool = False


def clean(value: object, most: int = CELL_CHARS) -> str:
    """One line that no terminal obeys: controls, escapes and marks that turn the direction of writing are replaced, what is long is cut."""
    text = str(value)
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(one if one.isprintable() else " " if one in "\t\r\n" else "\ufffd" for one in cut)


def escape(value: object, most: int = CELL_CHARS) -> str:
    """The same for HTML, in texts and in attributes."""
    return html.escape(clean(value, most), quote=True)


def number(value: Any) -> str:
    """A metric with six digits; whole numbers whole. The wire's NaN is a text."""
    if isinstance(value, (int, float)) and value == value and abs(value) < 1e15 and value == int(value):
        return str(int(value))
    return f"{value:.6g}" if isinstance(value, (int, float)) else clean(value)


def moment(wire: str) -> datetime:
    """A time of the wire."""
    return datetime.fromisoformat(wire.replace("Z", "+00:00")).astimezone(timezone.utc)


def started(run: dict[str, Any]) -> str:
    """When a run began, UTC: the notebook is read elsewhere too."""
    return moment(run["started_at"]).strftime("%Y-%m-%d %H:%M:%S")


def took(run: dict[str, Any]) -> str:
    """How long a run ran; empty while it does."""
    if run.get("ended_at") is None:
        return ""
    seconds = (moment(run["ended_at"]) - moment(run["started_at"])).total_seconds()
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    seconds = max(60, seconds)
    minutes = int(seconds) // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {int(seconds) % 60} s"


def status(run: dict[str, Any]) -> str:
    """How a run ended; one that fell silent is lost."""
    return "LOST" if run.get("lost") else clean(run["status"])


def plain_table(head: list[str], rows: list[list[Cell]]) -> str:
    """Columns for a terminal."""
    lines = [head, *[[cell.text for cell in row] for row in rows]]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    right = [any(row[at].number for row in rows) for at in range(len(head))]

    def padded(line: list[str]) -> str:
        return "  ".join(text.rjust(width) if far else text.ljust(width) for text, width, far in zip(line, widths, right)).rstrip()

    return "\n".join(padded(line) for line in lines)
