"""Source code as a surface: what counts as a check of liveness on a call path, what is read, and what hostile files do.

Origin of the data: written for these tests.
"""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.core.words import Verdict
from averment.policies.engine import Options, check
from averment.policies.graph.model import Graph, Problem
from averment.policies.interface import Context
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import all_rules, rule
from averment.policies.surfaces.code import python
from averment.policies.surfaces.code.files import MAX_BYTES, select
from averment.policies.surfaces.code.javascript import parse as parse_script
from averment.policies.surfaces.code.surface import CodeSurface
from averment.policies.surfaces.registry import discover

PYTHON = 'import boto3\nrek = boto3.client("rekognition")\n'
SCRIPT = (
    'const { RekognitionClient, CompareFacesCommand, GetFaceLivenessSessionResultsCommand } = require("@aws-sdk/client-rekognition");\n'
)
COMPARE = 'rek.compare_faces(SourceImage=event["a"], TargetImage=event["b"])'
LIVE = 'rek.get_face_liveness_session_results(SessionId=event["s"])'


def graphs(folder: Path, files: dict[str, str | bytes]) -> list[Graph]:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(CodeSurface().graphs(folder))


def judged(folder: Path, files: dict[str, str | bytes], rule_id: str = "face-call-after-liveness") -> tuple[Verdict, str]:
    """The worst verdict of a rule on ``files``, with its message."""
    found = graphs(folder, files)
    assert [problem for graph in found for problem in graph.problems] == []
    subject = rule(rule_id)
    outcome = worst_outcome(subject.evaluate(resource, Context(graph)) for graph in found for resource in graph)
    return outcome.verdict, outcome.message


def in_handler(body: str) -> dict[str, str | bytes]:
    lines = "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))
    return {"handler.py": f'{PYTHON}FIELD = "Confidence"\ndef handler(event, context):\n{lines}'}


PATHS = {
    "the check decides before": (
        f'r = {LIVE}\nif r["Confidence"] < 90:\n    raise ValueError("no")\nreturn {COMPARE}',
        Verdict.PASS,
        "",
    ),
    "both results decide together": (
        f'r = {LIVE}\nm = {COMPARE}\nreturn r["Confidence"] > 90 and bool(m["FaceMatches"])',
        Verdict.PASS,
        "",
    ),
    "through a variable and a conversion": (
        f'r = {LIVE}\nscore = float(r.get("Confidence", 0))\nok = score / 100\nassert ok > 0.9\nreturn {COMPARE}',
        Verdict.PASS,
        "",
    ),
    "only its presence is looked at": (
        f'r = {LIVE}\nif r.get("Confidence") is None:\n    return False\nreturn bool({COMPARE}["FaceMatches"])',
        Verdict.FAIL,
        "never looks at",
    ),
    "the comparison's own confidence is no check": (
        f'r = {LIVE}\nm = {COMPARE}\nreturn m["FaceMatches"][0]["Face"]["Confidence"] > 90',
        Verdict.FAIL,
        "never looks at",
    ),
    "a session is opened, and that is all": (
        f"rek.create_face_liveness_session()\nreturn {COMPARE}",
        Verdict.FAIL,
        "a liveness session opened whose result it never reads",
    ),
    "another operation of the same handler": (
        f'if event["path"] == "/live":\n    return {LIVE}["Status"] == "SUCCEEDED"\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "liveness is read on another path",
    ),
    "the check is left out when there is no session": (
        f'if "s" in event:\n    r = {LIVE}\n    if r["Status"] != "SUCCEEDED":\n        return None\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "only on one branch",
    ),
    "an error in the check is swallowed": (
        f'try:\n    r = {LIVE}\n    assert r["Status"] == "SUCCEEDED"\nexcept Exception:\n    print("never mind")\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "only on one branch",
    ),
    "the check comes too late": (f'm = {COMPARE}\nr = {LIVE}\nreturn r["Status"], m', Verdict.UNKNOWN, "only after the comparison"),
    "the caller has to look": (
        f'r = {LIVE}\nm = {COMPARE}\nreturn {{"live": r["Confidence"], "match": m}}',
        Verdict.UNKNOWN,
        "returned to the caller",
    ),
    "a flag from elsewhere": (
        f'if not event["user"]["liveness_passed"]:\n    return None\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "'liveness_passed'",
    ),
    "a file with liveness in its name is no check": (
        f'if event.get("liveness_image_key"):\n    print("stored")\nreturn {COMPARE}',
        Verdict.FAIL,
        "without a liveness result",
    ),
    "an operation chosen at run time": (f'getattr(rek, event["op"])()\nreturn {COMPARE}', Verdict.UNKNOWN, "chosen at run time"),
    "a literal attribute name": ('return getattr(rek, "compare_faces")(SourceImage=1, TargetImage=2)', Verdict.FAIL, "CompareFaces"),
    "by the command line": (
        'import subprocess\nreturn subprocess.run(["aws", "rekognition", "compare-faces", "--cli-input-json", event])',
        Verdict.FAIL,
        "CompareFaces",
    ),
    "the result is replaced before it is looked at": (
        f'r = {LIVE}\nr = event\nif r["Confidence"] < 90:\n    return None\nreturn {COMPARE}',
        Verdict.FAIL,
        "never looks at",
    ),
    "the result is put into another form": (
        f'r = {LIVE}\nr = dict(r)\nscore = r["Confidence"]\nscore /= 100\nif score < 0.9:\n    return None\nreturn {COMPARE}',
        Verdict.PASS,
        "",
    ),
    "a failure counts as a good result": (
        f'try:\n    r = {LIVE}\nexcept Exception:\n    r = {{"Confidence": 100}}\nif r["Confidence"] < 90:\n    return None\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "only on one branch",
    ),
    "a way round for development": (
        f'if event.get("dev"):\n    r = {{"Status": "SUCCEEDED"}}\nelse:\n    r = {LIVE}\nif r["Status"] != "SUCCEEDED":\n    return None\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "only on one branch",
    ),
    "a failure counts as none": (
        f'r = {{"Confidence": 0}}\ntry:\n    r = {LIVE}\nexcept Exception:\n    r = None\nif not r or r["Confidence"] < 90:\n    return None\nreturn {COMPARE}',
        Verdict.PASS,
        "",
    ),
    "an error in the check is suppressed": (
        f'import contextlib\nwith contextlib.suppress(Exception):\n    r = {LIVE}\n    assert r["Status"] == "SUCCEEDED"\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "only on one branch",
    ),
    "a match on the status": (
        f'status = {LIVE}["Status"]\nmatch status:\n    case "SUCCEEDED":\n        return {COMPARE}\n    case _:\n        return None',
        Verdict.FAIL,
        "the Status of a liveness result",
    ),
    "a result that there may not be is looked at only if there is one": (
        f'r = {LIVE} if "s" in event else None\nif r and r["Confidence"] < 90:\n    return None\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "only on one branch",
    ),
    "a result that there may not be is demanded": (
        f'r = {LIVE} if "s" in event else None\nif not r or r["Confidence"] < 90:\n    return None\nreturn {COMPARE}',
        Verdict.PASS,
        "",
    ),
    "a switch stands before the check in one condition": (
        f'def live():\n    return {LIVE}["Confidence"] > 90\nif event.get("enforce") and not live():\n    return None\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "only on one branch",
    ),
    "a switch stands around the check": (
        f'r = {LIVE}\nif event.get("enforce"):\n    assert r["Confidence"] > 90\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "looked at only on one branch",
    ),
    "both have to hold": (
        f'r = {LIVE}\nif event.get("kyc") and r["Confidence"] > 90:\n    return {COMPARE}',
        Verdict.PASS,
        "",
    ),
    "presence and bar are one question": (
        f'r = {LIVE}\nif r and "Confidence" in r and r["Confidence"] < 90:\n    return None\nreturn {COMPARE}',
        Verdict.PASS,
        "",
    ),
    "what a helper answers is dropped": (
        f'def live():\n    r = {LIVE}\n    return r["Status"] == "SUCCEEDED" and r["Confidence"] > 90\nlive()\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "nothing on the way is decided",
    ),
    "what a helper answers by yes or no is dropped": (
        f'def live():\n    if {LIVE}["Confidence"] < 90:\n        return False\n    return True\nprint(live())\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "nothing on the way is decided",
    ),
    "a helper refuses where reading fails": (
        f'def live():\n    try:\n        r = {LIVE}\n    except Exception:\n        return False\n    if r["Confidence"] < 90:\n        return False\n    return True\nif not live():\n    return None\nreturn {COMPARE}',
        Verdict.PASS,
        "",
    ),
    "a helper lets through where reading fails": (
        f'def live():\n    try:\n        return {LIVE}["Confidence"] > 90\n    except Exception:\n        return True\nif not live():\n    return None\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "only on one branch",
    ),
    "a helper gives the picture, or nothing": (
        f'def picture():\n    r = {LIVE}\n    return r["ReferenceImage"] if r["Confidence"] > 90 else None\nif picture() is None:\n    return None\nreturn {COMPARE}',
        Verdict.PASS,
        "",
    ),
    "all sessions of the caller are looked at, who may name none": (
        f'for s in event["sessions"]:\n    if rek.get_face_liveness_session_results(SessionId=s)["Status"] != "SUCCEEDED":\n        return None\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "only on one branch",
    ),
    "a few tries, and no answer after them": (
        f'for _ in range(5):\n    if {LIVE}["Confidence"] > 90:\n        break\nelse:\n    raise TimeoutError\nreturn {COMPARE}',
        Verdict.PASS,
        "",
    ),
    "a method of what holds the result": (
        f'@dataclass\nclass Live:\n    confidence: float\n    def good(self):\n        return self.confidence > 90\ndef fetch():\n    return Live({LIVE}["Confidence"])\nif not fetch().good():\n    return None\nreturn {COMPARE}',
        Verdict.PASS,
        "",
    ),
    "a result that an object keeps, and another method looks at": (
        f'class Face:\n    def load(self):\n        self.result = {LIVE}\n    def good(self):\n        return self.result["Confidence"] > 90\n    def run(self):\n        self.load()\n        if not self.good():\n            return None\n        return {COMPARE}\nreturn Face().run()',
        Verdict.PASS,
        "",
    ),
    "a result that an object keeps, and a property looks at": (
        f'class Face:\n    @property\n    def good(self):\n        return self.result["Confidence"] > 90\n    def run(self):\n        self.result = {LIVE}\n        if not self.good:\n            return None\n        return {COMPARE}\nreturn Face().run()',
        Verdict.PASS,
        "",
    ),
    "only whether there is a number is looked at": (
        f'r = {LIVE}\nif not isinstance(r["Confidence"], float):\n    return None\nreturn {COMPARE}',
        Verdict.FAIL,
        "never looks at",
    ),
    "only the status is looked at, by a helper": (
        f'def ended():\n    return {LIVE}["Status"] == "SUCCEEDED"\nif not ended():\n    return None\nreturn {COMPARE}',
        Verdict.FAIL,
        "its Confidence, which is never looked at",
    ),
    "the status first, and then the confidence": (
        f'r = {LIVE}\nif r["Status"] != "SUCCEEDED":\n    return None\nscore = r["Confidence"]\nif score < 90:\n    return None\nreturn {COMPARE}',
        Verdict.PASS,
        "",
    ),
    "what is wrong is collected, the status first": (
        f'wrong = []\nr = {LIVE}\nif r["Status"] != "SUCCEEDED":\n    wrong.append("status")\nelif r["Confidence"] < 90:\n    wrong.append("confidence")\nm = {COMPARE}\nreturn not wrong and bool(m)',
        Verdict.PASS,
        "",
    ),
    "the confidence of something else about its picture": (
        f'r = {LIVE}\nlabels = rek.detect_moderation_labels(Image=r["ReferenceImage"])["ModerationLabels"]\nif labels[0]["Confidence"] > 50:\n    return None\nreturn {COMPARE}',
        Verdict.FAIL,
        "never looks at",
    ),
    "the field under a name": (
        f"r = {LIVE}\nif r[FIELD] < 90:\n    return None\nreturn {COMPARE}",
        Verdict.PASS,
        "",
    ),
    "another function is asked about the result": (
        f'other = boto3.client("lambda")\nr = {LIVE}\nother.invoke(FunctionName="judge", Payload=r["Confidence"])\nreturn {COMPARE}',
        Verdict.UNKNOWN,
        "handed to other.invoke()",
    ),
    "a match on the result": (
        f'match {LIVE}:\n    case {{"Status": "SUCCEEDED", "Confidence": score}} if score > 90:\n        return {COMPARE}\n    case _:\n        return None',
        Verdict.PASS,
        "",
    ),
    "only labels": ('return rek.detect_labels(Image=event["compare_faces"])', Verdict.NOT_APPLICABLE, ""),
}


