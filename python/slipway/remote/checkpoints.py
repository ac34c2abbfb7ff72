"""Sends the checkpoints of a step to the server while it works, so that its next attempt has them on whatever machine that is."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from slipway.remote.files import Unkept, send_output
from slipway.remote.server import ABANDON_S, Away, Lost, Refused

if TYPE_CHECKING:
    from slipway.remote.server import Server

#: Seconds between two looks at what the step has kept.
LOOK_S = 0.2
#: Seconds for which a server that is away is asked with one checkpoint: by then there is a newer one.
PATIENCE_S = 600.0
#: Names in the folder of an attempt, as slipway.checkpoints.place has them.
FOLDER, STATUS = "checkpoints", os.path.join("said", "checkpoints.json")
#: Seconds that one on its way has to arrive when nobody needs it any more.
ENDING_S = 0.5
#: How many the server keeps.
KEPT = 2
#: Bytes of what the step says of its checkpoints that are read.
MOST = 65536


class Shipper:
    """Sends the newest checkpoint, then the next: what is under way is held by links, for the step removes old ones meanwhile."""

    def __init__(self, folder: str, base: str, fence: str, server: Server) -> None:
        self.folder = folder
        self.base = base
        self.fence = quote(fence, safe="")
        self.own_fence = fence
        self.server = server
        self.over = threading.Event()
        self.shipped = 0
        self.said = ""
        #: Seconds for which a server that is away is asked to take one.
        self.patience = PATIENCE_S
        #: Digests of the files of the last ones, which the server keeps, and all that it has.
        self.kept: list[set[str]] = []
        self.sent: set[str] = set()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def begin(self) -> None:
        """Looks and sends from now on."""
        self.thread.start()

    def end(self, wanted: bool) -> None:
        """Ends looking. Where the step goes on in another attempt the last one is sent before; else only what the step says, and only
        where nothing is on its way. Raises Lost."""
        self.over.set()
        if wanted:
            self.patience = ABANDON_S
        self.thread.join(None if wanted else ENDING_S)
        if not self.thread.is_alive():
            self.send(whole=wanted)

    def watch(self) -> None:
        """Sends what is new until the step is over, or the server takes nothing more."""
        while not self.over.wait(LOOK_S):
            try:
                self.send()
            except Lost:
                return

    def send(self, whole: bool = True) -> None:
        """Sends what the step has kept since, the files too where ``whole``. Raises Lost."""
        state = read_status(os.path.join(self.folder, STATUS))
        text = json.dumps(state)
        if state is None or text == self.said:
            return
        try:
            files = self.ship(state["last"]["number"]) if whole and state["last"] is not None else None
            told = {"fence": self.own_fence, "at": time.time(), "state": state, "files": files}
            self.server.ask("POST", f"{self.base}/checkpoint", told, self.patience)
            self.said = text
            if files is not None:
                self.kept = [{digest for _, _, digest, _ in files}, *self.kept][:KEPT]
            self.sent = set().union(*self.kept)
        except (Unkept, Refused, OSError, Away) as error:
            # the step is not the worse for it: the one before stays, and the next is tried, or this one once more at the end
            is_away = isinstance(error, Away) and not self.server.leave()
            self.said, self.sent, self.shipped = "" if is_away else text, set(), 0
            print(f"[slipway] a checkpoint could not be sent: {error}", file=sys.stderr)

    def ship(self, number: int) -> list[list[Any]] | None:
        """Sends the files of a checkpoint; None where it was sent before, or the step has removed it already."""
        if number == self.shipped:
            return None
        held = os.path.join(self.folder, "shipped")
        shutil.rmtree(held, ignore_errors=True)
        try:
            hold(os.path.join(self.folder, FOLDER, f"{number:012d}"), held)
        except FileNotFoundError:
            return None
        files = send_output(self.server, self.where, "checkpoint", held, self.sent, self.patience)
        self.shipped = number
        shutil.rmtree(held, ignore_errors=True)
        return files

    def where(self, digest: str) -> str:
        """The address of a file."""
        return f"{self.base}/files/{quote(digest, safe='')}?fence={self.fence}"


def hold(folder: str, held: str) -> None:
    """Links every file of a folder, so that it stays while it is read."""
    os.mkdir(held, 0o700)
    for name in os.listdir(folder):
        here, there = os.path.join(folder, name), os.path.join(held, name)
        if os.path.isdir(here) and not os.path.islink(here):
            hold(here, there)
        else:
            os.link(here, there, follow_symlinks=False)


def read_status(path: str) -> dict[str, Any] | None:
    """What the step says of its checkpoints; None where it says nothing, or nothing that can be read."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), encoding="utf-8") as file:
            found = json.loads(file.read(MOST))
        if isinstance(found, dict) and "last" in found and (found["last"] is None or isinstance(found["last"]["number"], int)):
            return found
    return None
