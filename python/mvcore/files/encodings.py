"""Detects the kind of a file, and decodes its bytes into text.

A file is UTF-8 if all its bytes are valid UTF-8. It is UTF-16 if its first two bytes are a byte
order mark, or if no other encoding is possible. It is Windows-1252 if its other bytes are letters
and signs in plausible places of words. Bytes that fit none of these are an error that names the
option `encoding`.
"""

from __future__ import annotations

import codecs
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from mvcore.errors import InvalidInput
from mvcore.files.faults import fault

if TYPE_CHECKING:
    import pyarrow as pa

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
BLOCK_BYTES = 4 << 20
HEAD_BYTES = 64 << 10
LONGEST_LINE = 1 << 20
SAY_SO = "expected UTF-8 or UTF-16; encoding= (--encoding) names another, such as windows-1252"

MAGIC = {
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an Excel 97-2003 workbook",
    b"\x1f\x8b": "compressed by gzip; its name must end in .gz",
    b"BZh": "compressed by bzip2; its name must end in .bz2",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; its name must end in .zst",
    b"\x04\x22\x4d\x18": "compressed by lz4; its name must end in .lz4",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"SQLite format 3\0": "an SQLite database",
}
MARKUP = re.compile(r"\s*<(!doctype\s+html|html|head|body|table|meta|\?xml|[a-z!?])", re.IGNORECASE)

# The characters of Windows-1252 beyond ASCII. A plausible word contains an ASCII letter. Signs do
# not touch a word, except quotes, dashes and the like.
_LETTER = "\u0192\u0160\u0152\u017d\u0161\u0153\u017e\u0178\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff"
_ANYWHERE = (
    "\u2018\u2019\u201c\u201d\u2013\u2014\u2022\u2026\u2122\u00a0\u00a1\u00a9\u00aa\u00ab\u00ae\u00b0"
    "\u00b7\u00ba\u00bb\u00bf"
)
_WORD = f"A-Za-z{_LETTER}"
_SIGN = f"[^\\0-\\x7f{_LETTER}{_ANYWHERE}]"
UNLIKELY = re.compile(
    f"[{_LETTER}]{{3}}|(?<![{_WORD}])[{_LETTER}]{{2}}(?![{_WORD}])"
    f"|(?<=[{_WORD}]){_SIGN}|{_SIGN}(?=[{_WORD}])"
)


class Encoding(NamedTuple):
    """name: the encoding for Python's `open`. codec: the encoding of the bytes after the mark."""

    name: str
    codec: str
    mark_bytes: int = 0


MARKS = {
    codecs.BOM_UTF8: Encoding("utf-8-sig", "utf-8", 3),
    codecs.BOM_UTF16_LE: Encoding("utf-16", "utf-16-le", 2),
    codecs.BOM_UTF16_BE: Encoding("utf-16", "utf-16-be", 2),
}


def open_bytes(path: Path) -> IO[bytes] | pa.NativeFile:
    """Open the file, and decompress it if its ending names a compression."""
    compression = COMPRESSIONS.get(path.suffix.lower())
    if compression is None:
        return path.open("rb")
    import pyarrow as pa

    return pa.input_stream(str(path), compression=compression)


def blocks_of(path: Path) -> Iterator[bytes]:
    """All bytes of the file, in blocks."""
    with open_bytes(path) as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def refuse_other_kinds(path: Path, head: bytes) -> None:
    """Raises InvalidInput that names the kind of a file that is not text."""
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        raise fault(str(path), f"this is {_zip_kind(path)}; expected text such as CSV")
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            raise fault(str(path), f"this is {kind}; expected text such as CSV")


def _zip_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return "a damaged zip archive"
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook"
    return "an OpenDocument file" if "content.xml" in names else "a zip archive"


def refuse_markup(path: Path, text: str) -> None:
    """Raises InvalidInput for HTML, XML and JSON. Many sites serve an (error) page as a CSV
    file."""
    found = MARKUP.match(text)
    if found:
        kind = "XML" if found[1] == "?xml" else "HTML"
        raise fault(str(path), f"this is {kind}; expected text such as CSV", line=1)
    if text.lstrip()[:1] == "{" or text.lstrip()[:2] == "[{":
        raise fault(str(path), "this is JSON; expected text such as CSV", line=1)


def encoding_of(path: Path, given: str | None) -> Encoding:
    """Find the encoding of the file. Reads the whole file if the caller does not name one."""
    with open_bytes(path) as file:
        head = bytes(file.read(HEAD_BYTES))
    if not head.strip():
        raise fault(str(path), "the file is empty; expected a header row and rows below it")
    refuse_other_kinds(path, head)
    marked = _marked(path, head)
    if given is None:
        return marked or _unmarked_utf16(head) or _of_bytes(path)
    name = codecs.lookup(given).name
    if marked is not None:
        if name.replace("-sig", "") not in (marked.codec, marked.name):
            raise fault(
                str(path),
                f"encoding={given!r} was passed, but the file begins with the byte order mark of "
                f"{marked.codec}",
            )
        return marked
    if name == "utf-16":
        found = _unmarked_utf16(head)
        if found is None:
            raise fault(
                str(path), "there is no byte order mark; expected encoding utf-16-le or utf-16-be"
            )
        return found
    name = {"utf-8-sig": "utf-8", "cp1252": "windows-1252"}.get(name, name)
    return Encoding(name, name)


