"""What belongs to a Terraform configuration besides plain .tf files: JSON, OpenTofu, overrides, installed modules, settings."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from averment.policies.graph.model import Graph, Reference, Unknown
from averment.policies.surfaces.registry import discover, load_graphs


def written(folder: Path, files: dict[str, str]) -> Graph:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    (graph,) = load_graphs(folder)
    return graph


JSON = {
    "//": "generated",
    "variable": {"env": {"type": "string", "default": "dev"}, "who": {"default": ["*"]}},
    "locals": [{"name": "shop-${var.env}"}],
    "resource": {
        "aws_s3_bucket": {"uploads": {"//": "averment:waive=X until=2030-01-01", "bucket": "${local.name}-uploads"}},
        "aws_s3_bucket_versioning": {
            "uploads": [{"bucket": "${aws_s3_bucket.uploads.id}", "versioning_configuration": {"status": "Enabled"}}]
        },
        "aws_s3_bucket_policy": {"uploads": {"bucket": "${aws_s3_bucket.uploads.id}", "policy": "${data.aws_iam_policy_document.p.json}"}},
    },
    "data": {
        "aws_iam_policy_document": {
            "p": {
                "statement": [
                    {
                        "actions": ["s3:PutObject"],
                        "resources": ["${aws_s3_bucket.uploads.arn}/*"],
                        "dynamic": {
                            "principals": {
                                "for_each": "${var.who}",
                                "content": {"type": "*", "identifiers": ["${principals.value}"]},
                            }
                        },
                    }
                ]
            }
        }
    },
}


def test_json_configurations_are_read_like_native_ones(tmp_path: Path):
    """CDK for Terraform writes JSON: expressions, links, data sources, dynamic blocks and lines work in it."""
    graph = written(tmp_path, {"cdk.tf.json": json.dumps(JSON, indent=2)})
    bucket, policy = graph.get("aws_s3_bucket.uploads"), graph.get("aws_s3_bucket_policy.uploads")
    assert graph.problems == []
    assert bucket is not None
    assert policy is not None
    assert bucket.get("BucketName") == "shop-dev-uploads"
    assert bucket.get("VersioningConfiguration", "Status") == "Enabled"
    assert bucket.comments == ("averment:waive=X until=2030-01-01",)
    assert policy.get("PolicyDocument", "Statement", 0) == {
        "Effect": "Allow",
        "Action": ["s3:PutObject"],
        "Resource": [Reference("aws_s3_bucket.uploads", "Arn", "/*")],
        "Principal": "*",
    }
    text = (tmp_path / "cdk.tf.json").read_text().splitlines()
    assert "local.name}-uploads" in text[(bucket.where("BucketName").line or 0) - 1]


def test_json_that_is_not_a_configuration_is_a_problem(tmp_path: Path):
    """Broken JSON doesn't look like an empty folder."""
    graph = written(tmp_path, {"main.tf.json": '{"resource": {'})
    assert [problem.blocking for problem in graph.problems] == [True]


def test_native_and_json_files_make_one_module(tmp_path: Path):
    """Both syntaxes may stand side by side, and a JSON call makes a module a module."""
    graph = written(
        tmp_path,
        {
            "a.tf.json": json.dumps({"module": {"m": {"source": "./m", "name": "${local.n}"}}}),
            "b.tf": 'locals {\n  n = "x-uploads"\n}\n',
            "m/main.tf": 'variable "name" {}\nresource "aws_s3_bucket" "b" {\n  bucket = var.name\n}\n',
        },
    )
    bucket = graph.get("module.m.aws_s3_bucket.b")
    assert bucket is not None
    assert bucket.get("BucketName") == "x-uploads"


