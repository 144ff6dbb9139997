"""From which similarity on code takes two faces for one: what a request asks for, and what its answer is compared with.

Origin of the data: written for these tests, after what public programs do with these operations.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from averment.core.words import Verdict
from averment.policies.interface import Context, Outcome
from averment.policies.rules.face_match_threshold.rule import THRESHOLDS
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.code import apis
from averment.policies.surfaces.code.surface import CodeSurface

PYTHON = 'import os\nimport boto3\nrek = boto3.client("rekognition")\nSURE = 95\n'
SCRIPT = (
    'import { RekognitionClient, CompareFacesCommand } from "@aws-sdk/client-rekognition";\nconst client = new RekognitionClient({});\n'
)


def outcome(folder: Path, files: dict[str, str], parameters: dict[str, Any] | None = None) -> Outcome:
    """The worst verdict of the rule on ``files``."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    subject = rule("face-match-threshold")
    graphs = list(CodeSurface().graphs(folder))
    assert [problem for graph in graphs for problem in graph.problems] == []
    return worst_outcome(subject.evaluate(resource, Context(graph, parameters=parameters or {})) for graph in graphs for resource in graph)


def in_python(ask: str, then: str = 'return bool(found["FaceMatches"])', rest: str = "") -> dict[str, str]:
    then = then.replace("\n", "\n    ")
    return {"a.py": f"{PYTHON}def same(a, b):\n    found = rek.compare_faces(SourceImage=a, TargetImage=b{ask})\n    {then}\n{rest}"}


ASKED = {
    "": (Verdict.UNKNOWN, "given no SimilarityThreshold, so that Rekognition takes its own 80"),
    ", SimilarityThreshold=99.9": (Verdict.PASS, ""),
    ", SimilarityThreshold=98.9": (Verdict.UNKNOWN, "AWS recommends 99"),
    ", SimilarityThreshold=SURE": (Verdict.UNKNOWN, "a SimilarityThreshold of 95"),
    ", SimilarityThreshold=79": (Verdict.FAIL, "less than the 80"),
    ", SimilarityThreshold=0.8": (Verdict.FAIL, "counts from 0 to 100"),
    ", SimilarityThreshold=1": (Verdict.FAIL, "counts from 0 to 100"),
    ", SimilarityThreshold=float('0.99')": (Verdict.FAIL, "of 0.99"),
    ", SimilarityThreshold=0": (Verdict.FAIL, "finds every face"),
    ", SimilarityThreshold=101": (Verdict.UNKNOWN, "it counts to 100"),
    ", SimilarityThreshold=0.8 * 100": (Verdict.UNKNOWN, "worked out at run time"),
    ", SimilarityThreshold=os.environ['LEAST']": (Verdict.UNKNOWN, "LEAST"),
    ", SimilarityThreshold=os.getenv('LEAST', '80')": (Verdict.UNKNOWN, "from the environment (LEAST)"),
    ", SimilarityThreshold=float(os.environ.get('LEAST', 0.8))": (Verdict.FAIL, "a SimilarityThreshold of 0.8"),
    ", SimilarityThreshold=b.get('least', 60)": (Verdict.FAIL, "a SimilarityThreshold of 60"),
    ", SimilarityThreshold=b.get('least', 99)": (Verdict.UNKNOWN, "b.get(least) gives it"),
    ", SimilarityThreshold=b['least'] or 99": (Verdict.UNKNOWN, "b.least"),
    ", **{'SimilarityThreshold': 0.7}": (Verdict.FAIL, "of 0.7"),
    ", **more": (Verdict.UNKNOWN, "what 'more' holds is not known"),
    ", SimilarityThreshold=99 if a else 50": (Verdict.FAIL, "of 50"),
}


@pytest.mark.parametrize("ask", ASKED)
def test_what_a_request_asks_for_is_judged(tmp_path: Path, ask: str):
    """By what is written, the default where nothing is, and open with the reason where it isn't a constant; the lowest of several counts."""
    found = outcome(tmp_path, in_python(ask))
    assert found.verdict is ASKED[ask][0], found.message
    assert ASKED[ask][1] in found.message
    if found.verdict is not Verdict.PASS:
        assert found.where is not None
        assert found.where.line == 6


