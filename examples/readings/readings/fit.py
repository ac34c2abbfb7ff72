"""The line through readings."""

import csv
import json

from slipway.pipeline import step


def line_through(points):
    """Slope, intercept and the share of the variance that the line explains."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    intercept = mean_y - slope * mean_x
    rest = sum((y - slope * x - intercept) ** 2 for x, y in points)
    return slope, intercept, 1 - rest / sum((y - mean_y) ** 2 for _, y in points)


@step(outputs=["line"], timeout="10m", retries={"out_of_memory": 1}, resources={"cpus": 1, "memory": "512MiB"})
def fit(table, line):
    """Leaves the line as JSON."""
    with table.open() as file:
        points = [(float(row["time"]), float(row["value"])) for row in csv.DictReader(file)]
    slope, intercept, r2 = line_through(points)
    line.write_text(json.dumps({"slope": slope, "intercept": intercept}))
    return {"slope": slope, "r2": r2}
