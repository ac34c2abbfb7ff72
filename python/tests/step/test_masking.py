"""Secrets in a log: no spelling that Python's own libraries give them comes through, however the output is cut into pieces."""

from __future__ import annotations

import base64
import binascii
import html
import json
import os
import random
import re
import time
import tracemalloc
import unittest
import urllib.parse
from collections.abc import Callable
from html.entities import codepoint2name

from slipway.step.masking import Masker, Stream

MASK = b"[secret]"
SIGNS = "abcXYZ0189 +/=%&\\\"'<>:_-.~!{}$#@\u00e9\u20ac\u00c4\u4e2d\U0001f511"
ROUNDS = int(os.environ.get("SLIPWAY_TEST_ROUNDS", "40"))


def wrapped(data: bytes, width: int) -> bytes:
    return b"\n".join(data[at : at + width] for at in range(0, len(data), width))


def twice(text: str) -> str:
    return json.dumps({"inner": json.dumps({"key": text})})


def by_name(text: str) -> str:
    """Each sign that HTML has a name for by that name."""
    return "".join(f"&{codepoint2name[ord(sign)]};" if ord(sign) in codepoint2name else sign for sign in text)


#: How programs write a text, each by a library that is not ours. What is around the secret may be anything.
SPELLINGS: dict[str, Callable[[str, bytes, bytes], bytes]] = {
    "as it is": lambda s, a, b: a + s.encode() + b,
    "JSON": lambda s, a, b: a + json.dumps({"key": s}).encode() + b,
    "JSON with letters": lambda s, a, b: a + json.dumps([s], ensure_ascii=False).encode() + b,
    "JSON in JSON": lambda s, a, b: a + twice(s).encode() + b,
    "repr": lambda s, a, b: a + repr({"k": s}).encode() + b,
    "repr of bytes": lambda s, a, b: a + repr(s.encode()).encode() + b,
    "ascii": lambda s, a, b: a + ascii(s).encode() + b,
    "path of an address": lambda s, a, b: a + urllib.parse.quote(s).encode() + b,
    "part of an address": lambda s, a, b: a + urllib.parse.quote(s, safe="").encode() + b,
    "small letters in an address": lambda s, a, b: a + re.sub("%..", lambda m: m[0].lower(), urllib.parse.quote(s, safe="")).encode() + b,
    "query": lambda s, a, b: a + urllib.parse.urlencode({"k": s}).encode() + b,
    "HTML": lambda s, a, b: a + html.escape(s).encode() + b,
    "an address in small letters": lambda s, a, b: a + urllib.parse.quote(s, safe="").lower().encode() + b,
    "a query in small letters": lambda s, a, b: a + urllib.parse.urlencode({"k": s}).lower().encode() + b,
    "every byte of an address": lambda s, a, b: a + "".join(f"%{byte:02x}" for byte in s.encode()).encode() + b,
    "small letters": lambda s, a, b: a + s.lower().encode() + b,
    "capitals": lambda s, a, b: a + s.upper().encode() + b,
    "entities by number": lambda s, a, b: a + html.escape(s).encode("ascii", "xmlcharrefreplace") + b,
    "entities by hex number": lambda s, a, b: a + "".join(f"&#x{ord(sign):x};" for sign in s).encode() + b,
    "entities by name": lambda s, a, b: a + by_name(s).encode() + b,
    "backslashes": lambda s, a, b: a + s.encode("ascii", "backslashreplace") + b,
    "base32": lambda s, a, b: base64.b32encode(a + s.encode() + b),
    "base32 in small letters": lambda s, a, b: base64.b32encode(a + s.encode() + b).lower(),
    "hex": lambda s, a, b: a + binascii.hexlify(s.encode()) + b,
    "hex in capitals": lambda s, a, b: a + s.encode().hex().upper().encode() + b,
    "hex with colons": lambda s, a, b: a + s.encode().hex(":").encode() + b,
    "base64": lambda s, a, b: base64.b64encode(a + s.encode() + b),
    "base64 of addresses": lambda s, a, b: base64.urlsafe_b64encode(a + s.encode() + b),
    "base64 in an address": lambda s, a, b: urllib.parse.quote(base64.b64encode(a + s.encode() + b), safe="").encode(),
    "base64 of JSON": lambda s, a, b: base64.b64encode(a + json.dumps(s).encode() + b),
    "base64 in lines": lambda s, a, b: base64.encodebytes(a + s.encode() + b),
    "base64 in lines in JSON": lambda s, a, b: json.dumps(base64.encodebytes(a + s.encode() + b).decode()).encode(),
    "wrapped": lambda s, a, b: a + wrapped(s.encode(), 5) + b,
    "wrapped and indented": lambda s, a, b: a + wrapped(s.encode(), 7).replace(b"\n", b"\n    ") + b,
    "hex in lines": lambda s, a, b: a + wrapped(s.encode().hex().encode(), 11) + b,
    "one sign a line": lambda s, a, b: a + b"\n".join(s[i].encode() for i in range(len(s))) + b,
}


