"""The function's archive: what is in it, that it is the same every time, and that it judges alone. Origin of the data: the rules' cases."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from averment.core.errors import BadInputError, ExitCode
from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.policies.deployment import bundle as bundle_module
from averment.policies.deployment.bundle import HANDLER, Bundle, build_bundle, modules_of
from averment.policies.new_rule import scaffold
from averment.policies.runtime.bundled import SETTINGS_FILE, load_settings, rule_called
from averment.policies.runtime.handler import evaluate_event
from averment.policies.runtime.neighbours import MemoryNeighbours

RULES = Path(__file__).resolve().parents[3] / "policies" / "rules"
HEAVY = ("checkov", "pandas", "yaml", "click", "rich", "jsonschema", "numpy", "onnxruntime", "cryptography", "rfc8785", "tree_sitter")

_JUDGE = """
import json, sys
from averment.policies.runtime.bundled import load_settings
from averment.policies.runtime.handler import evaluate_event
from averment.policies.runtime.neighbours import MemoryNeighbours
for line in sys.stdin:
    work = json.loads(line)
    told = [found.request() for found in evaluate_event(work["event"], MemoryNeighbours(work["items"]), {}, load_settings())]
    print(json.dumps([[entry["ComplianceType"], entry.get("Annotation", "")] for entry in told]))
loaded = sorted(name for name in sys.modules if name.split(".")[0] not in sys.stdlib_module_names | {"averment", "__main__"})
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return build_bundle(Scope(), {})


def extracted(bundle: Bundle, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(bundle.archive())) as archive:
        archive.extractall(folder)
    return folder


def judged(folder: Path, work: list[dict[str, Any]]) -> list[Any]:
    """What the bundle at ``folder`` answers, in a bare interpreter: no site-packages, nothing of this checkout."""
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{_JUDGE}"],
        input="\n".join(json.dumps(item) for item in work) + "\n",
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def change(rule: str, item: dict[str, Any]) -> dict[str, Any]:
    invoking = {"messageType": "ConfigurationItemChangeNotification", "configurationItem": item}
    return {
        "invokingEvent": json.dumps(invoking),
        "ruleParameters": json.dumps({"rule": rule}),
        "resultToken": "token",
        "accountId": "123456789012",
        "eventLeftScope": False,
    }


def test_the_same_sources_give_the_same_bytes(shipped: Bundle) -> None:
    """Whoever builds it again can compare: entries are in order, with one time and one mode."""
    again = build_bundle(Scope(), {})
    assert again.archive() == shipped.archive()
    assert again.digest == shipped.digest
    with zipfile.ZipFile(io.BytesIO(shipped.archive())) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {stat.S_IMODE(entry.external_attr >> 16) for entry in entries} == {0o644}


def test_another_scope_is_another_build(shipped: Bundle) -> None:
    """The settings are part of the build, so that a change of scope is a change that a diff shows."""
    assert build_bundle(Scope(accounts=("111122223333",)), {}).digest != shipped.digest


def test_the_bundle_is_our_code_alone(shipped: Bundle) -> None:
    """Nothing of another package travels, no case, no data: the runtime brings boto3, and nothing else is needed."""
    assert all(name.startswith("averment/") or name == SETTINGS_FILE for name in shipped.files)
    assert all(name.endswith(".py") or name == SETTINGS_FILE for name in shipped.files)
    text = b"\n".join(shipped.files.values()).decode()
    imported = {line.split()[1].split(".")[0] for line in text.splitlines() if line.lstrip().startswith(("import ", "from "))}
    assert not imported & set(HEAVY)


def test_the_bundle_judges_every_case_alone(shipped: Bundle, tmp_path: Path) -> None:
    """Extracted, in a bare interpreter, the handler judges each run-time case as the checkout does: no module is missing."""
    work = []
    for file in sorted(RULES.glob("*/cases/*/config.json")):
        items = json.loads(file.read_text(encoding="utf-8"))["configurationItems"]
        work += [{"event": change(file.parents[2].name.replace("_", "-"), item), "items": items} for item in items]
    *answers, loaded = judged(extracted(shipped, tmp_path), work)
    assert loaded == []
    here = [[found.request() for found in evaluate_event(item["event"], MemoryNeighbours(item["items"]), {})] for item in work]
    assert answers == [[[entry["ComplianceType"], entry.get("Annotation", "")] for entry in told] for told in here]
    kinds = [kind for told in answers for kind, _ in told]
    assert min(kinds.count("COMPLIANT"), kinds.count("NON_COMPLIANT"), kinds.count("NOT_APPLICABLE")) > 20


def test_the_organisations_scope_and_own_rules_travel(tmp_path: Path) -> None:
    """A rule of one's own runs in the same function, and the scope decides which buckets it is about."""
    own = tmp_path / "own"
    scaffold("bucket-has-owner", own)
    scope = Scope(media=(MediaMatcher(MediaRole.UPLOAD, {}, ("inbox-*",)),))
    made = build_bundle(scope, {"limit": 3}, [own])
    assert not any("/cases/" in name for name in made.files)
    folder = extracted(made, tmp_path / "bundle")
    settings = load_settings(folder)
    assert json.loads(settings.scope or "")["media"][0]["names"] == ["inbox-*"]
    assert settings.parameters == {"limit": 3}
    assert rule_called("bucket-has-owner", settings.own_rules).id == "bucket-has-owner"
    bucket = {
        "resourceType": "AWS::S3::Bucket",
        "resourceId": "b",
        "ARN": "arn:aws:s3:::b",
        "configurationItemStatus": "OK",
        "configuration": {"name": "b"},
    }
    (told,), _ = judged(folder, [{"event": change("bucket-has-owner", bucket), "items": []}])
    assert told[0] in {"COMPLIANT", "NON_COMPLIANT"}


