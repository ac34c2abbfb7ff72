"""Runs the user's code of a step: a function with named arguments, or a command."""

from __future__ import annotations

import errno
import importlib
import os
import sys

from slipway.quick_json import loads
from slipway.step.behind import come_behind
from slipway.step.reads import watch, watch_programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def main(argv: list[str]) -> int:
    """Runs the step of a spec file in this process. Returns the exit code."""
    with open(argv[1], encoding="utf-8") as file:
        spec = loads(file.read())
    if isinstance(spec["entry"], str):
        # now, for modules of the project may have these names; a command needs none of them
        import json  # noqa: F401
        import pathlib  # noqa: F401
    return run_entry(spec)


def run_entry(spec: dict[str, Any]) -> int:
    """Runs the step in this process and writes ``result.json``; returns the exit code."""
    result = os.path.join(spec["dir"], "said", "result.json")
    prepare_path(spec["pythonpath"])
    watch_programs(spec)
    if not isinstance(spec["entry"], str):
        return run_command([str(part) for part in spec["entry"]], result)
    watch(spec)
    try:
        metrics = call(spec)
        take_outputs(spec)
        answer: dict[str, Any] = {"metrics": metrics, "error": None}
    except BaseException as error:  # noqa: BLE001 whatever ends the step is told in its answer
        answer = {"metrics": {}, "error": describe(error, spec)}
        if not isinstance(error, (CallRefused, SystemExit)):
            print(answer["error"]["traceback"], file=sys.stderr, end="")
        else:
            print(answer["error"]["message"], file=sys.stderr)
    write_result(result, answer)
    return 0 if answer["error"] is None else 1


#: What the system says to writing where a step may not.
CONFINED = (errno.EACCES, errno.EROFS, errno.EPERM)


class CallRefused(Exception):
    """The function and the project file do not fit together; the message says where."""


