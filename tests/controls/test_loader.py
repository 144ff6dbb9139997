"""The loader: what is shipped loads, and what is broken says where and how to mend it."""

from __future__ import annotations

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from averment.controls.frameworks import load_frameworks
from averment.controls.loader import load_catalogue, load_controls
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation, load_organisation

# Written for these tests: a control with an assessment of every kind, one key a line so that lines can be counted.
GOOD = """\
id: SM-TST-01
title: A control for tests
objective: Something about media must be true, always.
severity: high
owner: platform-security
cadence: daily
rationale: Without it, something would go wrong that nobody wants to happen.
references:
  - {framework: eu-ai-act, ref: art-50-2, basis: conditional, condition: it provides a generator, when: [provider]}
assessments:
  - {id: iac, method: EXAMINE, policy: some-rule, max_age: 31d}
  - {id: runtime, method: EXAMINE, collector: config-compliance, policy: some-rule, max_age: 24h}
  - {id: counted, method: EXAMINE, collector: media-states, expect: {field: summary.count, at_most: 0}, max_age: 24h}
  - {id: claimed, method: TEST, claim: {type: disclosure-coverage, population: all, at_least: 0.9, confidence: 0.95}, max_age: 31d}
  - {id: asked, method: INTERVIEW, attestation: {role: procurement, question: "Is all of it in order?", valid_for: 365d}}
remediation:
  steps: [Do what has to be done.]
"""


