"""Terraform folders become graphs: evaluated offline, links kept, what can't be known said."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from averment.policies.graph.model import Graph, Reference, Unknown, find_unknown
from averment.policies.surfaces.registry import load_graphs
from averment.policies.surfaces.terraform import hints as asking
from averment.policies.surfaces.terraform.hints import Hints


def graph_of(folder: Path, **files: str) -> Graph:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".tf")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    (graph,) = load_graphs(folder)
    return graph


def value(folder: Path, expression: str, **more: str):
    """What an expression evaluates to, seen through a pass-through resource."""
    graph = graph_of(folder, main=f'resource "test_thing" "t" {{\n  v = {expression}\n}}\n', **more)
    resource = graph.get("test_thing.t")
    assert resource is not None
    assert graph.problems == []
    return resource.properties.get("v")


def test_links_keep_their_attribute_and_text_around_it(tmp_path: Path):
    """ "${bucket.arn}/*" is the bucket's ARN with a suffix, not a guessed string: rules follow it."""
    graph = graph_of(
        tmp_path,
        main="""
        resource "aws_s3_bucket" "uploads" { bucket = "shop-uploads" }
        resource "aws_s3_bucket_policy" "p" {
          bucket = aws_s3_bucket.uploads.id
          policy = jsonencode({ Statement = [{ Resource = ["${aws_s3_bucket.uploads.arn}/*", aws_s3_bucket.uploads.arn] }] })
        }
        """,
    )
    policy = graph.get("aws_s3_bucket_policy.p")
    assert policy is not None
    assert policy.type == "AWS::S3::BucketPolicy"
    assert graph.target(policy.get("Bucket")) is graph.get("aws_s3_bucket.uploads")
    assert policy.get("PolicyDocument", "Statement", 0, "Resource") == [
        Reference("aws_s3_bucket.uploads", "Arn", "/*"),
        Reference("aws_s3_bucket.uploads", "Arn"),
    ]


def test_settings_in_resources_of_their_own_are_merged_with_their_places(tmp_path: Path):
    """The bucket holds what its satellites say, and each setting's place is where the satellite says it."""
    graph = graph_of(
        tmp_path,
        main="""
        resource "aws_s3_bucket_versioning" "v" {
          bucket = aws_s3_bucket.b.id
          versioning_configuration {
            status = "Enabled"
          }
        }
        resource "aws_s3_bucket" "b" {}
        resource "aws_s3_bucket_public_access_block" "p" {
          bucket            = aws_s3_bucket_versioning.v.id
          block_public_acls = true
        }
        resource "aws_s3_bucket_notification" "n" {
          bucket      = aws_s3_bucket.b.bucket
          eventbridge = true
          queue {
            queue_arn     = aws_sqs_queue.q.arn
            events        = ["s3:ObjectCreated:*"]
            filter_prefix = "in/"
          }
        }
        resource "aws_sqs_queue" "q" {}
        """,
    )
    bucket = graph.get("aws_s3_bucket.b")
    assert bucket is not None
    assert bucket.get("VersioningConfiguration", "Status") == "Enabled"
    assert bucket.where("VersioningConfiguration", "Status").line == 5
    assert bucket.get("PublicAccessBlockConfiguration", "BlockPublicAcls") is True, "a link through another setting means the bucket"
    notification = bucket.get("NotificationConfiguration")
    assert notification["EventBridgeConfiguration"] == {"EventBridgeEnabled": True}
    assert notification["QueueConfigurations"] == [
        {
            "Event": "s3:ObjectCreated:*",
            "Queue": Reference("aws_sqs_queue.q", "Arn"),
            "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "in/"}]}},
        }
    ]
    assert bucket.source.line == 8


def test_policy_document_data_sources_are_rendered(tmp_path: Path):
    """``.json`` of a policy-document data source is the document: dynamic statements, principals, conditions, merged parts."""
    graph = graph_of(
        tmp_path,
        main="""
        data "aws_caller_identity" "me" {}
        data "aws_iam_policy_document" "base" {
          statement {
            sid       = "A"
            actions   = ["s3:GetObject"]
            resources = ["*"]
          }
        }
        data "aws_iam_policy_document" "p" {
          source_policy_documents = [data.aws_iam_policy_document.base.json]
          dynamic "statement" {
            for_each = toset(["Put", "Delete"])
            content {
              effect    = "Deny"
              actions   = ["s3:${statement.value}Object"]
              resources = ["*"]
              principals {
                type        = "AWS"
                identifiers = ["arn:aws:iam::${data.aws_caller_identity.me.account_id}:root"]
              }
              condition {
                test     = "Null"
                variable = "s3:RequestObjectTag/provenance"
                values   = ["true"]
              }
            }
          }
        }
        resource "aws_iam_policy" "p" { policy = data.aws_iam_policy_document.p.json }
        """,
    )
    policy = graph.get("aws_iam_policy.p")
    assert policy is not None
    statements = policy.get("PolicyDocument", "Statement")
    assert [statement["Action"] for statement in statements] == [["s3:GetObject"], ["s3:DeleteObject"], ["s3:PutObject"]]
    assert statements[1]["Principal"] == {"AWS": ["arn:aws:iam::${AWS::AccountId}:root"]}
    assert statements[1]["Condition"] == {"Null": {"s3:RequestObjectTag/provenance": ["true"]}}


