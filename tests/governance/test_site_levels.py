"""What a reader outside gets to see: no name, no reason and no address of the inside, in any byte; the same states and counts."""

from __future__ import annotations

import dataclasses
import gzip
import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.errors import IncompleteError
from averment.core.organisation import Organisation, load_organisation
from averment.core.period import parse_period
from averment.core.words import Status
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Gathering, Kind, Population, Record
from averment.evidence.reporting.action import ActionRow
from averment.evidence.reporting.changes import ChangeRow
from averment.evidence.reporting.operation import OperationRow
from averment.evidence.reporting.report import PeriodReport
from averment.evidence.reporting.rows import AttestationRow, WaiverRow
from averment.evidence.reporting.samples import SampleRow
from averment.governance.site import build, lists
from averment.governance.site.build import MARKER, build_site, written
from averment.governance.site.data import LedgerHead, SiteData, gather
from averment.governance.site.history import Before
from averment.governance.site.levels import FIELDS, Level, Shown
from averment.governance.site.pages import all_pages
from averment.governance.site.redaction import redacted
from averment.governance.site.scrub import WITHHELD, Scrubber, strings

View = Callable[..., SiteData]
NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
LOWER = (Level.PUBLIC, Level.PARTNERS)

ACCOUNT, BUCKET, OWNER, MAIL = "948827716053", "plzanted-bucket-7", "Olga Plzantedsson", "olga.plzanted@example.org"
REASON, ROLE, PLACE = "Plzanted reason: the old form dies slowly.", "plzanted-on-call", "infra/plzanted/main.tf"
ARN = f"arn:aws:iam::{ACCOUNT}:role/plzanted-role-9"
URI = f"s3://{BUCKET}/plzanted/ledger"
EVERYWHERE = f"{ARN} {URI} {ACCOUNT} {MAIL} {BUCKET} {OWNER} {REASON} {PLACE}:7"
"""All of it in one text, as the text of evidence could have it. None of it exists."""
SECRETS = ("948827716053", "9488-2771-6053", "plzanted", "plzantedsson", "the old form dies")
"""What has to be nowhere, in lower case: of every planted thing a part that nothing else has."""

AVERMENT_YAML = f"""\
version: 1
organisation: {{name: Shop, profile: {{deployer: true, generates_media: true}}}}
scope:
  accounts: ["{ACCOUNT}"]
  organisation_id: o-plzanted9999
  media: [{{role: upload, names: ["{BUCKET}", "plzanted-*-media"], tags: {{data-class: plzanted-class}}}}]
parameters: {{detector_endpoints: [plzanted-endpoint-1], inference-roles: {{expected: {{plzanted-role-9: ["sagemaker:InvokeEndpoint"]}}}}}}
evidence: {{signing_key: keys/plzanted.pem, timestamps: {{url: "https://plzanted.example.org"}}}}
incidents:
  store: s3://plzanted-store-3/media
  contacts: {{security-operations: "{MAIL}"}}
  contracts: [{{id: plzanted-contract, with: Plzanted Studios, clause: plzanted clause 4, when: [personal_data_breached], within: 24h}}]
site: {{level: partners}}
waivers:
  - {{control: SM-UPL-02, resource: "arn:aws:s3:::{BUCKET}", owner: {OWNER}, approver: {OWNER}, reason: "{REASON}", until: 2027-01-31}}
overlays:
  SM-UPL-03: {{owner: plzanted-team}}
  SM-DET-03: {{reason: "{REASON}", assessments: {{performance: {{claim: {{at_least: 0.75}}}}}}}}
"""


@pytest.fixture
def organisation(tmp_path: Path) -> Organisation:
    """An organisation in whose file every kind of secret is planted."""
    file = tmp_path / "averment.yaml"
    file.write_text(AVERMENT_YAML)
    return load_organisation(file)


def claim_payload() -> dict[str, Any]:
    """A claim's result with the planted text in every place for text, plots and pictures included."""
    bar = {"value": EVERYWHERE, "class": "attacks", "rate": 0.1, "low": 0.0, "high": 0.3, "images": 20, "units": 20}
    example = {
        "name": EVERYWHERE,
        "class": "attack",
        "probability": 0.1,
        "licence": EVERYWHERE,
        "attribution": OWNER,
        "picture": "/9j/4A==",
    }
    return {
        "type": "performance",
        "statement": f"performance on {EVERYWHERE} is at least 0.75",
        "verdict": "inconclusive",
        "reason": EVERYWHERE,
        "estimate": 0.8,
        "interval": {"low": 0.7, "high": 0.9, "confidence": 0.95, "method": "Clopper-Pearson"},
        "bar": 0.75,
        "samples": 300,
        "clusters": 120,
        "seed": 1,
        "needed": None,
        "inputs": {EVERYWHERE: EVERYWHERE},
        "details": {
            "plots": [{"kind": "errors", "column": EVERYWHERE, "bars": [bar, {**bar, "class": "bona fide"}]}],
            "worst_errors": {"errors": 1, "not_shown": 0, "threshold": 0.5, "examples": [example]},
            "checks": [{"check": EVERYWHERE, "outcome": "broken", "reason": EVERYWHERE, "examples": [EVERYWHERE]}],
        },
    }


