"""Several repositories with one ledger: the check of one says nothing of another."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from averment.cli.main import run
from averment.cli.status import next_step
from averment.controls.loader import load_catalogue
from averment.core.canonical import canonical_json
from averment.core.organisation import Organisation
from averment.core.period import from_iso
from averment.core.scope import Scope
from averment.core.words import Status
from averment.evidence.collectors.check import Check
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.collectors.run import already_collected
from averment.evidence.judging.assess import assess
from averment.evidence.judging.states import AssessmentState
from averment.evidence.record import Kind, Record
from averment.evidence.reporting.drift import drift

NOW = "2026-11-20T12:00:00Z"

BUCKET = """
Resources:
  Uploads:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: shop-uploads
      Tags: [{Key: data-class, Value: ugc}]
  Access:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Uploads
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {AWS: "%s"}
            Action: s3:PutObject
            Resource: !Sub "${Uploads.Arn}/*"
"""
OPEN, NAMED = BUCKET % "*", BUCKET % "arn:aws:iam::111122223333:role/uploader"

Scopes = Callable[..., CollectScope]
Shop = Callable[[str], Organisation]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """An organisation whose repository holds one template."""

    def make(template: str) -> Organisation:
        (tmp_path / "infra").mkdir(exist_ok=True)
        (tmp_path / "infra" / "shop.yaml").write_text(template, encoding="utf-8")
        return Organisation(root=tmp_path, iac=("infra",), scope=Scope(accounts=("111122223333",)))

    return make


def collected(scope_of: Scopes, organisation: Organisation) -> Record:
    [record] = Check().collect(scope_of(organisation=organisation, now=NOW))
    return record


def of(name: str | None, organisation: Organisation, scope_of: Scopes, at: str) -> Record:
    """The check of ``organisation``'s code, as the repository ``name`` would hand it in; None: as versions did that named none."""
    called = organisation if name is None else replace(organisation, parameters={"check": {"repository": name}})
    record = collected(scope_of, called)
    query = {key: value for key, value in record.query.items() if name is not None or key != "repository"}
    return replace(record, query=query, effective_at=from_iso(at), collected_at=from_iso(at), id="")


def gate(records: Sequence[Record], organisation: Organisation) -> AssessmentState:
    states = assess(load_catalogue(), organisation, records, period=None, as_of=from_iso(NOW))
    return next(item for state in states for item in state.assessments if item.id == "SM-UPL-03/iac")


@pytest.mark.parametrize(
    ("remote", "name"),
    [
        ("https://example.com/shop/Infra.git", "example.com/shop/infra"),
        ("https://ci-token:s3cr3t@example.com/shop/infra.git/", "example.com/shop/infra"),
        ("git@example.com:shop/infra.git", "example.com/shop/infra"),
        ("ssh://git@example.com:2222/shop/infra", "example.com/shop/infra"),
        ("https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/infra", "git-codecommit.eu-west-1.amazonaws.com/v1/repos/infra"),
        ("codecommit::eu-west-1://work@infra", "git-codecommit.eu-west-1.amazonaws.com/v1/repos/infra"),
        ("https://git-codecommit.cn-north-1.amazonaws.com.cn/v1/repos/infra", "git-codecommit.cn-north-1.amazonaws.com.cn/v1/repos/infra"),
        ("codecommit::cn-north-1://infra", "git-codecommit.cn-north-1.amazonaws.com.cn/v1/repos/infra"),
        ("codecommit://work@infra", "codecommit/infra"),
        ("https://shop@dev.azure.com/shop/Media%20Team/_git/infra", "dev.azure.com/shop/media%20team/_git/infra"),
        ("git@ssh.dev.azure.com:v3/shop/Media%20Team/infra", "dev.azure.com/shop/media%20team/_git/infra"),
        ("https://dev.azure.com/shop/_git/infra", "dev.azure.com/shop/infra/_git/infra"),
        ("git@ssh.dev.azure.com:v3/shop/infra/infra", "dev.azure.com/shop/infra/_git/infra"),
        ("ssh://git@ssh.github.com:443/shop/infra.git", "github.com/shop/infra"),
        ("ssh://git@altssh.gitlab.com:443/shop/infra.git", "gitlab.com/shop/infra"),
        ("ssh://git@altssh.bitbucket.org:443/shop/infra.git", "bitbucket.org/shop/infra"),
        ("/srv/git/infra.git", None),
        ("file:///srv/git/infra.git", None),
        ("../infra", None),
        ("C:\\git\\infra", None),
        ("https://[broken", None),
    ],
)
@pytest.mark.skipif(shutil.which("git") is None, reason="git is what knows the remote")
def test_a_repository_is_called_by_its_remote_however_it_was_cloned(remote: str, name: str | None, shop: Shop, scope_of: Scopes) -> None:
    """A clone over SSH and CI's over HTTPS are one repository, and no token of CI's gets into evidence; a folder of this machine names nothing."""
    organisation = shop(NAMED)
    for command in (["init", "-q"], ["config", "remote.origin.url", remote]):
        subprocess.run(["git", "-C", str(organisation.root), *command], check=True, capture_output=True)
    record = collected(scope_of, organisation)
    assert record.query["repository"] == name
    assert record.source == (f"infrastructure as code of {name}" if name else "infrastructure as code")
    assert b"s3cr3t" not in canonical_json(record.to_json())
    in_folder = replace(organisation, root=organisation.root / "infra", iac=(".",))
    assert collected(scope_of, in_folder).query["repository"] == (f"{name}//infra" if name else None)
    called = replace(organisation, parameters={"check": {"repository": "our infra"}})
    assert collected(scope_of, called).source == "infrastructure as code of our infra"


