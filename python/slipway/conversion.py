"""What lowering and export share as commands: a model folder in, a folder with result.json out, and a refusal is no failure."""

from __future__ import annotations

import argparse
import contextlib
import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from slipway.refusal import Refused
from slipway.wants import want_of


@dataclass(frozen=True)
class Conversion:
    """One command: `convert(model folder, out folder, rows to verify on, seed)` gives the facts of result.json or raises Refused.

    `probes` is how many rows are drawn where the caller does not say; `versions` gives those of the libraries that take part;
    `unforeseen` words an exception that nobody expected.
    """

    name: str
    description: str
    probes: int
    versions: Callable[[], dict[str, str]]
    convert: Callable[[Path, Path, int, int], dict[str, Any]]
    unforeseen: Callable[[Exception], str]


def run_conversion(command: Conversion, argv: list[str] | None) -> int:
    """Runs the command and writes result.json ({ok, reason, versions, …}); 0 also for a refused model, which Python serves.

    Where the machine had no more of something, `wants` is true and the result says nothing of the model.
    """
    parser = argparse.ArgumentParser(prog=command.name, description=command.description)
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--probes", type=int, default=command.probes, help=f"random rows to verify on (default {command.probes})")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random rows (default 0)")
    options = parser.parse_args(argv)
    options.out_dir.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"ok": False, "reason": None, "versions": command.versions()}
    try:
        result |= command.convert(options.model_dir, options.out_dir, options.probes, options.seed)
        result["ok"] = True
    except Exception as fault:  # noqa: BLE001 a model that nobody foresaw is still one that Python serves
        want = want_of(fault)
        if want is not None:
            result |= {"reason": want, "wants": True}
        elif isinstance(fault, Refused):
            result["reason"] = str(fault)
        else:
            traceback.print_exc()
            result["reason"] = command.unforeseen(fault)
    tell(result, options.out_dir / "result.json")
    return 0


def tell(result: dict[str, Any], file: Path) -> None:
    """Writes the result; where the disk is full and holds no more of it, it is the last line of the standard output."""
    try:
        file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    except OSError as fault:
        want = want_of(fault)
        if want is None:
            raise
        file.unlink(missing_ok=True)
        print(json.dumps(result | {"ok": False, "reason": want, "wants": True}))


def installed(libraries: tuple[str, ...]) -> dict[str, str]:
    """Versions of those libraries that are installed."""
    found = {}
    for name in libraries:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
