"""``averment.api.check``: results, exceptions, and that the command says the same. The configurations are written here."""

from __future__ import annotations

import pickle
import re
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from averment import api
from averment.cli.main import run

OPEN = 'resource "aws_s3_bucket" "uploads" {\n  bucket = "shop-uploads"\n}\n'
OPEN_QUESTION = (
    OPEN + 'resource "aws_s3_bucket_notification" "uploads" {\n  bucket      = aws_s3_bucket.uploads.id\n  eventbridge = true\n}\n'
)
NOTHING_OF_MEDIA = 'resource "aws_sns_topic" "news" {\n  name = "news"\n}\n'


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an upload bucket, and a working directory that is another one."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "main.tf").write_text(OPEN)
    return folder


def test_findings_come_as_values_and_nothing_is_printed(shop: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A finding has its rule, place and fix; the conclusion is the command's exit code; both streams stay empty."""
    checked = api.check(shop, rules=["media-bucket-events-scanned"])
    (finding,) = checked.failures
    assert (finding.rule, finding.verdict, finding.severity) == ("media-bucket-events-scanned", api.Verdict.FAIL, api.Severity.HIGH)
    assert str(finding.where) == f"{shop / 'main.tf'}:1"
    assert finding.fix is not None
    assert (checked.conclusion, checked.conclusion.exit_code) == (api.Conclusion.FINDINGS, 1)
    assert "1 of 1 S3 buckets are taken for media" in checked.notes[0]
    assert capfd.readouterr() == ("", "")


def test_a_result_comes_out_of_another_process(shop: Path) -> None:
    """Many repositories are checked side by side in processes: what a worker found could not be handed back, for one rule's sake."""
    checked = api.check(shop)
    copy = pickle.loads(pickle.dumps(checked))
    assert (copy.findings, copy.conclusion) == (checked.findings, checked.conclusion)
    assert copy.render("json") == checked.render("json")
    with pytest.raises(api.BadInputError) as refused:
        api.check(shop / "nowhere")
    assert pickle.loads(pickle.dumps(refused.value)).diagnostics() == refused.value.diagnostics()


def test_a_result_with_a_rule_of_ones_own_comes_out_of_another_process(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the process that checked has loaded the rule's code: in a pool of spawned ones whoever waited for the result did so for ever."""
    assert run(["rules", "new", "bucket-has-owner", "--output", "own"]) == 0
    checked = api.check(shop, rule_folders=["own"])
    handed = pickle.dumps(checked)
    for name in [name for name in sys.modules if name.startswith("averment_rules_")]:
        monkeypatch.delitem(sys.modules, name)
    copy = pickle.loads(handed)
    assert "bucket-has-owner" in {finding.rule for finding in copy.findings}
    for form in ("json", "sarif", "table"):
        assert copy.render(form) == checked.render(form)


def test_the_command_says_the_same(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Findings, counts and notes of the JSON that the command prints are those of the function, and so is the exit code."""
    checked = api.check(shop)
    code = run(["check", str(shop), "-f", "json", "--no-cache"])
    assert capsys.readouterr().out == checked.render("json")
    assert code == checked.conclusion.exit_code == 1


def test_what_can_not_be_read_is_never_clean(shop: Path) -> None:
    """A broken file makes the check incomplete, though nothing else is wrong; so does an unknown when it is asked to count."""
    (shop / "main.tf").write_text(NOTHING_OF_MEDIA)
    assert api.check(shop).conclusion is api.Conclusion.CLEAN
    (shop / "broken.tf").write_text('resource "aws_s3_bucket" {{{\n')
    checked = api.check(shop)
    assert (checked.conclusion, checked.failures) == (api.Conclusion.INCOMPLETE, ())
    assert str(checked.problems[0].where).startswith(str(shop / "broken.tf"))
    (shop / "broken.tf").unlink()
    (shop / "main.tf").write_text(OPEN_QUESTION)
    one_rule = ["media-bucket-events-scanned"]
    assert api.check(shop, rules=one_rule).conclusion is api.Conclusion.CLEAN
    strict = api.check(shop, rules=one_rule, fail_on=api.FailOn.UNKNOWN)
    assert strict.conclusion is api.Conclusion.FINDINGS
    assert "no rule on them is part of what was read" in strict.unknowns[0].message


def test_settings_come_from_the_nearest_file_or_from_the_caller(shop: Path, tmp_path: Path) -> None:
    """The file beside the first path holds; a file, a folder and loaded settings are as good; a wrong file is refused with its line."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "averment.yaml").write_text("version: 1\ncheck: {fail_on: never}\n")
    given = [
        other,
        str(other / "averment.yaml"),
        api.load_organisation(other / "averment.yaml"),
        api.load_organisation(str(other / "averment.yaml")),
    ]
    assert [api.check(shop, organisation=item).conclusion for item in given] == [api.Conclusion.CLEAN] * len(given)
    (shop / "averment.yaml").write_text("version: 1\ncheck: {fail_on: sometimes}\n")
    with pytest.raises(api.BadInputError) as refused:
        api.check(shop)
    assert refused.value.where is not None
    assert refused.value.where.line == 2


def test_baselines_skips_and_changes_narrow_what_counts(shop: Path) -> None:
    """As the options of the command do, by the same names."""
    assert run(["check", str(shop), "--write-baseline", str(shop / "known.json")]) == 0
    known = api.check(shop, baseline=shop / "known.json")
    assert (known.conclusion, known.failures) == (api.Conclusion.CLEAN, ())
    assert {finding.baseline for finding in known.findings if finding.verdict is api.Verdict.FAIL} != {None}
    (shop / "averment.yaml").write_text("version: 1\ncheck: {baseline: known.json}\n")
    assert api.check(shop).conclusion is api.Conclusion.CLEAN
    assert api.check(shop, use_baseline=False).conclusion is api.Conclusion.FINDINGS
    with pytest.raises(api.BadInputError, match="nothing to check"):
        api.check(shop, skip=["*.tf"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"rules": ["no-such-rule"]}, "no rule and no control matches"),
        ({"baseline": "known.json", "use_baseline": False}, "none is to be used"),
        ({"rule_folders": ["rules"], "own_rules": False}, "only those that ship"),
        ({"engine": "other"}, "no engine 'other'"),
        ({"changed_since": "main"}, "needs a Git repository"),
        ({"rules": "s3-put-object-gated"}, r"rules is one text, .*fix: write rules=\['s3-put-object-gated'\]"),
        ({"skip": "examples/*"}, "skip is one text"),  # whose "*" would leave out everything
        ({"rule_folders": "rules"}, "rule_folders is one text"),
        ({"skip": None}, "skip is None, where several texts are expected"),
        ({"rules": 3}, "rules is of the type int, where several texts are expected"),
        ({"changed_since": 3}, "changed_since is of the type int, where a text or a Path is expected"),
        ({"cache": 3}, "cache is of the type int, where a text or a Path is expected"),
        ({"fail_on": "unkown"}, "'unkown' can't be fail_on.*choose one of: fail, unknown, never"),
        ({"severity": "grave"}, "'grave' can't be severity"),
    ],
)
def test_wrong_use_is_refused(shop: Path, arguments: dict[str, object], said: str) -> None:
    """Arguments that contradict each other, or name nothing, are an exception, which says what to do."""
    with pytest.raises(api.BadInputError) as error:
        api.check(shop, **arguments)  # type: ignore[arg-type]
    assert re.search(said, " ".join(error.value.diagnostics().split()))


def test_a_list_of_paths_is_refused(shop: Path) -> None:
    """It was a bare TypeError, with which Python ends as a check does that has findings."""
    with pytest.raises(api.BadInputError, match="a path is of the type list") as error:
        api.check([shop])  # type: ignore[arg-type]
    assert error.value.fix == "hand over one; where several are taken they come one by one, as in check(*paths)"


@pytest.mark.parametrize("name", ["severity", "fail_on"])
def test_a_type_checker_takes_words_written_as_text(name: str) -> None:
    """What the page promises has to pass ``mypy --strict``, as it promises too."""
    assert str in get_args(get_type_hints(api.check)[name])


def test_words_may_be_written_as_text(shop: Path) -> None:
    """``fail_on="unknown"`` made an open question clean, since it was no ``FailOn``; ``severity="high"`` was no sentence at all."""
    (shop / "main.tf").write_text(OPEN_QUESTION)
    by_word = api.check(shop, rules=["media-bucket-events-scanned"], fail_on="unknown")  # type: ignore[arg-type]
    assert (by_word.fail_on, by_word.failures) == (api.FailOn.UNKNOWN, ())
    assert by_word.unknowns
    assert by_word.conclusion is api.Conclusion.FINDINGS
    assert api.check(shop, severity="critical").failures == ()  # type: ignore[arg-type]


def test_paths_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    """Nothing to look at is never clean."""
    with pytest.raises(api.BadInputError, match="does not exist"):
        api.check(tmp_path / "nowhere")
    with pytest.raises(api.BadInputError, match="a path is empty"):  # a variable that isn't set: the working directory was checked
        api.check("")


def test_a_missing_part_is_named(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkov isn't installed beside this program: the exception says what installs it."""
    for name in [name for name in sys.modules if name.split(".")[0] == "checkov"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "checkov", None)
    with pytest.raises(api.MissingExtraError) as missing:
        api.check(shop, engine="checkov")
    assert missing.value.fix == "pip install 'averment[checkov]'"


def test_a_cache_is_kept_only_where_the_caller_says(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own cache stays untouched; in a folder that is named, the second check recalls, and finds the same."""
    monkeypatch.setenv("AVERMENT_CACHE_DIR", str(tmp_path / "user"))
    assert api.check(shop).failures
    assert not (tmp_path / "user").exists()
    first, second = (api.check(shop, cache=tmp_path / "mine") for _ in range(2))
    assert first.findings == second.findings
    assert any((tmp_path / "mine").rglob("*"))
