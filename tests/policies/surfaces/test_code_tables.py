"""Functions that are registered by name, or taken out of a table, are ways in (or are called there), whoever else calls them.

Origin of the data: written for these tests.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.core.words import Verdict
from averment.policies.engine import check
from averment.policies.interface import Context
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.code.handlers import handlers_in
from averment.policies.surfaces.code.surface import CodeSurface
from averment.policies.surfaces.registry import discover, units_of
from averment.policies.surfaces.units import Forgetful

PYTHON = """\
import boto3
rek = boto3.client("rekognition")
def live(event):
    if rek.get_face_liveness_session_results(SessionId=event["s"])["Confidence"] < 90:
        raise PermissionError
def match(event):
    return rek.compare_faces(SourceImage=event["a"], TargetImage=event["b"])
def verify(event):
    live(event)
    return match(event)
"""
SCRIPT = """\
import { RekognitionClient, CompareFacesCommand, GetFaceLivenessSessionResultsCommand } from "@aws-sdk/client-rekognition";
const client = new RekognitionClient({});
async function live(e) {
  const r = await client.send(new GetFaceLivenessSessionResultsCommand({ SessionId: e.s }));
  if (r.Confidence < 90) throw new Error("no");
}
async function match(e) { return client.send(new CompareFacesCommand({ SourceImage: e.a, TargetImage: e.b })); }
async function verify(e) { await live(e); return match(e); }
"""


def judged(folder: Path, files: dict[str, str]) -> tuple[Verdict, str]:
    """The worst verdict on ``files``, with its message."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    subject = rule("face-call-after-liveness")
    found = [*CodeSurface().graphs(folder)]
    assert [problem for graph in found for problem in graph.problems] == []
    outcome = worst_outcome(subject.evaluate(resource, Context(graph)) for graph in found for resource in graph)
    return outcome.verdict, outcome.message


@pytest.mark.parametrize(
    "text",
    [
        'app.add_url_rule("/match", view_func=match)\n',
        'router.add_api_route("/match", match, methods=["POST"])\n',
        "consumer.consume(match)\n",
        "task = celery.task(match)\n",
        "matching = app.task(bind=True)(match)\n",
        "handler = with_auth(match)\n",
        "lambda_handler = tracer.capture_lambda_handler(match)\n",
        'def main(queue):\n    queue.subscribe("faces", match)\n',
        'ROUTES = {"/match": match, "/verify": verify}\ndef handler(event, context):\n    return ROUTES[event["path"]](event)\n',
        'ROUTES = {"/match": match}\ndef handler(event, context):\n    return ROUTES.get(event["path"], verify)(event)\n',
        'def handler(event, context):\n    routes = {"/match": match, "/verify": verify}\n    run = routes.get(event["path"])\n    return run(event) if run else None\n',
    ],
)
def test_what_a_framework_or_a_table_leads_to_is_reached_without_the_check_of_another(text: str, tmp_path: Path):
    """That ``verify`` looks before it calls ``match`` helps nobody who comes to ``match`` by its route."""
    verdict, said = judged(tmp_path, {"app.py": PYTHON + text})
    assert (verdict, "match()" in said) == (Verdict.FAIL, True), said


def test_the_views_of_django_are_ways_in(tmp_path: Path):
    urls = 'from django.urls import path\nimport views\nurlpatterns = [path("match/", views.match), path("verify/", views.verify)]\n'
    assert judged(tmp_path, {"views.py": PYTHON, "urls.py": urls})[0] is Verdict.FAIL


@pytest.mark.parametrize(
    "text",
    [
        'app.post("/match", match);\napp.post("/verify", verify);\n',
        'app.route("/match").post(match);\n',
        'bus.on("match", match);\n',
        "export const handler = withAuth(match);\n",
        "exports.handler = withAuth(match);\n",
        "module.exports = withAuth(match);\n",
        "export default withAuth(match);\n",
        "export const POST = withAuth(match, { roles: ['member'] });\n",
        "class A { constructor() { this.router.post('/m', this.run.bind(this)); } async run(e) { return match(e); } async full(e) { await live(e); return this.run(e); } }\n",
        'const routes = { "/match": match, "/verify": verify };\nexport const handler = async (e) => routes[e.path](e);\n',
        "const routes = { match, verify };\nexport const handler = async (e) => { const run = routes[e.op]; return run(e); };\n",
    ],
)
def test_what_a_framework_or_a_table_of_scripts_leads_to_is_reached_too(text: str, tmp_path: Path):
    assert judged(tmp_path, {"app.mjs": SCRIPT + text})[0] is Verdict.FAIL


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "app.py",
            'ROUTES = {"/match": match, "/other": print}\ndef handler(event, context):\n    live(event)\n    return ROUTES[event["path"]](event)\n',
        ),
        ("app.py", "retried = retry(match)\n"),
        ("app.py", "handler = with_auth(verify)\n"),
        ("app.mjs", "const again = retry(match);\nexport const handler = withAuth(verify);\n"),
        ("app.mjs", "const routes = { match, other };\nexport const handler = async (e) => { await live(e); return routes[e.op](e); };\n"),
        (
            "app.mjs",
            "const routes = { again: async (e) => match(e), other: () => 1 };\nexport const handler = async (e) => { await live(e); return routes[e.op](e); };\n",
        ),
        (
            "app.mjs",
            "const faces = { match, live };\nexport const handler = async (e) => { await faces.live(e); return faces.match(e); };\n",
        ),
        ("app.mjs", "module.exports = { match, live, verify };\n"),
    ],
)
def test_a_check_before_a_table_counts_for_what_is_in_it(name: str, text: str, tmp_path: Path):
    """A table is called where it is looked up, and a map that is a service, or what a file exports, is no table."""
    verdict, said = judged(tmp_path, {name: (PYTHON if name.endswith("py") else SCRIPT) + text})
    assert verdict is Verdict.PASS, said


