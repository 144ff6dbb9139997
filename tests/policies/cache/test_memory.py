"""What is kept, what isn't, and what people decide about findings afterwards."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import averment.policies.surfaces
from averment.controls.loader import load_catalogue
from averment.core.errors import ExitCode
from averment.core.observer import Observer
from averment.core.organisation import Organisation, Waiver
from averment.core.source import SourceRef
from averment.core.user_cache import Store
from averment.core.words import Severity, Verdict
from averment.policies import engine, judging
from averment.policies.cache.codec import decoded, encoded
from averment.policies.cache.memory import Cache
from averment.policies.engine import CheckResult, Options, check
from averment.policies.graph.model import Dialect, Problem
from averment.policies.graph.physical import Deployed
from averment.policies.interface import Change, Edit, Entries, Finding, Outcome, Rule, Setting
from averment.policies.judging import Judged, Subject
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.terraform import hints
from averment.policies.surfaces.terraform.hints import Hints

CATALOGUE = load_catalogue()
BUCKET = 'resource "aws_s3_bucket" "uploads" {{\n  {}\n  bucket = "user-uploads"\n}}\n'
TODAY = date(2026, 11, 23)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(Store(tmp_path / "cache"))


def run(root: Path, cache: Cache | None, rules: tuple[Rule, ...] | None = None, organisation: Organisation | None = None, **options: Any):
    result = check(
        [root], rules or all_rules(), organisation or Organisation(), CATALOGUE, Options(cache=cache, **{"today": TODAY, **options})
    )
    return replace(result, counts=replace(result.counts, seconds=0.0))


def tree(tmp_path: Path, text: str = BUCKET.format("")) -> Path:
    root = tmp_path / "tree"
    root.mkdir(exist_ok=True)
    (root / "main.tf").write_text(text, encoding="utf-8")
    return root


def recalled(root: Path, cache: Cache, **more: Any) -> bool:
    """Whether a second run recalls everything; it has to say the same in any case."""
    expected = run(root, None, **more)
    assert run(root, cache, **more) == expected
    cache.units = cache.unchanged = 0
    assert run(root, cache, **more) == expected
    return cache.unchanged == cache.units > 0


def test_waivers_are_judged_anew_each_day(tmp_path: Path, cache: Cache):
    """One next to the resource and one of the organisation expire although nothing else changed, and the void ones are said."""
    root = tree(tmp_path, BUCKET.format("# averment:waive=SM-UPL-01 until=2026-12-31 owner=me reason=x"))
    theirs = Organisation(waivers=(Waiver("media-bucket-hardened", "*", "o", "a", "r", date(2026, 11, 30), SourceRef("averment.yaml", 1)),))
    for day in (TODAY, date(2026, 12, 1), date(2027, 1, 1)):
        for organisation in (Organisation(), theirs):
            assert run(root, cache, organisation=organisation, today=day) == run(root, None, organisation=organisation, today=day)
    first, last = run(root, cache, organisation=theirs), run(root, cache, organisation=theirs, today=date(2027, 1, 1))
    assert first.counts.waived > last.counts.waived == 0
    assert any("void" in note for note in last.notes)
    assert cache.unchanged > 0


def test_thresholds_and_left_out_paths_apply_to_what_is_recalled(tmp_path: Path, cache: Cache):
    """They are no part of what is kept."""
    root = tree(tmp_path)
    (root / "sub").mkdir()
    (root / "sub" / "main.tf").write_text(BUCKET.format(""), encoding="utf-8")

    def skip(file: str) -> str | None:
        return "left out" if "/sub/" in file else None

    for options in ({}, {"severity": Severity.CRITICAL}, {"skip": skip}, {}):
        assert run(root, cache, **options) == run(root, None, **options)
    assert cache.unchanged > 0


def test_one_rule_does_not_answer_for_all(tmp_path: Path, cache: Cache):
    """What a run with fewer rules kept isn't taken for all of them."""
    root = tree(tmp_path)
    for patterns in (("media-bucket-hardened",), (), ("s3-put-object-gated",)):
        asked = Options(rules=patterns, today=TODAY)
        fresh = check([root], all_rules(), Organisation(), CATALOGUE, asked)
        found = check([root], all_rules(), Organisation(), CATALOGUE, replace(asked, cache=cache))
        assert found.findings == fresh.findings


