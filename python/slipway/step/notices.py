"""Whether the machine is about to be taken away: by a file that appears, or by what a cloud tells its machines.

What is watched is said as ``file:PATH``, ``ec2``, ``gce`` or ``azure``; behind the name of a cloud ``=URL`` puts another address in place
of its own, as where a proxy stands before it.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds between two looks at a file, and two questions to a cloud, which asks for no more than one in five seconds.
FILE_S, CLOUD_S = 0.5, 5.0
#: Seconds that an answer may take.
ANSWER_S = 2.0
#: Bytes of an answer that are read.
MOST = 65536


def ask(base: str, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """One answer of a cloud's address for its own machines: status and text. Raises OSError, HTTPException."""
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_S)
    try:
        connection.request(method, parts.path.rstrip("/") + path, None, headers)
        reply = connection.getresponse()
        return reply.status, reply.read(MOST).decode(errors="replace")
    finally:
        connection.close()


def ec2(base: str) -> str | None:
    """Spot machines of EC2: an action with its time, two minutes ahead; 404 while there is none. By IMDSv2, so with a token."""
    status, token = ask(base, "PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    if status != 200:
        return None
    status, text = ask(base, "GET", "/latest/meta-data/spot/instance-action", {"X-aws-ec2-metadata-token": token})
    if status != 200:
        return None
    said = json.loads(text)
    return f"EC2 will {said['action']} this machine at {said['time']}"


def gce(base: str) -> str | None:
    """Spot machines of Compute Engine: TRUE from the notice on, 30 s ahead."""
    status, text = ask(base, "GET", "/computeMetadata/v1/instance/preempted", {"Metadata-Flavor": "Google"})
    return "Compute Engine takes this machine back" if status == 200 and text.strip() == "TRUE" else None


def azure(base: str) -> str | None:
    """Spot machines of Azure: a scheduled event of the type Preempt, at least 30 s ahead."""
    status, text = ask(base, "GET", "/metadata/scheduledevents?api-version=2020-07-01", {"Metadata": "true"})
    events: list[dict[str, Any]] = json.loads(text)["Events"] if status == 200 else []
    for event in events:
        if event["EventType"] == "Preempt":
            return f"Azure takes this machine back at {event.get('NotBefore') or 'any time'}"
    return None


CLOUDS: dict[str, tuple[Callable[[str], str | None], str]] = {
    "ec2": (ec2, "http://169.254.169.254"),
    "gce": (gce, "http://metadata.google.internal"),
    "azure": (azure, "http://169.254.169.254"),
}


class Notices:
    """Looks beside the supervisor; what it has found is in ``found``, and what its log should say in ``said``."""

    def __init__(self, watched: str) -> None:
        self.found: str | None = None
        self.said: list[str] = []
        self.quiet = False
        threading.Thread(target=self.watch, args=(watched,), daemon=True).start()

    def watch(self, watched: str) -> None:
        """Returns when there is a notice, or nothing to look at."""
        over = threading.Event()
        kind, _, path = watched.partition(":")
        if kind == "file":
            while not os.path.exists(path):
                over.wait(FILE_S)
            self.found = f"{path} says that this machine is taken away"
            return
        name, _, address = watched.partition("=")
        if name not in CLOUDS:
            self.said.append(f"notices of preemption cannot be looked at: {watched!r} is neither file:PATH nor one of {', '.join(CLOUDS)}")
            return
        look, own = CLOUDS[name]
        while self.found is None:
            self.found = self.once(look, address or own)
            if self.found is None:
                over.wait(CLOUD_S)

    def once(self, look: Callable[[str], str | None], address: str) -> str | None:
        """One question. That nobody answers is said once: then nothing would tell of the end."""
        try:
            return look(address)
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError) as error:
            if not self.quiet:
                self.quiet = True
                self.said.append(f"notices of preemption cannot be asked for: {error}")
            return None
