"""A program that makes infrastructure code isn't run, and isn't passed over in silence."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from averment.cli.main import run
from averment.policies.graph.model import Unknown
from averment.policies.interface import Context
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.registry import discover
from averment.policies.surfaces.unsynthesised import unsynthesised

TEMPLATE = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Logs": {"Type": "AWS::Logs::LogGroup"}}}


def test_a_cdk_app_alone_is_refused_with_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing can be checked, and the next step isn't to look for another folder."""
    (tmp_path / "cdk.json").write_text('{"app": "npx ts-node bin/app.ts"}')
    monkeypatch.chdir(tmp_path)
    assert run(["check", "."]) == 2
    assert "cdk synth" in capsys.readouterr().err.partition("fix:")[2]


@pytest.mark.parametrize("marker", ["Pulumi.yaml", "terragrunt.hcl", "serverless.ts"])
def test_what_no_command_writes_alone_is_refused_with_where_to_look(
    marker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another folder is no better: what the program writes, or what it deployed, can be checked."""
    (tmp_path / marker).write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert run(["check", "."]) == 2
    fix = capsys.readouterr().err.partition("fix:")[2]
    assert "--plan" in fix
    assert "averment rules deploy" in fix


@pytest.mark.parametrize(
    ("marker", "said", "code"),
    [
        ("cdk.json", "cdk synth", 3),
        ("cdktf.json", "cdktf synth", 3),
        ("Pulumi.yaml", "Pulumi program", 0),
        ("Pulumi.yml", "Pulumi program", 0),
        ("sst.config.ts", "SST app", 0),
        ("terragrunt.hcl", "without what it gives them", 0),
        ("uploads.tfcomponent.hcl", "without what it gives them", 0),
        ("serverless.ts", "serverless package writes the template to .serverless", 0),
        ("serverless.mjs", "serverless package writes the template to .serverless", 0),
        ("serverless.cjs", "serverless package writes the template to .serverless", 0),
        ("serverless.mts", "serverless package writes the template to .serverless", 0),
        ("amplify/backend.ts", "is an Amplify backend", 0),
        ("amplify/backend/storage/images/cli-inputs.json", "is the storage/images of an Amplify app", 0),
    ],
)
def test_beside_other_code_it_is_named_as_not_read(
    marker: str, said: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A clean template beside it must not make the app look checked: where a command would write its templates, the check is incomplete until
    it has; elsewhere it counts as not read, in the table and in the JSON."""
    (tmp_path / "app" / marker).parent.mkdir(parents=True)
    (tmp_path / "app" / marker).write_text("{}")
    (tmp_path / "template.json").write_text(json.dumps(TEMPLATE))
    monkeypatch.chdir(tmp_path)
    assert run(["check", ".", "--no-cache"]) == code
    out = capsys.readouterr().out
    assert f"app/{marker}: is " in out
    assert said in out
    assert ("COULD NOT CHECK (1)" if code else "1 not read") in out
    assert run(["check", ".", "--no-cache", "-f", "json"]) == code
    [problem] = json.loads(capsys.readouterr().out)["problems"]
    assert problem["blocking"] is bool(code)
    assert run(["check", ".", "--no-cache", "--fail-on", "unknown"]) == (code or 1)
    assert run(["check", ".", "--no-cache", "--fail-on", "unknown", "--skip", "app/*"]) == 0


@pytest.mark.parametrize(
    ("settings", "folder", "code"),
    [
        ("{}", "app/cdk.out", 0),
        ('{"output": "../dist/cdk"}', "dist/cdk", 0),
        ('{"output": "../dist/cdk"}', "app/cdk.out", 3),
        ('{"output": ".."}', "other", 3),
        ('{"output": 1}', "app/cdk.out", 0),
        ("{", "app/cdk.out", 0),
    ],
)
def test_a_synthesised_app_is_read(
    settings: str, folder: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once its templates are there, nothing is missing; they are where its settings say. What another program wrote is none of them."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "cdk.json").write_text(settings)
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "Shop.template.json").write_text(json.dumps(TEMPLATE))
    monkeypatch.chdir(tmp_path)
    assert run(["check", ".", "--no-cache"]) == code
    assert ("cdk synth writes them to " in capsys.readouterr().out) is bool(code)


def test_what_serverless_compose_gives_its_services_is_said(tmp_path: Path) -> None:
    """A service is checked by its own file, with the defaults of what is given to it there."""
    compose = tmp_path / "serverless-compose.yml"
    compose.write_text("services:\n  a:\n    path: a\n")
    assert list(unsynthesised([compose], [])) == []
    compose.write_text("services:\n  a:\n    path: a\n    params:\n      name: x\n")
    (problem,) = unsynthesised([compose], [])
    assert (problem.where.file, problem.blocking) == (str(compose), False)


AMPLIFY = """\
{
  "AWSTemplateFormatVersion": "2010-09-09",
  "Parameters": {
    "bucketName": {"Type": "String"},
    "unauthRoleName": {"Type": "String"},
    "selectedGuestPermissions": {"Type": "CommaDelimitedList", "Default": "NONE"},
    "s3PermissionsGuestPublic": {"Type": "String", "Default": "DISALLOW"}
  },
  "Conditions": {"Guests": {"Fn::Not": [{"Fn::Equals": [{"Ref": "s3PermissionsGuestPublic"}, "DISALLOW"]}]}},
  "Resources": {
    "S3Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Ref": "bucketName"}}},
    "S3GuestPublicPolicy": {
      "Type": "AWS::IAM::Policy",
      "Condition": "Guests",
      "Properties": {"Roles": [{"Ref": "unauthRoleName"}], "PolicyDocument": {"Statement": [
        {"Effect": "Allow", "Action": {"Fn::Split": [",", {"Ref": "s3PermissionsGuestPublic"}]}, "Resource": {"Fn::Sub": "${S3Bucket.Arn}/public/*"}},
        {"Effect": "Allow", "Action": {"Ref": "selectedGuestPermissions"}, "Resource": {"Fn::GetAtt": ["S3Bucket", "Arn"]}}
      ]}}
    }
  }
}
"""


@pytest.mark.parametrize("folder", ["", "build"])
def test_a_template_of_amplify_has_the_arguments_that_stand_beside_it(folder: str, tmp_path: Path) -> None:
    """With the parameters' defaults nobody may write to the bucket, which has no name: the rules on uploads had nothing to look at."""
    here = tmp_path / "amplify" / "backend" / "storage" / "images" / folder
    here.mkdir(parents=True)
    template = here / "cloudformation-template.json"
    template.write_text(AMPLIFY)
    given = {"s3PermissionsGuestPublic": "s3:PutObject,s3:GetObject", "selectedGuestPermissions": ["s3:ListBucket", "s3:GetObject"]}
    given |= {
        "bucketName": "shop-images",
        "unauthRoleName": {"Ref": "UnauthRoleName"},
        "other": {"Fn::GetAtt": ["function", "Outputs.Arn"]},
    }
    (here / "parameters.json").write_text(json.dumps(given))
    graph = read_template(template)
    assert [problem for problem in graph.problems if "defaults" in problem.reason] == []
    (bucket,) = graph.of_type("AWS::S3::Bucket")
    assert bucket.get("BucketName") == "shop-images"
    (policy,) = graph.of_type("AWS::IAM::Policy")
    statements = policy.get("PolicyDocument", "Statement")
    assert [statement["Action"] for statement in statements] == [["s3:PutObject", "s3:GetObject"], ["s3:ListBucket", "s3:GetObject"]]
    gated = rule("s3-put-object-gated").evaluate(policy, Context(graph))
    assert "allows guests of an identity pool, whom its role trusts, s3:PutObject on the upload bucket S3Bucket" in gated.message
    (here / "parameters.json").write_text(json.dumps({**given, "s3PermissionsGuestPublic": "DISALLOW"}))
    assert "S3GuestPublicPolicy: not created with what its parameters are given" in "".join(
        problem.reason for problem in read_template(template).problems
    )
    (here / "parameters.json").write_text('{"unauthRoleName": {"Ref": ["UnauthRoleName"]}, "bucketName": {"Ref": {}}}')
    assert read_template(template).get("S3Bucket") is not None  # who links to nothing ends no check
    (here / "parameters.json").write_text("[")
    assert "is not a map in JSON" in "".join(problem.reason for problem in read_template(template).problems)


def test_arguments_beside_another_template_are_none_of_its(tmp_path: Path) -> None:
    """A file of that name may be for the test account, or for anything; only Amplify gives it to every deployment."""
    (tmp_path / "parameters.json").write_text('{"bucketName": "shop-images"}')
    (tmp_path / "template.json").write_text(AMPLIFY)
    (bucket,) = read_template(tmp_path / "template.json").of_type("AWS::S3::Bucket")
    assert isinstance(bucket.get("BucketName"), Unknown)


@pytest.mark.parametrize("folder", ["", "shared", "shared/queue"])
@pytest.mark.parametrize("submodules", [True, False])
def test_a_module_folder_that_is_missing_may_be_a_submodule(
    submodules: bool, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a repository with submodules the reason says how to get them; elsewhere nobody is sent there. A clone without them leaves an empty
    folder in the place of each, and a module of which nothing was there passed."""
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / ".git").mkdir()
    if submodules:
        (tmp_path / ".gitmodules").write_text('[submodule "shared"]\n')
    (tmp_path / "main.tf").write_text('module "queue" {\n  source = "./shared/queue"\n}\n')
    monkeypatch.chdir(tmp_path)
    assert run(["check", ".", "--no-cache"]) == 3
    assert ("git submodule update --init" in capsys.readouterr().out) is submodules


def test_a_submodule_that_is_not_checked_out_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """actions/checkout fetches none unless it is told to: a repository whose infrastructure is one was called free of failures."""
    (tmp_path / ".git").mkdir()
    for folder in ("infra", "other", "theme"):
        (tmp_path / folder).mkdir()
    (tmp_path / ".gitmodules").write_text('[submodule "i"]\n\tpath = infra\n\turl = ./x\n[submodule "theme"]\n\tpath = theme\n')
    (tmp_path / "theme" / "style.css").write_text("a {}\n")
    monkeypatch.chdir(tmp_path)
    assert run(["check", ".", "--no-cache"]) == 2
    assert "infra is a submodule that isn't checked out, so nothing of it is checked; git submodule update" in capsys.readouterr().err
    (tmp_path / "main.tf").write_text('resource "aws_sqs_queue" "q" {}\n')
    assert run(["check", ".", "--no-cache"]) == 0
    told = capsys.readouterr().out
    assert "NOT READ (1)" in told
    assert "infra: is a submodule that isn't checked out" in told
    assert run(["check", ".", "--no-cache", "--skip", "infra"]) == 0
    assert "submodule" not in capsys.readouterr().out


def test_what_a_sparse_checkout_leaves_out_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job that fetches a part of a repository called all of it free of failures, and so did the evidence of that commit; code counts, too."""
    for name in ("main.tf", "live/a.tf", "live/b.tf", "style/a.css", "old/Stack.YAML", "faces/match.py", "faces/tests/test_match.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('resource "aws_sqs_queue" "q" {}\n')
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"], ["sparse-checkout", "set", "nothing-more"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    assert run(["check", ".", "--no-cache"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "NOT READ (3)" in told
    for name, number in (("live", "2 files"), ("old", "1 file"), ("faces", "1 file")):
        assert f"{name}: isn't wholly in this sparse checkout, which leaves out {number} that may be infrastructure or code" in told
    assert run(["check", ".", "--no-cache", "--skip", "live", "--skip", "old", "--skip", "faces"]) == 0
    assert "sparse" not in capsys.readouterr().out
    (tmp_path / ".git" / "index").write_bytes(b"broken")
    assert run(["check", ".", "--no-cache"]) == 0
    assert "Git, which knows what isn't in it, could not be asked" in " ".join(capsys.readouterr().out.split())
    (tmp_path / ".git" / "info" / "sparse-checkout").unlink()
    assert run(["check", ".", "--no-cache"]) == 0
    assert "NOT READ" not in capsys.readouterr().out


def test_variables_that_are_locked_are_no_broken_syntax(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that git-crypt keeps locked is called that, and what it would set stays unknown: nobody goes looking for a comma."""
    (tmp_path / "main.tf").write_text('variable "name" {}\nresource "aws_s3_bucket" "uploads" {\n  bucket = var.name\n}\n')
    (tmp_path / "terraform.tfvars").write_bytes(b"\0GITCRYPT\0\x3f\xd0\x11")
    monkeypatch.chdir(tmp_path)
    assert run(["check", ".", "--no-cache"]) == 3
    assert "terraform.tfvars: is encrypted by git-crypt" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
        (b"\0GITCRYPT\0\xff\xfe", "git-crypt unlock"),
    ],
)
def test_what_stands_in_for_a_template_is_named(
    content: bytes, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A checkout without Git LFS has pointers in place of what cdk synth wrote: beside other code the run was clean, without a word."""
    (tmp_path / "Stack.template.json").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    assert run(["check", "."]) == 2
    assert said in capsys.readouterr().err
    (tmp_path / "logs.json").write_text(json.dumps(TEMPLATE))
    assert run(["check", ".", "-f", "json"]) == 0
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["file"], problem["blocking"]) == ("Stack.template.json", False)
    assert said in problem["reason"]
    assert run(["check", ".", "--fail-on", "unknown"]) == 1


@pytest.mark.parametrize("name", ["t.yaml.j2", "t.json.tpl", "T.YAML.TMPL", "main.tf.tftpl"])
def test_infrastructure_code_with_holes_is_named(tmp_path: Path, name: str) -> None:
    """Whoever fills it in writes what is deployed: it was passed over without a word, beside code that is read."""
    text = 'resource "aws_s3_bucket" "b" {\n}\n' if "tf." in name else json.dumps(TEMPLATE)
    (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "policy.json.tpl").write_text('{"Statement": [{"Resource": "${bucket}/*"}]}', encoding="utf-8")
    (problem,) = discover(tmp_path).apps
    assert (problem.where.file, problem.blocking) == (str(tmp_path / name), False)
    assert "which is not run: what it makes is not checked" in problem.reason


def test_a_template_by_its_older_suffix_is_read(tmp_path: Path) -> None:
    """``.cfn``, which nothing was said of either."""
    (tmp_path / "t.cfn").write_text(json.dumps(TEMPLATE), encoding="utf-8")
    assert [path.name for path in discover(tmp_path).templates] == ["t.cfn"]


def test_what_a_manifest_of_the_cdk_names_and_is_not_there_is_said(tmp_path: Path) -> None:
    """One stack that was written stood for all of them, and the stage for production was nobody's."""
    stacks = {
        name: {"type": "aws:cloudformation:stack", "properties": {"templateFile": f"{name}.template.json"}} for name in ("Dev", "Live")
    }
    stage = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Prod"}}
    odd = {
        "Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}},
        "A": 5,
        "B": {"type": ["x"]},
        "C": {**stage, "properties": []},
    }
    manifest = tmp_path / "cdk.out" / "manifest.json"
    manifest.parent.mkdir()
    manifest.write_text(json.dumps({"version": "36.0.0", "artifacts": {**stacks, "Prod": stage, **odd}}), encoding="utf-8")
    (manifest.parent / "Dev.template.json").write_text(json.dumps(TEMPLATE), encoding="utf-8")
    said = discover(tmp_path).apps
    assert [(problem.where.file, problem.blocking, problem.reason.partition(",")[0]) for problem in said] == [
        (str(manifest), True, "names Live.template.json for 'Live'"),
        (str(manifest), True, "names assembly-Prod for 'Prod'"),
    ]
    (manifest.parent / "assembly-Prod").mkdir()
    (manifest.parent / "Live.template.json").write_text(json.dumps(TEMPLATE), encoding="utf-8")
    assert discover(tmp_path).apps == []
