"""A check that recalls gives what one that reads everything gives, whatever was changed in between."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.core.user_cache import Store
from averment.policies.cache.memory import Cache
from averment.policies.engine import CheckResult, Options, check
from averment.policies.rules.registry import all_rules

CATALOGUE = load_catalogue()
RULES = Path(__file__).resolve().parents[3] / "policies" / "rules"

ROOT = """
module "store" {
  source = "../../modules/store"
  name   = var.name
}
module "other" {
  source = "./parts"
  names  = fileset("${path.module}/lists", "**/*.txt")
}
variable "name" {
  default = "media-uploads"
}
resource "aws_s3_bucket" "main" {
  bucket = var.name
  tags   = { data-class = fileexists("${path.module}/flag") ? "published-media" : "generated-media" }
}
resource "aws_s3_bucket" "staged" {
  bucket = terraform.workspace == "prod" ? "uploads-of-users" : "logs"
}
resource "aws_s3_bucket_policy" "main" {
  bucket = aws_s3_bucket.main.id
  policy = file("${path.module}/policy.json")
}
resource "aws_iam_role_policy" "main" {
  role   = "x"
  policy = templatefile("../../shared/policy.tpl", { bucket = aws_s3_bucket.main.arn })
}
"""
STORE = """
variable "name" {}
resource "aws_s3_bucket" "this" {
  bucket = var.name
}
"""
PARTS = """
variable "names" {}
resource "aws_s3_bucket" "each" {
  for_each = var.names
  bucket   = "uploads-${replace(each.value, "/", "-")}"
}
"""
OPEN = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"}]}'
SHUT = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}'
TEMPLATE = """
AWSTemplateFormatVersion: '2010-09-09'
Resources:
  Uploads:
    Type: AWS::S3::Bucket
  Inner:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: inner.yaml