def test_opentofu_files_replace_their_terraform_twins(tmp_path: Path):
    """main.tofu stands for main.tf; other .tf files still count."""
    graph = written(
        tmp_path,
        {
            "main.tf": 'resource "aws_s3_bucket" "b" {\n  bucket = "from-terraform"\n}\n',
            "main.tofu": 'resource "aws_s3_bucket" "b" {\n  bucket = "from-tofu"\n}\n',
            "more.tf": 'resource "aws_s3_bucket" "c" {}\n',
        },
    )
    assert {item.address: item.get("BucketName") for item in graph} == {"aws_s3_bucket.b": "from-tofu", "aws_s3_bucket.c": None}
    assert [(problem.where.file, problem.blocking) for problem in graph.problems] == [(str(tmp_path / "main.tf"), False)]
    assert "main.tofu stands in its place; Terraform would read it" in graph.problems[0].reason


def test_override_files_are_merged(tmp_path: Path):
    """``override.tf`` changes the attributes it names and replaces the kinds of blocks it has."""
    graph = written(
        tmp_path,
        {
            "main.tf": 'resource "aws_sqs_queue" "q" {\n  name = "q"\n  kms_master_key_id = "k"\n}\n',
            "a_override.tf": 'resource "aws_sqs_queue" "q" {\n  name = "changed"\n}\n',
        },
    )
    queue = graph.get("aws_sqs_queue.q")
    assert queue is not None
    assert (queue.get("QueueName"), queue.get("KmsMasterKeyId")) == ("changed", "k")


def test_a_file_that_terraform_passes_over_mends_nothing(tmp_path: Path):
    """A name that begins with a dot: what it overrides, or sets beside a bucket, is never applied, and made an open one look closed."""
    closed = 'resource "aws_s3_bucket" "b" {\n  acl = "private"\n}\n'
    graph = written(
        tmp_path,
        {
            "main.tf": closed.replace("private", "public-read-write"),
            ".a_override.tf": closed,
            ".b_override.tf.json": '{"resource": {"aws_s3_bucket": {"b": {"acl": "private"}}}}',
            ".main.tofu": closed,
            ".c.tf": 'resource "aws_s3_bucket_acl" "b" {\n  bucket = aws_s3_bucket.b.id\n  acl    = "private"\n}\n',
        },
    )
    assert (graph.problems, [one.get("AccessControl") for one in graph]) == ([], ["public-read-write"])
    inputs = discover(tmp_path)
    assert [path.name for path in inputs.terraform] == ["main.tf"]
    assert len(inputs.skipped) == 4
    assert "Terraform passes over" in inputs.skipped[0]


def test_modules_that_init_downloaded_are_read(tmp_path: Path):
    """With .terraform/modules at hand a registry module is checked with the inputs that it is given, also one inside it."""
    manifest = {
        "Modules": [
            {"Key": "", "Source": "", "Dir": "."},
            {"Key": "store", "Source": "registry.terraform.io/acme/store/aws", "Dir": ".terraform/modules/store"},
            {"Key": "store.inner", "Source": "git::https://example.com/inner", "Dir": ".terraform/modules/store.inner/sub"},
        ]
    }
    graph = written(
        tmp_path,
        {
            "main.tf": 'module "store" {\n  source = "acme/store/aws"\n  name = "shop-uploads"\n}\n',
            ".terraform/modules/modules.json": json.dumps(manifest),
            ".terraform/modules/store/main.tf": 'variable "name" {}\nmodule "inner" {\n  source = "git::https://example.com/inner"\n'
            "  name = var.name\n}\n",
            ".terraform/modules/store.inner/sub/main.tf": 'variable "name" {}\nresource "aws_s3_bucket" "b" {\n  bucket = var.name\n}\n',
        },
    )
    bucket = graph.get("module.store.module.inner.aws_s3_bucket.b")
    assert graph.problems == []
    assert bucket is not None
    assert bucket.get("BucketName") == "shop-uploads"


