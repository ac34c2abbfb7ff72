"""Which server is asked, with which token, and what is said when it does not answer."""

from __future__ import annotations

import json
import socket
import tempfile
import unittest
from pathlib import Path
from typing import Any

from tests.display.notebook import NotebookCase


class WhichServer(NotebookCase):
    """From the environment or the data folder; the token goes to its own server alone."""

    def data_folder(self, url: str) -> str:
        """A data folder whose server is at an address."""
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        folder = Path(holder.name)
        (folder / "admin").write_text("token-of-the-folder\n")
        (folder / "server.key").write_bytes(b"k" * 32)
        (folder / "server.json").write_text(json.dumps({"url": url, "token_file": str(folder / "admin")}))
        return holder.name

    def authorization(self) -> str | None:
        """What the first call said who it is."""
        self.refused("runs --metrics a --params b")
        return self.server.asked[-1][2]

    def test_the_environment_names_it(self) -> None:
        self.assertEqual(self.authorization(), f"Bearer {self.token}")

    def test_the_data_folder_names_it(self) -> None:
        self.server.key = b"k" * 32
        self.environment(SLIPWAY_URL="", SLIPWAY_TOKEN="", SLIPWAY_DATA=self.data_folder(self.server.url))
        self.assertEqual(self.authorization(), "Bearer token-of-the-folder")
        self.assertEqual([(call[0], call[2]) for call in self.server.asked[:1]], [("/v1/proof", None)])

    def test_the_token_is_that_beside_the_server_file(self) -> None:
        """Also where the server knows the folder by another path, as in a container."""
        self.server.key = b"k" * 32
        data = self.data_folder(self.server.url)
        (Path(data) / "token").write_text("token-beside-it\n")
        self.environment(SLIPWAY_URL="", SLIPWAY_TOKEN="", SLIPWAY_DATA=data)
        self.assertEqual(self.authorization(), "Bearer token-beside-it")

    def test_a_program_that_took_the_port_is_told_no_token(self) -> None:
        """Not that of the folder, and not that of the environment where the folder alone says where the server is."""
        answers: list[Any] = [{"items": []}, b"[" * 4000, b"x" * 100_000, {"proof": None}, {"proof": "0" * 64}, {"proof": "\ud800"}]
        for token in ("", "slw_environment"):
            for answer in answers:
                self.server.asked.clear()
                self.server.answers["/v1/proof"] = answer
                self.environment(SLIPWAY_URL="", SLIPWAY_TOKEN=token, SLIPWAY_DATA=self.data_folder(self.server.url))
                self.assertIn("is not the server of ", self.refused("runs --metrics a --params b"))
                self.assertEqual([(call[0], call[2]) for call in self.server.asked], [("/v1/proof", None)])

    def test_a_proof_of_a_server_at_another_port_is_none(self) -> None:
        real = self.serve()
        real.key = b"k" * 32
        self.server.status, self.server.location = 302, f"{real.url}/v1/proof?nonce={'0' * 32}"
        self.environment(SLIPWAY_URL="", SLIPWAY_TOKEN="", SLIPWAY_DATA=self.data_folder(self.server.url))
        self.assertIn("is not the server of ", self.refused("runs"))
        self.assertEqual([call[2] for call in (*self.server.asked, *real.asked)], [None, None])

    def test_a_folder_without_a_key_sends_no_token(self) -> None:
        folder = self.data_folder(self.server.url)
        (Path(folder) / "server.key").unlink()
        self.environment(SLIPWAY_URL="", SLIPWAY_TOKEN="", SLIPWAY_DATA=folder)
        self.assertIn("has no server.key", self.refused("runs"))
        self.assertEqual(self.server.asked, [])

    def test_where_no_token_was_sent_it_says_why(self) -> None:
        folder = self.data_folder(self.server.url)
        self.server.answers["/v1/runs"] = {"code": "unauthenticated", "message": "who is it"}
        self.server.status = 401
        (Path(folder) / "admin").unlink()
        self.environment(SLIPWAY_URL="", SLIPWAY_TOKEN="", SLIPWAY_DATA=folder)
        self.assertIn("admin cannot be read (No such file", self.refused("runs --metrics a --params b"))
        self.environment(SLIPWAY_URL=self.server.url, SLIPWAY_TOKEN="", SLIPWAY_DATA=self.data_folder("http://127.0.0.1:1"))
        self.assertIn("is for its own server alone", self.refused("runs --metrics a --params b"))

    def test_the_token_of_the_folder_goes_to_no_other_server(self) -> None:
        self.environment(SLIPWAY_URL=self.server.url, SLIPWAY_TOKEN="", SLIPWAY_DATA=self.data_folder("http://127.0.0.1:1"))
        self.assertIsNone(self.authorization())

    def test_the_token_does_not_follow_a_redirect(self) -> None:
        other = self.serve()
        self.server.status, self.server.location = 302, f"{other.url}/v1/runs"
        self.refused("runs --metrics a --params b")
        self.assertEqual(([call[2] for call in self.server.asked], [call[2] for call in other.asked]), ([f"Bearer {self.token}"], [None]))

    def test_a_server_here_is_not_reached_through_a_proxy(self) -> None:
        proxy = self.serve()
        self.environment(SLIPWAY_URL=self.server.url, SLIPWAY_TOKEN=self.token, http_proxy=proxy.url, no_proxy="", NO_PROXY="")
        self.refused("runs --metrics a --params b")
        self.assertEqual((len(self.server.asked), proxy.asked), (1, []))

    def test_without_a_server_it_says_how_to_get_one(self) -> None:
        for text in (None, "", '{"url": "http', "[]", "{}"):
            with tempfile.TemporaryDirectory() as folder:
                if text is not None:
                    (Path(folder) / "server.json").write_text(text)
                self.environment(SLIPWAY_URL="", SLIPWAY_TOKEN="", SLIPWAY_DATA=folder)
                self.assertIn("start one (slipway serve --data ", self.refused("runs"))


