"""Curves of one metric of some runs as SVG that stands in the page, takes its ink from the text around it and needs no script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slipway.display.scale import Scale, scale_of, ticks
from slipway.display.server import Server
from slipway.display.table import SMALL, anchor
from slipway.display.words import Cell, Shown, clean, escape, number, plain_table

WIDTH, HEIGHT = 680, 320
LEFT, RIGHT, TOP, BOTTOM = 76, 16, 16, 44
#: Each has a contrast of at least 3 with white and with #1e1e1e; dashes tell apart what colours do not.
COLOURS = ("#3b82f6", "#e0552d", "#16945a", "#b455d6", "#a87900", "#0f8fa3", "#e0447f", "#7c7c7c")
DASHES = ("", "7 3", "2 3")
#: Larger than this is what MLflow writes for infinity; no axis holds it.
INFINITE = 1e300


@dataclass(frozen=True)
class Curve:
    """The points of a run's metric by step; None stands where a value is not finite."""

    run: dict[str, Any]
    steps: list[float]
    values: list[float | None]
    total: int

    def finite(self) -> list[tuple[float, float]]:
        """The points that can be drawn."""
        return [(step, value) for step, value in zip(self.steps, self.values) if value is not None]


def read_curve(run: dict[str, Any], wire: dict[str, Any]) -> Curve:
    """A curve of `/v1/runs/curves`."""
    values = [float(one) if isinstance(one, (int, float)) and abs(one) < INFINITE else None for one in wire["values"]]
    return Curve(run, [float(one) for one in wire["steps"]], values, wire["total"])


def draw(server: Server, key: str, curves: list[Curve], notes: list[str]) -> Shown:
    """The picture with its legend; in a terminal a table of what the curves do."""
    drawn = [curve for curve in curves if curve.finite()]
    said = [*notes, *remarks(curves)]
    head = ["run", "points", "first", "last", "least", "greatest"]
    text = "\n".join([f"{clean(key)} over steps", plain_table(head, [facts(curve) for curve in curves]), *said])
    html = [
        f'<figure style="margin:0;max-width:{WIDTH}px">',
        f"<div>{escape(key, 250)} over steps</div>",
        picture(key, drawn) if drawn else "<div>no finite value to draw</div>",
        *(legend(server, curve, at) for at, curve in enumerate(drawn)),
        *(f'<div style="{SMALL}">{escape(note, 400)}</div>' for note in said),
        "</figure>",
    ]
    return Shown("".join(html), text)


def facts(curve: Curve) -> list[Cell]:
    """A curve in numbers."""
    values = [value for _, value in curve.finite()]
    ends = [values[0], values[-1], min(values), max(values)] if values else ["", "", "", ""]
    name = Cell(clean(curve.run["name"] or curve.run["id"]))
    return [name, Cell(str(curve.total), number=True), *(Cell(number(one), number=True) for one in ends)]


def remarks(curves: list[Curve]) -> list[str]:
    """What a reader of the picture would not see."""
    notes = []
    thinned = [curve for curve in curves if curve.total > len(curve.steps)]
    if thinned:
        notes.append(f"{len(thinned)} of {len(curves)} curves are thinned; least and greatest values are kept")
    lost = sum(value is None for curve in curves for value in curve.values)
    if lost:
        notes.append(f"{lost} {'value that is' if lost == 1 else 'values that are'} not finite left out")
    return notes


def picture(key: str, curves: list[Curve]) -> str:
    """The SVG. Every curve has a finite point."""
    points = [point for curve in curves for point in curve.finite()]
    x = scale_of([step for step, _ in points], LEFT, WIDTH - RIGHT)
    y = scale_of([value for _, value in points], HEIGHT - BOTTOM, TOP, margin=0.04)
    title = f"{clean(key, 250)} over steps, {len(curves)} {'run' if len(curves) == 1 else 'runs'}"
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title, 400)}" ',
            'style="width:100%;height:auto;display:block;background:transparent" font-family="system-ui,sans-serif" font-size="12" ',
            'fill="currentColor">',
            axes(x, y),
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2:g}" y="{HEIGHT - 6}" text-anchor="middle">step</text>',
            *(line(curve, at, x, y) for at, curve in enumerate(curves)),
            "</svg>",
        ]
    )


def axes(x: Scale, y: Scale) -> str:
    """Grid, numbers and the base line."""
    parts = []
    for value, text in ticks(y):
        at = f"{y.at(value):.1f}"
        parts.append(f'<path d="M{LEFT} {at}H{WIDTH - RIGHT}" stroke="currentColor" stroke-opacity=".18"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at}" dy=".35em" text-anchor="end">{escape(text)}</text>')
    for value, text in ticks(x, least=1):
        parts.append(f'<text x="{x.at(value):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{escape(text)}</text>')
    parts.append(f'<path d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}" stroke="currentColor" stroke-opacity=".6"/>')
    return "".join(parts)


def line(curve: Curve, at: int, x: Scale, y: Scale) -> str:
    """A run's curve, cut where a value is not finite; a point alone is a dot."""
    colour, dash = look(at)
    parts = [f"<g><title>{escape(curve.run['name'] or curve.run['id'])}</title>"]
    for piece in pieces(curve):
        places = [(f"{x.at(step):.1f}", f"{y.at(value):.1f}") for step, value in piece]
        if len(places) == 1:
            parts.append(f'<circle cx="{places[0][0]}" cy="{places[0][1]}" r="3.5" fill="{colour}"/>')
        else:
            joined = " ".join(",".join(place) for place in places)
            parts.append(f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="1.75"{dash}/>')
    return "".join([*parts, "</g>"])


def pieces(curve: Curve) -> list[list[tuple[float, float]]]:
    """The points between values that are not finite."""
    found: list[list[tuple[float, float]]] = [[]]
    for step, value in zip(curve.steps, curve.values):
        if value is None:
            found.append([])
        else:
            found[-1].append((step, value))
    return [piece for piece in found if piece]


def look(at: int) -> tuple[str, str]:
    """Colour and dashes of the curve at a place."""
    dash = DASHES[at // len(COLOURS) % len(DASHES)]
    return COLOURS[at % len(COLOURS)], f' stroke-dasharray="{dash}"' if dash else ""


def legend(server: Server, curve: Curve, at: int) -> str:
    """A line of the legend: the look, the run with its link, its last value."""
    colour, dash = look(at)
    sample = f'<svg width="28" height="10" aria-hidden="true"><path d="M0 5H28" stroke="{colour}" stroke-width="3"{dash}/></svg>'
    name = anchor(clean(curve.run["name"] or curve.run["id"]), server.link(curve.run["id"]))
    return f'<div>{sample} {name} <span style="{SMALL}">{number(curve.finite()[-1][1])}</span></div>'
