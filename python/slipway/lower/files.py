"""Writes a JSON document with its large arrays beside it in one little-endian binary file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TYPES = {"<f8": "float64", "<i4": "int32", "<u4": "uint32", "|u1": "uint8"}
ALIGN = 8


def write_document(folder: Path, name: str, document: dict[str, Any], arrays: dict[str, Any]) -> int:
    """Writes NAME.json and NAME.bin; the document gets `arrays`: {name: {type, offset, length}}. Returns the bytes written."""
    directory, chunks, offset = {}, [], 0
    for key, values in arrays.items():
        data = values.tobytes()
        directory[key] = {"type": TYPES[values.dtype.str], "offset": offset, "length": int(values.size)}
        padding = -len(data) % ALIGN
        chunks.append(data + b"\0" * padding)
        offset += len(data) + padding
    text = json.dumps(document | {"arrays": directory, "binary_bytes": offset}, allow_nan=False, ensure_ascii=False)
    (folder / f"{name}.bin").write_bytes(b"".join(chunks))
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return offset + len(text.encode())
