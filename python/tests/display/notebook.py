"""A shell and a server as the magics know them: what they publish, and what they ask."""

from __future__ import annotations

import hmac
import json
import os
import threading
import unittest
from collections.abc import Callable
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import slipway
from slipway.display.failure import NotShown

TIMES = {"started_at": "2026-03-01T10:00:00.000Z", "ended_at": "2026-03-01T10:01:05.500Z"}


def run_row(run_id: str = "r1", **fields: Any) -> dict[str, Any]:
    """A run as `/v1/runs` gives it."""
    row = {"id": run_id, "name": f"name-{run_id}", "status": "FINISHED", "metrics": {}, "params": {}, "tags": {}, **TIMES}
    return {**row, **fields}


class Answers(ThreadingHTTPServer):
    """Answers each path with the JSON (or bytes) that it was given, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, list[str]], str | None]] = []
        self.status = 200
        self.location = ""
        #: The key of the data folder that it is the server of; empty = of none.
        self.key = b""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One call."""

    def do_GET(self) -> None:
        """Notes the call and answers."""
        server = self.server
        assert isinstance(server, Answers)
        parts = urlsplit(self.path)
        server.asked.append((parts.path, parse_qs(parts.query), self.headers.get("Authorization")))
        found = server.answers.get(parts.path, {"items": []})
        if parts.path == "/v1/proof" and server.key:
            text = f"slipway-server\n{server.url}\n{parse_qs(parts.query)['nonce'][0]}"
            found = {"url": server.url, "proof": hmac.new(server.key, text.encode(), "sha256").hexdigest()}
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(server.status)
        if server.location:
            self.send_header("Location", server.location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""


class Shell:
    """The three things of IPython's shell that the extension touches."""

    def __init__(self) -> None:
        self.magics: dict[str, dict[str, Callable[[str], None]]] = {"line": {}}
        self.magics_manager = self
        self.display_pub = self
        self.published: list[dict[str, str]] = []

    def register_magic_function(self, function: Callable[[str], None], magic_kind: str, magic_name: str) -> None:
        """As IPython has it."""
        self.magics[magic_kind][magic_name] = function

    def publish(self, data: dict[str, str]) -> None:
        """As IPython has it."""
        self.published.append(data)


class Tags(HTMLParser):
    """Every tag with its attributes, and the text between."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps it."""
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keeps it."""
        self.text += data


class NotebookCase(unittest.TestCase):
    """A notebook with the extension loaded, and a server."""

    token = "slp_0123456789abcdef"

    def setUp(self) -> None:
        self.server = self.serve()
        self.shell = Shell()
        slipway.load_ipython_extension(self.shell)
        self.environment(SLIPWAY_URL=self.server.url, SLIPWAY_TOKEN=self.token)

    def environment(self, **variables: str) -> None:
        """Sets the variables that matter, and no others, for this test."""
        known = ("SLIPWAY_URL", "SLIPWAY_TOKEN", "SLIPWAY_DATA", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")
        rest = {key: value for key, value in os.environ.items() if key not in known}
        patch = mock.patch.dict(os.environ, {"SLIPWAY_DATA": "/nowhere", **rest, **variables}, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def serve(self) -> Answers:
        """A server that ends with the test."""
        server = Answers()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def show(self, line: str) -> dict[str, str]:
        """What a line publishes."""
        before = len(self.shell.published)
        self.shell.magics["line"]["slipway"](line)
        self.assertEqual(len(self.shell.published), before + 1)
        return self.shell.published[-1]

    def refused(self, line: str) -> str:
        """What the notebook shows of a line that fails, in place of a traceback."""
        with self.assertRaises(NotShown) as caught:
            self.shell.magics["line"]["slipway"](line)
        return "\n".join(caught.exception._render_traceback_())
