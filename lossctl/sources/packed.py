"""Compressed text: gzip, bzip2, Zstandard, and zip with one member, unpacked as it is read."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Protocol

from lossctl.errors import DataError, listing
from lossctl.sources.source import first_line

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

BLOCK_BYTES = 4 << 20
CODECS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip"}
SUFFIXES = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".zip": "zip"}
NOT_READ = {b"\xfd7zXZ\x00": "xz", b"7z\xbc\xaf\x27\x1c": "7z", b"\x04\x22\x4d\x18": "lz4", b"Rar!": "rar"}


class Readable(Protocol):
    """What can be read from its beginning to its end."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""


def codec_of(path: str, head: bytes) -> str | None:
    """How a file that begins with `head` is compressed."""
    for magic, name in NOT_READ.items():
        if head.startswith(magic):
            raise DataError(f"{path} is packed with {name}; unpack it, or pack it as .gz, .bz2, .zst or .zip.")
    return next((name for magic, name in CODECS.items() if head.startswith(magic)), None)


def inner_name(path: str, file: str, codec: str) -> str:
    """The name of the text inside: a zip's member, or the file's name without the suffix of the compression."""
    if codec == "zip":
        with _zip(path, file) as archive:
            return _member(path, archive).filename
    stem, suffix = os.path.splitext(path)
    return stem if suffix.lower() in SUFFIXES else path


def names_in(path: str, file: str) -> list[str]:
    """The names of the files in a zip."""
    with _zip(path, file) as archive:
        return [item.filename for item in members(archive)]


def head_of(path: str, file: str, codec: str | None, size: int) -> bytes:
    """The first bytes of the text."""
    with opened(path, file, codec) as stream:
        return _full(stream, size)


def blocks(path: str, file: str, codec: str | None) -> Generator[bytes, None, None]:
    """The text in blocks."""
    with opened(path, file, codec) as stream:
        while block := _full(stream, BLOCK_BYTES):
            yield block


def _full(stream: Readable, size: int) -> bytes:
    """So many bytes, or all that are left: a stream may give less at a time than it is asked for."""
    parts, missing = [], size
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


@contextmanager
def opened(path: str, file: str, codec: str | None) -> Iterator[Readable]:
    """The text as a stream; what goes wrong while it is unpacked is told of the file."""
    import zlib

    damaged: tuple[type[Exception], ...] = (OSError, EOFError, ValueError, zlib.error)
    if codec is None:
        with open(file, "rb") as plain:
            yield plain
        return
    if codec == "zip":
        from zipfile import BadZipFile

        damaged = (*damaged, BadZipFile, NotImplementedError, RuntimeError)
    try:
        if codec == "zip":
            with _zip(path, file) as archive, _open_member(path, archive) as member:
                yield member
        else:
            import pyarrow as pa

            with pa.OSFile(file) as raw, pa.CompressedInputStream(raw, codec) as stream:
                yield stream
    except damaged as error:
        raise DataError(f"{path} cannot be unpacked ({codec}): {first_line(error)} It may be truncated.") from None


@contextmanager
def _zip(path: str, file: str) -> Iterator["ZipFile"]:
    from zipfile import BadZipFile, ZipFile

    try:
        archive = ZipFile(file)
    except BadZipFile:
        raise DataError(f"{path} is no whole zip file; it may be truncated.") from None
    with archive:
        yield archive


def members(archive: "ZipFile") -> list["ZipInfo"]:
    """The data files of a zip, without folders and what operating systems leave there."""
    left = ("/", ".DS_Store")
    names = [item for item in archive.infolist() if not item.filename.startswith("__MACOSX/")]
    return [item for item in names if not item.filename.endswith(left)]


def _member(path: str, archive: "ZipFile") -> "ZipInfo":
    found = members(archive)
    if len(found) != 1:
        said = f"{len(found)} files ({listing([item.filename for item in found])})" if found else "no file"
        raise DataError(f"{path} holds {said}; a zip with one is read. Unpack it and name the file, or its folder.")
    return found[0]


def _open_member(path: str, archive: "ZipFile") -> IO[bytes]:
    member = _member(path, archive)
    if member.flag_bits & 1:
        raise DataError(f"{path} is protected by a password; unpack it first.")
    return archive.open(member)