def test_an_unknown_rule_names_the_way_out() -> None:
    """A Config rule that outlives its rule in the bundle fails its invocation, and says what to do."""
    with pytest.raises(BadInputError, match="there is no rule 'gone'") as caught:
        rule_called("gone")
    assert "averment rules deploy" in (caught.value.fix or "")
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("name", ["../x", "os", "registry", "S3", "", "a--b"])
def test_a_rules_name_is_never_a_path(name: str) -> None:
    """What a Config rule's parameters say decides which module is imported, so only rules can be named."""
    with pytest.raises(BadInputError, match="there is no rule"):
        rule_called(name)


def test_broken_settings_are_said(tmp_path: Path) -> None:
    """A bundle that somebody edited by hand fails aloud instead of judging by the defaults."""
    (tmp_path / SETTINGS_FILE).write_text('{"scope": {}}', encoding="utf-8")
    with pytest.raises(BadInputError, match="can't be read"):
        load_settings(tmp_path)


def test_own_rules_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of rules with a data set in it is refused rather than shipped."""
    scaffold("bucket-has-owner", tmp_path)
    monkeypatch.setattr(bundle_module, "MAX_OWN_RULE_BYTES", 100)
    with pytest.raises(BadInputError, match="larger than 100 bytes"):
        build_bundle(Scope(), {}, [tmp_path])


def test_imports_inside_functions_count() -> None:
    """A module that is imported when it is needed has to be there when it is needed."""
    found = modules_of([HANDLER])
    assert "averment.policies.own_rules" in found
    assert "averment.core.extras" in found
    assert "averment.policies.surfaces.terraform" not in found


OWN = """\
{first}
from averment.core.words import Severity
from averment.policies.interface import PASS, Kind, Rule

RULE = Rule("{id}", "t", Severity.LOW, ("{kind}",), lambda item, context: PASS, "r"{more})
"""


def own_rules(folder: Path, first: str, beside: str) -> Path:
    """A rule about buckets that begins with the line ``first``, and one about source code that begins with ``beside``."""
    for slug, line, kind, more in (
        ("of_buckets", first, "AWS::S3::Bucket", ""),
        ("of_code", beside, "Averment::Code::Function", ", kind=Kind.CODE"),
    ):
        (folder / slug).mkdir(parents=True)
        text = OWN.format(first=line, id=slug.replace("_", "-"), kind=kind, more=more)
        (folder / slug / "rule.py").write_text(text, encoding="utf-8")
    (folder / "helper.py").write_text("from averment.policies.surfaces import lined\n", encoding="utf-8")
    (folder / "parsing.py").write_text("import yaml\n", encoding="utf-8")
    (folder / "broken.py").write_text("def broken(:\n", encoding="utf-8")
    return folder


def test_what_own_rules_import_travels_and_those_about_code_are_in_nobodys_way(tmp_path: Path) -> None:
    """A module of ours that no shipped rule needs was missing in the function; one rule that doesn't load there kept all of its folder out."""
    own = own_rules(
        tmp_path / "own", "from ..helper import lined\nfrom averment.policies.surfaces.code import model", "from ..parsing import yaml"
    )
    made = build_bundle(Scope(), {}, [own], ["of-buckets"])
    assert {"averment/policies/surfaces/lined.py", "averment/policies/surfaces/code/model.py"} <= set(made.files)
    bucket = {"resourceType": "AWS::S3::Bucket", "resourceId": "b", "ARN": "arn:aws:s3:::b", "configuration": {"name": "b"}}
    (told,), _ = judged(extracted(made, tmp_path / "bundle"), [{"event": change("of-buckets", bucket), "items": []}])
    assert told[0] == "COMPLIANT"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import yaml", r"rule\.py:1: imports yaml, and"),
        (
            "from averment.core.organisation import Organisation",
            r"rule\.py:1: imports averment\.core\.organisation, which needs (yaml|rfc8785)",
        ),
        ("from .. import parsing", r"parsing\.py:1: imports yaml, and"),
        ("def later():\n    from .. import broken", r"broken\.py:1: is not Python: invalid syntax"),
    ],
)
def test_what_the_function_has_not_got_is_said_when_it_is_built(tmp_path: Path, line: str, said: str) -> None:
    """Every evaluation would fail once it is deployed, and AWS Config would go on showing what it said before."""
    own = own_rules(tmp_path, line, "")
    with pytest.raises(BadInputError) as caught:
        build_bundle(Scope(), {}, [own])
    assert re.search(said, caught.value.diagnostics())


def test_code_behind_a_link_is_not_left_out_in_silence(tmp_path: Path) -> None:
    """A check follows the link, the archive doesn't: the rule would be missing at run time."""
    own = own_rules(tmp_path / "own", "", "")
    (tmp_path / "elsewhere").mkdir()
    (own / "linked").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInputError, match="is a link"):
        build_bundle(Scope(), {}, [own])
