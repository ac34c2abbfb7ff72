"""Writes the fixture notebooks: `python test/notebooks/make.py` in an environment with scikit-learn, pandas and matplotlib.

Each is a list of cells; a text that begins with `#md` is a text cell. Cells are run here, by `exec`, so that stored outputs
are what Jupyter would have kept.
"""

import contextlib
import io
import json
import os
import random
from pathlib import Path

HERE = Path(__file__).parent / "fixtures"

IMPORTS = """import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split"""
LOAD = 'df = pd.read_csv("churn.csv")'
SPLIT = """X = df[["tenure", "charge"]]
y = df["churn"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=7)"""
FIT = """model = LogisticRegression()
model.fit(X_train, y_train)"""
SCORE = """pred = model.predict(X_test)
accuracy = accuracy_score(y_test, pred)
print("accuracy", accuracy)"""


def notebook(name, cells, order=None, counts=None, version="3.11.7", run=True, edit=None):
    """Runs the cells in `order` (numbers of code cells from 1) and writes the notebook."""
    codes = [one for one in cells if not one.startswith("#md")]
    order = order or list(range(1, len(codes) + 1))
    outputs, given = {}, {}
    space = {"__name__": "__main__"}
    for count, number in enumerate(order, 1):
        given[number] = counts[number - 1] if counts else count
        outputs[number] = output(codes[number - 1], space, given[number]) if run else []
    raw, number = [], 0
    for cell in cells:
        if cell.startswith("#md"):
            raw.append({"cell_type": "markdown", "metadata": {}, "source": cell[3:].strip()})
            continue
        number += 1
        raw.append(
            {
                "cell_type": "code",
                "execution_count": given.get(number),
                "metadata": {},
                "outputs": outputs.get(number, []),
                "source": cell.splitlines(keepends=True),
            }
        )
    whole = {
        "cells": raw,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "version": version},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    if edit is not None:
        edit(whole)
    (HERE / f"{name}.ipynb").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def output(source, space, count):
    """What Jupyter keeps of a cell without magics and pictures."""
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    text = "\n".join(lines)
    printed, value = io.StringIO(), None
    import ast

    tree = ast.parse(text)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), space)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), space)
    found = []
    if printed.getvalue():
        found.append({"name": "stdout", "output_type": "stream", "text": printed.getvalue().splitlines(keepends=True)})
    if value is not None:
        found.append(
            {"data": {"text/plain": repr(value).splitlines(keepends=True)}, "execution_count": count, "metadata": {}, "output_type": "execute_result"}
        )
    return found


