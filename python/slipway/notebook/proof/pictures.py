"""Figures of matplotlib as digests of their pixels."""

from __future__ import annotations

import hashlib
import sys


def capture() -> list[str]:
    """The digest of each open figure; they are closed then."""
    if "matplotlib.pyplot" not in sys.modules:
        return []
    plt = sys.modules["matplotlib.pyplot"]
    found: list[str] = []
    for number in plt.get_fignums():
        figure = plt.figure(number)
        try:
            figure.canvas.draw()
            found.append(hashlib.sha256(bytes(figure.canvas.buffer_rgba())).hexdigest())
        except Exception as error:  # noqa: BLE001 a figure that cannot be drawn is compared by its fault
            found.append(f"{type(error).__name__}: {error}")
        plt.close(number)
    return found