def planted_records() -> Iterator[Record]:
    """A fact of each kind that pages show, with the planted text wherever a collector could have put text."""
    catalogue = load_catalogue()
    assessment = next(item for item in catalogue.get("SM-DET-03").assessments if item.id == "performance")  # type: ignore[union-attr]
    rule = "s3-put-object-gated"
    found = [
        {"rule": rule, "verdict": "fail", "resource": f"aws_s3_bucket.{BUCKET}", "message": EVERYWHERE, "where": f"{PLACE}:7"},
        {"rule": rule, "verdict": "fail", "resource": ARN, "message": "open", "where": EVERYWHERE},
    ]
    deployed = [{"id": f"arn:aws:s3:::{BUCKET}", "type": "AWS::S3::Bucket", "compliance": "NON_COMPLIANT", "annotation": EVERYWHERE}]
    by = {"name": OWNER, "role": ROLE}
    common: dict[str, Any] = {
        "collector_version": "1",
        "source": EVERYWHERE,
        "query": {"Bucket": BUCKET, "arn": ARN, EVERYWHERE: EVERYWHERE},
        "effective_at": NOW,
        "collected_at": NOW,
        "account": ACCOUNT,
        "region": "eu-central-1",
        "redactions": (EVERYWHERE,),
    }
    kinds: tuple[tuple[Kind, str, dict[str, Any], dict[str, Any]], ...] = (
        (Kind.CHECK, "check", {"rules": [rule], "findings": found, "problems": []}, {}),
        (
            Kind.CONFIG_COMPLIANCE,
            "config-compliance",
            {"rules": [{"rule": rule, "config_rule": "averment-plzanted", "compliance": "x", "resources": deployed}]},
            {},
        ),
        (Kind.CLAIM, "claims", claim_payload(), {"query": {"claim": dict(assessment.claim or {})}, "controls": ("SM-DET-03/performance",)}),
        (
            Kind.ATTESTATION,
            "attestations",
            {"question": "?", "answer": "yes", "by": by, "statement": EVERYWHERE},
            {"controls": ("SM-UPL-03/terms",)},
        ),
        (Kind.MEDIA_STATES, "media-states", {}, {"gathering": Gathering.COULD_NOT, "reason": f"denied: {EVERYWHERE}"}),
        (
            Kind.PROVENANCE,
            "provenance",
            {"summary": {}, "sampling": {"method": EVERYWHERE, "seed": EVERYWHERE}},
            {"population": Population("objects", 42, 7)},
        ),
    )
    for kind, collector, payload, more in kinds:
        yield Record(kind=kind, collector=collector, payload=payload, **{**common, **more})


@pytest.fixture
def planted(organisation: Organisation) -> SiteData:
    """The view of a ledger and an organisation in which secrets are planted everywhere; in rows too that no record of it leads to."""
    return planted_view(organisation)


def planted_view(organisation: Organisation) -> SiteData:
    with open_ledger(organisation, write=True, clock=lambda: NOW) as ledger:
        ledger.append(list(planted_records()))
    data = gather(organisation, load_catalogue(organisation), as_of=NOW)
    workbook = {"sha256": "0" * 64, "number": EVERYWHERE, "sheet": EVERYWHERE, "row": 7, "answered_on": "2026-11-01"}
    record, assessments = data.report.evidence[0].record, ("SM-UPL-03/terms",)  # type: ignore[index]
    report = dataclasses.replace(
        data.report,
        attestations=(
            *data.report.attestations,
            AttestationRow(record, assessments, EVERYWHERE, EVERYWHERE, OWNER, ROLE, EVERYWHERE, NOW, None, workbook),
        ),
        operation=(
            OperationRow(("SM-UPL-03",), "s3-put-object-gated", ARN, "AWS::S3::Bucket", ACCOUNT, "eu-central-1", 5, 5, 0, 1, record, NOW),
        ),
        samples=(SampleRow(record, assessments, EVERYWHERE, EVERYWHERE, EVERYWHERE, 9, 3, EVERYWHERE, EVERYWHERE, None, NOW),),
        actions=(
            ActionRow(
                "4f", "SM-UPL-03", "SM-UPL-03/code", "high", ARN, EVERYWHERE, (EVERYWHERE,), OWNER, "open", None, NOW, record, EVERYWHERE
            ),
        ),
        changes=(
            ChangeRow("SM-UPL-03", "code", "finding", ARN, "-", "open", EVERYWHERE, EVERYWHERE),
            ChangeRow("SM-UPL-03", "code", "finding", ARN, "-", "open", EVERYWHERE),
        ),
    )
    return dataclasses.replace(data, report=report)