def test_policy_written_as_json_text_around_links_is_parsed(tmp_path: Path):
    """A heredoc with interpolated ARNs is still a document: otherwise the commonest form of policy would go unread."""
    graph = graph_of(
        tmp_path,
        main="""
        resource "aws_s3_bucket" "b" {}
        variable "who" {}
        resource "aws_iam_policy" "p" {
          policy = <<-EOF
            {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "${var.who}"},
              "Resource": ["${aws_s3_bucket.b.arn}", "${aws_s3_bucket.b.arn}/*"]}]}
          EOF
        }
        """,
    )
    policy = graph.get("aws_iam_policy.p")
    assert policy is not None
    statement = policy.get("PolicyDocument", "Statement", 0)
    assert statement["Resource"][1] == Reference("aws_s3_bucket.b", "Arn", "/*")
    assert isinstance(statement["Principal"]["AWS"], Unknown)


def test_modules_pass_values_down_and_outputs_up(tmp_path: Path):
    """Links cross module borders both ways; keyed instances have their keys in the address."""
    graph = graph_of(
        tmp_path,
        main="""
        module "store" {
          for_each = toset(["eu", "us"])
          source   = "./store"
          name     = "shop-${each.key}"
        }
        resource "aws_s3_bucket_policy" "p" {
          bucket = module.store["eu"].id
          policy = "{}"
        }
        """,
        store__main="""
        variable "name" { type = string }
        variable "opts" {
          type    = object({ versioned = optional(bool, true) })
          default = {}
        }
        resource "aws_s3_bucket" "this" {
          count  = var.opts.versioned ? 1 : 0
          bucket = var.name
        }
        output "id" { value = one(aws_s3_bucket.this[*].id) }
        """,
    )
    names = {resource.address: resource.get("BucketName") for resource in graph.of_type("AWS::S3::Bucket")}
    assert names == {
        'module.store["eu"].aws_s3_bucket.this[0]': "shop-eu",
        'module.store["us"].aws_s3_bucket.this[0]': "shop-us",
    }
    policy = graph.get("aws_s3_bucket_policy.p")
    assert policy is not None
    assert policy.get("Bucket") == Reference('module.store["eu"].aws_s3_bucket.this[0]', "Ref")


def test_tfvars_win_over_defaults_in_terraforms_order(tmp_path: Path):
    """terraform.tfvars, then *.auto.tfvars by name; other files aren't read."""
    (tmp_path / "terraform.tfvars").write_text('a = "one"\nb = "one"\n')
    (tmp_path / "z.auto.tfvars").write_text('b = "two"\n')
    (tmp_path / "prod.tfvars").write_text('a = "prod"\n')
    more = 'variable "a" { default = "x" }\nvariable "b" {}\n'
    assert value(tmp_path, '"${var.a}-${var.b}"', variables=more) == "one-two"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('"a" == "b" ? 1 : 2', 2),
        ("!true || 3 > 2 && 1 + 1 == 2", True),
        ("{ for k, v in { a = 1, b = 2 } : upper(k) => v + 1 if v > 1 }", {"B": 3}),
        ('[for s in ["x", "y"] : "${s}!"]', ["x!", "y!"]),
        ('merge({ a = 1 }, { b = 2 })["b"]', 2),
        ('try({}.missing, "fallback")', "fallback"),
        ("can({}.missing)", False),
        ('lookup({ a = 1 }, "b", 7)', 7),
        ('format("%s-%03d", "n", 7)', "n-007"),
        ('join(",", concat(["a"], ["b"]))', "a,b"),
        ('replace("a-b", "/-(.)/", "+$1")', "a+b"),
        ('element(split(".", "a.b.c"), 1)', "b"),
        ('"tab\\there $${not} \\u00e9"', "tab\there ${not} é"),
        ('coalesce(null, "", "c")', "c"),
        ('jsondecode("[1, 2]")[1]', 2),
        ("length([1, 2]) == 2", True),
        ("flatten([[1], [2, [3]]])", [1, 2, 3]),
        ("[{ a = 1 }, { a = 2 }][*].a", [1, 2]),
        ("<<-EOT\n    x\n      y\n    EOT\n", "x\n  y\n"),
    ],
)
def test_expressions_have_terraforms_values(tmp_path: Path, expression: str, expected: object):
    """The language as configurations use it; the values are those of the language's own documentation."""
    assert value(tmp_path, expression) == expected


