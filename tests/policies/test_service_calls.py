"""A REST API or a state machine that asks Rekognition itself is judged as code that does so: which operation, with what, and by whom."""

from __future__ import annotations

import json
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph
from averment.policies.interface import Context, Outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.plan import read_plan
from averment.policies.surfaces.states.flow import Flow, machine_of
from averment.policies.surfaces.terraform.surface import TerraformSurface

METHOD = """\
    Resources:
      Faces:
        Type: AWS::ApiGateway::Method
        Properties:
          HttpMethod: POST
          AuthorizationType: AWS_IAM
          RestApiId: api
          ResourceId: faces
          Integration:
            Type: {kind}
            IntegrationHttpMethod: POST
            Uri: !Sub arn:aws:apigateway:${{AWS::Region}}:{uri}
            RequestParameters: {{integration.request.header.X-Amz-Target: "{target}"}}
            RequestTemplates: {{application/json: '{template}'}}
"""


def read(folder: Path, text: str) -> Graph:
    path = folder / "template.yaml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return read_template(path)


def method(folder: Path, *, kind: str = "AWS", uri: str = "rekognition:path//", target: str = "'X'", template: str = "{}") -> Graph:
    return read(folder, METHOD.format(kind=kind, uri=uri, target=target, template=template))


def outcomes(graph: Graph, name: str) -> list[Outcome]:
    judged = rule(name)
    return [judged.evaluate(resource, Context(graph, Scope(), {})) for resource in graph.of_type(*judged.types)]


@pytest.mark.parametrize(
    ("uri", "target", "verdicts"),
    [
        ("rekognition:path//", "'RekognitionService.CompareFaces'", [Verdict.FAIL]),
        ("rekognition:action/SearchFacesByImage", "", [Verdict.FAIL]),
        ("rekognition:path//", "method.request.header.Target", [Verdict.UNKNOWN]),
        ("rekognition:path//", "'RekognitionService.DetectLabels'", []),
        ("rekognition:action/DetectText", "", []),
        ("sqs:path/CompareFaces", "'RekognitionService.CompareFaces'", []),
        ("lambda:path/2015-03-31/functions/x/invocations", "", []),
    ],
)
def test_an_api_that_compares_faces_by_itself_knows_nothing_of_liveness(tmp_path: Path, uri: str, target: str, verdicts: list[Verdict]):
    """The URI or the header names the operation; a caller who may choose it leaves it unknown; other services are no matter."""
    found = outcomes(method(tmp_path, uri=uri, target=target), "face-call-after-liveness")
    assert [outcome.verdict for outcome in found] == verdicts
    for outcome in found:
        assert (outcome.where.line if outcome.where else None) == 9
    if verdicts == [Verdict.FAIL]:
        assert found[0].message.startswith("the method Faces calls ")
        assert "stands between the API and Rekognition" in (found[0].fix or "")


def test_an_integration_that_is_none_of_the_service_is_left_alone(tmp_path: Path):
    """A mock says only what it was told to say."""
    graph = method(tmp_path, kind="MOCK", target="'RekognitionService.CompareFaces'")
    assert outcomes(graph, "face-call-after-liveness") == []


@pytest.mark.parametrize(
    ("template", "verdict"),
    [
        ('{"Image": $input.json("$.image"), "Attributes": ["ALL"]}', Verdict.FAIL),
        ('{"Image": $input.json("$.image"), "Attributes": ["DEFAULT"]}', Verdict.PASS),
        ('{"Image": $input.json("$.image"), "Attributes": [$input.json("$.wanted")]}', Verdict.UNKNOWN),
        ('{"Image": $input.json("$.image")}', Verdict.PASS),
        ('{"Image": 1, "More": $input.json("$")}', Verdict.UNKNOWN),
        ("$input.body", Verdict.UNKNOWN),
    ],
)
def test_attributes_of_faces_are_read_from_the_mapping_template(tmp_path: Path, template: str, verdict: Verdict):
    """What is written out is judged; where the caller's request is passed on, the caller decides."""
    graph = method(tmp_path, target="'RekognitionService.DetectFaces'", template=template.replace("'", "''"))
    assert [outcome.verdict for outcome in outcomes(graph, "face-attributes-limited")] == [verdict]


