"""What of a liveness result counts as looked at, where code keeps it in maps, objects and tuples of its own, or doesn't wait for it.

Origin of the data: written for these tests.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from averment.core.words import Verdict
from averment.policies.interface import Context
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.code.surface import CodeSurface

LIVE = 'rek.get_face_liveness_session_results(SessionId=event["s"])'
COMPARE = 'rek.compare_faces(SourceImage=event["a"], TargetImage=event["b"])'
READ = "client.send(new GetFaceLivenessSessionResultsCommand({ SessionId: e.s }))"
MATCH = "client.send(new CompareFacesCommand({ SourceImage: e.a, TargetImage: e.b }))"


def judged(folder: Path, name: str, text: str) -> tuple[Verdict, str]:
    """The worst verdict on the file ``text``, with its message."""
    (folder / name).write_text(text, encoding="utf-8")
    subject = rule("face-call-after-liveness")
    found = [*CodeSurface().graphs(folder)]
    assert [problem for graph in found for problem in graph.problems] == []
    outcome = worst_outcome(subject.evaluate(resource, Context(graph)) for graph in found for resource in graph)
    return outcome.verdict, outcome.message


def python(folder: Path, text: str, handler: str) -> tuple[Verdict, str]:
    """A file with ``text`` at its top, and a handler that compares faces after ``handler``."""
    lines = "".join(f"    {line}\n" for line in [*handler.split("\n"), f"return {COMPARE}"])
    head = f'import boto3\nrek = boto3.client("rekognition")\n{text}'
    kind = "async def" if "await" in handler else "def"
    return judged(folder, "app.py", f"{head}{kind} handler(event, context):\n{lines}")


def script(folder: Path, text: str, handler: str) -> tuple[Verdict, str]:
    """The same in TypeScript."""
    imported = (
        'import { RekognitionClient, CompareFacesCommand, GetFaceLivenessSessionResultsCommand } from "@aws-sdk/client-rekognition";\n'
    )
    head = f"{imported}const client = new RekognitionClient({{}});\n{text}\n"
    return judged(folder, "app.ts", f"{head}export async function handler(e) {{ {handler} return {MATCH}; }}\n")


RECORD = "@dataclass\nclass Live:\n    status: str\n    score: float\n    image: bytes\n"
RECORD_OF = f"def live(event):\n    r = {LIVE}\n    return Live({{}})\n"
MAP = f'def live(event):\n    r = {LIVE}\n    return {{"status": r["Status"], "score": r["Confidence"], "image": r["ReferenceImage"]["Bytes"]}}\n'
PLACES = RECORD + RECORD_OF.format('r["Status"], r["Confidence"], r["ReferenceImage"]["Bytes"]')
NAMES = RECORD + RECORD_OF.format('status=r["Status"], score=r["Confidence"], image=r["ReferenceImage"]["Bytes"]')
TUPLE = f'def live(event):\n    r = {LIVE}\n    return r["Status"], r["Confidence"]\n'


@pytest.mark.parametrize("text", [PLACES, NAMES], ids=["by place", "by name"])
@pytest.mark.parametrize(
    ("test", "verdict"),
    [
        ('live.status != "SUCCEEDED"', Verdict.FAIL),
        ("not live.image", Verdict.FAIL),
        ("not live", Verdict.FAIL),
        ("live.score < 90", Verdict.PASS),
        ("not live.good", Verdict.PASS),
        ("not live.ended", Verdict.FAIL),
        ("not live.passed()", Verdict.PASS),
    ],
)
def test_an_object_that_holds_a_result_says_what_its_fields_say(text: str, test: str, verdict: Verdict, tmp_path: Path):
    """That a record has the confidence doesn't make a look at its status, or at its picture, one at the confidence."""
    methods = "    @property\n    def good(self):\n        return self.score > 90\n    def passed(self):\n        return self.score > 90\n"
    methods += '    @property\n    def ended(self):\n        return self.status == "SUCCEEDED"\n'
    text = text.replace("    image: bytes\n", f"    image: bytes\n{methods}")
    found, said = python(tmp_path, text.replace("def live(", "def fetch("), f"live = fetch(event)\nif {test}:\n    return None")
    assert found is verdict, said


