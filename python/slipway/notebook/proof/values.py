"""Describes a value so that two processes can be compared: exactly by digests, within a tolerance by numbers kept beside them."""

from __future__ import annotations

import datetime
import decimal
import functools
import hashlib
import json
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Numbers of one array that are kept for a comparison within a tolerance; larger ones are taken by a stride, their digest is of all.
KEPT = 50_000
#: Numbers that are kept in all.
KEPT_IN_ALL = 20_000_000
#: Parts of one value that are kept one by one; those beyond go into one digest, so that none is left out.
KEPT_PARTS = 20_000
#: Parts of one value that are looked at.
PARTS = 2_000_000
#: Why a part of a value is not compared; the report names the value.
CUT = "it has too many parts to compare them all"
#: What is shown and not computed with.
SHOWN = ("matplotlib", "seaborn", "mpl_toolkits", "plotly", "bokeh", "IPython", "tkinter", "graphviz", "logging", "tqdm", "ipywidgets")
#: Where scikit-learn keeps how long something took: in each run another time, in processes of its own too.
TIMES = ("mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time", "fit_time", "score_time", "refit_time_")
TIME = "a measured time"
#: Where scikit-learn keeps the address of a list of stop words, which is another in each process.
ADDRESSES = ("_stop_words_id",)
#: What one text says all of.
PLAIN = (str, int, float, bytes, datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, type(None))
#: What runs, and is no value.
CODE = (
    functools.partial,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.GeneratorType,
    types.CoroutineType,
    type,
)
METHODS = (types.MethodType, types.BuiltinFunctionType)
CODE_NAMES = ("ufunc", "cython_function_or_method", "_ArrayFunctionDispatcher")


