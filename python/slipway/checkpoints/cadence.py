"""How long to work between two checkpoints: by what one costs, and by how often work is interrupted.

The interval that loses least is about sqrt(2 * cost * mean time between interruptions) (J. W. Young, "A first order approximation to
the optimum checkpoint interval", Communications of the ACM 17(9), 1974). What is used here is the estimate of higher order (J. T. Daly, "A
higher order estimate of the optimum checkpoint interval for restart dumps", Future Generation Computer Systems 22(3), 2006), which stays
right where a checkpoint costs much of that time.
"""

from __future__ import annotations

import math

#: Seconds between two checkpoints at least and at most, whatever the formula says.
SHORTEST_S, LONGEST_S = 5.0, 3600.0
#: Before one has been made nobody knows what it costs: the first is due after so many seconds.
FIRST_S = 1.0
#: Share of the newest measurement in the cost that is counted with.
NEWEST = 0.5


def daly(cost: float, between: float) -> float:
    """Seconds of work between two checkpoints that cost ``cost`` seconds, with ``between`` seconds from interruption to interruption."""
    if cost >= 2 * between:
        return between
    part = cost / (2 * between)
    return math.sqrt(2 * cost * between) * (1 + math.sqrt(part) / 3 + part / 9) - cost


def interval(cost: float | None, between: float) -> float:
    """As ``daly``, within bounds. ``cost`` is None before the first."""
    if cost is None:
        return FIRST_S
    return min(LONGEST_S, max(SHORTEST_S, daly(cost, between)))


def smoothed(cost: float | None, measured: float) -> float:
    """The cost with one more measurement."""
    return measured if cost is None else (1 - NEWEST) * cost + NEWEST * measured