"""
CALLER = "import boto3\nimport checks\n\ndef handler(event, _):\n    return boto3.client('rekognition').compare_faces(SourceImage={}, TargetImage={})\n"
LIVE = "import boto3\n\ndef live(session):\n    return boto3.client('rekognition').get_face_liveness_session_results(SessionId=session)\n"

FILES: dict[str, tuple[str, ...]] = {
    "live/a/main.tf": (ROOT, ROOT.replace("../../modules/store", "../../modules/gone"), ROOT.replace("media-uploads", "logs")),
    "live/a/extra.tf": ('resource "aws_s3_bucket" "extra" {\n  bucket = "user-uploads"\n}\n', "resource {"),
    "live/a/main_override.tf": ('resource "aws_s3_bucket" "main" {\n  bucket = "published-media"\n}\n',),
    "live/a/terraform.tfvars": ('name = "generated-media"\n', 'name = "x"\n', "name = "),
    "live/a/z.auto.tfvars.json": ('{"name": "ugc"}',),
    "live/a/policy.json": (OPEN, SHUT, "{"),
    "live/a/flag": ("",),
    "live/a/lists/one.txt": ("",),
    "live/a/lists/deep/two.txt": ("",),
    "live/a/parts/main.tf": (PARTS, PARTS.replace("uploads", "logs")),
    "live/a/.terraform/environment": ("prod", "test"),
    "live/a/.terraform/modules/modules.json": (
        json.dumps({"Modules": [{"Key": "far", "Source": "x/y/z", "Dir": "../../modules/store"}]}),
        "{",
    ),
    "live/b/main.tf": (
        'module "store" {\n  source = "../../modules/store"\n  name = "avatars"\n}\n',
        'module "far" {\n  source = "x/y/z"\n  name = "avatars"\n}\n',
        "# averment:waive=SM-UPL-03 until=2026-12-31 owner=me reason=x\n" + STORE.replace("var.name", '"uploads-b"'),
    ),
    "live/b/.terraform/modules/modules.json": (json.dumps({"Modules": [{"Key": "far", "Source": "x/y/z", "Dir": "../../modules/store"}]}),),
    "modules/store/main.tf": (STORE, STORE.replace("this", "that"), STORE + 'module "up" {\n  source = "../../live/b"\n}\n'),
    "modules/store/main.tofu": (STORE.replace("this", "tofu"),),
    "modules/store/more.tf.json": ('{"resource": {"aws_s3_bucket": {"json": {"bucket": "json-uploads"}}}}',),
    "shared/policy.tpl": ('{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "${bucket}/*"}]}', "${nothing}", SHUT),
    "stacks/template.yaml": (TEMPLATE, TEMPLATE.replace("Uploads", "Published"), "a: b\n"),
    "stacks/inner.yaml": (
        TEMPLATE.replace("inner.yaml", "elsewhere.yaml"),
        TEMPLATE.replace("  Inner", "  Innermost"),  # calls itself
        "a: b\n",
    ),
    "code/app.py": (CALLER, CALLER.replace("return", "import checks\n    checks.live(event)\n    return"), "def (\n"),
    "code/checks.py": (LIVE, "x = 1\n"),
    "code/helper/checks.py": (LIVE,),
}
"""What may stand in the tree, and the contents that each file may have. Written for this test."""


def fresh(root: Path) -> CheckResult:
    return _without_time(check([root], all_rules(), Organisation(), CATALOGUE, Options()))


def recalling(root: Path, cache: Cache) -> CheckResult:
    return _without_time(check([root], all_rules(), Organisation(), CATALOGUE, Options(cache=cache)))


def _without_time(result: CheckResult) -> CheckResult:
    return replace(result, counts=replace(result.counts, seconds=0.0))


def put(root: Path, name: str, content: int) -> None:
    path, texts = root / name, FILES[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        path.unlink()
    path.write_text(texts[content % len(texts)], encoding="utf-8")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(Store(tmp_path / "cache"))


Step = tuple[str, str, int]
NAMES = st.sampled_from(sorted(FILES))
STEPS = st.one_of(
    st.tuples(st.just("put"), NAMES, st.integers(0, 2)),
    st.tuples(st.just("delete"), NAMES, st.just(0)),
    st.tuples(st.just("move"), NAMES, st.integers(0, len(FILES) - 1)),
    st.tuples(st.just("link"), NAMES, st.integers(0, len(FILES) - 1)),
    st.tuples(st.just("cut"), st.sampled_from(["live/a", "live/b", "modules/store", "live/a/lists", "code/helper"]), st.just(0)),
    st.tuples(st.just("swap"), st.sampled_from(["live/a", "live/b", "modules/store", "shared"]), st.just(0)),
    st.tuples(st.just("workspace"), st.sampled_from(["", "prod"]), st.just(0)),
)


def apply(root: Path, step: Step) -> None:
    """One change of the tree, as people and tools make them."""
    kind, name, number = step
    path = root / name
    if kind == "put":
        put(root, name, number)
    elif kind == "workspace":
        os.environ["TF_WORKSPACE"] = name
    elif kind == "cut":
        shutil.rmtree(path, ignore_errors=True)
    elif not (path.is_file() or path.is_dir()):
        return
    elif kind == "delete":
        path.unlink()
    elif kind == "swap":  # the folder's contents stay where they are, behind a link
        if not path.is_symlink():
            away = root.parent / f"away-{len(list(root.parent.iterdir()))}"
            path.rename(away)
            path.symlink_to(away, target_is_directory=True)
    else:
        target = root / sorted(FILES)[number]
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() or target == path:
            return
        target.unlink(missing_ok=True)
        if kind == "move":
            path.rename(target)
        else:
            target.symlink_to(path)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(start=st.sets(NAMES, min_size=8), steps=st.lists(STEPS, min_size=1, max_size=8))
def test_a_recalled_result_is_what_a_fresh_one_would_be(start: set[str], steps: list[Step]):
    """After each change of files, folders, links and environment: findings, problems, counts, notes and their order."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TF_WORKSPACE", "")
        root, cache = Path(folder, "tree"), Cache(Store(Path(folder, "cache")))
        for name in {*start, "live/a/main.tf"}:
            put(root, name, 0)
        (root / "keep.yaml").write_text(TEMPLATE, encoding="utf-8")
        for step in [("put", "live/a/main.tf", 0), *steps]:
            try:
                apply(root, step)
            except (OSError, shutil.Error):
                continue  # a link or a file stands where a folder would be needed
            expected = fresh(root)
            assert recalling(root, cache) == expected
            assert recalling(root, cache) == expected


def everything(root: Path) -> None:
    for name in FILES:
        if name not in {"live/a/main_override.tf", "live/a/z.auto.tfvars.json", "modules/store/main.tofu"}:
            put(root, name, 0)