class Failures(NotebookCase):
    """Every failure is one line that says what to do, and repeats no secret."""

    def test_an_address_that_is_none_is_refused_and_not_repeated(self) -> None:
        secret = "s3cr3t"
        wrong = [f"http://127.0.0.1:4600/login/{secret}", f"http://me:{secret}@h", f"http://{secret}@h", f"http://h/?t={secret}"]
        wrong += [f"http://h/#{secret}", f"file:///{secret}", secret, f"http://h:{secret}", f"http://[{secret}", "http://", "http://h:0"]
        for url in wrong:
            self.environment(SLIPWAY_URL=url, SLIPWAY_TOKEN=self.token)
            said = self.refused("runs")
            self.assertIn("expected http://HOST:PORT", said, url)
            self.assertNotIn(secret, said)
        self.environment(SLIPWAY_URL=f" {self.server.url}/ ", SLIPWAY_TOKEN=self.token)
        self.assertIn("no run of", self.refused("runs --metrics a --params b"))

    def test_a_token_that_cannot_be_sent_is_not_repeated(self) -> None:
        for token in ("half\nother", "half other", "hälf-other"):
            with self.subTest(token=token):
                self.environment(SLIPWAY_URL=self.server.url, SLIPWAY_TOKEN=token)
                said = self.refused("runs")
                self.assertIn("set SLIPWAY_TOKEN again", said)
                self.assertNotIn(token[:4], said)
        self.assertEqual(self.server.asked, [])

    def test_nothing_answers(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.environment(SLIPWAY_URL=url, SLIPWAY_TOKEN=self.token)
        for line in ("runs", "curves loss", "last", "runs iris"):
            said = self.refused(line)
            self.assertRegex(said, f"^slipway: no server answers at {url}: .*; start it")
            self.assertNotIn(self.token, said)

    def test_another_program_answers(self) -> None:
        for body in (b"<html>", b"", b"[]", b"3", b"{}", b"\xff\xfe"):
            self.server.answers["/v1/runs"] = body
            self.assertIn("is no Slipway server", self.refused("runs --metrics a --params b"), body)

    def test_the_server_refuses(self) -> None:
        self.server.answers["/v1/runs"] = {"code": "x", "message": f"no\x1b[31m {self.token}"}
        for status, hint in ((401, True), (403, False), (400, False), (500, False)):
            self.server.status = status
            said = self.refused("runs --metrics a --params b")
            self.assertIn(f"answers {status}: no", said)
            self.assertEqual("set SLIPWAY_TOKEN" in said, hint)
            self.assertNotIn(self.token, said)
            self.assertNotIn("\x1b", said)

    def test_lines_that_are_wrong_say_what_is_right(self) -> None:
        lines = ["", "nothing", "curves", "runs --limit 0", "runs --limit 201", "runs --limit x", "runs 'a", "runs a b", "runs --no", "-h"]
        for line in [*lines, "runs a --all", "runs --help", "runs --lim 3"]:
            self.assertIn("%slipway curves METRIC", self.refused(line), line)
        self.assertEqual(self.server.asked, [])


if __name__ == "__main__":
    unittest.main()