def leaked(text: str) -> list[str]:
    """The secrets in ``text``, as they stand and with escapes and markup undone."""
    readings = (text.lower(), html.unescape(re.sub(r"<[^>]*>", "", text)).lower(), re.sub(r"\\u00[0-9a-f]{2}", "-", text).lower())
    return [secret for secret in SECRETS if any(secret in reading for reading in readings)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Level, Path]:
    """Sites of the planted view, at both lower levels."""
    folder = tmp_path_factory.mktemp("levels")
    (folder / "averment.yaml").write_text(AVERMENT_YAML)
    data = planted_view(load_organisation(folder / "averment.yaml"))
    return {level: build_site(data, folder / level, level=level).parent for level in LOWER}


@pytest.mark.parametrize("level", LOWER)
def test_no_byte_of_a_lower_level_tells_a_secret(built: Mapping[Level, Path], level: Level) -> None:
    """Whatever was planted in averment.yaml and in evidence is in no file of the site: pages, search index, pictures, sitemap."""
    files = [path for path in built[level].rglob("*") if path.is_file()]
    assert {".html", ".json", ".gz", ".xml"} <= {path.suffix for path in files}
    for path in files:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode(errors="replace")
        assert leaked(text) == [], path
        assert leaked(path.name) == [], path
    assert "plzanted" in "".join(all_pages(planted_view_for(built[level].parent)).values()).lower()


def planted_view_for(folder: Path) -> SiteData:
    organisation = load_organisation(folder / "averment.yaml")
    return gather(organisation, load_catalogue(organisation), as_of=NOW)


@pytest.mark.parametrize("level", LOWER)
def test_every_page_says_its_level(built: Mapping[Level, Path], level: Level) -> None:
    """Whoever prints a page, or gets sent one, sees for whom it was made; the marker in the folder says so too."""
    pages = [path for path in built[level].rglob("*.html") if path.name != "404.html"]
    assert [path for path in pages if f"Level: {level}." not in path.read_text()] == []
    assert (built[level] / MARKER).read_text().strip() == level
    search = json.loads((built[level] / "search" / "search_index.json").read_text())
    assert not any(entry["location"].startswith("plan/") for entry in search["docs"])
    assert "not part of a site of the level" in (built[level] / "plan" / "operations.html").read_text()


@pytest.mark.parametrize("level", LOWER)
def test_templates_see_no_secret(planted: SiteData, level: Level) -> None:
    """What the templates are handed has no secret left in it, printed or not."""
    left = [text for text in strings(dataclasses.replace(redacted(planted, level), rules=())) if leaked(text)]
    assert left == []


@pytest.mark.parametrize("level", LOWER)
def test_states_and_counts_are_the_same_at_every_level(planted: SiteData, level: Level) -> None:
    """A lower level has as many findings, waivers, claims and gaps, and the same states: it is shorter on names, never rosier."""
    shown = redacted(planted, level).report
    whole = planted.report
    assert shown.totals == whole.totals
    assert [(row.id, row.status) for row in shown.controls] == [(row.id, row.status) for row in whole.controls]
    assert [(row.id, row.status, row.gap) for row in shown.assessments] == [(row.id, row.status, row.gap) for row in whole.assessments]
    for name in ("findings", "waivers", "claims", "attestations", "drift", "operation", "evidence", "samples", "actions", "changes"):
        assert len(getattr(shown, name)) == len(getattr(whole, name)) > 0, name
    assert len({row.resource for row in shown.findings}) == len({row.resource for row in whole.findings})
    assert [row.where for row in shown.changes] == [WITHHELD, None]  # what has no place is not said to have one
    assert [bool(control.weakened) for control in redacted(planted, level).catalogue] == [bool(c.weakened) for c in planted.catalogue]


