"""A pipeline written in Python: readings of a sensor, a line through them, and a report where it fits."""

from readings.fit import fit
from readings.make import make
from readings.report import report

from slipway.pipeline import command, param, pipeline


@pipeline(
    "readings",
    python={"packages": []},
    schedule={"cron": "0 4 * * *"},
)
def readings(
    rows=param("int", default=200, min=10, max=100_000, help="how many readings"),
    noise=param("float", default=0.5, min=0, max=10, help="standard deviation of the noise"),
):
    made = make(rows=rows, noise=noise)
    line = fit(made.table)
    report.options(when=(line.metrics.r2 >= 0.8) & (noise < 5))(made.table, line=line.line)
    command(
        ["python", "-c", "import sys; print(open(sys.argv[1]).read())", "{inputs.line}"],
        name="show",
    )(line=line.line)
