"""Atomic writes, bounded reads, canonical bytes."""

import os
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from averment.core.canonical import canonical_json, stable_id
from averment.core.errors import BadInputError, IncompleteError
from averment.core.extras import require
from averment.core.files import descriptor, read_bounded, replacing, write_atomic


def test_canonical_json_follows_the_rfc_8785_example() -> None:
    """The worked example of RFC 8785, section 3.2.2 (numbers, strings, literals)."""
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '€$\x0f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical_json(value).decode() == expected


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.text("ab\x00\x7f\x1f", max_size=2), inner, max_size=4),
    max_leaves=12,
)


@given(JSON_VALUES)
def test_the_fast_way_writes_what_the_package_writes(value: object) -> None:
    """Whatever takes the short cut through the standard library comes out as the RFC's own package writes it."""
    assert canonical_json(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [2**53, -(2**53), [2**60], {1: 2}, "\ud800", float("nan"), {"a": float("inf")}, {"a": object()}])
def test_what_json_cannot_carry_is_refused(value: object) -> None:
    """Integers that others would round, names that are no texts, halves of characters, no numbers, no JSON at all."""
    with pytest.raises(ValueError):
        canonical_json(value)


def test_ids_depend_on_content_alone() -> None:
    """Key order is no content; the kind is."""
    assert stable_id("record", {"a": 1, "b": 2}) == stable_id("record", {"b": 2, "a": 1})
    assert stable_id("record", {"a": 1}) != stable_id("claim", {"a": 1})


def test_a_failed_write_leaves_the_old_bytes_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk refuses, the file is as before and the error says what to do."""
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(IncompleteError, match="No space left"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_disk_that_is_read_only_since_it_failed_is_told_by_its_first_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be tidied away there: that it can't was told, as a flaw of the program, in place of what happened."""

    def fails(_number: int) -> None:
        raise OSError(5, "Input/output error")

    def remounted(_path: Path, missing_ok: bool = False) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "fsync", fails)
    monkeypatch.setattr(Path, "unlink", remounted)
    with pytest.raises(IncompleteError, match="could not be written: Input/output error"):
        write_atomic(tmp_path / "state.json", b"new")


@pytest.mark.parametrize("staged", [None, ".out.part"])
def test_nothing_is_opened_to_more_people_than_before(tmp_path: Path, staged: str | None) -> None:
    """The umask counts for a new file, and the old one's mode for what takes its place; nobody's wish widens either."""
    before = os.umask(0o077)
    try:
        with replacing(tmp_path / "new", staged=staged) as file:
            file.write(b"a")
    finally:
        os.umask(before)
    (tmp_path / "old").write_bytes(b"a")
    modes = {0o600: 0o600, 0o640: 0o640, 0o755: 0o644}
    kept = []
    for mode in modes:
        (tmp_path / "old").chmod(mode)
        with replacing(tmp_path / "old", staged=staged) as file:
            file.write(b"b")
        kept.append(stat.S_IMODE((tmp_path / "old").stat().st_mode))
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    assert kept == list(modes.values())


@pytest.mark.parametrize("staged", [None, ".out.part"])
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path, staged: str | None) -> None:
    """As ``--out /dev/stdout`` and ``>(gzip)`` are meant; through a link, too."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE)
        with replacing(tmp_path / name, staged=staged) as file:
            file.write(b"rows")
        assert reader.communicate(timeout=30)[0] == b"rows"
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]


@pytest.mark.parametrize("staged", ["None", "'.out.part'"])
@pytest.mark.parametrize("target", ["/proc/self/fd/1", "/dev/fd/1", "other"])
def test_an_open_file_is_written_to_and_its_name_is_left_alone(tmp_path: Path, target: str, staged: str) -> None:
    """``/dev/stdout`` is a link that the whole machine uses, also where ``> out`` put an ordinary file behind it. Here it is another link."""
    (tmp_path / "stdout").symlink_to(target)
    (tmp_path / "other").symlink_to("/proc/self/fd/1")
    code = (
        "import sys; from pathlib import Path; from averment.core.files import replacing\n"
        f"print('before', flush=True)\nwith replacing(Path('stdout'), staged={staged}) as file: file.write(b'rows')\nprint(' after')"
    )
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, stdout=out, check=True, timeout=60)
    assert (tmp_path / "out").read_bytes() == b"before\nrows after\n"
    assert (tmp_path / "stdout").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "out", "stdout"]


def test_names_of_open_files_are_told_from_others(tmp_path: Path) -> None:
    """By where they lead, without following what isn't a link."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "1").write_bytes(b"")
    assert [descriptor(Path(name)) for name in ("/dev/stdout", "/dev/fd/63", "/proc/self/fd/2")] == [1, 63, 2]
    assert [descriptor(path) for path in (tmp_path / "loop", tmp_path / "1", tmp_path / "none", Path("/dev/null"))] == [None] * 4


def test_a_device_that_has_no_place_for_files_is_no_output(tmp_path: Path) -> None:
    """A folder under the name is bad input, and stays."""
    with pytest.raises(BadInputError, match="no file that can be written"):
        write_atomic(tmp_path, b"x")


def test_two_writers_of_one_staged_name_never_mix(tmp_path: Path) -> None:
    """The second is told; the first's file comes out whole; then the name is free again, also after a killed run."""
    out = tmp_path / "out"
    with replacing(out, staged=".out.part") as first:
        first.write(b"first")
        with pytest.raises(IncompleteError, match="being written by another run"), replacing(out, staged=".out.part") as second:
            second.write(b"second")
        first.write(b", whole")
    assert out.read_bytes() == b"first, whole"
    (tmp_path / ".out.part").write_bytes(b"what a killed run left, and longer")
    with replacing(out, staged=".out.part") as third:
        third.write(b"third")
    assert out.read_bytes() == b"third"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_reads_are_bounded_and_refuse_what_is_no_file(tmp_path: Path) -> None:
    """A huge file, a folder and a missing file are errors that name the path."""
    (tmp_path / "large").write_bytes(b"x" * 11)
    for name, message in (("large", "larger than 10 bytes"), ("", "not a regular file"), ("none", "does not exist")):
        with pytest.raises(BadInputError, match=message):
            read_bounded(tmp_path / name, limit=10)


def test_a_read_takes_memory_for_what_there_is_and_not_for_the_limit(tmp_path: Path) -> None:
    """Half a gigabyte was asked for each small file of a package, which nobody has under ``ulimit -v``. What the system calls empty is read, too."""
    small = tmp_path / "small"
    small.write_bytes(b"small")
    tracemalloc.start()
    try:
        assert read_bounded(small, limit=1 << 30) == b"small"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    if sys.platform == "linux":
        assert read_bounded(Path("/proc/self/status"), limit=1 << 20).startswith(b"Name:")
        with pytest.raises(BadInputError, match="larger than 10 bytes"):
            read_bounded(Path("/proc/self/status"), limit=10)


def test_a_missing_extra_is_named() -> None:
    """The error says which extra to install."""
    with pytest.raises(BadInputError) as caught:
        require("no_such_module_anywhere.sub", extra="detector", needed_for="scanning")
    assert caught.value.fix == "pip install 'averment[detector]'"
