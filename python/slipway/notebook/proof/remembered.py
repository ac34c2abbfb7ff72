"""What code keeps from one call to the next: values of its modules, of its functions and classes, and of the model that it asks."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

from slipway.notebook.proof.values import Describer, without_places

#: What Python itself keeps beside the names of a module or class.
UNKEPT = (types.ModuleType, types.GetSetDescriptorType, types.MemberDescriptorType)


class Memory:
    """Looks at values at two moments, and tells which are another at the second."""

    def __init__(self, home: str) -> None:
        """`home`: the package whose classes stand for those of the notebook."""
        self.home = home
        self.before: dict[str, str] = {}
        #: Modules that were imported before. What a call imports is no value that it keeps.
        self.modules = set(sys.modules)

    def look(self, values: dict[str, Any]) -> None:
        """The first moment."""
        self.before = self.digests(values)

    def others(self, values: dict[str, Any]) -> list[str]:
        """Names of the values that are another now, or that have come or gone."""
        now = self.digests(values)
        return sorted(name for name in {**self.before, **now} if self.before.get(name) != now.get(name))

    def digests(self, values: dict[str, Any]) -> dict[str, str]:
        """What stands for each value."""
        describer = Describer(Path(os.devnull), self.home)
        found = {}
        for name, value in values.items():
            looked = [without_places(describer.describe(one)) for one in parts_of(value, set())]
            found[name] = hashlib.sha256(json.dumps(looked).encode()).hexdigest()
        describer.file.close()
        return found


def parts_of(value: Any, seen: set[int]) -> list[Any]:
    """A value itself; of a function or class what it holds, for its code stays as it is."""
    if id(value) in seen or isinstance(value, UNKEPT):
        return []
    seen.add(id(value))
    if isinstance(value, (staticmethod, classmethod)):
        return parts_of(value.__func__, seen)
    if isinstance(value, types.FunctionType):
        inside = [one for cell in value.__closure__ or () for one in parts_of(content_of(cell), seen)]
        wrapped = value.__dict__.get("__wrapped__")
        own = {name: one for name, one in value.__dict__.items() if name != "__wrapped__"}
        return [value.__defaults__, value.__kwdefaults__, own, *inside, *parts_of(wrapped, seen)]
    if isinstance(value, type):
        return [part for name, one in sorted(vars(value).items()) if not is_special(name) for part in [name, *parts_of(one, seen)]]
    return [value]


def content_of(cell: types.CellType) -> Any:
    """What a function has taken along; None where that is not yet there."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def is_special(name: str) -> bool:
    """Names that Python gives, and what abstract classes remember of those that were looked up."""
    return name == "_abc_impl" or (name.startswith("__") and name.endswith("__"))


def held_in(space: dict[str, Any], module: str, prefix: str = "") -> dict[str, Any]:
    """What a module holds by its own names: what it has imported is that of other modules."""
    found = {}
    for name, value in space.items():
        code = isinstance(value, (type, types.FunctionType, types.MethodType))
        if not is_special(name) and not (code and value.__module__ != module):
            found[prefix + name] = value
    return found


def held_below(folder: Path, modules: set[str]) -> dict[str, Any]:
    """What these modules hold, as far as they lie in a folder and are not those of an environment in it."""
    home = os.path.realpath(folder) + os.sep
    found: dict[str, Any] = {}
    for name in sorted(modules & set(sys.modules)):
        module = sys.modules[name]
        # the code itself has other names here, by which processes that it starts find it
        if name.split(".")[0] in sys.stdlib_module_names or module is sys.modules["__main__"]:
            continue
        file = os.path.realpath(getattr(module, "__file__", None) or os.sep)
        if file.startswith(home) and "site-packages" not in file:
            found |= held_in(vars(module), name, f"{name}.")
    return found
