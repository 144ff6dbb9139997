"""SARIF output against the official schema, which the npm package @microsoft/jest-sarif carries (MIT)."""

import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from jsonschema.validators import validator_for

from averment.cli.main import run

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    """The schema of SARIF 2.1.0 as published by OASIS (release rtm.5)."""
    modules = Path(os.environ["AVERMENT_NODE_MODULES"])
    (path,) = modules.glob("@microsoft/jest-sarif/**/sarif-2.1.0-rtm.5.json")
    schema = json.loads(path.read_text(encoding="utf-8"))
    validator = validator_for(schema)(schema)
    assert schema["title"].startswith("Static Analysis Results Format")
    return validator


CLEAN = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n"


@pytest.mark.parametrize("what", ["shop", "shop/cloudformation", "clean"])
def test_sarif_follows_the_official_schema(what: str, official: Draft7Validator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With findings, with few, and with none at all."""
    (tmp_path / "clean").mkdir()
    (tmp_path / "clean" / "template.yaml").write_text(CLEAN)
    folder = EXAMPLES / what if what != "clean" else tmp_path / "clean"
    monkeypatch.chdir(folder)
    out = tmp_path / "out.sarif"
    run(["check", ".", "-o", f"sarif={out}"])
    sarif = json.loads(out.read_text(encoding="utf-8"))
    problems = [f"{list(error.absolute_path)}: {error.message}" for error in official.iter_errors(sarif)]
    assert problems == []
    assert bool(sarif["runs"][0]["results"]) is (what != "clean")


def test_the_official_schema_can_refuse(official: Draft7Validator) -> None:
    """The validator is live: a result without a message is refused."""
    broken = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [{}]}]}
    assert list(official.iter_errors(broken))
