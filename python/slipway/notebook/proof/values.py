"""Describes a value so that two processes can be compared: exactly by digests, within a tolerance by numbers kept beside them."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Numbers of one array that are kept for a comparison within a tolerance; larger ones are taken by a stride, their digest is of all.
KEPT = 50_000
#: Numbers that are kept in all.
KEPT_IN_ALL = 20_000_000
#: Parts of one value that are described.
PARTS = 20_000
#: What is shown and not computed with.
SHOWN = ("matplotlib", "seaborn", "mpl_toolkits", "plotly", "bokeh", "IPython", "tkinter", "graphviz", "logging", "tqdm", "ipywidgets")
#: Where scikit-learn keeps how long something took: in each run another time, in processes of its own too.
TIMES = ("mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time", "fit_time", "score_time", "refit_time_")
TIME = "a measured time"
SKIPPED = (
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.GeneratorType,
    types.CoroutineType,
    type,
)


class Describer:
    """Describes values; numbers go to a file."""

    def __init__(self, path: Path, home: str) -> None:
        """`home`: the package whose classes stand for those of the notebook."""
        self.file = path.open("wb")
        self.at = 0
        self.home = home
        self.parts = 0
        self.seen: dict[int, int] = {}
        self.held: list[object] = []

    def describe(self, value: object) -> dict[str, Any]:
        """One value, as JSON."""
        self.parts = 0
        self.seen = {}
        self.held = []
        try:
            return self.part(value, 0)
        except Exception as error:  # noqa: BLE001 whatever a foreign object raises when it is looked at
            return {"k": "skip", "why": f"it cannot be looked at: {type(error).__name__}: {error}"[:200]}

    def part(self, value: Any, depth: int) -> dict[str, Any]:
        """A value or a part of one."""
        self.parts += 1
        if self.parts > PARTS or depth > 40:
            return {"k": "skip", "why": "it has too many parts"}
        if value is None or isinstance(value, (bool, str)):
            return {"k": "exact", "v": repr(value)}
        if type(value) in (int, float, complex):
            return {"k": "number", "t": type(value).__name__, "v": repr(value)}
        if isinstance(value, (bytes, bytearray)):
            return {"k": "exact", "v": hashlib.sha256(bytes(value)).hexdigest()}
        module = str(getattr(type(value), "__module__", "")).split(".")[0]
        if isinstance(value, SKIPPED) or type(value).__name__ in ("partial", "ufunc", "cython_function_or_method"):
            return {"k": "skip", "why": "functions, classes and modules are not compared"}
        if module in SHOWN:
            return {"k": "skip", "why": f"{module} only shows"}
        if id(value) in self.seen:
            return {"k": "again", "v": self.seen[id(value)]}
        self.seen[id(value)] = len(self.seen)
        # an id is free again once its object is gone
        self.held.append(value)
        known = {"numpy": self.of_numpy, "pandas": self.of_pandas, "scipy": self.of_scipy, "torch": self.of_torch}.get(module)
        found = known(value, depth) if known is not None else None
        return found or self.of_container(value, depth) or self.of_object(value, depth)

    def numbers(self, array: Any, kind: str) -> dict[str, Any]:
        """An array of numbers: the digest of all, and a part of them for a tolerance."""
        import numpy as np

        plain = np.ascontiguousarray(array)
        answer: dict[str, Any] = {
            "k": "array",
            "t": kind,
            "shape": list(plain.shape),
            "sha": hashlib.sha256(plain.tobytes()).hexdigest(),
        }
        if plain.dtype.kind in "fc" and self.at < KEPT_IN_ALL:
            flat = plain.reshape(-1)
            flat = flat.view(flat.real.dtype) if plain.dtype.kind == "c" else flat
            part = np.ascontiguousarray(flat[:: max(1, -(-flat.size // KEPT))], dtype="<f8")
            self.file.write(part.tobytes())
            answer |= {"from": self.at, "count": int(part.size)}
            self.at += int(part.size)
        return answer

    def of_numpy(self, value: Any, depth: int) -> dict[str, Any] | None:
        """Arrays, scalars and generators of random numbers."""
        import numpy as np

        if isinstance(value, np.generic):
            if value.dtype.kind in "iufc":
                return {"k": "number", "t": value.dtype.name, "v": repr(value.item())}
            return {"k": "exact", "v": f"{value.dtype} {value.item()!r}"}
        if isinstance(value, np.ma.MaskedArray):
            parts = [np.asarray(value.filled()), np.ma.getmaskarray(value)]
            return {"k": "list", "t": "masked", "v": [self.part(one, depth + 1) for one in parts]}
        if isinstance(value, np.ndarray):
            if value.dtype.names:
                return {"k": "dict", "t": "record", "v": [[name, self.part(value[name], depth + 1)] for name in value.dtype.names]}
            if value.dtype.kind in "biufcmM":
                return self.numbers(value.view("i8") if value.dtype.kind in "mM" else value, value.dtype.str)
            return {"k": "list", "t": f"{value.dtype.kind} {value.shape}", "v": self.elements(value.reshape(-1).tolist(), depth)}
        if isinstance(value, np.random.RandomState):
            return {"k": "list", "t": "RandomState", "v": [self.part(one, depth + 1) for one in value.get_state()]}
        if isinstance(value, np.random.Generator):
            return {"k": "list", "t": "Generator", "v": [self.part(value.bit_generator.state, depth + 1)]}
        if isinstance(value, (np.dtype, np.random.BitGenerator)):
            return {"k": "exact", "v": str(value) if isinstance(value, np.dtype) else repr(value.state)}
        return None

    def of_pandas(self, value: Any, depth: int) -> dict[str, Any] | None:
        """Tables, columns and indexes, by their columns."""
        import pandas as pd

        if isinstance(value, pd.DataFrame):
            columns = [[repr(value.columns[at]), self.part(value.iloc[:, at], depth + 1)] for at in range(value.shape[1])]
            return {"k": "dict", "t": f"frame {value.shape}", "v": [["index", self.part(value.index, depth + 1)], *columns]}
        if isinstance(value, (pd.Series, pd.Index)):
            kind = f"{'series' if isinstance(value, pd.Series) else 'index'} {value.dtype} {value.name!r}"
            index = [["index", self.part(value.index, depth + 1)]] if isinstance(value, pd.Series) else []
            return {"k": "dict", "t": kind, "v": [*index, ["values", self.column(value, depth)]]}
        if isinstance(value, (pd.Timestamp, pd.Timedelta, pd.Period, pd.Interval)) or value is pd.NaT or value is pd.NA:
            return {"k": "exact", "v": repr(value)}
        return None

    def column(self, value: Any, depth: int) -> dict[str, Any]:
        """The values of a column: numbers as an array, others one by one."""
        import numpy as np

        dtype = value.dtype
        if isinstance(dtype, np.dtype) and dtype.kind in "biufcmM":
            return self.part(np.asarray(value.to_numpy()), depth + 1)
        return {"k": "list", "t": str(dtype), "v": self.elements(list(value), depth)}

    def of_scipy(self, value: Any, depth: int) -> dict[str, Any] | None:
        """Sparse matrices, in one form whatever they are kept in."""
        if not hasattr(value, "tocsr"):
            return None
        rows = value.tocsr()
        parts = [self.part(getattr(rows, name), depth + 1) for name in ("data", "indices", "indptr")]
        return {"k": "list", "t": f"sparse {value.shape}", "v": parts}

    def of_torch(self, value: Any, depth: int) -> dict[str, Any] | None:
        """Tensors, as arrays."""
        if hasattr(value, "detach") and hasattr(value, "numpy"):
            return self.part(value.detach().cpu().numpy(), depth + 1)
        return None

    def elements(self, values: list[Any], depth: int) -> list[dict[str, Any]]:
        """Each element; long lists of texts and numbers as one digest."""
        if len(values) > 200 and all(one is None or isinstance(one, (str, int, bool)) for one in values):
            return [{"k": "exact", "v": hashlib.sha256(repr(values).encode()).hexdigest()}]
        if len(values) > 200 and all(isinstance(one, float) or one is None for one in values):
            import array

            plain = array.array("d", [float("nan") if one is None else one for one in values])
            return [self.plain_numbers(plain)]
        return [self.part(one, depth + 1) for one in values]

    def plain_numbers(self, values: Any) -> dict[str, Any]:
        """A list of floats without NumPy."""
        data = values.tobytes()
        answer: dict[str, Any] = {"k": "array", "t": "list", "shape": [len(values)], "sha": hashlib.sha256(data).hexdigest()}
        if self.at < KEPT_IN_ALL:
            part = values[:: max(1, -(-len(values) // KEPT))]
            self.file.write(part.tobytes())
            answer |= {"from": self.at, "count": len(part)}
            self.at += len(part)
        return answer

    def of_container(self, value: Any, depth: int) -> dict[str, Any] | None:
        """Lists, tuples, sets and dicts."""
        if isinstance(value, (list, tuple)):
            return {"k": "list", "t": self.name(value), "v": self.elements(list(value), depth)}
        if isinstance(value, (set, frozenset)):
            return {"k": "list", "t": self.name(value), "v": [{"k": "exact", "v": repr(sorted(map(repr, value)))}]}
        if isinstance(value, (dict, Mapping)):
            pairs = [[self.key(key), self.part(TIME if key in TIMES else one, depth + 1)] for key, one in list(value.items())[:PARTS]]
            return {"k": "dict", "t": self.name(value), "v": pairs}
        return None

    def key(self, key: Any) -> str:
        """A key of a dict as text."""
        return repr(key) if isinstance(key, (str, int, float, bool, tuple, type(None))) else f"{type(key).__name__}"

    def of_object(self, value: Any, depth: int) -> dict[str, Any]:
        """Any other object by its state, as pickle would take it; nothing is pickled."""
        reduced = value.__reduce_ex__(2)
        if isinstance(reduced, str):
            return {"k": "exact", "v": reduced}
        _, arguments, *rest = reduced
        state = rest[0] if rest else None
        parts: list[Any] = [["arguments", self.part([one for one in arguments if not isinstance(one, type)], depth + 1)]]
        if state is not None:
            parts.append(["state", self.part(kept(state), depth + 1)])
        for label, items in zip(("items", "pairs"), rest[1:3]):
            if items is not None:
                parts.append([label, self.part(list(items), depth + 1)])
        return {"k": "dict", "t": self.name(value), "v": parts}

    def name(self, value: Any) -> str:
        """The class of a value; one of the package stands for one of the notebook."""
        module = str(type(value).__module__)
        if module == "__main__" or (self.home and module.split(".")[0] == self.home):
            module = "notebook"
        return f"{module}.{type(value).__qualname__.split('<locals>.')[-1]}"


def kept(state: Any) -> Any:
    """The state of an object without what it only remembers of its own answers: looking at it fills that, and it follows from the rest."""
    if type(state) is dict and isinstance(state.get("_cache"), dict):
        return {key: one for key, one in state.items() if key != "_cache"}
    return state


def type_of(value: object) -> dict[str, str]:
    """The class of a value, for a hint."""
    return {"module": type(value).__module__, "name": type(value).__qualname__}