def test_a_wrapped_function_that_the_infrastructure_names_is_a_way_in(tmp_path: Path):
    """``api = with_auth(match)`` is called by whatever the template names as ``app.api``."""
    (tmp_path / "app.py").write_text(PYTHON + "api = with_auth(match)\n")
    (tmp_path / ".git").mkdir()
    for handler, verdicts in (("app.verify", [Verdict.PASS]), ("app.api", [Verdict.FAIL])):
        (tmp_path / "serverless.yml").write_text(INFRASTRUCTURE["serverless.yml"].replace("app.match", handler))
        result = check([tmp_path], [rule("face-call-after-liveness")], Organisation(root=tmp_path), load_catalogue())
        assert [finding.verdict for finding in result.findings] == verdicts


INFRASTRUCTURE = {
    "template.yaml": "Resources:\n  Match:\n    Type: AWS::Lambda::Function\n    Properties:\n      Handler: src/app.match  # by its name\n      Code: {S3Bucket: b, S3Key: k}\n",
    "template.json": '{"Resources": {"Match": {"Type": "AWS::Lambda::Function", "Properties": {"Handler": "app.match", "Code": {"S3Bucket": "b", "S3Key": "k"}}}}}',
    "serverless.yml": "service: faces\nprovider: {name: aws, runtime: python3.12}\nfunctions:\n  match:\n    handler: app.match\n",
    "main.tf": 'resource "aws_lambda_function" "match" {\n  function_name = "match"\n  role          = "r"\n  handler       = "app.match"\n  runtime = "python3.12"\n}\n',
}


@pytest.mark.parametrize("name", INFRASTRUCTURE)
def test_what_the_infrastructure_names_as_a_handler_is_a_way_in(name: str, tmp_path: Path):
    """A function of its own in Lambda that another one, which looks, calls as well is reached without the look."""
    (tmp_path / "src").mkdir()
    (tmp_path / "infra").mkdir()
    (tmp_path / "src" / "app.py").write_text(PYTHON)
    (tmp_path / "infra" / name).write_text(INFRASTRUCTURE[name])
    (tmp_path / ".git").mkdir()

    def found(*paths: Path) -> list[str]:
        result = check(list(paths), [rule("face-call-after-liveness")], Organisation(root=tmp_path), load_catalogue())
        return [finding.resource.rpartition("/")[2] for finding in result.findings if finding.verdict is Verdict.FAIL]

    assert found(tmp_path / "src") == []
    assert found(tmp_path) == ["app.py:match"]
    assert found(tmp_path / "infra", tmp_path / "src") == ["app.py:match"]


def test_a_change_of_the_handlers_is_a_change_of_the_source(tmp_path: Path):
    """What is recalled of a check before a function got a handler of its own says nothing of it."""
    (tmp_path / "app.py").write_text(PYTHON)
    names = []
    for handler in ("app.verify", "app.match"):
        (tmp_path / "serverless.yml").write_text(INFRASTRUCTURE["serverless.yml"].replace("app.match", handler))
        names.append(next(unit.name for unit in units_of(discover(tmp_path), Forgetful()) if unit.name.startswith("code:")))
    assert names[0] != names[1]


def test_a_name_of_any_length_is_looked_at_in_its_time(tmp_path: Path):
    """A megabyte of letters in a handler's place keeps nobody waiting, and is none."""
    (tmp_path / "a.yaml").write_text("Handler: " + "a" * 1_000_000 + "\nhandler: src/app.match\n")
    began = time.monotonic()
    assert handlers_in([tmp_path / "a.yaml", tmp_path / "missing.yaml"]) == {("app", "match")}
    assert time.monotonic() - began < 5
