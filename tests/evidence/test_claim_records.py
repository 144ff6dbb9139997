"""From claims to records: what was asked, what came of it, and what couldn't be tested."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from averment.controls.model import Assessment, Catalogue, Control
from averment.core.errors import BadInputError, ExitCode, IncompleteError, MissingExtraError
from averment.core.organisation import Organisation
from averment.core.source import SourceRef
from averment.core.words import ClaimVerdict, Method, Severity
from averment.detector.claims.interface import ClaimContext, ClaimResult, Interval
from averment.detector.credentials.authority import TestAuthority
from averment.detector.interface import Detector
from averment.evidence.claims import AskedClaim, Outcome, asked_claims, claim_context, claim_record, exit_code, prove
from averment.evidence.record import Gathering, Kind, Record

NOW = datetime(2026, 10, 5, 9, 30, tzinfo=UTC)
SPEC = {"type": "disclosure-coverage", "population": "published-media", "at_least": 0.99}


def control(control_id: str, **claims: dict[str, Any]) -> Control:
    assessments = tuple(Assessment(name, Method.TEST, claim=spec) for name, spec in claims.items())
    examined = Assessment("iac", Method.EXAMINE, policy="some-rule")
    return Control(
        control_id, "t", "o", Severity.HIGH, "owner", "continuous", "r", (), (examined, *assessments), where=SourceRef("c.yaml", 3)
    )


CATALOGUE = Catalogue((control("SM-PRV-01", coverage=SPEC, other=SPEC), control("SM-DET-03", validated=SPEC), control("SM-UPL-03")), {})


def ids(names: Sequence[str]) -> list[str]:
    return [claim.id for claim in asked_claims(lambda: CATALOGUE, names)]


def result(verdict: ClaimVerdict) -> ClaimResult:
    interval = Interval(0.98, 1.0, 0.9, "Clopper-Pearson")
    inputs = {"where": "s3://shop/generated/", "count": 900, "frame": "f" * 64}
    return ClaimResult("disclosure-coverage", "at least 99 %", verdict, "because", 0.995, interval, 0.99, 300, 300, 7, inputs=inputs)


def asked(assessment: str = "coverage") -> AskedClaim:
    return next(claim for claim in asked_claims(lambda: CATALOGUE, ["SM-PRV-01"]) if claim.id.endswith(assessment))


def test_claims_are_found_by_control_by_assessment_or_all() -> None:
    """A control may state several; naming one twice tests it once."""
    assert ids([]) == ["SM-PRV-01/coverage", "SM-PRV-01/other", "SM-DET-03/validated"]
    assert ids(["SM-PRV-01"]) == ["SM-PRV-01/coverage", "SM-PRV-01/other"]
    assert ids(["SM-DET-03/validated", "SM-DET-03"]) == ["SM-DET-03/validated"]


@pytest.mark.parametrize("name", ["SM-XXX-01", "SM-UPL-03", "SM-PRV-01/missing"])
def test_a_name_without_a_claim_is_refused_with_the_known_ones(name: str) -> None:
    """Testing nothing in silence would look like success."""
    with pytest.raises(BadInputError, match=name) as caught:
        ids([name])
    assert "SM-DET-03/validated" in str(caught.value.fix)


def test_files_state_claims_of_their_own(tmp_path: Path) -> None:
    """One mapping, or a list under ``claims``; the catalogue isn't even loaded."""
    one, many = tmp_path / "one.yaml", tmp_path / "many.yml"
    one.write_text("type: disclosure-coverage\npopulation: p\nat_least: 0.99\n")
    many.write_text(
        "claims:\n  - {type: disclosure-coverage, population: p, at_least: 0.9}\n  - {type: disclosure-coverage, population: q, at_least: 0.8}\n"
    )

    def never() -> Catalogue:
        raise AssertionError("the catalogue was loaded")

    found = asked_claims(never, [str(one), str(many)])
    assert [claim.spec["at_least"] for claim in found] == [0.99, 0.9, 0.8]
    assert [claim.id for claim in found] == [f"{one}:1", f"{many}:2", f"{many}:3"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("claims:\n  - {type: disclosure-coverage, population: p, at_least: 7}\n", 2, "at_least is 7"),
        ("claims:\n  - [a]\n", 2, "is not a claim"),
        ("clams: []\n", 1, "is not a claim"),
        ("claims: []\n", 1, "states no claim: the list claims is empty"),
        ("claims: []\nmore: 1\n", 2, "unknown key 'more'"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    """Before any claim runs."""
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(BadInputError, match=message) as caught:
        asked_claims(lambda: CATALOGUE, [str(path)])
    assert caught.value.where == SourceRef(str(path), line)


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ("{type: latency, population: p, at_most: x}", "c.yaml:1: at_most is 'x'"),
        (
            "{type: latency, population: p, at_most: 9}, {type: latency, population: p, at_most: x}",
            "c.yaml:1: claim 2 of this line: at_most is 'x'",
        ),
    ],
)
def test_a_bad_statement_in_a_file_names_its_place_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claims: str, told: str) -> None:
    """As the terminal shows it; the second on a line is told from the first."""
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(f"claims: [{claims}]\n")
    with pytest.raises(BadInputError) as caught:
        asked_claims(lambda: CATALOGUE, ["c.yaml"])
    assert caught.value.diagnostics().splitlines()[0] == told


