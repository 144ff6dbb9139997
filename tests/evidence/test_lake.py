"""Records as Parquet: every record once, where its account, quarter and collector say, and the same SQL for DuckDB and Athena.

DuckDB runs the queries here. The embedded Athena and Glue take the statements and the table, and answer from a can, so that Athena's own
engine runs nothing: the statements are compared with the files' columns, and the SQL keeps to functions that both engines document.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import unquote

import boto3
import pyarrow.parquet
import pytest
from moto.athena.models import QueryResults, athena_backends

from averment.cli.main import run
from averment.core.canonical import canonical_json, sha256_hex
from averment.core.errors import BadInputError
from averment.evidence.ledger.reader import Entry
from averment.evidence.record import Gathering, Kind, Population, Record
from averment.evidence.sinks.lake import COLUMNS, PARTITIONS, QUERIES, ask_lake, athena_table, rows_as_text, write_lake


def entries(count: int = 60) -> list[Entry]:
    """Made-up records of two accounts (and none), two quarters and two collectors; some partial, some cut short."""
    made = []
    for number in range(count):
        moment = datetime(2026, 9 if number % 2 else 10, 1 + number % 20, 12, tzinfo=UTC)
        partial = number % 7 == 0
        record = Record(
            kind=Kind.CHECK,
            collector=("check", "config/history")[number % 3 == 0],
            collector_version="1",
            source="made up for a test",
            query={"number": number, "text": "'; DROP TABLE records"},
            effective_at=moment,
            collected_at=moment,
            payload={"number": number},
            account=(None, "111111111111", "000000000222")[number % 3],
            gathering=Gathering.PARTIAL if partial else Gathering.COLLECTED,
            reason="the last page failed" if partial else None,
            population=Population("objects", 10, 4, truncated=True) if partial else None,
        )
        made.append(Entry(number, record, b""))
    return made


@pytest.fixture
def lake(tmp_path, monkeypatch):
    """A lake of those records, written with small buffers."""
    monkeypatch.setattr("averment.evidence.sinks.lake._BUFFERED_ROWS", 16)
    return write_lake(iter(entries()), tmp_path / "lake").path


def test_every_record_is_there_once_in_its_partition(lake):
    """By id, entry and digest; accounts keep their leading zeroes; the folders are the partitions."""
    _, rows = ask_lake(lake, "SELECT id, entry, sha256, account, period, collector FROM records ORDER BY entry")
    expected = [
        (
            item.record.id,
            item.index,
            sha256_hex(canonical_json(item.record.to_json())),
            item.record.account or "none",
            "2026Q4" if item.record.effective_at.month == 10 else "2026Q3",
            item.record.collector,
        )
        for item in entries()
    ]
    assert rows == expected
    assert (lake / "records/account=000000000222/period=2026Q4/collector=check").is_dir()
    assert len(list(lake.rglob("*.parquet"))) > len({row[3:] for row in rows})  # buffers were written out more than once


def test_long_payloads_are_not_gathered_in_memory(tmp_path, monkeypatch):
    """However few the rows are: from so many characters on the partition with the most is written, and no row is lost."""
    monkeypatch.setattr("averment.evidence.sinks.lake._BUFFERED_CHARACTERS", 400)
    written = write_lake(iter(entries()), tmp_path / "lake")
    parts = list(written.path.rglob("*.parquet"))
    assert len(parts) > written.partitions
    assert sum(pyarrow.parquet.read_metadata(part).num_rows for part in parts) == written.records == 60


def test_the_enclosed_queries_say_what_the_records_say(lake):
    """Each query against the same counted in Python."""
    partial = [item.record for item in entries() if item.record.gathering is Gathering.PARTIAL]
    names, rows = ask_lake(lake, (lake / "queries/could-not.sql").read_text())
    assert names[-1] == "records"
    assert sum(row[-1] for row in rows) == len(partial)
    assert Counter({row[2]: 0 for row in rows}).keys() == {record.collector for record in partial}
    names, rows = ask_lake(lake, QUERIES["populations"])
    assert names[4:] == ["total", "examined", "cut_short", "not_counted", "records"]
    assert [sum(row[at] for row in rows) for at in range(4, 9)] == [10 * len(partial), 4 * len(partial), len(partial), 0, len(partial)]
    _, rows = ask_lake(lake, QUERIES["days"])
    assert sum(row[-1] for row in rows) == 60
    assert max(row[4] for row in rows) == max(item.record.collected_at for item in entries()).replace(tzinfo=None)


def test_what_was_not_counted_is_not_left_out_of_a_sum_unseen(tmp_path):
    """Of three days one has no total: the sum of the other two read as that of all."""
    [first, *_] = entries(1)
    days = [
        replace(first.record, query={"day": day}, population=Population("objects", total, 4)) for day, total in enumerate((10, None, 10))
    ]
    write_lake((Entry(index, item, b"") for index, item in enumerate(days)), tmp_path / "lake")
    names, [row] = ask_lake(tmp_path / "lake", QUERIES["populations"])
    assert dict(zip(names[3:], row[3:], strict=True)) == {
        "population_unit": "objects",
        "total": 20,
        "examined": 12,
        "cut_short": 0,
        "not_counted": 1,
        "records": 3,
    }


@pytest.mark.parametrize("sql", ["", " ;", "/* SELECT */"])
def test_a_query_that_asks_nothing_is_bad_input(lake, sql, capsys):
    """As of a variable that isn't set: it was a flaw of the program."""
    assert run(["ledger", "query", str(lake), sql]) == 2
    assert "the query asks nothing" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["lake [old]", "lake[12]", "lake '1'"])