def test_expressions_that_need_tfparse_are_asked_of_it(tmp_path: Path):
    """A function that we don't evaluate ourselves still gets its value, from the child process."""
    assert value(tmp_path, 'cidrsubnet("10.0.0.0/16", 8, 2)') == "10.0.2.0/24"


@pytest.mark.parametrize(
    "expression",
    [
        "sha1(jsonencode([aws_kms_key.k.id, aws_kms_key.k]))",
        'sha1(join(",", [jsonencode(aws_kms_key.k)]))',
        'formatdate("YYYY", timestamp())',
    ],
)
def test_what_only_a_deployment_knows_is_never_made_up(tmp_path: Path, expression: str):
    """tfparse puts a random id for such a value. In a digest nobody sees it: a bucket had another name in each run, and no entry of a baseline fitted."""
    assert isinstance(value(tmp_path, expression, more='resource "aws_kms_key" "k" {}\n'), Unknown)


def test_what_cannot_be_known_says_why_and_keeps_what_is_known(tmp_path: Path):
    """An unknown never looks like a value, names its reason, and keeps the known part for recognising names."""
    found = value(tmp_path, '"${var.env}-uploads"', variables='variable "env" {}\n')
    assert isinstance(found, Unknown)
    assert "variable 'env' has no default" in found.reason
    assert found.template == "${var.env}-uploads"


def test_resources_whose_number_is_unknown_are_still_checked(tmp_path: Path):
    """tfparse drops a resource with an unknown for_each in silence; here it stays, with unknown keys."""
    graph = graph_of(tmp_path, main='variable "x" {}\nresource "aws_s3_bucket" "b" {\n  for_each = var.x\n  bucket = "b-${each.key}"\n}\n')
    bucket = graph.get("aws_s3_bucket.b")
    assert bucket is not None
    assert list(find_unknown(bucket.properties))


def test_dynamic_blocks_that_cannot_be_expanded_are_unknown(tmp_path: Path):
    """A statement list behind an unknown for_each isn't an empty list: it isn't known."""
    graph = graph_of(
        tmp_path,
        main="""
        variable "rules" {}
        data "aws_iam_policy_document" "p" {
          dynamic "statement" {
            for_each = var.rules
            content { actions = ["s3:*"] }
          }
        }
        resource "aws_iam_policy" "p" { policy = data.aws_iam_policy_document.p.json }
        """,
    )
    policy = graph.get("aws_iam_policy.p")
    assert policy is not None
    assert isinstance(policy.get("PolicyDocument", "Statement", 0), Unknown)


def test_attachments_to_strangers_are_not_lost(tmp_path: Path):
    """A managed policy that is attached to a role from elsewhere appears as that role: full access must not hide there."""
    graph = graph_of(
        tmp_path,
        main="""
        variable "role" {}
        resource "aws_iam_role" "own" { name = "own" }
        resource "aws_iam_role_policy_attachment" "a" {
          role       = aws_iam_role.own.name
          policy_arn = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
        }
        resource "aws_iam_role_policy_attachment" "b" {
          role       = var.role
          policy_arn = "arn:aws:iam::aws:policy/AmazonRekognitionFullAccess"
        }
        """,
    )
    own, other = graph.get("aws_iam_role.own"), graph.get("aws_iam_role_policy_attachment.b")
    assert own is not None
    assert other is not None
    assert own.get("ManagedPolicyArns") == ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]
    assert own.where("ManagedPolicyArns", 0).line == 6
    assert other.type == "AWS::IAM::Role"
    assert other.get("ManagedPolicyArns") == ["arn:aws:iam::aws:policy/AmazonRekognitionFullAccess"]


def test_unmapped_types_pass_through(tmp_path: Path):
    """A type that no table names keeps its own words, so that a user's rule can look at it."""
    graph = graph_of(tmp_path, main='resource "aws_new_thing" "x" {\n  setting = "on"\n}\n')
    resource = graph.get("aws_new_thing.x")
    assert resource is not None
    assert (resource.type, resource.get("setting")) == ("Terraform::aws_new_thing", "on")