def test_a_bad_statement_in_a_control_names_the_control() -> None:
    """File and line of the control, and the assessment."""
    bad = Catalogue((control("SM-DET-03", validated={"type": "nonsense"}),), {})
    with pytest.raises(BadInputError, match="SM-DET-03/validated: there is no claim of type 'nonsense'") as caught:
        asked_claims(lambda: bad, [])
    assert str(caught.value.where) == "c.yaml:3"


def test_a_result_becomes_a_record_that_round_trips() -> None:
    """Kind, control, population and the statement as asked; the same facts give the same id."""
    record = claim_record(Outcome(asked(), result(ClaimVerdict.SUPPORTED)), now=NOW)
    assert (record.kind, record.gathering, record.controls) == (Kind.CLAIM, Gathering.COLLECTED, ("SM-PRV-01/coverage",))
    assert record.source == "s3://shop/generated/"
    assert record.query == {"claim": SPEC, "seed": 7}
    assert record.payload == result(ClaimVerdict.SUPPORTED).to_json()
    assert record.population is not None
    assert (record.population.total, record.population.examined) == (900, 300)
    assert Record.from_json(record.to_json()) == record
    assert claim_record(Outcome(asked(), result(ClaimVerdict.SUPPORTED)), now=NOW).id == record.id


def test_a_claim_that_could_not_be_tested_is_recorded_with_its_reason() -> None:
    """So that the control shows as not assessed, not as forgotten."""
    record = claim_record(Outcome(asked(), None, IncompleteError("S3 is out of reach", fix="sign in")), now=NOW)
    assert record.gathering is Gathering.COULD_NOT
    assert record.reason is not None
    assert "S3 is out of reach" in record.reason
    with pytest.raises(ValueError, match="error"):
        claim_record(Outcome(asked(), None), now=NOW)


