"""What was found under other conditions is not recalled: another program, other rules, another scope, other parameters."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from averment.core.organisation import Organisation
from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.words import Severity
from averment.policies.cache import conditions as told
from averment.policies.cache.conditions import conditions
from averment.policies.interface import PASS, Rule
from averment.policies.own_rules import rules_in
from averment.policies.rules.registry import all_rules

RULE = """\
from averment.core.words import Severity
from averment.policies.interface import PASS, Rule

RULE = Rule("own-rule", "t", Severity.LOW, ("AWS::S3::Bucket",), lambda bucket, context: PASS, "r")
"""


def own(folder: Path, text: str = RULE) -> tuple[Rule, ...]:
    """A rule of one's own, written yesterday."""
    (folder / "own_rule").mkdir(parents=True)
    (folder / "own_rule" / "rule.py").write_text(text, encoding="utf-8")
    (folder / "helper.py").write_text("x = 1\n", encoding="utf-8")
    yesterday(folder)
    return tuple(rules_in(folder))


def yesterday(folder: Path) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))


def test_the_same_conditions_are_told_alike():
    """Twice in one process, and whatever isn't about verdicts (waivers, name, settings) doesn't count."""
    first = conditions(all_rules(), Organisation())
    assert first is not None
    assert first == conditions(all_rules(), replace(Organisation(), name="x", root=Path("elsewhere")))


@pytest.mark.parametrize(
    "organisation",
    [
        Organisation(parameters={"max_days": 30}),
        Organisation(scope=Scope(accounts=("123456789012",))),
        Organisation(scope=Scope(media=(MediaMatcher(MediaRole.UPLOAD, {"a": "b"}),))),
        Organisation(scope=Scope(media=(MediaMatcher(MediaRole.PUBLISHED, {"a": "b"}),))),
    ],
)
def test_scope_and_parameters_count(organisation: Organisation):
    """Rules judge by them."""
    assert conditions(all_rules(), organisation) not in {None, conditions(all_rules(), Organisation())}


def test_the_rules_that_run_count():
    """Fewer rules, another order of severity."""
    rules = all_rules()
    graver = (*rules[:-1], replace(rules[-1], severity=Severity.LOW if rules[-1].severity is not Severity.LOW else Severity.HIGH))
    found = {conditions(rules, Organisation()), conditions(rules[1:], Organisation())}
    assert len(found - {None}) == 2
    assert conditions(graver, Organisation()) not in found


def test_the_program_and_its_libraries_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Every file of ours that reads or judges; every installed distribution by its version."""
    before = conditions(all_rules(), Organisation())
    files = list(told._program())
    names = {path.name for path in files}
    assert {"rule.py", "engine.py", "root_graph.py", "observer.py", "scope.py"} <= names
    assert not any("cases" in path.parts for path in files)
    changed = tmp_path / "engine.py"
    changed.write_text("# changed\n", encoding="utf-8")
    yesterday(tmp_path)
    monkeypatch.setattr(told, "_program", lambda: iter([*files[:-1], changed]))
    assert conditions(all_rules(), Organisation()) not in {None, before}
    monkeypatch.undo()
    (tmp_path / "tfparse-9.9.9.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert conditions(all_rules(), Organisation()) not in {None, before}


def test_rules_of_ones_own_count_with_all_that_stands_beside_them(tmp_path: Path):
    """A helper next to the rule is part of it."""
    rules = own(tmp_path / "own")
    before = conditions(rules, Organisation())
    assert before is not None
    (tmp_path / "own" / "helper.py").write_text("x = 2\n", encoding="utf-8")
    yesterday(tmp_path / "own")
    assert conditions(rules, Organisation()) not in {None, before}
    (tmp_path / "own" / "data.json").write_text("{}", encoding="utf-8")
    yesterday(tmp_path / "own")
    assert conditions(rules, Organisation()) is not None


def test_code_that_changed_since_it_was_loaded_keeps_nothing(tmp_path: Path):
    """What runs is what stood there before; its findings must not be kept under the new text."""
    rules = own(tmp_path / "own")
    (tmp_path / "own" / "own_rule" / "rule.py").write_text(RULE + "# changed\n", encoding="utf-8")
    assert conditions(rules, Organisation()) is None


def test_rules_whose_code_cannot_be_told_keep_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A callable without a module, a function of ours with somebody else's settings, more files than can be looked at."""
    nameless = Rule("x", "t", Severity.LOW, ("AWS::S3::Bucket",), type("C", (), {"__call__": lambda *_: PASS, "__module__": None})(), "r")
    ours = Rule("x", "t", Severity.LOW, ("AWS::S3::Bucket",), all_rules()[0].evaluate, "r")
    for rule in (nameless, ours):
        assert conditions((*all_rules(), rule), Organisation()) is None
    rules = own(tmp_path / "own")
    monkeypatch.setattr(told, "MAX_OWN_FILES", 1)
    assert conditions(rules, Organisation()) is None


PUT_TOGETHER = """\
import functools

from averment.core.words import Severity
from averment.policies.interface import PASS, Rule, fail


def check(bucket, context, tag):
    return PASS if tag in bucket.tags else fail("untagged")


RULE = Rule("own-rule", "t", Severity.LOW, ("AWS::S3::Bucket",), functools.partial(check, tag="owner"), "r")
"""
STATED = """\
from averment.core.words import Severity
from averment.policies.interface import Rule
from averment.policies.predicates.evaluate import Stated
from averment.policies.predicates.language import Demand, Predicate, Tagged

TAGGED = Demand(Tagged("owner"), "untagged", "not resolved")
RULE = Rule("own-rule", "t", Severity.LOW, ("AWS::S3::Bucket",), Stated((Predicate("AWS::S3::Bucket", ((TAGGED,),)),)), "r")
"""


@pytest.mark.parametrize("text", [PUT_TOGETHER, STATED], ids=["partial", "stated"])
def test_a_rule_whose_function_was_put_together_counts_by_its_own_file(tmp_path: Path, text: str):
    """Its function is of another module, which stays as it is: what the rule demands stands in the rule's file."""
    rules = own(tmp_path / "own", text)
    file = tmp_path / "own" / "own_rule" / "rule.py"
    before = conditions(rules, Organisation())
    assert before is not None
    file.write_text(text.replace('"owner"', '"cost-centre"'), encoding="utf-8")
    yesterday(tmp_path / "own")
    assert conditions(rules, Organisation()) not in {None, before}