@pytest.mark.parametrize("folder", ["/etc", "../outside", ""])
def test_a_manifest_cannot_lead_outside(tmp_path: Path, folder: str):
    """A committed modules.json that points elsewhere on the machine reads nothing there."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "main.tf").write_text('resource "aws_s3_bucket" "b" {}\n')
    (tmp_path / "in").mkdir()
    graph = written(
        tmp_path / "in",
        {
            "main.tf": 'module "m" {\n  source = "acme/m/aws"\n}\n',
            ".terraform/modules/modules.json": json.dumps({"Modules": [{"Key": "m", "Dir": folder}]}) if folder else "[",
        },
    )
    assert len(graph) == 0
    assert ["which is not read" in problem.reason for problem in graph.problems] == [True]


def test_variable_files_are_read_in_terraforms_order(tmp_path: Path):
    """terraform.tfvars, terraform.tfvars.json, then *.auto.tfvars and *.auto.tfvars.json by name."""
    graph = written(
        tmp_path,
        {
            "main.tf": 'variable "a" {}\nvariable "b" {}\nvariable "c" {}\nresource "test_x" "y" {\n  v = [var.a, var.b, var.c]\n}\n',
            "terraform.tfvars": 'a = "1"\nb = "1"\nc = "1"\n',
            "terraform.tfvars.json": '{"b": "2", "c": "2"}',
            "a.auto.tfvars": 'c = "3"\n',
        },
    )
    resource = graph.get("test_x.y")
    assert resource is not None
    assert resource.get("v") == ["1", "2", "3"]


def test_tfparse_is_given_the_variable_files(tmp_path: Path):
    """What only tfparse evaluates has the values of terraform.tfvars, too."""
    files = {
        "main.tf": 'variable "c" {}\nresource "test_x" "y" {\n  v = yamlencode({ a = var.c })\n}\n',
        "terraform.tfvars": 'c = "told"\n',
    }
    graph = written(tmp_path, files)
    resource = graph.get("test_x.y")
    assert graph.problems == []
    assert resource is not None
    assert "told" in resource.get("v")


def test_broken_variable_files_are_problems(tmp_path: Path):
    """A variable file that can't be read is named: its values would be missed in silence."""
    graph = written(tmp_path, {"main.tf": "", "x.auto.tfvars.json": "{", "y.auto.tfvars": "a = = 1\n"})
    assert sorted(Path(problem.where.file or "").name for problem in graph.problems) == ["x.auto.tfvars.json", "y.auto.tfvars"]


def test_default_tags_of_the_provider_reach_resources(tmp_path: Path):
    """Default tags are a resource's tags unless it says otherwise, by the provider that its module was handed."""
    graph = written(
        tmp_path,
        {
            "main.tf": """
            provider "aws" {
              default_tags { tags = { team = "media", env = "dev" } }
            }
            provider "aws" {
              alias = "other"
              default_tags { tags = { team = "other" } }
            }
            resource "aws_s3_bucket" "a" { tags = { env = "prod" } }
            resource "aws_s3_bucket" "b" { provider = aws.other }
            module "m" {
              source    = "./m"
              providers = { aws = aws.other }
            }
            module "n" { source = "./m" }
            """,
            "m/main.tf": 'resource "aws_s3_bucket" "c" {}\n',
        },
    )
    assert {item.address: dict(item.tags) for item in graph} == {
        "aws_s3_bucket.a": {"team": "media", "env": "prod"},
        "aws_s3_bucket.b": {"team": "other"},
        "module.m.aws_s3_bucket.c": {"team": "other"},
        "module.n.aws_s3_bucket.c": {"team": "media", "env": "dev"},
    }


def test_default_tags_of_providers_for_each_region_reach_resources(tmp_path: Path):
    """OpenTofu makes a provider for each region; a resource names one of them by its key."""
    graph = written(
        tmp_path,
        {
            "main.tf": """
            locals { regions = toset(["eu-west-1"]) }
            provider "aws" {
              alias    = "by_region"
              for_each = local.regions
              region   = each.value
              default_tags { tags = { data-class = "ugc" } }
            }
            resource "aws_s3_bucket" "a" {
              for_each = local.regions
              provider = aws.by_region[each.key]
            }
            module "m" {
              source    = "./m"
              for_each  = local.regions
              providers = { aws = aws.by_region[each.key] }
            }
            """,
            "m/main.tf": 'resource "aws_s3_bucket" "c" {}\n',
        },
    )
    assert [dict(item.tags) for item in graph] == [{"data-class": "ugc"}, {"data-class": "ugc"}]
    assert [item.region for item in graph] == ["eu-west-1", "eu-west-1"]


