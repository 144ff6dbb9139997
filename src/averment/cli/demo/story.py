"""The story that the demo tells, one function a step. Each step is something that a user does on an ordinary working day."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape

from averment.cli.demo.deploy import Stack, create_function, deploy_graph, deploy_template
from averment.cli.demo.incident import incident
from averment.cli.demo.stage import Stage
from averment.core.aws import aws_errors, client
from averment.core.errors import ExitCode, IncompleteError
from averment.core.period import utc_now
from averment.detector.corpus import CorpusImage, load
from averment.policies.graph.model import Dialect, Graph, Reference, Resource
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.registry import load_graphs
from averment.sandbox.server import Sandbox

REVIEWS, SELLERS, PUBLISHED = "larkspur-prod-review-uploads", "larkspur-prod-seller-uploads", "larkspur-prod-published"
CAMPAIGN, REPORTS = "larkspur-prod-campaign", "larkspur-prod-audit-reports"
FUNCTION = "averment-rules"
RUNTIME_RULES = ("s3-put-object-gated", "quarantine-not-served", "media-bucket-events-scanned", "face-match-needs-liveness")
"""The rules whose resource types the embedded AWS Config records (buckets and roles)."""

WORST_FIRST = ("fail", "unknown", "pass")
TOLERATED = (ExitCode.FINDINGS, ExitCode.INCOMPLETE)


@dataclass(frozen=True)
class Shop:
    """The deployed shop: its graphs and its two stacks."""

    graphs: tuple[Graph, ...]
    terraform: Stack
    cloudformation: Stack

    @property
    def endpoint(self) -> str:
        """The name of the detector's SageMaker endpoint."""
        return self.cloudformation.physical["DetectorEndpoint"].rsplit("/", 1)[-1]


def tell(stage: Stage) -> None:
    """Play all steps, then sum up."""
    started = time.monotonic()
    stage.console.print(
        "[bold]Larkspur Market, a small shop, before its auditors come.[/bold] Everything runs on an embedded AWS in this process."
    )
    with Sandbox(managed_policies=True) as sandbox, sandbox.applied():  # which brings the variables back that are taken away here
        for name in [name for name in os.environ if name.startswith("AVERMENT_") and name != "AVERMENT_CACHE_DIR"]:
            del os.environ[name]  # of the user's own gate, say, whose table of cases isn't here
        check(stage)
        shop = deploy(stage)
        run_time(stage, shop)
        uploads(stage, shop)
        campaign(stage, shop)
        incident(stage)
        collect(stage)
        prove(stage)
        state(stage)
        package = export(stage)
        push(stage)
        site(stage)
    summary(stage, package, time.monotonic() - started)


def check(stage: Stage) -> None:
    """Before merge: the shop's own code."""
    stage.heading("Before merge: what is wrong with the shop's infrastructure code?")
    stage.averment("check", ".", "-o", "sarif=../check.sarif", "-o", "json=../check.json", expect=(ExitCode.FINDINGS,), lines=27)


def deploy(stage: Stage) -> Shop:
    """The same code in AWS, flaws included."""
    stage.heading("The shop goes live as it is, on the embedded AWS")
    graphs = tuple(graph for graph in load_graphs(Path()) if len(graph))
    terraform = next(graph for graph in graphs if next(iter(graph)).dialect is Dialect.TERRAFORM)
    template = next(graph for graph in graphs if next(iter(graph)).dialect is Dialect.CLOUDFORMATION)
    first = deploy_graph("larkspur", terraform)
    second = deploy_template("detector", Path("cloudformation/detector.yaml"), template)
    stage.say(f"{len(first.physical) + len(second.physical)} resources created from Terraform and CloudFormation")
    for reason in (*first.left_out, *second.left_out):
        stage.say(f"left out: {reason}")
    return Shop(graphs, first, second)


