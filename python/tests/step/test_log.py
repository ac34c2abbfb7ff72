"""The log of a step: secrets are hidden whatever pieces they come in, and the end is marked."""

from __future__ import annotations

import os
import pathlib
import random
import tempfile
import unittest

from slipway.step.log import RedactedLog


class LogCase(unittest.TestCase):
    """Redaction, whatever pieces the output comes in."""

    def write(self, pieces: list[bytes], limit: int | None = None, secrets: list[str] | None = None) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log")
            log = RedactedLog(path, secrets or ["secret-one", "secret", "abcd"], limit)
            for piece in pieces:
                log.write(piece)
            log.close()
            self.assertEqual(log.size, os.path.getsize(path))
            return pathlib.Path(path).read_bytes()

    def test_every_split_hides_the_secret(self) -> None:
        text = b"x secret-one y secret z abcd secre"
        for at in range(len(text)):
            written = self.write([text[:at], text[at:]])
            self.assertEqual(written, b"x [secret] y [secret] z [secret] secre")

    def test_a_secret_that_ends_in_the_beginning_of_another(self) -> None:
        self.assertEqual(self.write([b"1 xyab", b" 2"], secrets=["xyab", "abzz"]), b"1 [secret] 2")

    def test_single_bytes(self) -> None:
        self.assertEqual(self.write([bytes([b]) for b in b"a secret b"]), b"a [secret] b")

    def test_the_limit_leaves_a_mark(self) -> None:
        written = self.write([b"x" * 60, b"y" * 60, b"z" * 60], limit=100)
        mark = b"\n[slipway] the log is cut here after 100 bytes; the step goes on\n"
        self.assertEqual(written, b"x" * 60 + b"y" * 40 + mark)

    def test_a_log_of_just_the_limit_is_not_cut(self) -> None:
        self.assertEqual(self.write([b"x" * 60, b"y" * 40], limit=100), b"x" * 60 + b"y" * 40)
        self.assertTrue(self.write([b"x" * 60, b"y" * 41], limit=100).endswith(b"the step goes on\n"))

    def test_random_pieces_give_what_one_piece_gives(self) -> None:
        secrets = ["secret", "secretary", "tarts", "abab"]
        roll = random.Random(3)
        for _ in range(60):
            text = "".join(roll.choice(["secret", "ary", "tart", "s", "ab", "a", " "]) for _ in range(12)).encode()
            cuts = sorted(roll.randrange(len(text) + 1) for _ in range(4))
            pieces = [text[i:j] for i, j in zip([0, *cuts], [*cuts, len(text)])]
            with self.subTest(text=text, pieces=pieces):
                written = self.write(pieces, secrets=secrets)
                self.assertEqual(written, self.write([text], secrets=secrets))
                for secret in secrets:
                    self.assertNotIn(secret.encode(), written.replace(b"[secret]", b"|"))

    def test_short_values_are_no_secrets(self) -> None:
        self.assertEqual(self.write([b"abc 1 x"], secrets=["abc", "1", ""]), b"abc 1 x")

    def test_a_secret_at_the_limit_is_hidden_before_the_cut(self) -> None:
        written = self.write([b"x" * 97 + b"secret", b" more"], limit=100)
        self.assertNotIn(b"secret-", written)
        self.assertNotIn(b"secre]", written)
        self.assertTrue(written.startswith(b"x" * 97 + b"[se"))
        self.assertIn(b"the log is cut here", written)

    def test_notes_are_lines_and_texts_are_redacted(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            log = RedactedLog(os.path.join(folder, "log"), ["hidden-value"], None)
            log.note("killed hidden-value")
            self.assertEqual(log.redact_text("a hidden-value b"), "a [secret] b")
            self.assertIsNone(log.redact_text(None))
            log.close()
            self.assertEqual(pathlib.Path(folder, "log").read_text(), "[slipway] killed [secret]\n")

    def test_an_older_log_is_continued_and_only_the_owner_reads_it(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "log")
            for text in (b"one\n", b"two\n"):
                log = RedactedLog(str(path), [], None)
                log.write(text)
                log.close()
                self.assertEqual(log.size, 4)
            self.assertEqual(path.read_bytes(), b"one\ntwo\n")
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)


if __name__ == "__main__":
    unittest.main()