@pytest.mark.parametrize(
    ("text", "handler", "verdict"),
    [
        (MAP, 'r = live(event)\nif r["status"] != "SUCCEEDED":\n    return None', Verdict.FAIL),
        (MAP, 'r = live(event)\nif not r["image"] or len(r["image"]) < 100:\n    return None', Verdict.FAIL),
        (MAP, 'r = live(event)\nif r.get("score", 0) < 90:\n    return None', Verdict.PASS),
        (TUPLE, 'status, score = live(event)\nif status != "SUCCEEDED":\n    return None', Verdict.FAIL),
        (TUPLE, 'status, score = live(event)\nif status != "SUCCEEDED" or score < 90:\n    return None', Verdict.PASS),
        (
            f'class Told(NamedTuple):\n    ok: bool\n    image: bytes\ndef live(event):\n    r = {LIVE}\n    return Told(r["Confidence"] > 90, r["ReferenceImage"])\n',
            "ok, image = live(event)\nif not ok:\n    return None",
            Verdict.PASS,
        ),
        ("", f'r = {LIVE}\nout = {{}}\nout["is_live"] = r["Confidence"] > 90\nif not out["is_live"]:\n    return None', Verdict.PASS),
        ("", f'r = {LIVE}\nif not all([r["Status"] == "SUCCEEDED", r["Confidence"] > 90]):\n    return None', Verdict.PASS),
        ("", f'r = {LIVE}\nface = detector.find(r["ReferenceImage"]["Bytes"])\nif face.confidence < 0.5:\n    return None', Verdict.FAIL),
        (
            f'from shapes import Check\ndef live(event):\n    r = {LIVE}\n    return Check(is_live=r["Confidence"] > 90, image=r["ReferenceImage"])\n',
            "r = live(event)\nif not r.image:\n    return None",
            Verdict.UNKNOWN,
        ),
        (
            f'from shapes import Check\ndef live(event):\n    r = {LIVE}\n    return Check(is_live=r["Confidence"] > 90, image=r["ReferenceImage"])\n',
            "r = live(event)\nif not r.is_live:\n    return None",
            Verdict.PASS,
        ),
        (
            f'class Told:\n    def __init__(self, raw):\n        self.passed = raw["Confidence"] > 90\ndef live(event):\n    return Told({LIVE})\n',
            "r = live(event)\nif not r.passed:\n    return None",
            Verdict.PASS,
        ),
        (
            f'def live(event):\n    if {LIVE}["Confidence"] < 90:\n        return False, "low"\n    return True, None\n',
            "live(event)",
            Verdict.UNKNOWN,
        ),
        (
            f'def live(event):\n    if {LIVE}["Confidence"] < 90:\n        return False, "low"\n    return True, None\n',
            "ok, why = live(event)\nif not ok:\n    return None",
            Verdict.PASS,
        ),
    ],
)
def test_maps_and_tuples_say_what_their_entries_say(text: str, handler: str, verdict: Verdict, tmp_path: Path):
    found, said = python(tmp_path, text, handler)
    assert found is verdict, said


KEPT = f"async function live(e) {{ const r = await {READ}; return {{ status: r.Status, confidence: r.Confidence ?? 0, image: r.ReferenceImage?.Bytes || null, isLive: r.Confidence > 90 }}; }}"
SAID = f"async function live(e) {{ const r = await {READ}; if (r.Confidence < 90) return {{ ok: false, error: 'low' }}; return {{ ok: true, image: r.ReferenceImage }}; }}"
CAUGHT = f"async function live(e) {{ try {{ const r = await {READ}; return {{ success: true, isLive: r.Confidence > 90 }}; }} catch (x) {{ return {{ success: false }}; }} }}"
PAIR = f"async function live(e) {{ const r = await {READ}; return [r.Confidence > 90, r.ReferenceImage]; }}"


@pytest.mark.parametrize(
    ("text", "handler", "verdict"),
    [
        (KEPT, "const r = await live(e); if (r.status !== 'SUCCEEDED') throw 1;", Verdict.UNKNOWN),
        (KEPT, "const { status, image } = await live(e); if (status !== 'SUCCEEDED' || !image) throw 1;", Verdict.UNKNOWN),
        (KEPT, "const r = await live(e); if (!r.image || r.image.length < 100) throw 1;", Verdict.UNKNOWN),
        (KEPT, "const r = await live(e); if (!r) throw 1;", Verdict.UNKNOWN),
        (KEPT, "const r = await live(e); if (!r.isLive) throw 1;", Verdict.PASS),
        (KEPT, "const { confidence } = await live(e); if (confidence < 90) throw 1;", Verdict.PASS),
        (SAID, "await live(e);", Verdict.UNKNOWN),
        (SAID, "const r = await live(e); if (!r.ok) throw 1;", Verdict.PASS),
        (SAID, "const r = await live(e); if (r.error) throw 1;", Verdict.PASS),
        (CAUGHT, "const r = await live(e); if (!r.success) throw 1;", Verdict.UNKNOWN),
        (PAIR, "const [ok, image] = await live(e); if (!image) throw 1;", Verdict.UNKNOWN),
        (PAIR, "const [ok] = await live(e); if (!ok) throw 1;", Verdict.PASS),
        (PAIR, "const [, image] = await live(e); if (!image) throw 1;", Verdict.UNKNOWN),
    ],
)
def test_maps_and_tuples_of_scripts_say_what_their_entries_say(text: str, handler: str, verdict: Verdict, tmp_path: Path):
    found, said = script(tmp_path, text, handler)
    assert found is verdict, said


