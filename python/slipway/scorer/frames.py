"""Frames over a stream socket, the wire between gateway and scorer.

A frame is: length of the payload (u32 little-endian), id (u32), op (u8), codec (u8), payload.
Ops: 1 HELLO, 2 LOAD, 3 PREDICT, 4 RESULT, 5 ERROR, 6 DRAIN, 7 STATS. Codecs: 0 rows (`inputs.py`, `results.py`), 2 JSON.
"""

from __future__ import annotations

import json
import socket
import struct

HELLO, LOAD, PREDICT, RESULT, ERROR, DRAIN, STATS = 1, 2, 3, 4, 5, 6, 7
ROWS, JSON = 0, 2
HEAD = struct.Struct("<IIBB")
#: Bytes of the largest payload that is read.
MAX_FRAME = 256 * 1024 * 1024


class Closed(Exception):
    """The gateway closed the socket, or what it sent is no frame."""


class Channel:
    """Frames over a connected stream socket."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream

    def receive(self) -> tuple[int, int, int, bytes]:
        """The next frame as (id, op, codec, payload). Raises Closed at the end of the stream."""
        length, number, op, codec = HEAD.unpack(self._read(HEAD.size))
        if length > MAX_FRAME:
            raise Closed(f"a frame of {length} bytes")
        return number, op, codec, self._read(length)

    def send(self, number: int, op: int, codec: int, payload: bytes) -> None:
        """Sends one frame."""
        self._stream.sendall(HEAD.pack(len(payload), number, op, codec) + payload)

    def send_json(self, number: int, op: int, value: object) -> None:
        """Sends one frame with a JSON payload."""
        self.send(number, op, JSON, json.dumps(value).encode("utf-8"))

    def _read(self, count: int) -> bytes:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            got = self._stream.recv_into(view)
            if got == 0:
                raise Closed("end of stream")
            view = view[got:]
        return bytes(data)
