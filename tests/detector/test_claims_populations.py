"""Populations: counted whole, drawn reproducibly, read within bounds; nothing outside the folder, nothing unverified."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from averment.core.aws import client
from averment.core.errors import BadInputError, IncompleteError
from averment.detector.claims import frame
from averment.detector.claims.interface import ClaimContext
from averment.detector.claims.observing import read_batches
from averment.detector.claims.populations import REFERENCE, SUFFIXES, FilePopulation, Item, missing, open_population
from averment.detector.claims.trace import Trace
from averment.detector.interface import Family


def manifest(folder: Path, rows: dict[str, bytes], columns: str = "file,sha256,label", label: str = "real") -> Path:
    for name, data in rows.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    lines = [columns, *(f"{name},{hashlib.sha256(data).hexdigest()},{label}" for name, data in rows.items())]
    path = folder / "manifest.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def opened(place: Path | str, **context: Any) -> Any:
    return open_population("p", ClaimContext(populations={"p": str(place)}, **context))


def population_of(names: list[str]) -> FilePopulation:
    return FilePopulation("p", "p", [Item(name, "") for name in names], Path(), hashed=True)


def test_a_manifest_is_read_with_its_labels_and_hashes_checked(tmp_path: Path) -> None:
    """Rows become items in order of name, and content is what the manifest says."""
    found = opened(manifest(tmp_path, {"b/2.png": b"two", "a/1.png": b"one"}))
    assert [(item.name, item.labels["label"]) for item in found.items] == [("a/1.png", "real"), ("b/2.png", "real")]
    assert [found.read(item) for item in found.items] == [b"one", b"two"]


def test_a_changed_file_stops_the_claim(tmp_path: Path) -> None:
    """A figure on other data than the manifest's would be a figure of nothing."""
    found = opened(manifest(tmp_path, {"1.png": b"one"}))
    (tmp_path / "1.png").write_bytes(b"won")
    with pytest.raises(IncompleteError, match="SHA-256 differs"):
        found.read(found.items[0])


def test_a_missing_file_stops_the_claim(tmp_path: Path) -> None:
    """Leaving it out would change the population in silence."""
    found = opened(manifest(tmp_path, {"1.png": b"one"}))
    (tmp_path / "1.png").unlink()
    with pytest.raises(IncompleteError, match="does not exist"):
        found.read(found.items[0])


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("name,sha256\nx,y\n", 1, "no column 'file'"),
        ("file,label\na.png,real\n../../etc/passwd,real\n", 3, "not a path below"),
        ("file,label\n/etc/passwd,real\n", 2, "not a path below"),
        ("file,label\na.png,real\na.png,real\n", 3, "twice"),
        ("file,label\na.png\n", 2, "another number of fields"),
        ("file,label\na.png,real,more\n", 2, "another number of fields"),
        ('file,label\n"a.png,real\n', 2, "not a CSV file"),
        ("", 1, "no column 'file'"),
    ],
)
def test_a_bad_manifest_is_refused_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    """Hostile paths, duplicates and torn rows name the line."""
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(BadInputError, match=message) as caught:
        opened(tmp_path / "m.csv")
    assert caught.value.where is not None
    assert caught.value.where.line == line


def test_a_manifest_that_a_spreadsheet_saved_is_read(tmp_path: Path) -> None:
    """Excel's "CSV UTF-8" begins with a mark that belongs to no name; what is pinned is the file as it lies there."""
    path = manifest(tmp_path, {"1.png": b"one"})
    path.write_text(path.read_text(), encoding="utf-8-sig")
    found = opened(path)
    assert [(item.name, item.labels["label"]) for item in found.items] == [("1.png", "real")]
    assert found.read(found.items[0]) == b"one"
    assert found.facts()["manifest"] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("header", "advice"),
    [
        ("name,sha256", "its columns: name, sha256"),
        ("file;sha256;label", "its only column is called 'file;sha256;label': separate columns by commas"),
        ("", "it has no columns at all"),
    ],
)
def test_a_manifest_without_files_is_told_what_it_has(tmp_path: Path, header: str, advice: str) -> None:
    """Beside what it needs."""
    (tmp_path / "m.csv").write_text(header)
    with pytest.raises(BadInputError, match="no column 'file'") as caught:
        opened(tmp_path / "m.csv")
    assert advice in str(caught.value.fix)