def test_partners_read_reasons_that_the_public_does_not(site_data: View, planted: SiteData) -> None:
    """Partners get text without names, the public gets none; internal is the view itself."""
    assert redacted(planted, Level.INTERNAL) is planted
    refused = next(row for row in planted.report.assessments if row.gap == "could-not-collect")
    reasons = {level: next(row.reason for row in redacted(planted, level).report.assessments if row.id == refused.id) for level in LOWER}
    assert reasons[Level.PUBLIC] == WITHHELD
    assert reasons[Level.PARTNERS] != WITHHELD
    assert WITHHELD in reasons[Level.PARTNERS]
    assert redacted(planted, Level.PUBLIC).claim_records == {}
    record = next(iter(redacted(planted, Level.PARTNERS).claim_records.values()))
    assert "plots" in record.payload["details"]  # type: ignore[operator]
    assert "worst_errors" not in record.payload["details"]  # type: ignore[operator]


def row_kinds() -> set[type]:
    """The kinds of rows in a report and what a site has beside it."""
    found: set[type] = {PeriodReport, LedgerHead, SiteData}
    for hint in get_type_hints(PeriodReport).values():
        for kind in (hint, *get_args(hint)):
            if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__module__ != "averment.core.period":
                found.add(kind)
    return found


def test_every_field_of_every_row_has_a_level() -> None:
    """Whoever adds a field decides who may see it: the tables have the fields of every kind of row, and no others."""
    assert set(FIELDS) == row_kinds()
    for kind, table in FIELDS.items():
        assert set(table) == {field.name for field in dataclasses.fields(kind) if field.init}, kind.__name__


def test_a_field_that_no_level_knows_stops_the_build(planted: SiteData) -> None:
    """Rather nothing than a field that nobody thought of."""

    @dataclasses.dataclass(frozen=True)
    class Later(WaiverRow):
        ticket: str = EVERYWHERE

    (waiver,) = planted.report.waivers
    later = Later(**{field.name: getattr(waiver, field.name) for field in dataclasses.fields(waiver)})
    data = dataclasses.replace(planted, report=dataclasses.replace(planted.report, waivers=(later,)))
    with pytest.raises(IncompleteError, match=r"nobody decided at which level Later\.\w+ may be shown"):
        redacted(data, Level.PUBLIC)


