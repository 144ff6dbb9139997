"""Whoever looks through an observer can be told later whether anything would look different."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from averment.core.errors import BadInputError
from averment.core.observer import Observer, Question, answer


def changed(observer: Observer) -> bool:
    return any(answer(question) != told for question, told in observer.seen.items())


LOOKS: dict[str, tuple[Callable[[Observer, Path], object], Callable[[Path], object], object]] = {
    "contents": (lambda o, p: o.read(p / "file", limit=100), lambda p: (p / "file").write_text("two"), b"one"),
    "a file": (lambda o, p: o.is_file(p / "file"), lambda p: (p / "file").unlink(), True),
    "no file": (lambda o, p: o.is_file(p / "absent"), lambda p: (p / "absent").write_text(""), False),
    "a folder": (lambda o, p: o.is_dir(p / "folder"), lambda p: (p / "folder").rename(p / "moved"), True),
    "no folder": (lambda o, p: o.is_dir(p / "absent"), lambda p: (p / "absent").mkdir(), False),
    "names": (lambda o, p: o.names(p, (".tf",)), lambda p: (p / "b.tf").write_text(""), ["a.tf"]),
    "names of nothing": (lambda o, p: o.names(p / "absent", (".tf",)), lambda p: (p / "absent").mkdir(), []),
    "files below": (lambda o, p: o.below(p / "folder", limit=9), lambda p: (p / "folder/deep/x").unlink(), ["deep/x"]),
    "too many below": (
        lambda o, p: o.below(p, limit=2),
        lambda p: [shutil.rmtree(p / "folder"), (p / "link").unlink(), (p / "file").unlink()],
        None,
    ),
    "the real path": (lambda o, p: o.real(p / "link").name, lambda p: ((p / "link").unlink(), (p / "link").symlink_to(p / "a.tf")), "file"),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("one")
    (tmp_path / "a.tf").write_text("")
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "deep" / "x").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    return tmp_path


@pytest.mark.parametrize("name", LOOKS)
def test_each_question_has_its_answer_until_that_changes(place: Path, name: str):
    """The value is right, asking again gives the same, and the change is noticed."""
    look, change, value = LOOKS[name]
    observer = Observer()
    assert look(observer, place) == value
    assert observer.complete
    assert observer.seen
    assert not changed(observer)
    change(place)
    assert changed(observer)


def test_names_that_do_not_matter_do_not_count(place: Path):
    """A folder was asked for its .tf files; another kind of file changes nothing."""
    observer = Observer()
    observer.names(place, (".tf",))
    (place / "notes.md").write_text("")
    assert not changed(observer)


@pytest.mark.parametrize(("path", "limit"), [("absent", 10), ("folder", 10), ("file", 2)])
def test_refusals_are_answers(place: Path, path: str, limit: int):
    """What can't be read raises as ever, and once it can be read that is a change."""
    observer = Observer()
    with pytest.raises(BadInputError):
        observer.read(place / path, limit=limit)
    assert observer.complete
    assert not changed(observer)
    if (place / path).is_dir():
        (place / path).rename(place / "moved")
    (place / path).write_text("1")
    assert changed(observer)


def test_a_variable_of_the_environment_is_noted_without_its_value(monkeypatch: pytest.MonkeyPatch):
    """It may be a secret; set or not, it is the same question."""
    monkeypatch.delenv("AVERMENT_X", raising=False)
    observer = Observer()
    assert observer.variable("AVERMENT_X") == ""
    monkeypatch.setenv("AVERMENT_X", "secret")
    assert changed(observer)
    assert Observer().variable("AVERMENT_X") == "secret"
    assert "secret" not in str([answer(Question("variable", "AVERMENT_X"))])


def test_two_answers_to_one_question_are_no_whole(place: Path):
    """A file that changed between two looks: what was made of it belongs to neither state."""
    first, second = Observer(), Observer()
    first.read(place / "file", limit=10)
    (place / "file").write_text("two")
    second.read(place / "file", limit=10)
    first.add(second)
    assert not first.complete


def test_what_is_not_whole_stays_so_in_company(place: Path):
    """Adding notes that aren't complete makes all of them incomplete."""
    first, second = Observer(), Observer()
    second.complete = False
    first.add(second)
    assert not first.complete


def test_links_in_a_circle_lead_to_themselves(place: Path):
    """Nothing is raised, whatever the version of Python: what can't be read says so when it is read."""
    (place / "one").symlink_to(place / "two")
    (place / "two").symlink_to(place / "one")
    observer = Observer()
    assert observer.real(place / "one").parent == place
    assert observer.complete


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_no_permission_is_an_answer(place: Path):
    """It raises as ``Path.is_file`` does, and is noted."""
    (place / "folder").chmod(0)
    observer = Observer()
    try:
        with pytest.raises(PermissionError):
            observer.is_file(place / "folder" / "deep")
        assert not changed(observer)
    finally:
        (place / "folder").chmod(0o700)
    assert changed(observer)
