/** Modules that a package gets whole, where its code uses them. */

/** Keeps figures as files. */
export const FIGURES = `"""Keeps figures as files instead of showing them."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt

_folder: list[Path] = []


def keep_in(folder: str) -> None:
    """From now on figures are written to this folder."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    _folder[:] = [Path(folder)]


def keep_figures(name: str) -> None:
    """Write every open figure to the folder, if there is one, and close it."""
    for number in plt.get_fignums():
        if _folder:
            plt.figure(number).savefig(_folder[0] / f"{name}_{number}.png")
        plt.close(number)
`

/** What a lifted function is bound by where it is handed on: whoever gets it sees the function of the notebook. */
export const BOUND = `"""Functions that are handed on with what they read of the notebook."""

from __future__ import annotations

import inspect
import types
from typing import Any


class Bound:
    """A function with what it read given; its name, attributes, signature and text are those of the function without it."""

    def __init__(self, function: Any, /, **named: Any) -> None:
        """\`named\`: the variables that the function read."""
        self.function = function
        self.named = named
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__

    def __call__(self, /, *given: Any, **more: Any) -> Any:
        return self.function(*given, **self.named, **more)

    def __getattr__(self, name: str) -> Any:
        if name in ("function", "named"):
            # it is being made anew, by pickle, and has nothing yet
            raise AttributeError(name)
        return getattr(self.function, name)

    @property
    def __signature__(self) -> inspect.Signature:
        whole = inspect.signature(self.function)
        return whole.replace(parameters=[one for one in whole.parameters.values() if one.name not in self.named])

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        # in a class it is a method, as the function was
        return self if instance is None else types.MethodType(self, instance)

    def __copy__(self) -> Bound:
        return self

    def __deepcopy__(self, memo: Any) -> Bound:
        # a copy of a function is the function
        return self

    def __repr__(self) -> str:
        return repr(self.function)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bound) or self.function is not other.function or self.named.keys() != other.named.keys():
            return False
        return all(value is other.named[name] for name, value in self.named.items())

    def __hash__(self) -> int:
        return hash(self.function)
`

/** Carries the proof with the model, and what the model was trained with: whoever reads both sees whether they are of each other. */
export const PROVED = `"""The proof goes with the model, beside what the model was trained with."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parents[2]


def attach(model: Path, config: Any) -> None:
    """Write the report of the proof into the folder of a model, and what this model was trained with."""
    report = HOME / "report.json"
    if not report.exists() or not model.is_dir():
        return
    text = report.read_bytes()
    trained = trained_with(model, config, described(text))
    (model / "package-report.json").write_bytes(text)
    (model / "package-training.json").write_text(json.dumps(trained, indent=1) + "\\n", encoding="utf-8")


def described(text: bytes) -> dict[str, Any]:
    """The report; nothing where it cannot be read."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def trained_with(model: Path, config: Any, report: dict[str, Any]) -> dict[str, Any]:
    """Settings, inputs, packages and files, in the words of the report."""
    inputs = report.get("inputs") or {}
    files = [one for one in sorted(model.rglob("*")) if one.is_file()]
    beside = [HOME / "requirements.lock", HOME / "pyproject.toml"]
    # of two with one name the first is the one that is imported
    found = [one for one in importlib.metadata.distributions() if one.metadata["Name"]][::-1]
    return {
        "settings": {one.name: repr(getattr(config, one.name)) for one in fields(config) if one.name not in (*inputs, "figures")},
        "inputs": {name: digest(Path(str(getattr(config, name)))) if hasattr(config, name) else None for name in inputs},
        "packages": {normal(one.metadata["Name"]): one.version for one in found},
        "project": {one.name: str(digest(one)) for one in beside if one.exists()},
        "beside": {f"../{one.relative_to(HOME).as_posix()}": str(digest(one)) for one in modules_beside()},
        "saving": [] if "mlflow-skinny" in (report.get("packages") or {}) else needs_of("mlflow-skinny"),
        "secrets": [name for name in report.get("rotate") or [] if name in os.environ],
        "python": platform.python_version(),
        "files": {one.relative_to(model).as_posix(): str(digest(one)) for one in files},
    }


def modules_beside() -> list[Path]:
    """Files of modules and packages beside src: a step imports them before those of the same name in src."""
    found: list[Path] = []
    for one in sorted(HOME.iterdir()):
        if one.suffix in (".py", ".so"):
            found.append(one)
        elif one.name not in ("src", "tests") and (one / "__init__.py").is_file():
            found += sorted(one.rglob("*"))
    return [one for one in found if one.is_file() and "__pycache__" not in one.parts and one.suffix != ".pyc"]


def needs_of(name: str) -> list[str]:
    """A distribution and what it needs of what is installed."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        one = normal(waiting.pop())
        try:
            lines = [] if one in seen else importlib.metadata.requires(one) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        seen.add(one)
        waiting += [re.split(r"[^A-Za-z0-9._-]", line.strip())[0] for line in lines]
    return sorted(seen)


def normal(name: str) -> str:
    """The name of a distribution as indexes write it."""
    return re.sub("[-_.]+", "-", name).lower()


def digest(path: Path) -> str | None:
    """The digest of a file; None for what is none."""
    if not path.is_file():
        return None
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            whole.update(part)
    return f"sha256:{whole.hexdigest()}"
`

/** Copies of rows, for code that changes them after its model was asked. */
export const ROWS = `"""Keeps rows as they were when the model was asked with them."""

from __future__ import annotations

import copy
from typing import Any

#: Rows that take more than this are not copied, bytes.
LARGEST = 1 << 30


def kept_rows(rows: Any) -> Any:
    """A copy of rows as they are now; rows that are too large, or cannot be copied, themselves."""
    try:
        taken = rows.memory_usage() if hasattr(rows, "memory_usage") else getattr(rows, "nbytes", 0)
        total = taken.sum() if hasattr(taken, "sum") else taken
        return rows if total > LARGEST else copy.deepcopy(rows)
    except Exception:
        return rows
`