def test_a_single_file_and_its_folder_are_two_matters(tmp_path: Path, cache: Cache):
    """A check of one file reads its module but says what stands in the file only."""
    root = tree(tmp_path)
    (root / "other.tf").write_text(BUCKET.format("").replace('"uploads"', '"more"'), encoding="utf-8")
    for path in (root, root / "main.tf", root / "other.tf", root, root / "main.tf"):
        assert run(path, cache) == run(path, None)
    (root / "other.tf").write_text("", encoding="utf-8")
    assert run(root / "main.tf", cache) == run(root / "main.tf", None)


def test_paths_are_said_as_they_were_typed(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch):
    """The same tree from another folder, or under another name, has other paths in its findings."""
    root = tree(tmp_path)
    for start, path in ((tmp_path, Path("tree")), (root, Path()), (tmp_path, root), (tmp_path, Path("tree"))):
        monkeypatch.chdir(start)
        assert run(path, cache) == run(path, None)


COULD_NOT = {
    "broken Terraform": ("main.tf", "resource {"),
    "a module that isn't there": ("main.tf", 'module "x" {\n  source = "./gone"\n}\n' + BUCKET.format("")),
    "a broken template": ("t.yaml", "AWSTemplateFormatVersion: x\nResources: ["),
    "a broken plan": ("plan.json", '{"format_version": "1.0", "planned_values": {'),
    "broken source": ("a.py", "# rekognition\ncompare_faces("),
    "too deep": ("m.tf", 'resource "aws_s3_bucket" "b" {\n  bucket = ' + "[" * 3_000 + "]" * 3_000 + "\n}\n"),
}


@pytest.mark.parametrize("case", COULD_NOT)
def test_what_could_not_be_read_is_recalled_as_such(tmp_path: Path, cache: Cache, case: str):
    """It is shown and counted the same, and the run isn't complete; once the file is mended, or there, it is read."""
    name, text = COULD_NOT[case]
    root = tmp_path / "tree"
    root.mkdir()
    (root / name).write_text(text, encoding="utf-8")
    assert recalled(root, cache)
    again = run(root, cache)
    assert again.exit_code() is ExitCode.INCOMPLETE
    if "gone" in text:
        (root / "gone").mkdir()
        (root / "gone" / "main.tf").write_text("", encoding="utf-8")
    else:
        (root / name).write_text("", encoding="utf-8")
        (root / "main.tf").write_text(BUCKET.format(""), encoding="utf-8")
    mended = run(root, cache)
    assert mended == run(root, None)
    assert mended.exit_code() is not ExitCode.INCOMPLETE


def test_tfparse_that_did_not_finish_is_asked_again(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch):
    """It may have been a busy machine."""
    root = tree(tmp_path, BUCKET.format('tags = { x = formatdate("YYYY", "2026-11-28T00:00:00Z") }'))
    with monkeypatch.context() as patch:
        patch.setattr(hints, "_CHILD", tmp_path / "no such program")
        assert any("tfparse failed" in problem.reason for problem in run(root, cache).problems)
    assert run(root, cache).problems == ()


def test_a_rule_that_crashes_is_tried_again(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch):
    """It may have been the memory, or the day."""
    root, rules = tree(tmp_path), all_rules()
    monkeypatch.setattr(engine, "conditions", lambda _rules, _organisation: "as before")

    def crash(*_: object) -> Outcome:
        raise MemoryError

    broken = replace(rules[0], types=("AWS::S3::Bucket",), evaluate=crash)
    assert not recalled(root, cache, rules=(broken, *rules[1:]))
    assert recalled(root, cache)