COMPARED = {
    "its own bar is enough": ('return found["FaceMatches"][0]["Similarity"] >= 99', Verdict.PASS, ""),
    "its own bar is too little": ('return found["FaceMatches"][0]["Similarity"] >= SURE', Verdict.UNKNOWN, "from a Similarity of 95 on"),
    "its own bar is low": ('return any(m["Similarity"] > 40 for m in found["FaceMatches"])', Verdict.FAIL, "from a Similarity of 40 on"),
    "its own bar is in the wrong scale": ('return found["FaceMatches"][0]["Similarity"] > 0.9', Verdict.FAIL, "compared with 0.9 (line 7)"),
    "it is brought to that scale": ('return found["FaceMatches"][0]["Similarity"] / 100 > 0.99', Verdict.PASS, ""),
    "through names": (
        'best = found["FaceMatches"][0]\nscore = best["Similarity"]\nif score < 99:\n    raise ValueError\nreturn True',
        Verdict.PASS,
        "",
    ),
    "through a map": ('r = {"alike": found["FaceMatches"][0]["Similarity"]}\nreturn r["alike"] > 99', Verdict.PASS, ""),
    "it is only logged": (
        'if found["FaceMatches"][0]["Similarity"] > 99:\n    print("sure")\nreturn True',
        Verdict.UNKNOWN,
        "can't be told",
    ),
    "it is only a label": ('return "sure" if found["FaceMatches"][0]["Similarity"] > 99 else "perhaps"', Verdict.UNKNOWN, "for a label"),
    "it is only a label on a branch": (
        'tag = ""\nif found["FaceMatches"][0]["Similarity"] > 99:\n    tag = "identical"\nreturn {"ok": True, "tag": tag}',
        Verdict.UNKNOWN,
        "for a label",
    ),
    "it decides on a branch": ('ok = False\nif found["FaceMatches"][0]["Similarity"] > 99:\n    ok = True\nreturn ok', Verdict.PASS, ""),
    "on both sides": (
        's = found["FaceMatches"][0]["Similarity"]\nif s > 60:\n    return 1\nreturn s > 99',
        Verdict.UNKNOWN,
        "with 60 as well as with 99",
    ),
    "the bar isn't known": (
        'return found["FaceMatches"][0]["Similarity"] > b["least"]',
        Verdict.UNKNOWN,
        "what the Similarity is compared with (line 7)",
    ),
    "that of a name": (
        'name_similarity = b["x"]\nreturn name_similarity > 99 and bool(found["FaceMatches"])',
        Verdict.FAIL,
        "finds every face",
    ),
    "it is handed back": (
        'return found["FaceMatches"][0]["Similarity"]',
        Verdict.UNKNOWN,
        "what the Similarity has to be after that can't be told",
    ),
    "the best match's own confidence": (
        'best = max(found["FaceMatches"], key=lambda m: m["Similarity"])\nreturn best["Face"]["Confidence"] > 99',
        Verdict.UNKNOWN,
        "what the Similarity has to be after that can't be told",
    ),
    "a comment about the scale": (
        'return found["FaceMatches"][0]["Similarity"] > 0.99  # the similarity / 100',
        Verdict.FAIL,
        "compared with 0.99",
    ),
    "a liveness result": (
        'if b["live"]["Confidence"] < 99:\n    return None\nreturn found["FaceMatches"]',
        Verdict.FAIL,
        "finds every face",
    ),
}


@pytest.mark.parametrize("case", COMPARED)
def test_what_the_answer_is_compared_with_counts(tmp_path: Path, case: str):
    """A request for every face (0) is as good as the bar that follows it; the similarity of something else, a log or a label is none."""
    then, verdict, message = COMPARED[case]
    found = outcome(tmp_path, in_python(", SimilarityThreshold=0", then))
    assert (found.verdict, message in found.message) == (verdict, True), found.message