def ruin(folder: Path, how: str) -> str:
    if how == "missing":
        (folder / "2.png").unlink()
        return "2.png: the manifest names a file that does not exist"
    if how == "changed":
        (folder / "2.png").write_bytes(b"won")
        return "2.png: is not the file that the manifest describes: its SHA-256 differs"
    path = folder / "manifest.csv"
    path.write_text(path.read_text().replace(hashlib.sha256(b"two").hexdigest(), how))
    return f"2.png: '{how.lower()}' in the manifest is no SHA-256"


@pytest.mark.parametrize("how", ["missing", "changed", "abc", "G" * 64])
def test_what_is_wrong_with_a_row_names_the_manifest_and_the_line(tmp_path: Path, how: str) -> None:
    """Where somebody mends it. A SHA-256 that is none is a slip in the manifest, and no change of the file."""
    path = manifest(tmp_path, {"1.png": b"one", "2.png": b"two"})
    message = ruin(tmp_path, how)
    found = opened(path)
    with pytest.raises(IncompleteError) as caught:
        found.read(found.items[1])
    assert caught.value.diagnostics().splitlines()[0] == f"{path}:3: {message}"
    assert caught.value.fix


def test_a_folder_counts_images_and_says_how_many_other_files_it_holds(tmp_path: Path) -> None:
    """Other files are counted apart, links are not followed out of the folder."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("in/1.JPG", "in/deep/2.webp", "in/notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "secret.png")
    found = opened(tmp_path / "in")
    assert [item.name for item in found.items] == ["1.JPG", "deep/2.webp"]
    assert found.other_files == 1


def test_of_a_folder_that_holds_its_manifest_it_is_said_to_name_that(tmp_path: Path) -> None:
    """Whoever named the folder was told to give a manifest, which lay in it."""
    subject = SimpleNamespace(family=Family.SYNTHETIC_IMAGE, population="p", where={}, clusters=None)
    path = manifest(tmp_path, {"1.jpg": b"x"})
    with pytest.raises(BadInputError, match="says of no image whether it is real") as caught:
        next(read_batches(opened(tmp_path), subject))
    assert caught.value.fix == f"name its manifest ({path}), with a column label: real or synthetic"
    path.unlink()
    with pytest.raises(BadInputError) as caught:
        next(read_batches(opened(tmp_path), subject))
    assert caught.value.fix == "give a manifest with a column label: real or synthetic"


def test_what_is_no_regular_file_is_refused_and_counted(tmp_path: Path) -> None:
    """Links, pipes and names that aren't text don't stop the count, are never opened, and stand in the result."""
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "good.png").write_bytes(b"good")
    (tmp_path / "outside").mkdir()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "linked").symlink_to(tmp_path / "outside")
    os.mkfifo(folder / "pipe.png")
    Path(os.fsdecode(os.fsencode(folder) + b"/deep/\xff.png")).write_bytes(b"x")
    found = opened(folder)
    assert [item.name for item in found.items] == ["good.png"]
    expected = {"link": 1, "link to a folder": 1, "not a regular file": 1, "its name is not text": 1}
    assert found.facts()["not_counted"] == expected
    assert found.only({}).facts() == found.facts()


def test_a_link_put_in_a_files_place_after_counting_is_not_followed(tmp_path: Path) -> None:
    """Neither for the file nor for a folder on the way; what is gone is refused as well."""
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "2.png").write_bytes(b"secret")
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("1.png", "deep/2.png", "3.png", "4.png"):
        (tmp_path / "in" / name).write_bytes(b"own")
    trace = Trace()
    found = opened(tmp_path / "in", trace=trace)
    (tmp_path / "in" / "1.png").unlink()
    (tmp_path / "in" / "1.png").symlink_to(tmp_path / "secret.png")
    shutil.rmtree(tmp_path / "in" / "deep")
    (tmp_path / "in" / "deep").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "3.png").unlink()
    (tmp_path / "in" / "5.png").write_bytes(b"came later")
    (tmp_path / "in" / "4.png").unlink()
    (tmp_path / "in" / "4.png").symlink_to(tmp_path / "in" / "5.png")  # not out of the folder, but not what was counted either
    assert [found.read(item) for item in found.items] == [None] * 4
    assert trace.facts()["refused"] == {"became a link since it was counted": 3, "does not exist": 1}


def test_labels_are_pinned_too(tmp_path: Path) -> None:
    """Turning a label round changes the figures, so it changes what the result records, though no file has changed."""
    path = manifest(tmp_path, {"1.png": b"one", "2.png": b"two"})
    before = opened(path).facts()
    path.write_text(path.read_text().replace(",real", ",synthetic", 1))
    after = opened(path).facts()
    assert before["frame"] == after["frame"]
    assert before["labels"] != after["labels"]
    assert (before["manifest"], after["manifest"]) == (before["manifest"], hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("name", ["manifest.csv", "part-00000.JSONL"])
def test_a_table_in_s3_is_no_prefix_without_images(name: str) -> None:
    """A manifest beside the media in S3 was an empty population whose 'where' was to be changed, and scores there a look at nothing."""
    context = ClaimContext(populations={"p": f"s3://shop/{name}"})
    with pytest.raises(BadInputError, match="is a table") as raised:
        open_population("p", context)
    assert "--population p=PATH" in (raised.value.fix or "")
    assert "is a table" in missing("p", context)


def test_a_prefix_in_s3_is_counted_over_all_pages(sandbox: object) -> None:
    """More than one page of a listing; objects outside the prefix and other kinds of file are not in the frame."""
    s3 = client("s3")
    s3.create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for number in range(7):
        s3.put_object(Bucket="media", Key=f"out/{number}.png", Body=b"%d" % number)
    for key in ("other/1.png", "out/readme.txt"):
        s3.put_object(Bucket="media", Key=key, Body=b"x")

    found = opened("s3://media/out/", s3=Paged(s3))
    assert [item.name for item in found.items] == [f"out/{number}.png" for number in range(7)]
    assert found.other_files == 1
    assert found.read(found.items[3]) == b"3"
    s3.delete_object(Bucket="media", Key="out/3.png")
    assert found.read(found.items[3]) is None


@pytest.mark.parametrize("versions", [False, True])
def test_a_folder_that_the_console_made_is_no_file(sandbox: object, versions: bool) -> None:
    """An empty object by the name of the prefix kept every claim on coverage of it open: a file that nobody looked at. One that holds something is a file."""
    s3 = bucket("folders", versions=versions)
    for key, body in (("out/", b""), ("out/2026/", b""), ("out/a.png", b"a"), ("out/odd/", b"something")):
        s3.put_object(Bucket="folders", Key=key, Body=body)
    found = opened("s3://folders/out/", s3=s3)
    assert [item.name for item in found.items] == ["out/a.png"]
    assert found.other_files == 1


class Paged:
    """The client, with listings that come two entries a page."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def get_paginator(self, name: str) -> Any:
        pages = self._s3.get_paginator(name)
        inner = pages.paginate
        pages.paginate = lambda **arguments: inner(**arguments, PaginationConfig={"PageSize": 2})
        return pages