@pytest.mark.parametrize(("body", "verdict", "message"), PATHS.values(), ids=PATHS.keys())
def test_what_a_path_does_about_liveness(body: str, verdict: Verdict, message: str, tmp_path: Path):
    """Order, branches and what is done with the result decide, not that the words occur somewhere in the file."""
    found, said = judged(tmp_path, in_handler(body + "\n# compare_faces"))
    assert (found, message in said) == (verdict, True), said


SCRIPTS = {
    "a promise chain": (
        "exports.handler = (e) => live(e).then((r) => { if (r.Confidence < 90) throw new Error('no'); return compare(e, r); });",
        Verdict.PASS,
    ),
    "callbacks": (
        (
            "exports.handler = (e, c, done) => { rek.getFaceLivenessSessionResults({ SessionId: e.s }, (err, data) => {"
            " if (data.Confidence < 90) return done('no'); rek.compareFaces({ SourceImage: 1, TargetImage: 2 }, done); }); };"
        ),
        Verdict.PASS,
    ),
    "two routes of one server": (
        (
            "app.post('/live', async (q, s) => { const r = await live(q); s.json({ ok: r.Confidence > 90 }); });\n"
            "app.post('/compare', async (q, s) => { s.json(await compare(q)); });"
        ),
        Verdict.UNKNOWN,
    ),
    "a promise of one's own": (
        "exports.handler = (e) => new Promise((resolve, reject) => { live(e).then((r) => { if (r.Confidence > 90) resolve(compare(e)); else reject(); }); });",
        Verdict.PASS,
    ),
    "a presence test": (
        "exports.handler = async (e) => { const r = await live(e); if (!r.Confidence) return null; const m = await compare(e, r); return m.FaceMatches[0]; };",
        Verdict.FAIL,
    ),
    "a switch": (
        "exports.handler = async (e) => { switch (e.op) { case 'live': return (await live(e)).Confidence > 90; case 'match': return compare(e); } };",
        Verdict.UNKNOWN,
    ),
    "a switch on the status": (
        "exports.handler = async (e) => { const r = await live(e); switch (r.Status) { case 'SUCCEEDED': return compare(e); default: return null; } };",
        Verdict.FAIL,
    ),
    "a result that is made up where there is none": (
        (
            "exports.handler = async (e) => { let r; try { r = await live(e); } catch (x) { r = { Status: 'SUCCEEDED' }; }"
            " if (r.Status !== 'SUCCEEDED') return null; return compare(e); };"
        ),
        Verdict.UNKNOWN,
    ),
    "a result that is made up where the promise fails": (
        "exports.handler = async (e) => { const r = await live(e).catch(() => ({ Confidence: 100 })); if (r.Confidence < 90) return null; return compare(e); };",
        Verdict.UNKNOWN,
    ),
    "a promise that fails without a result": (
        "exports.handler = async (e) => { const r = await live(e).catch(() => null); if (!r || r.Confidence < 90) return null; return compare(e); };",
        Verdict.PASS,
    ),
    "a result that is replaced": (
        "exports.handler = async (e) => { let r = await live(e); r = JSON.parse(e.body); if (r.Confidence < 90) return null; return compare(e); };",
        Verdict.FAIL,
    ),
    "a switch before the check": (
        "exports.handler = async (e) => { const bad = async () => (await live(e)).Confidence < 90; if (process.env.LIVE && (await bad())) return null; return compare(e); };",
        Verdict.UNKNOWN,
    ),
    "a call behind a switch": (
        "exports.handler = async (e) => { const check = async () => { if ((await live(e)).Confidence < 90) throw 1; }; e.s && (await check()); return compare(e); };",
        Verdict.UNKNOWN,
    ),
    "an answer that is dropped": (
        "const good = async (e) => (await live(e)).Confidence > 90;\nexports.handler = async (e) => { await good(e); return compare(e); };",
        Verdict.UNKNOWN,
    ),
    "an answer that is demanded by somebody else's function": (
        "exports.handler = async (e) => { invariant((await live(e)).Confidence > 90, 'no'); return compare(e); };",
        Verdict.PASS,
    ),
    "a promise whose failure is swallowed": (
        "exports.handler = async (e) => { const r = await live(e).catch(() => null); if (r && r.Confidence < 90) return null; return compare(e); };",
        Verdict.UNKNOWN,
    ),
    "another promise's failure is swallowed": (
        "exports.handler = async (e) => { const r = await live(e); if (r.Confidence < 90) return null; await note(e).catch(() => null); return compare(e); };",
        Verdict.PASS,
    ),
    "a switch over conditions": (
        "exports.handler = async (e) => { const r = await live(e); switch (true) { case r.Confidence > 90: return compare(e); default: return null; } };",
        Verdict.PASS,
    ),
    "the confidence of something else about its picture": (
        (
            'const { DetectLabelsCommand } = require("@aws-sdk/client-rekognition");\n'
            "exports.handler = async (e) => { const r = await live(e); const m = await client.send(new DetectLabelsCommand({ Image: r.ReferenceImage })); if (m.Labels[0].Confidence < 90) return null; return compare(e); };"
        ),
        Verdict.FAIL,
    ),
    "a field that a library takes out": (
        "exports.handler = async (e) => { const r = await live(e); if (_.get(r, 'Confidence', 0) < 90) return null; return compare(e); };",
        Verdict.PASS,
    ),
    "a queue is told of the result": (
        (
            'const { SendMessageCommand } = require("@aws-sdk/client-sqs");\n'
            "exports.handler = async (e) => { const r = await live(e); await sqs.send(new SendMessageCommand({ MessageBody: r.Confidence })); await compare(e); };"
        ),
        Verdict.UNKNOWN,
    ),
    "a promise that settled": (
        "exports.handler = async (e) => { const [r] = await Promise.allSettled([live(e)]); if (r.status !== 'fulfilled') return null; return compare(e); };",
        Verdict.FAIL,
    ),
    "a type": (
        "exports.handler = async (e) => { const r = await live(e); if (typeof r.Confidence !== 'number') return null; return compare(e); };",
        Verdict.FAIL,
    ),
    "an operation by a computed name": ("exports.handler = (e) => rek[e.op](e.params);", Verdict.UNKNOWN),
}


