"""The formats of files that can be read: what stands for one file in a query, and what is wrong with a broken one."""

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
from data.source.source import quoted

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".parquet", ".xlsx")
DELIMITERS = ",;\t|"
CHUNK = 1 << 22


def suffix_of(path: Path) -> str | None:
    """The suffix of a file that can be read; ``None`` for other files, hidden ones and the locks of Excel."""
    if path.name.startswith((".", "~$")):
        return None
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), None)


def open_file(backend: Backend, path: Path) -> tuple[str, list[str]]:
    """What stands for a file in a FROM, and its columns. Raises ``SourceError`` that names what is wrong with it."""
    if path.stat().st_size == 0:
        raise broken(path, "the file is empty (0 bytes)", "export it again")
    suffix = suffix_of(path)
    if suffix == ".parquet":
        return _parquet(backend, path)
    if suffix == ".xlsx":
        return _excel(backend, path)
    return _text(path)


def broken(path: Path, what: str, mend: str) -> SourceError:
    """The error that names a file."""
    return SourceError(f"{path.name}: {what}", where=str(path.resolve()), remedy=mend)


def _parquet(backend: Backend, path: Path) -> tuple[str, list[str]]:
    relation = f"read_parquet({_literal(str(path))})"
    raw: duckdb.DuckDBPyConnection = backend.con
    try:
        return relation, [row[0] for row in raw.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]
    except duckdb.Error as error:
        raise broken(
            path,
            f"the file is not a whole Parquet file ({str(error).splitlines()[0]})",
            "export it again: it was cut short, or it is another kind of file with the wrong ending",
        ) from None


def _text(path: Path) -> tuple[str, list[str]]:
    """Every value is text. The dialect follows from the header alone, so that no odd line can change it."""
    _judge_encoding(path)
    with _lines(path) as lines:
        first = lines.readline()
        lines.seek(0)
        delimiter = "\t" if path.suffix == ".tsv" else max(DELIMITERS, key=first.count)
        header = next(csv.reader(lines, delimiter=delimiter), [])
    if not header or all(not name.strip() for name in header):
        raise broken(path, "the first line holds no column names", "export it again with a header line")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise broken(path, f"columns that appear twice: {', '.join(twice)}", "give every column a name of its own")
    types = ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in header)
    return (
        f"read_csv({_literal(str(path))}, auto_detect = false, header = true, delim = {_literal(delimiter)}, "
        f"quote = '\"', escape = '\"', strict_mode = true, columns = {{{types}}})"
    ), header


def _judge_encoding(path: Path) -> None:
    """Raises for a file that is not UTF-8 throughout: a query that met the byte later could not name the file."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    try:
        with _bytes(path) as content:
            while chunk := content.read(CHUNK):
                if b"\0" in chunk:
                    raise broken(
                        path,
                        "the file is not UTF-8 text (it holds zero bytes: UTF-16, or no text at all)",
                        "save it as UTF-8 CSV",
                    )
                line += decoder.decode(chunk).count("\n")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
        raise broken(
            path,
            f"the file is not UTF-8 text: line {line} holds the byte 0x{error.object[error.start]:02x}",
            f"save it as UTF-8; if it is Latin-1: iconv -f LATIN1 -t UTF-8 '{path.name}'",
        ) from None
    except (EOFError, gzip.BadGzipFile) as error:
        raise broken(path, f"the file is not a whole gzip file ({error})", "compress it again") from None


def _excel(backend: Backend, path: Path) -> tuple[str, list[str]]:
    """The first sheet, values as they stand in the cells; a column of mixed kinds becomes text."""
    try:
        frame = pd.read_excel(path, dtype=object)
    except (ValueError, zipfile.BadZipFile, KeyError, OSError) as error:
        raise broken(path, f"the file is not a whole Excel workbook ({error})", "save it again") from None
    frame.columns = [str(name) for name in frame.columns]
    for column in frame.columns:
        kinds = {type(value) for value in frame[column].dropna()}
        if len(kinds) > 1 or kinds <= {str}:
            frame[column] = frame[column].map(lambda value: None if pd.isna(value) else str(value)).astype("string")
        else:
            frame[column] = frame[column].infer_objects()
    relation = f"excel {path.name}"
    backend.create_table(relation, frame, temp=True)
    return quoted(relation), list(frame.columns)


def _bytes(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _lines(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
