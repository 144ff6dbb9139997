"""The evidence store's bucket as its policy makes it: one role adds, nobody takes away or hides."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest

from averment.governance.remediation.blueprints import all_blueprints
from averment.governance.remediation.blueprints.pages import read_template
from averment.sandbox.policy import Decision, Request, decide

WRITER, STRANGER = "arn:aws:iam::123456789012:role/collector", "arn:aws:iam::123456789012:role/stranger"
BUCKET = "arn:aws:s3:::evidence"


def decision(action: str, principal: str) -> Decision:
    """What the template's bucket policy says of an action on the bucket and on an object in it."""
    document = read_template(all_blueprints()["evidence-store"])["Resources"]["EvidencePolicy"]["Properties"]["PolicyDocument"]
    text = json.dumps(document)
    for reference, value in (
        ({"GetAtt": "Evidence.Arn"}, BUCKET),
        ({"Sub": "${Evidence.Arn}/*"}, f"{BUCKET}/*"),
        ({"Ref": "WriterRoleArn"}, WRITER),
    ):
        text = text.replace(json.dumps(reference), json.dumps(value))
    context = {"aws:principalarn": (principal,), "aws:securetransport": ("true",)}
    found = {decide(text, Request(action, place, (principal,), context, lambda _: True)) for place in (BUCKET, f"{BUCKET}/log/1")}
    return Decision.DENY if Decision.DENY in found else Decision.NEUTRAL


@pytest.mark.parametrize(
    "action",
    [
        "DeleteObject",
        "DeleteObjectVersion",
        "ReplicateDelete",
        "BypassGovernanceRetention",
        "PutBucketObjectLockConfiguration",
        "DeleteBucket",
    ],
)
def test_nobody_deletes_hides_or_loosens_the_lock(action: str) -> None:
    """The writer included. A deletion without a version is a delete marker: the lock keeps what is under it, and who reads by name finds nothing."""
    assert {decision(f"s3:{action}", principal) for principal in (WRITER, STRANGER)} == {Decision.DENY}


@pytest.mark.parametrize("action", ["PutObject", "ReplicateObject"])
def test_the_writer_alone_adds(action: str) -> None:
    """Replication from another bucket is a way to write, too."""
    assert (decision(f"s3:{action}", STRANGER), decision(f"s3:{action}", WRITER)) == (Decision.DENY, Decision.NEUTRAL)


def test_the_guide_to_an_organisation_deploys_the_lock_that_it_asks_for() -> None:
    """The blueprint's own days are fewer than the guide's, no update lengthens them, and a ledger whose bucket keeps less isn't opened."""
    page = Path(str(resources.files("averment").joinpath("governance", "docs", "organisation.md"))).read_text(encoding="utf-8")
    [asked] = re.findall(r"^  object_lock_days: ([0-9]+)$", page, re.MULTILINE)
    assert re.findall(r"RetentionDays=([0-9]+)", page) == [asked]


def test_terraform_sets_the_lock_before_the_policy_that_forbids_setting_it() -> None:
    """Terraform makes what doesn't hang together at once: with the policy first, the lock would be refused, then and at each further try."""
    text = all_blueprints()["evidence-store"].terraform.read_text(encoding="utf-8")
    [policy] = re.findall(r'^resource "aws_s3_bucket_policy" "evidence" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL)
    assert "depends_on = [aws_s3_bucket_object_lock_configuration.evidence]" in policy