def test_rules_that_ran_out_of_time_are_tried_again(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch):
    """What the clock cut short isn't a result to keep."""
    root = tree(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(judging, "MAX_GRAPH_SECONDS", -1)
        assert run(root, cache).problems
    assert run(root, cache) == run(root, None)
    assert not run(root, cache).problems


CLOSED = BUCKET.format("tags = { x = yamlencode({ a = 1 }) }")


def test_what_tfparse_says_is_kept_where_the_files_tell_all(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch):
    """It runs once; after a change in a module that it reads, once more."""
    root = tree(tmp_path, CLOSED + 'module "m" {\n  source = "./m"\n}\n')
    (root / "m").mkdir()
    (root / "m" / "main.tf").write_text('resource "aws_s3_bucket" "m" {\n  bucket = "m"\n}\n', encoding="utf-8")
    asked: list[Path] = []
    run_child = Hints._run

    def counted(hints: Hints) -> Any:
        asked.append(hints.folder)
        return run_child(hints)

    monkeypatch.setattr(Hints, "_run", counted)
    run(root, cache)
    run(root, cache)
    assert len(asked) == 1
    (root / "m" / "more.tf").write_text("", encoding="utf-8")
    run(root, cache)
    assert len(asked) == 2


@pytest.mark.parametrize(
    "text",
    [
        CLOSED + 'locals {\n  x = file("${path.module}/x")\n}\n',
        CLOSED + 'locals {\n  x = formatdate("YYYY", timestamp())\n}\n',
        CLOSED + 'module "m" {\n  source = "registry/x/y"\n}\n',
        CLOSED + 'locals {\n  x = templatefile /* and */ ("x", {})\n}\n',
        CLOSED + 'locals {\n  x = provider::aws::arn_parse("x")\n}\n',
    ],
)
def test_what_tfparse_may_take_from_elsewhere_is_asked_again(tmp_path: Path, cache: Cache, text: str):
    """Another file, the clock, a module from a registry: then what it said isn't told by the files that we know of."""
    root = tree(tmp_path, text)
    (root / "x").write_text("x", encoding="utf-8")
    assert not recalled(root, cache)
    assert recalled(tree(tmp_path, CLOSED), cache)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".terraform/modules/modules.json", '{"Modules": []}'),
        ("terraform.tfvars.json", '{"x": "\\u0066ile"}'),
        ("more.tf.json", '{"locals": {"x": "${\\u0066ile(\\"x\\")}"}}'),
    ],
)
def test_a_manifest_and_escapes_leave_open_what_tfparse_reads(tmp_path: Path, cache: Cache, name: str, text: str):
    """An installed module may lie anywhere; an escape may spell the name of any function."""
    root = tree(tmp_path, CLOSED)
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")
    assert not recalled(root, cache)


@pytest.mark.parametrize("name", ["terraform.tfvars", "more.tf"])
def test_what_cannot_be_read_is_a_problem_beside_tfparse_too(tmp_path: Path, cache: Cache, name: str):
    """A link to nowhere among the files that tfparse may read: a problem of the run, as ever, and tried again."""
    root = tree(tmp_path, CLOSED)
    (root / name).symlink_to(root / "nowhere")
    assert not recalled(root, cache)
    assert any("does not exist" in problem.reason for problem in run(root, cache).problems)


def test_the_environment_does_not_decide_what_tfparse_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """TF_VAR_* of whoever runs the check are no part of the files; the defaults are."""
    text = (
        'variable "name" {\n  default = "user-uploads"\n}\nresource "aws_s3_bucket" "b" {\n  bucket = trimspace(yamlencode(var.name))\n}\n'
    )
    root = tree(tmp_path, text)
    before = run(root, None)
    monkeypatch.setenv("TF_VAR_name", "logs")
    assert run(root, None) == before


def damaged(store: Store, change: Callable[[dict[str, Any]], object]) -> None:
    (file,) = store.folder.iterdir()
    value = json.loads(store.read(file.stem) or b"")
    change(value)
    store.write(file.stem, json.dumps(value).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.pop("looks"),
        lambda value: value.update(units=[]),
        lambda value: value.update(looks=[1]),
        lambda value: value["units"].update(x=[[99999], {}]),
        lambda value: [entry.__setitem__(1, {"graphs": 1}) for entry in value["units"].values()],
        lambda value: [entry.__setitem__(1, 7) for entry in value["units"].values()],
        lambda value: [look.__setitem__(0, "nonsense") for look in value["looks"]],
    ],
)
def test_a_bundle_of_another_shape_is_read_anew(tmp_path: Path, cache: Cache, change: Callable[[dict[str, Any]], object]):
    """Written whole, but not by this program."""
    root = tree(tmp_path)
    expected = run(root, cache)
    damaged(cache.store, change)
    cache.units = cache.unchanged = 0
    assert run(root, cache) == expected
    assert cache.unchanged == 0
    run(root, cache)
    assert cache.unchanged == 1


def finding(**more: Any) -> Finding:
    return Finding("r", Severity.LOW, Verdict.FAIL, "m", "a", "t", SourceRef("f", 1, 2), defined=SourceRef("f", 1), **more)


CHANGE = Change(
    ("A", "B"),
    True,
    Setting(("a", "b")),
    "holder",
    "text\n",
    Setting(("c",), Entries('["x"]')),
    also=(Change(("C",), Entries('[{"k": "v"}]'), Setting(("d",), "word")),),
)