def test_the_lake_that_is_named_is_asked(tmp_path, name):
    """Brackets in a folder's name are no pattern: it isn't said to hold nothing, and no other lake answers in its place."""
    write_lake(entries(7), tmp_path / name)
    write_lake(entries(2), tmp_path / "lake1")
    assert ask_lake(tmp_path / name, "SELECT count(*) FROM records")[1] == [(7,)]


def test_athenas_table_has_the_files_columns(lake):
    """Name by name in the order of the Parquet files, of the types that Athena reads them as."""
    schema = pyarrow.parquet.read_schema(next(lake.rglob("*.parquet")))
    text = (lake / "athena.sql").read_text()
    assert text == athena_table()
    declared = re.findall(r"`(\w+)` (\w+)", text.partition("PARTITIONED")[0])
    assert [name for name, _ in declared] == schema.names == list(COLUMNS)
    kinds = {"string": "string", "int64": "bigint", "bool": "boolean", "timestamp[ms]": "timestamp"}
    assert [kind for _, kind in declared] == [kinds[str(field.type)] for field in schema]
    assert re.search(r"PARTITIONED BY \(`account` string, `period` string, `collector` string\)", text)


@pytest.mark.usefixtures("sandbox")
def test_the_steps_of_the_documentation_on_the_embedded_athena(lake, tmp_path):
    """Files to S3, the table, its partitions, the queries: as Athena's and Glue's APIs take them, each statement by itself.

    What the can holds for a query is what DuckDB says of the files that came back from S3; that Athena would say the same isn't shown.
    """
    s3, glue, athena = (boto3.client(name, region_name="eu-west-1") for name in ("s3", "glue", "athena"))
    for bucket in ("lake", "answers"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for path in (lake / "records").rglob("*.parquet"):
        s3.upload_file(str(path), "lake", f"audit/{path.relative_to(lake).as_posix()}")
    place = "s3://lake/audit/records/"

    create, repair = (text.strip() for text in athena_table().replace("s3://BUCKET/PREFIX/records/", place).split(";") if text.strip())
    assert run_in_athena(athena, "CREATE DATABASE evidence") == []
    assert [run_in_athena(athena, statement) for statement in (create, repair)] == [[], []]
    assert athena.get_database(CatalogName="AwsDataCatalog", DatabaseName="evidence")["Database"]["Name"] == "evidence"

    columns = [{"Name": name, "Type": kind} for name, kind in COLUMNS.items()]
    keys = [{"Name": name, "Type": "string"} for name in PARTITIONS]
    glue.create_database(DatabaseInput={"Name": "evidence"})
    storage = {"Columns": columns, "Location": place}
    glue.create_table(DatabaseName="evidence", TableInput={"Name": "records", "StorageDescriptor": storage, "PartitionKeys": keys})
    listed = s3.list_objects_v2(Bucket="lake", Prefix="audit/records/")["Contents"]
    folders = {item["Key"].removeprefix("audit/records/").rpartition("/")[0] for item in listed}
    values = [[unquote(part.partition("=")[2]) for part in folder.split("/")] for folder in sorted(folders)]
    made = [{"Values": value, "StorageDescriptor": {**storage, "Location": place}} for value in values]
    assert glue.batch_create_partition(DatabaseName="evidence", TableName="records", PartitionInputList=made).get("Errors", []) == []
    found = glue.get_partitions(DatabaseName="evidence", TableName="records", Expression="account = '000000000222'")["Partitions"]
    assert {tuple(item["Values"]) for item in found} == {tuple(value) for value in values if value[0] == "000000000222"} != set()

    for item in listed:
        target = tmp_path / "back" / item["Key"].removeprefix("audit/")
        target.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file("lake", item["Key"], str(target))
    for text in QUERIES.values():
        names, rows = ask_lake(tmp_path / "back", text)
        said = [names, *([str(value) for value in row] for row in rows)]
        assert run_in_athena(athena, text, answer=said) == said


def run_in_athena(athena, statement, answer=None):
    """The rows that Athena answers ``statement`` with; the embedded one's can is filled with ``answer`` before."""
    backend = athena_backends["123456789012"]["eu-west-1"]
    rows = [{"Data": [{"VarCharValue": value} for value in row]} for row in answer or ()]
    if answer:
        backend.query_results_queue.append(QueryResults(rows=rows, column_info=[]))
    assert len(statement.encode()) <= 262_144  # Athena's limit of a query
    started = athena.start_query_execution(
        QueryString=statement, QueryExecutionContext={"Database": "evidence"}, ResultConfiguration={"OutputLocation": "s3://answers/"}
    )
    state = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])["QueryExecution"]["Status"]["State"]
    assert state == "SUCCEEDED"
    found = athena.get_query_results(QueryExecutionId=started["QueryExecutionId"])["ResultSet"]["Rows"]
    return [[cell.get("VarCharValue", "") for cell in row["Data"]] for row in found]


