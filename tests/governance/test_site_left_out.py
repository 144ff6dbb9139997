"""What a lower level leaves out as a whole: incidents, drills, rules of the organisation's own, a package. None of it in any byte."""

from __future__ import annotations

import dataclasses
import gzip
import html
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError
from averment.core.organisation import load_organisation
from averment.core.period import Period, parse_period
from averment.core.words import Status
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.package.write import write_package
from averment.evidence.record import DRILLS, Gathering, Kind, Population, Record
from averment.governance.incidents.filing import Act, file_step
from averment.governance.incidents.words import Step
from averment.governance.site.build import build_site, written
from averment.governance.site.data import SiteData, gather
from averment.governance.site.history import Before, History, Look
from averment.governance.site.levels import FIELDS, Level, Shown
from averment.governance.site.names import names_in
from averment.governance.site.pages import all_pages
from averment.governance.site.pages.home import owed
from averment.governance.site.redaction import redacted

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
LOWER = (Level.PUBLIC, Level.PARTNERS)
INCIDENT = "INC-2026-11-22-qzorblax"
TITLE = "Qzorblax sings in a video that she never made"
MEDIA = "qzorblax-clip-7.mp4"
PERSON = "Ms. Qzorblax"
BUCKET = "qzorblax-stills-3"
SECRET = "qzorblax"
"""In everything that is planted, in whatever case, and in nothing else."""

AVERMENT_YAML = f"""\
version: 1
organisation: {{name: Shop}}
rules: [house/qzorblax-rules]
scope: {{media: [{{role: upload, names: [{BUCKET}]}}]}}
incidents:
  store: s3://qzorblax-store/media
  contacts: {{legal: "+49 qzorblax 12", communications: desk@qzorblax.example}}
overlays:
  SM-UPL-03: {{reason: House rule., add: [{{id: labels, method: EXAMINE, policy: labels-present}}]}}
"""


def steps() -> Iterator[Record]:
    """An incident with a name in every field, open, with media that could not all be preserved."""
    moment = NOW - timedelta(hours=3)
    act = Act("security-operations", moment, moment)
    clock = {"duty": "dsa-notice", "title": f"Tell {PERSON}", "source": "DSA Art 16", "standing": "due", "reason": f"{PERSON} is shown"}
    due = {"due_by": "2026-11-23T05:00:00Z", "within": "24h", "role": "legal", "to": PERSON, "starts": "awareness"}
    opened = {"title": TITLE, "summary": f"{TITLE}, at s3://{BUCKET}/x", "noticed_by": PERSON, "aware_at": "2026-11-23T04:00:00Z"}
    yield file_step(
        INCIDENT, Step.OPEN, act, {**opened, "media": [MEDIA, f"s3://{BUCKET}/b.jpg"], "facts": {}, "clocks": [{**clock, **due}]}
    )
    item = {"number": 1, "name": MEDIA, "sha256": "0" * 64, "size": 7, "described": {}, "stored": f"s3://{BUCKET}/kept"}
    item |= {"perceptual_hash": "p1", "credential": "none", "locked_until": None, "verified_at": "2026-11-23T04:00:00Z"}
    yield file_step(
        INCIDENT,
        Step.PRESERVE,
        act,
        {"because": f"for {PERSON}", "items": [item], "manifest": {"place": f"s3://{BUCKET}/m", "sha256": "0" * 64}},
        population=Population("files", 2, 1),
        problems=(f"{MEDIA} could not be read again",),
        query={"places": [f"s3://{BUCKET}/b.jpg"]},
    )
    contained = {"measure": "isolate-bucket", "target": BUCKET, "outcome": "stated", "reason": TITLE, "reference": f"ticket {PERSON}"}
    yield file_step(INCIDENT, Step.CONTAIN, act, {**contained, "because": f"{PERSON} asked"})


