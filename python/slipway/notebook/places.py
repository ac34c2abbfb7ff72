"""Places of nodes in a source, in bytes of UTF-8, so that edits by place leave comments and formatting as they are."""

from __future__ import annotations

import ast
import io
import tokenize


class Places:
    """The lines of a source."""

    def __init__(self, source: str) -> None:
        """Notes where each line begins."""
        self.source = source
        self.data = source.encode()
        self.starts = [0]
        # Python ends lines at these only, where str.splitlines knows more
        for at, byte in enumerate(self.data):
            if byte == 10:
                self.starts.append(at + 1)

    def at(self, node: ast.AST) -> tuple[int, int]:
        """Begin and end of a node; in a definition, without decorators."""
        line, column = node.lineno, node.col_offset  # type: ignore[attr-defined]
        end_line, end_column = node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]
        return self.starts[line - 1] + column, self.starts[end_line - 1] + end_column

    def span(self, node: ast.AST) -> tuple[int, int]:
        """The same with decorators."""
        start, end = self.at(node)
        decorators = getattr(node, "decorator_list", [])
        if decorators:
            start = self.starts[decorators[0].lineno - 1] + decorators[0].col_offset - 1
            while self.data[start : start + 1] != b"@":
                start -= 1
        return start, end

    def line(self, at: int) -> int:
        """The line, from 1, of a place."""
        return self.data.count(b"\n", 0, at) + 1

    def before(self, at: int, text: str) -> bool:
        """Whether a text stands before a place, white space and comments aside."""
        rest = self.data[:at].decode().split("\n")
        while rest:
            line = rest.pop().split("#", 1)[0].rstrip()
            if line:
                return line.endswith(text)
        return False

    def tokens(self, start: int, end: int) -> list[tuple[str, int, int]]:
        """The tokens of a stretch with their places."""
        text = self.data[start:end].decode()
        inner = Places(text)
        result: list[tuple[str, int, int]] = []
        lines = text.split("\n")
        try:
            for token in tokenize.generate_tokens(io.StringIO(text).readline):
                if not token.string:
                    continue
                first = inner.starts[token.start[0] - 1] + len(lines[token.start[0] - 1][: token.start[1]].encode())
                result.append((token.string, start + first, start + first + len(token.string.encode())))
        except (tokenize.TokenError, IndentationError):
            # the stretch of a statement ends where its tokens do not
            return result
        return result

    def held(self) -> list[int]:
        """The lines, from 1, that begin within a text, and so cannot be indented."""
        lines: list[int] = []
        try:
            for token in tokenize.generate_tokens(io.StringIO(self.source).readline):
                if tokenize.tok_name[token.type] in ("STRING", "FSTRING_MIDDLE"):
                    lines.extend(range(token.start[0] + 1, token.end[0] + 1))
        except (tokenize.TokenError, IndentationError):
            return lines
        return lines