def test_the_check_of_one_repository_says_nothing_of_anothers(shop: Shop, scope_of: Scopes) -> None:
    """A clean repository that is checked after another doesn't hide what is wrong in that one, whose place names it."""
    bad = of("shop/uploads", shop(OPEN), scope_of, "2026-11-20T10:00:00Z")
    good = of("shop/site", organisation := shop(NAMED), scope_of, "2026-11-20T11:00:00Z")
    state = gate([bad, good], organisation)
    assert state.status is Status.NOT_SATISFIED
    assert [item.where.rpartition(":")[0] for item in state.deviations] == ["shop/uploads: infra/shop.yaml"]
    assert [item.place for item in state.deviations] == ["shop/uploads: infra/shop.yaml"], "an edit above it doesn't make it another one"
    assert gate([good], organisation).status is Status.SATISFIED
    mended = of("shop/uploads", organisation, scope_of, "2026-11-20T11:30:00Z")
    assert gate([bad, good, mended], organisation).status is Status.SATISFIED


def test_the_repositories_that_count_are_those_that_are_named(shop: Shop, scope_of: Scopes) -> None:
    """One that is named and was never checked leaves the control open; one that is named no more (it was given up) counts no more."""
    bad = of("shop/uploads", shop(OPEN), scope_of, "2026-11-20T10:00:00Z")
    good = of("shop/site", organisation := shop(NAMED), scope_of, "2026-11-20T11:00:00Z")
    both = replace(organisation, parameters={"check": {"repositories": ["shop/site", "shop/uploads"]}})
    state = gate([good], both)
    assert state.status is Status.NOT_ASSESSED
    assert "no evidence of check from shop/uploads" in state.reason
    site = replace(organisation, parameters={"check": {"repositories": ["shop/site"]}})
    assert gate([bad, good], site).status is Status.SATISFIED


def test_a_check_from_before_repositories_were_named_is_of_the_only_one(shop: Shop, scope_of: Scopes) -> None:
    """What was wrong then and is mended isn't held against it; beside several it stands by itself, as nobody can tell whose it was."""
    old = of(None, shop(OPEN), scope_of, "2026-11-20T10:00:00Z")
    good = of("shop/site", organisation := shop(NAMED), scope_of, "2026-11-20T11:00:00Z")
    assert gate([old, good], organisation).status is Status.SATISFIED
    other = of("shop/uploads", organisation, scope_of, "2026-11-20T11:30:00Z")
    assert gate([old, good, other], organisation).status is Status.NOT_SATISFIED


def test_a_resumed_run_checks_its_own_repository(shop: Shop, scope_of: Scopes) -> None:
    """What another repository handed in today is none of its work."""
    organisation = shop(NAMED)
    skip = already_collected([of("shop/uploads", organisation, scope_of, NOW)], now=from_iso(NOW))
    assert not skip(Check(), scope_of(organisation=organisation, now=NOW))


def test_the_code_of_every_repository_is_beside_what_is_deployed(shop: Shop, scope_of: Scopes) -> None:
    """Also where it wasn't checked last, and each with its own time."""
    bad = of("shop/uploads", shop(OPEN), scope_of, "2026-11-20T10:00:00Z")
    other = of("shop/queue", shop("Resources: {Queue: {Type: AWS::SQS::Queue}}"), scope_of, "2026-11-20T11:00:00Z")
    bucket = {"type": "AWS::S3::Bucket", "id": "shop-uploads", "name": "shop-uploads", "compliance": "COMPLIANT"}
    rule = {"rule": "s3-put-object-gated", "config_rule": "averment-s3-put-object-gated", "resources": [bucket]}
    at_run_time = replace(
        bad, kind=Kind.CONFIG_COMPLIANCE, collector="config-compliance", payload={"rules": [rule]}, query={}, account="111122223333",
        region="eu-west-1", id="",
    )  # fmt: skip
    rows = drift(load_catalogue(), Organisation(), [bad, other, at_run_time], from_iso(NOW))
    [row] = [row for row in rows if (row.rule, row.resource) == ("s3-put-object-gated", "shop-uploads")]
    assert (row.before, row.at_run_time) == ("fail", "pass")
    assert str(row.where).startswith("shop/uploads: infra/shop.yaml:")
    assert row.checked_at == from_iso("2026-11-20T10:00:00Z")