@pytest.mark.parametrize(
    ("template", "verdict"),
    [
        ('{"SourceImage": $input.json("$.a"), "SimilarityThreshold": 99}', Verdict.PASS),
        ('{"SourceImage": $input.json("$.a"), "SimilarityThreshold": "0.8"}', Verdict.FAIL),
        ('{"SourceImage": $input.json("$.a"), "SimilarityThreshold": $input.json("$.least")}', Verdict.UNKNOWN),
        ('{"SourceImage": $input.json("$.a")}', Verdict.UNKNOWN),
        ("$input.body", Verdict.UNKNOWN),
    ],
)
def test_the_similarity_of_faces_is_read_from_the_mapping_template(tmp_path: Path, template: str, verdict: Verdict):
    """What is written out is judged, the default left open; where the caller's request is passed on, the caller decides."""
    graph = method(tmp_path, target="'RekognitionService.CompareFaces'", template=template.replace("'", "''"))
    (found,) = outcomes(graph, "face-match-threshold")
    assert found.verdict is verdict
    assert found.fix == ('"SimilarityThreshold": 99' if verdict is Verdict.FAIL else None)


def test_operations_of_a_description_are_judged_each_at_its_place(tmp_path: Path):
    """An OpenAPI description within the template: two ways in, of which one leads to Rekognition."""
    graph = read(
        tmp_path,
        """\
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Api:
            Type: AWS::Serverless::Api
            Properties:
              StageName: live
              DefinitionBody:
                swagger: "2.0"
                paths:
                  /compare:
                    post:
                      x-amazon-apigateway-integration:
                        type: aws
                        uri: !Sub arn:aws:apigateway:${AWS::Region}:rekognition:action/CompareFaces
                  /health:
                    get:
                      x-amazon-apigateway-integration: {type: mock}
        """,
    )
    (outcome,) = outcomes(graph, "face-call-after-liveness")
    assert outcome.verdict is Verdict.FAIL
    assert outcome.message.startswith("POST /compare of Api calls CompareFaces")
    assert outcome.where is not None
    assert outcome.where.line == 11


def test_integrations_of_terraform_are_read_too(tmp_path: Path):
    """Each is a resource of its own there, or part of the API's description."""
    integration = {
        "type": "AWS",
        "http_method": "POST",
        "uri": "arn:aws:apigateway:eu-west-1:rekognition:path//",
        "request_parameters": {"integration.request.header.X-Amz-Target": "'RekognitionService.CompareFaces'"},
        "request_templates": {"application/json": '{"SimilarityThreshold": 60}'},
    }
    described = {
        "type": "aws",
        "uri": "arn:aws:apigateway:eu-west-1:rekognition:action/CompareFaces",
        "requestTemplates": integration["request_templates"],
    }
    body = json.dumps({"paths": {"/faces": {"post": {"x-amazon-apigateway-integration": described}}}})
    resources = [
        ("aws_api_gateway_integration", integration, "the integration aws_api_gateway_integration.faces"),
        ("aws_api_gateway_rest_api", {"name": "faces", "body": body}, "POST /faces of aws_api_gateway_rest_api.faces"),
    ]
    for kind, values, label in resources:
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "main.tf.json").write_text(json.dumps({"resource": {kind: {"faces": values}}}), encoding="utf-8")
        (graph,) = TerraformSurface().graphs(tmp_path / kind)
        head = {"address": f"{kind}.faces", "mode": "managed", "type": kind, "name": "faces", "values": values}
        plan = {"format_version": "1.2", "planned_values": {"root_module": {"resources": [head]}}}
        (tmp_path / kind / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
        for found in (graph, read_plan(tmp_path / kind / "plan.json")):
            (liveness,) = outcomes(found, "face-call-after-liveness")
            assert liveness.message.startswith(f"{label} calls CompareFaces without a liveness result")
            assert [outcome.verdict for outcome in outcomes(found, "face-match-threshold")] == [Verdict.FAIL]


SDK = "arn:aws:states:::aws-sdk:rekognition"
READ = {"Type": "Task", "Resource": f"{SDK}:getFaceLivenessSessionResults", "Parameters": {"SessionId.$": "$.id"}, "ResultPath": "$.live"}
COMPARE = {"Type": "Task", "Resource": f"{SDK}:compareFaces", "Parameters": {"SourceImage": {}, "SimilarityThreshold": 99}, "End": True}
REFUSE = {"Type": "Fail"}
LIVE = {"Variable": "$.live.Confidence", "NumericGreaterThan": 90, "Next": "Compare"}
ENDED = {"Variable": "$.live.Status", "StringEquals": "SUCCEEDED", "Next": "Compare"}
RUN = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "look"}, "Next": "Compare"}
CALLER = {"Variable": "$.livenessPassed", "BooleanEquals": True, "Next": "Compare"}