class WithoutVersions(Paged):
    """The client of somebody who may not ask whether a bucket keeps versions."""

    def get_bucket_versioning(self, **_: Any) -> Any:
        from botocore.exceptions import ClientError

        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetBucketVersioning")


class WithoutListing(Paged):
    """The client of somebody who may ask whether a bucket keeps versions, but not list them."""

    def get_paginator(self, name: str) -> Any:
        from botocore.exceptions import ClientError

        if name == "list_object_versions":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListObjectVersions")
        return super().get_paginator(name)


def bucket(name: str, *, versions: bool) -> Any:
    s3 = client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    if versions:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return s3


def test_where_versions_are_kept_the_counted_one_is_read(sandbox: object) -> None:
    """An object that is replaced or deleted after it was counted is read as it was counted."""
    s3 = bucket("versioned", versions=True)
    for key in ("a.png", "b.png", "deleted-before.png", "notes.txt"):
        s3.put_object(Bucket="versioned", Key=key, Body=key.encode())
    s3.put_object(Bucket="versioned", Key="a.png", Body=b"second")
    s3.delete_object(Bucket="versioned", Key="deleted-before.png")
    found = opened("s3://versioned/", s3=Paged(s3))
    s3.put_object(Bucket="versioned", Key="a.png", Body=b"third")
    s3.delete_object(Bucket="versioned", Key="b.png")
    assert [item.name for item in found.items] == ["a.png", "b.png"]
    assert [found.read(item) for item in found.items] == [b"second", b"b.png"]
    assert (found.facts()["versions"], found.other_files) == ("pinned", 1)