def test_one_claim_that_fails_doesnt_stop_the_others(tmp_path: Path) -> None:
    """The unknown population of the first is told; the second still runs."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "anchors.pem").write_bytes(TestAuthority.create().anchors)
    claims = [AskedClaim({**SPEC, "population": name}, SourceRef("f")) for name in ("unknown", "known")]
    context = ClaimContext(populations={"known": "empty"}, root=tmp_path, trust_anchors=tmp_path / "anchors.pem")
    first, second = prove(claims, context, lambda: pytest.fail("no detector is needed"))
    assert first.error is not None
    assert "unknown" in first.error.message
    assert second.result is not None
    assert exit_code([first, second]) is ExitCode.INCOMPLETE


def test_a_detector_that_doesnt_open_fails_its_claims_only() -> None:
    """With its own reason."""

    def broken() -> Detector:
        raise IncompleteError("no such endpoint")

    spec = {"type": "performance", "metric": "auc", "attack": "synthetic-image", "population": "reference-corpus", "at_least": 0.8}
    (outcome,) = prove([AskedClaim(spec, SourceRef("f"))], ClaimContext(), broken)
    assert outcome.error is not None
    assert outcome.error.message == "no such endpoint"


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([ClaimVerdict.SUPPORTED], ExitCode.CLEAN),
        ([ClaimVerdict.SUPPORTED, ClaimVerdict.INCONCLUSIVE], ExitCode.INCOMPLETE),
        ([ClaimVerdict.SUPPORTED, None], ExitCode.INCOMPLETE),
        ([None, ClaimVerdict.REFUTED, ClaimVerdict.SUPPORTED], ExitCode.FINDINGS),
        ([], ExitCode.INCOMPLETE),
    ],
)
def test_the_exit_code_is_the_worst_that_was_found(verdicts: list[ClaimVerdict | None], code: ExitCode) -> None:
    """Refuted outweighs open, open outweighs supported, and nothing tested isn't clean."""
    outcomes = [Outcome(asked(), result(v)) if v else Outcome(asked(), None, IncompleteError("x")) for v in verdicts]
    assert exit_code(outcomes) is code


def test_places_come_from_the_organisation_and_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file's places are relative to the file, the caller's to where the caller stands; the caller wins."""
    organisation = Organisation(
        root=tmp_path, parameters={"populations": {"a": "media/a", "b": "s3://x/y"}, "trust_anchors": "anchors.pem"}
    )
    monkeypatch.chdir(tmp_path.parent)
    context = claim_context(organisation, {"b": "here"}, seed=9)
    assert context.populations == {"a": "media/a", "b": str(tmp_path.parent / "here")}
    assert (context.root, context.trust_anchors, context.seed) == (tmp_path, tmp_path / "anchors.pem", 9)
    assert claim_context(organisation, {}, trust=Path("mine.pem")).trust_anchors == Path("mine.pem")
    with pytest.raises(BadInputError, match="populations"):
        claim_context(Organisation(parameters={"populations": ["a"]}), {})
    with pytest.raises(BadInputError, match="trust_anchors"):
        claim_context(Organisation(parameters={"trust_anchors": 1}), {})


def test_without_the_extra_nothing_is_recorded_as_untestable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing package is the installation's flaw and says what to install; it isn't a fact about the claim."""
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingExtraError, match="scipy") as caught:
        list(prove([asked()], ClaimContext(), lambda: pytest.fail("not needed")))
    assert "averment[detector]" in str(caught.value.fix)


def test_what_a_result_names_of_media_is_told_without_addresses_wherever_it_stands() -> None:
    """The list of all media was, and the one of those that aren't marked, which is what a reader looks at, came into packages as sellers call them."""
    names = ["ada@example.com.png", "bob@example.org.png"]
    details: dict[str, Any] = {
        "media": [{"population": "p", "name": name, "sha256": "a" * 64} for name in names],
        "unmarked": [*reversed(names), "c.png"],
        "cells": [{"name": "group=dan@example.net", "rate": 0.5}],
        "environment": {"opencv": "4.10.0.84"},
        "detector_opened_as": "http://10.0.0.7/score",
    }
    refuted = replace(result(ClaimVerdict.REFUTED), details=details)
    record = claim_record(Outcome(asked(), refuted, None), now=NOW)
    told = record.payload["details"]
    assert [row["name"] for row in told["media"]] == ["[e-mail address]", "[e-mail address] (2)"]
    assert told["unmarked"] == ["[e-mail address] (2)", "[e-mail address]", "c.png"]
    assert told["cells"] == [{"name": "group=[e-mail address]", "rate": 0.5}]
    assert {name: told[name] for name in ("environment", "detector_opened_as")} == {
        name: details[name] for name in ("environment", "detector_opened_as")
    }
    assert record.redactions == ("e-mail address: 3",)