def run_time(stage: Stage, shop: Shop) -> None:
    """At run time: the same rules as AWS Config rules, on what was deployed."""
    from averment.policies.runtime.handler import handler
    from averment.sandbox.config_runner import run_rule

    stage.heading("At run time: the same rules as AWS Config Lambda rules, on configuration items")
    config = client("config")
    account = client("sts").get_caller_identity()["Account"]
    function = create_function(FUNCTION, "config.amazonaws.com")
    types = {rule.id: rule.types for rule in all_rules()}
    with aws_errors("set up the configuration recorder"):
        group = {"allSupported": True, "includeGlobalResourceTypes": True}
        recorder = {"name": "default", "roleARN": f"arn:aws:iam::{account}:role/config", "recordingGroup": group}
        config.put_configuration_recorder(ConfigurationRecorder=recorder)
        config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": REPORTS})
        config.start_configuration_recorder(ConfigurationRecorderName="default")
    for rule in RUNTIME_RULES:
        with aws_errors(f"put the Config rule averment-{rule}"):
            config.put_config_rule(ConfigRule=config_rule(rule, types[rule], account, function))
        ran = run_rule(f"averment-{rule}", handler)
        if ran.errors:
            raise IncompleteError(f"averment-{rule} failed on {ran.errors[0]}")
    compare(stage, shop, config)