TOGETHER = "asyncio.gather(asyncio.to_thread(rek.get_face_liveness_session_results, SessionId=1), asyncio.to_thread(rek.compare_faces, SourceImage=1, TargetImage=2))"


@pytest.mark.parametrize(
    ("handler", "verdict"),
    [
        (f'live, match = await {TOGETHER}\nif match["SourceImageFace"]["Confidence"] < 90:\n    return None', Verdict.FAIL),
        (f'live, match = await {TOGETHER}\nif live["Confidence"] < 90:\n    return None', Verdict.PASS),
        (f'rs = await {TOGETHER}\nif rs[1]["SourceImageFace"]["Confidence"] < 90:\n    return None', Verdict.FAIL),
        (f'rs = await {TOGETHER}\nif rs[0]["Confidence"] < 90:\n    return None', Verdict.PASS),
        (f'rs = await {TOGETHER}\nlive = rs[0]\nif live["Confidence"] < 90:\n    return None', Verdict.PASS),
        (f'live, match = {LIVE}, {COMPARE}\nif match["SourceImageFace"]["Confidence"] < 90:\n    return None', Verdict.FAIL),
        (f'live, match = {LIVE}, {COMPARE}\nmatch, live = live, match\nif match["Confidence"] < 90:\n    return None', Verdict.PASS),
    ],
)
def test_what_is_asked_at_once_keeps_its_place(handler: str, verdict: Verdict, tmp_path: Path):
    """The confidence that a comparison has found a face at all is none of the session's, though both came in one tuple."""
    found, said = python(tmp_path, "import asyncio\n", handler)
    assert found is verdict, said


@pytest.mark.parametrize(
    ("handler", "verdict"),
    [
        (f"const [live, match] = await Promise.all([{READ}, {MATCH}]); if (match.SourceImageFace.Confidence < 90) throw 1;", Verdict.FAIL),
        (f"const [live, match] = await Promise.all([{READ}, {MATCH}]); if (live.Confidence < 90) throw 1;", Verdict.PASS),
        (f"const [live, match] = await Promise.all([{READ}, {MATCH},]); if (live.Confidence < 90) throw 1;", Verdict.PASS),
        (f"const [, live] = await Promise.allSettled([note(e), {READ}]); if (live.value.Confidence < 90) throw 1;", Verdict.PASS),
        (f"const rs = await Promise.all([{READ}, {MATCH}]); if (rs[1].SourceImageFace.Confidence < 90) throw 1;", Verdict.FAIL),
        (f"const rs = await Promise.all([{READ}, {MATCH}]); if (rs[0].Confidence < 90) throw 1;", Verdict.PASS),
        (
            f"const rs = await Promise.all([{READ}, {MATCH}]); const match = rs[1]; if (match.SourceImageFace.Confidence < 90) throw 1;",
            Verdict.FAIL,
        ),
        (f"const rs = await Promise.all([{READ}, {MATCH}]); const [live] = rs; if (live.Confidence < 90) throw 1;", Verdict.PASS),
        (
            f"const rs = await Promise.all([{READ}, {MATCH}]); const [, match] = rs; if (match.SourceImageFace.Confidence < 90) throw 1;",
            Verdict.FAIL,
        ),
        (f"const rs = await Promise.allSettled([note(e), {READ}]); if (rs[1].value.Confidence < 90) throw 1;", Verdict.PASS),
        (f"const [match] = await Promise.all([{MATCH}, {READ}]); if (match.SourceImageFace.Confidence < 90) throw 1;", Verdict.FAIL),
    ],
)
def test_promises_that_are_awaited_at_once_keep_their_place(handler: str, verdict: Verdict, tmp_path: Path):
    found, said = script(tmp_path, "", handler)
    assert found is verdict, said


DEMANDS = f"const demand = async (e) => {{ const r = await {READ}; if (r.Confidence < 90) throw new Error('no'); }};\n"
DEMANDS += f"const good = async (e) => (await {READ}).Confidence > 90;\n"
DEMANDS += "function told(x) { console.error(x); }\nfunction again(x) { told(x); throw x; }"


