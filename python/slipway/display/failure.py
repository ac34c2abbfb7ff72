"""The one exception of the magics: a text for the user, shown without a traceback."""

from __future__ import annotations


class NotShown(Exception):
    """Why nothing is shown, and what to do. `status` is that of the server's answer; 0 where there was none."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status

    def _render_traceback_(self) -> list[str]:
        """IPython shows these lines in place of a traceback, which says nothing to a user."""
        return [f"slipway: {self}"]