def test_the_higher_of_request_and_bar_counts(tmp_path: Path):
    """Public code asks for 0.9 (of 100) and then demands 95; a bar below what was asked for changes nothing."""
    then = 'return found["FaceMatches"][0]["Similarity"] >= {}'
    assert "from a Similarity of 95 on" in outcome(tmp_path, in_python(", SimilarityThreshold=0.9", then.format("SURE"))).message
    assert outcome(tmp_path, in_python(", SimilarityThreshold=99", then.format("50"))).verdict is Verdict.PASS
    assert outcome(tmp_path, in_python(", SimilarityThreshold=99", then.format("0.5"))).verdict is Verdict.PASS
    low = outcome(tmp_path, in_python("", then.format("0.5")))
    assert (low.verdict, "takes its own 80; the Similarity is compared with 0.5" in low.message) == (Verdict.FAIL, True)


CALLERS = {
    "a default that nobody changes": ("least=99", "same(1, 2)", Verdict.PASS),
    "a caller that hands over less": ("least=99", "same(1, 2, least=0.6)", Verdict.FAIL),
    "by its place": ("least", "same(1, 2, 99)", Verdict.PASS),
    "from outside": ("least", "same(1, 2, event['least'])", Verdict.UNKNOWN),
    "nothing": ("least=None", "same(1, 2)", Verdict.UNKNOWN),
    "with others": ("least=99", "same(1, 2, **event)", Verdict.UNKNOWN),
}


@pytest.mark.parametrize("case", CALLERS)
def test_a_threshold_that_is_a_parameter_is_what_callers_hand_over(tmp_path: Path, case: str):
    """Its default where they say nothing; each caller is one way."""
    param, call, verdict = CALLERS[case]
    helper = f"{PYTHON}def same(a, b, {param}):\n    return rek.compare_faces(SourceImage=a, TargetImage=b, SimilarityThreshold=least)['FaceMatches']\n"
    found = outcome(tmp_path, {"faces.py": helper, "app.py": f"from faces import same\ndef handler(event, context):\n    return {call}\n"})
    assert found.verdict is verdict, found.message


@pytest.mark.parametrize(
    ("instead", "handed", "verdict"),
    [("99", "", Verdict.PASS), ("0.9", "", Verdict.FAIL), ("99", ", 50", Verdict.FAIL), ("99", ", c", Verdict.UNKNOWN)],
)
def test_what_stands_for_a_parameter_that_is_nothing_is_one_of_its_values(tmp_path: Path, instead: str, handed: str, verdict: Verdict):
    """``least = least or 99``: what callers hand over, and 99 where they don't."""
    text = f"def same(a, b, least=None):\n    least = least or {instead}\n    return rek.compare_faces(SourceImage=a, TargetImage=b, SimilarityThreshold=least)\n"
    found = outcome(tmp_path, {"a.py": f"{PYTHON}{text}def handler(e, c):\n    return same(e, e{handed})\n"})
    assert found.verdict is verdict, found.message


@pytest.mark.parametrize(("bar", "verdict"), [("99", Verdict.PASS), ("0.9", Verdict.FAIL), ("90", Verdict.UNKNOWN)])
def test_a_bar_in_another_file_counts_for_the_request(tmp_path: Path, bar: str, verdict: Verdict):
    """One file asks and hands the similarity on, the other decides."""
    ask = f"""{SCRIPT}export async function similarity(a, b) {{
  const out = await client.send(new CompareFacesCommand({{ SourceImage: a, TargetImage: b, SimilarityThreshold: 0 }}));
  return out.FaceMatches?.[0]?.Similarity ?? 0;
}}
"""
    decide = f"""import {{ similarity }} from "./faces";
const LEAST = {bar};
export const handler = async (event) => {{
  const alike = await similarity(event.a, event.b);
  if (alike < LEAST) throw new Error("somebody else");
  return true;
}};
"""
    assert outcome(tmp_path, {"faces.js": ask, "index.js": decide}).verdict is verdict


