"""The server as a node asks it: patiently while it is away, and never again once it has refused the attempt."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Seconds that one answer may take to begin or go on.
ANSWER_S = 60.0
#: Longest pause between two tries, seconds.
PAUSE_S = 5.0
#: Statuses after which the same question may be answered.
AWAY = (408, 425, 429)
#: Seconds for which a server that is away is waited for with what a step has made: then its work is given up.
ABANDON_S = 6 * 3600.0
#: Statuses with which the server refuses the attempt itself.
LOST = (401, 403, 404, 409)


class Lost(Exception):
    """The server does not take this attempt from this node any more: nothing that it does counts."""


class Refused(Exception):
    """The server does not take what was sent, and would not take it again; the message is its own."""


class Away(Exception):
    """The server could not be reached for longer than the patience of the caller."""


class Server:
    """One connection to it, of one thread. ``leave`` is asked between tries; where it says True, waiting ends with ``Away``."""

    def __init__(self, url: str, token: str, leave: Callable[[], bool]) -> None:
        self.parts = urlsplit(url)
        self.token = token
        self.leave = leave
        self.connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: Any = None, patience: float = ANSWER_S) -> Any:
        """Sends JSON and reads JSON. Raises Lost, Refused, Away."""
        sent = None if body is None else json.dumps(body).encode()
        return json.loads(self.call(method, path, lambda: sent, patience, {"content-type": "application/json"}, json_text))

    def call(
        self,
        method: str,
        path: str,
        body: Callable[[], bytes | Iterable[bytes] | None],
        patience: float,
        headers: dict[str, str] | None = None,
        take: Callable[[http.client.HTTPResponse], bytes] = lambda reply: reply.read(),
    ) -> bytes:
        """The bytes of an answer, asked for again while the server is away; ``body`` makes what is sent for each try, and ``take`` reads
        the answer."""
        until = time.monotonic() + patience
        pause = 0.1
        while True:
            status, answer = self.attempt(method, path, body(), headers or {}, take)
            if 200 <= status < 300:
                return answer
            if status != 0 and status < 500 and status not in AWAY and not is_foreign(status, answer):
                raise (Lost if status in LOST else Refused)(words(answer, status))
            if time.monotonic() + pause > until or self.leave():
                raise Away(words(answer, status))
            time.sleep(pause)
            pause = min(pause * 2, PAUSE_S)

    def attempt(
        self, method: str, path: str, body: Any, headers: dict[str, str], take: Callable[[http.client.HTTPResponse], bytes]
    ) -> tuple[int, bytes]:
        """One try: status 0 where there was no answer, with why."""
        try:
            if self.connection is None:
                self.connection = self.connect()
            given = {"authorization": f"Bearer {self.token}", **headers}
            self.connection.request(method, self.parts.path.rstrip("/") + path, body, given)
            reply = self.connection.getresponse()
            return reply.status, take(reply) if 200 <= reply.status < 300 else reply.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return 0, str(error).encode() or type(error).__name__.encode()

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is not open yet."""
        host = self.parts.hostname or ""
        if self.parts.scheme == "https":
            return http.client.HTTPSConnection(host, self.parts.port, timeout=ANSWER_S, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, self.parts.port, timeout=ANSWER_S)

    def close(self) -> None:
        """Lets go of the connection."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def json_text(reply: http.client.HTTPResponse) -> bytes:
    """The bytes of an answer that is JSON. Raises ValueError for any other, such as the page of a proxy, which counts as no answer."""
    answer = reply.read()
    json.loads(answer)
    return answer


def is_foreign(status: int, answer: bytes) -> bool:
    """Whether it is not the server that sends us elsewhere or says that nobody is there, but what stands before it: that has no say in an
    attempt."""
    if 300 <= status < 400:
        return True
    if status not in LOST:
        return False
    try:
        said = json.loads(answer)
    except ValueError:
        return True
    return not isinstance(said, dict) or not {"error", "error_code"} & said.keys()


def words(answer: bytes, status: int) -> str:
    """What the server said, as one line."""
    try:
        said = json.loads(answer)
        return str(said["error"]["message"]) if "error" in said else str(said["message"])
    except (ValueError, KeyError, TypeError):
        return f"{status or 'no answer'}: {answer[:300].decode(errors='replace')}"
