"""Fetches the program that runs an attempt, holds it against its digest, and becomes it. Run as text by a bare interpreter. What only a
node loads that has not got the program yet is loaded there: it takes longer than all else.

Variables: ``SLIPWAY_NODE_URL``, ``SLIPWAY_NODE_ATTEMPT``, ``SLIPWAY_NODE_TOKEN``, ``SLIPWAY_NODE_PROGRAM`` (SHA-256 of the program), and
``SLIPWAY_NODE_CACHE`` (a folder that is kept between attempts) where the node sets it.
"""

from __future__ import annotations

import os
import sys
import time

#: Seconds for which a server that is away is asked again.
PATIENCE_S = 300


def cache_folder() -> str:
    """Where files are kept between attempts: nobody else may write there."""
    given = os.environ.get("SLIPWAY_NODE_CACHE")
    if given:
        return given
    home = os.environ.get("HOME", "")
    if os.path.isdir(home) and os.access(home, os.W_OK):
        return os.path.join(home, ".cache", "slipway-node")
    import tempfile

    place = os.path.join(tempfile.gettempdir(), f"slipway-node-{os.getuid()}")
    os.makedirs(place, 0o700, exist_ok=True)
    if os.lstat(place).st_uid != os.getuid():
        raise SystemExit(f"the folder {place} is another user's; name one of your own in SLIPWAY_NODE_CACHE")
    return place


def fetch() -> bytes:
    """The program's text."""
    import urllib.error
    import urllib.request

    url, attempt = os.environ["SLIPWAY_NODE_URL"], os.environ["SLIPWAY_NODE_ATTEMPT"]
    given = {"authorization": f"Bearer {os.environ['SLIPWAY_NODE_TOKEN']}"}
    request = urllib.request.Request(f"{url}/v1/attempts/{attempt}/program", headers=given)
    until = time.monotonic() + PATIENCE_S
    pause = 0.2
    failed: OSError
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return bytes(reply.read())
        except urllib.error.HTTPError as error:
            if error.code < 500:
                said = error.read(500).decode(errors="replace")
                raise SystemExit(f"the server refuses the attempt ({error.code}): {said}") from None
            failed = error
        except OSError as error:
            failed = error
        if time.monotonic() > until:
            raise SystemExit(f"{url} cannot be reached: {failed}")
        time.sleep(pause)
        pause = min(pause * 2, 10)


def install(place: str, wanted: str) -> None:
    """Lays the program out, whole or not at all."""
    import hashlib
    import json
    import tempfile

    text = fetch()
    if hashlib.sha256(text).hexdigest() != wanted:
        raise SystemExit("the server sent another program than it was started with; the attempt is left to its next try")
    os.makedirs(os.path.dirname(place), 0o700, exist_ok=True)
    new = tempfile.mkdtemp(dir=os.path.dirname(place))
    for path, content in json.loads(text).items():
        os.makedirs(os.path.dirname(os.path.join(new, path)), exist_ok=True)
        with open(os.path.join(new, path), "w", encoding="utf-8") as file:
            file.write(content)
    try:
        os.rename(new, place)
    except OSError:
        import shutil

        shutil.rmtree(new)
        if not os.path.isdir(place):
            raise


def main() -> None:
    """Becomes the program."""
    os.environ["SLIPWAY_NODE_CACHE"] = cache_folder()
    wanted = os.environ["SLIPWAY_NODE_PROGRAM"]
    place = os.path.join(os.environ["SLIPWAY_NODE_CACHE"], "programs", wanted)
    if not os.path.isdir(place):
        install(place, wanted)
    # in this process: another would take as long to start as this one has
    sys.path.insert(0, place)
    from slipway.remote.node import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
