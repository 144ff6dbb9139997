"""The reference of the documentation is the program's own: what it has is there, in the words that it uses itself."""

from __future__ import annotations

import json
import re
from dataclasses import fields

import click
import pytest
from click.testing import CliRunner

from averment.cli.main import COMMANDS, cli
from averment.cli.reference.catalogue import FIELDS, shipped
from averment.cli.reference.commands import walk
from averment.cli.reference.exit_codes import MEANING
from averment.cli.reference.pages import reference_pages
from averment.cli.reference.settings import SCHEMA
from averment.core.errors import ExitCode
from averment.core.period import utc_now
from averment.evidence.record import Gathering, Kind, Population, Record
from averment.policies.rules.registry import all_rules


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """All pages, made once."""
    return reference_pages()


def section(page: str, heading: str) -> str:
    """The text under a heading of the second level."""
    return page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_every_command_stands_there_with_each_of_its_options(pages: dict[str, str]) -> None:
    """Each under its own heading, with every option that its help shows and the first line that says what it does."""
    found = list(walk())
    assert {context.command_path.split()[1] for context, _ in found} == set(COMMANDS)
    for context, command in found:
        text = section(pages["reference/commands.md"], context.command_path)
        for option in (item for item in command.params if isinstance(item, click.Option) and not item.hidden):
            assert all(f"{name}" in text for name in option.opts), f"{context.command_path} {option.name}"


def test_the_page_says_what_the_help_says(pages: dict[str, str]) -> None:
    """Usage and examples are those of ``--help``."""
    shown = CliRunner().invoke(cli, ["check", "--help"], prog_name="averment").output
    text = section(pages["reference/commands.md"], "averment check")
    assert "averment check [OPTIONS] [PATH]..." in text
    examples = re.findall(r"^    (averment check .*)$", shown, re.MULTILINE)
    assert len(examples) >= 3
    assert all(f"\n{example}\n" in text for example in examples)


def test_an_example_of_the_help_can_be_copied() -> None:
    """Broken at the terminal's edge, ``averment push s3 ... --retain 3650d`` was copied as a push that retains nothing, and a command not found."""
    for _, command in walk():
        example = re.search(r"^ *(Example: .*)$", command.help or "", re.MULTILINE)
        shown = command.get_help(click.Context(command, terminal_width=40))
        assert example is None or example[1] in shown


def test_hidden_commands_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the help doesn't list isn't promised."""
    found = cli.get_command(click.Context(cli), "check")
    assert found is not None
    monkeypatch.setattr(found, "hidden", True)
    assert "averment check" not in [context.command_path for context, _ in walk()]


def test_every_setting_is_described(pages: dict[str, str]) -> None:
    """Each key that the schema takes stands there with its type, down to lists of mappings, and each leaf of it says what it means."""
    page = pages["reference/settings.md"]
    for line in (
        "- `version` (`1`, required)",
        "- `scope.media[].role` (`upload` or `published` or `generated`, required)",
        "- `incidents.contracts[].within` (text)",
        "- `parameters.inference-roles.expected.NAME` (list of texts)",
        "- `evidence.witnesses[].key` (text, required)",
        "- `parameters.signing-log.files` (list of texts)",
    ):
        assert f"\n{line}" in page
    bare = [line for line in page.splitlines() if line.startswith("- ") and "mapping" not in line and "):" not in line]
    assert [line for line in bare if not re.search(r"\.(NAME|with|role|owner|approver)` ", line)] == []


def test_a_key_that_the_page_has_is_one_that_the_program_takes(pages: dict[str, str]) -> None:
    """No key of the first level is left out or made up."""
    from importlib import resources

    schema = json.loads(resources.files("averment").joinpath(*SCHEMA).read_text())
    assert re.findall(r"^## (.+)$", pages["reference/settings.md"], re.MULTILINE) == list(schema["properties"])


def test_every_rule_has_a_page_with_what_it_cannot_see(pages: dict[str, str]) -> None:
    """The list names each rule and leads to its page; each page says why, what to do, and where it is blind."""
    for rule in all_rules():
        page = pages[f"reference/rules/{rule.id}.md"]
        assert f"](rules/{rule.id}.md)" in pages["reference/rules.md"]
        for heading in ("## What it checks", "## Why", "## Fix", "## What it can't see"):
            assert heading in page, f"the README.md of {rule.id} lacks the heading '{heading}'"
        assert f"**Severity**: {rule.severity}" in page


def test_every_control_and_provision_is_listed(pages: dict[str, str]) -> None:
    """Controls with all their assessments, frameworks with all their provisions, and links that lead to a heading that is there."""
    catalogue = shipped()
    controls, frameworks = pages["reference/controls.md"], pages["reference/frameworks.md"]
    anchors = set(re.findall(r"\{#(.+?)\}", controls))
    assert anchors == {control.id.lower() for control in catalogue}
    for control in catalogue:
        text = controls.split(f"### {control.id}:")[1].split("\n### ")[0]
        assert re.findall(r"^- `([\w-]+)` \(", text, re.MULTILINE) == [item.id for item in control.assessments]
    rows = [line for line in frameworks.splitlines() if line.startswith("| ") and not line.startswith("| Provision")]
    assert len(rows) == sum(len(framework.provisions) for framework in catalogue.frameworks.values())
    linked = {anchor for page in pages.values() for anchor in re.findall(r"controls\.md#([\w-]+)", page)}
    assert linked <= anchors


def test_every_kind_of_record_has_a_writer_and_every_field_a_meaning(pages: dict[str, str]) -> None:
    """A kind that nobody writes would be an empty cell; the fields are those that a record really has."""
    rows = re.findall(r"^\| `([\w-]+)` \| (.*) \|$", section(pages["reference/records.md"], "Kinds"), re.MULTILINE)
    assert [name for name, _ in rows] == [str(kind) for kind in Kind]
    assert [name for name, writers in rows if not writers] == []
    now = utc_now()
    record = Record(
        kind=Kind.CHECK,
        collector="check",
        collector_version="1",
        source="x",
        query={},
        effective_at=now,
        collected_at=now,
        payload={},
        gathering=Gathering.PARTIAL,
        reason="cut short",
        account="111122223333",
        region="eu-west-1",
        period_start=now,
        period_end=now,
        population=Population("things", 1, 1),
    )
    assert list(record.to_json()) == list(FIELDS)
    assert {"unit", "total", "examined", "truncated"} == {item.name for item in fields(Population)}


def test_every_exit_code_is_explained(pages: dict[str, str]) -> None:
    """Each code has a row, and each error of the program its code."""
    assert set(MEANING) == set(ExitCode)
    page = pages["reference/exit-codes.md"]
    assert re.findall(r"^\| (\d) \|", page, re.MULTILINE) == [str(int(code)) for code in ExitCode]
    assert re.findall(r"^\| `(\w+)` \| (\d) \|", page, re.MULTILINE) == [
        ("BadInputError", "2"),
        ("MissingExtraError", "2"),
        ("IncompleteError", "3"),
        ("SignedOutError", "3"),
        ("VerificationError", "1"),
    ]
