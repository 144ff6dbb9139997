"""Rules of the user's own: scaffolded, loaded from a folder or a package, tested on their cases; never silently absent."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from averment.cli.main import run as averment
from averment.core.errors import BadInputError, IncompleteError
from averment.policies import own_rules
from averment.policies.own_rules import packaged_rules, rules_in, with_own
from averment.policies.rules.registry import all_rules

TEXT = """\
from averment.core.words import Severity
from averment.policies.interface import PASS, Rule

RULE = Rule("{id}", "t", Severity.LOW, ("AWS::S3::Bucket",), lambda bucket, context: PASS, "r")
"""


@pytest.fixture
def scaffolded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the rule that ``rules new`` writes."""
    monkeypatch.chdir(tmp_path)
    assert averment(["rules", "new", "bucket-has-owner", "--output", "own"]) == 0
    return tmp_path / "own"


def rule_file(folder: Path, slug: str, text: str | None = None) -> Path:
    file = folder / slug / "rule.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text if text is not None else TEXT.format(id=slug.replace("_", "-")))
    return folder


def test_a_scaffolded_rule_works_at_once(scaffolded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its cases hold, and a check with its folder finds what it is about, with the fix."""
    assert averment(["rules", "test", "own"]) == 0
    assert "2 of 2 cases hold" in capsys.readouterr().out
    code = averment(["check", "own/bucket_has_owner/cases/main.tf", "--rules", "own", "--rule", "bucket-has-owner"])
    out = capsys.readouterr()
    assert code == 1
    assert "this bucket has no tag 'owner'" in out.out
    assert "1 failed, 1 could not be told, 1 passed" in out.out
    assert "with 1 rule that averment does not ship" in out.err
    assert averment(["rules", "show", "bucket-has-owner", "--rules", "own"]) == 0
    assert averment(["rules", "list", "--rules", "own"]) == 0
    assert "bucket-has-owner" in capsys.readouterr().out


def test_a_rule_of_averment_yaml_runs_unless_refused(scaffolded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``rules:`` names folders relative to the file; --no-own-rules runs none of that code."""
    (scaffolded.parent / "averment.yaml").write_text("version: 1\nrules: [own]\n")
    case = "own/bucket_has_owner/cases"
    assert averment(["check", case, "--rule", "bucket-has-owner"]) == 1
    assert averment(["check", case, "--rule", "bucket-has-owner", "--no-own-rules"]) == 2
    assert "no rule and no control matches" in capsys.readouterr().err


def test_a_folder_that_is_named_twice_is_one(scaffolded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In averment.yaml and by --rules, by different paths: its rules were said to be called as others are."""
    (scaffolded.parent / "averment.yaml").write_text("version: 1\nrules: [own, ./own/../own]\n")
    assert averment(["check", "own/bucket_has_owner/cases", "--rules", "own", "--rule", "bucket-has-owner"]) == 1
    assert "with 1 rule that" in capsys.readouterr().err
    assert averment(["rules", "show", "bucket-has-owner", "--rules", "own"]) == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("fail, line: 7", "pass", "expected pass for aws_s3_bucket.orphan"),
        ("      aws_s3_bucket.orphan: {verdict: fail, line: 7}\n", "", "unexpected fail for aws_s3_bucket.orphan"),
        ("line: 7", "line: 8", "expected fail for aws_s3_bucket.orphan"),
        ("aws_s3_bucket.kept: pass", "aws_s3_bucket.nowhere: pass", "got nothing"),
    ],
)
def test_cases_that_do_not_hold_fail(scaffolded: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str) -> None:
    """An expectation that isn't met fails, and so does a finding that nobody expects."""
    file = scaffolded / "bucket_has_owner" / "cases" / "expect.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    assert averment(["rules", "test", "own/bucket_has_owner"]) == 1
    assert said in capsys.readouterr().out


def test_a_verdict_that_there_is_not_says_which_there_are(scaffolded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A capital letter is bad input, with what to write."""
    file = scaffolded / "bucket_has_owner" / "cases" / "expect.yaml"
    file.write_text(file.read_text().replace(".kept: pass", ".kept: Pass"))
    assert averment(["rules", "test", "own"]) == 2
    err = capsys.readouterr().err
    assert "expect.yaml:6: " in err
    assert "fix: write pass, fail, unknown or not-applicable" in err


def test_a_rule_that_nothing_fails_proves_nothing(scaffolded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule without a failing case fails the test, though each of its cases holds."""
    cases = scaffolded / "bucket_has_owner" / "cases"
    (cases / "main.tf").write_text('resource "aws_s3_bucket" "kept" {\n  tags = { owner = "x" }\n}\n')
    (cases / "expect.yaml").write_text("cases:\n  - path: main.tf\n    expect: {aws_s3_bucket.kept: pass}\n")
    assert averment(["rules", "test", "own"]) == 1
    assert "no case of it is expected to fail" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("slug", "text", "said"),
    [
        ("broken", "import nowhere_at_all\n", "rule 'broken' does not load: ModuleNotFoundError"),
        ("broken", "x = 1\ndef (:\n", "rule 'broken' does not load: SyntaxError"),
        ("broken", "raise SystemExit(0)\n", "rule 'broken' does not load: SystemExit"),
        ("broken", "", "it has no RULE"),
        ("broken", "RULE = 'x'\n", "its RULE is a str"),
        ("broken", TEXT.format(id="other"), "the rule in folder 'broken' is called 'other'"),
        (
            "broken",
            TEXT.format(id="broken").replace('("AWS::S3::Bucket",)', '("AWS::S3::Bucket")'),
            "its types are 'AWS::S3::Bucket', and no tuple",
        ),
        ("broken", TEXT.format(id="broken").replace('("AWS::S3::Bucket",)', "()"), "its types are (), and no tuple"),
        ("broken", TEXT.format(id="broken").replace("Severity.LOW", '"low"'), "its severity is 'low', and no Severity"),
        (
            "broken",
            TEXT.format(id="broken").replace("AWS::S3::Bucket", "aws_s3_bucket"),
            "one of its types is aws_s3_bucket, which no resource has",
        ),
        (
            "broken",
            TEXT.format(id="broken").replace("S3::Bucket", "S3::bucket"),
            "one of its types is AWS::S3::bucket, which no resource has",
        ),
        (
            "broken",
            TEXT.format(id="broken").replace('"r")', '"r", neighbours="AWS::IAM::Role")'),
            "its neighbours are 'AWS::IAM::Role', and no tuple",
        ),
        ("broken", TEXT.format(id="broken").replace('"r")', "None)"), "its remediation is None, and no text"),
        ("broken", TEXT.format(id="broken").replace('"r")', '"r", kind="code")'), "its kind is 'code', and no Kind"),
        ("broken", TEXT.format(id="broken").replace("lambda bucket, context: PASS", "PASS"), "and no function"),
        ("bro-ken", TEXT.format(id="bro-ken"), "can't be imported"),
    ],
)
def test_a_rule_that_does_not_load_fails_the_run_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], slug: str, text: str, said: str
) -> None:
    """Exit 3 with file and reason, whatever the other rules would have said: an absent rule would look like a pass."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "b" {}\n')
    rule_file(rule_file(tmp_path / "own", "fine"), slug, text)
    assert averment(["check", "main.tf", "--rules", "own"]) == 3
    err = capsys.readouterr().err
    assert said in err
    assert f"own/{slug}/rule.py" in err
    assert "Traceback" not in err


def test_a_rule_under_another_file_name_is_not_passed_over(scaffolded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside others that load, a renamed file was a rule that nothing asked."""
    rule_file(scaffolded, "fine")
    (scaffolded / "bucket_has_owner" / "rule.py").rename(scaffolded / "bucket_has_owner" / "rules.py")
    assert averment(["check", "own", "--rules", "own"]) == 3
    assert "'bucket_has_owner' has cases and no rule.py" in capsys.readouterr().err


