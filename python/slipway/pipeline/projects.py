"""A whole project written as a function: what it calls are the steps, its arguments are the params of the pipeline."""

from __future__ import annotations

from functools import update_wrapper

from slipway.pipeline.building import Building, current
from slipway.pipeline.declared import Declared, Param
from slipway.pipeline.expressions import Made, Output
from slipway.pipeline.lines import Path, Place, Site, argument_place, here
from slipway.pipeline.written import yaml_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Keys of `pipeline` in slipway.yaml; the others are sections of the file.
OF_PIPELINE = ("schedule", "partitions", "triggers", "reads", "salt", "timeout", "priority")


class PipelineError(ValueError):
    """A pipeline that cannot be written down; the message has every fault with its file and line."""


class Built:
    """The data of the project file, the places of its keys, and what is wrong."""

    def __init__(self, data: dict[str, Any], marks: dict[Path, Place], faults: list[tuple[Path, str, Place]]) -> None:
        self.data = data
        self.marks = marks
        self.faults = faults


class Pipeline:
    """What ``@pipeline(...)`` makes of a function."""

    def __init__(self, function: Callable[..., Any], sections: dict[str, Any], site: Site) -> None:
        self._function = function
        self._sections = sections
        self._site = site
        update_wrapper(self, function)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Refused: it would look like a run."""
        raise TypeError("a pipeline is run by `slipway run`; to_yaml() gives its project file, and its steps can be called")

    def spec(self) -> dict[str, Any]:
        """The data of slipway.yaml. Raises PipelineError."""
        built = self.build()
        if built.faults:
            raise PipelineError("\n".join(f"{file}:{line}: {message}" for _, message, (file, line) in built.faults))
        return built.data

    def to_yaml(self) -> str:
        """The text of slipway.yaml. Raises PipelineError."""
        return yaml_of(self.spec())

    def build(self) -> Built:
        """Runs the function with its steps noted instead of run. What the function raises goes up."""
        building = Building()
        top: dict[object, Path] = {0: ("project",), **{key: ("pipeline", key) for key in OF_PIPELINE}}
        building.mark((), self._site, top)
        params, declared = self._params(building)
        current.append(building)
        try:
            returned = self._function(**params)
        finally:
            current.pop()
        data: dict[str, Any] = {}
        of_pipeline: dict[str, Any] = {"params": declared} if declared else {}
        of_pipeline["steps"] = building.steps
        sections = self._with_model(building, returned)
        for key, value in sections.items():
            if key in OF_PIPELINE:
                of_pipeline[key] = building.plain(("pipeline", key), value)
            elif key not in ("pipeline", "model", "endpoint", "monitor"):
                data[key] = building.plain((key,), value)
        data["pipeline"] = of_pipeline
        if "pipeline" in sections:
            known = ", ".join(OF_PIPELINE)
            building.fault(("pipeline",), f"pipeline= is what the function says; expected one of {known}")
        for key in ("model", "endpoint", "monitor"):
            if key in sections:
                data[key] = building.plain((key,), sections[key])
        # only now it is known where each key stands
        faults = [(one.path, one.message, one.place or building.place_of(one.path)) for one in building.faults]
        return Built(data, building.marks, faults)

    def _params(self, building: Building) -> tuple[dict[str, Param], dict[str, Any]]:
        from inspect import signature

        params, declared = {}, {}
        for name, parameter in signature(self._function).parameters.items():
            path: Path = ("pipeline", "params", name)
            params[name] = Param(name)
            if isinstance(parameter.default, Declared):
                building.mark(path, parameter.default.site, {0: (*path, "type")})
                declared[name] = building.plain(path, parameter.default.keys)
                continue
            message = f'the argument "{name}" of the pipeline has to be declared: {name}=param("float", default=0.1)'
            building.fault(path, message, argument_place(self._function.__code__, name))
        return params, declared

    def _with_model(self, building: Building, returned: object) -> dict[str, Any]:
        """The sections, the model with the output that the function returns."""
        sections = {key: value for key, value in self._sections.items() if value is not None}
        code = self._function.__code__
        if returned is None:
            return sections
        if not isinstance(returned, (Output, Made)):
            kind = type(returned).__name__
            message = f"the pipeline returned a value of type {kind}, expected the output that is the model, or nothing"
            building.fault(("model", "from"), message, (code.co_filename, code.co_firstlineno))
            return sections
        model = sections.get("model", {})
        if isinstance(model, dict) and "from" not in model:
            model = {**{key: model[key] for key in ("name",) if key in model}, "from": returned, **model}
            building.marks.setdefault(("model", "from"), building.place_of(("model",)))
        return {**sections, "model": model}


def pipeline(
    project: str,
    *,
    python: dict[str, Any] | None = None,
    schedule: dict[str, Any] | None = None,
    partitions: dict[str, Any] | None = None,
    triggers: dict[str, Any] | None = None,
    reads: str | None = None,
    salt: str | None = None,
    timeout: str | int | None = None,
    priority: int | None = None,
    model: dict[str, Any] | None = None,
    endpoint: dict[str, Any] | None = None,
    monitor: dict[str, Any] | None = None,
    search: dict[str, Any] | None = None,
    sources: dict[str, Any] | None = None,
    data_sets: dict[str, Any] | None = None,
    features: dict[str, Any] | None = None,
    **other: Any,
) -> Callable[[Callable[..., Any]], Pipeline]:
    """Makes a pipeline of a function that calls steps and may return the model's output. The options are sections of slipway.yaml."""
    sections = {
        "project": project,
        "python": python,
        "schedule": schedule,
        "partitions": partitions,
        "triggers": triggers,
        "reads": reads,
        "salt": salt,
        "timeout": timeout,
        "priority": priority,
        "model": model,
        "endpoint": endpoint,
        "monitor": monitor,
        "search": search,
        "sources": sources,
        "data_sets": data_sets,
        "features": features,
        **other,
    }
    site = here(2)
    return lambda function: Pipeline(function, sections, site)
