"""What a start loads and compiles, which each step and each scorer pays for, and that what stands in for it means the same."""

from __future__ import annotations

import functools
import inspect
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from typing import Any

from slipway.quick_json import loads
from slipway.step.call import parameters_of
from slipway.step.masking import Masker

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
#: Modules of which each takes as long as a good part of a bare start.
DEAR = ("json", "re", "typing", "enum", "contextlib", "inspect", "html.entities")


def loaded_by(module: str, package: pathlib.Path = PACKAGE) -> set[str]:
    """Which dear modules an isolated interpreter has loaded once it has imported one of ours."""
    program = f"import sys; sys.path.insert(0, {str(package)!r}); import {module}; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True).stdout
    return set(said.split()) & set(DEAR)


class Start(unittest.TestCase):
    """Before the user's own program begins."""

    def test_nothing_dear_is_loaded_before_a_process_is_confined_and_becomes_the_users(self) -> None:
        for module in ("slipway.step.launch", "slipway.confine.enter", "slipway.confine.command"):
            self.assertEqual(loaded_by(module), set(), module)

    def test_the_users_interpreter_loads_of_ours_only_what_a_step_needs(self) -> None:
        self.assertEqual(loaded_by("slipway.step.call"), set())

    def test_a_watch_that_begins_asks_for_no_settings_of_the_interpreter(self) -> None:
        spec = {"dir": "/attempt", "cwd": "/attempt/work"}
        program = f"import sys; sys.path.insert(0, {str(PACKAGE)!r}); from slipway.step.reads import Watch, own_folders; Watch({spec}, 2)\n"
        program += (
            "told = lambda: any(name.startswith('_sysconfigdata') for name in sys.modules)\nprint(told()); own_folders(); print(told())"
        )
        said = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True).stdout
        self.assertEqual(said.split()[0], "False")
        if sys.version_info < (3, 12):
            self.assertEqual(said.split()[1], "True", "what is asked for later is what costs")

    def test_the_supervisor_does_not_load_names_of_html_until_one_is_in_a_log(self) -> None:
        self.assertNotIn("html.entities", loaded_by("slipway.step.supervisor"))

    def test_a_token_is_made_ready_for_masking_in_few_steps(self) -> None:
        calls = 0

        def count(_frame: object, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count)
        try:
            Masker([b"slw_0123456789abcdef.AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCd"])
        finally:
            sys.setprofile(None)
        # each of its signs, of some twenty spellings, a few times; once it was each value that a sign of base64 may have
        self.assertLess(calls, 15_000)

    def test_a_trial_at_start_leaves_compiled_what_confined_processes_may_not_write(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            copy = pathlib.Path(place) / "slipway"
            shutil.copytree(PACKAGE / "slipway", copy, ignore=shutil.ignore_patterns("__pycache__"))
            data = pathlib.Path(place) / "data"
            data.mkdir()
            command = [sys.executable, "-I", "-S", str(copy / "confine/__main__.py"), "--probe", str(data)]
            subprocess.run(command, check=True, capture_output=True, timeout=120)
            kept = {path.name.partition(".")[0] for path in copy.glob("*/__pycache__/*.pyc")} | {
                path.name.partition(".")[0] for path in copy.glob("__pycache__/*.pyc")
            }
            if sys.platform.startswith("linux"):
                self.assertLessEqual({"call", "reads", "quick_json", "worker", "mlmodel", "seccomp"}, kept)


class QuickJson(unittest.TestCase):
    """The oracle is the standard module."""

    def test_it_reads_what_the_standard_module_reads(self) -> None:
        texts, nested = ["", 'é\u2028\U0001f600\x00"\\/'], [[], {}, [[], [None, {"a": [1]}]], {"": {"b": "c"}}]
        for value in (None, True, 0, -7, 2**80, 1.5, 1e300, *texts, *nested):
            for ascii_only in (True, False):
                text = json.dumps(value, ensure_ascii=ascii_only)
                self.assertEqual(loads(text), value, text)
        self.assertEqual(loads('{"a": "\\ud83d\\ude00", "a": 2}'), {"a": 2})
        self.assertTrue(math.isnan(loads("NaN")))

    def test_what_is_no_json_or_goes_on_is_an_error(self) -> None:
        for text in ("", "{", '{"a"', '{"a": }', "[1,", "nul", '"a', "1 2", "{} {}", "'a'", "[1,]"):
            with self.assertRaises(ValueError, msg=text):
                loads(text)


def by_inspect(function: Callable[..., object]) -> tuple[dict[str, bool], bool]:
    """The same from `inspect`."""
    parameters = inspect.signature(function).parameters.values()
    named = {p.name: p.default is not p.empty for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return named, any(p.kind is p.VAR_KEYWORD for p in parameters)


class Parameters(unittest.TestCase):
    """The oracle is `inspect`."""

    def test_parameters_are_those_that_inspect_finds(self) -> None:
        signatures = ["", "a", "a, b=1", "a, /", "a, /, b", "a=1, /, b=2", "a, b=1, /, c=2, *, d, e=3", "*, a", "*, a=1", "*a", "*a, b"]
        signatures += ["**a", "a, *b, c=1, d, **e", "a, b=None, *, c, **d", "a, /, *, b", "a, b, c=(1, 2)"]
        for text in signatures:
            space: dict[str, Any] = {}
            exec(f"def f({text}):\n    local = 1\n    return local", space)
            self.assertEqual(parameters_of(space["f"]), by_inspect(space["f"]), text)

    def test_what_is_no_plain_function_too(self) -> None:
        def plain(a: int, b: int = 1) -> None: ...

        @functools.wraps(plain)
        def wrapped(*args: object, **kwargs: object) -> None: ...

        class Called:
            def __call__(self, c: int, *, d: int = 2) -> None: ...

            def method(self, e: int) -> None: ...

        for function in (wrapped, Called, Called(), Called().method, functools.partial(plain, b=3), lambda x, y=1: x):
            self.assertEqual(parameters_of(function), by_inspect(function))
        self.assertIsNone(parameters_of(3))  # type: ignore[arg-type]


if __name__ == "__main__":
    unittest.main()