@pytest.mark.parametrize(
    ("least", "asked", "verdict"),
    [
        (95, "95", Verdict.PASS),
        (95, "94", Verdict.FAIL),
        (99.5, "99", Verdict.FAIL),
        (70, "70", Verdict.PASS),
        (0.95, "99", Verdict.UNKNOWN),
        ("95", "99", Verdict.UNKNOWN),
        (True, "99", Verdict.UNKNOWN),
        (200, "99", Verdict.UNKNOWN),
    ],
)
def test_the_parameter_says_what_is_demanded(tmp_path: Path, least: object, asked: str, verdict: Verdict):
    """Nothing is left open with it; one that is no similarity is said, and never passes anything."""
    found = outcome(tmp_path, in_python(f", SimilarityThreshold={asked}"), {"face_similarity": least})
    assert found.verdict is verdict
    assert ("the parameter face_similarity" in found.message) is (verdict is not Verdict.PASS)


SEVERAL = {
    "in one function": "def handler(e, c):\n    one = rek.compare_faces({})\n    two = rek.search_faces(CollectionId='c', FaceId=e, FaceMatchThreshold=0.8)\n"
    "    return one['FaceMatches'][0]['Similarity'] > 99 and two['FaceMatches']\n",
    "in two, and whoever calls both compares": "def one(e):\n    return rek.compare_faces({})['FaceMatches'][0]\n"
    "def two(e):\n    return rek.search_faces(CollectionId='c', FaceId=e, FaceMatchThreshold=0.8)['FaceMatches'][0]\n"
    "def handler(e, c):\n    return one(e)['Similarity'] > 99 and two(e)['Face']\n",
    "in two, each with its own": "def one(e):\n    return rek.compare_faces({})['FaceMatches'][0]['Similarity'] > 99\n"
    "def two(e):\n    return rek.search_faces(CollectionId='c', FaceId=e, FaceMatchThreshold=0.8)['FaceMatches']\n"
    "def handler(e, c):\n    return one(e) and two(e)\n",
}


@pytest.mark.parametrize(("case", "verdict"), list(zip(SEVERAL, (Verdict.UNKNOWN, Verdict.UNKNOWN, Verdict.FAIL), strict=True)))
def test_a_bar_for_one_answer_is_none_for_another(tmp_path: Path, case: str, verdict: Verdict):
    """Where two requests are made, a comparison beside both of them may be of either."""
    text = SEVERAL[case].format("SourceImage=e, TargetImage=e, SimilarityThreshold=0")
    found = outcome(tmp_path, {"a.py": PYTHON + text})
    assert found.verdict is verdict, found.message
    assert ("which of several answers" in found.message) is (verdict is Verdict.UNKNOWN)


def test_a_thousand_requests_around_one_caller_keep_nobody_waiting(tmp_path: Path):
    """What lies around each of them is looked at within one budget, and what isn't looked at any more is said."""
    asks = "".join(
        f"def f{at}(e):\n    return rek.compare_faces(SourceImage=e, TargetImage=e, SimilarityThreshold=0)['FaceMatches'][0]['Similarity']\n"
        for at in range(1_000)
    )
    calls = "".join(f"    if f{at}(e) > 99:\n        return {at}\n" for at in range(1_000))
    began = time.process_time()
    found = outcome(tmp_path, {"a.py": f"{PYTHON}{asks}def handler(e, c):\n{calls}"})
    assert time.process_time() - began < 30
    assert (found.verdict, "more code around it than is followed" in found.message) == (Verdict.UNKNOWN, True)


def test_functions_that_call_each_other_hand_on_what_others_gave_them(tmp_path: Path):
    text = "def again(a, least):\n    if a:\n        return again(a[1:], least)\n    return rek.compare_faces(SourceImage=a, TargetImage=a, SimilarityThreshold=least)\n"
    assert outcome(tmp_path, {"a.py": PYTHON + text}).verdict is Verdict.UNKNOWN
    found = outcome(tmp_path, {"a.py": f"{PYTHON}{text}def handler(e, c):\n    return again(e, 0.8)\n"})
    assert (found.verdict, "of 0.8" in found.message) == (Verdict.FAIL, True)


