"""An OSCAL catalog or profile as a framework: what is taken, what is refused, and that controls can be mapped to it.

Origin of the data: written for these tests, in the shapes of NIST's published catalogs and profiles.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from averment.cli.main import run
from averment.controls.frameworks import load_frameworks
from averment.controls.loader import load_catalogue
from averment.controls.oscal_import import read_oscal
from averment.core.errors import BadInputError
from averment.core.organisation import load_organisation

META = {"title": "Acme Policy", "version": "3", "oscal-version": "1.2.1", "last-modified": "2026-01-01T00:00:00Z"}


def control(name: str, title: str, *children: Any, **props: str) -> dict[str, Any]:
    found: dict[str, Any] = {"id": name, "title": title, "props": [{"name": key, "value": value} for key, value in props.items()]}
    return found | ({"controls": list(children)} if children else {})


CATALOG = {
    "catalog": {
        "uuid": "7b3f2c7e-1b0f-4d0e-9a3c-2f4b5d6e7f80",
        "metadata": {**META, "links": [{"rel": "canonical", "href": "https://example.com/policy"}]},
        "groups": [
            {
                "id": "ac",
                "title": "Access",
                "controls": [
                    control("ac-1", "Policy and\n procedures", label="AC-1"),
                    control(
                        "ac-2", "Accounts", control("ac-2.1", "Automation", label="AC-2(1)"), control("ac-2.2", "Old", status="withdrawn")
                    ),
                ],
            }
        ],
        "controls": [control("zz-9", "At the top")],
    }
}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes JSON files into the working folder and returns the last."""
    monkeypatch.chdir(tmp_path)

    def write(**named: Any) -> Path:
        for name, value in named.items():
            (tmp_path / f"{name}.json").write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return tmp_path / f"{list(named)[-1]}.json"

    return write


def profile(*imports: Any, **more: Any) -> dict[str, Any]:
    return {"profile": {"uuid": "00000000-0000-4000-8000-000000000001", "metadata": META, "imports": list(imports), **more}}


def ids(path: Path) -> list[str]:
    return [item.id for item in read_oscal(path).controls]