def test_the_line_of_the_failure_is_named(tmp_path: Path) -> None:
    """The error points at the line in the rule's own file."""
    with pytest.raises(IncompleteError) as caught:
        rules_in(rule_file(tmp_path, "broken", "x = 1\n\ny = 1 / 0\n"))
    assert caught.value.where is not None
    assert caught.value.where.line == 3


def test_a_crashing_rule_leaves_the_run_incomplete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rule that loads and then raises is a problem of the run, exit 3."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "b" {}\n')
    rule_file(tmp_path / "own", "crashing", TEXT.format(id="crashing").replace(": PASS,", ": 1 / 0,"))
    assert averment(["check", "main.tf", "--rules", "own"]) == 3
    assert "rule crashing crashed on aws_s3_bucket.b: ZeroDivisionError" in capsys.readouterr().out


OPEN = """
resource "aws_s3_bucket" "uploads" {
  bucket = "shop-uploads"
}
resource "aws_s3_bucket_policy" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  policy = jsonencode({Statement = [{Effect = "Allow", Principal = "*", Action = "s3:PutObject", Resource = "arn:aws:s3:::shop-uploads/*"}]})
}
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('[s.pop("Principal") for s in policy.properties["PolicyDocument"]["Statement"]]', "changed aws_s3_bucket_policy.uploads, which"),
        ('context.parameters["face-calls"] = {}', "changed the parameters, which"),
        ('context.graph.add(__import__("dataclasses").replace(policy, address="mine"))', "changed mine, which"),
    ],
)
def test_a_rule_that_changes_what_it_is_asked_about_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], body: str, said: str
) -> None:
    """It takes away what it doesn't care about, and the rules that ship, asked after it, found the open bucket as it should be: exit code 0."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text(OPEN)
    text = TEXT.format(id="a-first").replace("lambda bucket, context: PASS", "evaluate").replace("AWS::S3::Bucket", "AWS::S3::BucketPolicy")
    rule_file(tmp_path / "own", "a_first", text.replace("RULE =", f"def evaluate(policy, context):\n    {body}\n    return PASS\n\nRULE ="))
    assert averment(["check", "main.tf", "--rules", "own", "--rule", "SM-UPL-03", "--rule", "a-first", "--no-cache"]) == 3
    out = capsys.readouterr().out
    assert "1 failed" in out
    assert f"rule a-first {said}" in out


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("__import__('pytest').fail('no')", "crashed on aws_s3_bucket.b: Failed: no"),
        ("(_ for _ in ()).throw(GeneratorExit('x'))", "crashed on aws_s3_bucket.b: GeneratorExit: x"),
        ("None", "it returned NoneType, and no Outcome (PASS, NOT_APPLICABLE, fail(...), unknown(...))"),
        ("fail('')", "ValueError: an outcome of fail says why, and its message is empty"),
        ("unknown(' ')", "ValueError: an outcome of unknown says why, and its message is empty"),
    ],
)
def test_a_rule_that_says_nothing_has_crashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], does: str, said: str
) -> None:
    """A failure of a test library is no Exception, and ended the check with a traceback and 1, as findings do; a reason that is empty was shown as one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "b" {}\n')
    text = (
        TEXT.format(id="mine").replace("import PASS, Rule", "import PASS, Rule, fail, unknown").replace("context: PASS", f"context: {does}")
    )
    rule_file(tmp_path / "own", "mine", text)
    assert averment(["check", "main.tf", "--rules", "own", "--rule", "mine", "--no-cache"]) == 3
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("AWS::S3::Buckets", "so it is asked about templates alone; is AWS::S3::Bucket meant?"),
        ("AWS::RDS::DBInstance", "so it is asked about templates alone; other types of Terraform's are called Terraform::aws_..."),
        ("Terraform::aws_s3_bucket", "which is called AWS::S3::Bucket here: it is asked about none"),
        ("Terraform::aws_db_instance", None),
        ("AWS::SNS::TopicPolicy", None),
    ],
)
def test_a_type_that_nothing_is_called_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, said: str | None
) -> None:
    """The rule was asked about nothing, and the check ended with 0 and no word of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "b" {}\nresource "aws_db_instance" "d" {}\n')
    rule_file(tmp_path / "own", "mine", TEXT.format(id="mine").replace("AWS::S3::Bucket", kind))
    for _ in range(2):  # the second answer is recalled
        assert averment(["check", "main.tf", "--rules", "own", "--rule", "mine"]) == 0
        told = capsys.readouterr().out
        assert ("rule mine looks at" in told) == (said is not None)
        assert (said or "") in " ".join(told.split())


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("check main.tf --rule mine --no-cache --format json", {"loaded", "asked"}),
        ("check main.tf --no-cache --fix --exit-zero --format json", {"loaded", "asked"}),
        ("explain main.tf:1 --format json", {"loaded", "asked"}),
        ("collect --collector check --format json", {"loaded", "asked"}),
        ("rules list --format json", {"loaded"}),
    ],
)
def test_what_a_rule_prints_is_no_part_of_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, said: set[str]
) -> None:
    """A print that was left in a rule stood before the JSON that the next program reads."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "uploads" {}\n')
    (tmp_path / "averment.yaml").write_text("version: 1\niac: [main.tf]\nrules: [own]\n")
    text = TEXT.format(id="mine").replace("context: PASS", "context: print('asked') or PASS")
    rule_file(tmp_path / "own", "mine", f"print('loaded')\n{text}")
    assert averment(command.split()) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)
    assert said <= set(printed.err.split())


@pytest.mark.parametrize(
    ("kinds", "file", "noted"),
    [
        (["AWS::RDS::DBInstance", "Terraform::aws_db_instance"], "main.tf", False),
        (["AWS::RDS::DBInstance"], "template.yaml", False),
        (["Custom::Media"], "main.tf", False),
        (["AWS::S3::Buckets", "Terraform::aws_db_instance"], "main.tf", True),
        (["AWS::S3::Buckets"], "template.yaml", True),
    ],
)
def test_a_rule_that_looks_at_templates_as_meant_is_told_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kinds: list[str], file: str, noted: bool
) -> None:
    """Each run noted it anew, though it looks at Terraform's type, too, as the note says, or there is no Terraform; what is nearly a name is noted still."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text('resource "aws_db_instance" "d" {}\n')
    (tmp_path / "template.yaml").write_text("Resources: {D: {Type: 'AWS::RDS::DBInstance', Properties: {}}}\n")
    types = ", ".join(f'"{kind}"' for kind in kinds)
    rule_file(tmp_path / "own", "mine", TEXT.format(id="mine").replace('"AWS::S3::Bucket"', types))
    assert averment(["check", file, "--rules", "own", "--rule", "mine"]) == 0
    assert ("rule mine looks at" in capsys.readouterr().out) == noted