def test_what_is_there_is_not_overwritten_and_bad_sql_is_said(lake, tmp_path):
    """A folder with anything in it is left alone; SQL that DuckDB refuses, or a folder that is no lake, is bad input."""
    with pytest.raises(BadInputError, match="not an empty folder"):
        write_lake([], lake)
    with pytest.raises(BadInputError, match="can't be answered"):
        ask_lake(lake, "SELECT nothing FROM nowhere")
    with pytest.raises(BadInputError, match="is no lake"):
        ask_lake(tmp_path, "SELECT 1")


def test_no_value_acts_on_a_terminal():
    """Records are others' text: an answer shows control characters, and keeps its lines and columns."""
    lines = list(rows_as_text(["who\x1b[2J", "why"], [("a\x1b[31m\tb", None), ("ünï", 3), ("c\r\nd", "")]))
    assert lines == ["who\\x1b[2J\twhy", "a\\x1b[31m b\t", "ünï\t3", "c\\x0d d\t"]


def test_from_the_ledger_to_an_answer_by_commands(tmp_path, monkeypatch, capsys):
    """Write and ask on the command line; an unwritable question is exit 2."""
    (tmp_path / "averment.yaml").write_text("version: 1\n")
    monkeypatch.chdir(tmp_path)
    assert run(["attest", "SM-UPL-03/terms", "--answer", "yes", "--by", "procurement/Ada Byron"]) == 0
    assert run(["ledger", "lake", "lake"]) == 0
    assert "1 record in 1 partition" in capsys.readouterr().out
    assert run(["ledger", "query", "lake", "SELECT kind, count(*) AS n FROM records GROUP BY kind"]) == 0
    assert capsys.readouterr().out == "kind\tn\nattestation\t1\n"
    assert run(["ledger", "query", "lake", "days"]) == 0
    assert run(["ledger", "query", "lake", "SELEC"]) == 2
    assert run(["ledger", "lake", "lake"]) == 2