@pytest.mark.parametrize(("body", "verdict"), SCRIPTS.values(), ids=SCRIPTS.keys())
@pytest.mark.parametrize("suffix", ["js", "ts", "mjs", "tsx"])
def test_paths_in_scripts(body: str, verdict: Verdict, suffix: str, tmp_path: Path):
    """Promises, callbacks, routes and switches of JavaScript and TypeScript are followed as their meaning is."""
    head = f"{SCRIPT}const client = new RekognitionClient({{}});\nconst rek = new AWS.Rekognition();\n"
    head += "const live = (e) => client.send(new GetFaceLivenessSessionResultsCommand({ SessionId: e.s }));\n"
    head += (
        "const compare = (e) => client.send(new CompareFacesCommand({ SourceImage: e.a, TargetImage: e.b }));\n"
        if "compare(" in body
        else ""
    )
    found, said = judged(tmp_path, {f"index.{suffix}": head + body})
    assert found is verdict, said


def test_a_presence_and_an_asserted_value_are_told_apart_in_typescript(tmp_path: Path):
    """The parser takes ``a && b! < c`` for ``(a && b)! < c``; which of them decides isn't lost by it."""
    head = f"{SCRIPT}const client = new RekognitionClient({{}});\n"
    read = "const r = e.s ? await client.send(new GetFaceLivenessSessionResultsCommand({ SessionId: e.s })) : null;"
    body = f"export const handler = async (e) => {{ {read} if (r && r.Confidence! < 90) return; return client.send(new CompareFacesCommand(e)); }};"
    found, said = judged(tmp_path, {"index.ts": head + body})
    assert (found, "only on one branch" in said) == (Verdict.UNKNOWN, True), said


def test_a_handler_that_never_mentions_rekognition_is_followed(tmp_path: Path):
    """The path begins where the function is called, in a file that only imports; one caller without a check is enough to fail."""
    files: dict[str, str | bytes] = {
        "src/aws/faces.py": f"{PYTHON}class Faces:\n    def same(self, event):\n        return {COMPARE}\n    def live(self, event):\n        return {LIVE}\n",
        "src/service.py": "from aws.faces import Faces\n\nfaces = Faces()\n\ndef verify(event):\n    result = faces.live(event)\n"
        '    if result["Confidence"] < 90:\n        raise PermissionError\n    return faces.same(event)\n',
        "src/handler.py": "import service\n\ndef handler(event, context):\n    return service.verify(event)\n",
    }
    assert judged(tmp_path, files)[0] is Verdict.PASS
    files["src/admin.py"] = "from aws.faces import Faces\n\ndef shortcut(event):\n    return Faces().same(event)\n"
    verdict, message = judged(tmp_path, files)
    assert verdict is Verdict.UNKNOWN or "shortcut()" in message
    assert "shortcut() in src/admin.py" in message


def test_a_decorated_route_is_an_entry_by_itself(tmp_path: Path):
    """That another function checks before it calls a route doesn't help those who call the route."""
    text = f'{PYTHON}@app.route("/match")\ndef match(event):\n    return {COMPARE}\n\ndef full(event):\n'
    text += f'    r = {LIVE}\n    if r["Confidence"] > 90:\n        return match(event)\n    return None\n'
    verdict, message = judged(tmp_path, {"app.py": text})
    assert verdict is Verdict.FAIL
    assert message.startswith("match() calls CompareFaces")


DECORATED = f"def both(event):\n    return {COMPARE}\ndef handler(event, context):\n    if {LIVE}['Confidence'] < 90:\n        return None\n    return both(event)\n"


@pytest.mark.parametrize(
    "decorator", ["@retry(stop=3)", "@tracer.capture_method", '@xray_recorder.capture("compare")', "@idempotent_function(key='e')"]
)
def test_what_is_wrapped_around_a_helper_makes_it_no_entry(decorator: str, tmp_path: Path):
    """A retry or a tracer hands on what the handler calls, after it has looked."""
    assert judged(tmp_path, {"handler.py": f"{PYTHON}{decorator}\n{DECORATED}"})[0] is Verdict.PASS


@pytest.mark.parametrize(
    "decorator", ['@app.route("/compare")', "@app.post('/compare')", "@celery.task", "@router.websocket('/x')", "@on_message"]
)
def test_what_a_framework_calls_is_an_entry_also_where_a_checked_path_leads_there(decorator: str, tmp_path: Path):
    """A route and a handler that looks first share a function: the route doesn't look."""
    assert judged(tmp_path, {"handler.py": f"{PYTHON}{decorator}\n{DECORATED}"})[0] is not Verdict.PASS


@pytest.mark.parametrize(
    "text",
    [
        f"@require_liveness\ndef view(event):\n    return {COMPARE}\n",
        f"@app.post('/x')\ndef view(event, live=Depends(verify_liveness)):\n    return {COMPARE}\n",
    ],
)
def test_a_guard_that_is_called_after_liveness_cannot_be_told(text: str, tmp_path: Path):
    found, said = judged(tmp_path, {"app.py": PYTHON + text})
    assert (found, "liveness" in said) == (Verdict.UNKNOWN, True)


def test_a_method_of_typescript_behind_a_tracer_is_no_entry_and_one_behind_a_guard_cannot_be_told(tmp_path: Path):
    head = f"{SCRIPT}const client = new RekognitionClient({{}});\n"
    compare = "compare(e) { return client.send(new CompareFacesCommand(e)); }"
    run = "async run(e) { const r = await client.send(new GetFaceLivenessSessionResultsCommand(e)); if (r.Confidence! < 90) return; return this.compare(e); }"
    traced = f"class A {{ @tracer.captureMethod() {compare} {run} }}\nexport const handler = (e) => new A().run(e);\n"
    assert judged(tmp_path / "a", {"index.ts": head + traced})[0] is Verdict.PASS
    guarded = f"class A {{ @UseGuards(LivenessGuard) @Post('x') {compare} }}\n"
    assert judged(tmp_path / "b", {"index.ts": head + guarded})[0] is Verdict.UNKNOWN