def test_remote_modules_are_reported_and_never_downloaded(tmp_path: Path):
    """A module from a registry isn't read: that is said, with its place, and doesn't make the run incomplete."""
    graph = graph_of(
        tmp_path, main='module "m" {\n  source = "terraform-aws-modules/s3-bucket/aws"\n}\nresource "x_y" "z" { v = module.m.id }\n'
    )
    (problem,) = graph.problems
    assert "terraform-aws-modules/s3-bucket/aws" in problem.reason
    assert not problem.blocking
    assert problem.where.line == 1


def test_modules_in_a_circle_end_with_a_problem(tmp_path: Path):
    """Modules that call each other end, and say so; none of them is lost for not being a root."""
    graph = graph_of(tmp_path, a__main='module "b" { source = "../b" }\n', b__main='module "a" { source = "../a" }\n')
    assert any("levels deep" in problem.reason for problem in graph.problems)


def test_files_outside_are_not_read(tmp_path: Path):
    """file() of a path outside of what is checked stays unknown: a pull request must not read the machine it is checked on."""
    secret = tmp_path / "secret.txt"
    secret.write_text("hush")
    found = value(tmp_path / "in", f'file("{secret}")')
    assert isinstance(found, Unknown)
    assert "outside" in found.reason


def test_locals_that_depend_on_themselves_are_unknown(tmp_path: Path):
    """A cycle of locals is unknown, not an endless loop."""
    found = value(tmp_path, "local.a", more="locals {\n  a = local.b\n  b = local.a\n}\n")
    assert isinstance(found, Unknown)
    assert "depends on itself" in found.reason


@pytest.mark.parametrize(
    "bomb",
    [
        'locals {\n  l0 = "xxxxxxxxxx"\n'
        + "".join(f'  l{i} = "{"${local.l" + str(i - 1) + "}"}{"${local.l" + str(i - 1) + "}"}"\n' for i in range(1, 60))
        + "}\n",
        "locals {\n  l0 = [1]\n" + "".join(f"  l{i} = [local.l{i - 1}, local.l{i - 1}]\n" for i in range(1, 60)) + "}\n",
        "locals {\n  l0 = [1]\n" + "".join(f"  l{i} = concat(local.l{i - 1}, local.l{i - 1})\n" for i in range(1, 60)) + "}\n",
        "locals {\n  l0 = [1]\n"
        + "".join(f"  l{i} = [local.l{i - 1}, local.l{i - 1}]\n" for i in range(1, 59))
        + "  l59 = jsonencode(local.l58) == 1\n}\n",
        'locals {\n  l59 = "a" * 1000000000000\n}\n',
        "locals {\n  l59 = range(1000000000000)\n}\n",
        'locals {\n  l59 = format("%999999999d", 1)\n}\n',
        'locals {\n  l59 = replace("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "/(a+)+$/", "")\n}\n',
    ],
    ids=["strings", "lists", "concat", "encode", "product", "range", "format", "pattern"],
)
def test_expressions_that_explode_end_in_bounded_time(tmp_path: Path, bomb: str, monkeypatch: pytest.MonkeyPatch):
    """A few lines that would fill the memory, or keep a regular expression busy for years, end with something unknown said."""
    monkeypatch.setattr(Hints, "of", lambda _self, _address: {})
    graph = graph_of(tmp_path, main='resource "test_thing" "t" {\n  v = local.l59\n}\n', locals=bomb)
    resource = graph.get("test_thing.t")
    assert graph.problems or (resource is not None and list(find_unknown(resource.properties)))


def test_broken_syntax_is_a_problem_and_the_rest_is_still_read(tmp_path: Path):
    """What can't be parsed is reported with its line; resources before it are in the graph."""
    graph = graph_of(tmp_path, main='resource "aws_s3_bucket" "b" {}\nresource "x" {{{\n')
    assert graph.get("aws_s3_bucket.b") is not None
    assert [problem.reason for problem in graph.problems] == ["is not valid HCL"]
    assert graph.problems[0].blocking


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1e12", 10**12),
        ("1.5E+2", 150),
        ("5e-1", 0.5),
        ("[1e2, 2e2]", [100, 200]),
        ("1e2 + 1", 101),
        ("0", 0),
        ('"1e2"', "1e2"),
        ('["v 1e2"][0]', "v 1e2"),
        ('true == ("a" == "a") ? 1e2 : 2', 100),
        ('jsonencode({"x": 1e2})', '{"x":100}'),
        ("<<EOT\nv 1e2\nEOT", "v 1e2\n"),
    ],
)
def test_numbers_with_an_exponent_are_numbers(tmp_path: Path, written: str, expected: object):
    """Terraform reads them, and a file with one of them wasn't checked at all; what looks like one in a text stays as it is."""
    graph = graph_of(tmp_path, main=f'resource "test_thing" "t" {{\n  a = 1e3\n  v = {written}\n}}\nresource "test_thing" "u" {{}}\n')
    assert graph.problems == []
    found = graph.get("test_thing.t")
    assert found is not None
    assert (found.get("a"), found.get("v")) == (1000, expected)
    after = graph.get("test_thing.u")
    assert after is not None
    assert after.source.line == 5 + written.count("\n")


