"""Which format a file has: told by its first bytes where they are a mark, else by its suffix, else by its text."""

import os
from typing import Literal, TypeAlias

from lossctl.errors import DataError
from lossctl.sources import packed

Format: TypeAlias = Literal["parquet", "arrow", "npy", "npz", "csv", "jsonl", "json"]

SUFFIXES: dict[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".parq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".dat": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".npy": "npy",
    ".npz": "npz",
}
# In a folder files of these suffixes are often no data (notes, settings): they are taken where there are no others.
VAGUE = (".txt", ".dat", ".json")
MARKS: dict[bytes, Format] = {
    b"PAR1": "parquet",
    b"PARE": "parquet",
    b"ARROW1": "arrow",
    b"FEA1": "arrow",
    b"\xff\xff\xff\xff": "arrow",
    b"\x93NUMPY": "npy",
}
TEXTS = ("csv", "jsonl", "json")
HEAD_BYTES = 4096


def format_of(path: str, file: str) -> tuple[Format, str | None]:
    """The format of a file and how it is compressed; `path` is its name in messages, `file` what is opened."""
    with open(file, "rb") as stream:
        head = stream.read(HEAD_BYTES)
    suffix = os.path.splitext(path)[1].lower()
    if marked := _marked(head):
        return marked, None
    codec = packed.codec_of(path, head)
    if codec == "zip" and suffix not in packed.SUFFIXES:
        if suffix == ".npz" or _is_arrays(path, file):
            return "npz", None
        if suffix and SUFFIXES.get(suffix) not in TEXTS:  # many programs write zips: .xlsx, .docx
            raise _no_format(path, suffix)
    if codec is None:
        if suffix in packed.SUFFIXES:
            raise DataError(
                f"{path} is not packed as its name says ({suffix}): it does not begin as such files do. "
                f"Pack it, or rename it to {os.path.splitext(path)[0]}."
            )
        return _by_name(path, path, head), None
    text = packed.head_of(path, file, codec, HEAD_BYTES)
    name = packed.inner_name(path, file, codec)
    found = _marked(text) or _by_name(path, name, text)
    if found not in TEXTS:
        raise DataError(f"{path} is a compressed {found} file; unpack it (only text is read compressed).")
    return found, codec


def _marked(head: bytes) -> Format | None:
    return next((found for mark, found in MARKS.items() if head.startswith(mark)), None)


def _is_arrays(path: str, file: str) -> bool:
    names = packed.names_in(path, file)
    return bool(names) and all(name.endswith(".npy") for name in names)


def _by_name(path: str, name: str, head: bytes) -> Format:
    suffix = os.path.splitext(name)[1].lower()
    known = SUFFIXES.get(suffix)
    if known is not None and suffix not in VAGUE:
        return known
    binary = b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if known is None and (binary or suffix):
        raise _no_format(path, suffix)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{") or (start.startswith(b"[") and start[1:].lstrip().startswith(b"{")):
        return "json" if suffix == ".json" else "jsonl"
    return known or "csv"


def _no_format(path: str, suffix: str) -> DataError:
    said = f"{suffix} is no format" if suffix else "its first bytes are of no format"
    return DataError(
        f"{path}: {said} that lossctl reads (it reads {', '.join(SUFFIXES)}, and text packed as "
        f"{', '.join(packed.SUFFIXES)}). Convert the file, or give it its true suffix."
    )


def known_suffix(name: str) -> str:
    """The suffix that tells a file's format, below that of a compression; '' for none."""
    stem, suffix = os.path.splitext(name.lower())
    if suffix in packed.SUFFIXES:
        suffix = os.path.splitext(stem)[1]
        return suffix if SUFFIXES.get(suffix) in TEXTS else ""
    return suffix if suffix in SUFFIXES else ""
