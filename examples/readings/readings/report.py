"""What is told of the readings."""

import json

from slipway.pipeline import step


@step(outputs=["page"])
def report(table, line, page):
    """Leaves a page of one sentence."""
    rows = len(table.read_text().splitlines()) - 1
    page.write_text(f"<p>{rows} readings rise by {json.loads(line.read_text())['slope']:.3f} each.</p>\n")
