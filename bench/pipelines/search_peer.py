"""Test functions of searches, and Optuna on them: reads one JSON request a line, answers each with one line.

{"evaluate": NAME, "points": [{...}]} -> {"values": [...]}
{"optuna": NAME, "seed": 1, "trials": 60, "at_once": 4, "sampler": "tpe"} -> {"best": [...]} after each trial
{"spaces": true} -> {"spaces": {NAME: {...}}}
"""

import functools
import json
import math
import sys
from typing import Any


def number(low: float, high: float, log: bool = False, kind: str = "float") -> dict[str, Any]:
    return {"kind": kind, "min": low, "max": high, "log": log, "points": None}


def choice(*values: Any) -> dict[str, Any]:
    return {"kind": "choice", "choices": list(values)}


def quadratic(x: float, y: float) -> float:
    return (x - 2) ** 2 + (y + 5) ** 2


def branin(x: float, y: float) -> float:
    b, c, t = 5.1 / (4 * math.pi**2), 5 / math.pi, 1 / (8 * math.pi)
    return (y - b * x**2 + c * x - 6) ** 2 + 10 * (1 - t) * math.cos(x) + 10


def rosenbrock(x: float, y: float) -> float:
    return 100 * (y - x**2) ** 2 + (1 - x) ** 2


HARTMANN_A = [
    [10, 3, 17, 3.5, 1.7, 8],
    [0.05, 10, 17, 0.1, 8, 14],
    [3, 3.5, 1.7, 10, 17, 8],
    [17, 8, 0.05, 10, 0.1, 14],
]
HARTMANN_P = [
    [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
    [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
    [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
    [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
]


def hartmann(**at: float) -> float:
    x = [at[f"x{i}"] for i in range(6)]
    sums = [sum(a * (v - p) ** 2 for a, v, p in zip(*row, strict=True)) for row in hartmann_rows(x)]
    return -sum(weight * math.exp(-total) for weight, total in zip([1.0, 1.2, 3.0, 3.2], sums, strict=True))


def hartmann_rows(x: list[float]) -> list[tuple[list[float], list[float], list[float]]]:
    return [(a, x, p) for a, p in zip(HARTMANN_A, HARTMANN_P, strict=True)]


def mixed(rate: float, depth: int, act: str, norm: bool, units: int) -> float:
    shape = {"relu": 0.0, "tanh": 0.3, "sigmoid": 0.8}[act] + (0.0 if norm else 0.2)
    return (math.log10(rate) + 3) ** 2 + ((depth - 7) / 4) ** 2 + (math.log2(units) - 6) ** 2 / 4 + shape + 0.1


@functools.cache
def diabetes() -> Any:
    from sklearn.datasets import load_diabetes  # type: ignore[import-not-found]

    return load_diabetes(return_X_y=True)


def model(C: float, gamma: float, epsilon: float, kernel: str) -> float:
    """Mean squared error of a support vector regression on the diabetes data, cross-validated, beside the variance."""
    from sklearn.model_selection import cross_val_score  # type: ignore[import-not-found]
    from sklearn.svm import SVR  # type: ignore[import-not-found]

    x, y = diabetes()
    found = SVR(C=C, gamma=gamma, epsilon=epsilon, kernel=kernel)
    return float(-cross_val_score(found, x, y / y.std(), cv=3, scoring="neg_mean_squared_error").mean())


FUNCTIONS: dict[str, tuple[Any, dict[str, dict[str, Any]]]] = {
    "quadratic": (quadratic, {"x": number(-10, 10), "y": number(-10, 10)}),
    "Branin": (branin, {"x": number(-5, 10), "y": number(0, 15)}),
    "Rosenbrock": (rosenbrock, {"x": number(-2.048, 2.048), "y": number(-2.048, 2.048)}),
    "Hartmann-6": (hartmann, {f"x{i}": number(0, 1) for i in range(6)}),
    "mixed": (
        mixed,
        {
            "rate": number(1e-6, 1, log=True),
            "depth": number(1, 20, kind="int"),
            "act": choice("relu", "tanh", "sigmoid"),
            "norm": choice(True, False),
            "units": number(4, 512, log=True, kind="int"),
        },
    ),
    "real model": (
        model,
        {
            "C": number(1e-2, 1e2, log=True),
            "gamma": number(1e-3, 1e2, log=True),
            "epsilon": number(1e-3, 1, log=True),
            "kernel": choice("rbf", "sigmoid"),
        },
    ),
}


def suggest(trial: Any, space: dict[str, dict[str, Any]]) -> dict[str, Any]:
    def one(name: str, of: dict[str, Any]) -> Any:
        if of["kind"] == "choice":
            return trial.suggest_categorical(name, of["choices"])
        ask = trial.suggest_int if of["kind"] == "int" else trial.suggest_float
        return ask(name, of["min"], of["max"], log=of["log"])

    return {name: one(name, of) for name, of in space.items()}


def search(name: str, seed: int, trials: int, at_once: int, sampler: str) -> list[float]:
    """The best value after each trial, of which so many are under way at a time."""
    import optuna  # type: ignore[import-not-found]

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed),
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
    }[sampler]()
    study = optuna.create_study(sampler=made)
    function, space = FUNCTIONS[name]
    best: list[float] = []
    while len(best) < trials:
        asked = [study.ask() for _ in range(min(at_once, trials - len(best)))]
        points = [suggest(trial, space) for trial in asked]
        for trial, point in zip(asked, points, strict=True):
            value = function(**point)
            study.tell(trial, value)
            best.append(min([*best[-1:], value]))
    return best


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    if "evaluate" in asked:
        function, _ = FUNCTIONS[asked["evaluate"]]
        return {"values": [function(**point) for point in asked["points"]]}
    if "optuna" in asked:
        name = asked.pop("optuna")
        return {"best": search(name, **asked)}
    return {"spaces": {name: space for name, (_, space) in FUNCTIONS.items()}}


for line in sys.stdin:
    sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
    sys.stdout.flush()