def test_a_page_that_shows_a_name_all_the_same_is_not_published(planted: SiteData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a template get at what its level withholds, the build stops, names page and name, and writes nothing."""
    real = build.all_pages
    monkeypatch.setattr(build, "all_pages", lambda data: {**real(data), "law.md": f"# Law\n\nPut off by {OWNER.replace(' ', '&#32;')}.\n"})
    with pytest.raises(IncompleteError, match="would show 'olga plzantedsson'") as caught:
        build_site(planted, tmp_path / "site", level=Level.PARTNERS)
    assert "law.md" in str(caught.value.where)
    assert not (tmp_path / "site").exists()


TOLD = sorted(
    (kind.__name__, name)
    for kind, table in FIELDS.items()
    for name, how in table.items()
    if how in {Shown.SCRUBBED, Shown.TOLD, Shown.WITHHELD}
)
SAFE = st.sampled_from(["", "see ", "denied to ", "(", "x:", "‘"])
PLANTS = st.sampled_from([ARN, URI, ACCOUNT, MAIL, BUCKET, OWNER, REASON, f"{PLACE}:7", "9488-2771-6053", BUCKET.upper()])


def with_text(value: Any, text: str) -> Any:
    """``text`` in a place of the kind of ``value``."""
    if isinstance(value, Mapping):
        return {**value, text: [text, {"deeper": text}]}
    return (*value, text) if isinstance(value, tuple) else text


def plant(row: Any, target: tuple[str, str], text: str) -> Any:
    """``row`` with ``text`` in the field ``target`` (kind, field) of every row of that kind in it."""
    table = FIELDS[type(row)]
    changed = {}
    for name, how in table.items():
        value = getattr(row, name)
        if (type(row).__name__, name) == target:
            changed[name] = with_text(value, text)
        elif how is Shown.PART and value:
            changed[name] = tuple(plant(item, target, text) for item in value) if isinstance(value, tuple) else plant(value, target, text)
    return dataclasses.replace(row, **changed)


class TestAnyField:
    """Properties over every field that can hold text."""

    data: SiteData

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def view(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        file = tmp_path_factory.mktemp("any") / "averment.yaml"
        file.write_text(AVERMENT_YAML)
        cls.data = planted_view(load_organisation(file))

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(target=st.sampled_from(TOLD), before=SAFE, planted=PLANTS, after=SAFE, level=st.sampled_from(LOWER))
    def test_nothing_planted_survives(self, target: tuple[str, str], before: str, planted: str, after: str, level: Level) -> None:
        """Wherever in the data a name stands, and whatever stands around it, no lower level is handed it."""
        data = plant(self.data, target, f"{before}{planted} {after}")
        assert [text for text in strings(dataclasses.replace(redacted(data, level), rules=())) if leaked(text)] == []


@settings(max_examples=200, deadline=None)
@given(before=st.text(" .,;:()'\"", max_size=3), secret=PLANTS, after=st.text(" .,;:()'\"", max_size=3))
def test_scrubbing_twice_is_scrubbing_once(before: str, secret: str, after: str) -> None:
    """What is scrubbed has no name left, and scrubbing it again changes nothing."""
    scrubber = Scrubber([BUCKET, OWNER, REASON, PLACE, f"{PLACE}:7", "plzanted-role-9"])
    once = scrubber.text(f"{before}{secret}{after}")
    assert leaked(once) == []
    assert scrubber.text(once) == once


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("reach no scanner: aws_cloudwatch_event_rule.scan_ups: it's off", "reach no scanner: withheld: it's off"),
        ('module.shop["eu one"].data.aws_iam_policy_document.käufer[0].json of aws_s3_bucket', "withheld.json of aws_s3_bucket"),
        (
            "statement 'PixelpostDrops' allows '/preview/*', which isn't the shop's",
            "statement withheld allows withheld, which isn't the shop's",
        ),
    ],
)
def test_what_a_rule_names_beside_the_resource_is_withheld(said: str, told: str) -> None:
    """A finding tells of neighbours and statements by names that stand in no field of the data: a partner read another one's there."""
    assert Scrubber([]).text(said) == told


def test_shipped_text_stays_as_it_is() -> None:
    """A control's own words are no secret, whatever an organisation calls its buckets."""
    scrubber = Scrubber(["media", "uploads"], shipped={"No media from uploads."})
    assert scrubber.text("No media from uploads.") == "No media from uploads."
    assert scrubber.text("media from uploads-2") == f"{WITHHELD} from {WITHHELD}-2"


def test_level_comes_from_the_command_line_or_else_from_the_file(
    organisation: Organisation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--level`` wins over ``site.level`` of averment.yaml, which wins over internal; a level that isn't one is refused."""
    levels: list[Level] = []
    monkeypatch.setattr(build, "build_site", lambda _data, output, *, level, **_: levels.append(level) or output / "index.html")
    bare = organisation.root / "bare.yaml"
    bare.write_text("version: 1\n")
    assert run(["site", "build", "--config", str(organisation.file)]) == 0
    assert run(["site", "build", "--config", str(organisation.file), "--level", "public"]) == 0
    assert run(["site", "build", "--config", str(bare)]) == 0
    assert levels == [Level.PARTNERS, Level.PUBLIC, Level.INTERNAL]
    capsys.readouterr()
    assert run(["site", "build", "--level", "everybody"]) == 2
    assert "'everybody' is not one of 'public', 'partners', 'internal'" in capsys.readouterr().err


def test_what_mkdocs_is_handed_is_what_was_redacted(planted: SiteData, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages, tables, pictures and configuration of a lower level have no secret; those of internal do, so that the search for them is one."""
    monkeypatch.setattr(lists, "MOST", 1)  # so that there are tables of what doesn't stand on the pages
    monkeypatch.setattr(lists, "MOST_CHANGES", 0)
    planted = dataclasses.replace(planted, before=Before(parse_period("2026Q3"), {"SM-UPL-03": Status.SATISFIED}))
    for level in Level:
        files = written(redacted(planted, level), level)
        told = [path for path, data in files.items() if leaked(data.decode(errors="replace"))]
        assert bool(told) is (level is Level.INTERNAL), (level, told)
        tables = {"docs/changes.csv", "docs/controls/SM-UPL-03-drift.csv", "docs/controls/SM-UPL-03-findings.csv"}
        assert tables <= set(files)
        assert tables <= set(told) or level is not Level.INTERNAL


def test_the_page_on_the_site_says_what_each_level_shows() -> None:
    """The table names the three levels, and never lets the public see more than partners, or these more than the inside."""
    page = (Path(__file__).parents[2] / "governance" / "docs" / "site.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    order = ["left out", "withheld", "that it did", "numbered", "without names", "by name", "what and why", "yes"]
    assert rows[0][1:] == list(Level)
    assert len(rows) > 10
    for row in rows[2:]:
        assert [order.index(cell) for cell in row[1:]] == sorted(order.index(cell) for cell in row[1:]), row
