"""Finds secrets in a stream of bytes as they are, escaped (JSON, URLs, HTML), in hex, base32 or base64, wrapped by lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

#: Shorter values are not secrets worth the name, and hiding them would ruin the text.
SHORTEST = 4
#: Lines of a secret of several lines (a key in PEM) count by themselves from this length on.
SHORTEST_LINE = 8
#: Elements of a form after which text that is cut off looks like the beginning of a secret, and not like chance.
LOOKS_LIKE = 4
#: Blanks that may begin a line into which a secret is wrapped.
INDENT = 40
#: Backslashes before an escaped sign: JSON in JSON in JSON has seven.
DEEPEST = 15
BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
ENTITY = re.compile(rb"&(?:([A-Za-z][A-Za-z0-9]{1,31})|#([0-9]{1,7})|#[xX]([0-9A-Fa-f]{1,6}));")
CODE_UNITS = re.compile(rb"u([dD][89abAB][0-9A-Fa-f]{2})\\{1,15}u([dD][c-fC-F][0-9A-Fa-f]{2})")
CODE_POINT = re.compile(rb"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})")
BREAK = re.compile(rb"\r?\n[ \t]{0,%d}" % INDENT)
#: The beginning of an escape, and nothing after it.
UNFINISHED = re.compile(
    rb"(?:%[0-9A-Fa-f]?|&#?[xX]?[0-9A-Za-z]{0,32}|\\{1,15}(?:[xuU][0-9A-Fa-f]{0,8}(?:\\{1,15}(?:u[0-9A-Fa-f]{0,4})?)?)?)\Z"
)
LETTERS = {ord(k): v for k, v in {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "f": b"\f", '"': b'"', "'": b"'", "/": b"/"}.items()}


class Form:
    """One spelling of a secret: for each place the bytes that may stand there, before anything is escaped or wrapped."""

    def __init__(self, elements: Iterable[bytes], paired: bool = False) -> None:
        self.elements = tuple(elements)
        #: Two places are one byte of the secret, and a sign may stand between such pairs: hex.
        self.paired = paired


class Masker:
    """Tells where secrets stand. Secrets of fewer than SHORTEST bytes are not looked for."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        known: dict[tuple[bytes, ...], Form] = {}
        for secret in secrets:
            for part in parts_of(secret):
                known.update({form.elements: form for form in forms_of(part)})
        self.forms = list(known.values())
        #: The forms that begin with a byte.
        self.starting: dict[int, list[Form]] = {}
        for form in self.forms:
            for byte in form.elements[0]:
                self.starting.setdefault(byte, []).append(form)
        #: Bytes that may have to be kept back: a form with some of its signs escaped and a few line breaks.
        self.reach = 1024 + 16 * max((len(form.elements) for form in self.forms), default=0)
        self.by_start = re.compile(b"(?=" + b"|".join([*map(beginning, self.forms), rb"[\\%&]"]) + b")") if self.forms else None

    def look(self, data: bytes, least: int = 1) -> tuple[list[tuple[int, int]], int]:
        """Where secrets stand, by their start, and where the end of the data begins that may become one: at least ``least`` elements
        of a form are there, and the data ends."""
        found: list[tuple[int, int]] = []
        cut = len(data)
        if self.by_start is None:
            return found, cut
        for match in self.by_start.finditer(data):
            start = match.start()
            for form in self.beginning_at(data, start):
                end, seen = walk(form, data, start)
                if end > start:
                    found.append((start, end))
                if seen >= least and start >= len(data) - self.reach:
                    cut = min(cut, start)
        return found, cut

    def beginning_at(self, data: bytes, at: int) -> Iterable[Form]:
        """The forms that may begin at a place."""
        if data[at] not in b"\\%&":
            return self.starting.get(data[at], ())
        if UNFINISHED.match(data, at):
            return self.forms
        return {form: None for value, _ in readings(data, at) for form in self.starting.get(value[0], ())}

    def mask(self, data: bytes, mask: bytes) -> bytes:
        """The data with ``mask`` in place of each secret."""
        stream = Stream(self, mask)
        return stream.take(data) + stream.rest()


