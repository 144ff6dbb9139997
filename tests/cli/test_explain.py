"""``averment explain`` knows every name that the product uses, and says what to ask instead where it doesn't."""

from __future__ import annotations

import ast
import json
from datetime import date
from pathlib import Path
from typing import Any

import click
import pytest

from averment.cli.explain import words
from averment.cli.explain.catalogue import Shelf
from averment.cli.explain.find import explained, names
from averment.cli.explain.provisions import matches, tokens
from averment.cli.main import run
from averment.controls import lint
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.core.words import ClaimVerdict, Status, Verdict
from averment.evidence.judging.states import Gap
from averment.policies.rules.registry import all_rules

CATALOGUE = load_catalogue()
SHELF = Shelf(Organisation(), CATALOGUE, date(2026, 12, 2))

BUCKET = """\
resource "aws_s3_bucket" "uploads" {
  bucket = "shop-uploads"
}
"""


def asked(capsys: pytest.CaptureFixture[str], *thing: str) -> list[dict[str, Any]]:
    """The topics that the program gives for ``thing``, as JSON."""
    assert run(["explain", *thing, "--format", "json"]) == 0
    topics: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["topics"]
    return topics


def test_no_name_means_two_things() -> None:
    """The first kind that knows a name answers for it, which hides nothing as long as no other kind has the name."""
    every = [name.lower() for name in names(SHELF)]
    assert sorted(name for name in set(every) if every.count(name) > 1) == []


def test_every_name_of_the_product_is_explained_as_what_it_is() -> None:
    """Controls, assessments, rules, laws with each provision, claims, collectors, runbooks, blueprints, words: none is a dead end."""
    for name in names(SHELF):
        topics = explained(name, SHELF, Path())
        assert any(topic.sections for topic in topics), name
        assert all(type(line) is str for topic in topics for part in topic.sections for line in part.lines), name
        assert name in {topic.id for topic in topics} | {topic.title for topic in topics}, name


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("50(2)", {"EU AI Act Art 50(2)"}),
        ("Art. 50(2)", {"EU AI Act Art 50(2)"}),
        ("AI Act 50 (2)", {"EU AI Act Art 50(2)"}),
        ("article 50(2) of the EU AI Act", {"EU AI Act Art 50(2)"}),
        ("eu-ai-act art-50-2", {"EU AI Act Art 50(2)"}),
        ("GDPR 9", {"GDPR Art 9"}),
        ("manage 3.1", {"NIST AI RMF MANAGE 3.1"}),
        ("52(3)", {"EU AI Act Art 3(60)", "EU AI Act Art 50(4)"}),  # the drafts' number
    ],
)
def test_an_article_is_found_however_people_write_it(written: str, meant: set[str]) -> None:
    """The number alone will do, with or without the law before or behind it, and so does the number of the drafts."""
    assert {f"{item.framework.title} {item.provision.label}" for item in matches(CATALOGUE, written)} == meant


def test_a_whole_article_of_the_drafts_is_all_of_its_paragraphs(capsys: pytest.CaptureFixture[str]) -> None:
    """The drafts' Article 52 was all of transparency: one paragraph that has its bare number doesn't stand for it."""
    meant = {item.provision.label for item in matches(CATALOGUE, "AI Act Article 52")}
    assert meant == {"Art 50(1)", "Art 50(2)", "Art 50(3)", "Art 50(4)", "Art 3(60)"}
    [topic] = asked(capsys, "Article 52")
    assert any(line.startswith("EU AI Act Art 50(4), draft Art 52(3): ") for line in topic["sections"][0]["lines"])


def test_what_others_wrote_is_told_and_not_obeyed_by_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An escape sequence in a framework's title or an overlay's reason is shown as such, on a terminal too, by each command that repeats it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frameworks").mkdir()
    (tmp_path / "frameworks" / "acme.yaml").write_text(
        "id: acme\ntitle: Acme\nfull_title: Acme\nversion: v1\nkind: standard\nsource: https://example.com/\nas_of: 2026-11-01\n"
        'provisions: {ac-1: {label: ac-1, title: "Access\\e[2K\\rnothing"}}\n'
    )
    (tmp_path / "averment.yaml").write_text(
        "version: 1\nframeworks: [frameworks]\noverlays:\n  SM-UPL-03:\n"
        '    reason: "until March\\e[2K\\rnothing"\n    severity: low\n    references: [{framework: "x\\e[2K", ref: y}]\n'
    )
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    for arguments in (
        ["explain", "acme ac-1", "--no-pager"],
        ["explain", "SM-UPL-03", "--no-pager"],
        ["controls", "diff"],
        ["controls", "lint"],
    ):
        run(arguments)
        shown = capsys.readouterr().out
        assert "\x1b[2K" not in shown
        assert "\r" not in shown
        assert "\\x1b[2K" in shown


