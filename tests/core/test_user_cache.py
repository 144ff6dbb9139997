"""Only what this user alone can have written is recalled; whatever else lies there never stops or changes a check."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from averment.core import user_cache as storing
from averment.core.user_cache import Store, default_folder, lies_within


def bundle(store: Store, name: str = "a") -> Path:
    return store.folder / f"{name}.bundle"


def test_bundles_come_back_from_a_folder_of_ones_own(tmp_path: Path):
    """Folder 0700, file 0600, whatever the umask."""
    old = os.umask(0)
    try:
        store = Store(tmp_path / "x" / "y")
        store.write("a", b"one\n\ntwo")
    finally:
        os.umask(old)
    assert Store(tmp_path / "x" / "y").read("a") == b"one\n\ntwo"
    assert store.read("b") is None
    assert store.trouble is None
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(bundle(store).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[:40],
        lambda data: data.replace(b"payload", b"pAyload"),
        lambda data: b"\x00" * 1000,
        lambda data: data.replace(b"cache 1", b"cache 2"),
    ],
)
def test_damaged_bundles_are_ignored_said_and_replaced(tmp_path: Path, damage):
    """Half a file, a flipped bit, another format."""
    store = Store(tmp_path)
    store.write("a", b"payload" * 10)
    bundle(store).write_bytes(damage(bundle(store).read_bytes()))
    again = Store(tmp_path)
    assert again.read("a") is None
    assert "damaged" in str(again.trouble)
    again.write("a", b"new")
    assert Store(tmp_path).read("a") == b"new"


def test_what_others_could_have_written_is_ignored(tmp_path: Path):
    """A file or a folder that the group or everybody may write."""
    store = Store(tmp_path)
    store.write("a", b"planted")
    bundle(store).chmod(0o660)
    again = Store(tmp_path)
    assert again.read("a") is None
    assert "somebody else" in str(again.trouble)
    bundle(store).chmod(0o600)
    store.folder.chmod(0o770)
    again = Store(tmp_path)
    assert again.read("a") is None
    again.write("a", b"new")
    store.folder.chmod(0o700)
    assert Store(tmp_path).read("a") == b"planted"


def test_what_belongs_to_another_user_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The owner has to be whoever runs the check."""
    Store(tmp_path).write("a", b"planted")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    store = Store(tmp_path)
    assert store.read("a") is None
    assert "belongs to somebody else" in str(store.trouble)


def test_links_are_not_followed(tmp_path: Path):
    """Neither the folder nor a bundle may be a link to somewhere else."""
    real = Store(tmp_path / "real")
    real.write("a", b"elsewhere")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "checks").symlink_to(real.folder)
    assert Store(linked).read("a") is None
    other = Store(tmp_path / "other")
    other.write("b", b"x")
    bundle(other).symlink_to(bundle(real))
    assert other.read("a") is None
    assert other.trouble is not None


def test_pipes_and_folders_in_a_bundles_place_are_ignored(tmp_path: Path):
    """Nothing waits for a writer that never comes."""
    store = Store(tmp_path)
    store.write("b", b"x")
    os.mkfifo(bundle(store), 0o600)
    bundle(store, "c").mkdir()
    assert store.read("a") is None
    assert store.read("c") is None
    assert store.trouble is not None


@pytest.mark.parametrize("mode", [0o000, 0o500])
def test_a_folder_that_cannot_be_written_is_said_and_left(tmp_path: Path, mode: int, monkeypatch: pytest.MonkeyPatch):
    """A read-only file system, or no permission (as root, for whom modes don't count, the refusal is simulated)."""
    store = Store(tmp_path)
    store.write("a", b"x")
    if os.geteuid() == 0:
        monkeypatch.setattr(storing, "write_atomic", _refusing)
    else:
        store.folder.chmod(mode)
    try:
        again = Store(tmp_path)
        again.read("a")
        again.write("a", b"y")
        assert again.trouble is not None
    finally:
        store.folder.chmod(0o700)
    assert Store(tmp_path).read("a") == b"x"


def _refusing(*_arguments: object, **_named: object) -> None:
    from averment.core.errors import IncompleteError

    raise IncompleteError("could not be written: Read-only file system")


