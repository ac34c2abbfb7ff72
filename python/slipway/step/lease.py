"""Whether the attempt is still its machine's: by a file that the server writes anew every few seconds while it is heard of.

Where other servers would begin the attempt anew once this one was away for too long, the file says after how long the attempt is to end;
else it goes on, and is adopted by the server that comes back.
"""

from __future__ import annotations

import json
import os
import time

#: Seconds in words begin to be minutes.
MINUTE_S = 60


class Lease:
    """The file, as it was when it was written last. Time is that of the monotonic clock, so that a clock that is set ends nothing."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.written = 0
        self.seen = time.monotonic()
        self.ends_after: float | None = None

    def over(self) -> str | None:
        """Why the attempt is to end; None while it may go on. A file that cannot be read is one that was not written anew."""
        now = time.monotonic()
        try:
            written = os.stat(self.path).st_mtime_ns
            if written != self.written:
                with open(self.path, encoding="utf-8") as file:
                    self.ends_after = json.load(file)["ends_after_s"]
                self.written, self.seen = written, now
        except (OSError, ValueError, KeyError, TypeError):
            pass
        if self.ends_after is None or now - self.seen <= self.ends_after:
            return None
        return f"the server of this machine was away for longer than {spoken(self.ends_after)}, and another may begin the step anew"


def spoken(seconds: float) -> str:
    """A time in words."""
    return f"{seconds:g} s" if seconds < MINUTE_S else f"{seconds / MINUTE_S:g} min"
