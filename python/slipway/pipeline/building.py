"""A pipeline while its function runs: the steps that are called, where each part of them stands, and what is wrong."""

from __future__ import annotations

from slipway.pipeline.declared import Declared, Param
from slipway.pipeline.expressions import Expression, Item, Made, Output, Source, name_of, only_output
from slipway.pipeline.lines import Path, Place, Site

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Deepest nesting of a value, as slipway.yaml has it.
DEEPEST = 100
#: The order in which a step is written.
ORDER = ("run", "inputs", "when", "params", "outputs", "after")


class Fault:
    """Something wrong at a key, with the place in the user's file; without one it is where the key stands."""

    def __init__(self, path: Path, message: str, place: Place | None) -> None:
        self.path = path
        self.message = message
        self.place = place


class Building:
    """What is known so far. `marks` tells of keys of the project file where they stand in the user's file."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, Any]] = {}
        self.marks: dict[Path, Place] = {}
        self.faults: list[Fault] = []

    def fault(self, path: Path, message: str, place: Place | None = None) -> None:
        """Notes what is wrong at a key."""
        self.faults.append(Fault(path, message, place))

    def place_of(self, path: Path) -> Place:
        """The place of a key, or of the nearest around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.marks:
                return self.marks[path[:end]]
        return "", 1

    def mark(self, path: Path, site: Site, keys: dict[object, Path]) -> None:
        """Marks a key with a call, and what is inside of it with the arguments; `keys` tells where those belong that lie elsewhere."""
        self.marks[path] = site.place
        for (first, *rest), place in site.arguments().items():
            into = (*keys.get(first, (*path, first)), *rest)
            self.marks[into] = place

    def add(self, name: str, layers: list[tuple[dict[str, Any], Site]], given: dict[str, Any], called: Site) -> Made:
        """A step that was called: its options from the first layer to the last, and its arguments."""
        path: Path = ("pipeline", "steps", name)
        if name in self.steps:
            self.fault(path, f'"{name}" is there twice; call it with another name: .options(name="...")', called.place)
        options: dict[str, Any] = {}
        for layer, site in layers:
            self.mark(path, site, {0: (*path, "run"), "name": path})
            options.update(layer)
        self.marks[path] = called.place
        with_arguments(options, given)
        if "when" in options:
            options["when"] = text_of(options["when"])
        if "after" in options:
            after = options["after"]
            options["after"] = [name_of(one) if isinstance(one, Made) else one for one in after] if is_list(after) else after
        keys = [*(key for key in ORDER if key in options), *(key for key in options if key not in ORDER)]
        plain = {key: self.plain((*path, key), options[key]) for key in keys if options[key] is not None}
        self.steps[name] = plain
        outputs = plain.get("outputs", [])
        names = [one for one in outputs if isinstance(one, str)] if isinstance(outputs, list) else []
        return Made(name, names, has_items="for_each" in plain)

    def plain(self, path: Path, value: Any, depth: int = 0) -> Any:
        """A value as a project file holds it; what cannot be one is a fault, and None."""
        if isinstance(value, (Output, Made)):
            return self.reference(path, value)
        if isinstance(value, Param):
            return value.taken
        if isinstance(value, Item):
            return value._taken
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            return self.whole(path, value)
        if isinstance(value, float):
            return float(value)
        if depth > DEEPEST:
            self.fault(path, f"it nests more than {DEEPEST} deep")
            return None
        if isinstance(value, dict):
            return {key: self.plain((*path, key), inner, depth + 1) for key, inner in value.items() if self.is_key(path, key)}
        if is_list(value):
            return [self.plain((*path, number), item, depth + 1) for number, item in enumerate(value)]
        self.fault(path, self.unfit(value))
        return None

    def reference(self, path: Path, value: Output | Made) -> str | None:
        """An output where one may stand."""
        is_items = isinstance(value, Source) and path[3:] in (("for_each", "rows"), ("for_each", "files"))
        if is_items or (path[3:4] == ("inputs",) and len(path) == 5) or path == ("model", "from"):
            try:
                return (only_output(value) if isinstance(value, Made) else value).reference
            except TypeError as error:
                self.fault(path, str(error))
                return None
        self.fault(path, "an output of a step stands inside of another value; expected it as a whole argument of a step")
        return None

    def whole(self, path: Path, value: int) -> int | None:
        """A whole number that can be written."""
        try:
            int.__repr__(value)
        except ValueError:
            self.fault(path, "got a whole number of more than 4,300 digits, which Python does not read back")
            return None
        return int(value)

    def is_key(self, path: Path, key: object) -> bool:
        """Whether a key is a text; told where it is not."""
        if isinstance(key, str):
            return True
        self.fault(path, f"got the key {key!r:.80}, expected a text")
        return False

    @staticmethod
    def unfit(value: object) -> str:
        """What is said of a value that no project file holds."""
        if isinstance(value, Expression):
            return f"{value.text} is known only while the pipeline runs; expected a value, or a condition in when="
        if isinstance(value, Declared):
            return "param(...) declares a param of the pipeline as a default of its function; expected a value here"
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        return f"got a value of type {kind}, expected a text, a number, True or False, None, a list, or a dict"


def with_arguments(options: dict[str, Any], given: dict[str, Any]) -> None:
    """Puts arguments of a call among the inputs and params of a step: outputs of others are inputs."""
    for kind in ("inputs", "params"):
        if isinstance(options.get(kind, {}), dict):
            others = {key: value for key, value in options.get(kind, {}).items() if key not in given}
            own = {key: value for key, value in given.items() if isinstance(value, (Output, Made)) is (kind == "inputs")}
            options[kind] = {**others, **own} or None


def is_list(value: object) -> bool:
    """Whether a value is written as a list."""
    return isinstance(value, (list, tuple))


def text_of(when: object) -> object:
    """The text of a condition; other values stay, and are judged as they are."""
    return when.text if isinstance(when, Expression) else when


#: The pipeline that is being written in this process; none while steps run.
current: list[Building] = []