@pytest.mark.parametrize(
    ("handler", "verdict", "message"),
    [
        ("demand(e);", Verdict.UNKNOWN, "demand(), which is asynchronous and isn't awaited"),
        ("if (!good(e)) throw 1;", Verdict.UNKNOWN, "good(), which is asynchronous and isn't awaited"),
        ("await demand(e);", Verdict.PASS, ""),
        ("if (!(await good(e))) throw 1;", Verdict.PASS, ""),
        ("const asked = demand(e); await note(e); await asked;", Verdict.PASS, ""),
        ("await Promise.all([demand(e), note(e)]);", Verdict.PASS, ""),
        ("await demand(e).catch(console.error);", Verdict.UNKNOWN, "only on one branch"),
        ("await demand(e).catch(told);", Verdict.UNKNOWN, "only on one branch"),
        ("await demand(e).catch(again);", Verdict.PASS, ""),
        ("void demand(e);", Verdict.UNKNOWN, "demand(), which is asynchronous and isn't awaited"),
        ("demand(e).then(() => console.log('live'));", Verdict.UNKNOWN, "then(), which is asynchronous and isn't awaited"),
        ("demand(e).then(note).catch(again);", Verdict.UNKNOWN, "catch(), which is asynchronous and isn't awaited"),
        ("await demand(e).then(note);", Verdict.PASS, ""),
        ("await demand(e); note(e).then(told).catch(told);", Verdict.PASS, ""),
        ("if (e.s) { await demand(e); } note(e).catch(told);", Verdict.UNKNOWN, "is read only on one branch"),
        ("await new Promise((yes, no) => { demand(e).then(yes).catch(no); });", Verdict.PASS, ""),
        (f"demand(e).then(() => {MATCH}).then(note);", Verdict.UNKNOWN, "then(), which is asynchronous and isn't awaited"),
        ("const rs = await Promise.allSettled([demand(e), note(e)]); await note(rs);", Verdict.UNKNOWN, "only on one branch"),
        ("const [asked] = await Promise.allSettled([demand(e), note(e)]); await note(asked);", Verdict.UNKNOWN, "only on one branch"),
        ("await Promise.race([demand(e), later(5000)]);", Verdict.UNKNOWN, "Promise.race(), where whatever answers first counts"),
        ("await Promise.any([demand(e), note(e)]);", Verdict.UNKNOWN, "Promise.any(), where whatever answers first counts"),
        ("const r = await Promise.race([demand(e), later(5000)]); await note(r);", Verdict.UNKNOWN, "where whatever answers first counts"),
        ("await Promise.race([demand(e)]);", Verdict.PASS, ""),
        ("await Promise.race([demand(e), new Promise((_, no) => setTimeout(() => no(new Error('late')), 5000))]);", Verdict.PASS, ""),
        ("await Promise.race([demand(e), new Promise<void>((yes, no) => setTimeout(yes, 5000))]);", Verdict.UNKNOWN, "answers first"),
        (
            "const limit = (ms) => new Promise((_, no) => setTimeout(() => no(new Error('late')), ms)); await Promise.race([demand(e), limit(5000)]);",
            Verdict.PASS,
            "",
        ),
        (
            "function limit(ms) { return new Promise((_, no) => { setTimeout(() => no(new Error('late')), ms); }); } await Promise.race([demand(e), limit(5000)]);",
            Verdict.PASS,
            "",
        ),
        (
            "const limit = new Promise((_, no) => setTimeout(() => no(new Error('late')), 5000)); await Promise.race([demand(e), limit]);",
            Verdict.PASS,
            "",
        ),
        (
            "const limit = (ms) => new Promise((yes, no) => setTimeout(yes, ms)); await Promise.race([demand(e), limit(5000)]);",
            Verdict.UNKNOWN,
            "answers first",
        ),
        (
            "function limit(ms) { note(e); return new Promise((_, no) => setTimeout(no, ms)); } await Promise.race([demand(e), limit(5000)]);",
            Verdict.UNKNOWN,
            "answers first",
        ),
        (
            "const limit = (ms) => new Promise((_, no) => setTimeout(() => no(new Error('late')), ms)); const among = (limit) => Promise.race([demand(e), limit]); await among(note(e));",
            Verdict.UNKNOWN,
            "answers first",
        ),
        (f"const r = await Promise.race([{READ}, later(5000)]); if (r.Confidence < 90) throw 1;", Verdict.PASS, ""),
        ("const asked = demand(e); await note(e);", Verdict.UNKNOWN, "demand(), which is asynchronous and isn't awaited"),
        ("const [asked] = await Promise.allSettled([demand(e)]); if (asked.status === 'rejected') throw 1;", Verdict.PASS, ""),
        ("const rs = await Promise.allSettled([demand(e), note(e)]); if (rs[0].status !== 'fulfilled') throw 1;", Verdict.PASS, ""),
        (
            "const rs = await Promise.allSettled([demand(e), note(e)]); if (rs[1].status !== 'fulfilled') throw 1;",
            Verdict.UNKNOWN,
            "only on one branch",
        ),
        (
            "const rs = await Promise.allSettled([demand(e), note(e)]); if (rs.some((r) => r.status === 'rejected')) throw 1;",
            Verdict.PASS,
            "",
        ),
        (
            "const rs = await Promise.allSettled([demand(e), note(e)]); if (!rs.every((r) => r.status === 'fulfilled')) throw 1;",
            Verdict.PASS,
            "",
        ),
        (
            "const rs = await Promise.allSettled([demand(e), note(e)]); const bad = rs.filter((r) => r.status === 'rejected'); if (bad.length > 0) throw 1;",
            Verdict.PASS,
            "",
        ),
        (
            "const rs = await Promise.allSettled([demand(e), note(e)]); const bad = rs.find((r) => r.status === 'rejected'); if (bad) throw bad.reason;",
            Verdict.PASS,
            "",
        ),
        (
            "const rs = await Promise.allSettled([demand(e), note(e)]); const ok = rs.every((r) => r.status === 'fulfilled'); if (!ok) throw 1;",
            Verdict.PASS,
            "",
        ),
        (
            "const rs = await Promise.allSettled([demand(e), note(e)]); for (const r of rs) { if (r.status === 'rejected') throw r.reason; }",
            Verdict.PASS,
            "",
        ),
        (
            "const rs = await Promise.allSettled([demand(e), note(e)]); const [asked] = rs; if (asked.status === 'rejected') throw 1;",
            Verdict.PASS,
            "",
        ),
        (
            "const rs = await Promise.allSettled([demand(e), note(e)]); const [, noted] = rs; if (noted.status === 'rejected') throw 1;",
            Verdict.UNKNOWN,
            "only on one branch",
        ),
        (
            "const rs = await Promise.allSettled([demand(e), note(e)]); if (!rs.some((r) => r.status === 'fulfilled')) throw 1;",
            Verdict.UNKNOWN,
            "only on one branch",
        ),
        (
            "const rs = await Promise.allSettled([demand(e), note(e)]); if (others.some((r) => r.status === 'rejected')) throw 1;",
            Verdict.UNKNOWN,
            "only on one branch",
        ),
        (
            "const rs = await Promise.allSettled([demand(e), note(e)]); for (const r of rs) { await note(r); }",
            Verdict.UNKNOWN,
            "only on one branch",
        ),
        ("await Promise.allSettled([demand(e), note(e)]);", Verdict.UNKNOWN, "Promise.allSettled(), at whose answers nothing looks"),
    ],
)
def test_an_answer_that_nobody_waits_for_decides_nothing(handler: str, verdict: Verdict, message: str, tmp_path: Path):
    """A promise is true whatever becomes of it, and one that fails without being awaited, or into a log, stops nobody."""
    found, said = script(tmp_path, DEMANDS, handler)
    assert (found, message in said) == (verdict, True), said