def test_what_comes_next_is_to_collect_where_nothing_came_from(shop: Shop, scope_of: Scopes) -> None:
    """Not to mend or deploy a rule, which is there: a listed repository, account or region has handed in nothing yet."""
    good = of("shop/site", organisation := shop(NAMED), scope_of, "2026-11-20T11:00:00Z")
    listed = replace(organisation, parameters={"check": {"repositories": ["shop/site", "shop/uploads"]}})
    assert next_step(gate([good], listed)) == "averment collect --collector check"


def test_a_repository_that_is_called_otherwise_now_is_told_with_the_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It got its first remote, or another one: what was wrong under the former name stood for good after it was mended, and nothing said why."""
    settings = tmp_path / "averment.yaml"
    settings.write_text("version: 1\norganisation: {name: Shop}\niac: [shop.yaml]\n", encoding="utf-8")
    at = ["--config", str(settings)]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "shop.yaml").write_text(OPEN, encoding="utf-8")
    assert run(["collect", "--collector", "check", *at]) == 0
    run(["status", *at])
    assert "repositories" not in capsys.readouterr().out
    subprocess.run(["git", "-C", str(tmp_path), "remote", "add", "origin", "https://example.com/shop/infra.git"], check=True)
    (tmp_path / "shop.yaml").write_text(NAMED, encoding="utf-8")
    assert run(["collect", "--collector", "check", *at]) == 0
    run(["status", *at])
    told = " ".join(capsys.readouterr().out.split())
    assert "judged by their checks, each by itself: infrastructure as code, infrastructure as code of example.com/shop/infra; those" in told
    assert "iac: infrastructure as code: " in told, "what the line names is called so where it is wrong"
    with settings.open("a", encoding="utf-8") as handle:
        handle.write("parameters: {check: {repositories: [example.com/shop/infra]}}\n")
    run(["status", *at])
    told = capsys.readouterr().out
    assert "each by itself" not in told
    assert "infrastructure as code: " not in told


def test_the_code_of_a_repository_that_is_not_listed_is_beside_nothing(shop: Shop, scope_of: Scopes) -> None:
    """It was given up, or is somebody's fork: it counts for nothing, and was told as what the deployment parts from."""
    fork = of("somebody/site", organisation := shop(OPEN), scope_of, "2026-11-20T10:00:00Z")
    ours = of("shop/site", shop(NAMED), scope_of, "2026-11-20T11:00:00Z")
    deployed = [{"id": "shop-uploads", "type": "AWS::S3::Bucket", "compliance": "COMPLIANT", "annotation": None}]
    rules = [
        {"rule": "s3-put-object-gated", "config_rule": "averment-s3-put-object-gated", "compliance": "COMPLIANT", "resources": deployed}
    ]
    place = {"account": "111122223333", "region": "eu-west-1"}
    config = replace(ours, kind=Kind.CONFIG_COMPLIANCE, collector="config-compliance", payload={"rules": rules}, id="", **place)
    told = [
        {str(row.where).partition(":")[0] for row in drift(load_catalogue(), asked, [fork, ours, config], from_iso(NOW)) if row.where}
        for listed in (None, ["shop/site"])
        for asked in (replace(organisation, parameters={"check": {"repositories": listed}}),)
    ]
    assert told == [{"shop/site", "somebody/site"}, {"shop/site"}]


def test_a_listed_repository_is_found_in_whatever_case_it_is_written(shop: Shop, scope_of: Scopes) -> None:
    """As its address has it, where a record has small letters: it had handed in nothing then, and its check counted for nothing."""
    good = of("example.com/shop/infra", organisation := shop(NAMED), scope_of, "2026-11-20T11:00:00Z")
    listed = replace(organisation, parameters={"check": {"repositories": ["example.com/Shop/Infra"]}})
    assert gate([good], listed).status is Status.SATISFIED
    both = replace(organisation, parameters={"check": {"repositories": ["example.com/Shop/Infra", "example.com/Shop/Site"]}})
    assert gate([good], both).reason == "no evidence of check from example.com/Shop/Site"
