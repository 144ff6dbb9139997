"""The look-up of records by id: whatever was poured from table to table, it answers as one, and it writes no more for a large log."""

from __future__ import annotations

import random
import sqlite3
import uuid
from pathlib import Path

import pytest

from averment.core.errors import IncompleteError
from averment.evidence.ledger import index
from averment.evidence.ledger.index import RecordIndex


def some(number: int, seed: int = 1) -> list[str]:
    """Record ids, the same each time."""
    dice = random.Random(seed)
    return [str(uuid.UUID(bytes=dice.randbytes(16))) for _ in range(number)]


def rows(path: Path) -> dict[str, int]:
    """How many records each table of the index holds."""
    database = sqlite3.connect(path)
    try:
        return {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in index._TABLES}
    finally:
        database.close()


def test_every_record_is_found_wherever_it_was_poured(tmp_path, monkeypatch):
    """Appends of odd sizes through all four tables: at each size, in each table, every record so far is found and no other."""
    monkeypatch.setattr(index, "_SMALLEST", 8)
    path, ids, known = tmp_path / "index", some(6000), 0
    strangers = some(10, seed=2)
    filled = set()
    records = RecordIndex(path)
    for step in [1, 7, 8, 9, 1, 70, 500, 3, 1200, 2000, 1, 2200]:
        records.extend([(ids[at], at) for at in range(known, known + step)], known + step, b"root")
        known += step
        assert records.find([*ids[:known], *strangers, "no id"]) == {ids[at]: at for at in range(known)}
        assert records.seen() == (known, b"root")
        filled |= {table for table, number in rows(path).items() if number}
        assert sum(rows(path).values()) == known
    records.close()
    assert filled == set(index._TABLES)
    again = RecordIndex(path)
    assert again.find([ids[0], ids[known - 1], strangers[0]]) == {ids[0]: 0, ids[known - 1]: known - 1}
    again.close()


def test_of_a_record_that_stands_twice_the_first_place_is_kept(monkeypatch):
    """Whether both stand in one table, in two, or were poured together."""
    monkeypatch.setattr(index, "_SMALLEST", 4)
    [twice, other] = some(2)
    records = RecordIndex(None)
    records.extend([(twice, 0), (twice, 1)], 2, b"")
    assert records.find([twice]) == {twice: 0}
    records.extend([(other, 2), (twice, 3)], 4, b"")
    assert records.find([twice]) == {twice: 0}
    records.extend([(twice, 4)], 5, b"")
    assert records.find([twice.upper(), other]) == {twice.upper(): 0, other: 2}
    records.extend([], 900, b"")
    assert records.find([twice]) == {twice: 0}
    records.close()


def test_an_index_of_one_table_is_taken_over(tmp_path):
    """A file as it was before there were several tables keeps what it knows, and the log that it has seen."""
    path, [old, new] = tmp_path / "index", some(2)
    database = sqlite3.connect(path)
    database.executescript("""
        CREATE TABLE entry (id BLOB PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE seen (only INTEGER PRIMARY KEY CHECK (only = 0), size INTEGER NOT NULL, root BLOB NOT NULL);
    """)
    database.execute("INSERT INTO entry VALUES (?, 7)", (uuid.UUID(old).bytes,))
    database.execute("INSERT INTO seen VALUES (0, 8, ?)", (b"root",))
    database.commit()
    database.close()
    records = RecordIndex(path)
    assert records.seen() == (8, b"root")
    records.extend([(new, 8)], 9, b"next")
    assert records.find([old, new]) == {old: 7, new: 8}
    records.close()


def test_what_fails_half_way_leaves_the_index_as_it_was(tmp_path):
    """Ids that are none end the batch: nothing of it stays, and the next question and the next batch are answered."""
    [first, second] = some(2)
    records = RecordIndex(tmp_path / "index")
    records.extend([(first, 0)], 1, b"one")
    with pytest.raises(ValueError):
        records.extend([(second, 1), ("no id", 2)], 3, b"three")
    assert (records.find([first, second]), records.seen()) == ({first: 0}, (1, b"one"))
    records.extend([(second, 1)], 2, b"two")
    assert records.find([first, second]) == {first: 0, second: 1}
    records.close()
    with pytest.raises(IncompleteError, match="can't be used"):
        records.find([first])


@pytest.mark.parametrize("made", ["file/cache/index", "folder"])
def test_an_index_that_cannot_be_made_is_none_to_delete(tmp_path, made):
    """As in a Lambda function, whose own folder is read-only: who wrote to a ledger on S3 from there was told to delete what never was."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(IncompleteError, match="can't be used") as caught:
        RecordIndex(tmp_path / made)
    assert "can be written to" in (caught.value.fix or "")


def test_another_process_sees_a_record_in_one_table_or_the_other(tmp_path, monkeypatch):
    """While one connection pours, another one that asks finds every record, before, during and after."""
    monkeypatch.setattr(index, "_SMALLEST", 4)
    path, ids = tmp_path / "index", some(64)
    writer, reader = RecordIndex(path), RecordIndex(path)
    for at, record in enumerate(ids):
        writer.extend([(record, at)], at + 1, b"")
        assert reader.find(ids) == {ids[number]: number for number in range(at + 1)}
    writer.close()
    reader.close()


@pytest.mark.parametrize("root", ["text", 7])
def test_what_was_seen_and_is_none_is_said(tmp_path, root):
    """The index of a ledger in a folder lies there, where others may write: a size and a root of another type were a flaw of the program."""
    path = tmp_path / "index"
    RecordIndex(path).close()
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO seen VALUES (0, 1, ?)", (root,))
    database.close()
    with pytest.raises(IncompleteError, match="no size and no root") as caught:
        RecordIndex(path).seen()
    assert "delete it" in (caught.value.fix or "")
