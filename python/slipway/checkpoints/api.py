"""The names that a step imports: ``from slipway import checkpoint, resume, stopping``."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from slipway.checkpoints.keeper import Keeper
from slipway.checkpoints.place import find_place

if TYPE_CHECKING:
    from slipway.checkpoints.keeper import Resumed

_lock = threading.Lock()
_keeper: Keeper | None = None


def keeper() -> Keeper:
    """The one of this process, made when it is first asked for."""
    global _keeper
    with _lock:
        if _keeper is None:
            _keeper = Keeper(find_place())
        return _keeper


class Checkpoint:
    """``checkpoint(state, step=…)`` keeps a state, ``checkpoint.due()`` says whether it is time to."""

    def __call__(self, state: object, step: int | None = None) -> bool:
        """Keeps what the step needs to go on later: values that JSON has, bytes, or the path of a file or folder, which is copied. Returns
        whether it is kept; where the disk refuses it the log says so and the last one stays. Ends the step where it is being stopped.
        Raises CheckpointRefused for what cannot be kept or is too large."""
        return keeper().keep(state, step)

    def due(self, every: float | None = None) -> bool:
        """Whether a checkpoint is worth its cost now: after ``every`` seconds, else as the project file or the formula of Daly says; at
        once where the step is being stopped. It costs next to nothing."""
        return keeper().due(every)


checkpoint = Checkpoint()


def resume() -> Resumed | None:
    """The last good checkpoint of this step and these inputs; None where there is none."""
    return keeper().resume()


def stopping() -> bool:
    """Whether the step is asked to end soon, as where its machine is taken away: keep what is worth keeping."""
    return keeper().stopping()