CLIENTS = {
    "a property that makes it once": "class M:\n    @property\n    def client(self):\n        if not self._c:\n            self._c = boto3.client('rekognition')\n        return self._c\n    def run(self, e):\n        return self.client.compare_faces(**e)\n",
    "a cached property": "class M:\n    @cached_property\n    def client(self):\n        return boto3.Session().client('rekognition')\n    def run(self, e):\n        return self.client.compare_faces(**e)\n",
    "a service under a name, with a region": "SERVICE = 'rekognition'\nc = boto3.client(SERVICE, region_name='eu-west-1')\ndef run(e):\n    return c.compare_faces(**e)\n",
    "a service from another file": "from settings import SERVICE\nc = boto3.client(SERVICE, region_name='eu-west-1')\ndef run(e):\n    return c.compare_faces(**e)\n",
    "a service of a class": "class Config:\n    SERVICE = 'rekognition'\nc = boto3.client(service_name=Config.SERVICE)\ndef run(e):\n    return c.compare_faces(**e)\n",
    "a service from the environment": "c = boto3.client(os.environ['S'], region_name='eu-west-1')\ndef run(e):\n    return c.compare_faces(SourceImage=e, TargetImage=e)\n",
    "a maker under another name": "from boto3 import client as connect\nc = connect('rekognition')\ndef run(e):\n    return c.compare_faces(**e)\n",
    "a maker that was kept": "connect = boto3.client\nc = connect('rekognition')\ndef run(e):\n    return c.compare_faces(**e)\n",
    "a protocol": "class Faces(Protocol):\n    def compare_faces(self, **kw): ...\ndef run(faces: Faces, e):\n    return faces.compare_faces(SourceImage=e, TargetImage=e)\n",
}


def test_a_method_in_a_map_cannot_be_told_whatever_its_client_was_made_by(tmp_path: Path):
    """Of a client that wasn't known to be Rekognition's, what is kept in a map said nothing at all."""
    text = "from boto3 import client as connect\nc = connect('rekognition')\nOPS = {'same': c.compare_faces}\n"
    text += "def run(e):\n    return OPS[e['op']](**e['args'])\n"
    assert judged(tmp_path, {"app.py": text})[0] is Verdict.UNKNOWN


@pytest.mark.parametrize("text", CLIENTS.values(), ids=CLIENTS.keys())
def test_a_client_is_known_however_one_comes_by_it(text: str, tmp_path: Path):
    """What makes the client lazily, or names its service elsewhere, hides no comparison."""
    assert judged(tmp_path, {"app.py": f"import os\nimport boto3\n{text}", "settings.py": "SERVICE = 'rekognition'\n"})[0] is Verdict.FAIL


def test_a_check_before_a_port_counts_for_its_adapter(tmp_path: Path):
    """A method that a protocol only names is whoever has it."""
    text = (
        "class Port(Protocol):\n    def compare_pictures(self, event): ...\n"
        f"class Adapter:\n    def compare_pictures(self, event):\n        return {COMPARE}\n"
        f"def handler(event, context, port: Port):\n    if {LIVE}['Confidence'] < 90:\n        return None\n    return port.compare_pictures(event)\n"
    )
    assert judged(tmp_path, {"app.py": PYTHON + text})[0] is Verdict.PASS


SDK = "@aws-sdk/client-rekognition"
SCATTERED: dict[str, tuple[dict[str, str | bytes], Verdict]] = {
    "re-exported under another name": (
        {
            "aws.ts": f'export {{ CompareFacesCommand as Compare }} from "{SDK}";\nexport const client = make();\n',
            "index.ts": 'import { Compare, client } from "@/aws";\nexport const handler = async (e) => client.send(new Compare(e));\n',
        },
        Verdict.FAIL,
    ),
    "handed on by all that a file exports": (
        {
            "aws.ts": f'export * from "{SDK}";\n',
            "index.ts": 'import { CompareFacesCommand as Compare } from "./aws";\nexport const handler = async (e) => client.send(new Compare(e));\n',
        },
        Verdict.FAIL,
    ),
    "taken out of a file of the project": (
        {
            "aws.js": f'const {{ CompareFacesCommand }} = require("{SDK}");\nmodule.exports = {{ CompareFacesCommand }};\n',
            "index.js": 'const { CompareFacesCommand: C } = require("./aws");\nexports.handler = (e) => client.send(new C(e));\n',
        },
        Verdict.FAIL,
    ),
    "in a map": (
        {
            "index.js": f'const {{ CompareFacesCommand }} = require("{SDK}");\nconst all = {{ compare: CompareFacesCommand }};\nexports.handler = (e) => client.send(new all.compare(e));\n'
        },
        Verdict.UNKNOWN,
    ),
    "as an argument": (
        {"index.js": f'const {{ CompareFacesCommand }} = require("{SDK}");\nexports.handler = (e) => run(CompareFacesCommand, e);\n'},
        Verdict.UNKNOWN,
    ),
    "in what a file of TypeScript is": (
        {
            "index.ts": f'import {{ CompareFacesCommand }} from "{SDK}";\nexport = {{ handler: async (e) => client.send(new CompareFacesCommand(e)) }};\n'
        },
        Verdict.FAIL,
    ),
    "of a client whose class has another name": (
        {"index.ts": 'import { Rekognition as R } from "aws-sdk";\nconst c = new R();\nexport const handler = (e) => c.compareFaces(e);\n'},
        Verdict.FAIL,
    ),
    "of a client whose class is what a file of the SDK is": (
        {
            "index.js": 'const R = require("aws-sdk/clients/rekognition");\nconst c = new R();\nexports.handler = (e) => c.compareFaces(e).promise();\n'
        },
        Verdict.FAIL,
    ),
    "of a client that is made if there is none yet": (
        {
            "index.js": f'import {{ Rekognition }} from "{SDK}";\nlet c;\nexport const handler = (e) => {{ c ??= new Rekognition({{}}); return c?.compareFaces(e); }};\n'
        },
        Verdict.FAIL,
    ),
    "of a client from a package of the shop's own": (
        {
            "index.ts": 'import { faces } from "@shop/aws";\nexport const handler = (e) => faces.compareFaces({ SourceImage: e.a, TargetImage: e.b });\n'
        },
        Verdict.FAIL,
    ),
    "of a client from a package of the shop's own, with parameters from elsewhere": (
        {"index.ts": 'import { rekognition } from "@shop/aws";\nexport const handler = (e) => rekognition.compareFaces(e);\n'},
        Verdict.UNKNOWN,
    ),
    "of a client that a package hands on from a file within it": (
        {
            "clients/__init__.py": "from .aws import *\n",
            "clients/aws.py": PYTHON,
            "app.py": "from clients import rek\ndef run(**e):\n    return rek.compare_faces(**e)\n",
        },
        Verdict.FAIL,
    ),
    "of a package whose own file hands it on to a caller that looks at liveness before": (
        {
            "faces/__init__.py": "from .looking import ensure\nfrom .matching import match\n",
            "faces/looking.py": f"{PYTHON}def ensure(event):\n    if {LIVE}['Confidence'] < 90:\n        raise PermissionError\n",
            "faces/matching.py": f"{PYTHON}def match(event):\n    return {COMPARE}\n",
            "app.py": "import faces\ndef handler(event, context):\n    faces.ensure(event)\n    return faces.match(event)\n",
        },
        Verdict.PASS,
    ),
    "of a folder whose index hands it on to a caller that looks at liveness before": (
        {
            "faces/index.ts": 'export * from "./looking";\nexport * from "./matching";\n',
            "faces/looking.ts": f'import {{ Rekognition }} from "{SDK}";\nconst c = new Rekognition({{}});\nexport const ensure = async (id) => {{\n'
            "  const r = await c.getFaceLivenessSessionResults({ SessionId: id });\n  if (r.Confidence < 90) throw new Error();\n};\n",
            "faces/matching.ts": f'import {{ Rekognition }} from "{SDK}";\nconst c = new Rekognition({{}});\nexport const match = (e) => c.compareFaces(e);\n',
            "app.ts": 'import { ensure, match } from "./faces";\nexport const handler = async (e) => { await ensure(e.id); return match(e); };\n',
        },
        Verdict.PASS,
    ),
    "of a client to which the operation is named": (
        {"app.py": f'{PYTHON}def run(e):\n    return rek._make_api_call("CompareFaces", e)\n'},
        Verdict.FAIL,
    ),
    "of a client that a getter gives": (
        {
            "index.js": 'const AWS = require("aws-sdk");\nclass M { get rek() { return new AWS.Rekognition(); } run(p) { return this.rek.compareFaces(p).promise(); } }\n'
        },
        Verdict.FAIL,
    ),
    "of a package of the shop's own that hands on the SDK": (
        {
            "index.ts": 'import { CompareFacesCommand, client } from "@shop/aws";\nexport const handler = (e) => client.send(new CompareFacesCommand({ SourceImage: e.a, TargetImage: e.b }));\n'
        },
        Verdict.FAIL,
    ),
    "of a package of the shop's own, with parameters from elsewhere": (
        {
            "index.js": 'const { CompareFacesCommand, client } = require("/opt/nodejs/aws");\nexports.handler = (e) => client.send(new CompareFacesCommand(e));\n'
        },
        Verdict.UNKNOWN,
    ),
    "under another name, imported where it is needed": (
        {
            "index.ts": f'export const handler = async (e) => {{ const {{ CompareFacesCommand: C }} = await import("{SDK}"); return client.send(new C(e)); }};\n'
        },
        Verdict.FAIL,
    ),
    "under another name, taken out of the whole": (
        {
            "index.js": f'const sdk = require("{SDK}");\nconst {{ CompareFacesCommand: C }} = sdk;\nexports.handler = (e) => client.send(new C(e));\n'
        },
        Verdict.FAIL,
    ),
    "under another name, as a member of the whole": (
        {
            "index.ts": f'import * as sdk from "{SDK}";\nconst C = sdk.CompareFacesCommand;\nexport const handler = (e) => client.send(new C(e));\n'
        },
        Verdict.FAIL,
    ),
    "that is a message on a bus of the project's own": (
        {
            "commands/compare.ts": "export class CompareFacesCommand { constructor(readonly a, readonly b) {} }\n",
            "index.ts": '// rekognition is asked by the handler of it\nimport { CompareFacesCommand } from "./commands/compare";\nexport const handler = (e) => bus.execute(new CompareFacesCommand(e.a, e.b));\n',
        },
        Verdict.NOT_APPLICABLE,
    ),
    "after a private method that looks": (
        {
            "index.js": f'const {{ CompareFacesCommand, GetFaceLivenessSessionResultsCommand }} = require("{SDK}");\n'
            "class M { async #live(e) { const r = await c.send(new GetFaceLivenessSessionResultsCommand(e)); if (r.Confidence < 90) throw 1; }\n"
            "  async run(e) { await this.#live(e); return c.send(new CompareFacesCommand(e)); } }\n"
        },
        Verdict.PASS,
    ),
    "after a result that is kept if there is none yet": (
        {
            "index.js": f'const {{ CompareFacesCommand, GetFaceLivenessSessionResultsCommand }} = require("{SDK}");\n'
            "exports.handler = async (e) => { let r; r ??= await c.send(new GetFaceLivenessSessionResultsCommand(e)); if (r.Confidence < 90) return; return c.send(new CompareFacesCommand(e)); };\n"
        },
        Verdict.PASS,
    ),
}


