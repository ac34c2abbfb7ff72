"""The server that the environment or the data folder names, asked with GET alone."""

from __future__ import annotations

import hmac
import http.client
import ipaddress
import json
import os
import secrets
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from slipway.display.failure import NotShown
from slipway.display.words import clean

#: Seconds until a server that says nothing counts as absent.
PATIENCE = 10
#: Bytes of an answer that is a proof, at the most.
MOST_PROOF = 4096
#: Characters from which a token is looked for in texts; a shorter one would take words with it.
LEAST_TOKEN = 8


class Server:
    """An address and a token. The token goes to this address alone, and into no text."""

    def __init__(self, url: str, token: str, folder: str | None = None, withheld: str = "") -> None:
        self.url = address(url)
        self.token = token
        #: The data folder whose server this has to be before it is sent the token; None where the environment names both.
        self.folder = folder
        #: Why there is no token, where the server asks for one.
        self.withheld = withheld
        if token and not (token.isascii() and token.isprintable() and " " not in token):
            raise NotShown("the token has blanks or characters that no token has; set SLIPWAY_TOKEN again")
        # what runs on this machine is not reached through a proxy, which would be told the token
        handlers = [urllib.request.ProxyHandler({})] if is_here(self.url) else []
        self.opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, field: str, **query: object) -> dict[str, Any]:
        """The JSON of a route, which has the field. Raises NotShown with what to do."""
        given = {key: value for key, value in query.items() if value not in (None, "")}
        words = urllib.parse.urlencode(given, errors="replace")
        request = urllib.request.Request(f"{self.url}{path}?{words}", headers={"Accept": "application/json"})
        if self.token and self.folder is not None:
            self.prove(self.folder)
        if self.token:
            # unredirected: wherever an answer leads, the token does not go
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        status, body = self.answer(request)
        if status >= 400:
            raise self.refusal(status, body)
        return self.read(body, field)

    def prove(self, folder: str) -> None:
        """Raises NotShown unless who answers knows the key of the folder: after a crash another program may have taken the port."""
        where = clean(folder, 200)
        key = key_of(folder)
        if not key:
            raise NotShown(f"the token was not sent to {self.url}: {where} has no server.key that can be read; start its server again")
        nonce = secrets.token_hex(32)
        status, body = self.answer(urllib.request.Request(f"{self.url}/v1/proof?nonce={nonce}"), MOST_PROOF)
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        given = found.get("proof") if isinstance(found, dict) else None
        wanted = hmac.new(key, f"slipway-server\n{self.url}\n{nonce}".encode(), "sha256").hexdigest()
        if status != 200 or not isinstance(given, str) or not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
            raise NotShown(f"what answers at {self.url} is not the server of {where}: the token was not sent; start that server again")

    def answer(self, request: urllib.request.Request, most: int = -1) -> tuple[int, bytes]:
        """Status and body, of which at most `most` bytes are read, where it is not negative. Raises NotShown where nothing answers."""
        try:
            return self.fetch(request, most)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            why = clean(getattr(error, "reason", None) or str(error) or type(error).__name__, 200)
            text = f"no server answers at {self.url}: {why}; start it (slipway serve) or set SLIPWAY_URL"
            raise NotShown(self.mask(text)) from None

    def fetch(self, request: urllib.request.Request, most: int) -> tuple[int, bytes]:
        """Status and body of the answer."""
        try:
            with self.opener.open(request, timeout=PATIENCE) as reply:
                return reply.status, reply.read(most)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(most)

    def read(self, body: bytes, field: str) -> dict[str, Any]:
        """An answer as JSON. The token goes out of it here, before texts are cut and half of it is no longer found."""
        try:
            found = json.loads(self.mask(body.decode("utf-8", "replace")))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or field not in found:
            raise NotShown(f"what answers at {self.url} is no Slipway server; set SLIPWAY_URL")
        return found

    def items(self, path: str, **query: object) -> list[Any]:
        """The list of a route that gives one."""
        return self.get(path, "items", **query)["items"]

    def refusal(self, status: int, body: bytes) -> NotShown:
        """What the server says against a call."""
        text = f"{self.url} answers {status}: {clean(self.read(body, 'message')['message'], 500)}"
        if status == 401:
            text += f"; {self.withheld}" if self.withheld else ""
            text += "; set SLIPWAY_TOKEN to a token of this server, in the environment of the kernel and not in a cell"
        return NotShown(text, status)

    def link(self, run_id: str) -> str:
        """The page of a run; whoever opens it signs in there."""
        return f"{self.url}/runs/{urllib.parse.quote(run_id, safe='', errors='replace')}"

    def mask(self, text: str) -> str:
        """A text without the token, whoever wrote it there."""
        return text.replace(self.token, "•••") if len(self.token) >= LEAST_TOKEN else text


def find_server() -> Server:
    """The server of SLIPWAY_URL, else of `server.json` in the data folder (SLIPWAY_DATA, else `.slipway`). Raises NotShown."""
    data = os.environ.get("SLIPWAY_DATA") or ".slipway"
    found = server_file(data)
    here = str(found.get("url") or "")
    url = os.environ.get("SLIPWAY_URL") or here
    if not url:
        where = clean(data, 200)
        raise NotShown(f"no server runs in {where}: start one (slipway serve --data {where}), or set SLIPWAY_URL and SLIPWAY_TOKEN")
    token = os.environ.get("SLIPWAY_TOKEN", "").strip()
    own = bool(here) and url.strip().rstrip("/") == here.rstrip("/")
    if token:
        # who names both the server and its token has chosen whom to trust
        return Server(url, token, None if os.environ.get("SLIPWAY_URL") or not own else data)
    if not own:
        return Server(url, "", withheld=f"the token of {clean(data, 200)} is for its own server alone, and was not sent")
    # the server may know the folder by another path, as in a container
    beside = os.path.join(data, "token")
    file = beside if os.path.exists(beside) else str(found.get("token_file") or beside)
    try:
        with open(file, encoding="utf-8") as text:
            return Server(url, text.read().strip(), data)
    except (OSError, UnicodeError) as error:
        why = clean(getattr(error, "strerror", None) or "it is no text", 200)
        return Server(url, "", withheld=f"no token was sent, for {clean(file, 200)} cannot be read ({why})")


def key_of(folder: str) -> bytes:
    """The key by which the server of a data folder shows that it is that; empty where there is none that may be read."""
    try:
        with open(os.path.join(folder, "server.key"), "rb") as file:
            return file.read()
    except OSError:
        return b""


def server_file(data: str) -> dict[str, Any]:
    """What `server.json` says; empty where no server runs, or where it is cut off."""
    try:
        found = json.loads(content(os.path.join(data, "server.json")) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def content(path: str) -> str:
    """The text of a file; empty where there is none that may be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeError):
        return ""


def address(url: str) -> str:
    """Scheme, host and port. A login link, user or password is refused and not repeated: outputs of notebooks are committed."""
    try:
        parts = urllib.parse.urlsplit(url.strip())
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        plain = False
    if not plain or parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise NotShown("SLIPWAY_URL is no address of a server; expected http://HOST:PORT or https://HOST, without user, path or login link")
    return f"{parts.scheme}://{parts.netloc}"


def is_here(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