def test_a_module_is_handed_the_provider_that_is_written(tmp_path: Path):
    """A comment behind it, or a key that is written out, made its region a question and lost its tags."""
    graph = written(
        tmp_path,
        {
            "main.tf": """
            provider "aws" {
              alias    = "of"
              for_each = toset(["eu-west-1"])
              region   = each.value
              default_tags { tags = { data-class = "ugc" } }
            }
            provider "aws" {
              alias  = "us"
              region = "us-east-1"
              default_tags { tags = { data-class = "ugc" } }
            }
            module "a" {
              source    = "./m"
              providers = { aws = aws.of["eu-west-1"], # not = here
              }
            }
            module "b" {
              source    = "./m"
              providers = {
                aws = aws.us // where the certificates are
              }
            }
            """,
            "c.tf.json": '{"module": {"c": {"source": "./m", "providers": {"aws": "aws.of[\\"eu-west-1\\"]"}}}}',
            "m/main.tf": 'resource "aws_s3_bucket" "c" {}\n',
        },
    )
    assert {item.address: item.region for item in graph if dict(item.tags) == {"data-class": "ugc"}} == {
        "module.a.aws_s3_bucket.c": "eu-west-1",
        "module.b.aws_s3_bucket.c": "us-east-1",
        "module.c.aws_s3_bucket.c": "eu-west-1",
    }


@pytest.mark.parametrize(
    ("over", "region"),
    [
        ('{ eu = "eu-west-1", us = "us-east-1" }', "us-east-1"),
        ('{ eu = "eu-west-1" }', "${each.value}"),
        ("var.regions", "${each.value}"),
    ],
)
def test_one_of_the_providers_of_a_map_is_meant_by_its_key(tmp_path: Path, over: str, region: str):
    """So is what it says of itself; of one that isn't known that is open."""
    graph = written(
        tmp_path,
        {
            "main.tf": f"""
            variable "regions" {{}}
            provider "aws" {{
              alias    = "of"
              for_each = {over}
              region   = each.value
            }}
            resource "aws_s3_bucket" "a" {{ provider = aws.of["us"] }}
            module "m" {{
              source    = "./m"
              for_each  = toset(["us"])
              providers = {{ aws.inner = aws.of[each.value] }}
            }}
            """,
            "m/main.tf": 'resource "aws_s3_bucket" "c" {\n  provider = aws.inner\n}\n',
        },
    )
    assert [item.region for item in graph] == [region, region]


@pytest.mark.parametrize(
    ("own", "passed", "expected"),
    [
        (
            'provider "aws" {\n  region = "us-east-1"\n  default_tags {\n    tags = { data-class = "ugc" }\n  }\n}\n',
            "",
            ("ugc", "us-east-1"),
        ),
        ('provider "aws" {\n  region = "us-east-1"\n}\n', "", (None, "us-east-1")),
        ('provider "aws" {\n}\n', "", ("logs", "eu-west-1")),
        ("", "", ("logs", "eu-west-1")),
        ("", "providers = { aws = aws.other }", ("other", "eu-west-3")),
    ],
)
def test_a_module_with_a_provider_of_its_own_has_its_tags_and_region(
    tmp_path: Path, own: str, passed: str, expected: tuple[str | None, str]
):
    """Its caller's stood in for it, and a bucket of uploads by its tag was none."""
    root = 'provider "aws" {\n  region = "eu-west-1"\n  default_tags {\n    tags = { data-class = "logs" }\n  }\n}\n'
    other = root.replace("{", '{\n  alias = "other"', 1).replace("logs", "other").replace("west-1", "west-3")
    call = f'module "m" {{\n  source = "./m"\n  {passed}\n}}\n'
    graph = written(tmp_path, {"main.tf": root + other + call, "m/main.tf": f'{own}resource "aws_s3_bucket" "b" {{\n}}\n'})
    (bucket,) = graph
    assert (bucket.tags.get("data-class"), bucket.region) == expected