def table():
    """Customers, and whether they left."""
    source = random.Random(4)
    rows = ["tenure,charge,plan,churn"]
    for _ in range(300):
        tenure, charge = source.randint(1, 72), round(source.uniform(20, 120), 2)
        plan = source.choice(["basic", "plus", "family"])
        rows.append(f"{tenure},{charge},{plan},{int(charge - tenure + source.gauss(0, 25) > 20)}")
    (HERE / "churn.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def secrets(whole):
    """A token in an output and one in the metadata."""
    whole["cells"][1]["outputs"] = [{"name": "stdout", "output_type": "stream", "text": ["using ghp_0123456789abcdefghijABCDEFGHIJ456789\n"]}]
    whole["metadata"]["deploy"] = {"key": "AKIAIOSFODNN7EXAMPLE"}


def lost_line(whole):
    """A stored figure that no run gives again."""
    whole["cells"][-1]["outputs"].append({"name": "stdout", "output_type": "stream", "text": ["best 0.123456\n"]})


def main():
    """Every fixture; D1 to D15 of the guide are the first two digits."""
    HERE.mkdir(exist_ok=True)
    table()
    os.chdir(HERE)
    base = [IMPORTS, LOAD, SPLIT, FIT, SCORE]
    notebook("d01_dependencies", ["!pip install scikit-learn==1.0 pandas\n" + IMPORTS, *base[1:]])
    notebook("d01_unexplained", [IMPORTS + "\nimport cv2", *base[1:]], run=False)
    notebook("d02_order", [SCORE, IMPORTS, FIT, LOAD, SPLIT], order=[2, 4, 5, 3, 1])
    notebook("d02_two_meanings", [IMPORTS, LOAD, 'df["charge"] = df["charge"] * 2', 'df["charge"] = df["charge"] + 10', SPLIT, FIT, SCORE], order=[1, 2, 4, 3, 5, 6, 7])
    notebook("d03_deleted_cell", [IMPORTS, LOAD + "\ndf = df[df.tenure > shortest]", SPLIT, FIT, SCORE], counts=[1, 4, 5, 6, 7], run=False)
    notebook(
        "d04_globals",
        [
            IMPORTS + "\nLIMIT = 60",
            LOAD,
            """mean_charge = df["charge"].mean()

def is_dear(charge, factor=1.0):  # compared with the mean
    return charge > mean_charge * factor

def label(row):
    return "dear" if is_dear(row["charge"]) and row["tenure"] < LIMIT else "fair"

df["label"] = df.apply(label, axis=1)
print(df["label"].value_counts().to_dict(), sum(is_dear(c) for c in df["charge"]))""",
            SPLIT,
            FIT,
            SCORE,
        ],
    )
    notebook("d05_stars", ["from numpy import *\nfrom sklearn.metrics import *\nfrom math import *\n" + IMPORTS, LOAD, SPLIT, FIT, SCORE + "\nprint(sqrt(2), roc_auc_score(y_test, pred))"])
    notebook("d06_paths", [IMPORTS, 'df = pd.read_csv("/content/drive/MyDrive/churn.csv")', *base[2:]], run=False)
    notebook("d07_secrets", ['API_KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz012345"\npassword = "hunter2hunter2"\nprint(len(API_KEY))', IMPORTS, *base[1:]], edit=secrets)
    notebook(
        "d08_random",
        [
            IMPORTS + "\nimport glob\nimport time",
            LOAD + '\nprint(len(glob.glob("*.parquet")))\nbegan = time.time()',
            "rng = np.random.default_rng()\nnoise = rng.normal(size=len(df))\ndf['charge'] = df['charge'] + noise",
            SPLIT.replace(", random_state=7", ""),
            FIT,
            SCORE.replace("print", "# print"),
        ],
        run=False,
    )
    notebook("d09_magics", ["%matplotlib inline\n%load_ext autoreload\n" + IMPORTS, "%env MODE=fast\n!ls\n" + LOAD, "%%time\n" + SPLIT, "%time model = LogisticRegression().fit(X_train, y_train)", SCORE + "\nmodel?"], run=False)
    notebook("d09_shell", [IMPORTS, "%%bash\nrm -f churn2.csv", *base[1:]], run=False)
    notebook(
        "d10_display",
        [
            IMPORTS + "\nimport matplotlib.pyplot as plt",
            LOAD + "\ndf.head()",
            "plt.hist(df['charge'])\nplt.title('charges')\nplt.show()\nplt.plot(df['tenure'])",
            SPLIT,
            FIT,
            SCORE + "\naccuracy_score(y_test, pred)",
        ],
    )
    notebook("d11_leakage", [IMPORTS + "\nfrom sklearn.preprocessing import StandardScaler", LOAD, 'X = df[["tenure", "charge"]]\ny = df["churn"]\nscaler = StandardScaler()\nX = scaler.fit_transform(X)\nX_train, X_test, y_train, y_test = train_test_split(X, y, random_state=7)', FIT, SCORE])
    notebook(
        "d12_serving",
        [
            IMPORTS + "\nfrom sklearn.preprocessing import StandardScaler",
            LOAD,
            "#md ## Features",
            'def ratios(frame):\n    """Charge for each month of tenure."""\n    out = frame.copy()\n    out["ratio"] = out["charge"] / out["tenure"]\n    return out',
            SPLIT,
            "scaler = StandardScaler()\nA = ratios(X_train)\nA = scaler.fit_transform(A)",
            "model = LogisticRegression()\nmodel.fit(A, y_train)",
            "B = ratios(X_test)\nC = scaler.transform(B)\npred = model.predict_proba(C)\nprint(pred[:3])",
        ],
    )
    notebook("d13_files", [IMPORTS + "\nimport joblib", *base[1:], 'joblib.dump(model, "model.joblib")'], run=False)
    notebook("d14_figures", base, edit=lost_line)
    notebook("d15_environment", ["#md # Churn", IMPORTS, "def to_device(net):\n    return net.to('cuda')", *base[1:]], version="3.8.10")
    notebook("two_models", [*base[:4], "other = LogisticRegression(C=0.1)\nother.fit(X_train, y_train)\nprint(other.predict(X_test)[:3], model.predict(X_test)[:3])"])
    notebook("plots_only", [IMPORTS + "\nimport matplotlib.pyplot as plt", LOAD, "plt.plot(df['tenure'])\nplt.show()"], run=False)
    notebook("asks", [IMPORTS, LOAD, 'name = input("who? ")', SPLIT, FIT, SCORE], run=False)
    # first, so that no other cell has to be quick
    notebook("endless", ["while True:\n    pass", IMPORTS, LOAD, SPLIT, FIT], run=False)
    notebook("network", [IMPORTS, 'import urllib.request\nurllib.request.urlopen("http://example.com/churn.csv").read()', LOAD, SPLIT, FIT, SCORE], run=False)


if __name__ == "__main__":
    main()
