"""Frames over a socket: whole whatever pieces they come in, and a peer that breaks the rules ends the talk."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import unittest
from pathlib import Path

from slipway.scorer import frames
from slipway.scorer.frames import ERROR, HEAD, JSON, MAX_FRAME, PREDICT, RESULT, ROWS, Channel, Closed


class ChannelCase(unittest.TestCase):
    """A channel on one end of a socket pair, bare bytes on the other."""

    def setUp(self) -> None:
        ours, self.peer = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(self.peer.close)
        ours.settimeout(10)
        self.peer.settimeout(10)
        self.channel = Channel(ours)

    def test_a_frame_is_length_id_op_codec_payload(self) -> None:
        self.channel.send(7, RESULT, ROWS, b"abc")
        self.assertEqual(self.peer.recv(100), b"\x03\x00\x00\x00\x07\x00\x00\x00\x04\x00abc")
        self.channel.send_json(1, ERROR, {"message": "é"})
        head, text = struct.unpack("<IIBB", self.peer.recv(10)), self.peer.recv(100)
        self.assertEqual((head, json.loads(text)), ((len(text), 1, ERROR, JSON), {"message": "é"}))

    def test_frames_that_arrive_in_pieces_or_together(self) -> None:
        frame = struct.pack("<IIBB", 5, 0xFFFFFFFF, PREDICT, ROWS) + b"hello"
        for byte in frame:
            self.peer.sendall(bytes([byte]))
        self.assertEqual(self.channel.receive(), (0xFFFFFFFF, PREDICT, ROWS, b"hello"))
        self.peer.sendall(frame + struct.pack("<IIBB", 0, 2, 99, 9) + frame)
        self.assertEqual([self.channel.receive()[3] for _ in range(3)], [b"hello", b"", b"hello"])

    def test_a_large_payload_goes_both_ways(self) -> None:
        payload = bytes(range(256)) * 8192
        writer = threading.Thread(target=self.channel.send, args=(1, RESULT, ROWS, payload))
        writer.start()
        self.assertEqual(Channel(self.peer).receive(), (1, RESULT, ROWS, payload))
        writer.join()

    def test_an_end_of_the_stream_at_any_place_closes(self) -> None:
        frame = struct.pack("<IIBB", 5, 1, PREDICT, ROWS) + b"hello"
        for cut in range(len(frame)):
            ours, peer = socket.socketpair()
            with ours, peer, self.subTest(cut):
                peer.sendall(frame[:cut])
                peer.shutdown(socket.SHUT_WR)
                with self.assertRaisesRegex(Closed, "end of stream"):
                    Channel(ours).receive()

    def test_a_length_beyond_the_limit_closes_before_anything_is_read(self) -> None:
        for length in (MAX_FRAME + 1, 0xFFFFFFFF):
            self.peer.sendall(struct.pack("<IIBB", length, 1, PREDICT, ROWS))
            with self.assertRaisesRegex(Closed, f"a frame of {length} bytes"):
                self.channel.receive()

    def test_numbers_of_the_wire_are_those_of_the_gateway(self) -> None:
        ops = {name: getattr(frames, name) for name in ("HELLO", "LOAD", "PREDICT", "RESULT", "ERROR", "DRAIN", "STATS")}
        gateway = (Path(__file__).resolve().parents[3] / "src/gateway/backends/frames.ts").read_text("utf-8")
        written = dict(re.findall(r"(\w+): (\d+)", re.findall(r"export const OP = \{(.*?)\}", gateway)[0]))
        self.assertEqual({name: str(op) for name, op in ops.items()}, written)
        codecs = dict(re.findall(r"(\w+): (\d+)", re.findall(r"export const CODEC = \{(.*?)\}", gateway)[0]))
        self.assertEqual({"ROWS": str(ROWS), "JSON": str(JSON)}, codecs)
        self.assertEqual((HEAD.size, MAX_FRAME), (10, 256 << 20))


if __name__ == "__main__":
    unittest.main()