def prepare_path(pythonpath: list[str]) -> None:
    """Imports find the project's code, folders that the step's variables name, and the environment; what decorates steps comes last."""
    ours = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    named = [os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    os.environ["PYTHONPATH"] = os.pathsep.join([*pythonpath, *(path for path in named if path not in (ours, *pythonpath))])
    rest = [path for path in sys.path[1:] if os.path.abspath(path) != ours and path not in pythonpath]
    sys.path[:] = [*pythonpath, *rest]
    for name in [name for name in sys.modules if name == "slipway" or name.startswith("slipway.")]:
        del sys.modules[name]
    come_behind()


def run_command(argv: list[str], result: str) -> int:
    """Becomes the command; returns 127 only where it cannot be run, with a result that says so."""
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        kind, why = "environment", error.strerror
        if error.errno == errno.E2BIG:
            kind, why = "user", too_much(argv, os.environ)
        message = f'the command "{argv[0][:200]}" cannot be run: {why}'
        print(message, file=sys.stderr)
        write_result(result, {"metrics": {}, "error": {"class": kind, "message": message, "traceback": None}})
        return 127


def too_much(argv: list[str], environment: Mapping[str, str]) -> str:
    """Why the system gives a program none of this: its sizes, and the largest variable."""
    given = sum(len(os.fsencode(one)) + 1 for one in argv)
    sizes = {name: len(os.fsencode(name)) + len(os.fsencode(value)) + 2 for name, value in environment.items()}
    largest = max(sizes, key=lambda name: sizes[name], default="")
    return (
        f"{given} bytes of arguments and {sum(sizes.values())} bytes of environment variables (the largest is {largest}, "
        f"{sizes.get(largest, 0)} bytes) are more than this system gives a program; hand over what is large in a file"
    )


def call(spec: dict[str, Any]) -> dict[str, str]:
    """Imports the module, calls the function and returns its metrics as texts of floats."""
    module_name, _, function_name = spec["entry"].partition(":")
    sys.argv = [module_name]
    module = importlib.import_module(module_name)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise CallRefused(f'module "{module_name}" has no function "{function_name}"')
    return metrics_of(function(**arguments(function, spec)))


def arguments(function: Callable[..., object], spec: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments: inputs and params must be accepted; outputs are given where they are."""
    import pathlib

    values = {name: pathlib.Path(path) for name, path in spec["inputs"].items()}
    values.update(spec["params"])
    outputs = {name: pathlib.Path(path) for name, path in spec["outputs"].items()}
    found = parameters_of(function)
    if found is None:
        return {**values, **outputs}
    named, takes_any = found
    unknown = [] if takes_any else [name for name in values if name not in named]
    if unknown:
        raise CallRefused(
            f"{spec['entry']} does not accept {listed(unknown)}, which slipway.yaml gives it;"
            f" its parameters are {listed(sorted(named)) or 'none'}"
        )
    values.update({name: path for name, path in outputs.items() if takes_any or name in named})
    lacking = [name for name, has_default in named.items() if not has_default and name not in values]
    if lacking:
        raise CallRefused(f"{spec['entry']} needs {listed(lacking)}, which slipway.yaml gives neither as input, param nor output")
    return values


def parameters_of(function: Callable[..., object]) -> tuple[dict[str, bool], bool] | None:
    """Parameters that can be given by name, with whether each has a default, and whether any other can; None where it does not tell."""
    if type(function) is type(main) and not function.__dict__:
        # as `inspect` has it for a plain function; loading that takes as long as a small step
        code = function.__code__
        places, defaults = code.co_varnames[: code.co_argcount], len(function.__defaults__ or ())
        given = {name: at >= len(places) - defaults for at, name in enumerate(places) if at >= code.co_posonlyargcount}
        alone = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        return {**given, **{name: name in (function.__kwdefaults__ or {}) for name in alone}}, code.co_flags & 0x08 != 0
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    kept = {p.name: p.default is not p.empty for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return kept, any(p.kind is p.VAR_KEYWORD for p in parameters)


def metrics_of(returned: object) -> dict[str, str]:
    """The returned dict as metric name to ``repr`` of a float, so that NaN and infinities survive JSON."""
    if returned is None:
        return {}
    if not isinstance(returned, dict):
        raise CallRefused(f"the function returned {type(returned).__name__}; expected a dict of metrics, or None")
    metrics = {}
    for name, value in returned.items():
        number = value.item() if hasattr(value, "item") and getattr(value, "size", 1) == 1 else value
        if not isinstance(name, str) or not isinstance(number, (int, float)):
            raise CallRefused(f"the function returned {name!r}: {type(value).__name__}; a metric is a text with a number")
        metrics[name] = repr(float(number))
    return metrics


def take_outputs(spec: dict[str, Any]) -> None:
    """An output made in the working folder under its own name is moved to its place; one that is nowhere is an error."""
    missing = []
    for name, path in spec["outputs"].items():
        if os.path.lexists(path):
            continue
        if os.path.lexists(name):
            # loaded here, for most steps make their outputs where they belong
            import shutil

            # a rename where the system lets us, which Landlock's first version does not
            shutil.move(name, path)
        else:
            missing.append(name)
    if missing:
        raise CallRefused(
            f"declared output {listed(missing)} was not made: the function must create a file or folder"
            " at the path it gets as the argument of that name"
        )


def describe(error: BaseException, spec: dict[str, Any]) -> dict[str, Any]:
    """Class, message and stack of what ended the code. Frames of this file are left out of the stack."""
    if isinstance(error, CallRefused):
        return {"class": "user", "message": str(error), "traceback": None}
    if isinstance(error, SystemExit):
        return {"class": "user", "message": f"the code called exit({error.code!r})", "traceback": None}
    import traceback

    frames = error.__traceback__
    while frames is not None and is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    lines = traceback.format_exception_only(type(error), error)
    message = lines[-1].strip() if lines else type(error).__name__
    kind = "user"
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        kind = "out_of_memory"
    elif isinstance(error, ModuleNotFoundError) and not in_project(error.name, spec):
        kind = "environment"
        message = f"{message}; add it to the packages of the project file"
    elif isinstance(error, OSError) and error.errno in CONFINED and spec.get("policy") is not None:
        message = f"{message}; steps write in their own and temporary folders, and in those that SLIPWAY_WRITABLE of the server names"
    return {"class": kind, "message": message[:4000], "traceback": text[-100_000:]}


def is_ours(file: str) -> bool:
    """Whether a frame of this file is this module or the machinery of imports."""
    return file in (__file__, importlib.__file__) or file.startswith("<frozen importlib")


def in_project(module: str | None, spec: dict[str, Any]) -> bool:
    """True when the missing module's first part is a file or folder of the project: then its code is at fault."""
    first = (module or "").partition(".")[0]
    return any(os.path.exists(os.path.join(root, first + end)) for root in spec["pythonpath"] for end in ("", ".py"))


def listed(names: list[str]) -> str:
    """Names as a message lists them."""
    return ", ".join(f'"{name}"' for name in names)


def write_result(path: str, answer: dict[str, Any]) -> None:
    """Writes what the code gave, in one step, after all that it has printed."""
    sys.stdout.flush()
    sys.stderr.flush()
    import json

    with open(f"{path}.tmp", "w", encoding="utf-8") as file:
        json.dump(answer, file)
    os.replace(f"{path}.tmp", path)