def test_a_page_that_was_pasted_is_refused_at_once() -> None:
    """It is no name, and comparing it with all that there are would take minutes."""
    with pytest.raises(BadInputError, match="nothing has a name of 12,006 characters"):
        explained("50 2 " * 2400 + "AI Act", SHELF, Path())


def test_a_law_that_is_named_excludes_the_others() -> None:
    """ "GDPR 14" isn't Article 14 of the AI Act, though "14" alone is both."""
    assert {item.framework.id for item in matches(CATALOGUE, "14")} >= {"gdpr", "eu-ai-act"}
    assert {item.framework.id for item in matches(CATALOGUE, "GDPR 14")} == {"gdpr"}


def test_half_a_number_is_completed_and_not_guessed() -> None:
    """ "50" lists the paragraphs of Article 50; it is no other article that holds a 50."""
    found = matches(CATALOGUE, "Art 50")
    assert len(found) > 1
    assert all(tokens(item.provision.label)[0] == "50" and not item.exact for item in found)
    assert explained("Art 50", SHELF, Path())[0].kind == "list"


def test_a_control_is_told_with_its_law_assessments_and_rules(capsys: pytest.CaptureFixture[str]) -> None:
    """Case doesn't matter; the objective, each assessment, the standing of the law and the way on are there."""
    [topic] = asked(capsys, "sm-upl-03")
    control = CATALOGUE.get("SM-UPL-03")
    assert control is not None
    text = json.dumps(topic)
    assert topic["id"] == "SM-UPL-03"
    assert control.objective in text
    assert all(f"{item.id} ({item.method})" in text for item in control.assessments)
    assert "averment explain s3-put-object-gated" in topic["see"]


def test_the_names_of_an_incident_are_explained_contracts_among_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads at night that a duty may be due, or is asked for a fact, got "nothing is called so"."""
    (tmp_path / "averment.yaml").write_text(
        "version: 1\norganisation: {name: Shop}\n"
        "incidents: {contracts: [{id: partner-terms, with: Pixelpost, clause: '7.2', when: [third_party_access], within: 48h, role: procurement}]}\n"
    )
    monkeypatch.chdir(tmp_path)
    [duty] = asked(capsys, "partner-terms")
    told = {part["heading"]: part["lines"] for part in duty["sections"]}
    assert (duty["kind"], told["By"], told["Time"]) == ("duty in an incident", ["contract: 7.2"], ["48h from awareness"])
    [fact] = asked(capsys, "third_party_access")
    assert {part["heading"]: part["lines"] for part in fact["sections"]}["Decides on"] == ["partner-terms"]
    [warning] = asked(capsys, "nis2-early-warning")
    assert warning["title"] == "Send the early warning"
    [article, duty] = asked(capsys, "gdpr-33")  # as an article is written, and as a clock is called
    assert (article["kind"], duty["kind"], duty["id"]) == ("provision", "duty in an incident", "gdpr-33")
    told = {part["heading"]: part["lines"] for part in duty["sections"]}
    assert told["Hangs on"] == [
        "personal_data_breached: the security of personal data was breached: lost, changed, disclosed, or an account taken over"
    ]
    [article] = asked(capsys, "GDPR 33")
    assert article["kind"] == "provision"


@pytest.mark.parametrize(("day", "word"), [(date(2026, 12, 1), "has"), (date(2026, 12, 2), "had")])
def test_a_transition_that_is_over_is_told_as_past(day: date, word: str) -> None:
    """From the day on which the late ones are bound too, nobody has time any more."""
    [topic] = explained("AI Act 50(2)", Shelf(Organisation(), CATALOGUE, day), Path())
    lines = [line for item in topic.sections for line in item.lines]
    assert f"whoever is bound as provider {word} until 2026-12-02 if the profile says generators_before_august_2026: true" in lines


def test_a_provision_says_what_it_is_to_this_organisation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a profile the standing follows from its facts; without, it is open and names the fact that is missing."""
    monkeypatch.chdir(tmp_path)
    open_one = json.dumps(asked(capsys, "AI Act", "50(2)"))
    assert "the profile does not say whether it provides a generative AI system" in open_one
    (tmp_path / "averment.yaml").write_text("version: 1\norganisation:\n  name: Shop\n  profile: {provider: false}\n")
    stated = json.dumps(asked(capsys, "AI Act", "50(2)"))
    assert "For Shop, on" in stated
    assert "does not say whether it provides" not in stated