@pytest.mark.parametrize(("files", "verdict"), SCATTERED.values(), ids=SCATTERED.keys())
def test_a_command_is_followed_through_files_and_names(files: dict[str, str | bytes], verdict: Verdict, tmp_path: Path):
    assert judged(tmp_path, files)[0] is verdict


def test_liveness_that_is_read_in_the_other_language_leaves_it_open(tmp_path: Path):
    """A function in TypeScript may read the result and leave a note that one in Python demands."""
    live = 'import { GetFaceLivenessSessionResultsCommand as G } from "@aws-sdk/client-rekognition";\nexport const handler = (e) => c.send(new G(e));\n'
    found, said = judged(tmp_path, {"match.py": f"{PYTHON}def handler(event, context):\n    return {COMPARE}\n", "live/index.ts": live})
    assert (found, "live/index.ts" in said) == (Verdict.UNKNOWN, True)


def test_libraries_that_compare_faces_by_themselves_are_not_meant(tmp_path: Path):
    """``face_recognition.compare_faces`` has the name of boto3's method and nothing to do with it."""
    text = "import boto3, face_recognition\n# rekognition was too dear\ndef f(a, b):\n    return face_recognition.compare_faces([a], b)\n"
    assert judged(tmp_path, {"a.py": text})[0] is Verdict.NOT_APPLICABLE


def test_a_wrapper_in_somebody_elses_package_cannot_be_told(tmp_path: Path):
    """What an installed package does isn't read."""
    text = "import boto3\nfrom acme_faces import compare_faces\nrek = boto3.client('rekognition')\ndef f(a, b):\n    return compare_faces(a, b)\n"
    verdict, message = judged(tmp_path, {"a.py": text})
    assert verdict is Verdict.UNKNOWN
    assert "acme_faces" in message


def test_an_operation_that_callers_name_is_counted_with_them(tmp_path: Path):
    """A function that puts X-Amz-Target together asks for what its callers say."""
    text = 'import requests\ndef ask(op, body):\n    return requests.post(URL, json=body, headers={"X-Amz-Target": f"RekognitionService.{op}"})\n'
    text += 'def same(a, b):\n    return ask("CompareFaces", {"SourceImage": a, "TargetImage": b})\n'
    verdict, message = judged(tmp_path, {"a.py": text})
    assert (verdict, message.startswith("same() calls CompareFaces")) == (Verdict.FAIL, True)


@pytest.mark.parametrize(
    ("arguments", "verdict"),
    [
        ('Attributes=["ALL"]', Verdict.FAIL),
        ("Attributes=WANTED", Verdict.FAIL),
        ("Attributes=[*WANTED]", Verdict.UNKNOWN),
        ("**PARAMETERS", Verdict.FAIL),
        ("**make()", Verdict.UNKNOWN),
        ('Image=1, Attributes=["DEFAULT", "EYES_OPEN"]', Verdict.PASS),
        ("Image=1", Verdict.PASS),
    ],
)
def test_attributes_are_read_through_constants(arguments: str, verdict: Verdict, tmp_path: Path):
    """What a constant holds is known; what isn't a constant is unknown, never the default."""
    text = f'{PYTHON}WANTED = ["GENDER"]\nPARAMETERS = {{"Image": 1, "Attributes": WANTED}}\ndef f():\n    return rek.detect_faces({arguments})\n'
    assert judged(tmp_path, {"a.py": text}, "face-attributes-limited")[0] is verdict


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        ('kw.update({"Attributes": ["ALL"]})', Verdict.FAIL),
        ('kw.update(Attributes=["ALL"])', Verdict.FAIL),
        ("kw.update(event)", Verdict.UNKNOWN),
        ("kw.update(kw)", Verdict.UNKNOWN),
        ('kw.setdefault("Attributes", ["ALL"])', Verdict.FAIL),
        ('if event:\n        kw["Attributes"] = ["ALL"]\n    else:\n        kw["Attributes"] = ["DEFAULT"]', Verdict.FAIL),
        ('kw["Attributes"] = ["DEFAULT"] if event else ["EYES_OPEN"]', Verdict.PASS),
        ("kw.update(Image=2)", Verdict.PASS),
    ],
)
def test_parameters_hold_what_is_put_into_them_on_any_branch(lines: str, verdict: Verdict, tmp_path: Path):
    """A map that is filled in step by step asks for what was put there last, whichever branch that was on."""
    text = f'{PYTHON}def f(event):\n    kw = {{"Image": 1}}\n    {lines}\n    return rek.detect_faces(**kw)\n'
    assert judged(tmp_path, {"a.py": text}, "face-attributes-limited")[0] is verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ('def f(e):\n    return rek.detect_faces(**{"Image": e}, **MORE)\n', Verdict.FAIL),
        (
            'class A:\n    WANTED = ["ALL"]\n    def f(self, e):\n        return rek.detect_faces(Image=e, Attributes=self.WANTED)\n',
            Verdict.FAIL,
        ),
        ("def f():\n    return rek.detect_faces\n", Verdict.UNKNOWN),
    ],
)
def test_attributes_come_by_second_maps_classes_and_methods_that_leave(text: str, verdict: Verdict, tmp_path: Path):
    assert judged(tmp_path, {"a.py": f'{PYTHON}MORE = {{"Attributes": ["ALL"]}}\n{text}'}, "face-attributes-limited")[0] is verdict


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ('wanted.append("ALL")', Verdict.FAIL),
        ('wanted += ["EMOTIONS"]', Verdict.FAIL),
        ('wanted.extend(["FACE_OCCLUDED"])', Verdict.PASS),
        ("wanted.extend(event)", Verdict.UNKNOWN),
        ('other.append("ALL")', Verdict.PASS),
    ],
)
def test_a_list_of_attributes_holds_what_is_put_into_it_later(change: str, verdict: Verdict, tmp_path: Path):
    """A list that begins with the default and grows asks for what it grew to, in Python and JavaScript."""
    text = (
        f'{PYTHON}def f(event, other):\n    wanted = ["DEFAULT"]\n    {change}\n    return rek.detect_faces(Image=1, Attributes=wanted)\n'
    )
    assert judged(tmp_path, {"a.py": text}, "face-attributes-limited")[0] is verdict


