"""Records as Parquet, beyond one machine: partitioned by account, quarter and collector, asked in SQL by DuckDB here and Athena there.

The lake is a copy to ask questions of; what proves anything is the ledger. Each row has the record's id, its entry in the log and
the SHA-256 of its canonical JSON, so that whatever a query finds can be proven there. Layout (Hive):

    records/account=<id>/period=<2026Q4>/collector=<name>/part-0.parquet
    athena.sql      makes the table ``records`` in Athena, with the same columns
    queries/*.sql   questions that both engines answer
"""

from __future__ import annotations

import glob
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from averment.core.canonical import canonical_json, sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.extras import require
from averment.core.showing import harmless
from averment.core.source import SourceRef
from averment.evidence.ledger.reader import Entry
from averment.evidence.record import Record

_BUFFERED_ROWS = 20_000
"""Rows that are held before the fullest partition is written out."""

_BUFFERED_CHARACTERS = 64 * 1024 * 1024
"""Characters of payloads and queries that are held before the partition with the most of them is written out."""

COLUMNS: dict[str, str] = {
    "id": "string",
    "entry": "bigint",
    "sha256": "string",
    "kind": "string",
    "collector_version": "string",
    "source": "string",
    "query": "string",
    "effective_at": "timestamp",
    "collected_at": "timestamp",
    "gathering": "string",
    "reason": "string",
    "region": "string",
    "period_start": "timestamp",
    "period_end": "timestamp",
    "population_unit": "string",
    "population_total": "bigint",
    "population_examined": "bigint",
    "truncated": "boolean",
    "redactions": "string",
    "controls": "string",
    "payload": "string",
}
"""The columns and their types in Athena. ``query``, ``redactions``, ``controls`` and ``payload`` are canonical JSON."""

PARTITIONS = ("account", "period", "collector")

QUERIES: dict[str, str] = {
    "could-not": """-- What could not be collected, or in part only, and why.
SELECT period, account, collector, gathering, reason, count(*) AS records
FROM records WHERE gathering <> 'collected'
GROUP BY period, account, collector, gathering, reason
ORDER BY period, account, collector, gathering, reason
""",
    "populations": """-- Which populations were counted, which weren't, and which listings were cut short. The sums are over all records: what was
-- counted every day is in them every day.
SELECT period, account, collector, population_unit, sum(population_total) AS total, sum(population_examined) AS examined,
  sum(CASE WHEN truncated THEN 1 ELSE 0 END) AS cut_short, count(*) - count(population_total) AS not_counted, count(*) AS records
FROM records WHERE population_unit IS NOT NULL
GROUP BY period, account, collector, population_unit
ORDER BY period, account, collector, population_unit
""",
    "days": """-- On how many days something was collected, and the last time: a quiet collector shows.
SELECT period, account, collector, count(DISTINCT date_trunc('day', collected_at)) AS days, max(collected_at) AS latest, count(*) AS records
FROM records GROUP BY period, account, collector
ORDER BY period, account, collector
""",
}
"""Questions in SQL that DuckDB and Athena both read."""


@dataclass(frozen=True)
class WrittenLake:
    """A lake on disk."""

    path: Path
    records: int
    partitions: int


def write_lake(entries: Iterable[Entry], output: Path) -> WrittenLake:
    """Write the records of ``entries`` into the new folder ``output``, which appears whole; memory is bounded by the buffered rows and their text.

    Raises:
        BadInputError: ``output`` exists and isn't empty.
        MissingExtraError: pyarrow isn't installed.
        IncompleteError: the file system refused.
    """
    require("pyarrow", extra="lake", needed_for="a lake of records")
    where = SourceRef(file=str(output))
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise BadInputError("exists and is not an empty folder", where=where, fix="name a folder that doesn't exist yet")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as temporary:
            folder = Path(temporary) / "lake"
            folder.mkdir()
            writer = _Partitions(folder / "records")
            for entry in entries:
                writer.add(entry)
            writer.close()
            (folder / "athena.sql").write_text(athena_table(), encoding="utf-8")
            (folder / "queries").mkdir()
            for name, text in QUERIES.items():
                (folder / "queries" / f"{name}.sql").write_text(text, encoding="utf-8")
            if output.exists():
                output.rmdir()
            folder.rename(output)
    except OSError as error:
        raise IncompleteError(
            f"the lake could not be written: {error.strerror}", where=where, fix="free space or fix permissions"
        ) from error
    return WrittenLake(output, writer.records, writer.partitions)


