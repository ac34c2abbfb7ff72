"""The command that lowering and export are: arguments in, result.json out, and a refusal is no failure."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slipway.conversion import Conversion, installed, run_conversion, tell
from slipway.refusal import Refused, class_path


class ConversionCase(unittest.TestCase):
    """One command, by what its function does."""

    def run_command(self, convert: Callable[..., dict[str, Any]], *arguments: str) -> tuple[dict[str, Any], str]:
        """result.json and what was printed."""
        command = Conversion("c", "Converts.", 5, lambda: {"library": "1"}, convert, lambda fault: f"odd: {fault!r}")
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()) as printed:
            out = Path(folder) / "deep" / "out"
            self.assertEqual(run_conversion(command, ["model", str(out), *arguments]), 0)
            found: dict[str, Any] = json.loads((out / "result.json").read_text())
        return found, printed.getvalue()

    def test_facts_join_the_result(self) -> None:
        called: list[Any] = []

        def convert(*arguments: Any) -> dict[str, Any]:
            called.append(arguments)
            return {"kind": "x", "reason": None}

        found, printed = self.run_command(convert)
        self.assertEqual((found, printed), ({"ok": True, "reason": None, "versions": {"library": "1"}, "kind": "x"}, ""))
        self.run_command(convert, "--probes", "9", "--seed", "4")
        self.assertEqual([(str(model), out.name, *rest) for model, out, *rest in called], [("model", "out", 5, 0), ("model", "out", 9, 4)])

    def test_a_refusal_is_a_reason(self) -> None:
        def convert(*_: Any) -> dict[str, Any]:
            raise Refused("no form")

        found, printed = self.run_command(convert)
        self.assertEqual((found["ok"], found["reason"], printed), (False, "no form", ""))

    def test_an_unforeseen_exception_is_printed_and_worded(self) -> None:
        def convert(*_: Any) -> dict[str, Any]:
            raise KeyError("k")

        found, printed = self.run_command(convert)
        self.assertEqual((found["ok"], found["reason"]), (False, "odd: KeyError('k')"))
        self.assertIn("Traceback", printed)

    def test_a_want_of_memory_says_nothing_of_the_model(self) -> None:
        def convert(*_: Any) -> dict[str, Any]:
            raise MemoryError("Unable to allocate 9 TiB")

        found, _ = self.run_command(convert)
        self.assertEqual((found["ok"], found["wants"]), (False, True))
        self.assertEqual(found["reason"], "it ran out of memory: Unable to allocate 9 TiB")

    def test_a_full_disk_says_nothing_of_the_model_nor_does_a_refusal_that_comes_of_it(self) -> None:
        def convert(*_: Any) -> dict[str, Any]:
            raise OSError(errno.ENOSPC, "No space left on device")

        def refuse(*_: Any) -> dict[str, Any]:
            try:
                raise OSError(errno.EMFILE, "Too many open files")
            except OSError as cause:
                raise Refused("it cannot be opened") from cause

        for command, words in ((convert, "No space left on device"), (refuse, "Too many open files")):
            found, printed = self.run_command(command)
            self.assertEqual((found["ok"], found["wants"], printed), (False, True, ""))
            self.assertIn(words, found["reason"])

        def missing(*_: Any) -> dict[str, Any]:
            raise OSError(errno.ENOENT, "No such file")

        self.assertNotIn("wants", self.run_command(missing)[0])

    def test_where_the_disk_holds_no_result_it_is_printed(self) -> None:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as printed:
            file = Path(folder) / "result.json"
            file.symlink_to("/dev/full")
            tell({"ok": True, "reason": None}, file)
            self.assertFalse(file.is_symlink())
        found = json.loads(printed.getvalue().splitlines()[-1])
        self.assertEqual((found["ok"], found["wants"]), (False, True))
        self.assertIn("No space left on device", found["reason"])

    def test_wrong_arguments_end_the_command(self) -> None:
        with contextlib.redirect_stderr(io.StringIO()) as printed, self.assertRaises(SystemExit) as ended:
            run_conversion(Conversion("c", "Converts.", 5, dict, lambda *_: {}, repr), ["model"])
        self.assertEqual(ended.exception.code, 2)
        self.assertIn("out_dir", printed.getvalue())

    def test_versions_of_what_is_installed(self) -> None:
        self.assertEqual(installed(("no-such-library-at-all",)), {})

    def test_a_class_is_named_by_its_path_or_by_what_it_wraps(self) -> None:
        class Wrapper:
            wrapped_class = dict

        self.assertEqual((class_path(1), class_path(Wrapper())), ("builtins.int", "builtins.dict"))


if __name__ == "__main__":
    unittest.main()
