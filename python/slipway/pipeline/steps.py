"""Steps: a function of a module, a command, or the name of a function that is not loaded here."""

from __future__ import annotations

import sys
from functools import update_wrapper

from slipway.pipeline.building import Building, current
from slipway.pipeline.lines import Site, here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Step:
    """Called while a pipeline is written it becomes a step of it; called anywhere else it is its function."""

    def __init__(self, run: Callable[..., Any] | str | list[Any], layers: list[tuple[dict[str, Any], Site]]) -> None:
        self._run = run
        self._layers = layers
        if callable(run):
            update_wrapper(self, run)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The function's own result, or within a pipeline what the step makes."""
        if current:
            return self._add(current[-1], arguments, named, here(2))
        if callable(self._run):
            return self._run(*arguments, **named)
        raise TypeError(f"{self._run!r} is called by a run of its pipeline only: it is not loaded here")

    def options(self, **options: Any) -> Step:
        """The same step with more options, or others: name, when, after, and all that `step` takes."""
        return Step(self._run, [*self._layers, (options, here(2))])

    def __reduce__(self) -> str:
        """By its name, as functions are pickled."""
        name = getattr(self._run, "__qualname__", None)
        if name is None:
            raise TypeError("a step that is no function cannot be pickled")
        return str(name)

    def _add(self, building: Building, arguments: tuple[Any, ...], named: dict[str, Any], called: Site) -> Any:
        merged: dict[str, Any] = {}
        for layer, _ in self._layers:
            merged.update(layer)
        name = merged.get("name") or default_name(self._run)
        path = ("pipeline", "steps", name)
        run: Any = self._run
        faults = []
        if callable(run):
            run, fault = entry_of(run, self)
            faults = [] if fault is None else [((*path, "run"), fault, self._layers[0][1].place)]
        given, wrong = self._bound(arguments, named)
        layers = [({key: value for key, value in layer.items() if key != "name"}, site) for layer, site in self._layers]
        layers[0][0]["run"] = run
        made = building.add(name, layers, given, called)
        for key, (_, *rest), place in placed(arguments, given, called):
            for kind in ("inputs", "params"):
                into = (*path, kind, key, *rest)
                building.marks[into] = place
        for where, message, place in faults:
            building.fault(where, message, place)
        if wrong is not None:
            building.fault(path, wrong, called.place)
        return made

    def _bound(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        """Arguments by name, and why some cannot be had so."""
        if not callable(self._run):
            return named, "this step takes its inputs and params by name" if arguments else None
        from inspect import Parameter, signature

        try:
            parameters = signature(self._run).parameters.values()
        except (TypeError, ValueError):
            return named, "this function does not tell its arguments; give them by name" if arguments else None
        places = [one.name for one in parameters if one.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
        given = {**dict(zip(places, arguments)), **named}
        known = {one.name for one in parameters if one.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)}
        unknown = [name for name in given if name not in known]
        if len(arguments) > len(places):
            return given, f"got {len(arguments)} arguments without names, and the function has {len(places)}"
        if unknown and all(one.kind is not Parameter.VAR_KEYWORD for one in parameters):
            return given, f"the function takes no {', '.join(unknown)}; by name it takes {', '.join(sorted(known)) or 'nothing'}"
        twice = [name for name in places[: len(arguments)] if name in named]
        return given, f"{', '.join(twice)} is given twice" if twice else None


def placed(arguments: tuple[Any, ...], given: dict[str, Any], called: Site) -> list[tuple[str, Any, Any]]:
    """The places of arguments by their names, those without names too."""
    names = list(given)[: len(arguments)]
    found = []
    for path, place in called.arguments().items():
        first = path[0]
        key = names[first] if isinstance(first, int) and first < len(names) else first
        if isinstance(key, str):
            found.append((key, path, place))
    return found


def step(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    outputs: list[str] | None = None,
    after: list[Any] | None = None,
    when: Any = None,
    env: dict[str, Any] | None = None,
    secrets: list[str] | None = None,
    cache: str | None = None,
    seed: int | None = None,
    timeout: str | int | None = None,
    silent_timeout: str | int | None = None,
    checkpoints: dict[str, Any] | None = None,
    queued_timeout: str | int | None = None,
    starting_timeout: str | int | None = None,
    pool: str | None = None,
    retries: dict[str, int] | None = None,
    resources: dict[str, Any] | None = None,
    for_each: dict[str, Any] | None = None,
    **other: Any,
) -> Any:
    """Makes a step of a function at the top of a module. The options are the keys of a step of slipway.yaml; secrets are names."""
    given = {
        "name": name,
        "outputs": outputs,
        "after": after,
        "when": when,
        "env": env,
        "secrets": secrets,
        "cache": cache,
        "seed": seed,
        "timeout": timeout,
        "silent_timeout": silent_timeout,
        "checkpoints": checkpoints,
        "queued_timeout": queued_timeout,
        "starting_timeout": starting_timeout,
        "pool": pool,
        "retries": retries,
        "resources": resources,
        "for_each": for_each,
    }
    options = {**{key: value for key, value in given.items() if value is not None}, **other}
    layers = [(options, here(2))]
    return Step(function, layers) if function is not None else lambda decorated: Step(decorated, layers)


def command(arguments: list[Any], *, name: str, **options: Any) -> Step:
    """A step that runs a program, such as ``command(["python", "train.py", "{inputs.raw}"], name="train", outputs=["model"])``."""
    return Step(list(arguments), [({"name": name, **options}, here(2))])


def entry(function: str, *, name: str | None = None, **options: Any) -> Step:
    """A step that runs ``module:function`` of the project, which is not loaded here."""
    return Step(function, [({"name": name, **options}, here(2))])


def default_name(run: Any) -> str:
    """The name of a step that is given none: its function's."""
    if callable(run):
        return str(getattr(run, "__name__", type(run).__name__))
    return str(run).rpartition(":")[2]


def entry_of(function: Callable[..., Any], step: Step) -> tuple[str, str | None]:
    """``module:function`` under which a run finds the function, and why it would not."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    text = f"{module}:{name}"
    if module is None or name is None:
        return text, f"got {function!r:.80}, which has no name in a module; expected a function that is defined by def"
    if "<lambda>" in name:
        return text, "got a lambda, which no run can find by its name; expected a function that is defined by def"
    if "<locals>" in name:
        why = f'got "{name}", which exists only while another function runs (a closure, or a wrapper without functools.wraps)'
        return text, f"{why}; expected a function at the top of a module"
    if "." in name:
        return text, f'got "{name}", which is part of a class; expected a function at the top of a module'
    if module == "__main__":
        return text, f'got "{name}" of __main__, a module that no run can import; slipway validate, plan and run load the file by its name'
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & 0x2A0:
        return text, f'got "{name}", which is async or a generator; expected a function that returns metrics or nothing'
    found = getattr(sys.modules.get(module), name, None)
    while found is not None and found is not step and found is not function:
        found = getattr(found, "_run", None) if isinstance(found, Step) else getattr(found, "__wrapped__", None)
    if found is None:
        return text, f'got "{name}" of {module}, and what has that name there is something else; expected a name that leads to the function'
    return text, None
