"""A server that is away when a step has ended: what it made is sent when the server is back, for as long as that is promised."""

from __future__ import annotations

import json
import os
import tempfile
import unittest
from typing import Any

from slipway.remote.checkpoints import Shipper
from slipway.remote.node import Node
from slipway.remote.server import ABANDON_S, Away


class Listening:
    """A server that notes what it is asked, and for how long it would be asked again; it is away for so many of the first questions."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.asked: list[tuple[str, float]] = []
        self.bodies: list[Any] = []

    def leave(self) -> bool:
        return False

    def call(self, method: str, path: str, body: Any, patience: float, *_: object) -> bytes:
        self.asked.append((f"{method} {path.split('/')[-1].split('?')[0][:6]}", patience))
        if self.away > 0:
            self.away -= 1
            raise Away("nobody is there")
        return b'{"size": 0, "cancel": false}'

    def ask(self, method: str, path: str, body: Any = None, patience: float = 0) -> Any:
        self.bodies.append(body)
        return json.loads(self.call(method, path, None, patience))


class Outage(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, path: str, text: str) -> None:
        place = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="ascii") as file:
            file.write(text)

    def test_outputs_are_waited_with_as_long_as_the_log_and_the_end(self) -> None:
        node = Node("http://127.0.0.1:9", "att_1", self.folder)
        server = Listening()
        node.server, node.fence, node.work = server, "f", {"outputs": ["out"]}  # type: ignore[assignment]
        self.write(os.path.join(node.dir, "out", "out"), "made")
        node.deliver({"class": "ok"})
        self.assertEqual([what for what, _ in server.asked], ["PUT sha256", "POST end"])
        self.assertEqual({patience for _, patience in server.asked}, {ABANDON_S})

    def checkpoint(self, number: int) -> None:
        self.write(f"checkpoints/{number:012d}/state", "kept")
        last = {"number": number, "step": None, "at": 1, "size": 4, "seconds": 1}
        self.write("said/checkpoints.json", json.dumps({"last": last, "made": 1, "resumed": None, "damaged": 0, "failed": None}))

    def test_the_last_checkpoint_of_a_step_that_goes_on_elsewhere_is_sent_though_the_server_was_away(self) -> None:
        for away in (1, 2):
            self.checkpoint(away)
            server = Listening(away)
            shipper = Shipper(self.folder, "/v1/attempts/att_1", "f", server)  # type: ignore[arg-type]
            shipper.thread.start = lambda: None  # type: ignore[method-assign]
            for _ in range(away):
                shipper.send()
            self.assertEqual([body["files"] for body in server.bodies if body["files"] is None], [])
            shipper.thread.join = lambda *_: None  # type: ignore[method-assign]
            shipper.end(wanted=True)
            self.assertEqual([name for name, *_ in server.bodies[-1]["files"]], ["state"])
            self.assertEqual(server.asked[-1][1], ABANDON_S)


if __name__ == "__main__":
    unittest.main()