class Stream:
    """A text that comes in pieces, however they are cut: what may become a secret waits for the next piece."""

    def __init__(self, masker: Masker, mask: bytes) -> None:
        self.masker = masker
        self.mask = mask
        self.held = b""
        #: How much of what is held belongs to a secret whose mask is written.
        self.hidden = 0
        #: Whether what was given out last is a mask that the next byte may go on.
        self.covering = False

    def take(self, data: bytes, least: int = 1) -> bytes:
        """What can be given out once this came."""
        data = self.held + data
        found, cut = self.masker.look(data, least)
        return self.give(data, found, cut)

    def settle(self) -> bytes:
        """What is given out when nothing more has come for a while: what looks like chance and not like a secret."""
        return self.take(b"", LOOKS_LIKE) if self.held else b""

    def rest(self) -> bytes:
        """What is left at the end."""
        found, _ = self.masker.look(self.held)
        return self.give(self.held, found, len(self.held))

    def give(self, data: bytes, found: list[tuple[int, int]], cut: int) -> bytes:
        """The data before ``cut`` without its secrets; those that touch or overlap are one."""
        at, out = self.hidden, []
        for start, end in found:
            if start >= cut:
                break
            if start > at:
                out.append(data[at:start])
                at, self.covering = start, False
            if end > at:
                out += [] if self.covering else [self.mask]
                at, self.covering = end, True
        if at < cut:
            out.append(data[at:cut])
            at, self.covering = cut, False
        self.held, self.hidden = data[cut:], at - cut
        return b"".join(out)


def parts_of(secret: bytes) -> list[bytes]:
    """The secret without blanks around it, and its lines where it has several."""
    whole = secret.strip()
    lines = [line.strip() for line in whole.splitlines()]
    parts = [whole, *(line for line in lines if len(line) >= SHORTEST_LINE)] if len(lines) > 1 else [whole]
    return [part for part in parts if len(part) >= SHORTEST]


def forms_of(secret: bytes) -> Iterator[Form]:
    """Every spelling that is looked for."""
    text = secret.decode(errors="surrogateescape")
    yield Form(plain(secret))
    # an address, a header or a name of a host is often written in small letters as a whole
    for folded in (secret.lower(), secret.upper(), *(one.encode(errors="surrogateescape") for one in (text.lower(), text.upper()))):
        yield Form(plain(folded))
    yield Form((either_case(digit) for digit in secret.hex().encode()), paired=True)
    escaped = {json.dumps(text, ensure_ascii=ascii)[1:-1].encode(errors="surrogateescape") for ascii in (True, False)}
    for variant in {secret, *escaped}:
        for before in range(3):
            yield Form(base64_elements(variant, before))
    for before in range(5):
        yield Form(base32_elements(secret, before))


def either_case(letter: int) -> bytes:
    """A letter or digit of ASCII, small and capital."""
    return bytes(sorted({*bytes([letter]).lower(), *bytes([letter]).upper()}))


def plain(secret: bytes) -> list[bytes]:
    """The bytes themselves; a blank is a plus in the query of an address."""
    return [b" +" if byte == 32 else bytes([byte]) for byte in secret]


def base64_elements(secret: bytes, before: int) -> list[bytes]:
    """The signs of base64, of either alphabet, that say something of a secret with ``before`` other bytes in its first group of three."""
    return [bytes(either_alphabet(values)) for values in groups(secret, before, 6, 1)]


def base32_elements(secret: bytes, before: int) -> list[bytes]:
    """The same of base32, small and capital, with ``before`` other bytes in its first group of five. A sign at either end with one or two
    bits of the secret is left: so many signs may be it that every other line would look like the beginning of a secret."""
    return [b"".join(either_case(BASE32[value]) for value in values) for values in groups(secret, before, 5, 3)]


def groups(secret: bytes, before: int, size: int, least: int) -> Iterator[list[int]]:
    """The bits of a secret behind some other bytes in groups of ``size``: for each that has ``least`` of them the values that it may be."""
    begin, end = 8 * before, 8 * (before + len(secret))
    width = end + -end % size
    bits = int.from_bytes(secret, "big") << (width - end)
    for at in range(0, width, size):
        known = min(at + size, end) - max(at, begin)
        if known < least:
            continue
        value = bits >> (width - at - size) & ((1 << size) - 1)
        if known == size:
            yield [value]
        else:
            fixed = ((1 << known) - 1) << (at + size - min(at + size, end))
            yield [other for other in range(1 << size) if other & fixed == value & fixed]