def test_a_prefix_can_be_listed_as_it_was(sandbox: object) -> None:
    """With the versions of then: what came later is left out, what was deleted since is there. Same frame, same sample."""
    s3 = bucket("past", versions=True)
    for number in range(4):
        s3.put_object(Bucket="past", Key=f"{number}.png", Body=b"%d" % number)
    first = opened("s3://past/")
    moment = datetime.now(UTC)
    time.sleep(1.1)  # S3 tells times by the second
    s3.put_object(Bucket="past", Key="4.png", Body=b"4")
    s3.put_object(Bucket="past", Key="1.png", Body=b"replaced")
    s3.delete_object(Bucket="past", Key="2.png")
    assert opened("s3://past/").frame_hash != first.frame_hash
    then = opened("s3://past/", as_of=moment)
    assert then.frame_hash == first.frame_hash
    assert [then.read(item) for item in then.items] == [b"0", b"1", b"2", b"3"]


def test_without_versions_the_past_can_not_be_listed(sandbox: object) -> None:
    """And the result says that nothing pins the objects."""
    s3 = bucket("plain", versions=False)
    s3.put_object(Bucket="plain", Key="a.png", Body=b"a")
    assert "keeps no versions" in opened("s3://plain/").facts()["versions"]
    assert "GetBucketVersioning was denied" in opened("s3://plain/", s3=WithoutVersions(s3)).facts()["versions"]
    with pytest.raises(IncompleteError, match="can't be listed as of 2026"):
        opened("s3://plain/", as_of=datetime(2026, 10, 1, tzinfo=UTC))
    kept = bucket("kept", versions=True)
    kept.put_object(Bucket="kept", Key="a.png", Body=b"a")
    found = opened("s3://kept/", s3=WithoutListing(kept))
    assert (len(found), found.read(found.items[0])) == (1, b"a")
    assert "ListObjectVersions was denied" in found.facts()["versions"]


