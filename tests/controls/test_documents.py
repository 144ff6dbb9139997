"""The shipped YAML: what the user's cache recalls of it is what the files say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

import pytest

from averment.controls import documents as documenting
from averment.controls.documents import documents, yaml_files
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError
from averment.core.user_cache import Store

FILES = [("a.yaml", "one: [1, 2.5, true]\ntwo:\n  three: null\n"), ("b.yaml", "text: |\n  lines\n")]


def test_a_kept_document_is_the_one_that_was_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values and lines come back exactly, without YAML being read again."""
    parsed = documents(FILES)
    store = Store(tmp_path)
    assert documents(FILES, store) == parsed
    monkeypatch.setattr(documenting, "parse_yaml", lambda *_: pytest.fail("parsed again"))
    again = documents(FILES, Store(tmp_path))
    assert again == parsed
    assert again[0].where(("two", "three")).line == 3


def test_a_changed_file_is_parsed_anew(tmp_path: Path) -> None:
    """The name of what is kept hangs on every file's name and text."""
    store = Store(tmp_path)
    documents(FILES, store)
    changed = documents([("a.yaml", "one: other\n"), FILES[1]], store)
    assert changed[0].value == {"one": "other"}
    assert documents([("c.yaml", FILES[0][1]), FILES[1]], store)[0].file == "c.yaml"


def test_something_else_in_the_cache_is_not_taken_for_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle of another shape is parsed over, not believed."""
    store = Store(tmp_path)
    for data in (b"[1]", b"not JSON", json.dumps({"a": 1}).encode()):
        monkeypatch.setattr(store, "read", lambda _, data=data: data)
        assert documents(FILES, store) == documents(FILES)


def test_what_is_no_yaml_is_refused_and_not_kept(tmp_path: Path) -> None:
    """An error names the file each time."""
    for _ in range(2):
        with pytest.raises(BadInputError) as caught:
            documents([("bad.yaml", "a: [")], Store(tmp_path))
        assert caught.value.where is not None
        assert caught.value.where.file == "bad.yaml"


def test_the_catalogue_is_the_same_from_the_cache(tmp_path: Path) -> None:
    """Controls and frameworks, with the places that errors and reports name."""
    plain = load_catalogue()
    load_catalogue(kept=Store(tmp_path))
    assert load_catalogue(kept=Store(tmp_path)) == plain


@pytest.mark.parametrize("method", ["iterdir", "read_text"])
def test_what_the_system_refuses_is_told_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """A folder or a file that one may not read is one error, and never a folder without files."""

    def refused(*_: object, **__: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "acme.yaml").write_text("a: 1\n")
    monkeypatch.setattr(Path, method, refused)
    with pytest.raises(BadInputError, match="Permission denied") as caught:
        list(yaml_files(tmp_path, "frameworks"))
    assert str(caught.value.where).startswith("frameworks")
