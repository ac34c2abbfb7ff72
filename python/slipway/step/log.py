"""A log file without secrets and with an end: secrets are masked, in whatever spelling, before anything reaches the disk."""

from __future__ import annotations

import os

from slipway.step.masking import SHORTEST, Masker, Stream

#: What stands in the log for a secret.
MASK = b"[secret]"


class RedactedLog:
    """Appends output to a file. ``size`` counts the bytes in the file; beyond ``limit`` (None = no limit) output is
    dropped and ``truncated`` is set, and the last line of the file says so."""

    def __init__(self, path: str, secrets: list[str], limit: int | None) -> None:
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.masker = Masker(secret.encode(errors="surrogateescape") for secret in secrets)
        self.stream = Stream(self.masker, MASK)
        self.limit = limit
        self.size = 0
        self.truncated = False

    def write(self, data: bytes) -> None:
        """Adds output. A tail that could be the beginning of a secret waits for the next call."""
        if not self.truncated:
            self.append(self.stream.take(data))

    def settle(self) -> None:
        """To be called when no output has come for a while: a tail that hardly looks like a secret waits no longer."""
        if not self.truncated:
            self.append(self.stream.settle())

    def note(self, text: str) -> None:
        """Adds a line of our own."""
        self.write(f"[slipway] {text}\n".encode())

    def close(self) -> None:
        """Writes the tail that waited for more and closes the file."""
        self.append(self.stream.rest())
        os.close(self.fd)

    def redact_text(self, value: str | None) -> str | None:
        """A text with every secret masked; None stays."""
        return value if value is None else self.masker.mask(value.encode(errors="surrogateescape"), MASK).decode(errors="replace")

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


def is_maskable(secret: str) -> bool:
    """Whether a secret is long enough to be masked."""
    return len(secret.strip().encode(errors="surrogateescape")) >= SHORTEST