def test_a_list_of_attributes_grows_in_scripts_too(tmp_path: Path):
    """``push`` is what ``append`` is."""
    head = 'const { RekognitionClient, DetectFacesCommand } = require("@aws-sdk/client-rekognition");\nconst client = new RekognitionClient({});\n'
    assigned = "exports.handler = (e) => { const p = {}; Object.assign(p, { Attributes: ['ALL'] }); return client.send(new DetectFacesCommand(p)); };"
    assert judged(tmp_path / "assigned", {"a.js": head + assigned}, "face-attributes-limited")[0] is Verdict.FAIL
    text = (
        head
        + "exports.handler = (e) => { const a = ['DEFAULT']; a.push('GENDER'); return client.send(new DetectFacesCommand({ Attributes: a })); };"
    )
    assert judged(tmp_path, {"a.js": text}, "face-attributes-limited")[0] is Verdict.FAIL


@pytest.mark.parametrize(
    ("imported", "asked", "verdict"),
    [
        ("import { DetectFacesCommand, Attribute }", "[Attribute.ALL]", Verdict.FAIL),
        ("import { DetectFacesCommand, Attribute as A }", "[A.DEFAULT, A.EMOTIONS]", Verdict.FAIL),
        ("import { DetectFacesCommand, Attribute }", "[Attribute.DEFAULT, Attribute.EYES_OPEN]", Verdict.PASS),
        ("import { DetectFacesCommand, Attribute }", "[Attribute[e.wanted]]", Verdict.UNKNOWN),
        ("import { DetectFacesCommand, Settings as Attribute }", "[Attribute.ALL]", Verdict.UNKNOWN),
    ],
)
def test_attributes_by_the_enumeration_of_the_sdk_are_the_texts_that_they_are_called(
    imported: str, asked: str, verdict: Verdict, tmp_path: Path
):
    text = f'{imported} from "@aws-sdk/client-rekognition";\nexport const handler = (e) => client.send(new DetectFacesCommand({{ Image: e, Attributes: {asked} }}));\n'
    assert judged(tmp_path, {"index.ts": text}, "face-attributes-limited")[0] is verdict


CHECKED = 'session = {0}\nif session["Status"] != "SUCCEEDED" or session["Confidence"] < 90:\n    raise PermissionError\n'
LIVE_THREAD = 'asyncio.to_thread(rek.get_face_liveness_session_results, SessionId=event["s"])'


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("return asyncio.to_thread(rek.compare_faces, SourceImage=1, TargetImage=2)", Verdict.FAIL),
        ("return pool.submit(rek.compare_faces, SourceImage=1, TargetImage=2).result()", Verdict.FAIL),
        ("return loop.run_in_executor(None, functools.partial(rek.compare_faces, SourceImage=1, TargetImage=2))", Verdict.FAIL),
        ("return retried(rek.compare_faces, SourceImage=1, TargetImage=2)", Verdict.FAIL),
        ("compare = rek.compare_faces\nreturn compare(SourceImage=1, TargetImage=2)", Verdict.FAIL),
        ('compare = boto3.client("rekognition").compare_faces\nreturn compare(SourceImage=1, TargetImage=2)', Verdict.FAIL),
        (CHECKED.format(LIVE_THREAD) + "return asyncio.to_thread(rek.compare_faces, SourceImage=1, TargetImage=2)", Verdict.PASS),
        (CHECKED.format(LIVE_THREAD) + "return rek.compare_faces(SourceImage=1, TargetImage=2)", Verdict.PASS),
        (CHECKED.format(LIVE) + "compare = rek.compare_faces\nreturn compare(SourceImage=1, TargetImage=2)", Verdict.PASS),
    ],
)
def test_a_method_that_is_handed_on_or_kept_is_called(body: str, verdict: Verdict, tmp_path: Path):
    """Threads, pools, partials and retries take a client's method as a value, and asynchronous code has no other way to call boto3."""
    assert judged(tmp_path, in_handler(body))[0] is verdict


@pytest.mark.parametrize("body", ["return rek.compare_faces", 'return {"compare": rek.compare_faces}[event["what"]](SourceImage=1)'])
def test_a_method_that_leaves_without_a_call_can_not_be_told(body: str, tmp_path: Path):
    """Who calls it, and after what, isn't in sight: no pass, and not silence."""
    verdict, message = judged(tmp_path, in_handler(body))
    assert verdict is Verdict.UNKNOWN
    assert "rek.compare_faces is handed on" in message


@pytest.mark.parametrize(
    ("imported", "made"),
    [
        ('import { RekognitionClient, CompareFacesCommand as Compare } from "@aws-sdk/client-rekognition";', "Compare"),
        ('const { RekognitionClient, CompareFacesCommand: Compare } = require("@aws-sdk/client-rekognition");', "Compare"),
    ],
)
def test_a_command_under_another_name_is_the_command(imported: str, made: str, tmp_path: Path):
    """An import may give it any name."""
    text = f"{imported}\nconst rek = new RekognitionClient({{}});\nexport const handler = async (event) => rek.send(new {made}({{}}));\n"
    assert judged(tmp_path, {"app.mjs": text})[0] is Verdict.FAIL


def test_a_handed_method_of_something_else_is_not_meant(tmp_path: Path):
    """A method of the same name that isn't a Rekognition client's."""
    other = "import asyncio\nimport deepface\n# not Rekognition\ndef handler(event, context):\n    f = deepface.compare_faces\n    return asyncio.to_thread(deepface.compare_faces, f)\n"
    assert all(not list(graph) for graph in graphs(tmp_path, {"app.py": other}))


def test_an_import_behind_a_byte_order_mark_is_one(tmp_path: Path):
    """The handler in which liveness is checked was not read, where the mark stood before its import of what compares faces."""
    faces = f"{PYTHON}def live(event):\n    return {LIVE}['Confidence'] > 90\n\ndef compare(event):\n    return {COMPARE}\n"
    handler = "\ufeffimport faces\ndef handler(event, context):\n    if not faces.live(event):\n        raise ValueError\n    return faces.compare(event)\n"
    assert judged(tmp_path, {"faces.py": faces, "app.py": handler}) == (Verdict.PASS, "")


IMPORTING = """
import {{ RekognitionClient, CompareFacesCommand, GetFaceLivenessSessionResultsCommand }} from "@aws-sdk/client-rekognition";
import {{ GOOD }} from "./lib/limits{suffix}";
import {{ demand }} from "./lib/demand";
const client = new RekognitionClient({{}});
export const handler = async (event) => {{
  const s = await client.send(new GetFaceLivenessSessionResultsCommand({{ SessionId: event.id }}));
  {look}
  return client.send(new CompareFacesCommand({{ SourceImage: 1, TargetImage: 2 }}));
}};
"""


@pytest.mark.parametrize(
    ("look", "suffix", "verdict", "message"),
    [
        (
            'if (s.Confidence < GOOD) throw new Error("no");',
            "",
            Verdict.UNKNOWN,
            "is compared with 0.9, and its Confidence counts from 0 to 100",
        ),
        ('if (s.Confidence < GOOD) throw new Error("no");', ".js", Verdict.UNKNOWN, "is compared with 0.9"),
        ("demand(s);", "", Verdict.FAIL, "whose Status and Confidence it never looks at"),
    ],
)
def test_what_a_script_takes_from_beside_it_is_read(tmp_path: Path, look: str, suffix: str, verdict: Verdict, message: str):
    """Limits and helpers stand in files that say nothing of Rekognition: a Confidence of 0.9 passed, since nobody knew that it was that."""
    files = {
        "src/faces.ts": IMPORTING.format(look=look, suffix=suffix),
        "src/lib/limits.ts": "export const GOOD = 0.9;\n",
        "src/lib/demand.ts": "export function demand(s) { console.log(s); }\n",
    }
    found, said = judged(tmp_path, files)
    assert found is verdict
    assert message in said