def test_a_file_in_the_folders_place_is_said(tmp_path: Path):
    """No traceback, no cache."""
    (tmp_path / "file").write_text("x")
    store = Store(tmp_path / "file")
    store.write("a", b"x")
    assert store.read("a") is None
    assert "can't be used" in str(store.trouble)


def test_the_oldest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Bounded in number and in bytes; what isn't a bundle of ours is left alone."""
    store = Store(tmp_path)
    store.write("first", b"x")
    (store.folder / "notes.txt").write_text("somebody's")
    for index, name in enumerate(("a", "b", "c", "d")):
        store.write(name, b"x" * 100)
        os.utime(bundle(store, name), (1000 + index, 1000 + index))
    os.utime(bundle(store, "first"), (10, 10))
    store.touch("b")
    monkeypatch.setattr(storing, "MAX_BUNDLES", 3)
    store.write("e", b"x" * 100)
    kept = sorted(path.name for path in store.folder.iterdir())
    assert kept == ["b.bundle", "d.bundle", "e.bundle", "notes.txt"]
    monkeypatch.setattr(storing, "MAX_TOTAL", 250)
    store.write("f", b"x" * 100)
    assert [path.name for path in store.folder.glob("*.bundle")] == ["f.bundle"]


def test_half_written_files_of_runs_that_ended_are_removed(tmp_path: Path):
    """But not those of a run that is writing right now."""
    store = Store(tmp_path)
    store.write("a", b"x")
    old, new = store.folder / ".b.bundle.abc123", store.folder / ".b.bundle.def456"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1000, 1000))
    store.write("a", b"y")
    assert not old.exists()
    assert new.exists()


def test_what_is_too_large_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither written nor read."""
    store = Store(tmp_path)
    store.write("a", b"x" * 1000)
    monkeypatch.setattr(storing, "MAX_BUNDLE", 100)
    assert store.read("a") is None
    store.write("b", b"x" * 1000)
    assert not bundle(store, "b").exists()


def test_writers_and_readers_at_once_see_whole_bundles(tmp_path: Path):
    """Several checks at the same time: each reads one version or another, never parts of two."""
    Store(tmp_path).write("a", b"0" * 100_000)
    wrong: list[object] = []

    def work(mark: bytes) -> None:
        store = Store(tmp_path)
        for _ in range(20):
            store.write("a", mark * 100_000)
            data = store.read("a")
            if data is None or len(set(data)) != 1 or len(data) != 100_000 or store.trouble is not None:
                wrong.append((data and data[:10], store.trouble))

    threads = [threading.Thread(target=work, args=(mark,)) for mark in (b"1", b"2", b"3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_default_is_the_users_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """XDG_CACHE_HOME if it is absolute, else below the home, as the specification has it."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_folder() == tmp_path / ".cache" / "averment"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_folder() == tmp_path / ".cache" / "averment"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_folder() == tmp_path / "xdg" / "averment"
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_folder() == tmp_path / "Library" / "Caches" / "averment"


def test_a_cache_inside_what_is_checked_is_noticed(tmp_path: Path):
    """Also through a link, and also beside the checked folder in the same repository."""
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    (repository / "infra").mkdir()
    (tmp_path / "link").symlink_to(repository)
    assert lies_within(repository / ".cache", [repository / "infra"]) == repository
    assert lies_within(tmp_path / "link" / "cache", [repository / "infra" / "main.tf"]) == repository
    assert lies_within(tmp_path / "cache", [repository / "infra"]) is None
    (tmp_path / "plain").mkdir()
    assert lies_within(tmp_path / "plain" / "cache", [tmp_path / "plain"]) == tmp_path / "plain"


class Gone:
    """An entry of a folder that another run removes before it can be looked at."""

    def __init__(self, name: str) -> None:
        self.name = self.path = name

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        raise FileNotFoundError(self.name)


def test_what_another_run_removes_meanwhile_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that was listed and is gone, a bundle that made room before it could be touched."""
    store = Store(tmp_path)
    store.write("a", b"x")
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: [*scandir(folder), Gone("gone.bundle"), Gone(".gone.bundle.abc")])
    store.write("b", b"y")
    store.touch("gone")
    assert store.trouble is None
    assert (store.read("a"), store.read("b")) == (b"x", b"y")
