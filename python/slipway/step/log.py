"""A log file without secrets and with an end: values of secrets are replaced before anything reaches the disk."""

from __future__ import annotations

import os
import re

#: What stands in the log for a secret.
MASK = b"[secret]"
#: Shorter values are not secrets worth the name, and replacing them would ruin the log.
SHORTEST = 4


class RedactedLog:
    """Appends output to a file. ``size`` counts the bytes in the file; beyond ``limit`` (None = no limit) output is
    dropped and ``truncated`` is set, and the last line of the file says so."""

    def __init__(self, path: str, secrets: list[str], limit: int | None) -> None:
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.secrets = sorted({s.encode() for s in secrets if len(s) >= SHORTEST}, key=len, reverse=True)
        #: The longest secret first, so that one that begins another does not show the rest.
        self.pattern = re.compile(b"|".join(map(re.escape, self.secrets))) if self.secrets else None
        self.limit = limit
        self.size = 0
        self.truncated = False
        self.held = b""

    def write(self, data: bytes) -> None:
        """Adds output. A tail that could be the beginning of a secret waits for the next call."""
        if self.truncated:
            return
        data = self.held + data
        cut = len(data) - self.open_tail(data)
        done = 0
        parts = []
        for match in self.pattern.finditer(data) if self.pattern else ():
            if match.start() >= cut:
                break
            parts += [data[done : match.start()], MASK]
            done = match.end()
        cut = max(cut, done)
        parts.append(data[done:cut])
        self.held = data[cut:]
        self.append(b"".join(parts))

    def note(self, text: str) -> None:
        """Adds a line of our own."""
        self.write(f"[slipway] {text}\n".encode())

    def close(self) -> None:
        """Writes the tail that waited for more and closes the file."""
        self.append(self.redact(self.held))
        self.held = b""
        os.close(self.fd)

    def redact(self, data: bytes) -> bytes:
        """The data with every secret masked."""
        return self.pattern.sub(MASK, data) if self.pattern else data

    def redact_text(self, value: str | None) -> str | None:
        """A text with every secret masked; None stays."""
        return value if value is None else self.redact(value.encode()).decode(errors="replace")

    def open_tail(self, data: bytes) -> int:
        """Length of the longest end of ``data`` that begins a secret."""
        longest = 0
        for secret in self.secrets:
            for length in range(min(len(secret) - 1, len(data)), longest, -1):
                if data.endswith(secret[:length]):
                    longest = length
                    break
        return longest

    def append(self, data: bytes) -> None:
        """Writes to the file as far as the limit lets."""
        if self.truncated or not data:
            return
        if self.limit is not None and self.size + len(data) > self.limit:
            mark = f"\n[slipway] the log is cut here after {self.limit} bytes; the step goes on\n".encode()
            data = data[: self.limit - self.size] + mark
            self.truncated = True
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view) :]
        self.size += len(data)
