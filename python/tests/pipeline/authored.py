"""A pipeline as a user writes one; its tests call its steps and read what it says."""

from __future__ import annotations

from pathlib import Path

from slipway.pipeline import command, entry, param, pipeline, step


@step(outputs=["raw"], env={"MODE": "x"}, secrets=["API_KEY"])
def ingest(raw: Path, month: str = "2024-01") -> None:
    """Leaves a text."""
    raw.write_text(month)


@step(name="fit-it", outputs=["model", "plot"], timeout="30m", retries={"user": 1}, resources={"cpus": 2, "memory": "4GiB"})
def train(raw: Path, model: Path, max_iter: int = 200) -> dict[str, float]:
    """Leaves another, with a metric."""
    model.write_text(raw.read_text() * max_iter)
    return {"auc": 0.5}


score = entry("elsewhere.score:main", outputs=["table"], cache="never", seed=3)
show = command(["python", "show.py", "{inputs.model}"], name="show", silent_timeout=60)


@pipeline(
    "flights",
    python={"packages": []},
    schedule={"cron": "0 4 * * *"},
    reads="strict",
    salt="s",
    model={"name": "delay", "gates": [{"metric": "auc", "at_least": 0.5}]},
    endpoint={"name": "delay"},
)
def flights(
    lr: float = param("float", default=0.1, min=0, max=1, help="how fast"),
    months: list[str] = param("list", of="string", default=["a", "b"]),
) -> object:
    """The pipeline."""
    raw = ingest(month="é ☃ 😀")
    fit = train.options(when=lr > 0)(raw, max_iter=2**80)
    scored = score(model=fit.model.optional(), tags=("a", 1.0, None, True), months=months)
    show.options(after=[raw, "fit-it"])(model=fit["model"], table=scored, lr=lr)
    return fit.model