def test_what_did_not_change_is_not_read_again(tmp_path: Path, cache: Cache):
    """Second run: all units are recalled. After one change: all but those that it touches."""
    root = tmp_path / "tree"
    everything(root)
    assert recalling(root, cache) == fresh(root)
    first = cache.units
    assert (first, cache.unchanged) == (4, 0)
    recalling(root, cache)
    assert (cache.units - first, cache.unchanged) == (4, 4)
    put(root, "live/a/policy.json", 1)
    assert recalling(root, cache) == fresh(root)
    assert cache.unchanged == 7


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("live/a/terraform.tfvars", 1),
        ("live/a/z.auto.tfvars.json", 0),
        ("live/a/main_override.tf", 0),
        ("live/a/policy.json", 1),
        ("live/a/parts/main.tf", 1),
        ("modules/store/main.tf", 1),
        ("modules/store/main.tofu", 0),
        ("shared/policy.tpl", 2),
        ("live/a/.terraform/environment", 1),
        ("live/a/.terraform/modules/modules.json", 1),
        ("stacks/template.yaml", 1),
        ("code/checks.py", 1),
    ],
)
def test_each_file_that_was_looked_at_counts(tmp_path: Path, cache: Cache, name: str, content: int):
    """Whatever of it changes or appears, something is read again, and the result is the fresh one."""
    root = tmp_path / "tree"
    everything(root)
    before = recalling(root, cache)
    cache.units = cache.unchanged = 0
    put(root, name, content)
    after = recalling(root, cache)
    assert cache.unchanged < cache.units
    assert after == fresh(root)
    assert name.endswith("modules.json") or after != before


@pytest.mark.parametrize("name", ["live/a/flag", "live/a/lists/deep/two.txt", "live/a/policy.json", "live/a/.terraform/environment"])
def test_what_is_gone_or_appears_counts(tmp_path: Path, cache: Cache, name: str):
    """A file that was looked for and not found is as much part of a result as one that was read."""
    root = tmp_path / "tree"
    everything(root)
    recalling(root, cache)
    (root / name).unlink()
    gone = recalling(root, cache)
    assert gone == fresh(root)
    put(root, name, 0)
    back = recalling(root, cache)
    assert back == fresh(root)
    assert back != gone


def test_a_folder_that_was_missing_counts(tmp_path: Path, cache: Cache):
    """``fileset`` of a folder that isn't there gives nothing; once it is there, it does."""
    root = tmp_path / "tree"
    everything(root)
    shutil.rmtree(root / "live/a/lists")
    before = recalling(root, cache)
    put(root, "live/a/lists/one.txt", 0)
    after = recalling(root, cache)
    assert after == fresh(root)
    assert after != before


def test_where_a_link_leads_counts(tmp_path: Path, cache: Cache):
    """The same bytes behind a link that now leads out of what is checked are not read, and that is another result."""
    root = tmp_path / "tree"
    everything(root)
    for place in (root / "shared" / "policy.json", tmp_path / "policy.json"):
        place.write_text(OPEN, encoding="utf-8")
    link = root / "live/a/policy.json"
    link.unlink()
    link.symlink_to(root / "shared" / "policy.json")
    before = recalling(root, cache)
    link.unlink()
    link.symlink_to(tmp_path / "policy.json")
    after = recalling(root, cache)
    assert after == fresh(root)
    assert after != before


def test_the_selected_workspace_counts(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch):
    """A variable of the environment that was looked at is part of the result, set or not."""
    root = tmp_path / "tree"
    everything(root)
    (root / "live/a/.terraform/environment").unlink()
    monkeypatch.delenv("TF_WORKSPACE", raising=False)
    before = recalling(root, cache)
    monkeypatch.setenv("TF_WORKSPACE", "prod")
    after = recalling(root, cache)
    assert after == fresh(root)
    assert after != before


def test_an_edit_that_leaves_size_and_time_alone_counts(tmp_path: Path, cache: Cache):
    """Contents decide, not clocks: the same size, the same inode, the same modification time."""
    root = tmp_path / "tree"
    everything(root)
    file = root / "stacks" / "template.yaml"
    state = file.stat()
    recalling(root, cache)
    file.write_text(TEMPLATE.replace("Uploads", "Logging"), encoding="utf-8")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert file.stat().st_size == state.st_size
    assert recalling(root, cache) == fresh(root)


def all_cases() -> Iterator[Path]:
    for folder in sorted(RULES.iterdir()):
        if (folder / "cases").is_dir():
            yield from sorted(path for path in (folder / "cases").iterdir() if path.is_dir())


@pytest.mark.parametrize("case", list(all_cases()), ids=lambda case: f"{case.parent.parent.name}/{case.name}")
def test_every_case_of_every_rule_comes_back_whole(case: Path, cache: Cache):
    """Messages, places, fixes and mechanical edits of every rule, from every surface that its cases have."""
    expected = recalling(case, cache)
    assert recalling(case, cache) == expected
    if not any(problem.fleeting for problem in expected.problems):
        assert cache.unchanged * 2 == cache.units