def test_findings_come_back_as_they_were():
    """With edits, odd names, and two findings on one resource."""
    edit = Edit(Dialect.TERRAFORM, "f", 3, "a", "aws_s3_bucket", True, False, CHANGE, 2)
    subject = Subject("a\udcff", SourceRef("f\udcff", 1, 9), ("averment:waive=x", "ü"))
    found = Judged(
        2,
        3,
        problems=[Problem("p", SourceRef("f"), blocking=False), Problem("q", SourceRef("f", 2))],
        findings=[(finding(), subject), (finding(edits=(edit,)), subject)],
        beside=[(finding(deployed=(Deployed("AWS::S3::Bucket", "*-uploads"),)), subject)],
        only="f",
    )
    found.buckets.update({"": 2, "upload": 1})
    assert decoded(json.loads(json.dumps(encoded(found)))) == found


@pytest.mark.parametrize(
    "odd",
    [
        finding(fix=7),
        replace(finding(), message=None),
        replace(finding(), where=SourceRef("f", True)),
        replace(finding(), where=SourceRef(arn="arn:aws:s3:::x")),
        finding(waived_by="somebody"),
        finding(edits=(Edit(Dialect.TERRAFORM, "f", 3, "a", "t", True, False, Change(("A",), 1.5, Setting(("a",)))),)),
    ],
)
def test_what_would_not_come_back_the_same_is_not_kept(odd: Finding):
    """Rules are people's code: what they hand out may be anything."""
    assert encoded(Judged(findings=[(odd, Subject("a", SourceRef("f", 1)))])) is None


LOOKING = {
    "is_file",
    "is_dir",
    "exists",
    "iterdir",
    "glob",
    "rglob",
    "resolve",
    "open",
    "read_text",
    "read_bytes",
    "stat",
    "lstat",
    "readlink",
} | {*("read_bounded", "environ", "getenv", "listdir", "scandir", "walk", "realpath", "getcwd", "samefile", "is_symlink", "open")}
KNOWN = {
    "cloudformation/serverless_framework.py": {"resolve"},  # of variables, not of paths
    "terraform/surface.py": {"walk"},  # finding inputs, which every run does
    "terraform/units.py": {"is_dir", "resolve"},  # so too; which folders are roots is worked out every time
    "terraform/modules/loader.py": {"resolve"},  # of the folder that is checked, whose path is part of a bundle's name
    "terraform/hints.py": {"resolve", "environ"},  # tfparse reads by itself; `closure` tells whether that can be known
    "terraform/roots.py": {"resolve"},
    "cloudformation/parsing.py": {"resolve"},  # of tags, by the YAML loader
    "cloudformation/units.py": {"resolve"},  # which templates belong together is worked out every time
    "plan.py": {"is_file", "read_bounded", "walk"},
    "code/surface.py": {"is_dir", "walk"},
    "code/files.py": {"is_file", "open"},
    "code/handlers.py": {"open"},  # what it finds is part of the unit's name
}
"""Who looks at files without an observer, before there is a unit."""


def test_surfaces_look_at_nothing_behind_the_observer_s_back():
    """Whatever the reading of a unit looks at is noted: so every look goes through an observer."""
    top = Path(averment.policies.surfaces.__file__).parent
    seen: dict[str, set[str]] = {}
    files = [
        *top.glob("terraform/**/*.py"),
        *top.glob("code/*.py"),
        *top.glob("cloudformation/*.py"),
        top / "plan.py",
    ]
    for file in files:
        name = file.relative_to(top).as_posix()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                receiver = ast.unparse(node.value)
                own = receiver in {"self", "walker"} or "observer" in receiver
                used = "" if own else node.attr
            else:
                used = node.id if isinstance(node, ast.Name) and node.id in {"open", "read_bounded", "walk"} else ""
            if used in LOOKING:
                seen.setdefault(name, set()).add(used)
    seen.pop("terraform/hints_child.py", None)
    assert seen == KNOWN


def test_incomplete_notes_are_not_kept(cache: Cache):
    """Nor is anything that hangs on them."""
    memory = cache.opened(Path(), None, "conditions")
    observer = Observer()
    observer.complete = False
    memory.keep("x", observer, 1)
    memory.keep("y", Observer(), 2)
    memory.close()
    again = cache.opened(Path(), None, "conditions")
    assert (again.recall("x"), again.recall("y")) == (None, 2)
    assert cache.opened(Path(), None, "others").recall("y") is None


def test_results_do_not_say_whether_they_were_recalled(tmp_path: Path, cache: Cache):
    """Reports are the same bytes, so that a baseline, a diff or a hash of them is stable."""
    root = tree(tmp_path)
    first: CheckResult = run(root, cache)
    second: CheckResult = run(root, cache)
    assert repr(first) == repr(second)