class Describer:
    """Describes values; numbers go to a file."""

    def __init__(self, path: Path, home: str) -> None:
        """`home`: the package whose classes stand for those of the notebook."""
        self.file = path.open("wb")
        self.at = 0
        self.home = home
        self.parts = 0
        self.cut = False
        #: How many parts were not looked at, since the beginning.
        self.unseens = 0
        self.seen: dict[int, int] = {}
        self.held: list[object] = []
        self.codes = False

    def describe(self, value: object, codes: bool = False) -> dict[str, Any]:
        """One value, as JSON. `codes`: functions of the package by what they do, for both runs have them."""
        self.codes = codes
        self.parts = 0
        self.cut = False
        self.seen = {}
        self.held = []
        try:
            found = self.part(value, 0)
            return {"k": "dict", "t": "cut", "v": [["value", found], ["rest", {"k": "skip", "why": CUT}]]} if self.cut else found
        except Exception as error:  # noqa: BLE001 whatever a foreign object raises when it is looked at
            return {"k": "skip", "why": f"it cannot be looked at: {type(error).__name__}: {error}"[:200]}

    def part(self, value: Any, depth: int) -> dict[str, Any]:
        """A value or a part of one."""
        self.parts += 1
        if self.parts > PARTS or depth > 40:
            self.cut = True
            return {"k": "skip", "why": CUT}
        if value is None or isinstance(value, (bool, str)):
            return {"k": "exact", "v": repr(value)}
        if type(value) in (int, float, complex):
            return {"k": "number", "t": type(value).__name__, "v": repr(value)}
        if isinstance(value, (bytes, bytearray)):
            return {"k": "exact", "v": hashlib.sha256(bytes(value)).hexdigest()}
        module = str(getattr(type(value), "__module__", "")).split(".")[0]
        if not self.codes and type(value).__name__ == "Bound" and type(value).__module__ == f"{self.home}.bound":
            # a function of the notebook that the package hands on with what it read there
            value = value.function
        if isinstance(value, CODE) or type(value).__name__ in CODE_NAMES:
            return self.of_code(value, depth)
        if module in SHOWN:
            return self.unseen(f"{module} only shows", type(value).__name__)
        if id(value) in self.seen:
            return {"k": "again", "v": self.seen[id(value)]}
        self.seen[id(value)] = len(self.seen)
        # an id is free again once its object is gone
        self.held.append(value)
        known = {"numpy": self.of_numpy, "pandas": self.of_pandas, "scipy": self.of_scipy, "torch": self.of_torch}.get(module)
        found = known(value, depth) if known is not None else None
        return found or self.of_container(value, depth) or self.of_object(value, depth)

    def unseen(self, why: str, name: str) -> dict[str, Any]:
        """A part that is not compared; `name` is, as both runs have it."""
        self.unseens += 1
        return {"k": "skip", "why": why, "name": name}

    def of_code(self, value: Any, depth: int) -> dict[str, Any]:
        """What runs: that of libraries by its name, which stands for it; that of the notebook is named and not compared."""
        if isinstance(value, types.ModuleType):
            return {"k": "exact", "v": f"module {value.__name__}"}
        if isinstance(value, functools.partial):
            parts = [self.part(one, depth + 1) for one in (value.func, value.args, value.keywords)]
            return {"k": "list", "t": "partial", "v": parts}
        owner = getattr(value, "__self__", None)
        if isinstance(value, METHODS) and owner is not None and not isinstance(owner, types.ModuleType):
            name = str(getattr(value, "__name__", ""))
            return {"k": "dict", "t": f"method {name}", "v": [["of", self.part(owner, depth + 1)]]}
        if isinstance(value, (types.GeneratorType, types.CoroutineType)):
            return self.unseen(f"the {type(value).__name__} {value.__name__}", value.__name__)
        kind = "class" if isinstance(value, type) else "function"
        name = str(getattr(value, "__qualname__", getattr(value, "__name__", "")))
        module = str(getattr(value, "__module__", None) or type(value).__module__)
        if self.is_own(module):
            last = name.split(".")[-1]
            if self.codes and is_importable(value, module, name):
                return {"k": "exact", "v": f"{kind} {module}.{name}"}
            if self.codes and isinstance(value, types.FunctionType):
                return self.of_function(value, depth)
            return self.unseen(f"the {kind} {last} of the notebook", last)
        if "<" in name:
            return self.unseen(f"the {kind} {name} of {module}", name)
        return {"k": "exact", "v": f"{kind} {module}.{name}"}

    def of_function(self, value: types.FunctionType, depth: int) -> dict[str, Any]:
        """What a function does, and what it does it with."""
        if id(value) in self.seen:
            return {"k": "again", "v": self.seen[id(value)]}
        self.seen[id(value)] = len(self.seen)
        self.held.append(value)
        code = value.__code__
        inside = [cell.cell_contents for cell in value.__closure__ or ()]
        globals_read = {name: value.__globals__[name] for name in sorted(names_in(code)) if name in value.__globals__}
        parts = {"given": [value.__defaults__, value.__kwdefaults__], "inside": inside, "globals": globals_read}
        described = [[name, self.part(one, depth + 1)] for name, one in parts.items()]
        return {"k": "dict", "t": f"function {code.co_name}", "v": [["code", {"k": "exact", "v": digest(code_text(code))}], *described]}

    def is_own(self, module: str) -> bool:
        """Whether a module is the notebook, or the package that came of it."""
        return module == "__main__" or (self.home != "" and module.split(".")[0] == self.home)

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
            axes = [["index", self.part(value.index, depth + 1)], ["columns", self.part(value.columns, depth + 1)]]
            columns = [[repr(value.columns[at]), self.part(value.iloc[:, at], depth + 1)] for at in range(value.shape[1])]
            return {"k": "dict", "t": f"frame {value.shape}", "v": [*axes, *columns]}
        if isinstance(value, pd.Series):
            axes = [["index", self.part(value.index, depth + 1)]]
            return {"k": "dict", "t": f"series {value.dtype} {value.name!r}", "v": [*axes, ["values", self.column(value, depth)]]}
        if isinstance(value, pd.Index):
            kind = f"index {value.dtype} {list(value.names)!r} {getattr(value, 'freq', None)}"
            return {"k": "dict", "t": kind, "v": [["values", self.column(value, depth)]]}
        if isinstance(value, (pd.Timestamp, pd.Timedelta, pd.Period, pd.Interval)) or value is pd.NaT or value is pd.NA:
            return {"k": "exact", "v": repr(value)}
        # where pandas keeps texts depends on what is installed, and is no part of their value
        if isinstance(value, pd.StringDtype):
            return {"k": "exact", "v": f"dtype {value}"}
        if isinstance(value, pd.api.extensions.ExtensionArray) and isinstance(value.dtype, pd.StringDtype):
            return {"k": "dict", "t": f"texts {value.dtype}", "v": [["values", self.column(value, depth)]]}
        return None

    def column(self, value: Any, depth: int) -> dict[str, Any]:
        """The values of a column: numbers as an array, categories as codes of them, others one by one."""
        import numpy as np
        import pandas as pd

        dtype = value.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            held = value.array
            parts = [self.part(one, depth + 1) for one in (held.codes, held.categories, held.ordered)]
            return {"k": "list", "t": "category", "v": parts}
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
        """Each element; long lists of what one text says all of as one digest, with their floats beside it for a tolerance."""
        if len(values) > 200 and all(is_plain(one) for one in values):
            import array

            floats = [is_float(one) for one in values]
            said = [type(one).__name__ if floating else repr(one) for one, floating in zip(values, floats)]
            answer = [{"k": "exact", "v": digest(said)}]
            numbers = array.array("d", [float(one) for one, floating in zip(values, floats) if floating])
            return [*answer, self.plain_numbers(numbers)] if numbers else answer
        return [part for _, part in self.folded([("", one) for one in values], depth)]

    def folded(self, pairs: list[tuple[str, Any]], depth: int) -> list[tuple[str, dict[str, Any]]]:
        """The parts by their keys; those beyond the number that is kept as one digest of them all."""
        answer: list[tuple[str, dict[str, Any]]] = []
        rest = hashlib.sha256()
        beyond = 0
        unseens = self.unseens
        for key, one in pairs:
            part = self.part(one, depth + 1)
            if self.parts <= KEPT_PARTS:
                answer.append((key, part))
                unseens = self.unseens
            else:
                beyond += 1
                rest.update(digest([key, without_places(part)]).encode())
        if beyond:
            answer.append((f"the other {beyond}", {"k": "exact", "v": rest.hexdigest()}))
        if self.unseens > unseens:
            lacking = {"k": "skip", "why": "functions, or what only shows", "name": str(self.unseens - unseens)}
            answer.append((f"of the other {beyond}", lacking))
        return answer

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
            return {"k": "list", "t": self.name(value), "v": [{"k": "exact", "v": repr(sorted(self.key(one, depth) for one in value))}]}
        if isinstance(value, (dict, Mapping)):
            pairs = [(self.key(key, depth), TIME if isinstance(key, str) and key in TIMES else one) for key, one in value.items()]
            makes = getattr(value, "default_factory", None) if isinstance(value, dict) else None
            kind = f"{self.name(value)} of {makes.__qualname__}" if isinstance(makes, type) else self.name(value)
            return {"k": "dict", "t": kind, "v": self.folded(pairs, depth)}
        return None

    def key(self, key: Any, depth: int) -> str:
        """A key of a dict or an element of a set as text: its own text where that says all, else its class with a digest of its state."""
        if isinstance(key, tuple) or is_plain(key):
            return repr(key)
        return f"{self.name(key)} {digest(without_places(self.part(key, depth + 1)))[:16]}"

    def of_object(self, value: Any, depth: int) -> dict[str, Any]:
        """Any other object by its state, as pickle would take it; nothing is pickled."""
        reduced = value.__reduce_ex__(2)
        if isinstance(reduced, str):
            return {"k": "exact", "v": reduced}
        _, arguments, *rest = reduced
        state = rest[0] if rest else None
        own = [["class", self.of_code(type(value), depth)]] if self.is_own(str(type(value).__module__)) else []
        parts: list[Any] = [*own, ["arguments", self.part([one for one in arguments if not isinstance(one, type)], depth + 1)]]
        if state is not None:
            parts.append(["state", self.part(without_counts(value, kept(state)), depth + 1)])
        for label, items in zip(("items", "pairs"), rest[1:3]):
            if items is not None:
                parts.append([label, self.part(list(items), depth + 1)])
        return {"k": "dict", "t": self.name(value), "v": parts}

    def name(self, value: Any) -> str:
        """The class of a value; one of the package stands for one of the notebook."""
        module = str(type(value).__module__)
        if self.is_own(module):
            module = "notebook"
        return f"{module}.{type(value).__qualname__.split('<locals>.')[-1]}"


