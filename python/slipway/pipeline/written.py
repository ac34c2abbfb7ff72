"""Writes the data of a project file as YAML 1.2: blocks down to the steps, JSON below; floats stay floats, and digits are kept."""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

PLAIN_KEY = re.compile(r"(?!(?:null|true|false)\Z)[A-Za-z_][A-Za-z0-9_-]*", re.ASCII | re.IGNORECASE)
#: What YAML does not take as it is, or nobody sees.
ODD = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
#: A key that is longer has to be marked as one.
LONG = 1000
#: Keys of the file, of the pipeline, of the steps, and of each step have lines of their own.
BLOCKS = 4


def yaml_of(data: dict[str, Any]) -> str:
    """The text. The data are texts, finite or other numbers, bools, None, lists and dicts with texts as keys."""
    return "".join(f"{line}\n" for line in block(data, 0))


def block(data: dict[str, Any], depth: int) -> Iterator[str]:
    """The lines of a map."""
    indent = "  " * depth
    for key, value in data.items():
        name = key_of(key)
        begin = f"{indent}{name}:" if len(name) < LONG else f"{indent}? {name}\n{indent}:"
        if isinstance(value, dict) and value and depth + 1 < BLOCKS:
            yield begin
            yield from block(value, depth + 1)
        else:
            yield f"{begin} {flow(value)}"


def key_of(key: str) -> str:
    """A key as it stands before its colon."""
    return key if PLAIN_KEY.fullmatch(key) else text_of(key)


def text_of(text: str) -> str:
    """A text in quotes."""
    return ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        pairs = [(text_of(key), flow(inner)) for key, inner in value.items()]
        return "{" + ", ".join(f"{key}: {inner}" if len(key) < LONG else f"? {key} : {inner}" for key, inner in pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, float):
        return number_of(value)
    return json.dumps(value)


def number_of(value: float) -> str:
    """A float, of which YAML also writes those that are not finite."""
    if value - value == 0:
        return float.__repr__(value)
    return ".nan" if value != value else ".inf" if value > 0 else "-.inf"