@pytest.mark.parametrize(
    ("limits", "imported", "used"),
    [
        ("exports.GOOD = 0.9;", 'const { GOOD } = require("./limits");', "GOOD"),
        ("exports.GOOD = 0.9;", 'const limits = require("./limits");', "limits.GOOD"),
        ("module.exports.GOOD = 0.9;", 'const limits = require("./limits");', "limits.GOOD"),
        ("module.exports = { LOW: 40, GOOD: 0.9 };", 'const limits = require("./limits");', "limits.GOOD"),
        ("module.exports = { LOW: 40, GOOD: 0.9 };", 'const { GOOD } = require("./limits");', "GOOD"),
        ("const least = 0.9; module.exports = { GOOD: least };", 'const { GOOD } = require("./limits");', "GOOD"),
        ("const least = 0.9;\nexport { least as GOOD };", 'import { GOOD } from "./limits";', "GOOD"),
    ],
)
def test_limits_are_known_however_a_module_gives_them_out(tmp_path: Path, limits: str, imported: str, used: str):
    """In CommonJS as in ES modules: what stood in exports was no number, and a Confidence of more than 0.9 passed."""
    files = {
        "limits.js": limits,
        "app.js": f"""
            const {{ RekognitionClient, CompareFacesCommand, GetFaceLivenessSessionResultsCommand }} = require("@aws-sdk/client-rekognition");
            {imported}
            const client = new RekognitionClient({{}});
            exports.handler = async (event) => {{
              const s = await client.send(new GetFaceLivenessSessionResultsCommand({{ SessionId: event.id }}));
              if (s.Confidence < {used}) throw new Error("no");
              return client.send(new CompareFacesCommand({{ SourceImage: 1, TargetImage: 2 }}));
            }};
            """,
    }
    found, said = judged(tmp_path, files)
    assert found is Verdict.UNKNOWN
    assert "is compared with 0.9" in said


@pytest.mark.parametrize(
    ("helper", "beyond", "verdict", "message"),
    [
        ("if s['Confidence'] < LEAST:\n        raise ValueError", "LEAST = 0.9\n", Verdict.UNKNOWN, "is compared with 0.9"),
        ("return LEAST(s)", "def LEAST(s):\n    if s['Confidence'] < 90:\n        raise ValueError\n", Verdict.PASS, ""),
        ("return LEAST(s)", "def LEAST(s):\n    print(s)\n", Verdict.FAIL, "whose Status and Confidence it never looks at"),
    ],
)
def test_what_a_helper_takes_from_beside_it_is_read_too(tmp_path: Path, helper: str, beyond: str, verdict: Verdict, message: str):
    """A Confidence of 0.9 passed: the helper was read, and not the file that it has the limit from."""
    files: dict[str, str | bytes] = {
        **in_handler(f"live = {LIVE}\ndemand(live)\nreturn {COMPARE}"),
        "demand.py": f"from limits import LEAST\ndef demand(s):\n    {helper}\n",
        "limits.py": beyond,
    }
    files["handler.py"] = f"from demand import demand\n{files['handler.py']!s}"
    found, said = judged(tmp_path, files)
    assert found is verdict
    assert message in said


def test_a_result_may_be_handed_on_by_the_names_of_its_parts(tmp_path: Path):
    """``demand(**live)``: its parameter of that name is the Confidence, and nobody says that it is never looked at."""
    for least, verdict in ((90, Verdict.PASS), (0.9, Verdict.UNKNOWN)):
        body = f"live = {LIVE}\ndemand(**live)\nreturn {COMPARE}"
        demand = f"def demand(SessionId, Confidence):\n    if Confidence < {least}:\n        raise ValueError\n"
        assert judged(tmp_path, {"handler.py": f"{demand}{in_handler(body)['handler.py']!s}"})[0] is verdict
    demand = "def demand(ReferenceImage, Confidence):\n    if not ReferenceImage:\n        raise ValueError\n"
    assert judged(tmp_path, {"handler.py": f"{demand}{in_handler(body)['handler.py']!s}"})[0] is Verdict.FAIL


@pytest.mark.parametrize("name", ["../..", "../../", "./../../index"])
def test_a_script_may_take_something_from_the_folder_in_which_the_check_began(tmp_path: Path, monkeypatch, name: str):
    """That folder has no name in ``averment check .``, and the check ended with a flaw of its own."""
    text = f'const {{ LEAST }} = require("{name}");\nconst rek = new (require("aws-sdk")).Rekognition();\n'
    text += "exports.handler = (e) => rek.compareFaces({ SourceImage: 1, TargetImage: 2, SimilarityThreshold: LEAST }).promise();\n"
    (tmp_path / "src" / "faces").mkdir(parents=True)
    (tmp_path / "src" / "faces" / "compare.js").write_text(text)
    (tmp_path / "index.js").write_text("exports.LEAST = 60;\n")
    monkeypatch.chdir(tmp_path)
    result = check([Path()], all_rules(), Organisation(), load_catalogue(), Options())
    (found,) = (finding for finding in result.findings if finding.rule == "face-match-threshold")
    assert "is given a SimilarityThreshold of 60" in found.message


@pytest.mark.parametrize(
    ("statement", "used", "place"),
    [
        ("from limits import LEAST", "LEAST", "limits.py"),
        ("from shop.limits import LEAST", "LEAST", "shop/limits.py"),
        ("from .limits import LEAST", "LEAST", "app/limits.py"),
        ("from shop import limits", "limits.LEAST", "shop/limits.py"),
        ("import limits", "limits.LEAST", "app/limits.py"),
    ],
)
def test_what_a_module_takes_from_beside_it_is_read(tmp_path: Path, statement: str, used: str, place: str):
    """The similarity that a request asks for stands in the settings."""
    text = f"{statement}\n{PYTHON}def f(event):\n    return rek.compare_faces(SourceImage=1, TargetImage=2, SimilarityThreshold={used})\n"
    files = {"app/faces.py": text, place: "LEAST = 60\n", "main.tf": 'resource "aws_s3_bucket" "b" { bucket = "logs" }'}
    files |= {"shop/__init__.py": "", "app/__init__.py": ""}
    for name, written in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(written)
    result = check([tmp_path], all_rules(), Organisation(), load_catalogue(), Options())
    (found,) = (finding for finding in result.findings if finding.rule == "face-match-threshold")
    assert "is given a SimilarityThreshold of 60" in found.message


def test_what_is_not_shipped_is_left_out_and_said(tmp_path: Path):
    """Tests, installed packages and copies of the SDK aren't judged; that they mention Rekognition is listed."""
    bad = f"{PYTHON}def f(event):\n    return {COMPARE}\n"
    files: dict[str, str | bytes] = {
        "tests/test_faces.py": bad,
        "vendor/faces.py": bad,
        "node_modules/x/index.js": "rekognition.compareFaces({SourceImage: 1})",
        "static/aws-sdk-2.1.min.js": "rekognition.compareFaces({SourceImage: 1})",
        "static/labels.min.js": "rekognition.detectLabels({Image: 1})",
        "static/app.min.js": "rekognition.compareFaces({SourceImage: 1})",
        "static/app.js": "rekognition.compareFaces({SourceImage: 1});" * 200,
        "huge.py": bad + "#" * 1_100_000,
        "dist/index.js": "// a library\n" * 200_000 + "rekognition.compareFaces({SourceImage: 1})",
    }
    assert judged(tmp_path, files)[0] is Verdict.NOT_APPLICABLE
    found = discover(tmp_path)
    skipped = "\n".join(found.skipped)
    for name in ("test_faces.py", "vendor/faces.py", "aws-sdk-2.1.min.js", "node_modules"):
        assert name in skipped
    said = {str(Path(problem.where.file or "").relative_to(tmp_path)): problem.reason for problem in found.apps}
    assert set(said) == {"static/app.min.js", "static/app.js", "huge.py", "dist/index.js"}  # which may well be the program
    assert "is minified, so it was not read: what it does about liveness was not checked" in said["static/app.js"]