def pieces_of(data: bytes, roll: random.Random, most: int = 6) -> list[bytes]:
    cuts = sorted(roll.randrange(len(data) + 1) for _ in range(roll.randrange(most)))
    return [data[i:j] for i, j in zip([0, *cuts], [*cuts, len(data)])]


def through(masker: Masker, pieces: list[bytes]) -> bytes:
    stream = Stream(masker, MASK)
    return b"".join(map(stream.take, pieces)) + stream.rest()


class MaskingCase(unittest.TestCase):
    """Spellings, pieces, what stays, and what it costs."""

    def secret(self, roll: random.Random) -> str:
        signs = SIGNS if roll.random() < 0.5 else "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_-"
        return "s" + "".join(roll.choice(signs) for _ in range(roll.randrange(6, 40))) + "t"

    def test_every_spelling_is_masked_in_any_pieces(self) -> None:
        roll = random.Random(5)
        for round_ in range(ROUNDS):
            secret = self.secret(roll)
            masker = Masker([secret.encode()])
            for name, spell in SPELLINGS.items():
                before = bytes(roll.choice(b"ghijkmopqr ;,|") for _ in range(roll.randrange(9)))
                after = bytes(roll.choice(b"ghijkmopqr ;,|") for _ in range(roll.randrange(9)))
                text = b"<<" + spell(secret, before, after) + b">>"
                with self.subTest(spelling=name, secret=secret, round=round_, text=text):
                    whole = masker.mask(text, MASK)
                    self.assertIn(MASK, whole)
                    self.assertTrue(whole.startswith(b"<<") and whole.endswith(b">>"), whole)
                    for gone in self.traces(secret, text):
                        self.assertNotIn(gone, whole)
                    pieces = pieces_of(text, roll)
                    self.assertEqual(through(masker, pieces), whole, pieces)
                    self.assertEqual(through(masker, [text[i : i + 1] for i in range(len(text))]), whole)

    def traces(self, secret: str, text: bytes) -> list[bytes]:
        """Long enough parts of the written text that say something of the secret: none of them may be left."""
        raw = secret.encode()
        found = [raw[i : i + 6] for i in range(len(raw) - 5)] + [raw.hex().encode()[i : i + 12] for i in range(0, 2 * len(raw) - 11, 2)]
        found += [base64.b64encode(b"x" * k + raw)[4:-4] for k in range(3)]
        found += [base64.b32encode(b"x" * k + raw)[8:-8] for k in range(5)]
        found += [part for folded in (raw.lower(), raw.upper()) for part in (folded[i : i + 6] for i in range(len(raw) - 5))]
        return [part for part in found if len(part) >= 6 and part in text]

    def test_a_base64_text_around_it_says_nothing_of_it_any_more(self) -> None:
        roll = random.Random(6)
        for _ in range(ROUNDS):
            secret = self.secret(roll).encode()
            masker = Masker([secret])
            for before in range(7):
                text = base64.b64encode(b"u" * before + secret + b":tail-of-it")
                masked = masker.mask(text, MASK)
                head, _, rest = masked.partition(MASK)
                with self.subTest(secret=secret, before=before, masked=masked):
                    self.assertIn(MASK, masked)
                    self.assertLessEqual(len(head), (before * 8 + 5) // 6, "no sign of the head has a bit of the secret")
                    self.assertEqual(text[-len(rest) :], rest)
                    bits = 8 * (before + len(secret))
                    self.assertLessEqual(len(rest), len(text) - (bits + 5) // 6)

    def test_other_text_stays_as_it_is(self) -> None:
        roll = random.Random(7)
        secrets = [self.secret(roll).encode() for _ in range(4)]
        masker = Masker(secrets)
        for _ in range(ROUNDS):
            noise = bytes(roll.choice(b"abcdefghijklmnopqrstuvwxyz0123456789+/=%&\\\n \r") for _ in range(400))
            self.assertEqual(through(masker, pieces_of(noise, roll)), noise)

    def test_secrets_that_overlap_or_touch_are_one_mask_in_any_pieces(self) -> None:
        roll = random.Random(8)
        masker = Masker([b"secret", b"secretary", b"tarts", b"abab", b"baba"])
        for _ in range(20 * ROUNDS):
            text = "".join(roll.choice(["secret", "ary", "tart", "s", "ab", "a", " "]) for _ in range(12)).encode()
            whole = masker.mask(text, MASK)
            with self.subTest(text=text):
                self.assertEqual(through(masker, pieces_of(text, roll)), whole)
                self.assertEqual(whole, self.covered(text, [b"secret", b"secretary", b"tarts", b"abab", b"baba"]))

    def covered(self, text: bytes, secrets: list[bytes]) -> bytes:
        """The oracle: every byte that lies in an occurrence is hidden, and each run of those is one mask."""
        hidden = bytearray(len(text))
        for secret in secrets:
            for at in range(len(text)):
                if text.startswith(secret, at):
                    hidden[at : at + len(secret)] = b"\1" * len(secret)
        kept = bytes(1 if hide else byte for byte, hide in zip(text, hidden))
        return re.sub(rb"\x01+", MASK, kept)

    def test_lines_of_a_long_key_are_masked_by_themselves(self) -> None:
        lines = [base64.b64encode(os.urandom(48)).decode() for _ in range(20)]
        key = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(lines) + "\n-----END PRIVATE KEY-----\n"
        masker = Masker([key.encode()])
        self.assertEqual(masker.mask(b"key: " + key.encode(), MASK), b"key: [secret]\n")
        self.assertEqual(masker.mask(json.dumps({"k": key}).encode(), MASK).count(lines[3].encode()), 0)
        for line in lines:
            self.assertEqual(masker.mask(f"12:00 INFO {line} end".encode(), MASK), b"12:00 INFO [secret] end")

    def test_what_is_kept_back_is_bounded(self) -> None:
        masker = Masker([b"secret-of-some-length", b"aaaaaaaaaaaaaaab"])
        stream = Stream(masker, MASK)
        tracemalloc.start()
        for piece in (b"secret-of-", b"\n" + b" " * 4096, b"\\" * 4096, b"a" * 4096, b"s\n" * 2048) * 2:
            stream.take(piece)
            self.assertLessEqual(len(stream.held), masker.reach)
        self.assertLess(tracemalloc.get_traced_memory()[1], 4 << 20)
        tracemalloc.stop()

    def test_what_looks_like_chance_does_not_wait_for_more(self) -> None:
        stream = Stream(Masker([b"secret-value"]), MASK)
        self.assertEqual(stream.take(b"epoch 1 loss\n"), b"epoch 1 los")
        self.assertEqual(stream.settle(), b"s\n")
        self.assertEqual(stream.take(b"token secre"), b"token ")
        self.assertEqual(stream.settle(), b"")
        self.assertEqual(stream.take(b"t-value\n"), MASK + b"\n")

    def test_a_flood_of_output_is_read_fast_enough(self) -> None:
        masker = Masker([os.urandom(24).hex().encode(), b"slw_" + base64.urlsafe_b64encode(os.urandom(32))])
        line = b"2026-05-03 10:00:00,123 INFO trainer: epoch 12 step 4096 loss 0.03125 lr 1e-4 [########      ] 50% /data/x.csv\n"
        data = line * (4 << 20 >> 7)
        began = time.process_time()
        self.assertEqual(masker.mask(data, MASK), data)
        self.assertLess(time.process_time() - began, 20, "seconds for 4 MiB")


if __name__ == "__main__":
    unittest.main()