def write(folder: Path, text: str, name: str = "TST/SM-TST-01.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    return folder


def test_what_ships_is_read_once_and_added_to_by_nobody() -> None:
    """A service loads the controls for each request: what ships is parsed for the first of them, and what an organisation adds stays its own."""
    assert load_controls() is load_controls()
    assert load_controls()[0] is load_catalogue().controls[0]
    load_frameworks().clear()
    assert load_frameworks()
    assert next(iter(load_frameworks().values())) is next(iter(load_frameworks().values()))


def test_good_control_loads_whole(tmp_path: Path) -> None:
    """Every kind of assessment arrives with its fields, and the control knows its file and line."""
    (control,) = load_controls(write(tmp_path, GOOD))
    assert [item.id for item in control.assessments] == ["iac", "runtime", "counted", "claimed", "asked"]
    assert control.assessments[1].collector == "config-compliance"
    assert control.assessments[1].max_age is not None
    assert control.assessments[1].max_age.total_seconds() == 86400
    assert control.assessments[2].expect == {"field": "summary.count", "at_most": 0}
    assert control.assessments[4].attestation == {"role": "procurement", "question": "Is all of it in order?", "valid_for": "365d"}
    assert control.references[0].when == ("provider",)
    assert control.assessments[2].needs == ()
    assert control.family == "TST"
    assert str(control.where) == f"{tmp_path}/TST/SM-TST-01.yaml:1"
    assert str(control.assessments[4].where) == f"{tmp_path}/TST/SM-TST-01.yaml:15"


BROKEN = [
    # what is replaced, by what, the line, the message, the fix
    ("severity: high", "severity: grave", 4, "severity: 'grave' is not one of ['critical', 'high', 'medium', 'low']", "write critical,"),
    ("owner: platform-security\n", "", 1, "the document: 'owner' is a required property", None),
    ("cadence: daily", "cadense: daily", 6, "unknown key 'cadense' in the document (and 1 more)", "known keys: assessments, cadence"),
    ("id: SM-TST-01", "id: sm-tst-1", 1, "id: 'sm-tst-1' does not match", "write prefix, family and number: SM-UPL-03"),
    ("basis: conditional", "basis: maybe", 9, "references.0.basis: 'maybe' is not one of", "write binding, conditional or voluntary"),
    (", condition: it provides a generator", "", 9, "references.0: 'condition' is a required property", "a conditional reference says"),
    ("when: [provider]", "when: [seller]", 9, "references.0.when.0: 'seller' is not one of", "a fact of the organisation's profile"),
    (
        "max_age: 24h}\n  - {id: counted",
        "max_age: soon}\n  - {id: counted",
        12,
        "assessments.1.max_age: 'soon' does not match",
        "write a whole",
    ),
    ("policy: some-rule, max_age: 31d", "max_age: 31d", 11, "assessments.0: 'policy' is a required property", "EXAMINE needs a policy"),
    ("policy: some-rule, max_age: 24h", "policy: some-rule", 12, "assessments.1: 'max_age' is a required property", "say how old"),
    (", expect: {field: summary.count, at_most: 0}", "", 13, "assessments.2: 'expect' is a required property", "a collector never judges"),
    ("at_most: 0}", "at_most: none}", 13, "assessments.2.expect.at_most: 'none' is not of type 'number'", None),
    ("at_most: 0}", "at_most: 0, at_least: 0}", 13, "assessments.2.expect: ", "with each only beside at_most"),
    (
        "at_most: 0}",
        "at_least: 1, each: rows}",
        13,
        "assessments.2.expect: 'at_most' is a dependency of 'each'",
        "with each only beside at_most",
    ),
    (
        "at_most: 0}, max",
        "at_most: 0}, needs: [Signing keys], max",
        13,
        "assessments.2.needs.0: 'Signing keys' does not match",
        "a parameter of averment.yaml",
    ),
    (
        "policy: some-rule, max_age: 31d",
        "policy: some-rule, needs: [alarms.watching], max_age: 31d",
        11,
        "assessments.0: 'expect' is a required property",
        "needs goes with expect",
    ),
    (
        "confidence: 0.95",
        "confidence: 95",
        14,
        "assessments.3.claim.confidence: 95 is greater than the maximum of 0.9999",
        "a confidence above 0.5",
    ),
    ("method: TEST, ", "method: TEST, policy: some-rule, ", 14, "assessments.3: 'policy' is not one of", "TEST is driven by a claim alone"),
    (
        "valid_for: 365d}}",
        "valid_for: 365d}, max_age: 1d}",
        15,
        "assessments.4: 'max_age' is not one of",
        "how long it holds is its valid_for",
    ),
    ("method: INTERVIEW", "method: ASK", 15, "assessments.4.method: 'ASK' is not one of", "write EXAMINE, TEST or INTERVIEW"),
    ("id: asked", "id: iac", 15, "the assessment 'iac' stands twice", "give it another id"),
    ("cadence: daily", "cadence: daily\ncadence: weekly", 7, "the key 'cadence' stands twice", "keep one of them"),
    (
        "title: A control",
        "title: !!python/name:os.system A control",
        2,
        "is not valid YAML: the tag tag:yaml.org,2002:python/name:os.system",
        None,
    ),
    ("severity: high", "severity: [high", 5, "is not valid YAML", None),
    ("id: SM-TST-01", "id: SM-TST-02", 1, "the control 'SM-TST-02' stands in TST/SM-TST-01.yaml", "move it to TST/SM-TST-02.yaml"),
]


@pytest.mark.parametrize(("old", "new", "line", "message", "fix"), BROKEN, ids=[entry[3][:40] for entry in BROKEN])
def test_broken_control_names_file_line_and_fix(tmp_path: Path, old: str, new: str, line: int, message: str, fix: str | None) -> None:
    """Each way of breaking a control is reported at its own line, in words, with what to write instead."""
    assert old in GOOD
    with pytest.raises(BadInputError) as caught:
        load_controls(write(tmp_path, GOOD.replace(old, new, 1)))
    error = caught.value
    assert error.where is not None
    assert (error.where.file, error.where.line) == (f"{tmp_path}/TST/SM-TST-01.yaml", line)
    assert error.message.startswith(message), error.message
    if fix is not None:
        assert error.fix is not None
        assert fix in error.fix


def test_same_id_twice_is_refused(tmp_path: Path) -> None:
    """Two files with one id would hide each other: the second is named, and so is the first."""
    write(tmp_path, GOOD)
    write(tmp_path, GOOD, "ZZZ/SM-TST-01.yaml")
    with pytest.raises(BadInputError, match=r"already used in .*TST/SM-TST-01.yaml:1"):
        load_controls(tmp_path)


def test_order_of_keys_does_not_matter(tmp_path: Path) -> None:
    """A control is the same in whatever order its keys are written."""
    (first,) = load_controls(write(tmp_path / "a", GOOD))
    value = yaml.safe_load(GOOD)
    for number, keys in enumerate(itertools.islice(itertools.permutations(value), 0, None, 50_000)):
        text = yaml.safe_dump({key: value[key] for key in keys}, sort_keys=False)
        (other,) = load_controls(write(tmp_path / str(number), text))
        assert (other.objective, other.references, other.assessments) == (first.objective, first.references, first.assessments)


def test_selection_takes_ids_and_patterns_and_says_what_is_left_out() -> None:
    """``controls: [SM-UPL-*, SM-DET-03]`` selects these; the rest is listed as left out, not lost."""
    catalogue = load_catalogue(Organisation(controls=("SM-UPL-*", "SM-DET-03")))
    ids = [control.id for control in catalogue]
    assert ids == sorted(ids)
    assert "SM-DET-03" in ids
    assert {control.family for control in catalogue} == {"UPL", "DET"}
    assert set(catalogue.left_out) == {control.id for control in load_catalogue()} - set(ids)


def test_selection_that_matches_nothing_names_the_line(tmp_path: Path) -> None:
    """A pattern with a typing error would silently assess nothing, so it is an error at its line."""
    file = tmp_path / "averment.yaml"
    file.write_text("version: 1\ncontrols:\n  - SM-UPL-*\n  - SM-UPP-01\n")
    with pytest.raises(BadInputError, match="'SM-UPP-01' selects no control") as caught:
        load_catalogue(load_organisation(file))
    assert str(caught.value.where) == f"{file}:4"


FRAMEWORK = """\
id: law
title: A Law
full_title: A law for tests
version: "1"
kind: law
source: https://example.org/law
as_of: "2026-11-22"
provisions:
  art-1:
    label: Art 1
    title: What it says
    applies_from: "2026-02-30"
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("kind: law", "kind: treaty", 5, "kind: 'treaty' is not one of"),
        ("    label: Art 1\n", "", 9, "provisions.art-1: 'label' is a required property"),
        ("", "", 12, "'2026-02-30' is not a day"),
        ("id: law", "id: bill", 1, "the id 'bill' is not the file's name"),
        ("https://example.org", "http://example.org", 6, "source: 'http://example.org/law' does not match"),
        ("example.org/law", "example.org/a law", 6, "source: 'https://example.org/a law' does not match"),
    ],
)
def test_broken_framework_names_file_and_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    """Frameworks are data that lawyers edit: their errors have a line as well."""
    text = FRAMEWORK.replace(old, new, 1)
    (tmp_path / "law.yaml").write_text(text if "02-30" in message else text.replace("02-30", "02-28"))
    with pytest.raises(BadInputError) as caught:
        load_frameworks(tmp_path)
    assert caught.value.message.startswith(message)
    assert caught.value.where is not None
    assert (caught.value.where.file, caught.value.where.line) == (f"{tmp_path}/law.yaml", line)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # how fast the machine is says nothing about the loader
@given(st.data())
def test_whatever_is_broken_is_reported_and_never_crashes(data: st.DataObject) -> None:
    """A control with any lines cut, doubled or replaced either loads or is refused with a place; there is no other outcome."""
    lines = GOOD.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(lines) - 1))
        change = data.draw(st.sampled_from(["cut", "double", "text", "indent"]))
        if change == "cut" and len(lines) > 1:
            del lines[index]
        elif change == "double":
            lines.insert(index, lines[index])
        elif change == "text":
            lines[index] = lines[index][: data.draw(st.integers(0, 30))] + data.draw(st.text(max_size=12))
        else:
            lines[index] = "  " + lines[index]
    places = []
    with TemporaryDirectory() as folder:
        try:
            load_controls(write(Path(folder), "\n".join(lines)))
        except BadInputError as error:
            places.append(error.where)
    assert None not in places