@pytest.mark.parametrize(
    ("handler", "verdict"),
    [
        ("if not good(event):\n    return await other()", Verdict.UNKNOWN),
        ("asyncio.create_task(demand(event))\nawait other()", Verdict.UNKNOWN),
        ("demand(event)\nawait other()", Verdict.UNKNOWN),
        ("if not await good(event):\n    return None", Verdict.PASS),
        ("await demand(event)", Verdict.PASS),
        ("task = asyncio.create_task(demand(event))\nawait task", Verdict.PASS),
        ("await asyncio.gather(demand(event), other(), return_exceptions=True)", Verdict.UNKNOWN),
        ("await asyncio.wait([demand(event), other()], timeout=5)", Verdict.UNKNOWN),
        ("done, pending = await asyncio.wait([demand(event), other()])", Verdict.UNKNOWN),
        ("task = asyncio.create_task(demand(event))\nawait asyncio.wait({task}, timeout=5)", Verdict.UNKNOWN),
        ("task = asyncio.create_task(demand(event))\ndone, pending = await asyncio.wait({task})", Verdict.UNKNOWN),
        ("task = asyncio.create_task(demand(event))\nawait other()", Verdict.UNKNOWN),
        ("done, pending = await asyncio.wait([demand(event)])\nfor one in done:\n    one.result()", Verdict.PASS),
        (
            "ready, _ = await asyncio.wait([demand(event), other()], return_when=asyncio.ALL_COMPLETED)\nfor one in ready:\n    one.result()",
            Verdict.PASS,
        ),
        ("done, pending = await asyncio.wait([demand(event)], timeout=5)\nfor one in done:\n    one.result()", Verdict.UNKNOWN),
        (
            "done, _ = await asyncio.wait([demand(event), other()], return_when=asyncio.FIRST_COMPLETED)\nfor one in done:\n    one.result()",
            Verdict.UNKNOWN,
        ),
        ("done, _ = await asyncio.wait([demand(event)])\ndone = event['done']\nfor one in done:\n    one.result()", Verdict.UNKNOWN),
        ("done = event['done']\nfor one in done:\n    await demand(one)", Verdict.UNKNOWN),
        ("await asyncio.wait_for(demand(event), 5)", Verdict.PASS),
        ("rs = await asyncio.gather(demand(event), other(), return_exceptions=True)\nprint(rs)", Verdict.UNKNOWN),
        ("a, b = await asyncio.gather(demand(event), other(), return_exceptions=True)", Verdict.UNKNOWN),
        (
            "rs = await asyncio.gather(demand(event), other(), return_exceptions=True)\nif any(isinstance(r, Exception) for r in rs):\n    raise PermissionError",
            Verdict.PASS,
        ),
        (
            "rs = await asyncio.gather(demand(event), other(), return_exceptions=True)\nfor r in rs:\n    if isinstance(r, Exception):\n        raise r",
            Verdict.PASS,
        ),
        (
            "rs = await asyncio.gather(demand(event), other(), return_exceptions=True)\nbad = [r for r in rs if isinstance(r, BaseException)]\nif bad:\n    raise bad[0]",
            Verdict.PASS,
        ),
        (
            "rs = await asyncio.gather(demand(event), other(), return_exceptions=True)\nif isinstance(rs[0], PermissionError):\n    return None",
            Verdict.PASS,
        ),
        (
            "rs = await asyncio.gather(demand(event), other(), return_exceptions=True)\na, b = rs\nif isinstance(a, Exception):\n    raise a",
            Verdict.PASS,
        ),
        (
            "rs = await asyncio.gather(demand(event), other(), return_exceptions=True)\nif isinstance(rs[1], Exception):\n    raise rs[1]",
            Verdict.UNKNOWN,
        ),
        (
            "rs = await asyncio.gather(demand(event), other(), return_exceptions=True)\na, b = rs\nif isinstance(b, Exception):\n    raise b",
            Verdict.UNKNOWN,
        ),
        (
            "rs = await asyncio.gather(demand(event), other(), return_exceptions=True)\nif all(isinstance(r, Exception) for r in rs):\n    raise PermissionError",
            Verdict.UNKNOWN,
        ),
        (
            "rs = await asyncio.gather(demand(event), other(), return_exceptions=True)\nif isinstance(rs[0], dict):\n    return None",
            Verdict.UNKNOWN,
        ),
        ("rs = await asyncio.gather(demand(event), other())", Verdict.PASS),
        ("await asyncio.gather(demand(event), other())", Verdict.PASS),
    ],
)
def test_a_coroutine_that_nobody_waits_for_decides_nothing(handler: str, verdict: Verdict, tmp_path: Path):
    text = f'import asyncio\nasync def good(event):\n    return {LIVE}["Confidence"] > 90\n'
    text += f'async def demand(event):\n    if {LIVE}["Confidence"] < 90:\n        raise PermissionError\n'
    found, said = python(tmp_path, text, handler)
    assert found is verdict, said


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        ("if r.Confidence < 90 {log}", Verdict.UNKNOWN),
        ("if r and r.Confidence < 90 {log}", Verdict.UNKNOWN),
        ("if r.Confidence < 50 {log} else if r.Confidence < 90 {log}", Verdict.UNKNOWN),
        ("if r.Confidence < 90 {log} return{ confidence: r.Confidence, match: await compare };", Verdict.UNKNOWN),
        ("if r.Confidence < 90 {log stop}", Verdict.PASS),
        ("if r.Confidence < 90 {log} else {mark}", Verdict.PASS),
        ("if r.Confidence < 90 {log}; if r.Confidence < 70 {stop}", Verdict.PASS),
    ],
)
def test_a_low_confidence_that_is_only_written_down_decides_nothing(after: str, verdict: Verdict, tmp_path: Path):
    """Whoever is no live person then goes on to the comparison like everybody else."""
    parts = {"log": "console.warn('low', r.Confidence);", "stop": "throw new Error('no');", "mark": "e.live = true;", "compare": MATCH}
    text = after.replace("if ", "if (").replace(" and ", " && ").replace(" {", ") {").replace("else) {", "else {")
    for word, meant in parts.items():
        text = text.replace(word, meant)
    found, said = script(tmp_path, "", f"const r = await {READ}; {text}")
    assert found is verdict, said
    if verdict is Verdict.UNKNOWN:
        assert "nothing on the way is decided" in said or "returned to the caller" in said