def test_a_number_that_is_handed_on_in_many_ways_is_looked_up_once_each(tmp_path: Path):
    """Twenty callers at each of eight steps are twenty-five milliards of ways."""
    text = "def f0(a, least):\n    return rek.compare_faces(SourceImage=a, TargetImage=a, SimilarityThreshold=least)\n"
    for at in range(1, 8):
        text += f"def f{at}(a, least):\n" + "".join(f"    if a == {way}:\n        return f{at - 1}(a, least)\n" for way in range(20))
    began = time.process_time()
    found = outcome(tmp_path, {"a.py": f"{PYTHON}{text}def handler(e, c):\n    return f7(e, 0.8)\n"})
    assert time.process_time() - began < 20
    assert found.verdict in (Verdict.FAIL, Verdict.UNKNOWN)


OPERATIONS = {
    'rek.search_faces_by_image(CollectionId="c", Image=e, FaceMatchThreshold=0.8)': Verdict.FAIL,
    'rek.search_faces(CollectionId="c", FaceId=e, FaceMatchThreshold=0.8)': Verdict.FAIL,
    'rek.search_users(CollectionId="c", UserId=e, UserMatchThreshold=0.8)': Verdict.FAIL,
    'rek.search_users_by_image(CollectionId="c", Image=e, UserMatchThreshold=99)': Verdict.PASS,
    'rek.search_faces(CollectionId="c", FaceId=e)': Verdict.UNKNOWN,
    'e.search_users(text="rekognition")': Verdict.NOT_APPLICABLE,
    'submit(rek.search_users, CollectionId="c", UserMatchThreshold=0.8)': Verdict.FAIL,
    "register(rek.search_users)": Verdict.UNKNOWN,
}


@pytest.mark.parametrize("call", OPERATIONS)
def test_every_operation_that_finds_faces_is_judged(tmp_path: Path, call: str):
    """Also searches by a face or a user that is stored; a function of somebody else's of the same name isn't meant."""
    assert outcome(tmp_path, {"a.py": f"{PYTHON}def handler(e, c):\n    return {call}\n"}).verdict is OPERATIONS[call]


def test_attributes_of_objects_and_entries_of_maps_are_followed(tmp_path: Path):
    """Where a class or a configuration in another file keeps the number."""
    config = "# what Rekognition is asked for\nclass Settings:\n    alike: float = 0.95\n    search = 99\nsettings = Settings()\nLIMITS = {'faces': {'alike': 60}}\n"
    for name, message in {"settings.alike": "of 0.95", "LIMITS['faces']['alike']": "of 60"}.items():
        text = f"{PYTHON}from config import settings, LIMITS\ndef handler(e, c):\n    return rek.compare_faces(SourceImage=e, TargetImage=c, SimilarityThreshold={name})\n"
        found = outcome(tmp_path, {"config.py": config, "app.py": text})
        assert (found.verdict, message in found.message) == (Verdict.FAIL, True), found.message


@pytest.mark.parametrize("call", ["search_faces(e)", "search_faces(photo=e)", "searchFaces(e)"])
def test_a_search_by_somebody_elses_package_may_match_faces(tmp_path: Path, call: str):
    """What it is called with may be a picture: since searches by a stored face are known, a package named after Rekognition passed as making one."""
    text = f"{PYTHON}from their import rekognition_tools\ndef handler(e, c):\n    return rekognition_tools.{call}\n"
    (tmp_path / "a.py").write_text(text, encoding="utf-8")
    (graph,) = CodeSurface().graphs(tmp_path)
    found = worst_outcome(rule("face-call-after-liveness").evaluate(resource, Context(graph)) for resource in graph)
    assert (found.verdict, "matches faces can't be told" in found.message) == (Verdict.UNKNOWN, True)


def test_the_rule_judges_every_operation_that_is_read() -> None:
    """Rules know no surface, so both have the list: an operation that one of them lacks would be passed over."""
    assert THRESHOLDS == apis.THRESHOLDS
