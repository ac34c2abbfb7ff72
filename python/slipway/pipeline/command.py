"""Loads a file that writes a pipeline, once and under its own name, and leaves what it says as JSON: ROOT FILE RESULT SECONDS."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from pathlib import Path

OURS = str(Path(__file__).resolve().parents[2])
sys.path[:] = [OURS, *(path for path in sys.path[1:] if path)]

from slipway.pipeline.projects import Pipeline  # noqa: E402
from slipway.pipeline.written import yaml_of  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, ModuleType
    from typing import Any


class TookTooLong(BaseException):
    """The time of the file is over; no handler of exceptions of its own takes this for one."""


class Refused(Exception):
    """A file that is no pipeline; the message says why."""


def main(argv: list[str]) -> int:
    """Writes ``{text, marks, faults}``. Returns 0 whatever the file does, for that is told in the result."""
    root, file, result, seconds = argv
    sys.path[:] = [root, os.path.join(root, "src"), *(path for path in sys.path if path != OURS)]
    sys.argv = [file]

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise TookTooLong

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, float(seconds))
    try:
        answer = said(root, file)
    except BaseException as error:  # noqa: BLE001 whatever ends the file is told with its line
        signal.setitimer(signal.ITIMER_REAL, 0)
        place, message = described(error, root, file, seconds)
        answer = {"text": None, "marks": [], "faults": [[[], *place, message]]}
    signal.setitimer(signal.ITIMER_REAL, 0)
    with open(f"{result}.tmp", "w", encoding="utf-8") as out:
        json.dump(answer, out)
    os.replace(f"{result}.tmp", result)
    return 0


def said(root: str, file: str) -> dict[str, Any]:
    """What the one pipeline of the file says."""
    built = pipeline_of(loaded(root, file), file).build()
    return {
        "text": yaml_of(built.data),
        "marks": [[list(map(str, path)), *place] for path, place in built.marks.items()],
        "faults": [[list(map(str, path)), *place, message] for path, message, place in built.faults],
    }


def loaded(root: str, file: str) -> ModuleType:
    """The module of the file, as steps of a run import it."""
    parts = Path(file).with_suffix("").parts
    name = ".".join(parts[1:] if parts[0] == "src" and len(parts) > 1 else parts)
    if not all(part.isidentifier() for part in name.split(".")):
        raise Refused(f'Python cannot import "{file}" by its name; expected letters, digits and "_", such as slipway_pipeline.py')
    module = importlib.import_module(name)
    found = getattr(module, "__file__", None)
    if found is None or os.path.realpath(found) != os.path.realpath(os.path.join(root, file)):
        raise Refused(f'"{name}" is the name of another module, {found or "one of Python itself"}; give the file another name')
    return module


def pipeline_of(module: ModuleType, file: str) -> Pipeline:
    """The pipeline of a module: the only one, or of several the only one that it defines."""
    found = {id(value): value for value in vars(module).values() if isinstance(value, Pipeline)}
    own = [value for value in found.values() if value.__module__ == module.__name__]
    several = own if own else list(found.values())
    if len(several) == 1:
        return several[0]
    names = ", ".join(str(getattr(value, "__name__", "")) for value in several)
    has = f"{len(several)} pipelines ({names})" if several else "no pipeline"
    raise Refused(f"got {has}, expected one function with @pipeline(...) in {file}")


def described(error: BaseException, root: str, file: str, seconds: str) -> tuple[tuple[str, int], str]:
    """Where in the project an error came from, and what it is."""
    own = os.path.join(root, file)
    place = (own, 1)
    trace = error.__traceback__
    while trace is not None:
        where = trace.tb_frame.f_code.co_filename
        if where.startswith(root + os.sep) and not where.startswith((sys.prefix + os.sep, OURS + os.sep)):
            place = (where, trace.tb_lineno)
        trace = trace.tb_next
    if isinstance(error, Refused):
        return (own, 1), str(error)
    if isinstance(error, TookTooLong):
        return place, f"this ran for more than {seconds} s; expected a file that only says what its pipeline is"
    if isinstance(error, SyntaxError) and error.filename is not None:
        return (error.filename, error.lineno or 1), f"not valid Python: {error.msg}, says Python {sys.version.split()[0]}"
    if isinstance(error, SystemExit):
        return place, f"the code called exit({error.code!r}); expected a file that only says what its pipeline is"
    text = f"{type(error).__name__}: {error}"[:4000]
    if isinstance(error, ModuleNotFoundError):
        text += (
            f"; {sys.executable} loads the file, and has no such module. Import it inside of the function of the step, write the step"
            ' as entry("module:function"), or name a Python that has it in SLIPWAY_PYTHON'
        )
    return place, text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