@pytest.mark.parametrize(
    ("noted", "verdict"),
    [
        ('logger.warning("low")', Verdict.UNKNOWN),
        ('print("low")', Verdict.UNKNOWN),
        ('self.metrics.add_metric(name="low", unit="Count", value=1)', Verdict.UNKNOWN),
        ('form.error("low")', Verdict.PASS),
        ('abort("low")', Verdict.PASS),
    ],
)
def test_what_writes_down_is_told_from_what_may_refuse(noted: str, verdict: Verdict, tmp_path: Path):
    found, said = python(tmp_path, "", f'r = {LIVE}\nif r["Confidence"] < 90:\n    {noted}')
    assert found is verdict, said


@pytest.mark.parametrize(
    ("text", "handler", "verdict"),
    [
        ("", f'r = {LIVE}\nif r["Confidence"] < 0.9:\n    return None', Verdict.UNKNOWN),
        (
            "BAR = 0.8\n",
            f'r = {LIVE}\nis_live = r["Status"] == "SUCCEEDED" and r["Confidence"] > BAR\nif not is_live:\n    return None',
            Verdict.UNKNOWN,
        ),
        ("", f'r = {LIVE}\nif not r["Confidence"] > 0:\n    return None', Verdict.UNKNOWN),
        ("", f'r = {LIVE}\nscore = r["Confidence"] / 100\nif score < 0.9:\n    return None', Verdict.PASS),
        ("# 80 percent of all sessions pass\n", f'r = {LIVE}\nif r["Confidence"] < 0.9:\n    return None', Verdict.UNKNOWN),
        (
            "def discount(percent, price):\n    return price * percent / 100\n",
            f'r = {LIVE}\nif r["Confidence"] < 0.9:\n    return None',
            Verdict.UNKNOWN,
        ),
        ("", f'r = {LIVE}\nprint("percent")\nshare = event["done"] / 100\nif r["Confidence"] < 0.9:\n    return None', Verdict.UNKNOWN),
        ("", f'r = {LIVE}\nif r["Confidence"] < 0.9:  # the confidence / 100\n    return None', Verdict.UNKNOWN),
        ("", f'r = {LIVE}\nif to_fraction(r["Confidence"]) < 0.9:\n    return None', Verdict.PASS),
        ("def part(x):\n    return x / 100\n", f'r = {LIVE}\nif part(r["Confidence"]) < 0.9:\n    return None', Verdict.PASS),
        ("", f'r = {LIVE}\nc = r["Confidence"]\nc /= 100\nif c < 0.9:\n    return None', Verdict.PASS),
        ("BAR = 80\n", f'r = {LIVE}\nif r["Confidence"] < BAR:\n    return None', Verdict.PASS),
        ("", f'r = {LIVE}\nif not 0 < r["Confidence"] < 101 or r["Confidence"] < 90:\n    return None', Verdict.PASS),
        ("", f'r = {LIVE}\nif r["Confidence"] < float(os.environ["BAR"]):\n    return None', Verdict.PASS),
    ],
)
def test_a_bar_that_lets_everybody_through_is_none(text: str, handler: str, verdict: Verdict, tmp_path: Path):
    """Rekognition's confidence counts to 100: one of 0.9 is that of somebody who is hardly there."""
    found, said = python(tmp_path, f"import os\n{text}", handler)
    assert (found, "counts from 0 to 100" in said) == (verdict, verdict is Verdict.UNKNOWN), said