def test_an_object_that_is_not_read_is_counted_with_its_reason(sandbox: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changed or gone since it was counted, or too large by the listing: refused, not fetched, and named in the trace."""
    s3 = bucket("refusals", versions=False)
    for key in ("changed.png", "gone.png", "good.png"):
        s3.put_object(Bucket="refusals", Key=key, Body=b"12")
    s3.put_object(Bucket="refusals", Key="large.png", Body=b"12345")
    monkeypatch.setattr(frame, "MAX_IMAGE_BYTES", 4)
    trace = Trace()
    found = opened("s3://refusals/", trace=trace)
    s3.put_object(Bucket="refusals", Key="changed.png", Body=b"21")
    s3.delete_object(Bucket="refusals", Key="gone.png")
    assert [found.read(item) for item in found.items] == [None, None, b"12", None]
    facts = trace.facts()
    assert facts["read"] == 1
    assert facts["refused"] == {
        "changed since it was counted": 1,
        "gone since it was counted": 1,
        "larger than 4 bytes": 1,
    }


def test_a_bucket_out_of_reach_could_not_be_counted(sandbox: object) -> None:
    """Exit 3 with the place: an empty population would be a lie."""
    with pytest.raises(IncompleteError, match="s3://nowhere/x"):
        opened("s3://nowhere/x")


def test_an_unknown_population_lists_the_known_ones() -> None:
    """And says how to name its place."""
    with pytest.raises(BadInputError, match=f"known: listed, {REFERENCE}") as caught:
        open_population("unknown", ClaimContext(populations={"listed": "x"}))
    assert "--population" in str(caught.value.fix)


def test_the_shipped_corpus_opens_and_every_file_is_what_the_manifest_says() -> None:
    """The default population works out of the package, with real and synthetic images, groups and licences."""
    found = open_population(REFERENCE, ClaimContext())
    assert {item.labels["label"] for item in found.items} == {"real", "synthetic"}
    assert all(found.read(item) for item in found.items)
    assert all(item.labels["licence"] and item.labels["group"] for item in found.items)


names = st.lists(st.text("abcdef", min_size=1, max_size=4), unique=True, min_size=1, max_size=40)


@settings(deadline=None)
@given(names, st.integers(0, 50), st.integers(0, 2**53))
def test_a_sample_is_drawn_again_from_the_same_seed_in_any_order_of_listing(listed: list[str], size: int, seed: int) -> None:
    """Order of listing doesn't matter; the size is what was asked for, without repeats; asking for all is a census."""
    first = population_of(listed).sample(size, seed)
    again = population_of(listed[::-1]).sample(size, seed)
    assert first == again
    assert len(first.items) == min(size, len(listed))
    assert len({item.name for item in first.items}) == len(first.items)
    assert first.census is (size >= len(listed))


def test_a_sample_can_be_drawn_with_a_few_lines_of_anything() -> None:
    """The documented rule, written out with hashlib alone."""
    population = population_of([f"{n}.png" for n in range(50)])
    rank = {item.name: hashlib.sha256(f"7:{population.frame_hash}:{item.name}".encode()).digest() for item in population.items}
    assert [item.name for item in population.sample(5, 7).items] == sorted(sorted(rank, key=lambda name: rank[name])[:5])


def test_every_item_has_the_same_chance() -> None:
    """Over 2,000 seeds each of 20 items is drawn about a quarter of the time (5 standard deviations allowed)."""
    population = population_of([f"{n}.png" for n in range(20)])
    drawn = Counter(item.name for seed in range(2000) for item in population.sample(5, seed).items)
    assert len(drawn) == 20
    assert all(abs(count - 500) < 5 * (2000 * 0.25 * 0.75) ** 0.5 for count in drawn.values())


def test_the_frame_hash_sees_every_change() -> None:
    """A name, an identity, an item more or less."""
    base = population_of(["a", "b"])
    others = [
        population_of(["a"]),
        population_of(["a", "c"]),
        FilePopulation("p", "p", [Item("a", "1"), Item("b", "")], Path(), hashed=True),
    ]
    assert len({base.frame_hash, *(other.frame_hash for other in others)}) == 4


def test_narrowing_by_a_column_that_nobody_has_is_a_typing_error(tmp_path: Path) -> None:
    """An empty selection out of a misspelt column would leave nothing to fail."""
    found = opened(manifest(tmp_path, {"1.png": b"one"}))
    assert len(found.only({"label": "real"})) == 1
    assert len(found.only({"label": "synthetic"})) == 0
    with pytest.raises(BadInputError, match="no column 'lable', which where names") as caught:
        found.only({"lable": "real"})
    assert caught.value.fix == "write one of its columns in where: file, sha256, label"
    with pytest.raises(BadInputError, match="no column 'label'") as caught:
        opened(tmp_path).only({"label": "real"})
    assert "nothing else has columns" in str(caught.value.fix)


def test_the_documentation_lists_the_names_of_images() -> None:
    """All of them, in order, and no other."""
    page = Path(__file__).parents[2] / "governance" / "docs" / "proving.md"
    told = page.read_text(encoding="utf-8").split("Images are told by their suffix (", 1)[1].split(")", 1)[0]
    assert told == ", ".join(f"`{suffix}`" for suffix in sorted(SUFFIXES))


def test_a_manifest_of_too_many_bytes_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It isn't read at all; one of just so many is. What the documentation says of their rows holds."""
    (tmp_path / "m.csv").write_text("file\na.png\n")
    assert len(open_population("m.csv", ClaimContext(root=tmp_path))) == 1
    monkeypatch.setattr("averment.detector.claims.populations.MAX_MANIFEST_BYTES", 10)
    with pytest.raises(BadInputError, match="larger than 10 bytes, which a manifest may have") as caught:
        open_population("m.csv", ClaimContext(root=tmp_path))
    assert "split it into several populations" in str(caught.value.fix)
    assert 700_000 * len(f"a/0700000.png,{'0' * 64},real,p700000\n") <= 64 * 1024 * 1024
