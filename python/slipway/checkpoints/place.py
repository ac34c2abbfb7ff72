"""Where a step keeps its checkpoints, as its supervisor says it by the spec of the attempt."""

from __future__ import annotations

import json
import os
from typing import NamedTuple

#: The variable that names the spec of the attempt; there is none outside of a step.
VARIABLE = "SLIPWAY_CHECKPOINTS"
#: In the folder of an attempt: what its step has kept, what it says of that, and what says that it is to end.
FOLDER, STATUS, STOP = "checkpoints", os.path.join("said", "checkpoints.json"), "stopping.json"
#: Says that the code asks whether it is to end, so that it is told before it is ended.
ASKS = os.path.join("said", "asks")


class Offered(NamedTuple):
    """A checkpoint of an earlier attempt."""

    folder: str
    number: int


class Place(NamedTuple):
    """An attempt's folder with how it is to keep checkpoints there."""

    dir: str
    #: How many good ones stay.
    keep: int
    #: Bytes of one at most.
    largest: int
    #: Seconds between two; None = by what one costs.
    every: float | None
    #: Seconds from interruption to interruption.
    between: float
    #: Of earlier attempts, the newest first.
    offered: list[Offered]

    def path(self, name: str) -> str:
        """Where something lies in the folder of the attempt."""
        return os.path.join(self.dir, name)


def find_place() -> Place | None:
    """None outside of a step, where nothing is kept."""
    path = os.environ.get(VARIABLE)
    if path is None:
        return None
    with open(path, encoding="utf-8") as file:
        spec = json.load(file)
    told = spec.get("checkpoints")
    if told is None:
        return None
    offered = [Offered(os.path.join(spec["dir"], one["folder"]), one["number"]) for one in told["resume"]]
    return Place(spec["dir"], told["keep"], told["largest_bytes"], told["every_s"], told["between_s"], offered)
