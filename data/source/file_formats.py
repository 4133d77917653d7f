"""The file formats that can be read: the FROM item of one file, and what is wrong with a broken one."""

import codecs
import csv
import gzip
import zipfile
from pathlib import Path
from typing import IO, cast

import duckdb
import pandas as pd
from ibis.backends.duckdb import Backend

from data.errors import SourceError
from data.sql import quote_identifier, quote_literal, scan_parquet

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".parquet", ".xlsx")
DELIMITERS = ",;\t|"
CHUNK_BYTES = 1 << 22


def suffix_of(path: Path) -> str | None:
    """The suffix of a file that can be read; ``None`` for other files, hidden ones and lock files of Excel."""
    if path.name.startswith((".", "~$")):
        return None
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), None)


def open_file(backend: Backend, path: Path) -> tuple[str, list[str]]:
    """A DuckDB FROM item for a file, and its column names. Raises ``SourceError`` that says what is wrong with it."""
    if path.stat().st_size == 0:
        raise file_error(path, "the file is empty (0 bytes)", "export it again")
    suffix = suffix_of(path)
    if suffix == ".parquet":
        return _open_parquet(backend, path)
    if suffix == ".xlsx":
        return _open_excel(backend, path)
    return _open_text(path)


def file_error(path: Path, what: str, remedy: str) -> SourceError:
    """The error that names a file."""
    return SourceError(f"{path.name}: {what}", where=str(path.resolve()), remedy=remedy)


def _open_parquet(backend: Backend, path: Path) -> tuple[str, list[str]]:
    relation = scan_parquet(path)
    connection: duckdb.DuckDBPyConnection = backend.con
    try:
        return relation, [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]
    except duckdb.Error as error:
        raise file_error(
            path,
            f"the file is not a whole Parquet file ({str(error).splitlines()[0]})",
            "export it again: it was cut short, or it is another kind of file with the wrong suffix",
        ) from None


def _open_text(path: Path) -> tuple[str, list[str]]:
    """Every value is text. The dialect follows from the header alone, so that no odd line can change it."""
    _check_encoding(path)
    with _text_lines(path) as lines:
        first = lines.readline()
        lines.seek(0)
        delimiter = "\t" if path.suffix == ".tsv" else max(DELIMITERS, key=first.count)
        header = next(csv.reader(lines, delimiter=delimiter), [])
    if not header or all(not name.strip() for name in header):
        raise file_error(path, "the first line has no column names", "export it again with a header line")
    duplicates = sorted({name for name in header if header.count(name) > 1})
    if duplicates:
        raise file_error(path, f"columns that appear twice: {', '.join(duplicates)}", "give each column its own name")
    types = ", ".join(f"{quote_literal(name)}: 'VARCHAR'" for name in header)
    return (
        f"read_csv({quote_literal(path)}, auto_detect = false, header = true, delim = {quote_literal(delimiter)}, "
        f"quote = '\"', escape = '\"', strict_mode = true, columns = {{{types}}})"
    ), header


def _check_encoding(path: Path) -> None:
    """Raise for a file that is not UTF-8 throughout: a query that met the byte later could not name the file."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    try:
        with _binary(path) as content:
            while chunk := content.read(CHUNK_BYTES):
                if b"\0" in chunk:
                    raise file_error(
                        path,
                        "the file is not UTF-8 text (it contains zero bytes: UTF-16, or no text at all)",
                        "save it as UTF-8 CSV",
                    )
                line += decoder.decode(chunk).count("\n")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
        raise file_error(
            path,
            f"the file is not UTF-8 text: line {line} contains the byte 0x{error.object[error.start]:02x}",
            f"save it as UTF-8; if it is Latin-1: iconv -f LATIN1 -t UTF-8 '{path.name}'",
        ) from None
    except (EOFError, gzip.BadGzipFile) as error:
        raise file_error(path, f"the file is not a whole gzip file ({error})", "compress it again") from None


def _open_excel(backend: Backend, path: Path) -> tuple[str, list[str]]:
    """The first sheet, with the values of its cells; a column of mixed types becomes text."""
    try:
        frame = pd.read_excel(path, dtype=object)
    except (ValueError, zipfile.BadZipFile, KeyError, OSError) as error:
        raise file_error(path, f"the file is not a whole Excel workbook ({error})", "save it again") from None
    frame.columns = [str(name) for name in frame.columns]
    for column in frame.columns:
        types = {type(value) for value in frame[column].dropna()}
        if len(types) > 1 or types <= {str}:
            frame[column] = frame[column].map(lambda value: None if pd.isna(value) else str(value)).astype("string")
        else:
            frame[column] = frame[column].infer_objects()
    relation = f"excel {path.name}"
    backend.create_table(relation, frame, temp=True)
    return quote_identifier(relation), list(frame.columns)


def _binary(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _text_lines(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")