def either_alphabet(values: list[int]) -> Iterator[int]:
    """The signs of base64 for some values."""
    for value in values:
        yield from {62: b"+-", 63: b"/_"}.get(value) or BASE64[value : value + 1]


def beginning(form: Form) -> bytes:
    """A pattern of the places where a form may begin: three elements, or fewer before something escaped, a line break or the end."""
    first, second, third = (b"[" + b"".join(re.escape(bytes([byte])) for byte in allowed) + b"]" for allowed in form.elements[:3])
    more = rb"[\\%&\r\n]|\Z"
    between = b"|[ :-]" if form.paired else b""
    return first + b"(?:" + second + b"(?:" + third + b"|" + more + between + b")|" + more + b")"


def walk(form: Form, data: bytes, start: int) -> tuple[int, int]:
    """Follows a form from a place: where it ends (-1 where it does not), and how many elements were there when the data ended (0 where it
    did not end inside the form)."""
    elements, size = form.elements, len(data)
    ended, seen = -1, 0
    visited: set[tuple[int, int]] = set()
    open_ways = [(start, 0)]
    while open_ways:
        at, done = open_ways.pop()
        while done < len(elements) and at < size and data[at] not in b"\\%&\r\n" and data[at] in elements[done]:
            at, done = at + 1, done + 1
        if done == len(elements):
            ended = max(ended, at)
        elif at == size:
            seen = max(seen, done)
        elif (at, done) not in visited:
            visited.add((at, done))
            open_ways += steps(form, data, at, done)
            if data[at] in b"\\%&" and UNFINISHED.match(data, at):
                seen = max(seen, done, 1)
    return ended, seen


def steps(form: Form, data: bytes, at: int, done: int) -> Iterator[tuple[int, int]]:
    """The places from which a form may go on after one sign, escape or break."""
    if form.paired and done > 0 and done % 2 == 0 and data[at] in b" :-":
        yield at + 1, done
    for value, end in readings(data, at):
        if len(value) <= len(form.elements) - done and all(byte in form.elements[done + i] for i, byte in enumerate(value)):
            yield end, done + len(value)
        if done > 0 and value in (b"\n", b"\r"):
            yield end, done


def named(name: bytes) -> bytes | None:
    """What a name of HTML stands for, `amp` as `euro`."""
    # loaded here, for its two thousand names are seldom asked for
    from html.entities import html5

    text = html5.get(f"{name.decode()};")
    return None if text is None else text.encode()


def readings(data: bytes, at: int) -> Iterator[tuple[bytes, int]]:
    """What may stand at a place, with its end: a sign, what an escape means, or a break between lines (the line feed, or a blank)."""
    byte = data[at]
    yield data[at : at + 1], at + 1
    if byte == 37 and (match := PERCENT.match(data, at)):
        yield bytes.fromhex(match[1].decode()), match.end()
    elif byte == 38 and (match := ENTITY.match(data, at)):
        if match[1] is None:
            yield sign(int(match[2] or match[3], 10 if match[2] else 16)), match.end()
        elif (meant := named(match[1])) is not None:
            yield meant, match.end()
    elif byte == 92:
        yield from unescaped(data, at)
    elif byte in b"\r\n" and (match := BREAK.match(data, at)):
        yield b"\n", match.end()
        yield b" ", match.end()


def unescaped(data: bytes, at: int) -> Iterator[tuple[bytes, int]]:
    """What backslashes mean: one of themselves, doubled once or several times, or the sign after them."""
    after = at
    while after < min(len(data), at + DEEPEST) and data[after] == 92:
        after += 1
    for doubled in (2, 4, 8):
        if doubled <= after - at:
            yield b"\\", at + doubled
    if after == len(data):
        return
    if data[after] in LETTERS:
        yield LETTERS[data[after]], after + 1
    elif match := CODE_UNITS.match(data, after):
        yield bytes.fromhex(match[1].decode() + match[2].decode()).decode("utf-16-be").encode(), match.end()
    elif match := CODE_POINT.match(data, after):
        if match[1]:
            yield bytes.fromhex(match[1].decode()), match.end()
        yield sign(int(match[1] or match[2] or match[3], 16)), match.end()


def sign(point: int) -> bytes:
    """A sign in UTF-8; one that is none is nothing that a secret holds."""
    return chr(point).encode(errors="surrogatepass") if point < 0x110000 else b"\0"
