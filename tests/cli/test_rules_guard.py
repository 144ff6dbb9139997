"""``averment rules guard`` and the table of what comes out as Guard and what doesn't.

Origin of the data: the shipped rules, and files written here.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from averment.cli.main import run
from averment.policies.rules.registry import all_rules


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without an averment.yaml."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_text_is_printed_and_only_that(elsewhere: Path, capsys: pytest.CaptureFixture[str]):
    """Fit for a file or a pipe: what else there is to know goes to stderr. The organisation's parameters are in it."""
    (elsewhere / "averment.yaml").write_text("version: 1\nparameters:\n  detector_endpoints: [vision-*]\n")
    assert run(["rules", "guard", "detector-endpoint-guarded"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("# detector-endpoint-guarded (SM-DET-03), averment ")
    assert "configuration.ModelName == /(?si)^(?:vision-.*)$/\n" in captured.out
    assert captured.out.endswith("\n}\n")
    assert "may not record AWS::SageMaker::EndpointConfig" in " ".join(captured.err.split())


@pytest.mark.parametrize(
    ("rule", "why", "fix"),
    [
        ("media-bucket-hardened", "Guard 2 has no json_parse", "deploy it as a Lambda rule"),
        ("face-attributes-limited", "is about source code", "averment check"),
        ("no-such-rule", "there is no rule", "averment rules list"),
    ],
)
def test_a_rule_that_guard_cannot_state_is_refused(rule: str, why: str, fix: str, capsys: pytest.CaptureFixture[str]):
    """Exit 2, nothing on stdout, the reason and what to do instead."""
    assert run(["rules", "guard", rule]) == 2
    captured = capsys.readouterr()
    said = " ".join(captured.err.split())
    assert captured.out == ""
    assert why in said
    assert fix in said


def test_the_table_has_every_rule(capsys: pytest.CaptureFixture[str]):
    """One line each, with the reason; the same as JSON, and in what is shown of one rule."""
    assert run(["rules", "list", "--guard"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert sorted(lines) == [rule.id for rule in all_rules()]
    assert {line.split(":")[0] for line in lines.values()} == {"yes", "no"}
    assert run(["rules", "list", "--guard", "--format", "json"]) == 0
    listed = {entry["id"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert {name: f"no: it {entry['guard_refused']}" if not entry["guard"] else "yes" for name, entry in listed.items()} == lines
    assert run(["rules", "show", "cdn-media-gated"]) == 0
    assert "Guard 2:   no: it reads neighbours: AWS::S3::Bucket" in capsys.readouterr().out
    assert run(["rules", "list", "--format", "json"]) == 0
    assert "guard" not in json.loads(capsys.readouterr().out)[0]