def _marked(path: Path, head: bytes) -> Encoding | None:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise fault(str(path), "the file is UTF-32; expected UTF-8, UTF-16 or Windows-1252")
    return next((found for mark, found in MARKS.items() if head.startswith(mark)), None)


def _unmarked_utf16(head: bytes) -> Encoding | None:
    """UTF-16 without a mark, if the first line would be all ASCII: every other byte is 0."""
    for name, breaks, zeros in (
        ("utf-16-le", (b"\n\0", b"\r\0"), 1),
        ("utf-16-be", (b"\0\n", b"\0\r"), 0),
    ):
        size = next(
            (k for k in range(0, len(head) - 1, 2) if head[k : k + 2] in breaks),
            len(head) & ~1,
        )
        line = head[:size]
        if (
            size
            and not any(line[zeros::2])
            and all(0 < code < 128 for code in line[1 - zeros :: 2])
        ):
            return Encoding(name, name)
    return None


def _of_bytes(path: Path) -> Encoding:
    """UTF-8, or Windows-1252 if the bytes look like it.

    Damaged UTF-8 fails later, when it is decoded.
    """
    utf8 = Encoding("utf-8", "utf-8")
    decoder = codecs.getincrementaldecoder("utf-8")()
    ascii_so_far = True
    try:
        for block, last in _with_last(path):
            ascii_so_far &= decoder.decode(block, final=last).isascii()
        return utf8
    except UnicodeDecodeError as error:
        ascii_so_far &= error.object[: error.start].isascii()
    if not ascii_so_far:
        return utf8
    try:
        unlikely = any(UNLIKELY.search(block.decode("windows-1252")) for block in blocks_of(path))
    except UnicodeDecodeError:
        unlikely = True
    return utf8 if unlikely else Encoding("windows-1252", "windows-1252")


def texts_of(path: Path, encoding: Encoding) -> Iterator[str]:
    """Decode the file into blocks that end after a line break, except perhaps the last.

    A byte order mark at the start is skipped. Undecodable bytes, NUL characters and marks inside
    the text are errors with their line and character.
    """
    decoder = codecs.getincrementaldecoder(encoding.codec)()
    skip = encoding.mark_bytes
    rest = ""
    line = 1
    for block, last in _with_last(path):
        try:
            text = decoder.decode(block[skip:], final=last)
        except UnicodeDecodeError as error:
            before = rest + error.object[: error.start].decode(encoding.codec, "replace")
            raise _undecodable(path, encoding, error, line, before) from None
        skip = 0
        text = rest + text
        cut = len(text) if last else _after_last_break(text)
        if len(text) - cut > LONGEST_LINE:
            what = f"a line of more than {LONGEST_LINE} characters; expected lines of fields"
            raise fault(str(path), what, line=line + count_lines(text[:cut]))
        text, rest = text[:cut], text[cut:]
        for unwanted, what in UNWANTED.items():
            if unwanted in text:
                raise _unwanted(path, text, unwanted, what, line)
        if text:
            yield text
            line += count_lines(text)


UNWANTED = {
    "\0": "'\\x00' is not text; if the file is UTF-16, encoding= (--encoding) says so",
    "\ufeff": "a byte order mark ('\\ufeff') inside the text; was the file joined from two?",
}


def _with_last(path: Path) -> Iterator[tuple[bytes, bool]]:
    """The blocks of bytes, each with whether it is the last one."""
    held: bytes | None = None
    for block in blocks_of(path):
        if held is not None:
            yield held, False
        held = block
    yield held or b"", True


def count_lines(text: str) -> int:
    """Count line breaks as editors do: LF, CR LF and CR."""
    breaks = text.count("\n")
    return breaks + text.count("\r") - text.count("\r\n") if "\r" in text else breaks


def _after_last_break(text: str) -> int:
    """The offset after the last line break. A CR at the very end may be half of a CR LF."""
    return max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1


def _position(before: str) -> tuple[int, int]:
    """The number of lines before a position, and its column, counted from 1."""
    last = max(before.rfind("\n"), before.rfind("\r")) + 1
    return count_lines(before), len(before) - last + 1


def _undecodable(
    path: Path, encoding: Encoding, error: UnicodeDecodeError, line: int, before: str
) -> InvalidInput:
    lines, character = _position(before)
    value = bytes(error.object[error.start : max(error.end, error.start + 1)])
    what = f"{value!r} at character {character} is not {encoding.codec}; {SAY_SO}"
    return fault(str(path), what, line=line + lines, value=value)


def _unwanted(path: Path, text: str, unwanted: str, what: str, line: int) -> InvalidInput:
    lines, character = _position(text[: text.index(unwanted)])
    return fault(str(path), f"{what} (character {character})", line=line + lines, value=unwanted)