def test_what_asks_about_faces_in_another_language_is_named(tmp_path: Path):
    """A service in Java or Go is not read; a check that finds nothing in it must not look as if it had."""
    files: dict[str, str] = {
        "src/Match.java": "rekognitionClient.compareFaces(request);",
        "match.go": "rekognition.New(s).CompareFacesWithContext(ctx, in)",
        "Live.cs": "await rekognition.GetFaceLivenessSessionResultsAsync(request);",
        "App.vue": "client.send(new CompareFacesCommand(p)) // rekognition",
        "Labels.java": "rekognitionClient.detectLabels(request);",
        "Other.java": "google.compareFaces(request);",
        "src/test/MatchTest.java": "rekognitionClient.compareFaces(request);",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    said = [problem for problem in discover(tmp_path).apps if "not read" in problem.reason]
    assert sorted(Path(problem.where.file or "").name for problem in said) == ["App.vue", "Live.cs", "Match.java", "match.go"]
    assert not any(problem.blocking for problem in said)
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "b" { bucket = "logs" }')
    result = check([tmp_path], all_rules(), Organisation(), load_catalogue(), Options())
    assert [problem.reason for problem in result.problems if "in Java" in problem.reason] != []


def test_what_in_another_language_could_not_be_looked_at_is_named(tmp_path: Path):
    """A file that is no file, or too large to be read, may ask about faces, as one in a language that is read may."""
    os.mkfifo(tmp_path / "Match.java")
    (tmp_path / "Big.go").write_bytes(b"rekognition.CompareFaces(in)\n" + b"\n" * MAX_BYTES)
    found = discover(tmp_path)
    assert [Path(problem.where.file or "").name for problem in found.sources.problems] == ["Match.java"]
    assert any("is larger than" in problem.reason and "Big.go" in str(problem.where.file) for problem in found.apps)


def test_of_large_files_that_are_left_out_anyway_only_the_beginning_is_read(tmp_path: Path):
    """Nothing is said of a library's bundle, whatever stands at its end: reading thirty of them took longer than the check."""
    (tmp_path / "vendor").mkdir()
    with (tmp_path / "vendor" / "bundle.js").open("wb") as handle:
        handle.truncate(32 * MAX_BYTES)
    tracemalloc.start()
    found = select([tmp_path / "vendor" / "bundle.js"], tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.skipped, found.problems, peak < 8 * MAX_BYTES) == ([], [], True)


def test_a_service_in_another_language_alone_is_nothing_to_check_and_said(tmp_path: Path):
    """What isn't read is no next step: that is to name the infrastructure code."""
    (tmp_path / "Match.java").write_text("rekognitionClient.compareFaces(request);")
    with pytest.raises(BadInputError, match=r"nothing to check .*Match\.java asks Rekognition about faces in Java") as caught:
        check([tmp_path], all_rules(), Organisation(), load_catalogue())
    assert caught.value.fix == "name the folder that holds the infrastructure code"


def test_a_check_takes_source_in_beside_infrastructure(tmp_path: Path):
    """The engine finds the call with its line and fix, honours a waiver in the function, and leaves out what is told to."""
    body = f"    # averment:waive=face-call-after-liveness until=2999-01-01 owner=me reason=a test\n    return {COMPARE}\n"
    (tmp_path / "a.py").write_text(f"{PYTHON}def handler(event, context):\n    return {COMPARE}\n")
    (tmp_path / "b.py").write_text(f"{PYTHON}def handler(event, context):\n{body}")
    result = check([tmp_path], all_rules(), Organisation(root=tmp_path), load_catalogue())
    first, second = [finding for finding in result.findings if finding.rule == "face-call-after-liveness"]
    assert (first.resource, first.where.line, first.counts) == ("a.py:handler", 4, True)
    assert "get_face_liveness_session_results" in (first.fix or "")
    assert (second.resource, second.counts) == ("b.py:handler", False)
    skip = Options(skip=lambda file: "left out" if file.endswith("a.py") else None)
    left = check([tmp_path], all_rules(), Organisation(root=tmp_path), load_catalogue(), skip)
    assert not left.failures
    assert left.skipped == (f"1 file under {tmp_path} (left out)",)


def problems(folder: Path, files: dict[str, str | bytes]) -> list[Problem]:
    return [problem for graph in graphs(folder, files) for problem in graph.problems]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", b"compare_faces( # rekognition"),
        ("a.py", b"x = 'rekognition compare_faces \xff'"),
        ("a.py", b"# rekognition compare_faces\nx = " + b"-" * 100_000 + b"1"),
        ("a.py", b"# rekognition compare_faces\nx=" + b"(" * 100_000),
        ("a.py", b"# rekognition compare_faces\nx = 1\0"),
        ("a.js", b"// rekognition compareFaces\nx = a" + b".b()\n" * 50_000),
        ("a.ts", b"// rekognition\nfunction ( {{{ rekognition.compareFaces( =>"),
    ],
)
def test_what_cannot_be_parsed_could_not_be_checked(name: str, text: bytes, tmp_path: Path):
    """A file that asks Rekognition and can't be read is said to be unchecked, without a crash."""
    found = problems(tmp_path, {name: text})
    assert found
    assert all(problem.blocking and problem.where.file == str(tmp_path / name) for problem in found)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_file_of_a_windows_shell_is_read(encoding: str, tmp_path: Path):
    """What PowerShell writes by ``>`` is UTF-16, and TypeScript's compiler takes it: its bytes hold no name of an operation as such."""
    text = f"{SCRIPT}const client = new RekognitionClient({{}});\nexport const handler = (e) => client.send(new CompareFacesCommand(e));\n"
    assert judged(tmp_path, {"index.ts": text.encode(encoding)})[0] is Verdict.FAIL
    (tmp_path / "Match.cs").write_bytes("await rekognition.CompareFacesAsync(request);".encode(encoding))
    assert any("in C#" in problem.reason for problem in discover(tmp_path).apps)


def test_python_2_is_told_as_such(tmp_path: Path):
    """A newer Python is no way to check it."""
    (problem,) = problems(tmp_path, {"a.py": f"{PYTHON}def handler(event, context):\n    print 'x'\n    return {COMPARE}\n"})
    assert (problem.blocking, problem.reason.endswith("as Python 2 it isn't read")) == (True, True)


def test_types_that_are_handed_on_are_no_fault(tmp_path: Path):
    """``export type *`` is younger than the grammar: each index of a package that has it stood among what couldn't be parsed."""
    matching = (
        f"{SCRIPT}const client = new RekognitionClient({{}});\nexport const handler = (e) => client.send(new CompareFacesCommand(e));\n"
    )
    files = {"match.ts": f"{matching}export type * from './types';\nexport type * as faces from './types';\n"}
    assert problems(tmp_path, files) == []
    assert [problem.blocking for problem in problems(tmp_path, {"match.ts": f"{matching}export type ( from './types';\n"})] != []


def test_broken_files_about_something_else_are_none_of_ours(tmp_path: Path):
    """A syntax error in a file that has nothing to do with faces isn't reported."""
    assert graphs(tmp_path, {"a.py": "def (", "b.js": "}}}", "c.py": "# rekognition\nprint 'labels'"}) == []


PIECES = st.sampled_from(
    [
        "rekognition",
        "compare_faces(",
        ")",
        "(",
        "{",
        "}",
        "=>",
        "async ",
        "await ",
        "def f(x):\n",
        "    ",
        "\n",
        "if ",
        ":",
        "x",
        ".",
        "[",
        "]",
        "'",
        '"',
        "`",
        "${",
        "new ",
        "CompareFacesCommand",
        "class A",
        "return ",
        ",",
        "=",
        "lambda ",
        "import ",
        "from ",
        "switch",
        "case ",
        "try ",
        "catch",
        "/",
        "<",
        ">",
        "\x00",
        "é",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_no_text_crashes_a_parser(text: str):
    """Whatever a file holds, it is parsed or refused with a reason."""
    for parse, name in ((python.parse, "a.py"), (parse_script, "a.js"), (parse_script, "a.tsx")):
        try:
            parse(Path(name), text.encode())
        except python.SourceError:
            continue
