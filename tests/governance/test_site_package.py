"""A package inside the site: only a genuine one of this log, copied whole, and linked from every record that is in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.errors import AvermentError, BadInputError, VerificationError
from averment.core.organisation import Organisation, load_organisation
from averment.core.period import parse_period
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.package.verify import verify_package
from averment.evidence.package.write import write_package
from averment.governance.site.data import SiteData, gather
from averment.governance.site.package import enclosed
from averment.governance.site.pages.evidence import evidence_page, verify_page

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
View = Callable[..., SiteData]


@pytest.fixture
def package(site_data: View, organisation: Organisation, tmp_path: Path) -> Path:
    """The package of the quarter, made of the sample ledger."""
    site_data()
    with open_ledger(organisation, write=True) as ledger:
        return write_package(organisation, ledger, load_catalogue(organisation), parse_period("2026Q4"), tmp_path / "evidence-2026Q4").path


def test_records_link_to_their_files_and_proofs(package: Path, organisation: Organisation) -> None:
    """Each record that is in the package leads to itself and its proof there; the pages lead to the package as a whole."""
    data = gather(organisation, load_catalogue(organisation), as_of=NOW, package=package)
    assert data.package is not None
    page = evidence_page(data)
    links = re.findall(r'href="package/([^"]+)"', page)
    assert {f"records/{row.record}.json" for row in data.report.evidence} <= set(links)
    assert {f"proofs/{row.record}.txt" for row in data.report.evidence} <= set(links)
    assert all((package / link).is_file() for link in links)
    assert 'href="package/README.html"' in verify_page(data)
    assert "package/" not in evidence_page(gather(organisation, load_catalogue(organisation), as_of=NOW)).replace("[package]", "")


def test_a_record_of_another_time_is_said_not_to_be_in_it(package: Path, organisation: Organisation) -> None:
    """No dead link: what came later, or belongs to another period, isn't in the package."""
    data = gather(organisation, load_catalogue(organisation), as_of=NOW, package=package)
    assert data.package is not None
    gone = next(iter(data.report.evidence)).record
    object.__setattr__(data.package, "files", data.package.files - {f"proofs/{gone}.txt"})
    page = evidence_page(data)
    assert f"package/records/{gone}.json" not in page
    assert "it is of another period, or came later" in page


def test_the_package_in_the_site_can_be_verified_again(
    package: Path, organisation: Organisation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the site holds is the package and nothing else, byte for byte; a file that lay beside it isn't taken along. The command prints the page to
    open, on stdout alone, and the page says of which moment it is."""
    output = tmp_path / "public"
    arguments = ["site", "build", "--output", str(output), "--config", str(organisation.file), "--package", str(package)]
    assert run([*arguments, "--as-of", "2026-11-23T07:00:00Z"]) == 0
    assert capsys.readouterr().out == f"{output / 'index.html'}\n"
    assert "2026-11-23 07:00 UTC" in (output / "index.html").read_text()
    assert verify_package(output / "package").genuine
    files = {path.relative_to(package): path.read_bytes() for path in package.rglob("*") if path.is_file()}
    assert {path.relative_to(output / "package"): path.read_bytes() for path in (output / "package").rglob("*") if path.is_file()} == files
    page = (output / "evidence.html").read_text()
    assert all((output / link).is_file() for link in re.findall(r'href="(package/[^"]+)"', page))


def test_a_package_that_was_changed_is_refused(package: Path, organisation: Organisation) -> None:
    """The site is not built with it, and the file is named."""
    report = package / "report.json"
    report.write_text(report.read_text().replace("satisfied", "satisfying", 1))
    with pytest.raises(VerificationError, match=r"report\.json"):
        enclosed(package, organisation)


def test_a_package_of_another_log_is_refused(package: Path, tmp_path: Path) -> None:
    """Also when it is genuine by itself."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "averment.yaml").write_text("version: 1\nevidence: {origin: example.org/other}\n")
    organisation = load_organisation(other / "averment.yaml")
    with open_ledger(organisation, write=True):
        pass
    with pytest.raises(BadInputError, match=r"is a package of the log localhost/averment, not of example\.org/other"):
        enclosed(package, organisation)


def test_a_package_of_a_ledger_that_was_rewritten_is_refused(package: Path, organisation: Organisation, tmp_path: Path) -> None:
    """A ledger that no longer begins with what the package holds is no ledger of this package, though the key is the same."""
    (tmp_path / ".averment" / "ledger").rename(tmp_path / "old")
    with open_ledger(organisation, write=True):
        pass
    with pytest.raises(VerificationError):
        enclosed(package, organisation)


def test_what_is_no_package_is_refused(organisation: Organisation, tmp_path: Path) -> None:
    """An empty folder, and one whose manifest is none."""
    folder = tmp_path / "nothing"
    folder.mkdir()
    with pytest.raises(BadInputError, match="not an evidence package"):
        enclosed(folder, organisation)
    (folder / "MANIFEST.json").write_text(json.dumps([1]))
    with pytest.raises(BadInputError, match="its manifest can't be read"):
        enclosed(folder, organisation)


def test_a_package_that_changes_meanwhile_is_not_copied(package: Path, organisation: Organisation, tmp_path: Path) -> None:
    """Between the verification and the copy somebody put another manifest there."""
    found = enclosed(package, organisation)
    (package / "MANIFEST.json").write_text("{}")
    with pytest.raises(VerificationError, match="was changed while the site was built"):
        found.copy_to(tmp_path / "target")


@pytest.mark.parametrize("linked", [False, True])
def test_a_file_that_changes_meanwhile_is_not_copied(package: Path, organisation: Organisation, tmp_path: Path, linked: bool) -> None:
    """Nor another file: what is copied has the digest that was verified, and no link leads out of the package."""
    found = enclosed(package, organisation)
    report = package / "report.json"
    report.unlink()
    if linked:
        (tmp_path / "secret").write_text("secret")
        report.symlink_to(tmp_path / "secret")
    else:
        report.write_text("{}")
    with pytest.raises(AvermentError):
        found.copy_to(tmp_path / "target")
    assert not (tmp_path / "target" / "report.json").exists()