def kept(state: Any) -> Any:
    """The state without addresses and without remembered answers: looking at an object fills those, and they follow from the rest."""
    if type(state) is not dict:
        return state
    return {key: one for key, one in state.items() if key not in ADDRESSES and not (key == "_cache" and isinstance(one, dict))}


def without_counts(value: Any, state: Any) -> Any:
    """The state of a tree of neighbours without how often it was asked; what else it counts follows from its arrays."""
    module = type(value).__module__
    if not isinstance(state, tuple) or not module.startswith(("sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree")):
        return state
    return tuple(one for one in state if type(one) is not int)


def is_plain(value: object) -> bool:
    """Whether one text says all of a value: of Python's own plain ones, and of scalars of NumPy and pandas."""
    module = type(value).__module__
    return isinstance(value, PLAIN) or module.startswith("pandas._libs.") or (module == "numpy" and getattr(value, "shape", None) == ())


def is_float(value: object) -> bool:
    """Whether a value is a number that a float of eight bytes holds."""
    return isinstance(value, float) or (type(value).__module__ == "numpy" and type(value).__name__ in ("float16", "float32"))


def is_importable(value: object, module: str, name: str) -> bool:
    """Whether its module has it by this name, so that its text stands in a file."""
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


def code_text(code: types.CodeType) -> list[Any]:
    """What a function does, whatever file and line it stands in."""
    consts = [code_text(one) if isinstance(one, types.CodeType) else const_text(one) for one in code.co_consts]
    return [code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars, consts]


def const_text(value: object) -> str:
    """A constant as text; sets have no order."""
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def names_in(code: types.CodeType) -> set[str]:
    """Names that a function, and those within it, may read of their module."""
    return set(code.co_names).union(*(names_in(one) for one in code.co_consts if isinstance(one, types.CodeType)))


def digest(value: object) -> str:
    """What stands for a value that is JSON."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def without_places(part: Any) -> Any:
    """A description without the places of its numbers in the file, which depend on what was described before."""
    if isinstance(part, dict):
        return {key: without_places(one) for key, one in part.items() if key not in ("from", "count")}
    return [without_places(one) for one in part] if isinstance(part, (list, tuple)) else part


def type_of(value: object) -> dict[str, str]:
    """The class of a value, for a hint."""
    return {"module": type(value).__module__, "name": type(value).__qualname__}