@pytest.mark.parametrize(
    ("handler", "verdict"),
    [
        (f"const r = await {READ}; if ((r.Confidence ?? 0) < 0.9) throw 1;", Verdict.UNKNOWN),
        (f"const r = await {READ}; const isLive = r.Confidence > 0; if (!isLive) throw 1;", Verdict.UNKNOWN),
        (f"const r = await {READ}; const score = (r.Confidence ?? 0) / 100; if (score < 0.9) throw 1;", Verdict.PASS),
        (f"const r = await {READ}; if (!r.Confidence || r.Confidence < 85) throw 1;", Verdict.PASS),
    ],
)
def test_a_bar_of_scripts_that_lets_everybody_through_is_none(handler: str, verdict: Verdict, tmp_path: Path):
    found, said = script(tmp_path, "", handler)
    assert (found, "counts from 0 to 100" in said) == (verdict, verdict is Verdict.UNKNOWN), said


@pytest.mark.parametrize(
    ("handler", "verdict"),
    [
        (f"Live.parse(await {READ});", Verdict.UNKNOWN),
        (f"const r = JSON.parse(JSON.stringify(await {READ}));", Verdict.FAIL),
    ],
)
def test_a_schema_may_refuse_what_json_only_reads(handler: str, verdict: Verdict, tmp_path: Path):
    """That a schema demands a confidence of 90 stands in its file; that it doesn't was said."""
    found, said = script(tmp_path, "", handler)
    assert found is verdict, said