def test_a_catalog_becomes_a_framework_that_controls_map_to(files: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    """From the file to the crosswalk: ids, labels and titles arrive, withdrawn ones don't, and a mapped control is found under its provision."""
    path = files(catalog=CATALOG)
    assert run(["controls", "import-oscal", str(path), "--id", "acme-policy", "--title", "Acme"]) == 0
    assert "4 provisions; 1 withdrawn ones left out" in capsys.readouterr().out
    framework = load_frameworks(path.parent / "frameworks")["acme-policy"]
    assert (framework.title, framework.full_title, framework.version, framework.source) == (
        "Acme",
        "Acme Policy",
        "3",
        "https://example.com/policy",
    )
    assert {ref: (item.label, item.title) for ref, item in framework.provisions.items()} == {
        "ac-1": ("AC-1", "Policy and procedures"),
        "ac-2": ("ac-2", "Accounts"),
        "ac-2.1": ("AC-2(1)", "Automation"),
        "zz-9": ("zz-9", "At the top"),
    }
    (path.parent / "averment.yaml").write_text(
        "version: 1\nframeworks: [frameworks]\noverlays:\n  SM-IAM-01:\n    references: [{framework: acme-policy, ref: ac-2.1}]\n",
        encoding="utf-8",
    )
    assert run(["controls", "crosswalk", "--framework", "acme-policy", "--format", "json"]) == 0
    rows = {row["ref"]: row for row in json.loads(capsys.readouterr().out)["frameworks"][0]["provisions"]}
    assert [item["id"] for item in rows["ac-2.1"]["controls"]] == ["SM-IAM-01"]
    assert rows["ac-1"]["controls"] == []
    [found] = [item for item in load_catalogue(load_organisation(path.parent / "averment.yaml")) if item.id == "SM-IAM-01"]
    assert found.tailored == ("reference to acme-policy ac-2.1 added",)
    assert found.weakened == ()
    assert run(["controls", "lint"]) == 0


def test_a_reference_that_leads_nowhere_is_found_with_its_line(files: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    """``controls lint`` names the file and line of a provision that the framework lacks."""
    path = files(catalog=CATALOG)
    assert run(["controls", "import-oscal", str(path), "--id", "acme-policy"]) == 0
    (path.parent / "averment.yaml").write_text(
        "version: 1\nframeworks: [frameworks]\noverlays:\n  SM-IAM-01:\n    references:\n      - {framework: acme-policy, ref: ac-99}\n",
        encoding="utf-8",
    )
    assert run(["controls", "lint"]) == 1
    assert "averment.yaml:6: SM-IAM-01 refers to 'ac-99'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("entry", "selected"),
    [
        ({}, ["ac-1", "ac-2", "ac-2.1", "ac-2.2", "zz-9"]),
        ({"include-all": {}}, ["ac-1", "ac-2", "ac-2.1", "ac-2.2", "zz-9"]),
        ({"include-controls": [{"with-ids": ["ac-2", "ac-1"]}]}, ["ac-1", "ac-2"]),
        ({"include-controls": [{"with-ids": ["ac-2"], "with-child-controls": "yes"}]}, ["ac-2", "ac-2.1", "ac-2.2"]),
        ({"include-controls": [{"matching": [{"pattern": "ac-2*"}]}]}, ["ac-2", "ac-2.1", "ac-2.2"]),
        ({"include-all": {}, "exclude-controls": [{"with-ids": ["ac-2"], "with-child-controls": "yes"}]}, ["ac-1", "zz-9"]),
    ],
)
def test_a_profile_selects(files: Callable[..., Path], entry: dict[str, Any], selected: list[str]) -> None:
    """By id, by pattern, with children, all but some: in the catalog's order."""
    assert ids(files(catalog=CATALOG, profile=profile({"href": "catalog.json", **entry}))) == selected


def test_a_profile_of_a_profile_through_its_back_matter(files: Callable[..., Path]) -> None:
    """An import by resource is followed; an address on the web, or a place in the publisher's repository (as NIST's profiles of SP 800-53
    have it), is looked for beside the profile by its name."""
    low = profile({"href": "https://example.com/files/catalog.json", "include-controls": [{"with-ids": ["ac-1", "ac-2"]}]})
    resources = {"resources": [{"uuid": "r1", "rlinks": [{"href": "../xml/low.xml"}, {"href": "../../pub/json/low.json"}]}]}
    top = profile({"href": "#r1", "include-controls": [{"with-ids": ["ac-2"]}]}, **{"back-matter": resources})
    assert ids(files(catalog=CATALOG, low=low, top=top)) == ["ac-2"]


def test_an_import_is_a_reference_and_its_name_may_be_written_so(files: Callable[..., Path]) -> None:
    """A name with a space or an umlaut stands in an href as a URI has it, as exporters write it."""
    files(**{"our catalog ü": CATALOG})
    path = files(profile=profile({"href": "our%20catalog%20%C3%BC.json", "include-controls": [{"with-ids": ["ac-1"]}]}))
    assert ids(path) == ["ac-1"]


def test_a_byte_order_mark_is_no_mistake(files: Callable[..., Path]) -> None:
    """Windows tools write one before UTF-8; what comes behind it is JSON."""
    assert ids(files(catalog="\ufeff" + json.dumps(CATALOG))) == ["ac-1", "ac-2", "ac-2.1", "ac-2.2", "zz-9"]


def test_a_control_without_a_title_is_called_by_its_id(files: Callable[..., Path]) -> None:
    """Never by what stands for nothing in another language."""
    untitled = {"catalog": {"metadata": META, "controls": [{"id": "ac-1", "title": None}]}}
    assert [item.title for item in read_oscal(files(catalog=untitled)).controls] == ["ac-1"]


def test_two_imports_of_one_control_are_one(files: Callable[..., Path]) -> None:
    """What two imports select is there once."""
    one = {"href": "catalog.json", "include-controls": [{"with-ids": ["ac-1"]}]}
    assert ids(files(catalog=CATALOG, profile=profile(one, one))) == ["ac-1"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("<catalog/>", "is not JSON"),
        ("[" * 100_000, "nests too deep"),
        ({"component-definition": {}}, "neither an OSCAL catalog nor a profile"),
        ({"catalog": {"metadata": META}}, "has no controls"),
        ({"catalog": {"metadata": {}, "controls": [control("a", "b c d")]}}, "gives no title"),
        ({"catalog": {"metadata": META, "controls": [{"title": "x"}]}}, "has no id"),
        ({"catalog": {"metadata": META, "controls": [control("a", "x"), control("a", "y")]}}, "stands twice"),
        (profile(), "imports nothing"),
        (profile({"href": "gone.json"}), "gone.json, which is not there"),
        (profile({"href": "bad.json"}), "in a circle"),
        (profile({"href": "catalog.json", "include-controls": [{"with-ids": ["ac-77"]}]}), "selects ac-77"),
        (profile({"href": "catalog.json", "include-controls": [{"with-ids": "ac-1"}]}), "with-ids is no list"),
        (profile({"href": "catalog.json", "include-controls": [{"with-ids": 5}]}), "with-ids is no list"),
        (profile({"href": "catalog.json"}, {"href": "other.json"}), "two controls called ac-1: 'Policy and procedures' and 'Another'"),
        (profile({"href": "https://[bad/catalog.json"}), "the profile imports 'https://[bad/catalog.json', which is none"),
        # What the framework would break is told of the document, not of a file that is never written.
        (
            {"catalog": {"metadata": {**META, "title": "A"}, "controls": [control("a", "b c d")]}},
            "as a framework, full_title: 'A' is too short",
        ),
    ],
)
def test_what_is_no_oscal_is_told(files: Callable[..., Path], content: Any, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One error with the file, exit 2, nothing written."""
    path = files(catalog=CATALOG, other={"catalog": {"metadata": META, "controls": [control("ac-1", "Another")]}}, bad=content)
    assert run(["controls", "import-oscal", str(path), "--id", "acme", "--source", "https://example.com"]) == 2
    error = capsys.readouterr().err
    assert "bad.json" in error
    assert says in error
    assert not (path.parent / "frameworks").exists()


def test_nothing_is_replaced_unasked_and_a_source_is_needed(files: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    """A second import needs --replace; a document without an address needs --source; an id has to be one."""
    path = files(catalog=CATALOG)
    assert run(["controls", "import-oscal", str(path), "--id", "acme"]) == 0
    assert "next: frameworks: [frameworks] in averment.yaml" in " ".join(capsys.readouterr().err.split())
    assert run(["controls", "import-oscal", str(path), "--id", "acme"]) == 2
    assert run(["controls", "import-oscal", str(path), "--id", "acme", "--replace"]) == 0
    assert run(["controls", "import-oscal", str(path), "--id", "Not An Id"]) == 2
    bare = files(bare={"catalog": {**CATALOG["catalog"], "metadata": META}})
    assert run(["controls", "import-oscal", str(bare), "--id", "bare"]) == 2
    assert "--source" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "says"), [("nowhere", "no folder 'nowhere'"), ("frameworks", "'eu-ai-act' of frameworks exists already")])
def test_an_own_framework_cannot_hide_a_shipped_one(tmp_path: Path, name: str, says: str) -> None:
    """A folder that isn't there, or a framework of an id that is taken, is an error with file and line."""
    (tmp_path / "frameworks").mkdir()
    (tmp_path / "frameworks" / "eu-ai-act.yaml").write_text(
        "id: eu-ai-act\ntitle: Mine\nfull_title: Mine\nversion: '1'\nkind: law\nsource: https://example.com\nas_of: '2026-01-01'\n"
        "provisions: {a: {label: a, title: something}}\n",
        encoding="utf-8",
    )
    (tmp_path / "averment.yaml").write_text(f"version: 1\nframeworks:\n  - {name}\n", encoding="utf-8")
    with pytest.raises(BadInputError, match=says) as caught:
        load_catalogue(load_organisation(tmp_path / "averment.yaml"))
    assert caught.value.where is not None
    assert caught.value.where.line == 3


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda _: None, "the folder 'frameworks' holds no framework"),
        (lambda folder: (folder / "acme.json").write_text("{}"), "the folder 'frameworks' holds no framework"),
        (lambda folder: (folder / "acme.yaml").symlink_to("gone.yaml"), "is no file, but a folder, a pipe or a link that leads nowhere"),
        (lambda folder: (folder / "acme.yaml").mkdir(), "is no file, but a folder, a pipe or a link that leads nowhere"),
    ],
    ids=["empty", "another form", "a link to nothing", "a folder"],
)
def test_a_framework_that_is_not_there_is_not_passed_over(tmp_path: Path, make: Callable[[Path], object], says: str) -> None:
    """An organisation that names a folder of frameworks has some: what isn't read of it would be missing in every crosswalk."""
    (tmp_path / "frameworks").mkdir()
    make(tmp_path / "frameworks")
    (tmp_path / "averment.yaml").write_text("version: 1\nframeworks: [frameworks]\n", encoding="utf-8")
    with pytest.raises(BadInputError, match=says):
        load_catalogue(load_organisation(tmp_path / "averment.yaml"))


def test_an_editors_lock_is_no_framework(files: Callable[..., Path]) -> None:
    """A link that leads nowhere, beside the file that is being edited, as Emacs leaves it, is passed over."""
    path = files(catalog=CATALOG)
    assert run(["controls", "import-oscal", str(path), "--id", "acme"]) == 0
    (path.parent / "frameworks" / ".#acme.yaml").symlink_to("ada@host.42")
    assert list(load_frameworks(path.parent / "frameworks")) == ["acme"]
