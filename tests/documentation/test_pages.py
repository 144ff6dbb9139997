"""Every page of the documentation is followed to the letter: nothing in it is shown that wasn't run, read, or marked with a reason."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import socket
import subprocess
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.configloader import raw_config_parse
from PIL import Image

import averment.cli.collect  # noqa: F401 - its options name all collectors: read before a page leaves some out, whatever test comes first
from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.organisation import load_organisation
from averment.detector import corpus
from averment.detector.claims.run import check_claim
from averment.detector.opening import open_detector
from averment.evidence.collectors import registry
from averment.governance.site import build

ALL = registry.COLLECTORS
RENDER = build._run_mkdocs
FEW = tuple(kind for kind in ALL if kind.name in ("check", "bucket-policies", "alarms", "face-calls"))
DOCS = Path(__file__).parents[2] / "governance" / "docs"
PLACE = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
UPLOADS = 'resource "aws_s3_bucket" "uploads" {\n  bucket = "acme-user-uploads"\n}\n'
MEANS = base64.b64decode(
    "CAc6WgoZCgF4EgF5IhFHbG9iYWxBdmVyYWdlUG9vbBIBZ1ocCgF4EhcKFQgBEhEKAxIBbgoCCAMKAghACgIIQGIcCgF5EhcKFQgBEhEKAxIBbgoCCAMKAggBCgIIAUIECgAQDQ=="
)
"""A tiny ONNX model (opset 13) made for these tests: the means of the three colours of 64 by 64 pixels."""


def do(command: str, *codes: int) -> None:
    """Run a command that the page doesn't show, ahead of one that it does."""
    assert run(command.split()) in (codes or (0,)), command


def block(page: str, language: str, begins: str = "") -> str:
    """The first block of a page in ``language`` that begins so."""
    found = re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return next(text for text in found if text.startswith(begins))


def bucket(name: str, *, locked: bool = False, versions: bool = False, **objects: bytes) -> None:
    """A bucket with pictures in it; ``__`` in their names is a slash, ``_`` before the ending a dot."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=locked, **PLACE)
    if versions:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for key, data in objects.items():
        s3.put_object(Bucket=name, Key=re.sub(r"_(\w+)$", r".\1", key.replace("__", "/")), Body=data, ContentType="image/jpeg")


def portrait(label: str = "real", number: int = 0) -> bytes:
    """A portrait of the reference corpus."""
    return [image for image in corpus.load() if image.kind == "face" and image.label == label][number].read()


def write(path: str, data: str | bytes) -> None:
    """A file of the reader's."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data if isinstance(data, bytes) else data.encode())


def settings(**more: Any) -> None:
    """An averment.yaml that asks for little, so that a page costs seconds."""
    write("averment.yaml", yaml.safe_dump({"version": 1, "controls": ["SM-UPL-03", "SM-GOV-03"], **more}))


def few_collectors(patch: pytest.MonkeyPatch) -> None:
    """All collectors are tested elsewhere; a page that calls them by the dozen needs four to show that it is right."""
    patch.setattr(registry, "COLLECTORS", FEW)


def all_collectors() -> None:
    """All of them again; the test's patch puts them back in the end."""
    registry.COLLECTORS = ALL


def few_again() -> None:
    """Few again."""
    registry.COLLECTORS = FEW


def recorder() -> None:
    """AWS Config records."""
    group = {"allSupported": True, "includeGlobalResourceTypes": True}
    role = "arn:aws:iam::123456789012:role/config"
    config = boto3.client("config")
    config.put_configuration_recorder(ConfigurationRecorder={"name": "default", "roleARN": role, "recordingGroup": group})
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "acme-artifacts"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")


def commit(message: str) -> None:
    """Commit all, in a repository that is made if need be."""
    who = ["-c", "user.email=test@example.com", "-c", "user.name=Test", "-c", "commit.gpgsign=false"]
    for command in ([] if Path(".git").is_dir() else [["init", "-q", "."]]) + [["add", "."], ["commit", "-q", "-m", message]]:
        subprocess.run(["git", *who, *command], check=True)


def facts(_: object = None) -> None:
    """A ledger with a few facts."""
    write("infrastructure/main.tf", UPLOADS)
    do("collect --collector check --collector bucket-policies", 0)