def test_unknown_default_tags_are_said_once(tmp_path: Path):
    """They don't make every resource's tags unknown, and aren't passed over either."""
    graph = written(
        tmp_path,
        {
            "main.tf": 'variable "t" {}\nprovider "aws" {\n  default_tags {\n    tags = var.t\n  }\n}\n'
            'resource "aws_s3_bucket" "a" {}\nresource "aws_s3_bucket" "b" {}\n'
        },
    )
    assert [("default tags" in problem.reason, problem.blocking) for problem in graph.problems] == [(True, False)]


def test_the_workspace_is_unknown_unless_selected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A fresh checkout has no workspace: taking "default" would check one branch of many and call it all."""
    monkeypatch.delenv("TF_WORKSPACE", raising=False)
    files = {"main.tf": 'resource "aws_s3_bucket" "b" {\n  bucket = "${terraform.workspace}-uploads"\n}\n'}
    found = written(tmp_path, files).get("aws_s3_bucket.b")
    assert found is not None
    assert found.get("BucketName") == Unknown("no workspace is selected", "${terraform.workspace}-uploads")
    monkeypatch.setenv("TF_WORKSPACE", "prod")
    found = written(tmp_path, files).get("aws_s3_bucket.b")
    assert found is not None
    assert found.get("BucketName") == "prod-uploads"


def test_terraform_data_hands_on_what_it_is_given(tmp_path: Path):
    """It is there to force an order: a bucket's setting behind it was that of a bucket elsewhere, and the bucket failed for want of it."""
    graph = written(
        tmp_path,
        {
            "main.tf": """
            resource "aws_s3_bucket" "b" { bucket = "uploads" }
            resource "terraform_data" "b" { input = aws_s3_bucket.b.id }
            resource "terraform_data" "names" { input = { first = aws_s3_bucket.b.arn } }
            resource "terraform_data" "none" {}
            resource "aws_s3_bucket_versioning" "b" {
              bucket = terraform_data.b.output
              versioning_configuration { status = "Enabled" }
            }
            resource "test_x" "y" {
              arn  = terraform_data.names.output.first
              none = terraform_data.none.output
            }
            """
        },
    )
    bucket, made = graph.get("aws_s3_bucket.b"), graph.get("test_x.y")
    assert bucket is not None
    assert made is not None
    assert bucket.get("VersioningConfiguration", "Status") == "Enabled"
    assert made.get("arn") == Reference("aws_s3_bucket.b", "Arn")
    assert made.get("none") == Reference("terraform_data.none", "output")


def test_a_template_that_is_no_file_is_rendered(tmp_path: Path):
    """``templatestring`` takes it from a local value or a data source: the policy that it makes was a question, and its links were lost."""
    graph = written(
        tmp_path,
        {
            "main.tf": """
            variable "open" {}
            locals {
              objects = "$${arn}/%%{ if all }*%%{ else }in/*%%{ endif }"
            }
            data "aws_s3_object" "t" { bucket = "templates" }
            resource "aws_s3_bucket" "b" {}
            resource "test_x" "y" {
              link    = templatestring(local.objects, { arn = aws_s3_bucket.b.arn, all = false })
              text    = templatestring(local.objects, { arn = "x", all = true })
              cloud   = templatestring(data.aws_s3_object.t.body, {})
              values  = templatestring(local.objects, var.open)
            }
            """
        },
    )
    made = graph.get("test_x.y")
    assert made is not None
    assert made.get("link") == Reference("aws_s3_bucket.b", "Arn", "/in/*")
    assert made.get("text") == "x/*"
    assert all(isinstance(made.get(name), Unknown) for name in ("cloud", "values"))