def config_rule(rule: str, types: tuple[str, ...], account: str, function: str) -> dict[str, Any]:
    """The definition of the change-triggered Config rule for ``rule``, with the shop's scope as parameters."""
    details = [{"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"}]
    recorded = [kind for kind in types if kind in {"AWS::S3::Bucket", "AWS::IAM::Role"}]
    return {
        "ConfigRuleName": f"averment-{rule}",
        "Source": {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": function, "SourceDetails": details},
        "InputParameters": json.dumps({"rule": rule, "accounts": account}),
        "Scope": {"ComplianceResourceTypes": recorded or ["AWS::S3::Bucket"]},
    }


def compare(stage: Stage, shop: Shop, config: Any) -> None:
    """One line a deployed resource: the verdict on the code beside the verdict on the configuration item."""
    before = {(item["rule"], item["resource"]): item["verdict"] for item in findings(stage)}
    addresses = deployed_addresses(shop)
    stage.console.print(f"   {'rule':<29}{'resource':<34}{'before merge':<14}at run time")
    skipped = 0
    for rule in RUNTIME_RULES:
        pages = config.get_paginator("get_compliance_details_by_config_rule").paginate(ConfigRuleName=f"averment-{rule}")
        for result in (item for page in pages for item in page["EvaluationResults"]):
            resource = result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"]
            name, candidates = addresses.get(resource, (resource, ()))
            verdict = min(
                (before[(rule, address)] for address in candidates if (rule, address) in before), key=WORST_FIRST.index, default=None
            )
            if verdict is None and result["ComplianceType"] == "NOT_APPLICABLE":
                skipped += 1
                continue
            stage.console.print(f"   {rule:<29}{name:<34}{verdict or '-':<14}{result['ComplianceType']}")
            if (result.get("Annotation") or "").startswith("could not"):
                stage.say(f"{'':<29}{result['Annotation']}")
    stage.say(f"and {skipped} resources that the rules are not about, on either side")


def deployed_addresses(shop: Shop) -> dict[str, tuple[str, tuple[str, ...]]]:
    """For each id in AWS Config: a name for people, and the addresses in the code that it comes from (a bucket has its policy's too)."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    role_ids = {role["RoleName"]: role["RoleId"] for page in client("iam").get_paginator("list_roles").paginate() for role in page["Roles"]}
    for stack in (shop.terraform, shop.cloudformation):
        for address, physical in stack.physical.items():
            policies = [policy.address for graph in shop.graphs for policy in policies_of(graph, address)]
            found[role_ids.get(physical, physical)] = (physical, (address, *policies))
    return found


def policies_of(graph: Graph, address: str) -> Iterator[Resource]:
    """The policies that the code keeps apart from the bucket or role at ``address``, but AWS Config keeps with it."""
    for policy in graph.of_type("AWS::S3::BucketPolicy", "AWS::IAM::Policy"):
        owners = [policy.get("Bucket"), *(policy.get("Roles") or ())]
        if any(isinstance(owner, Reference) and owner.address == address for owner in owners):
            yield policy


def findings(stage: Stage) -> list[dict[str, Any]]:
    """The findings of the first step, from its JSON report."""
    report: dict[str, Any] = json.loads((stage.folder / "check.json").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = report["findings"]
    return found


def uploads(stage: Stage, shop: Shop) -> None:
    """Pictures come in; events reach the scan function; the detector behind the endpoint scores them."""
    from averment.detector.gate.ingest import scan_handler
    from averment.sandbox.events import pump

    stage.heading("Pictures come in: S3 → EventBridge → SQS → scan function → SageMaker endpoint (the ONNX detector)")
    images = load()
    portraits = [image for image in images if image.kind == "face"]
    to_reviews, to_sellers = portraits[::2], portraits[1::8]
    s3 = client("s3")
    for bucket, chosen, prefix in ((REVIEWS, to_reviews, "reviews"), (SELLERS, to_sellers, "pixelpost")):
        for image in chosen:
            with aws_errors(f"upload {image.file}"):
                s3.put_object(Bucket=bucket, Key=f"{prefix}/{image.path.name}", Body=image.read(), ContentType="image/jpeg")
    stage.say(f"{len(to_reviews)} pictures uploaded to {REVIEWS}, {len(to_sellers)} to {SELLERS}")
    os.environ["AVERMENT_PUBLISHED_BUCKET"] = PUBLISHED
    os.environ["AVERMENT_DETECTOR"] = f"sagemaker:{shop.endpoint}"
    queue = client("sqs").get_queue_url(QueueName="larkspur-prod-scan")["QueueUrl"]
    pumped = pump(queue, scan_handler)
    if pumped.failed:
        raise IncompleteError(f"{pumped.failed} scans failed: {pumped.errors[0]}")
    published = {item["Key"] for item in s3.list_objects_v2(Bucket=PUBLISHED).get("Contents", [])}
    report_scan(stage, to_reviews, published)
    stage.say(f"nothing scans {SELLERS}: its {len(to_sellers)} pictures have no verdict (the check said so before merge)")


def report_scan(stage: Stage, images: list[CorpusImage], published: set[str]) -> None:
    """What the gate did with each kind of picture: the truth is known for these, and the detector's misses are shown too."""
    outcome = Counter((image.label, f"reviews/{image.path.name}" in published) for image in images)
    for label in ("real", "synthetic"):
        stage.console.print(f"   {label:<10} published {outcome[(label, True)]:>3}   kept in quarantine {outcome[(label, False)]:>3}")


def campaign(stage: Stage, shop: Shop) -> None:
    """The shop's own generated pictures: two are signed with a KMS key, one slips through unmarked."""
    stage.heading("What the shop generates itself: content credentials (C2PA), signed with a key in KMS")
    generated = [image for image in load() if image.label == "synthetic"][:3]
    s3 = client("s3")
    for number, image in enumerate(generated, start=1):
        s3.put_object(Bucket=CAMPAIGN, Key=f"autumn/{number}.jpg", Body=image.read(), ContentType="image/jpeg")
    key = shop.terraform.physical["aws_kms_key.content_signing"]
    for number in (1, 2):
        place = f"s3://{CAMPAIGN}/autumn/{number}.jpg"
        stage.averment("media", "sign", place, "-o", place, "--key", f"kms:{key}", "--test-authority", "../test-authority")
    stage.say("the third picture was uploaded by hand and is not signed")
    local = Path("../autumn-1.jpg")
    local.write_bytes(s3.get_object(Bucket=CAMPAIGN, Key="autumn/1.jpg")["Body"].read())
    stage.averment("media", "inspect", str(local), "--trust", "../test-authority/test-authority.pem")


def collect(stage: Stage) -> None:
    """Facts go to the ledger."""
    stage.heading("Evidence: facts from AWS, signed into an append-only ledger")
    stage.averment("collect", "--period", quarter(), expect=(ExitCode.CLEAN, ExitCode.INCOMPLETE))
    stage.averment(
        "attest",
        "SM-UPL-03/terms",
        "--answer",
        "yes",
        "--by",
        "procurement/Ada Byron",
        "--statement",
        "Pixelpost signed the provenance terms in March.",
    )


def prove(stage: Stage) -> None:
    """Claims on the detector and on the marking of what the shop generates; for some the shop has labelled nothing yet."""
    stage.heading("Claims: supported, refuted, or honestly left open")
    stage.averment(
        "prove",
        "--trust",
        "../test-authority/test-authority.pem",
        expect=(ExitCode.CLEAN, *TOLERATED),
    )
    stage.say("a perfect score on a small corpus says little: detector/model/CARD.md tells what gives these collections away")
    stage.say("and one that a seller asks: how often is an honest picture held back?")
    stage.averment("prove", "claims/false-alarms.yaml", expect=(ExitCode.CLEAN, *TOLERATED))


def state(stage: Stage) -> None:
    """One screen: where do we stand?"""
    stage.heading("Where do we stand?")
    stage.averment("status", "--period", quarter(), expect=TOLERATED, lines=16)


def export(stage: Stage) -> Path:
    """The quarter's package, verified offline; then one byte is changed."""
    period = quarter()
    stage.heading(f"The package of {period}: for somebody who trusts neither us nor the shop")
    package = stage.folder / f"evidence-{period}"
    stage.averment("export", "--period", period, "--output", f"../{package.name}")
    stage.averment("verify", f"../{package.name}")
    victim = package / "report.json"
    stage.say(f"now one bit of a copy of {victim.name} is flipped:")
    forged = stage.folder / "forged"
    shutil.copytree(package, forged)
    data = bytearray((forged / victim.name).read_bytes())
    data[len(data) // 2] ^= 1
    (forged / victim.name).write_bytes(bytes(data))
    stage.averment("verify", "../forged", expect=(ExitCode.FINDINGS,), lines=4)
    shutil.rmtree(forged)
    return package


def push(stage: Stage) -> None:
    """To AWS Audit Manager, for those who have it; listed back by the AWS CLI where it is installed."""
    stage.heading("Evidence to AWS Audit Manager")
    client("auditmanager").register_account()
    s3 = client("s3")
    s3.create_bucket(Bucket=REPORTS, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    owner = f"arn:aws:iam::{client('sts').get_caller_identity()['Account']}:role/compliance"
    reports = f"s3://{REPORTS}/audit-manager"
    stage.averment("push", "audit-manager", "--period", quarter(), "--owner-role", owner, "--reports", reports, lines=4)
    cli = Path(sysconfig.get_path("scripts")) / "aws"
    if not cli.exists():
        stage.say("the AWS CLI is not installed beside averment: nothing lists it back here (pip install awscli)")
        return
    query = "assessmentMetadata[].[name,status]"
    stage.show(["aws", "auditmanager", "list-assessments", "--query", query, "--output", "text"])
    done = subprocess.run(
        [sys.executable, str(cli), "auditmanager", "list-assessments", "--query", query, "--output", "text"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise IncompleteError(f"the AWS CLI could not list the assessment: {done.stderr.strip()}")
    stage.console.print("   " + done.stdout.strip().replace("\t", "  "), markup=False)


def site(stage: Stage) -> None:
    """The governance site, with a page for each control and its state."""
    stage.heading("The governance site")
    stage.averment("site", "build", "--output", "../site")


def summary(stage: Stage, package: Path, seconds: float) -> None:
    """What was found, what was proven and what wasn't, and which files to open. Read from the package, not remembered."""
    report = json.loads((package / "report.json").read_text(encoding="utf-8"))
    out = stage.console
    out.rule("What came out")
    verdicts = Counter(item["verdict"] for item in findings(stage))
    out.print(
        f"[bold]Found[/bold]        {verdicts['fail']} flaws in the code, {verdicts['unknown']} that could not be decided, {verdicts['pass']} passes"
    )
    for claim in report["claims"]:
        told = str(claim["statement"])
        if claim["verdict"] not in {"supported", "refuted", "inconclusive"}:
            told = f"{', '.join(claim['assessments'])} ({told}): {str(claim['reason']).partition(chr(10))[0]}"
        out.print(f"[bold]{str(claim['verdict']).capitalize():<12}[/bold] {escape(told)}", soft_wrap=True)
    states = Counter(row["status"] for row in report["controls"])
    out.print("[bold]Controls[/bold]     " + ", ".join(f"{count} {status}" for status, count in sorted(states.items())))
    open_questions = [row for row in report["assessments"] if row["status"] == "not-assessed"]
    out.print(f"[bold]Not proven[/bold]   {len(open_questions)} assessments, each with its reason in the package")
    out.print("\n[bold]Open[/bold]")
    root = stage.named or stage.folder
    for name, what in (
        ("site/index.html", "the governance site"),
        (f"{package.name}/README.html", "the evidence package, for an auditor"),
        (f"{package.name}/workbook.xlsx", "the workbook"),
        ("incident.html", "the incident's after-action report"),
        ("check.sarif", "the findings, for a code-scanning page"),
        ("shop/", "the shop: fix something, run averment check again"),
    ):
        out.print(f"   {escape(str(root))}/{name:<36} {what}", soft_wrap=True)
    verify = shlex.join(["python", str(root / package.name / "verify.py"), str(root / package.name)])
    out.print(f"\nverify it without Averment (it takes Python and the package cryptography): {escape(verify)}", soft_wrap=True)
    out.print(f"[dim]{seconds:.0f} s[/dim]")


def quarter() -> str:
    """The quarter that holds today."""
    now = utc_now()
    return f"{now.year}Q{(now.month + 2) // 3}"