def test_a_rule_that_fails_a_test_while_it_loads_is_named(tmp_path: Path) -> None:
    """By its name, as whatever else keeps a rule from loading."""
    rule_file(tmp_path, "mine", "import pytest\n\npytest.fail('no')\n")
    with pytest.raises(IncompleteError, match="rule 'mine' does not load: Failed: no"):
        rules_in(tmp_path)


@pytest.mark.parametrize("place", ["evaluate", "load"])
def test_a_run_that_is_asked_to_end_while_a_rule_runs_ends(tmp_path: Path, place: str) -> None:
    """SIGTERM ends the program by an exception of Python's, which must not be taken for the rule's own ``sys.exit``."""
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "b" {}\n')
    ends = "__import__('os').kill(__import__('os').getpid(), 15)"
    text = TEXT.format(id="long")
    rule_file(tmp_path / "own", "long", text.replace(": PASS,", f": {ends} or PASS,") if place == "evaluate" else f"{ends}\n{text}")
    command = [sys.executable, "-m", "averment", "check", "main.tf", "--rules", "own", "--no-cache", "-q"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")


def test_a_rule_that_is_another_now_is_loaded_anew(tmp_path: Path) -> None:
    """A service that checks one commit after the other in the same checkout asked the rules of the first about all of them."""
    (tmp_path / "has_level").mkdir()
    text = "from ..level import LEVEL\nfrom averment.policies.interface import PASS, Rule\n\n"
    text += "RULE = Rule('has-level', 't', LEVEL, ('AWS::S3::Bucket',), lambda resource, context: PASS, 'r')\n"
    (tmp_path / "has_level" / "rule.py").write_text(text)
    told: list[str] = []
    for level in ("LOW", "CRITICAL"):
        (tmp_path / "level.py").write_text(f"from averment.core.words import Severity\n\nLEVEL = Severity.{level}\n")
        told += [rule.severity.value for rule in rules_in(tmp_path)]
    assert told == ["low", "critical"]
    (first,), (again,) = rules_in(tmp_path), rules_in(tmp_path)
    assert first.evaluate is again.evaluate, "what is as it was stays loaded"


def test_duplicate_ids_are_refused(tmp_path: Path) -> None:
    """Neither a shipped rule nor another of one's own can be shadowed."""
    with pytest.raises(BadInputError, match="two rules are called 's3-put-object-gated'"):
        with_own([rule_file(tmp_path / "a", "s3_put_object_gated")])
    with pytest.raises(BadInputError, match="two rules are called 'mine'"):
        with_own([rule_file(tmp_path / "b", "mine"), rule_file(tmp_path / "c", "mine")])


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_without_rules_is_bad_input(tmp_path: Path, made: bool) -> None:
    """A typo in the folder's name would otherwise check less than was meant."""
    folder = tmp_path / "own"
    if made:
        folder.mkdir()
    with pytest.raises(BadInputError, match="no such folder" if not made else r"no <rule>/rule\.py"):
        rules_in(folder)


def test_rules_may_share_helpers_and_folders_never_collide(tmp_path: Path) -> None:
    """Two folders with a helper and a rule of the same names each get their own."""
    for name in ("one", "two"):
        folder = rule_file(
            tmp_path / name,
            f"rule_{name}",
            "from ..helper import LEVEL\n" + TEXT.format(id=f"rule-{name}").replace("Severity.LOW", "LEVEL"),
        )
        level = "LOW" if name == "one" else "CRITICAL"
        (folder / "helper.py").write_text(f"from averment.core.words import Severity\n\nLEVEL = Severity.{level}\n")
    assert [rules_in(tmp_path / name)[0].severity.value for name in ("one", "two")] == ["low", "critical"]


def test_a_package_brings_rules_through_its_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group averment.rules names a rule or several; one that doesn't load, or is none, fails by name."""
    (tmp_path / "their_rules.py").write_text(TEXT.format(id="theirs") + "MANY = (RULE,)\nNOTHING = 3\nWRONG = [RULE, 3]\n")
    info = tmp_path / "their_rules-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-rules\nVersion: 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for value, wanted in (("RULE", None), ("MANY", None), ("NOTHING", "not a Rule"), ("WRONG", "a int"), ("ABSENT", "do not load")):
        (info / "entry_points.txt").write_text(f"[{own_rules.GROUP}]\ntheirs = their_rules:{value}\n")
        importlib.invalidate_caches()
        if wanted is None:
            assert [rule.id for rule in packaged_rules()] == ["theirs"]
            assert len(with_own(())) == len(all_rules()) + 1
            assert len(with_own((), packages=False)) == len(all_rules())
        else:
            with pytest.raises(IncompleteError, match=wanted) as caught:
                packaged_rules()
            assert "theirs" in caught.value.message


@pytest.mark.parametrize("place", ["rules.zip", "rules-1.egg", "locked-1.dist-info"])
def test_places_that_only_the_library_can_read_are_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """An archive on the path, an egg, a distribution whose entry points can't be read: the quick look gives no verdict on these."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert packaged_rules() == []
    asked: list[str] = []
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: asked.append(group) or ())
    (tmp_path / place).mkdir()
    if place.endswith(".zip"):
        (tmp_path / place).rmdir()
        (tmp_path / place).write_bytes(b"PK")
        sys.path.append(str(tmp_path / place))
    elif place.startswith("locked"):
        (tmp_path / place / "entry_points.txt").mkdir()
    packaged_rules()
    assert asked == [own_rules.GROUP]


@pytest.mark.parametrize("name", ["Bucket", "a b", "../x", "-x", "s3-put-object-gated", "x_y"])
def test_ids_that_cannot_be_are_refused(tmp_path: Path, name: str) -> None:
    """``rules new`` takes lower-case words with hyphens that aren't taken, and writes nowhere else."""
    assert averment(["rules", "new", "--output", str(tmp_path / "own"), "--", name]) == 2
    assert not (tmp_path / "own").exists()


def test_a_scaffold_never_overwrites(scaffolded: Path) -> None:
    """A second ``rules new`` with the same id is refused."""
    assert averment(["rules", "new", "bucket-has-owner", "--output", "own"]) == 2