def test_invalid_utf8_is_a_problem_with_its_line(tmp_path: Path):
    """Bytes that aren't UTF-8 are named by line."""
    (tmp_path / "main.tf").write_bytes(b"# fine\n# \xff\xfe\n")
    (graph,) = load_graphs(tmp_path)
    assert [(problem.reason, problem.where.line) for problem in graph.problems] == [("is not valid UTF-8", 2)]


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import os; os.abort()", "killed by signal 6"),
        ("import time; time.sleep(60)", "did not finish within"),
        ("print('{')", "not JSON"),
        ("import sys; sys.exit('Error: no')", "tfparse failed: Error: no"),
    ],
)
def test_a_crashing_tfparse_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, said: str):
    """tfparse may abort its process, hang, or talk nonsense: the run goes on and says what it could not resolve."""
    child = tmp_path / "child.py"
    child.write_text(program)
    monkeypatch.setattr(asking, "_CHILD", child)
    hints = Hints(tmp_path, seconds=1.5)
    assert hints.of("aws_s3_bucket.b") == {}
    (problem,) = hints.problems
    assert said in problem.reason
    assert problem.blocking


def test_comments_in_a_block_travel_with_the_resource(tmp_path: Path):
    """Waivers stand in comments inside the block or directly above it; comments elsewhere don't count."""
    graph = graph_of(
        tmp_path,
        main='# elsewhere\n\n# above\nresource "aws_s3_bucket" "b" {\n  # averment:waive=X until=2030-01-01\n  /* two\n     lines */\n}\n',
    )
    bucket = graph.get("aws_s3_bucket.b")
    assert bucket is not None
    assert bucket.comments == ("above", "averment:waive=X until=2030-01-01", "two", "lines")


@pytest.mark.parametrize(("written", "expected"), [('"true"', True), ('"false"', False), ("true", True), ('"yes"', "yes")])
def test_a_boolean_that_is_written_as_text_is_one(tmp_path: Path, written: str, expected: object):
    """Terraform converts ``"true"`` where a boolean is wanted, and old code is full of it; tags keep their spelling."""
    graph = graph_of(
        tmp_path,
        main=f"""
        resource "aws_config_configuration_recorder" "r" {{
          role_arn = "arn:aws:iam::123456789012:role/config"
          recording_group {{
            all_supported = {written}
          }}
          tags = {{ kept = "true" }}
        }}
        """,
    )
    recorder = graph.get("aws_config_configuration_recorder.r")
    assert recorder is not None
    assert recorder.get("RecordingGroup", "AllSupported") == expected
    assert recorder.tags == {"kept": "true"}


@pytest.mark.parametrize(
    ("second", "values"),
    [
        ('["o-aaaaaaaaaa"]', ["o-aaaaaaaaaa"]),
        ('["o-bbbbbbbbbb", "*"]', ["o-aaaaaaaaaa", "o-bbbbbbbbbb", "*"]),
        ("var.more", None),
    ],
)
def test_a_condition_that_stands_twice_has_the_values_of_both(tmp_path: Path, second: str, values: list[str] | None):
    """The provider puts values of one test and variable together: the last ones alone aren't the gate. Unknown where either is."""
    condition = 'condition {{\n test = "StringEquals"\n variable = "aws:PrincipalOrgID"\n values = {}\n}}\n'
    statement = condition.format('["o-aaaaaaaaaa"]') + condition.format(second)
    text = 'variable "more" {{}}\ndata "aws_iam_policy_document" "p" {{\n statement {{\n actions = ["s3:PutObject"]\n {} }}\n}}\n'
    policy = 'resource "aws_iam_policy" "p" {\n policy = data.aws_iam_policy_document.p.json\n}\n'
    (tmp_path / "main.tf").write_text(text.format(statement) + policy)
    (graph,) = load_graphs(tmp_path)
    (found,) = graph.of_type("AWS::IAM::ManagedPolicy")
    told = found.get("PolicyDocument", "Statement", 0, "Condition", "StringEquals", "aws:PrincipalOrgID")
    assert isinstance(told, Unknown) if values is None else told == values