def test_files_beside_the_code_are_read(tmp_path: Path):
    """Policies in files: file, templatefile with loops and conditions, jsondecode, yamldecode, fileset."""
    graph = written(
        tmp_path,
        {
            "main.tf": """
            locals {
              settings = yamldecode(file("${path.module}/settings.yaml"))
            }
            resource "test_x" "y" {
              name   = local.settings.buckets[1].name
              policy = jsondecode(templatefile("${path.module}/p.tpl", { who = ["a", "b"], open = true }))
              files  = fileset(path.module, "*.{yaml,tpl}")
              there  = fileexists("p.tpl")
            }
            """,
            "settings.yaml": "buckets:\n  - name: one\n  - name: shop-uploads\n",
            "p.tpl": '[\n%{ for index, name in who ~}\n"${name}"%{ if index < 1 },%{ endif }\n%{ endfor ~}\n%{ if !open }, "closed"%{ endif }]',
        },
    )
    resource = graph.get("test_x.y")
    assert resource is not None
    assert resource.get("name") == "shop-uploads"
    assert resource.get("policy") == ["a", "b"]
    assert resource.get("files") == ["p.tpl", "settings.yaml"]
    assert resource.get("there") is True


@pytest.mark.parametrize("pattern", ["./policies/*.json", "policies//*.json", "/policies/./*.json"])
def test_a_pattern_of_names_is_cleaned_as_terraform_does(tmp_path: Path, pattern: str):
    """None was found behind "./", and what is made for each of them was none."""
    text = f'resource "test_x" "y" {{\n  for_each = fileset(path.module, "{pattern}")\n  v = each.value\n}}\n'
    graph = written(tmp_path, {"main.tf": text, "policies/open.json": "{}"})
    assert [resource.get("v") for resource in graph.of_type("Terraform::test_x")] == ["policies/open.json"]


def test_a_pattern_that_climbs_is_not_known_to_find_nothing(tmp_path: Path):
    """What lies above isn't listed, and "none" was said of it."""
    graph = written(tmp_path, {"main.tf": 'resource "test_x" "y" {\n  v = fileset(path.module, "../*.json")\n}\n'})
    resource = graph.get("test_x.y")
    assert resource is not None
    assert isinstance(resource.get("v"), Unknown)


def test_more_instances_than_can_be_checked_are_said(tmp_path: Path):
    """count = 1000000 ends quickly, with what was left out."""
    graph = written(tmp_path, {"main.tf": 'resource "aws_s3_bucket" "b" {\n  count = 1000000\n}\n'})
    assert [("1,000,000 instances" in problem.reason, problem.blocking) for problem in graph.problems] == [(True, True)]


def test_templates_that_render_each_other_end(tmp_path: Path):
    """templatefile in a circle is an error of the expression, not an endless loop."""
    graph = written(
        tmp_path,
        {
            "main.tf": 'resource "test_x" "y" {\n  v = templatefile("a.tpl", {})\n}\n',
            "a.tpl": '${templatefile("b.tpl", {})}',
            "b.tpl": '${templatefile("a.tpl", {})}',
        },
    )
    resource = graph.get("test_x.y")
    assert resource is not None
    assert isinstance(resource.get("v"), Unknown)


def test_labels_are_read_as_terraform_reads_them(tmp_path: Path):
    """Escapes in a label mean what they mean in a text: no type hides behind one."""
    (tmp_path / "main.tf").write_text('resource "aws_s3_\\u0062ucket" "b" {\n  bucket = "acme-uploads"\n}\n')
    (graph,) = load_graphs(tmp_path)
    assert [item.address for item in graph.of_type("AWS::S3::Bucket")] == ["aws_s3_bucket.b"]


def test_a_folder_that_is_called_like_a_file_is_none(tmp_path: Path):
    """Terraform passes over it; that it can't be read as a file must not stop a build."""
    (tmp_path / "old.tf").mkdir()
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "b" {}\n')
    (graph,) = load_graphs(tmp_path)
    assert ([item.address for item in graph], graph.problems) == (["aws_s3_bucket.b"], [])