def ledger(period: str = "2026Q4") -> None:
    """A ledger with a few facts, and the package of a period."""
    facts()
    do(f"export --period {period}")


def adopting(_: pytest.MonkeyPatch) -> None:
    """The page's own example, committed."""
    text = block("adopting.md", "terraform")
    write(text.splitlines()[0].removeprefix("# "), text)
    commit("start")


def readme(patch: pytest.MonkeyPatch) -> None:
    write("your-repository/main.tf", UPLOADS)
    write("your-repository/hero.jpg", portrait("synthetic"))
    for number in range(30):
        write(f"your-repository/genuine/{number}.jpg", portrait(number=number))
    bucket("your-uploads", portrait_jpg=portrait())
    bucket("my-artifacts")
    recorder()
    few_collectors(patch)


def getting_started(patch: pytest.MonkeyPatch) -> None:
    write("infrastructure/main.tf", UPLOADS)
    few_collectors(patch)


def collecting(patch: pytest.MonkeyPatch) -> None:
    few_collectors(patch)
    write("main.tf", UPLOADS)
    boto3.client("organizations").create_organization(FeatureSet="ALL")


def organisation(patch: pytest.MonkeyPatch) -> None:
    collecting(patch)
    bucket("example-evidence", locked=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 3650}}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    boto3.client("s3").put_object_lock_configuration(Bucket="example-evidence", ObjectLockConfiguration=lock)
    bucket("example-packages", locked=True)
    bucket("example-artifacts")
    recorder()
    sources = [{"AccountIds": ["123456789012"], "AllAwsRegions": True}]
    boto3.client("config").put_configuration_aggregator(ConfigurationAggregatorName="everything", AccountAggregationSources=sources)
    kms = boto3.client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/averment-ledger", TargetKeyId=key)


def own_detector(_: pytest.MonkeyPatch) -> None:
    write("ours.onnx", MEANS)
    rows = ["file,sha256,label,group"]
    for number, image in enumerate([item for item in corpus.load() if item.kind == "face"][::20]):
        write(f"pictures/{number}.jpg", image.read())
        rows.append(f"pictures/{number}.jpg,{image.sha256},{image.label},{image.group}")
    write("evaluation.csv", "\n".join((*rows, "")))


def credentials(_: pytest.MonkeyPatch) -> None:
    """A signer with a chain, a key in KMS with another, and a picture that was signed with a time stamp's place left empty."""
    from averment.core.signing.opening import open_signer
    from averment.detector.credentials.authority import TestAuthority

    kms = boto3.client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/provenance", TargetKeyId=key)
    picture = Image.open(io.BytesIO(portrait("synthetic"))).convert("RGB").resize((768, 768))
    for name in ("hero.jpg", "hero.small.jpg", "hero.png"):
        picture.save(name, quality=95)
    bucket("shop-generated", raw__hero_png=Path("hero.png").read_bytes())
    do("media sign hero.jpg -o hero.signed.jpg --test-authority ca --watermark --log provenance.jsonl")
    authority = TestAuthority.open(Path("ca"))
    write("chain.pem", authority.issue(open_signer("kms:alias/provenance", Path()).public_key(), "kms"))
    shutil.copy("ca/test-authority.pem", "anchors.pem")
    write("tsa-root.pem", TestAuthority.create().anchors)
    shutil.copy("hero.signed.jpg", "found-online.jpg")


def explaining(_: pytest.MonkeyPatch) -> None:
    import av
    import numpy as np

    write("uploads/portrait.jpg", portrait())
    bucket("shop-uploads")
    boto3.client("s3").put_object(Bucket="shop-uploads", Key="2026/portrait.jpg", Body=portrait())
    picture = np.asarray(Image.open("uploads/portrait.jpg").convert("RGB").resize((320, 320)))
    with av.open("uploads/clip.mp4", "w") as container:
        stream = container.add_stream("mpeg4", rate=1)
        stream.width = stream.height = 320
        stream.pix_fmt = "yuv420p"
        for _number in range(15):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def try_explaining(found: Any) -> bool:
    """A map that a detector of one's own gives."""
    from averment.detector.interface import Explanation, Family, HeatMap

    namespace = {"Explanation": Explanation, "HeatMap": HeatMap, "Family": Family, "box": (0, 0, 10, 10)}
    if found.language == "python":
        exec(compile(found.text, "explaining.md", "exec"), namespace)
        assert isinstance(namespace["explain"](None, b""), Explanation)
    return found.language == "python"