def test_a_group_of_tasks_waits_for_them(tmp_path: Path):
    text = f'async def demand(event):\n    if {LIVE}["Confidence"] < 90:\n        raise PermissionError\n'
    found, said = python(
        tmp_path, text, "async with asyncio.TaskGroup() as group:\n    group.create_task(demand(event))\nawait note(event)"
    )
    assert found is Verdict.PASS, said


@pytest.mark.parametrize(
    ("text", "handler", "verdict"),
    [
        ("", f'r = {LIVE}\nscore = r["Confidence"]\nif score is None:\n    return None', Verdict.FAIL),
        ("", f'r = {LIVE}\nscore = float(r.get("Confidence") or 0)\nif not score:\n    return None', Verdict.FAIL),
        (MAP, 'if not live(event)["score"]:\n    return None', Verdict.FAIL),
        (f'def live(event):\n    return bool({LIVE}.get("Confidence"))\n', "if not live(event):\n    return None", Verdict.FAIL),
        ("", f'r = {LIVE}\nscore = r["Confidence"]\nif score is None or score < 90:\n    return None', Verdict.PASS),
        ("", f'r = {LIVE}\nbad = [score for score in [r["Confidence"]] if score < 90]\nif bad:\n    return None', Verdict.PASS),
        ("", f'r = {LIVE}\nif not Decimal(r["Confidence"]).gte(90):\n    return None', Verdict.PASS),
    ],
)
def test_that_there_is_a_score_under_another_name_says_nothing(text: str, handler: str, verdict: Verdict, tmp_path: Path):
    """A session that failed a spoof has a confidence, too: what counts is what it is compared with."""
    found, said = python(tmp_path, text, handler)
    assert found is verdict, said


@pytest.mark.parametrize(
    "handler",
    [
        f"const r = await {READ}; const score = r.Confidence; if (!score) throw 1;",
        f"const {{ Confidence: score }} = await {READ}; if (!score) throw 1;",
        f"const r = await {READ}; const isLive = !!r.Confidence; if (!isLive) throw 1;",
    ],
)
def test_that_there_is_a_score_says_nothing_in_scripts_either(handler: str, tmp_path: Path):
    assert script(tmp_path, "", handler)[0] is Verdict.FAIL


@pytest.mark.parametrize(
    "handler",
    [
        f"const r = await {READ}; setTimeout(() => {{ if (r.Confidence < 90) throw 1; }}, 0);",
        f"e.sessions.forEach(async (s) => {{ if ((await {READ}).Confidence < 90) throw 1; }});",
        "process.nextTick(demand, e);",
        f"const r = await {READ}; const label = r.Confidence > 90 ? 'live' : 'spoof'; console.log(label);",
        f"const r = await {READ}; console.log(r.Confidence > 90 ? 'live' : 'spoof');",
        f"try {{ const r = await {READ}; if (r.Confidence < 90) return null; }} finally {{ await {MATCH}; }}",
    ],
)
def test_what_comes_later_or_is_only_a_label_decides_nothing(handler: str, tmp_path: Path):
    """A timer, a loop over promises and a label stop nobody, and ``finally`` runs also for whoever was refused."""
    found, said = script(tmp_path, DEMANDS, handler)
    assert found is (Verdict.FAIL if "finally" in handler else Verdict.UNKNOWN), said


@pytest.mark.parametrize(
    ("handler", "verdict"),
    [
        ("tasks.add_task(demand, event)", Verdict.UNKNOWN),
        ("pool.submit(demand, event)", Verdict.UNKNOWN),
        ("Thread(target=demand, args=(event,)).start()", Verdict.UNKNOWN),
        (f'ok = {LIVE}["Confidence"] > 90 or True\nif not ok:\n    return None', Verdict.UNKNOWN),
        ("pool.submit(demand, event).result()", Verdict.PASS),
        ("list(pool.map(demand, [event]))", Verdict.PASS),
        (f'label = "live" if {LIVE}["Confidence"] > 90 else "spoof"\nif label != "live":\n    return None', Verdict.PASS),
        ("try:\n    demand(event)\nfinally:\n    rek.close()", Verdict.PASS),
    ],
)
def test_what_runs_beside_the_handler_stops_nobody(handler: str, verdict: Verdict, tmp_path: Path):
    text = f'def demand(event):\n    if {LIVE}["Confidence"] < 90:\n        raise PermissionError\n'
    found, said = python(tmp_path, text, handler)
    assert found is verdict, said


def test_what_a_function_decides_counts_though_its_answer_is_written_down(tmp_path: Path):
    """``print(demand(event))`` raises where ``demand`` does."""
    text = f'def demand(event):\n    if {LIVE}["Confidence"] < 90:\n        raise PermissionError\n    return "live"\n'
    found, said = python(tmp_path, text, "print(demand(event))")
    assert found is Verdict.PASS, said
