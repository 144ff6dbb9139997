"""Quarters side by side: kept for good, looked through at every build, never mixed with what shows less, and never lost by a build that fails."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from averment.cli.main import run
from averment.core.errors import BadInputError, IncompleteError, VerificationError
from averment.core.organisation import Organisation
from averment.core.period import parse_period
from averment.governance.site import build
from averment.governance.site.build import MARKER, build_site
from averment.governance.site.data import SiteData
from averment.governance.site.levels import Level
from averment.governance.site.snapshots import FACTS, quarter_of

View = Callable[..., SiteData]
LATER = datetime(2027, 4, 2, tzinfo=UTC)


pytestmark = pytest.mark.usefixtures("pages_are_copied")
"""What is tested here is where pages lie."""


@pytest.fixture
def today(site_data: View) -> SiteData:
    """The view of today."""
    return site_data(filled=False)


def quarter(data: SiteData, label: str, as_of: datetime = LATER) -> SiteData:
    """The view of a quarter, as it was known at ``as_of``."""
    period = parse_period(label)
    return dataclasses.replace(data, as_of=as_of, period=period, report=dataclasses.replace(data.report, period=period, as_of=as_of))


def digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def test_quarters_stay_beside_the_site_of_today(today: SiteData, tmp_path: Path) -> None:
    """A second quarter, and builds of today after it, leave every byte of the first; both are listed with their digests, the newest first."""
    site = build_site(today, tmp_path / "site", quarter=quarter(today, "2026Q4")).parent
    first = digests(site / "q" / "2026Q4")
    assert "index.html" in first
    build_site(today, site, quarter=quarter(today, "2027Q1"))
    build_site(today, site)
    assert digests(site / "q" / "2026Q4") == first
    assert (site / "index.html").is_file()
    for folder, listing in ((site / "q", (site / "q" / "index.html").read_text()), (site, (site / "quarters.md").read_text())):
        assert listing.index("2027Q1/index.html") < listing.index("2026Q4/index.html")
        sums = re.findall(r"([0-9a-f]{64})  ([^\s<&]+)", listing)  # as ``sha256sum --check`` reads them
        assert [hashlib.sha256((folder / name).read_bytes()).hexdigest() for _, name in sums] == [digest for digest, _ in sums]
        assert len(sums) == 2
    facts = json.loads((site / "q" / "2026Q4" / FACTS).read_text())
    assert facts["files"] == {name: digest for name, digest in first.items() if name != FACTS}
    assert (facts["quarter"], facts["as_of"], facts["level"]) == ("2026Q4", "2027-04-02T00:00:00Z", "internal")
    assert [path.name for path in tmp_path.iterdir() if "averment-" in path.name] == []


def test_a_site_without_quarters_has_no_page_of_them(today: SiteData, tmp_path: Path) -> None:
    """Nothing leads to a folder that isn't there."""
    site = build_site(today, tmp_path / "site").parent
    assert not (site / "quarters.md").exists()
    assert not (site / "q").exists()


def test_a_quarter_is_never_written_again(today: SiteData, tmp_path: Path) -> None:
    """The same quarter with the same content is nothing new; with another content, or of another moment, it is refused and stays."""
    site = build_site(today, tmp_path / "site", quarter=quarter(today, "2026Q4")).parent
    before = digests(site)
    build_site(today, site, quarter=quarter(today, "2026Q4"))
    assert digests(site) == before
    renamed = dataclasses.replace(today.organisation, name="Another name")
    for other in (
        quarter(today, "2026Q4", datetime(2027, 5, 1, tzinfo=UTC)),
        quarter(dataclasses.replace(today, organisation=renamed), "2026Q4"),
    ):
        with pytest.raises(
            BadInputError, match="2026Q4 is kept already, as of 2027-04-02T00:00:00Z, and a snapshot is never written again"
        ):
            build_site(today, site, quarter=other)
    assert digests(site) == before


@pytest.mark.parametrize("how", ["changed", "added", "lost", "linked", "facts", "shape", "gone"])
def test_a_quarter_that_was_touched_stops_every_build(today: SiteData, tmp_path: Path, how: str) -> None:
    """Whatever is done to a kept quarter is found at the next build, which names it and changes nothing."""
    site = build_site(today, tmp_path / "site", quarter=quarter(today, "2026Q4")).parent
    kept = site / "q" / "2026Q4"
    match how:
        case "changed":
            (kept / "index.html").write_text("all is well")
        case "added":
            (kept / "extra.html").write_text("all is well")
        case "lost":
            (kept / "law.md").unlink()
        case "linked":
            (kept / "link.html").symlink_to(kept / "index.html")
        case "facts":
            (kept / FACTS).write_text("{")
        case "shape":
            (kept / FACTS).write_text(json.dumps({**json.loads((kept / FACTS).read_text()), "files": []}))
        case "gone":
            shutil.rmtree(kept)
    before = digests(site)
    with pytest.raises(VerificationError) as caught:
        build_site(today, site)
    assert "2026Q4" in f"{caught.value.where} {caught.value}"
    assert digests(site) == before


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"internal 2026Q4"])
def test_a_site_that_does_not_say_what_it_kept_is_refused(today: SiteData, tmp_path: Path, content: bytes) -> None:
    """Where its marker was cut or written over, a quarter may be gone unseen; bytes that are no text were a flaw."""
    site = build_site(today, tmp_path / "site").parent
    (site / MARKER).write_bytes(content)
    before = digests(site)
    with pytest.raises(VerificationError, match="doesn't say which quarters the site kept"):
        build_site(today, site)
    assert digests(site) == before