def handing_over(_: pytest.MonkeyPatch) -> None:
    settings(iac=["infrastructure"])
    ledger("2025Q4")
    with zipfile.ZipFile("evidence-2025Q4.zip", "w") as archive:
        for file in sorted(Path("evidence-2025Q4").rglob("*")):
            archive.write(file)
    Path("other").mkdir()
    write(
        "other/averment.yaml", "version: 1\ncontrols: [SM-UPL-03]\niac: ['../infrastructure']\nevidence: {origin: other.example/averment}\n"
    )
    do("collect --collector check --config other/averment.yaml")
    do("export --period 2026Q4 --config other/averment.yaml --output theirs")
    shutil.copy(next(Path("theirs/keys").glob("*.pem")), "their-public-key.pem")
    bucket("audit-evidence", locked=True)
    bucket(
        "audit",
    )
    boto3.client("securityhub").enable_security_hub()
    manager = boto3.client("auditmanager")
    manager.register_account()
    reports = {"destinationType": "S3", "destination": "s3://audit/reports"}
    owner = {"roleType": "PROCESS_OWNER", "roleArn": "arn:aws:iam::123456789012:role/audit"}
    manager.update_settings(defaultAssessmentReportsDestination=reports, defaultProcessOwners=[owner])
    rule = {
        "Type": "AWS::Config::ConfigRule",
        "Properties": {"ConfigRuleName": "averment-x", "Source": {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"}},
    }
    recorder()
    boto3.client("config").put_conformance_pack(ConformancePackName="averment", TemplateBody=json.dumps({"Resources": {"Rule": rule}}))
    control = {
        "id": "ac-1",
        "title": "Pictures are checked",
        "parts": [{"id": "ac-1_smt", "name": "statement", "prose": "Each picture is checked."}],
    }
    metadata = {"title": "Acme policy", "last-modified": "2026-11-01T00:00:00Z", "version": "1", "oscal-version": "1.2.1"}
    catalog = {"uuid": "6f1c4d0e-8f0a-4c39-9d0e-6b1f0d3c2a11", "metadata": metadata, "controls": [control]}
    write("acme-catalog.json", json.dumps({"catalog": catalog}))


def incidents(patch: pytest.MonkeyPatch) -> None:
    from averment.governance.incidents import runbook_measures

    patch.setattr(runbook_measures, "POLL_SECONDS", 0.1)
    write("averment.yaml", block("incidents.md", "yaml"))
    bucket("shop-evidence", locked=True)
    bucket("shop-published", versions=True, autumn__4_jpg=portrait("synthetic"))


def run_time(_: pytest.MonkeyPatch) -> None:
    bucket("acme-artifacts")
    recorder()


def runbooks(_: pytest.MonkeyPatch) -> None:
    from averment.governance.remediation.permissions import trust_policy
    from averment.governance.remediation.runbooks import shipped_runbook

    bucket("shop-uploads", versions=True)
    boto3.client("iam").create_role(RoleName="averment-runbooks", AssumeRolePolicyDocument=json.dumps(trust_policy("123456789012")))
    document = shipped_runbook("isolate-bucket")
    boto3.client("ssm").create_document(Name=document.document, DocumentType="Automation", Content=json.dumps(document.content))


def scanning(_: pytest.MonkeyPatch) -> None:
    from averment.sandbox.inventory_reports import InventoryReports, Listed

    picture = portrait()
    write("uploads/portrait.jpg", picture)
    for image in corpus.load():
        if image.kind == "face" and image.label == "real":
            write(f"genuine/{image.file}", image.read())
    bucket("shop-uploads", a_jpg=picture)
    s3 = boto3.client("s3")
    tag = s3.put_object(Bucket="shop-uploads", Key="2026/b.jpg", Body=picture)["ETag"].strip('"')
    bucket("shop-inventory")
    reports = InventoryReports(s3, "shop-uploads", "shop-inventory", "daily/shop-uploads/all")
    reports.configure()
    reports.put(datetime.now(UTC), reports.csv([Listed("2026/b.jpg", size=len(picture), etag=tag)]))


def reviewed_media(_: pytest.MonkeyPatch) -> None:
    """Labelled pictures with their manifest; what is tested is the first of the page's claims, and all of them are planned."""
    images = [image for image in corpus.load() if image.kind == "face"][::12]
    rows = ["file,sha256,label,group,generator"]
    rows += [f"{number}.jpg,{image.sha256},{image.label},{image.group},{image.generator}" for number, image in enumerate(images)]
    for number, image in enumerate(images):
        write(f"labelled/{number}.jpg", image.read())
    write("labelled/manifest.csv", "\n".join((*rows, "")))
    write("claims.yaml", block("testing-claims.md", "yaml", "claims:"))


def first_claim() -> None:
    claims = yaml.safe_load(Path("claims.yaml").read_text())["claims"]
    write("claims.yaml", yaml.safe_dump({"claims": claims[:1]}))


def try_testing_claims(found: Any) -> bool:
    """Looks are tried with a claim, and descriptions of detectors are opened."""
    if found.text.startswith("looks:"):
        claim = {"type": "performance", "metric": "bpcer", "attack": "synthetic-image", "population": "reviewed", "at_most": 0.1}
        for line in found.text.splitlines():
            check_claim({**claim, **yaml.safe_load(line)})
        return True
    if found.text.startswith("kind:"):
        spec = {key: value for key, value in yaml.safe_load(found.text).items() if key != "sha256"}
        write("described.yaml", yaml.safe_dump(spec))
        assert open_detector("described.yaml")
        return True
    return False


def verifying(_: pytest.MonkeyPatch) -> None:
    """A ledger in S3, packages of two quarters, and three checkpoints that somebody kept."""
    bucket("evidence")
    settings(iac=["infrastructure"], evidence={"ledger": "s3://evidence/shop"})
    ledger("2026Q3")
    shutil.copy("evidence-2026Q3/checkpoint.txt", "2026Q2.txt")
    shutil.copy("evidence-2026Q3/checkpoint.txt", "2026Q3.txt")
    do("prove SM-GOV-03")
    do("export --period 2026Q4")
    shutil.copy(next(Path("evidence-2026Q4/keys").glob("*.pem")), "auditee.pub.pem")


def try_adopting(found: Any) -> bool:
    """Jobs and hooks name what is there."""
    root = DOCS.parents[1]
    document = yaml.safe_load(found.text) if found.language == "yaml" else None
    if isinstance(document, list):
        return document[0]["uses"].startswith("actions/cache@")
    if document and "repos" in document:
        hooks = {hook["id"] for hook in yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())}
        return {hook["id"] for hook in document["repos"][0]["hooks"]} <= hooks
    if document and "jobs" in document:
        action = yaml.safe_load((root / "action.yml").read_text())
        step = next(item for item in document["jobs"]["averment"]["steps"] if item.get("id") == "averment")
        outputs = set(re.findall(r"steps\.averment\.outputs\.([\w-]+)", found.text))
        return set(step["with"]) <= set(action["inputs"]) and outputs <= set(action["outputs"])
    return False


def try_adding_a_rule(found: Any) -> bool:
    """An assessment that hangs on the rule of the page is taken by an overlay, where the rule is known."""
    if found.language != "yaml":
        return False
    added = yaml.safe_load(found.text.replace("media-bucket-versioned", "media-bucket-hardened"))["assessments"]
    write("part.yaml", yaml.safe_dump({"version": 1, "overlays": {"SM-GOV-03": {"add": added}}}))
    control = load_catalogue(load_organisation(Path("part.yaml"))).get("SM-GOV-03")
    return control is not None and {item["id"] for item in added} <= {item.id for item in control.assessments}


def try_own_rules(found: Any) -> bool:
    """What is expected of the cases is what the scaffold writes."""
    if not found.text.startswith("rule:"):
        return False
    shown = yaml.safe_load(found.text)
    written = yaml.safe_load(Path("own-rules/bucket_has_owner/cases/expect.yaml").read_text())
    expected = {case["path"]: case["expect"].items() for case in written["cases"]}
    return shown["rule"] == written["rule"] and all(case["expect"].items() <= expected[case["path"]] for case in shown["cases"])


def serving(_: pytest.MonkeyPatch) -> None:
    write("hero.jpg", portrait("synthetic"))


def served() -> None:
    """Wait until the server that the page starts in the background answers."""
    for _number in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", 8080)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("nothing answers on port 8080")


def rendered() -> None:
    """Pages of sites are rendered again; the test's patch puts back the same in the end."""
    build._run_mkdocs = RENDER


def guard() -> None:
    write("own-rules/media_bucket_closed/rule.py", block("guard.md", "python"))


WORLDS: dict[str, dict[str, Any]] = {
    "README.md": {
        "prepare": readme,
        "before": {"averment collect --print-policy": settings},
        "codes": {"averment check": 1, "averment status": 3, "averment incident drill": 1},
        "copied": True,
    },
    "adding-a-rule.md": {"tries": try_adding_a_rule},
    "adopting.md": {
        "prepare": adopting,
        "before": {"averment check infrastructure --no-baseline --changed-since": lambda: commit("fixed")},
        "codes": {"averment check infrastructure --severity": 1, "averment check infrastructure --no-baseline --fix": 1},
        "tries": try_adopting,
    },
    "auditing.md": {"prepare": verifying},
    "collecting.md": {"prepare": collecting},
    "credentials.md": {
        "prepare": credentials,
        "codes": {"averment media verify hero.signed.jpg --trust anchors.pem": 1},
    },  # nobody stamped it: see the mark above it
    "explaining.md": {"prepare": explaining, "tries": try_explaining},
    "getting-started.md": {
        "prepare": getting_started,
        "before": {"averment collect --print-policy": lambda: settings(scope={"accounts": ["123456789012"]})},
        "codes": {"averment check": 1, "averment status": 3, "averment init --dry-run --account": 3},  # the embedded AWS has no Rekognition
        "copied": True,
    },
    "guard.md": {"before": {"averment rules guard media-bucket-closed": guard}},
    "handing-over.md": {"prepare": handing_over},
    "incidents.md": {"prepare": incidents},
    "organisation.md": {
        "prepare": organisation,
        "before": {"averment controls lint": all_collectors, "averment collect --organization": few_again},
        "codes": {
            "averment status": 3,
            "averment collect --organization": 3,
            "averment collect --period": 3,
        },  # two of the accounts aren't there
    },
    "own-detector.md": {"prepare": own_detector, "codes": {"averment prove claims.yaml": 1}},
    "own-rules.md": {"codes": {"averment check own-rules": 1}, "tries": try_own_rules},
    "run-time.md": {
        "prepare": run_time,
        "codes": {"averment rules evaluate": 1},
    },
    "runbooks.md": {
        "prepare": runbooks,
        "before": {
            "aws iam create-role": lambda: boto3.client("iam").delete_role(RoleName="averment-runbooks")
        },  # the page begins with it at hand
    },
    "scanning.md": {"prepare": scanning},
    "serving.md": {"prepare": serving, "before": {"curl": served}, "bash": True},
    "site.md": {"prepare": facts, "copied": True, "before": {"averment site build --output public --snapshot": rendered}},
    "testing-claims.md": {
        "prepare": reviewed_media,
        "before": {"averment prove claims.yaml": first_claim},
        "codes": {"averment prove claims.yaml": 3},
        "tries": try_testing_claims,
    },
    "tutorial.md": {"bash": True},
    "verify.md": {"prepare": verifying},
}
"""What a page takes for granted (``World`` in ``conftest.py``), by its name; the others need an empty folder and an empty AWS."""


def test_the_page_can_be_followed(page: Path, follow: Callable[..., None]) -> None:
    """Each block of the page is tried in order, and does what the page says."""
    follow(page, **WORLDS.get(page.name, {}))


def test_every_world_has_its_page(pages_by_name: dict[str, Path]) -> None:
    """A page that was renamed takes its world along."""
    assert set(WORLDS) <= set(pages_by_name)


def test_a_profile_that_a_page_shows_is_read_as_it_is_meant(tmp_path: Path) -> None:
    """AWS's own programs take a comment behind a value for a part of it: who copied the profile asked for a role that there isn't."""
    shown = [
        text
        for page in DOCS.glob("*.md")
        for text in re.findall(r"^(\[profile .*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    ]
    assert shown
    for number, text in enumerate(shown):
        file = tmp_path / f"{number}"
        file.write_text(text)
        values = [value for profile in raw_config_parse(str(file)).values() for value in profile.values()]
        assert values
        assert not [value for value in values if "#" in value]