def states(**found: Any) -> dict[str, Any]:
    return {"StartAt": next(iter(found), "Compare"), "States": {**found, "Compare": COMPARE}}


def decided(*choices: dict[str, Any], default: str = "Refuse") -> dict[str, Any]:
    return {"Type": "Choice", "Choices": list(choices), "Default": default}


def parallel(*choices: dict[str, Any], default: str = "Refuse") -> dict[str, Any]:
    ends = {"Ok": {"Type": "Succeed"}, "Fine": {"Type": "Pass", "End": True}, "Refuse": REFUSE}
    branch = {"StartAt": "Read", "States": {"Read": {**READ, "Next": "Is"}, "Is": decided(*choices, default=default), **ends}}
    return {"Type": "Parallel", "Branches": [branch], "Next": "Compare"}


MACHINES = {
    "alone": (states(), Verdict.FAIL, "without a liveness result on the way"),
    "looked at": (states(Read={**READ, "Next": "Is"}, Is=decided(LIVE), Refuse=REFUSE), Verdict.PASS, ""),
    "both": (states(Read={**READ, "Next": "Is"}, Is=decided({"And": [LIVE, ENDED], "Next": "Compare"}), Refuse=REFUSE), Verdict.PASS, ""),
    "jsonata": (
        states(Read={**READ, "Next": "Is"}, Is=decided({"Condition": "{% $live.Confidence >= 90 %}", "Next": "Compare"}), Refuse=REFUSE),
        Verdict.PASS,
        "",
    ),
    "jsonata, of 1": (
        states(Read={**READ, "Next": "Is"}, Is=decided({"Condition": "{% $live.Confidence >= 0.9 %}", "Next": "Compare"}), Refuse=REFUSE),
        Verdict.UNKNOWN,
        "counts from 0 to 100",
    ),
    "renamed": (
        states(
            Read={**READ, "ResultSelector": {"sure.$": "$.Confidence"}, "Next": "Is"},
            Is=decided({"Variable": "$.live.sure", "NumericGreaterThan": 90, "Next": "Compare"}),
            Refuse=REFUSE,
        ),
        Verdict.PASS,
        "",
    ),
    "jsonata, in a variable": (
        states(
            Read={**READ, "Assign": {"sure": "{% $number($states.result.Confidence) %}"}, "Next": "Is"},
            Is=decided({"Condition": "{% $sure >= 90 %}", "Next": "Compare"}),
            Refuse=REFUSE,
        ),
        Verdict.PASS,
        "",
    ),
    "jsonata, in a variable, of 1": (
        states(
            Read={**READ, "Assign": {"good": "{% $states.result.Confidence >= 0.9 %}"}, "Next": "Is"},
            Is=decided({"Condition": "{% $good %}", "Next": "Compare"}),
            Refuse=REFUSE,
        ),
        Verdict.UNKNOWN,
        "counts from 0 to 100",
    ),
    "in a variable": (
        states(
            Read={**READ, "Assign": {"sure.$": "$.Confidence"}, "Next": "Is"},
            Is=decided({"Variable": "$sure", "NumericGreaterThan": 90, "Next": "Compare"}),
            Refuse=REFUSE,
        ),
        Verdict.PASS,
        "",
    ),
    "renamed in a map": (
        states(
            Read={**READ, "Next": "Keep"},
            Keep={"Type": "Pass", "Parameters": {"live": {"sure.$": "$.live.Confidence"}}, "Next": "Is"},
            Is=decided({"Variable": "$.live.sure", "NumericGreaterThan": 90, "Next": "Compare"}),
            Refuse=REFUSE,
        ),
        Verdict.PASS,
        "",
    ),
    "of another, renamed": (
        states(
            Read={**READ, "Next": "Detect"},
            Detect={
                "Type": "Task",
                "Resource": f"{SDK}:detectFaces",
                "Parameters": {},
                "ResultSelector": {"sure.$": "$.FaceDetails[0].Confidence"},
                "Next": "Is",
            },
            Is=decided({"Variable": "$.sure", "NumericGreaterThan": 90, "Next": "Compare"}),
            Refuse=REFUSE,
        ),
        Verdict.FAIL,
        "never looks at",
    ),
    "sent to another": (
        states(
            Read={**READ, "Next": "Keep"},
            Keep={
                "Type": "Task",
                "Resource": "arn:aws:states:::dynamodb:updateItem",
                "Parameters": {"Values": {"sure.$": "States.Format('{}', $.live.Confidence)"}},
                "ResultPath": None,
                "Next": "Is",
            },
            Is=decided({"Variable": "$.customer.sure", "NumericGreaterThan": 90, "Next": "Compare"}),
            Refuse=REFUSE,
        ),
        Verdict.FAIL,
        "never looks at",
    ),
    "of another, in a variable": (
        states(
            Read={**READ, "Next": "Detect"},
            Detect={"Type": "Task", "Resource": f"{SDK}:detectText", "Assign": {"seen": "{% $states.result %}"}, "Next": "Is"},
            Is=decided({"Condition": "{% $seen.Confidence >= 90 %}", "Next": "Compare"}),
            Refuse=REFUSE,
        ),
        Verdict.FAIL,
        "never looks at",
    ),
    "jsonata, some go by": (
        states(
            Read={**READ, "Next": "Is"},
            Is=decided({"Condition": "{% $live.Confidence >= 90 or $known %}", "Next": "Compare"}),
            Refuse=REFUSE,
        ),
        Verdict.UNKNOWN,
        "nothing on the way is decided",
    ),
    "waited for": (
        states(
            Read={**READ, "Next": "Done"},
            Done=decided({**ENDED, "Next": "Is"}, default="Wait"),
            Wait={"Type": "Wait", "Seconds": 5, "Next": "Read"},
            Is=decided(LIVE),
            Refuse=REFUSE,
        ),
        Verdict.PASS,
        "",
    ),
    "ended": (states(Read={**READ, "Next": "Is"}, Is=decided(ENDED), Refuse=REFUSE), Verdict.FAIL, "at the Status of a liveness result"),
    "ignored": (states(Read={**READ, "Next": "Compare"}), Verdict.FAIL, "whose Status and Confidence it never looks at"),
    "caught": (
        states(Read={**READ, "Next": "Is", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Compare"}]}, Is=decided(LIVE), Refuse=REFUSE),
        Verdict.FAIL,
        "without a liveness result on the way",
    ),
    "decides nothing": (
        states(Read={**READ, "Next": "Is"}, Is=decided(LIVE, default="Compare")),
        Verdict.UNKNOWN,
        "nothing on the way is decided",
    ),
    "of another": (
        states(
            Detect={"Type": "Task", "Resource": f"{SDK}:detectFaces", "Parameters": {}, "ResultPath": "$.seen", "Next": "Read"},
            Read={**READ, "Next": "Is"},
            Is=decided({"Variable": "$.seen.FaceDetails[0].Confidence", "NumericGreaterThan": 90, "Next": "Compare"}),
            Refuse=REFUSE,
        ),
        Verdict.FAIL,
        "never looks at",
    ),
    "of another's branch": (
        states(
            Read={**READ, "Next": "Is"},
            Is=decided({"Variable": "$[1].FaceDetails[0].Confidence", "NumericGreaterThan": 90, "Next": "Compare"}),
            Refuse=REFUSE,
        ),
        Verdict.FAIL,
        "never looks at",
    ),
    "some go by": (
        states(
            Read={**READ, "Next": "Is"}, Is=decided(LIVE, {"Variable": "$.known", "BooleanEquals": True, "Next": "Compare"}), Refuse=REFUSE
        ),
        Verdict.UNKNOWN,
        "nothing on the way is decided",
    ),
    "some go by in one rule": (
        states(
            Read={**READ, "Next": "Is"},
            Is=decided({"Or": [LIVE, {"Variable": "$.known", "BooleanEquals": True}], "Next": "Compare"}),
            Refuse=REFUSE,
        ),
        Verdict.UNKNOWN,
        "nothing on the way is decided",
    ),
    "some refused": (
        states(
            Read={**READ, "Next": "Is"},
            Is=decided(
                {
                    "And": [
                        {"Variable": "$.live.Confidence", "NumericLessThan": 90},
                        {"Not": {"Variable": "$.known", "BooleanEquals": True}},
                    ],
                    "Next": "Refuse",
                },
                default="Compare",
            ),
            Refuse=REFUSE,
        ),
        Verdict.UNKNOWN,
        "nothing on the way is decided",
    ),
    "refused before": (
        states(
            Read={**READ, "Next": "Is"},
            Is=decided({"Variable": "$.live.Confidence", "NumericLessThan": 90, "Next": "Refuse"}, default="Compare"),
            Refuse=REFUSE,
        ),
        Verdict.PASS,
        "",
    ),
    "a function before": (states(Look=RUN), Verdict.UNKNOWN, "what the state Look runs before was not followed"),
    "a function after": (states(Read={**READ, "Next": "Look"}, Look=RUN), Verdict.UNKNOWN, "may be looked at by what the state Look runs"),
    "said by the caller": (states(Is=decided(CALLER), Refuse=REFUSE), Verdict.UNKNOWN, "$.livenessPassed is asked before"),
    "in branches": (
        {
            "StartAt": "Both",
            "States": {
                "Both": {
                    "Type": "Parallel",
                    "Branches": [states(Read={**READ, "Next": "Is"}, Is=decided(LIVE), Refuse=REFUSE), states()],
                    "End": True,
                }
            },
        },
        Verdict.FAIL,
        "without a liveness result on the way",
    ),
    "after branches": (states(Both=parallel({**LIVE, "Next": "Ok"})), Verdict.PASS, ""),
    "after branches that let all through": (
        states(Both=parallel({**LIVE, "Next": "Ok"}, default="Fine")),
        Verdict.UNKNOWN,
        "nothing on the way is decided",
    ),
    "nowhere": (states(Read={**READ, "Next": "Gone"}), Verdict.UNKNOWN, "there is no state Gone"),
    "in any partition": (
        {"StartAt": "A", "States": {"A": {**COMPARE, "Resource": "${Head}:states:::aws-sdk:rekognition:compareFaces"}}},
        Verdict.FAIL,
        "without a liveness result on the way",
    ),
    "labels": ({"StartAt": "A", "States": {"A": {**COMPARE, "Resource": f"{SDK}:detectLabels"}}}, None, ""),
    "no states": ({"StartAt": "A", "States": []}, None, ""),
}


def machine(folder: Path, definition: Any, kind: str) -> Graph:
    """A state machine as each surface has it."""
    text = json.dumps(definition)
    if kind.startswith("hcl"):
        (folder / "faces.asl.json").write_text(text, encoding="utf-8")
        given = {"hcl": f"jsonencode({text})", "hcl, a file": 'file("${path.module}/faces.asl.json")'}
        given["hcl, a template"] = 'templatefile("${path.module}/faces.asl.json", {})'
        (folder / "main.tf").write_text(f'resource "aws_sfn_state_machine" "faces" {{\n  definition = {given[kind]}\n}}\n')
        (graph,) = TerraformSurface().graphs(folder)
        return graph
    if kind == "a plan":
        values = {"definition": text, "name": "faces"}
        resource = {
            "address": "aws_sfn_state_machine.faces",
            "mode": "managed",
            "type": "aws_sfn_state_machine",
            "name": "faces",
            "values": values,
        }
        plan = {"format_version": "1.2", "planned_values": {"root_module": {"resources": [resource]}}}
        (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
        return read_plan(folder / "plan.json")
    (folder / "faces.asl.json").write_text(text, encoding="utf-8")
    properties = {
        "template": {"DefinitionString": text},
        "sam": {"Definition": definition},
        "sam, a file": {"DefinitionUri": "faces.asl.json"},
    }[kind]
    type_ = "AWS::StepFunctions::StateMachine" if kind == "template" else "AWS::Serverless::StateMachine"
    resources = {"Faces": {"Type": type_, "Properties": properties}}
    return read(folder, json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}))


@pytest.mark.parametrize("kind", ["hcl", "hcl, a file", "hcl, a template", "a plan", "template", "sam", "sam, a file"])
@pytest.mark.parametrize("name", ["alone", "looked at"])
def test_a_state_machine_is_read_on_every_surface(tmp_path: Path, kind: str, name: str):
    """Rekognition is asked by the definition itself, and no function's source tells of it."""
    definition, verdict, message = MACHINES[name]
    (found,) = outcomes(machine(tmp_path, definition, kind), "face-call-after-liveness")
    assert found.verdict is verdict
    assert message in found.message
    assert (found.where is not None) is (verdict is Verdict.FAIL)
    assert (found.fix or "").startswith('"ReadLiveness": {') is (verdict is Verdict.FAIL)


@pytest.mark.parametrize("name", MACHINES)
def test_the_ways_through_a_state_machine_are_followed_to_the_comparison(tmp_path: Path, name: str):
    """A Choice on the Confidence that keeps some out is a look at it; a program on the way leaves it open, and nothing else is one."""
    definition, verdict, message = MACHINES[name]
    found = outcomes(machine(tmp_path, definition, "template"), "face-call-after-liveness")
    assert [outcome.verdict for outcome in found] == ([] if verdict is None else [verdict])
    assert all(message in outcome.message for outcome in found)


@pytest.mark.parametrize(
    ("given", "choice", "verdict"),
    [
        ({"SimilarityThreshold": 99}, None, Verdict.PASS),
        ({"SimilarityThreshold": 60}, None, Verdict.FAIL),
        ({"SimilarityThreshold": 60}, 99, Verdict.PASS),
        ({"SimilarityThreshold.$": "$.least"}, None, Verdict.UNKNOWN),
        ({"SimilarityThreshold": "${Least}"}, None, Verdict.FAIL),
        ({"SimilarityThreshold": "${Nobody}"}, None, Verdict.UNKNOWN),
        ({"SourceImage": {}}, None, Verdict.UNKNOWN),
        (None, None, Verdict.UNKNOWN),
    ],
)
def test_the_similarity_that_a_state_asks_for_is_read(tmp_path: Path, given: Any, choice: float | None, verdict: Verdict):
    """With what a Choice demands of the answer; where the execution's input is passed on, the input decides."""
    task = {key: value for key, value in COMPARE.items() if key not in ("Parameters", "End")}
    after = decided({"Variable": "$.FaceMatches[0].Similarity", "NumericGreaterThanEquals": choice, "Next": "Ok"})
    definition = {
        "StartAt": "Compare",
        "States": {
            "Compare": {**task, **({} if given is None else {"Parameters": given}), "Next": "Is"},
            "Ok": {"Type": "Succeed"},
            "Refuse": REFUSE,
        }
        | {"Is": after if choice else {"Type": "Succeed"}},
    }
    properties = {"DefinitionString": json.dumps(definition), "DefinitionSubstitutions": {"Least": 60}}
    text = json.dumps({"Resources": {"Faces": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}})
    (found,) = outcomes(read(tmp_path, text), "face-match-threshold")
    assert found.verdict is verdict
    assert found.fix == ('"SimilarityThreshold": 99' if verdict is Verdict.FAIL else None)


def test_attributes_that_a_state_asks_for_are_read(tmp_path: Path):
    """As of a function; those of the input are open."""
    for given, verdict in (({"Attributes": ["ALL"]}, Verdict.FAIL), ({}, Verdict.PASS), ({"Attributes.$": "$.wanted"}, Verdict.UNKNOWN)):
        task = {**COMPARE, "Resource": f"{SDK}:detectFaces", "Parameters": given}
        graph = machine(tmp_path, {"StartAt": "A", "States": {"A": task}}, "sam, a file")
        (found,) = outcomes(graph, "face-attributes-limited")
        assert found.verdict is verdict
        assert found.where is None or str(found.where.file).endswith("faces.asl.json")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("s3://acme/faces.asl.json", "lies elsewhere"),
        ("gone.asl.json", "is no file here"),
        ("../faces.asl.json", "is outside of the checkout"),
    ],
)
def test_a_definition_that_is_not_here_is_named(tmp_path: Path, place: str, said: str):
    """What it asks wasn't looked at, and that is no reason to be silent."""
    (tmp_path / "faces.asl.json").write_text("{}", encoding="utf-8")
    (tmp_path / "app" / ".git").mkdir(parents=True)
    resources = {"Faces": {"Type": "AWS::Serverless::StateMachine", "Properties": {"DefinitionUri": place}}}
    graph = read(tmp_path / "app", json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}))
    assert [(said in problem.reason, problem.blocking) for problem in graph.problems if "its definition" in problem.reason] == [
        (True, False)
    ]