def test_a_lower_level_takes_in_no_quarter_of_a_higher_one(today: SiteData, tmp_path: Path) -> None:
    """A public site can't be built around a quarter for the inside; the other way round is no secret told."""
    site = build_site(today, tmp_path / "inside", quarter=quarter(today, "2026Q4")).parent
    with pytest.raises(BadInputError, match="2026Q4 was built for the level internal, and can't be part of a site of the level public"):
        build_site(today, site, level=Level.PUBLIC)
    open_site = build_site(today, tmp_path / "open", level=Level.PUBLIC, quarter=quarter(today, "2026Q4")).parent
    build_site(today, open_site, level=Level.PARTNERS)
    assert json.loads((open_site / "q" / "2026Q4" / FACTS).read_text())["level"] == "public"


def test_what_else_lies_among_the_quarters_is_refused(today: SiteData, tmp_path: Path) -> None:
    """A build would take it away, so it says so instead."""
    site = build_site(today, tmp_path / "site", quarter=quarter(today, "2026Q4")).parent
    (site / "q" / "notes").mkdir()
    (site / "q" / "notes" / "mine.txt").write_text("work")
    with pytest.raises(BadInputError, match="is not a quarter that averment kept"):
        build_site(today, site)
    assert (site / "q" / "notes" / "mine.txt").read_text() == "work"


def test_a_site_that_cannot_be_put_in_place_gives_way_to_the_old_one(
    today: SiteData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should the last step fail, the old site with its quarters is back where it was, and nothing lies beside it. The new one is on disk first."""
    site = build_site(today, tmp_path / "site", quarter=quarter(today, "2026Q4")).parent
    before, rename = digests(site), Path.rename
    synced: list[bool] = []
    monkeypatch.setattr("os.sync", lambda: synced.append(site.exists()))

    def refuse(path: Path, target: Path) -> Path:
        if Path(target) == site and ".averment-site-" in str(path):
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(IncompleteError, match="No space left on device"):
        build_site(today, site)
    assert digests(site) == before
    assert synced == [True]
    assert sorted(path.name for path in tmp_path.iterdir() if "averment-" in path.name) == []


@pytest.mark.parametrize("there", [True, False])
def test_a_build_that_was_killed_loses_no_quarter(today: SiteData, tmp_path: Path, there: bool) -> None:
    """Killed between its last two steps, a build leaves the old site beside: the next one takes its quarters, or clears it away."""
    site = build_site(today, tmp_path / "site", quarter=quarter(today, "2026Q4")).parent
    before = digests(site / "q" / "2026Q4")
    beside = tmp_path / ".site.averment-previous"
    if there:
        shutil.copytree(site, beside)
    else:
        site.rename(beside)
    build_site(today, site)
    assert digests(site / "q" / "2026Q4") == before
    assert not beside.exists()
    assert (site / MARKER).is_file()


def test_a_build_that_is_killed_while_it_clears_the_old_site_away_stops_no_other(
    today: SiteData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it leaves of the old site, without its marker perhaps, isn't in the way of the next."""
    site = build_site(today, tmp_path / "site").parent

    def killed(path: str, *_: object, **__: object) -> None:
        for marker in Path(tmp_path).rglob(MARKER):  # in the order in which the folder has them
            if marker.parent != site:
                marker.unlink()
        raise KeyboardInterrupt(path)

    with monkeypatch.context() as during:
        during.setattr(
            tempfile.TemporaryDirectory, "_rmtree", killed
        )  # which older Pythons took out of shutil once, and newer ones each time
        with pytest.raises(KeyboardInterrupt):
            build_site(today, site)
    build_site(today, site)
    assert (site / MARKER).is_file()


def test_a_quarter_that_another_build_keeps_meanwhile_is_not_lost(today: SiteData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Building takes a minute; what began before the quarter was kept has none of it, and would take its place."""
    site = build_site(today, tmp_path / "site").parent
    copied = build._run_mkdocs

    def overtaken(*arguments: Path) -> None:
        monkeypatch.setattr(build, "_run_mkdocs", copied)
        build_site(today, site, quarter=quarter(today, "2026Q4"))
        copied(*arguments)

    monkeypatch.setattr(build, "_run_mkdocs", overtaken)
    with pytest.raises(IncompleteError, match="another build has kept 2026Q4 meanwhile"):
        build_site(today, site)
    assert (site / "q" / "2026Q4" / FACTS).is_file()
    build_site(today, site)
    assert (site / "q" / "2026Q4" / FACTS).is_file()


def test_only_a_quarter_that_is_over_can_be_kept(organisation: Organisation, capsys: pytest.CaptureFixture[str]) -> None:
    """What may still change, and what is no quarter, isn't kept: exit 2 with what to write instead."""
    assert quarter_of("2026Q4", LATER).label == "2026Q4"
    arguments = ["site", "build", "--config", str(organisation.file), "--as-of", "2026-12-31T23:59:59Z"]
    assert run([*arguments, "--snapshot", "2026Q4"]) == 2
    said = capsys.readouterr().err
    assert "2026Q4 is not over at 2026-12-31T23:59:59Z" in said
    assert "--period 2026Q4" in said
    assert run([*arguments, "--snapshot", "2026-10"]) == 2
    assert "'2026-10' is not a quarter" in capsys.readouterr().err


def test_the_command_keeps_a_quarter(organisation: Organisation) -> None:
    """``--snapshot`` keeps the quarter's own period beside the site of all evidence."""
    site = organisation.root / "public"
    arguments = ["site", "build", "--config", str(organisation.file), "--output", str(site), "--as-of", "2027-01-04T08:00:00Z"]
    assert run([*arguments, "--snapshot", "2026Q4"]) == 0
    assert "period 2026Q4" in (site / "q" / "2026Q4" / "index.html").read_text()
    assert "period 2026Q4" not in (site / "index.html").read_text()
