"""The survey of a repository: media buckets with reasons, services with places, and nothing that a test or an example does."""

from __future__ import annotations

from pathlib import Path

import pytest

from averment.core.organisation import load_organisation
from averment.core.scope import MediaRole
from averment.policies.surfaces.sniff import TEMPLATE_SUFFIXES
from averment.policies.survey.repository import survey
from averment.policies.survey.traces import Trace, traces

SHOP = """\
provider "aws" {
  region = "eu-central-1"
}

resource "aws_s3_bucket" "intake" {
  bucket = "shop-uploads"
}

resource "aws_s3_bucket" "pictures" {
  bucket = "${var.stage}-shop-images"
}

variable "stage" {}

resource "aws_s3_bucket" "logs" {
  bucket = "shop-access-logs"
}

resource "aws_cloudfront_distribution" "shop" {
  comment = "arn:aws:iam::999988887777:role/partner"
}
"""
UPLOAD = "import boto3\n\nurl = boto3.client('s3').generate_presigned_post('shop-uploads', 'x')\n"
FACES = "rekognition = boto3.client('rekognition')\nrekognition.detect_faces(Image=x, Attributes=['ALL'])\nrekognition.compare_faces()\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository as people have them: infrastructure in one folder, source in another, tests beside it."""
    (tmp_path / "infrastructure").mkdir()
    (tmp_path / "infrastructure" / "main.tf").write_text(SHOP)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "upload.py").write_text(UPLOAD)
    (tmp_path / "app" / "faces.py").write_text(FACES)
    return tmp_path


def test_media_buckets_come_with_role_reason_and_name(shop: Path) -> None:
    """A bucket whose name is spelt out has it, one with a variable in it has what is known; the bucket of logs is none."""
    found = survey(shop)
    assert [(item.address, item.role, item.name, item.pattern) for item in found.buckets] == [
        ("aws_s3_bucket.intake", MediaRole.UPLOAD, "shop-uploads", None),
        ("aws_s3_bucket.pictures", MediaRole.PUBLISHED, None, "${var.stage}-shop-images"),
    ]
    assert found.buckets[0].why == "name matches *upload*"
    assert found.buckets[0].where.line == 5
    assert found.others == 1
    assert found.iac == ("infrastructure",)


def test_services_regions_and_accounts_are_told_with_their_first_place(shop: Path) -> None:
    """Each trace leads to a file and line; an account in an ARN is told, for it may be a third party's."""
    seen = survey(shop).traces
    places = {trace: (Path(str(where[0].file)).name, where[0].line) for trace, where in seen.seen.items()}
    assert places == {
        Trace.CDN: ("main.tf", 19),
        Trace.PRESIGNED: ("upload.py", 3),
        Trace.REKOGNITION: ("faces.py", 1),
        Trace.ATTRIBUTES: ("faces.py", 2),
        Trace.FACES: ("faces.py", 3),
    }
    assert {name: where.line for name, where in seen.regions.items()} == {"eu-central-1": 2}
    assert list(seen.accounts) == ["999988887777"]


@pytest.mark.parametrize("region", ["cn-northwest-1", "eusc-de-east-1", "us-gov-west-1"])
def test_a_region_of_any_partition_is_told_and_taken_as_scope(region: str, tmp_path: Path) -> None:
    """China and the European sovereign cloud name theirs otherwise; what init proposes has to be taken by every other command."""
    (tmp_path / "main.tf").write_text(f'provider "aws" {{\n  region = "{region}"\n}}\n')
    assert list(survey(tmp_path).traces.regions) == [region]
    (tmp_path / "averment.yaml").write_text(f"version: 1\nscope: {{regions: [{region}]}}\n")
    assert load_organisation(tmp_path / "averment.yaml").scope.regions == (region,)


@pytest.mark.parametrize("suffix", TEMPLATE_SUFFIXES)
def test_a_region_is_told_from_every_file_that_may_be_a_template(suffix: str, tmp_path: Path) -> None:
    """By each name under which one is checked: what a ``.cfn`` showed was passed over."""
    (tmp_path / f"stack{suffix}").write_text('"region": "eu-west-3"\n')
    assert set(survey(tmp_path).traces.regions) == {"eu-west-3"}


def test_what_was_written_about_the_code_is_not_code_in_use(shop: Path) -> None:
    """A proposal of averment init names services, regions and accounts, in comments too; surveyed again, it adds none of them."""
    (shop / "averment.yaml").write_text(
        "# Seen: Amazon Rekognition (rekognition:x), AWS::Bedrock, arn:aws:iam::777766665555:root\nregions: [us-west-2]\n"
    )
    (shop / "averment-baseline.json").write_text('{"resource": "aws_sagemaker_endpoint.x"}')
    (shop / "known.json").write_text(
        '{\n  "$schema": "urn:averment:schema:baseline:v1",\n  "findings": [{"resource": "aws_sagemaker_endpoint.x"}]\n}'
    )
    for name in (".averment/ledger/1.json", "evidence-2026Q4/report.json", "public/index.json"):
        (shop / name).parent.mkdir(parents=True)
        (shop / name).write_text('{"found": "AWS::SageMaker::Endpoint rekognition:CompareFaces"}')
    for name in ("evidence-2026Q4/MANIFEST.json", "evidence-2026Q4/MANIFEST.sig", "public/.averment-site"):
        (shop / name).write_text("{}")
    seen = survey(shop).traces
    assert Trace.BEDROCK not in seen.seen
    assert Trace.SAGEMAKER not in seen.seen
    assert [Path(str(where.file)).name for where in seen.seen[Trace.REKOGNITION]] == ["faces.py"]
    assert list(seen.regions) == ["eu-central-1"]
    assert list(seen.accounts) == ["999988887777"]


def test_a_program_whose_templates_are_missing_is_told(tmp_path: Path) -> None:
    """Nothing was seen of what a CDK app would make: that is no repository without buckets."""
    (tmp_path / "cdk.json").write_text('{"app": "node app.js"}')
    apps = survey(tmp_path).apps
    assert [(Path(str(app.where.file)).name, "cdk synth" in app.reason) for app in apps if app.where] == [("cdk.json", True)]


@pytest.mark.parametrize("folder", ["tests", "examples", "node_modules", "docs"])
def test_what_an_organisation_does_not_run_leaves_no_trace(folder: str, tmp_path: Path) -> None:
    """Tests, examples, documentation and other people's packages say nothing of what is in use."""
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "faces.py").write_text(FACES)
    assert survey(tmp_path).traces.seen == {}


def test_what_cannot_be_read_is_counted(shop: Path) -> None:
    """A broken file leaves the rest standing, and the survey says that something is missing."""
    assert survey(shop).problems == 0
    (shop / "infrastructure" / "main.tf").write_text(SHOP + 'resource "aws_s3_bucket" {{\n')
    assert survey(shop).problems > 0


def test_an_empty_folder_is_surveyed_as_empty(tmp_path: Path) -> None:
    """No infrastructure, no media, no claim of either."""
    found = survey(tmp_path)
    assert (found.buckets, found.others, found.resources, found.iac, found.problems) == ((), 0, 0, (), 0)


def test_a_file_that_is_too_large_is_named(tmp_path: Path) -> None:
    """What wasn't looked through is said; data is passed over."""
    (tmp_path / "huge.py").write_text("client('rekognition')\n" * 60_000)
    (tmp_path / "data.py").write_bytes(b"\0" * 2_000_000)
    found = traces([tmp_path / "huge.py", tmp_path / "data.py"], tmp_path)
    assert [note.partition(": ")[2] for note in found.unread] == ["larger than 1,048,576 bytes"]
