"""Every blueprint holds what its page promises: nothing found by our own check, nothing by cfn-lint, and a page that is up to date."""

from __future__ import annotations

import base64
import importlib
import json
import re
import shutil
import subprocess
import sysconfig
from dataclasses import asdict
from pathlib import Path

import pytest

from averment.cli.main import run
from averment.core.errors import BadInputError
from averment.detector.credentials.keys import PemEcdsaSigner
from averment.detector.gate.sealing import SealSettings
from averment.governance.remediation import blueprints
from averment.governance.remediation.blueprints import all_blueprints, exceptions
from averment.governance.remediation.blueprints.pages import read_template, render

NAMES = sorted(all_blueprints())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("file", ["template.yaml", "main.tf"])
def test_our_own_check_finds_nothing(name: str, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Template and Terraform are judged by the same rules as everybody's code: no finding, and unknown only what the page says."""
    blueprint = all_blueprints()[name]
    for source in (blueprint.folder / file, *blueprint.folder.glob("*.js")):
        shutil.copy(source, tmp_path)
    code = run(["check", str(tmp_path), "-o", f"json={tmp_path / 'out.json'}", "--no-cache"])
    report = json.loads((tmp_path / "out.json").read_text())
    found = {(item["rule"], item["verdict"]) for item in report["findings"] if item["verdict"] != "pass"}
    assert found == {(rule, "unknown") for rule in blueprint.unknown}, capsys.readouterr().out
    assert code == 0


def test_cfn_lint_finds_nothing() -> None:
    """Neither errors nor warnings, in all templates at once (starting it costs most)."""
    templates = [str(blueprint.template) for blueprint in all_blueprints().values()]
    done = subprocess.run([str(Path(sysconfig.get_path("scripts")) / "cfn-lint"), *templates], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_what_the_template_says(name: str) -> None:
    """README.md is generated; write it anew with ``python -m averment.governance.remediation.blueprints``."""
    blueprint = all_blueprints()[name]
    page = (blueprint.folder / "README.md").read_text(encoding="utf-8")
    assert page == render(blueprint)
    prose = re.sub(r"```.*?```|`[^`]*`", "", page, flags=re.DOTALL)
    assert "<" not in prose, "Markdown takes <this bucket> for a tag, and nobody reads it"
    assert "{'" not in prose, "a colon in a sentence makes a table of it in YAML"


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_and_output_says_what_it_is(name: str) -> None:
    """Somebody who deploys it needs no other text. What has no safe default is required; no default names a bucket or an account."""
    template = read_template(all_blueprints()[name])
    for item in (*template["Parameters"].values(), *template["Outputs"].values()):
        assert item.get("Description")
    defaults = [str(item.get("Default", "")) for item in template["Parameters"].values()]
    assert not [default for default in defaults if default.startswith(("arn:", "s3://")) or (default.isdecimal() and len(default) == 12)]


@pytest.mark.parametrize("name", ["media-gate", "signing"])
def test_a_flood_waits_in_the_queue_and_does_not_die_unseen(name: str) -> None:
    """A queue's pollers take more than the function may run at once unless they are told; what finds no free function counts as received, and after
    five times it is a dead letter that nobody has looked at. Both forms say the same."""
    blueprint = all_blueprints()[name]
    resources, terraform = read_template(blueprint)["Resources"], (blueprint.folder / "main.tf").read_text(encoding="utf-8")
    mappings = [item["Properties"] for item in resources.values() if item["Type"] == "AWS::Lambda::EventSourceMapping"]
    for mapping in mappings:
        function = resources[mapping["FunctionName"]["Ref"]]["Properties"]
        assert mapping["ScalingConfig"]["MaximumConcurrency"] == function["ReservedConcurrentExecutions"]
    assert terraform.count('resource "aws_lambda_event_source_mapping"') == terraform.count("maximum_concurrency = ") == len(mappings) > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_terraform_has_the_templates_parameters_and_outputs(name: str) -> None:
    """Both forms are one blueprint: the same parameters and outputs, in each one's way of writing names."""
    blueprint = all_blueprints()[name]
    template, text = read_template(blueprint), blueprint.terraform.read_text(encoding="utf-8")

    def snake(word: str) -> str:
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower()

    for kind, block in (("Parameters", "variable"), ("Outputs", "output")):
        wanted = {snake(word) for word in template[kind]}
        assert set(re.findall(rf'^{block} "(\w+)"', text, re.MULTILINE)) - {"name", "source"} == wanted


def test_the_pack_comes_after_the_recorder_that_the_stack_makes() -> None:
    """AWS Config refuses a pack where nothing records: without an order the stack fails as often as the recorder is slower."""
    properties = read_template(all_blueprints()["config-pack"])["Resources"]["Pack"]["Properties"]
    condition, ordered, plain = properties["ConformancePackName"]["If"]
    assert (condition, plain) == ("MakeRecorder", {"Ref": "PackName"})
    assert ordered == {"Select": [0, [{"Ref": "PackName"}, {"Ref": "ConfigurationRecorder"}, {"Ref": "DeliveryChannel"}]]}


@pytest.mark.parametrize("name", ["media-gate", "provenance-upload", "signing"])
def test_the_page_says_how_much_concurrency_is_reserved(name: str) -> None:
    """AWS leaves ten for everybody else, and a stack that reserves more than there is fails: in a new account at the first try."""
    functions = [
        item["Properties"]
        for item in read_template(all_blueprints()[name])["Resources"].values()
        if item["Type"] == "AWS::Lambda::Function"
    ]
    reserved = [item["ReservedConcurrentExecutions"] for item in functions]
    fixed = sum(number for number in reserved if isinstance(number, int))
    [said] = [line for line in all_blueprints()[name].remains if "quota for concurrent functions" in line]
    assert f"{fixed} more" in said if {"Ref": "Concurrency"} in reserved else f"this one {fixed}," in said


@pytest.mark.parametrize("name", NAMES)
def test_a_queues_or_topics_policy_is_about_that_alone(name: str) -> None:
    """SQS and SNS take no statement about two resources, nor one about another: the stack would fail, and the embedded AWS makes no such policies."""
    for item in read_template(all_blueprints()[name])["Resources"].values():
        if item["Type"] in {"AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"}:
            [about] = item["Properties"].get("Queues", item["Properties"].get("Topics"))
            for statement in item["Properties"]["PolicyDocument"]["Statement"]:
                assert statement["Resource"] in (about, {"GetAtt": f"{about['Ref']}.Arn"})


def test_the_apis_log_has_what_api_gateway_demands_of_one() -> None:
    """CreateStage refuses a format without the request's id, and the stack fails."""
    shipped = all_blueprints()["provenance-upload"]
    assert "$context.requestId" in read_template(shipped)["Resources"]["Stage"]["Properties"]["AccessLogSettings"]["Format"]
    assert "$context.requestId" in shipped.terraform.read_text(encoding="utf-8")


def test_no_cost_monitor_is_made_that_aws_refuses() -> None:
    """Cost Explorer takes monitors of one's own over accounts, tags and categories, never over chosen services, and one over all services in an account,
    which may be there: what the blueprint subscribes to is named, and without a name nothing of it is made."""
    blueprint = all_blueprints()["monitoring"]
    resources, text = read_template(blueprint)["Resources"], blueprint.terraform.read_text(encoding="utf-8")
    assert "AWS::CE::AnomalyMonitor" not in {item["Type"] for item in resources.values()}
    assert 'resource "aws_ce_anomaly_monitor"' not in text
    heard = resources["InferenceCostsHeard"]
    assert (heard["Condition"], heard["Properties"]["MonitorArnList"]) == ("Monitored", [{"Ref": "CostMonitorArn"}])
    assert 'count            = var.cost_monitor_arn == "none" ? 0 : 1' in text


def test_every_control_that_is_named_exists_and_names_its_blueprint() -> None:
    """The catalogue and the blueprints point at each other."""
    from averment.controls.loader import load_catalogue
    from averment.core.organisation import Organisation

    catalogue = load_catalogue(Organisation())
    known = {control.id: control for control in catalogue.controls}
    for blueprint in all_blueprints().values():
        assert set(blueprint.controls) <= set(known)
    named = {control.blueprint for control in known.values() if control.blueprint}
    assert named <= set(NAMES)


def test_the_edges_code_is_the_gates() -> None:
    """What the template and the Terraform carry is the code that was tested, with the key written in."""
    from averment.detector.gate.delivery import _source

    folder = all_blueprints()["edge"].folder
    resources = read_template(all_blueprints()["edge"])["Resources"]
    for name in ("viewer_request.js", "origin_response.js"):
        assert (folder / name).read_text(encoding="utf-8") == _source(name)
    assert resources["ViewerRequest"]["Properties"]["FunctionCode"] == _source("viewer_request.js")
    keys = "${SealPublicKey} ${FormerSealPublicKey}"
    wanted = _source("origin_response.js").replace("@PUBLIC_KEYS@", keys).replace("@SERVABLE@", "clean disclosed released")
    assert resources["OriginResponse"]["Properties"]["Code"]["ZipFile"]["Sub"].strip() == wanted.strip()


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_point_of_an_image_is_there(name: str) -> None:
    """Nothing else in the program calls some of them: a name that was changed would be noticed by the first upload."""
    functions = [
        item["Properties"] for item in read_template(all_blueprints()[name])["Resources"].values() if "ImageConfig" in item["Properties"]
    ]
    for command in (properties["ImageConfig"]["Command"] for properties in functions):
        module, _, function = command[0].rpartition(".")
        assert callable(getattr(importlib.import_module(module), function)), command


def test_the_seal_reads_each_variable_that_its_blueprint_sets() -> None:
    """Most may be absent: of a name that differs nobody would hear, and media that was forbidden could be published."""
    seal = read_template(all_blueprints()["signing"])["Resources"]["Seal"]["Properties"]
    given = {name: name.lower() for name in seal["Environment"]["Variables"]}
    assert set(given.values()) <= set(asdict(SealSettings.from_environment(given)).values())
    for name in ("AVERMENT_PUBLISHED_BUCKET", "AVERMENT_SIGNING_KEY", "AVERMENT_CERTIFICATE"):
        with pytest.raises(BadInputError, match=f"{name} is not set"):
            SealSettings.from_environment({**given, name: " "})


@pytest.mark.parametrize("name", NAMES)
def test_no_bucket_has_a_name_that_another_account_may_have(name: str) -> None:
    """Names of buckets are one for all accounts in the world: with a fixed one a blueprint could be deployed by the first who does it, and by whoever
    waits for that to take uploads in."""
    blueprint = all_blueprints()[name]
    for item in read_template(blueprint)["Resources"].values():
        assert item["Type"] != "AWS::S3::Bucket" or "BucketName" not in item["Properties"]
    text = blueprint.terraform.read_text(encoding="utf-8")
    buckets = re.findall(r'^resource "aws_s3_bucket" "\w+" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL)
    assert all(
        re.search(r"^  bucket_prefix +=", body, re.MULTILINE) and not re.search(r"^  bucket +=", body, re.MULTILINE) for body in buckets
    )


def test_the_detectors_role_may_join_a_network() -> None:
    """What SageMaker's documentation asks of a role whose model is in a VPC: without the permission on an interface that it made, which SageMaker's own
    account attaches, no endpoint comes up."""
    statements = read_template(all_blueprints()["detector-endpoint"])["Resources"]["ModelPolicy"]["Properties"]["PolicyDocument"][
        "Statement"
    ]
    [network] = [set(item["Action"]) for item in statements if item["Sid"] == "Network"]
    described = ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "VpcEndpoints", "Vpcs")
    made = {f"ec2:{verb}NetworkInterface{what}" for verb in ("Create", "Delete") for what in ("", "Permission")}
    assert network == {*made, *(f"ec2:Describe{what}" for what in described)}


def test_another_image_of_the_detector_comes_to_its_endpoints() -> None:
    """A model can't be changed. Under a name of its own Terraform would make the new one under the old one's, which the endpoints' configurations name
    already: nothing of them would change, and the old image would go on scoring. CloudFormation makes names up."""
    blueprint = all_blueprints()["detector-endpoint"]
    assert "ModelName" not in read_template(blueprint)["Resources"]["Model"]["Properties"]
    [model] = re.findall(r'^resource "aws_sagemaker_model" "\w+" \{\n(.*?)^\}', blueprint.terraform.read_text(), re.MULTILINE | re.DOTALL)
    assert not re.search(r"^  name +=", model, re.MULTILINE)
    assert "create_before_destroy = true" in model


def test_another_seal_key_or_code_comes_to_the_edge(tmp_path: Path) -> None:
    """The distribution names a version of the function, and CloudFormation makes another version only if what stands in it changes: without the key and
    the code's digest there, a key that was replaced would be trusted at the edge for good, and the new one's seals refused."""
    from averment.core.canonical import sha256_hex
    from averment.detector.gate.delivery import _source

    version = read_template(all_blueprints()["edge"])["Resources"]["OriginResponseVersion"]
    digest = sha256_hex(_source("origin_response.js").encode())[:16]
    text, named = version["Properties"]["Description"]["Sub"]
    assert text == f"code {digest}, seal key ${{SealPublicKey}}, before it ${{Former}}"
    split = named["Former"]["If"][1]["Select"][1]["Split"]
    key = base64.b64encode(PemEcdsaSigner.create(tmp_path / "key.pem").public_key()).decode()
    assert split[1] == {"Ref": "FormerSealPublicKey"}
    assert len(key.split(split[0])) == 2
    assert len(text.replace("${SealPublicKey}", key).replace("${Former}", key.split(split[0])[1])) <= 256, "Lambda's bound"
    assert version["UpdateReplacePolicy"] == "Retain"  # a version whose copies are out can't be deleted


def test_a_certificate_can_be_requested_for_the_signing_key() -> None:
    """A request for a certificate is signed with its key, which the function's role alone may use and nobody can assume: one further role may, while it is
    named, and by default none."""
    template = read_template(all_blueprints()["signing"])
    [denied] = [
        item for item in template["Resources"]["SigningKey"]["Properties"]["KeyPolicy"]["Statement"] if item["Sid"] == "OnlyTheSignerSigns"
    ]
    named = denied["Condition"]["StringNotEquals"]["aws:PrincipalArn"]
    assert named == [{"GetAtt": "SignerRole.Arn"}, {"Ref": "RequesterRoleArn"}]
    assert template["Parameters"]["RequesterRoleArn"]["Default"] == "none"
    assert "[aws_iam_role.signer.arn, var.requester_role_arn]" in all_blueprints()["signing"].terraform.read_text(encoding="utf-8")


def test_every_exception_is_argued() -> None:
    """A reason, and a blueprint that exists."""
    for item in exceptions():
        assert len(item.reason) > 30
        assert item.blueprint in {*NAMES, "*"}


def test_a_sentence_that_yaml_reads_as_a_mapping_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A colon makes one of it where the quotes are missing, and pages would show it as a program does."""
    (tmp_path / "one").mkdir()
    facts = "title: One\nwhat: So\ncontrols: [SM-UPL-01]\ncosts: []\nnot_run: []\nremains:\n  - What is left: its names.\n"
    (tmp_path / "one" / "blueprint.yaml").write_text(facts)
    monkeypatch.setattr(blueprints, "folder", lambda: tmp_path)
    with pytest.raises(BadInputError, match="is not as it should be"):
        blueprints.all_blueprints()
    (tmp_path / "one" / "blueprint.yaml").write_text(facts.replace("What is left: its names.", '"What is left: its names."'))
    assert blueprints.all_blueprints()["one"].remains == ("What is left: its names.",)
