"""Prints the figures of the README, computed from raw data: `python -m flights.figures [FOLDER]`, about 3 minutes.

FOLDER keeps the tables between two calls; without it a temporary folder is used.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import pandas as pd
import yaml
from sklearn.metrics import log_loss, roc_auc_score

from flights import evaluate, features, ingest, prepare
from flights.columns import FEATURES
from flights.tables import read_table
from flights.train import inputs, new_model

ROOT = Path(__file__).parent.parent
SECOND_HALF = range(7, 13)


def params(variant: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """The params of each step in slipway.yaml, with those of the variant in their place."""
    steps = yaml.safe_load((ROOT / "slipway.yaml").read_text(encoding="utf-8"))["pipeline"]["steps"]
    return {name: {**step.get("params", {}), **variant.get(name, {})} for name, step in steps.items()}


def tables(folder: Path) -> pd.DataFrame:
    """The feature table, built in the folder unless it is there; prints how long each step took."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / name for name in ("flights", "weather", "planes", "table")}
    if not paths["table"].exists():
        table = paths.pop("table")
        start = perf_counter()
        ingest.main(**paths)
        middle = perf_counter()
        features.main(**paths, table=table)
        print(f"ingest {middle - start:.1f} s, features {perf_counter() - middle:.1f} s\n")
    return read_table(folder / "table")


def by_month(name: str, table: pd.DataFrame, score: np.ndarray, months: range) -> str:
    """One line of the table of months: the area under the curve on true labels, then July to December pooled."""
    cells = ["" for _ in range(6, months.start)]
    for month in months:
        rows = (table["month"] == month).to_numpy()
        cells.append(f"{roc_auc_score(table['y'][rows], score[rows]):.4f}")
    later = table["month"].isin(SECOND_HALF).to_numpy()
    if months.start <= SECOND_HALF.start:
        y, p = table["y"][later], score[later]
        cells += [f"{roc_auc_score(y, p):.4f}", f"{log_loss(y, p):.4f}", f"{p.mean():.3f}"]
    else:
        cells += [""] * 3
    return f"| {name} | " + " | ".join(cells) + " |"


def run(folder: Path, chosen: dict[str, dict[str, object]]) -> tuple[object, pd.DataFrame]:
    """Prepare and fit as the pipeline does, without MLflow; the model and the hold-out."""
    train, holdout = folder / "train", folder / "holdout"
    prepare.main(folder / "table", train, holdout, **chosen["prepare"])
    learned = read_table(train)
    model = new_model(chosen["train"]["max_iter"], chosen["train"]["seed"])
    return model.fit(inputs(learned), learned["y"]), read_table(holdout)


def variants() -> dict[str, dict[str, dict[str, object]]]:
    """The model of slipway.yaml and each of variants.yaml whose fit differs: name -> params by step."""
    named = yaml.safe_load((ROOT / "variants.yaml").read_text(encoding="utf-8"))
    fits = {name: entry["params"] for name, entry in named.items() if "faulty" not in entry["params"].get("train", {})}
    return {"first": {}, **fits}


def upstream_changes(model: object, rows: pd.DataFrame, y: np.ndarray) -> list[str]:
    """What a silent change of unit upstream does to a model: one line a change, for the rows given."""
    changed = {
        "temp and dewp in degrees Celsius": rows.assign(temp=(rows["temp"] - 32) / 1.8, dewp=(rows["dewp"] - 32) / 1.8),
        "distance in kilometres": rows.assign(distance=rows["distance"] * 1.609344),
    }
    before = model.predict_proba(rows)[:, 1]
    lines = []
    for name, other in changed.items():
        after = model.predict_proba(other)[:, 1]
        area = roc_auc_score(y, after) - roc_auc_score(y, before)
        lines.append(f"{name}: AUC {area:+.4f}, log-loss {log_loss(y, after) - log_loss(y, before):+.4f}")
    return lines


def without_tail_number(folder: Path, model: object, table: pd.DataFrame) -> str:
    """How much the raw table gives away: it has no tail number for some flights, all of them cancelled."""
    flights = pd.read_csv(folder / "flights")
    nameless = features.outcomes(flights)[flights["tailnum"].isna()]
    kept = table[~table["id"].isin(nameless["id"])]
    areas = [roc_auc_score(rows["y"], model.predict_proba(inputs(rows))[:, 1]) for rows in (table, kept)]
    share = f"{len(nameless):,} flights have no tail number, {nameless['y'].mean():.0%} of them late or cancelled"
    return f"{share}: AUC {areas[0]:.4f} with those of the hold-out, {areas[1]:.4f} without"


def main(folder: Path) -> None:
    """Print each variant on its own hold-out and by month, the importance of features, and the cost of wrong units."""
    table = tables(folder)
    later = table[table["month"] >= 6].reset_index(drop=True)
    rows = inputs(later)
    scores, own, months = {}, [], []
    for name, variant in variants().items():
        chosen = params(variant)
        model, holdout = run(folder, chosen)
        judged, y = inputs(holdout), holdout["y"].to_numpy()
        quality = evaluate.quality(y, model.predict_proba(judged)[:, 1])
        cells = [f"{quality[metric]:.4f}" for metric in ("roc_auc", "log_loss", "brier", "base_rate", "mean_score")]
        own.append(f"| {name} | {len(y):,} | " + " | ".join(cells) + " |")
        scores[name] = model.predict_proba(rows)[:, 1]
        start = int(chosen["prepare"]["train_until"][5:7])
        months.append(by_month(name, later, scores[name], range(start, 13)))
        if name == "first":
            nameless = without_tail_number(folder, model, holdout)
            worth = evaluate.importance(model, judged, y, chosen["evaluate"]["seed"])
        if name == "better-fed":
            september = (later["month"] == 9).to_numpy()
            wrong_units = upstream_changes(model, rows[september], later["y"].to_numpy()[september])
    print("| model | hold-out rows | AUC | log-loss | Brier | base rate | mean score |\n|---|---|---|---|---|---|---|")
    print("\n".join(own))
    print("\n| model | Jun | Jul | Aug | Sep | Oct | Nov | Dec | Jul-Dec | log-loss | mean score |")
    print("|---|---|---|---|---|---|---|---|---|---|---|\n" + "\n".join(months))
    july_on = (later["month"] >= 7).to_numpy()
    for name in ("other-seed", "flipped"):
        moved = np.abs(scores[name] - scores["better-fed"])[july_on].mean()
        print(f"\n{name} against better-fed, July to December: scores differ by {moved:.3f} on average")
    print(f"\nfirst: {nameless}")
    print("\nbetter-fed in September, with " + "\nbetter-fed in September, with ".join(wrong_units))
    print("\n| feature | mean score change | AUC fall |\n|---|---|---|")
    for name in sorted(FEATURES, key=lambda name: -worth[f"importance.{name}"]):
        print(f"| {name} | {worth[f'importance.{name}']:.4f} | {worth[f'importance_auc.{name}']:+.4f} |")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with TemporaryDirectory() as temporary:
            main(Path(temporary))
