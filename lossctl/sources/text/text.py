"""What text files have in common: bytes that may be compressed, pieces cut between rows, lines that editors count."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from lossctl.sources import packed
from lossctl.sources.ahead import ahead
from lossctl.sources.source import FileSource, Piece
from lossctl.sources.text.cuts import Cuts, Part, cuts, streamed
from lossctl.sources.text.quotes import Rules

NO_RULES = Rules()


@dataclass(frozen=True, slots=True, repr=False)
class TextSource(FileSource):
    """A text file; `codec` is how it is compressed, and what is compressed is read in order, as one piece."""

    codec: str | None = None

    @property
    def rules(self) -> Rules:
        """What ends a row."""
        return NO_RULES

    @property
    def first(self) -> int:
        """The byte of the text at which the rows begin."""
        return 0

    @property
    def in_order(self) -> bool:
        """Whether the rows can only be read from the beginning."""
        return self.codec is not None

    def cut(self, file: int) -> list[Piece]:
        """The pieces of the text."""
        return [Piece(file, 0, self.bytes, self.bytes, 0)] if self.in_order else self._cuts().pieces(file)

    def parts(self, piece: Piece | None = None) -> Iterator[Part]:
        """The rows of a piece, or all rows."""
        if not self.in_order:
            return self._cuts().parts() if piece is None else iter([self._cuts().part(piece)])
        return streamed(ahead(self.blocks()), self.first, self.rules, self.path)

    def _cuts(self) -> Cuts:
        return cuts(self.stamp, self.first, self.rules)

    def blocks(self) -> Generator[bytes, None, None]:
        """The text in order, from its first byte."""
        stamp = self.stamp
        return packed.blocks(stamp.path, stamp.file, self.codec)

    def line(self, row: int) -> str:
        """How an editor finds a row: the file is read up to it."""
        for part in self.parts():
            starts = part.row_starts(self.rules)
            if row < len(starts):
                start = int(starts[row])
                blank = len(part.data[start:]) - len(part.data[start:].lstrip())
                return f" (line {self.line_at(part.offset + start + blank)})"
            row -= len(starts)
        return ""

    def line_at(self, offset: int) -> int:
        """The line on which a byte of the text stands."""
        lines, stamp = 1, self.stamp
        for block in packed.blocks(stamp.path, stamp.file, self.codec):
            lines += block.count(self.rules.newline, 0, min(offset, len(block)))
            offset -= len(block)
            if offset <= 0:
                break
        return lines