def test_what_a_rule_says_to_run_next_is_not_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Every rule sent its reader to its text in Guard 2; of most rules there is none, and the command exits with 2."""
    for rule in all_rules():
        (topic,) = explained(rule.id, SHELF, Path())
        for command in topic.see:
            if command.startswith("averment rules guard"):
                assert run(command.split()[1:]) == 0, command
    capsys.readouterr()
    assert "averment rules guard detector-endpoint-guarded" in asked(capsys, "detector-endpoint-guarded")[0]["see"]


def test_a_finding_is_explained_by_its_place_and_by_its_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the check shows can be asked about: file and line, or the fingerprint of a report, in full or its beginning."""
    (tmp_path / "infrastructure").mkdir()
    (tmp_path / "infrastructure" / "main.tf").write_text(BUCKET)
    monkeypatch.chdir(tmp_path)
    here = asked(capsys, "infrastructure/main.tf:1")
    assert {topic["kind"] for topic in here} == {"finding"}
    hardened = next(topic for topic in here if "averment explain media-bucket-hardened" in topic["see"])
    headings = {item["heading"]: item["lines"] for item in hardened["sections"]}
    assert "keeps no versions" in headings["What"][0]
    assert any("aws_s3_bucket_versioning" in line for line in headings["Fix"])
    waiver = (
        headings["To accept it"][0]
        .partition(": ")[2]
        .replace("<day>", "2099-01-01")
        .replace("<role>", "media")
        .replace("<why>", "it moves")
    )

    assert run(["check", "infrastructure", "-f", "json", "--exit-zero", "--no-cache"]) == 0
    printed = {item["fingerprint"] for item in json.loads(capsys.readouterr().out)["findings"]}
    assert hardened["id"] in printed
    assert asked(capsys, hardened["id"][:12]) == [hardened]

    (tmp_path / "infrastructure" / "main.tf").write_text(BUCKET.replace("{\n", f"{{ # {waiver}\n", 1))
    accepted = next(topic for topic in asked(capsys, "infrastructure/main.tf:1") if topic["id"] == hardened["id"])
    assert "it moves" in {item["heading"]: item["lines"] for item in accepted["sections"]}["Accepted by"][0]


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        ("SM-UPL-3", "did you mean SM-UPL-03"),
        ("media-bucket-hardend", "media-bucket-hardened"),
        ("robustnes", "robustness"),
        ("xyzzy", "averment controls list"),
        ("main.tf:9", "main.tf:1"),
        ("missing.tf:1", "from the same folder"),
        ("deadbeefdeadbeef", "--in"),
    ],
)
def test_what_nothing_is_called_exits_with_2_and_the_next_step(
    thing: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typo gets the nearest names, a line without a finding the lines that have one."""
    (tmp_path / "main.tf").write_text(BUCKET)
    monkeypatch.chdir(tmp_path)
    assert run(["explain", thing]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err.partition("fix:")[2]


def test_a_control_that_is_not_selected_is_said_to_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is told that SM-IDV-01 doesn't exist where the organisation left it out."""
    (tmp_path / "averment.yaml").write_text('version: 1\ncontrols: ["SM-UPL-*"]\n')
    monkeypatch.chdir(tmp_path)
    assert run(["explain", "SM-IDV-01"]) == 2
    assert "averment.yaml does not select" in capsys.readouterr().err


def test_every_word_of_a_result_is_explained() -> None:
    """The vocabularies and the page of words don't drift apart: a new status, gap or verdict needs its sentence."""
    for vocabulary, explained_words in (
        (Status, words.STATUSES),
        (Gap, words.GAPS),
        (Verdict, words.VERDICTS),
        (ClaimVerdict, words.CLAIM_VERDICTS),
    ):
        assert {str(item) for item in vocabulary} == set(explained_words)


def test_every_code_of_the_lint_is_explained_and_no_other() -> None:
    """The codes are those that the source of ``controls lint`` gives."""
    tree = ast.parse(Path(lint.__file__).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "LintProblem"]
    codes = {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}
    assert codes - set(words.LINT) == set()
    assert set(words.LINT) - codes == {f"unknown-{kind}" for kind in ("rule", "collector", "claim-type", "runbook", "blueprint")}


def test_a_long_answer_is_paged_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What is longer than the terminal goes through the pager there; a pipe, or --no-pager, gets it at once and uncoloured."""
    paged: list[str] = []
    monkeypatch.setattr(click, "echo_via_pager", lambda text, **_: paged.append(text))
    assert run(["explain", "eu-ai-act"]) == 0
    piped = capsys.readouterr().out
    assert "\x1b" not in piped
    assert not paged
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert run(["explain", "eu-ai-act"]) == 0
    assert paged
    assert "Art 50(2)" in paged[0]