def ask_lake(folder: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The names of the columns and the rows that ``sql`` gives over the view ``records`` of the lake in ``folder``, by DuckDB.

    Raises:
        BadInputError: there is no lake, or DuckDB refuses the SQL.
        MissingExtraError: DuckDB isn't installed.
    """
    duckdb = require("duckdb", extra="lake", needed_for="asking a lake of records")
    if not any((folder / "records").rglob("*.parquet")):
        raise BadInputError("is no lake: there are no records in it", where=SourceRef(file=str(folder)), fix="averment ledger lake DIR")
    pattern = str(Path(glob.escape(str(folder / "records"))) / "**" / "*.parquet").replace("'", "''")
    with duckdb.connect(":memory:") as database:
        try:
            database.execute("SET TimeZone = 'UTC'")
            read = f"read_parquet('{pattern}', hive_partitioning = true, hive_types_autocast = false)"
            database.execute(f"CREATE VIEW records AS SELECT * FROM {read}")  # noqa: S608 - a path, quoted above
            answer = database.execute(sql)
            if answer is None:  # blanks or a remark alone
                raise BadInputError("the query asks nothing", fix="the table is called records; see queries/*.sql")
            return [item[0] for item in answer.description], answer.fetchall()
        except duckdb.Error as error:
            raise BadInputError(f"the query can't be answered: {error}", fix="the table is called records; see queries/*.sql") from error


def athena_table() -> str:
    """The statements that make the table in Athena over the same files."""
    columns = ",\n  ".join(f"`{name}` {kind}" for name, kind in COLUMNS.items())
    partitions = ", ".join(f"`{name}` string" for name in PARTITIONS)
    return (
        "-- Copy the folder records/ to S3, put its place below, and run both statements, one after the other.\n"
        f"CREATE EXTERNAL TABLE records (\n  {columns}\n)\nPARTITIONED BY ({partitions})\n"
        "STORED AS PARQUET LOCATION 's3://BUCKET/PREFIX/records/';\n\nMSCK REPAIR TABLE records;\n"
    )


def _row(entry: Entry) -> dict[str, Any]:
    record, value = entry.record, entry.record.to_json()
    population = record.population
    return {
        "id": record.id,
        "entry": entry.index,
        "sha256": sha256_hex(canonical_json(value)),
        "kind": str(record.kind),
        "collector_version": record.collector_version,
        "source": record.source,
        "query": canonical_json(value["query"]).decode(),
        "effective_at": record.effective_at,
        "collected_at": record.collected_at,
        "gathering": str(record.gathering),
        "reason": record.reason,
        "region": record.region,
        "period_start": record.period_start,
        "period_end": record.period_end,
        "population_unit": population.unit if population else None,
        "population_total": population.total if population else None,
        "population_examined": population.examined if population else None,
        "truncated": population.truncated if population else None,
        "redactions": canonical_json(value["redactions"]).decode(),
        "controls": canonical_json(value["controls"]).decode(),
        "payload": canonical_json(value["payload"]).decode(),
    }


def _place(record: Record) -> str:
    """The folder of a record's partition; ``none`` stands for no account. A quarter is that of the moment when the fact held."""
    values = (record.account or "none", _quarter(record.effective_at), record.collector)
    return "/".join(f"{name}={quote(value, safe='')}" for name, value in zip(PARTITIONS, values, strict=True))


def _quarter(moment: datetime) -> str:
    return f"{moment.year}Q{(moment.month + 2) // 3}"


class _Partitions:
    """Writes rows to the files of their partitions, a row group at a time."""

    def __init__(self, folder: Path) -> None:
        import pyarrow

        kinds = {
            "string": pyarrow.string(),
            "bigint": pyarrow.int64(),
            "boolean": pyarrow.bool_(),
            "timestamp": pyarrow.timestamp("ms"),  # UTC by agreement: Athena's timestamp has no zone
        }
        self._folder = folder
        self._schema = pyarrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._characters: Counter[str] = Counter()
        self._parts: dict[str, int] = {}
        self._held = self.records = 0

    @property
    def partitions(self) -> int:
        """How many there are so far."""
        return len(self._parts)

    def add(self, entry: Entry) -> None:
        """Take one record."""
        told = _row(entry)
        row = {key: item.replace(tzinfo=None) if isinstance(item, datetime) else item for key, item in told.items()}
        place = _place(entry.record)
        self._rows.setdefault(place, []).append(row)
        self._characters[place] += len(told["payload"]) + len(told["query"])
        self._held, self.records = self._held + 1, self.records + 1
        if self._held >= _BUFFERED_ROWS:
            self._write(max(self._rows, key=lambda place: len(self._rows[place])))
        if self._characters.total() >= _BUFFERED_CHARACTERS:
            self._write(self._characters.most_common(1)[0][0])

    def close(self) -> None:
        """Write what is left."""
        for place in sorted(self._rows):
            self._write(place)

    def _write(self, place: str) -> None:
        import pyarrow
        import pyarrow.parquet

        rows, part = self._rows.pop(place, []), self._parts.get(place, 0)
        self._parts[place], self._held = part + 1, self._held - len(rows)
        del self._characters[place]
        (self._folder / place).mkdir(parents=True, exist_ok=True)
        table = pyarrow.Table.from_pylist(rows, schema=self._schema)
        pyarrow.parquet.write_table(table, self._folder / place / f"part-{part}.parquet", compression="zstd")


def rows_as_text(names: list[str], rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    """Rows as tab-separated lines, the names first; a missing value is empty, and no value can act on a terminal."""
    yield "\t".join(map(_cell, names))
    for row in rows:
        yield "\t".join("" if value is None else _cell(str(value)) for value in row)


def _cell(text: str) -> str:
    return harmless(text.replace("\t", " ").replace("\n", " "))
