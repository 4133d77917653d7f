"""A source that is a folder of files: each CSV, TSV, Parquet or Excel file is a table named by its file."""

import csv
import gzip
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import duckdb
import ibis.expr.types as ir

from data.errors import SourceError
from data.lake import connect
from data.source import QueryError, Shape, plain_name, plain_names, quoted

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".parquet", ".xlsx")
DELIMITERS = ",;\t|"
CHUNK = 1 << 22


class FolderSource:
    """A folder of files. Files are opened when they are needed: a broken file that no mapping reads costs nothing."""

    def __init__(self, folder: Path) -> None:
        self.place = str(folder)
        if not folder.is_dir():
            near = (
                sorted(path.name for path in folder.parent.iterdir() if path.is_dir())[:10]
                if folder.parent.is_dir()
                else []
            )
            raise SourceError(
                "the source folder is a file" if folder.exists() else "the source folder does not exist",
                where=str(folder.resolve()),
                mend="give the folder that holds the CRM's files"
                + (f"; beside it there are: {', '.join(near)}" if near else ""),
            )
        self.files: dict[str, Path] = {}
        twice = []
        for path in sorted(folder.iterdir()):
            suffix = _suffix(path)
            if suffix is None or not path.is_file():
                continue
            name = plain_name(path.name[: -len(suffix)])
            if name in self.files:
                twice.append(f"{self.files[name].name} and {path.name}")
            self.files.setdefault(name, path)
        if twice:
            raise SourceError(
                f"two files stand for one table: {'; '.join(twice)}", where=self.place, mend="keep one of the two"
            )
        if not self.files:
            raise SourceError(
                f"the source folder holds no {', '.join(SUFFIXES)} file",
                where=self.place,
                mend="export the CRM's tables into it, one file per table",
            )
        self.remote = False
        self.backend = connect()
        self._raw: duckdb.DuckDBPyConnection = self.backend.con
        self._raw.execute("SET TimeZone = 'UTC'")
        self._relations: dict[str, tuple[str, dict[str, str]]] = {}

    @property
    def tables(self) -> dict[str, str]:
        return {name: path.name for name, path in self.files.items()}

    def columns(self, table: str) -> dict[str, str]:
        return self._relation(table)[1]

    def offer(self, shape: Shape) -> None:
        chosen = ", ".join(
            f"{quoted(there)} AS {quoted(plain)}" if there is not None else f"CAST(NULL AS VARCHAR) AS {quoted(plain)}"
            for plain, there in shape.columns.items()
        )
        body = (
            f"SELECT {chosen} FROM {self._relation(shape.origin)[0]}"
            if shape.origin is not None
            else f"SELECT {chosen or 'NULL'} WHERE false"
        )
        self._raw.execute(f"CREATE OR REPLACE VIEW {quoted(shape.name)} AS {body}")

    def query(self, sql: str) -> ir.Table:
        text = sql.strip().removesuffix(";")
        with self.explaining(text):
            return self.backend.sql(text)

    def stage(self, rows: ir.Table, path: Path) -> ir.Table:
        with self.explaining():
            rows.to_parquet(path)
        return self.backend.read_parquet(path)

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for name, path in sorted(self.files.items()):
            with path.open("rb") as content:
                digest.update(name.encode() + hashlib.file_digest(content, "sha256").digest())
        return digest.hexdigest()

    def _relation(self, table: str) -> tuple[str, dict[str, str]]:
        """What stands for a table in a FROM, and its columns. Looks into the file, once."""
        if table not in self._relations:
            path = self.files[table]
            suffix = _suffix(path)
            if path.stat().st_size == 0:
                raise self._broken(path, "the file is empty (0 bytes)", "export it again")
            if suffix == ".parquet":
                self._relations[table] = self._parquet(path)
            elif suffix == ".xlsx":
                self._relations[table] = self._excel(table, path)
            else:
                self._relations[table] = self._csv(path)
        return self._relations[table]

    def _parquet(self, path: Path) -> tuple[str, dict[str, str]]:
        relation = f"read_parquet({_literal(str(path))})"
        try:
            described = self._raw.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        except duckdb.Error as error:
            raise self._broken(
                path,
                f"the file is not a whole Parquet file ({str(error).splitlines()[0]})",
                "export it again: it was cut short, or it is another kind of file with the wrong ending",
            ) from None
        return relation, plain_names(row[0] for row in described)

    def _csv(self, path: Path) -> tuple[str, dict[str, str]]:
        """The whole file is checked to be UTF-8: a query that hits the byte later could not say which file it was."""
        self._judge_encoding(path)
        with _text(path) as lines:
            header_line = lines.readline()
            lines.seek(0)
            delimiter = "\t" if path.suffix == ".tsv" else max(DELIMITERS, key=header_line.count)
            header = next(csv.reader(lines, delimiter=delimiter), [])
        if not header or all(not name.strip() for name in header):
            raise self._broken(path, "the first line holds no column names", "export it again with a header line")
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise self._broken(
                path, f"columns that appear twice: {', '.join(twice)}", "give every column a name of its own"
            )
        types = ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in header)
        relation = (
            f"read_csv({_literal(str(path))}, auto_detect = false, header = true, delim = {_literal(delimiter)}, "
            f"quote = '\"', escape = '\"', strict_mode = true, columns = {{{types}}})"
        )
        return relation, plain_names(header)

    def _judge_encoding(self, path: Path) -> None:
        import codecs

        decoder = codecs.getincrementaldecoder("utf-8")()
        line = 1
        try:
            with _open(path) as content:
                while chunk := content.read(CHUNK):
                    if b"\0" in chunk:
                        raise self._broken(
                            path,
                            "the file is not UTF-8 text (it holds zero bytes: UTF-16, or no text at all)",
                            "save it as UTF-8 CSV",
                        )
                    text = decoder.decode(chunk)
                    line += text.count("\n")
                decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            raise self._broken(
                path,
                f"the file is not UTF-8 text: line {line} holds the byte 0x{error.object[error.start]:02x}",
                f"save it as UTF-8; if it is Latin-1: iconv -f LATIN1 -t UTF-8 '{path.name}'",
            ) from None
        except (EOFError, gzip.BadGzipFile) as error:
            raise self._broken(path, f"the file is not a whole gzip file ({error})", "compress it again") from None

    def _excel(self, table: str, path: Path) -> tuple[str, dict[str, str]]:
        """The first sheet, values as they stand in the cells; a column of mixed kinds becomes text."""
        import zipfile

        import pandas as pd

        try:
            frame = pd.read_excel(path, dtype=object)
        except (ValueError, zipfile.BadZipFile, KeyError, OSError) as error:
            raise self._broken(path, f"the file is not a whole Excel workbook ({error})", "save it again") from None
        frame.columns = [str(name) for name in frame.columns]
        for column in frame.columns:
            kinds = {type(value) for value in frame[column].dropna()}
            if len(kinds) > 1 or kinds <= {str}:
                frame[column] = frame[column].map(lambda value: None if pd.isna(value) else str(value)).astype("string")
            else:
                frame[column] = frame[column].infer_objects()
        relation = f"excel_{table}"
        self.backend.create_table(relation, frame, temp=True)
        return quoted(relation), plain_names(frame.columns)

    def _broken(self, path: Path, what: str, mend: str) -> SourceError:
        return SourceError(f"{path.name}: {what}", where=str(path.resolve()), mend=mend)

    @contextmanager
    def explaining(self, sql: str = "") -> Iterator[None]:
        """DuckDB's complaints become ours: about a file, a ``SourceError``; about a query, a ``QueryError``."""
        try:
            yield
        except duckdb.InvalidInputException as error:
            message = str(error)
            file = re.search(r"file = (.+)", message)
            if "CSV Error" not in message or file is None:
                raise QueryError(_gist(message)) from None
            line = re.search(r"CSV Error on Line: (\d+)", message)
            raise self._broken(
                Path(file.group(1).strip()),
                f"line {line.group(1) if line else '?'} does not fit the header: {message.splitlines()[2]}",
                "export it again: it was cut short, or a value with a delimiter or quote in it is not quoted",
            ) from None
        except duckdb.IOException as error:
            raise SourceError(
                f"a file cannot be read: {_gist(str(error))}", where=self.place, mend="export it again"
            ) from None
        except duckdb.Error as error:
            raise QueryError(_gist(str(error)), _line(str(error), sql)) from None


def _suffix(path: Path) -> str | None:
    if path.name.startswith((".", "~$")):
        return None
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), None)


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _text(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _gist(message: str) -> str:
    """An engine's complaint without its picture of the query."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("LINE ", "^"))]
    return " ".join(kept[:2])


def _line(message: str, sql: str) -> int | None:
    """The line of the query that a complaint is about: as it says, or where the name that it quotes first stands."""
    said = re.search(r"^LINE (\d+):", message, re.MULTILINE)
    if said:
        return int(said.group(1))
    named = re.search(r'"([^"]+)"|name (\w+)', message)
    if named is None:
        return None
    name = next(group for group in named.groups() if group).lower()
    for number, line in enumerate(sql.splitlines(), 1):
        if re.search(rf"\b{re.escape(name)}\b", line.split("--")[0].lower()):
            return number
    return None
