"""Readings of a sensor that drifts."""

import random

from slipway.pipeline import step


@step(outputs=["table"], seed=7)
def make(table, rows, noise):
    """Leaves a table of times and values."""
    draw = random.Random(7)
    lines = [f"{at},{0.5 * at + 3 + draw.gauss(0, noise):.6f}\n" for at in range(rows)]
    table.write_text("time,value\n" + "".join(lines))
