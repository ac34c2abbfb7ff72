"""The server as a node asks it: again while it is away, never after a refusal."""

from __future__ import annotations

import http.server
import threading
import unittest

from slipway.remote.server import Away, Lost, Refused, Server


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers with the statuses that a test lists, the last one for good; 0 closes the connection without a word."""

    protocol_version = "HTTP/1.1"
    statuses: list[int]
    bodies: list[bytes]
    #: The next answer in place of that of the server.
    foreign = b""

    def do_POST(self) -> None:
        cls = type(self)
        cls.bodies.append(self.rfile.read(int(self.headers.get("content-length", 0))))
        status = cls.statuses.pop(0) if len(cls.statuses) > 1 else cls.statuses[0]
        if status == 0:
            self.close_connection = True
            return
        content = cls.foreign or (b'{"error": {"message": "told"}}' if status >= 300 else b'{"well": true}')
        cls.foreign = b""
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class ServerTest(unittest.TestCase):
    def setUp(self) -> None:
        class Handler(Answers):
            """Of this test alone."""

        self.handler: type[Answers] = Handler
        self.handler.statuses, self.handler.bodies = [200], []
        listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        self.addCleanup(listener.server_close)
        self.addCleanup(listener.shutdown)
        self.leaving = False
        self.server = Server(f"http://127.0.0.1:{listener.server_address[1]}/", "token", lambda: self.leaving)
        self.addCleanup(self.server.close)

    def test_what_passes_is_asked_again_with_the_same_body(self) -> None:
        self.handler.statuses = [503, 0, 429, 500, 200]
        self.assertEqual(self.server.ask("POST", "/x", {"a": 1}, 20), {"well": True})
        self.assertEqual(self.handler.bodies, [b'{"a": 1}'] * 5)

    def test_a_refusal_is_not_asked_again(self) -> None:
        for status, kind in ((401, Lost), (403, Lost), (404, Lost), (409, Lost), (400, Refused), (413, Refused), (422, Refused)):
            self.handler.statuses, self.handler.bodies = [status], []
            with self.assertRaisesRegex(kind, "told"):
                self.server.ask("POST", "/x", {}, 20)
            self.assertEqual(len(self.handler.bodies), 1, status)

    def test_what_stands_before_the_server_has_no_say(self) -> None:
        page = b"<html>404 page not found</html>"
        for status in (200, 302, 401, 403, 404, 409):
            self.handler.statuses, self.handler.foreign = [status, 200], page
            self.assertEqual(self.server.ask("POST", "/x", {}, 20), {"well": True}, status)
        self.handler.statuses, self.handler.foreign = [413], page
        with self.assertRaisesRegex(Refused, "413"):
            self.server.ask("POST", "/x", {}, 20)

    def test_patience_ends(self) -> None:
        self.handler.statuses = [503]
        with self.assertRaises(Away):
            self.server.ask("POST", "/x", {}, 0.3)

    def test_who_leaves_waits_no_longer(self) -> None:
        self.handler.statuses, self.leaving = [503], True
        with self.assertRaises(Away):
            self.server.ask("POST", "/x", {}, 600)
        self.assertEqual(len(self.handler.bodies), 1)


if __name__ == "__main__":
    unittest.main()