def drill() -> Record:
    """A drill in which a step failed."""
    step = {"step": "contain", "role": PERSON, "what": f"{BUCKET} is isolated", "outcome": "failed", "seconds": 1, "limit_seconds": 9}
    payload = {
        "scenario": "qzorblax-clone",
        "title": f"{PERSON} calls",
        "played_on": BUCKET,
        "with_people": True,
        "steps": [{**step, "reason": f"{BUCKET} could still be read", "shown": [MEDIA]}],
        "failed": [{"resource": f"{BUCKET}/contain", "message": f"{BUCKET} could still be read"}],
        "not_shown": [PERSON],
        "summary": {"steps": 1, "failed": 1, "seconds": 1},
    }
    when = NOW - timedelta(days=2)
    return Record(
        kind=Kind.INCIDENT,
        collector=DRILLS,
        collector_version="1",
        source="averment incident drill qzorblax-clone",
        query={"scenario": "qzorblax-clone"},
        effective_at=when,
        collected_at=when,
        payload=payload,
        gathering=Gathering.COLLECTED,
        population=Population("steps", 1, 1),
        controls=("SM-IR-01",),
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> SiteData:
    """The view of an organisation in whose incidents, drills, rules and settings one name stands everywhere."""
    folder = tmp_path_factory.mktemp("left-out")
    rules = folder / "house" / "qzorblax-rules"
    assert run(["rules", "new", "labels-present", "--output", str(rules)]) == 0
    (own,) = (path for path in rules.iterdir() if path.is_dir() and (path / "rule.py").is_file())
    text = (own / "rule.py").read_text()
    (own / "rule.py").write_text(
        re.sub(r'(title|remediation)="', rf'\1="For {BUCKET}: ', f'"""Asks {PERSON}."""\n{text.split(chr(10), 1)[1]}')
    )
    (own / "README.md").write_text(
        f'# labels-present\n\nAs {PERSON} wants it for {BUCKET}.\n\n## Fix\n\n```hcl\nbucket = "{BUCKET}"\n```\n'
    )
    for case in (own / "cases").rglob("main.tf"):
        case.write_text(case.read_text() + f"\n# {PERSON}\n")
    (folder / "averment.yaml").write_text(AVERMENT_YAML)
    organisation = load_organisation(folder / "averment.yaml")
    with open_ledger(organisation, write=True, clock=lambda: NOW) as ledger:
        ledger.append([*steps(), drill()])
    return gather(organisation, load_catalogue(organisation), as_of=NOW)


@pytest.fixture(scope="module")
def built(whole: SiteData, tmp_path_factory: pytest.TempPathFactory) -> Mapping[Level, Path]:
    """Its sites for readers outside."""
    folder = tmp_path_factory.mktemp("left-out-sites")
    return {level: build_site(whole, folder / level, level=level).parent for level in LOWER}


@pytest.mark.parametrize("level", LOWER)
def test_no_byte_tells_of_what_is_left_out(built: Mapping[Level, Path], level: Level) -> None:
    """No file of the site, nor a file's name, has the planted name in it; there is no page of an incident and no package."""
    for path in built[level].rglob("*"):
        assert SECRET not in path.name.lower()
        if path.is_file():
            data = path.read_bytes()
            text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode(errors="replace")
            assert SECRET not in text.lower(), path
            assert SECRET not in html.unescape(re.sub(r"<[^>]*>", "", text)).lower(), path
    assert not (built[level] / "incidents").exists()
    assert not (built[level] / "package").exists()
    for page in ("incidents.html", "plan/overview.html"):
        text = (built[level] / page).read_text()
        assert "incidents, drills and the plan for them are for the inside alone" in text
        (home,) = re.findall(r'<a href="([^"]*)">state of controls</a>', text)
        assert (built[level] / page).parent.joinpath(home).resolve() == (built[level] / "index.html").resolve()


@pytest.mark.parametrize("level", LOWER)
def test_no_link_leads_to_what_is_left_out(built: Mapping[Level, Path], level: Level) -> None:
    """Every link of a lower level has its file, and none leads to a page that says that it is left out."""
    site = built[level]
    gone = {site / "incidents.html", *(site / "plan").glob("*.html")}
    for path in site.rglob("*.html"):
        for link in re.findall(r'<a [^>]*?href="([^"#?]+)', path.read_text()):
            if path.name == "404.html" or re.match(r"[a-z]+:", link):
                continue
            target = (path.parent / html.unescape(link)).resolve()
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{path}: {link}"
            assert target not in gone, f"{path}: {link}"


def test_the_inside_reads_all_of_it(whole: SiteData) -> None:
    """What the test above doesn't find is there to be found: on the pages of the incident, the drills, and the rule."""
    pages = {path: html.unescape(re.sub(r"<[^>]*>", "", text)) for path, text in all_pages(whole).items()}
    assert {path for path, text in pages.items() if SECRET in text.lower()} >= {
        "incidents.md",
        f"incidents/{INCIDENT}.md",
        "rules/labels-present.md",
        "rules.md",
        "evidence.md",
        "controls/SM-IR-01.md",
        "plan/operations.md",
    }
    assert MEDIA in pages[f"incidents/{INCIDENT}.md"]
    assert {MEDIA, BUCKET, INCIDENT} <= names_in(whole)


@pytest.mark.parametrize("level", LOWER)
def test_a_rule_of_ones_own_is_shown_by_its_title_alone(whole: SiteData, level: Level) -> None:
    """It is there, since controls rest on it, with its facts; its page and its cases are for the inside."""
    page = html.unescape(all_pages(redacted(whole, level))["rules/labels-present.md"])
    assert "For withheld: " in page
    assert "the rule is the organisation's own" in page
    assert "## Cases" not in page
    assert "(own)" in next(line for line in all_pages(redacted(whole, level))["rules.md"].splitlines() if "labels-present" in line)


@pytest.mark.parametrize("level", LOWER)
def test_the_first_page_says_what_is_withheld(whole: SiteData, level: Level) -> None:
    """At the top, in words; and what is not assessed goes by family, with the same count, where owners are withheld."""
    shown = redacted(whole, level)
    page = all_pages(shown)["index.md"]
    top = page.split('<div class="av-cards">')[0]
    assert f"This is the site for {'the public' if level is Level.PUBLIC else 'partners'}." in top
    assert "Incidents, drills and the plan for them are left out." in top
    assert "av-notice" not in all_pages(whole)["index.md"]
    assert {item.owner for item in owed(shown)} <= {title for _, title, _ in shown.families()}
    assert sum(len(item.rows) for item in owed(shown)) == sum(len(item.rows) for item in owed(whole))
    assert "| Owner |" not in page
    assert "--ledger ledger " in all_pages(shown)["verify.md"]


@pytest.mark.parametrize("level", LOWER)
def test_a_package_is_no_part_of_a_lower_level(whole: SiteData, level: Level, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A package has everything in it. The command refuses it with exit code 2 and writes nothing, and so does the function."""
    organisation = whole.organisation
    with open_ledger(organisation, write=True) as ledger:
        package = write_package(organisation, ledger, whole.catalogue, parse_period("2026Q4"), tmp_path / "package").path
    output = tmp_path / "site"
    arguments = ["site", "build", "--config", str(organisation.file), "--output", str(output), "--as-of", "2026-11-23T07:00:00Z"]
    assert run([*arguments, "--level", str(level), "--package", str(package)]) == 2
    said = capsys.readouterr()
    assert f"can't be part of a site of the level {level}" in said.err
    assert "--level internal" in said.err
    assert said.out == ""
    assert not output.exists()
    data = gather(organisation, whole.catalogue, as_of=NOW, package=package)
    with pytest.raises(BadInputError, match="names people, accounts and resources"):
        build_site(data, output, level=level)
    assert redacted(data, level).package is None
    assert not any(SECRET.encode() in text.lower() for text in written(redacted(data, level), level).values())


def kinds_in(hint: Any, found: set[Any] | None = None) -> set[Any]:
    """Every class in a type, and in the fields of the dataclasses among them."""
    found = set() if found is None else found
    for inner in get_args(hint):
        kinds_in(inner, found)
    if isinstance(hint, type) and hint not in found:
        found.add(hint)
        for inner in get_type_hints(hint).values() if dataclasses.is_dataclass(hint) else ():
            kinds_in(inner, found)
    return found


def test_whatever_the_view_holds_has_a_table_or_is_left_out_or_names_nobody() -> None:
    """Fields of the view that every level sees hold moments, days, states and ids of controls; all else has a table, a function, or no place."""
    hints = get_type_hints(SiteData)
    for name, how in FIELDS[SiteData].items():
        kinds = {kind for kind in kinds_in(hints[name]) if dataclasses.is_dataclass(kind)}
        if how is Shown.KEPT:
            assert kinds <= {Period, History, Look, Before}, name
        elif how is Shown.PART:
            assert set(FIELDS) & kinds, name
        else:
            assert how in {Shown.OWN, Shown.LEFT_OUT}, name
    assert set(kinds_in(History)) - {History, Look} <= {datetime, str, Status, type(None), tuple, Mapping, type(Mapping)}


def test_history_and_what_was_before_name_controls_and_assessments_alone(whole: SiteData) -> None:
    """Every name in them is one of the catalogue, which every level has."""
    known = {control.id for control in whole.catalogue} | {
        f"{control.id}/{item.id}" for control in whole.catalogue for item in control.assessments
    }
    assert whole.before is not None
    assert {name for look in whole.history.looks for name in look.states} <= known
    assert set(whole.before.states) <= known
