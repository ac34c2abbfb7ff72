"""Turns what only IPython understands into Python, or takes it out, and says which."""

from __future__ import annotations

import re
from typing import Any

#: Line magics that show something or set up the notebook's display: nothing is computed by them.
DROPPED = frozenset(
    {
        *("matplotlib", "load_ext", "reload_ext", "autoreload", "config", "timeit", "who", "whos", "pwd", "ls", "lsmagic"),
        *("precision", "history", "doctest_mode", "pip", "conda", "mamba", "tensorboard", "memit", "watermark", "xmode", "colors"),
        *("slipway", "unload_ext"),
    }
)
#: Cell magics under which the cell runs as it is.
WRAPPERS = frozenset({"time", "capture", "prun", "memit"})
#: Cell magics whose cell only shows something.
SHOWN = frozenset({"html", "HTML", "markdown", "latex", "svg", "javascript", "js", "timeit"})
#: Shell commands that only show something.
SHELL_SHOWS = frozenset(
    {"ls", "pwd", "head", "tail", "cat", "echo", "nvidia-smi", "df", "du", "free", "wc", "which", "date", "uname", "lscpu"}
)
INSTALL = re.compile(r"^\s*(?:!|%)\s*(?:python3?\s+-m\s+)?(?:pip3?|conda|mamba)\s+install\s+(.*)$")
ASSIGNED = re.compile(r"^\s*[\w\s,.\[\]'\"]+=\s*[!%]\s*\w")


def translate(source: str) -> tuple[str, list[dict[str, Any]]]:
    """The cell as Python, and a list of its magics: line (from 1), text, action (drop, keep, translate, refuse), installs."""
    first, _, rest = source.lstrip("\n").partition("\n")
    skipped = len(source) - len(source.lstrip("\n"))
    if first.startswith("%%"):
        return cell_magic(first, rest, skipped)
    lines: list[str] = []
    found: list[dict[str, Any]] = []
    for number, (line, begins) in enumerate(logical(source), 1):
        text, said = line_magic(line) if begins else (line, None)
        lines.append(text)
        if said is not None:
            found.append({"line": number, "text": line.strip(), **said})
    return "\n".join(lines), found


def cell_magic(first: str, rest: str, skipped: int) -> tuple[str, list[dict[str, Any]]]:
    """A cell that begins with ``%%``."""
    name = re.match(r"%%\s*([\w!]*)", first)
    word = name.group(1) if name else ""
    said = {"line": skipped + 1, "text": first.strip(), "installs": []}
    if word in WRAPPERS:
        text, found = translate(rest)
        moved = [{**one, "line": one["line"] + skipped + 1} for one in found]
        return "\n" * (skipped + 1) + text, [{**said, "action": "keep"}, *moved]
    action = "drop" if word in SHOWN else "refuse"
    return "\n" * (skipped + 1 + rest.count("\n")), [{**said, "action": action}]


def line_magic(line: str) -> tuple[str, dict[str, Any] | None]:
    """One line at the beginning of a statement."""
    stripped = line.strip()
    indent = line[: len(line) - len(line.lstrip())]
    nothing = f"{indent}pass" if indent else ""
    installs = INSTALL.match(line)
    if installs:
        return nothing, {"action": "drop", "installs": requirements(installs.group(1))}
    if stripped.startswith("!"):
        word = stripped.lstrip("! ").split(" ", 1)[0]
        return nothing, {"action": "drop" if word in SHELL_SHOWS else "refuse", "installs": []}
    if stripped.startswith("%"):
        return percent(stripped, indent, nothing)
    if stripped.startswith("?") or (stripped.endswith("?") and "#" not in stripped):
        return nothing, {"action": "drop", "installs": []}
    if ASSIGNED.match(line) and not re.match(r"^\s*[\w.]+\s*%=", line):
        return nothing, {"action": "refuse", "installs": []}
    return line, None


def percent(stripped: str, indent: str, nothing: str) -> tuple[str, dict[str, Any]]:
    """A line magic."""
    word, _, rest = stripped.lstrip("%").strip().partition(" ")
    setting = re.match(r"^\s*(\w+)[= ]\s*(.*?)\s*$", rest)
    if word == "time" and rest.strip():
        return indent + rest.strip(), {"action": "keep", "installs": []}
    if word in ("env", "set_env") and setting:
        text = f"import os; os.environ[{setting.group(1)!r}] = {setting.group(2)!r}"
        return indent + text, {"action": "translate", "installs": []}
    if word in DROPPED or (word == "pylab" and "inline" in rest and "no-import-all" in rest) or word == "time":
        return nothing, {"action": "drop", "installs": []}
    return nothing, {"action": "refuse", "installs": []}


def requirements(text: str) -> list[str]:
    """The packages that an install line names."""
    words = re.split(r"\s+", text.split("#", 1)[0].strip())
    return [word.strip("'\"") for word in words if word and not word.startswith("-") and not word.endswith(".txt")]


def logical(source: str) -> list[tuple[str, bool]]:
    """Each line, and whether a statement may begin there: not within brackets or a string, nor behind a backslash."""
    result: list[tuple[str, bool]] = []
    depth, quote, joined = 0, "", False
    for line in source.split("\n"):
        begins = depth == 0 and quote == "" and not joined
        result.append((line, begins))
        if begins and line.lstrip()[:1] in ("%", "!", "?"):
            continue
        depth, quote = scan(line, depth, quote)
        joined = line.endswith("\\") and quote == ""
    return result


def scan(line: str, depth: int, quote: str) -> tuple[int, str]:
    """Depth of brackets and open triple quote at the end of a line."""
    at = 0
    while at < len(line):
        if quote:
            end = line.find(quote, at)
            if end < 0:
                return depth, quote if len(quote) == 3 or line.endswith("\\") else ""
            if len(quote) == 1 and backslashes(line, end) % 2 == 1:
                at = end + 1
                continue
            at, quote = end + len(quote), ""
            continue
        letter = line[at]
        if letter == "#":
            break
        if letter in "\"'":
            quote = line[at : at + 3] if line[at : at + 3] == letter * 3 else letter
            at += len(quote)
            continue
        depth += (letter in "([{") - (letter in ")]}")
        at += 1
    return max(depth, 0), quote if len(quote) == 3 else ""


def backslashes(line: str, end: int) -> int:
    """How many backslashes stand directly before a place."""
    count = 0
    while end - count - 1 >= 0 and line[end - count - 1] == "\\":
        count += 1
    return count