@pytest.mark.parametrize(
    ("resource", "verdicts"),
    [
        (f"{SDK}:compareFaces", [Verdict.UNKNOWN]),
        (f"{SDK}:$${{Operation}}", [Verdict.UNKNOWN]),
        (f"{SDK}:detectModerationLabels", []),
        ("arn:aws:lambda:eu-west-1:123456789012:function:rekognition-labels", []),
    ],
)
def test_a_definition_that_is_not_known_but_for_its_words_is_a_question(tmp_path: Path, resource: str, verdicts: list[Verdict]):
    """A number that only the deployment knows leaves no JSON; what Rekognition is asked for can be seen all the same, and may not be about faces."""
    text = json.dumps(states()).replace("99", "${least}").replace(f"{SDK}:compareFaces", resource)
    (tmp_path / "faces.asl.json").write_text(text, encoding="utf-8")
    (tmp_path / "main.tf").write_text(
        'variable "least" {}\nresource "aws_sfn_state_machine" "faces" {\n'
        '  definition = templatefile("${path.module}/faces.asl.json", { least = var.least })\n}\n'
    )
    (graph,) = TerraformSurface().graphs(tmp_path)
    assert [found.verdict for found in outcomes(graph, "face-call-after-liveness")] == verdicts


@pytest.mark.parametrize("rules", [{"Ref": "Rules"}, 5, [5, {"And": {"Ref": "Rules"}}, {"Or": True}, {"Not": 5}]])
def test_a_choice_whose_rules_are_none_ends_in_no_flaw(tmp_path: Path, rules: Any):
    """A link in place of the rules ended the whole check."""
    graph = machine(tmp_path, states(Read={**READ, "Next": "Is"}, Is={"Type": "Choice", "Choices": rules, "Default": "Compare"}), "sam")
    (found,) = outcomes(graph, "face-call-after-liveness")
    assert found.verdict is not Verdict.PASS


def test_a_machine_beyond_all_bounds_ends_in_a_question(tmp_path: Path):
    """Branches within branches, and a circle of Choices that nobody walks to the end."""
    deep = states()
    for _ in range(10):
        deep = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [deep, deep], "End": True}}}
    (found,) = outcomes(machine(tmp_path, deep, "template"), "face-call-after-liveness")
    assert found.verdict is not Verdict.PASS
    ring = {f"C{index}": decided({**LIVE, "Next": f"C{(index + 1) % 900}"}, default="Compare") for index in range(900)}
    (found,) = outcomes(
        machine(tmp_path, {"StartAt": "C0", "States": {**ring, "Compare": COMPARE}}, "template"), "face-call-after-liveness"
    )
    assert found.verdict is not Verdict.PASS


def test_a_machine_of_many_wide_choices_is_left_off_soon():
    """It held the check up for minutes."""
    names = [f"C{index}" for index in range(200)]
    wide = {name: decided(*({"Variable": "$.a", "BooleanEquals": True, "Next": to} for to in names)) for name in names}
    found = machine_of({"StartAt": "C0", "States": {**wide, "Compare": COMPARE}})
    assert found is not None
    began = time.process_time()
    assert Flow(found).cut
    assert time.process_time() - began < 10
