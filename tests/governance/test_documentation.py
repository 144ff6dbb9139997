"""What the documentation tells people to write and run is tried here."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from averment.cli.main import cli
from averment.controls.loader import load_catalogue
from averment.core.organisation import load_organisation
from averment.core.source import SourceRef
from averment.core.words import Verdict
from averment.policies.graph.model import Dialect, Graph, Resource, Unknown
from averment.policies.interface import Context

DOCS = Path(__file__).parents[2] / "governance" / "docs"


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of ``language`` on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    """Every ``averment`` command that the documentation shows, with its page; one that is broken over lines as a whole."""
    return [
        (path.name, line.removeprefix("$ ").strip())
        for path in sorted(DOCS.glob("*.md"))
        for block in blocks(path.name, "console")
        for line in re.sub(r"\\\n\s*", "", block).splitlines()
        if line.startswith("$ averment")
    ]


@pytest.mark.parametrize(("page", "line"), commands(), ids=lambda value: value)
def test_documented_commands_exist_with_their_options(page: str, line: str) -> None:
    """Each command on a page is one of the program's, and so is each of its options."""
    words = shlex.split(line)[1:]
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, f"{page}: {line}"
        command = found
    options = {name for parameter in command.params for name in parameter.opts}
    for word in words:
        if word.startswith("-"):
            assert word.split("=")[0] in options, f"{page}: {line}"


def test_rule_of_the_how_to_works() -> None:
    """The rule that the page teaches passes, fails, says unknown, and leaves other buckets alone; a name that is known in part tells as well."""
    namespace: dict[str, Any] = {}
    exec(compile(blocks("adding-a-rule.md", "python")[0], "adding-a-rule.md", "exec"), namespace)
    rule = namespace["RULE"]
    verdicts = {}
    for name, properties in {
        "on": {"VersioningConfiguration": {"Status": "Enabled"}},
        "off": {},
        "open": {"VersioningConfiguration": {"Status": Unknown("variable 'versioning' has no default")}},
    }.items():
        bucket = Resource(name, "AWS::S3::Bucket", {"BucketName": "shop-uploads", **properties}, SourceRef("main.tf", 1), Dialect.TERRAFORM)
        verdicts[name] = rule.evaluate(bucket, Context(Graph([bucket]))).verdict
    begun = {"BucketName": Unknown("variable 'stage' has no default", "${var.stage}-uploads")}
    partly = rule.evaluate(Resource("b", "AWS::S3::Bucket", begun, SourceRef("main.tf", 1), Dialect.TERRAFORM), Context(Graph([])))
    assert (partly.verdict, bool(partly.fix), partly.where) == (Verdict.FAIL, True, SourceRef("main.tf", 1))
    other = Resource("logs", "AWS::S3::Bucket", {"BucketName": "shop-logs"}, SourceRef("main.tf", 1), Dialect.TERRAFORM)
    assert verdicts == {"on": Verdict.PASS, "off": Verdict.FAIL, "open": Verdict.UNKNOWN}
    assert rule.evaluate(other, Context(Graph([other]))).verdict is Verdict.NOT_APPLICABLE


def test_settings_on_the_pages_are_valid(tmp_path: Path) -> None:
    """The example of averment.yaml loads; the example of an overlay weakens what it says, visibly."""
    file = tmp_path / "averment.yaml"
    file.write_text(blocks("getting-started.md", "yaml")[0])
    assert load_organisation(file).profile["deployer"] is True
    file.write_text("version: 1\n" + blocks("concepts.md", "yaml")[0])
    catalogue = load_catalogue(load_organisation(file))
    marking = catalogue.get("SM-PRV-01")
    assert marking is not None
    assert marking.weakened[0].startswith("coverage: claim at_least 0.99 → 0.95 (reason: The archive")
    assert {control.family for control in catalogue} == {"UPL", "PRV"}


def test_states_are_listed_from_worst_to_best() -> None:
    """The page on concepts orders the states as the program does."""
    from averment.core.words import Status, worst

    listed = re.findall(r"^\d\. \*\*(.+?)\*\*", (DOCS / "concepts.md").read_text(), re.MULTILINE)
    remaining = set(Status)
    for words in listed:
        state = worst(remaining)
        assert str(state).replace("-", " ") == words
        remaining.remove(state)
    assert remaining == set()


def test_the_page_of_collectors_names_each_with_its_permissions() -> None:
    """The table is what the collectors say of themselves: names, summaries and IAM actions."""
    from averment.evidence.collectors.registry import COLLECTORS, CONFIGURED

    rows = [
        f"| `{kind.name}` | {kind.summary} | {', '.join(f'`{action}`' for action in kind.permissions) or 'none'} |"
        for kind in (*COLLECTORS, *CONFIGURED)
    ]
    page = (DOCS / "collecting.md").read_text().splitlines()
    told = [line for line in page if line.startswith("| `")]
    lacking = "\n".join(row for row in rows if row not in told)
    assert told == rows, (
        f"the table of collecting.md has the collectors as the registry has them; it lacks\n{lacking or 'that order alone'}"
    )


def test_the_settings_on_the_page_of_collectors_are_valid(tmp_path: Path) -> None:
    """Each block is an averment.yaml that loads, and the settings mean what the page says."""
    from averment.core.inventory import inventory_settings
    from averment.evidence.collectors.accounts import role_to_assume
    from averment.evidence.collectors.registry import collectors
    from averment.evidence.collectors.trails import settings_of

    for number, block in enumerate(blocks("collecting.md", "yaml")):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block)
        organisation = load_organisation(file)
        if "collect" in organisation.parameters:
            assert role_to_assume(organisation, None) is not None
        elif "cloudtrail" in organisation.parameters:
            assert settings_of(organisation).bucket == "shop-audit-trail"
        elif "s3-inventory" in organisation.parameters:
            assert inventory_settings(organisation).reports == {"shop-media": ("shop-inventory", "daily/shop-media/all/")}
        elif "provenance" in organisation.parameters:
            sizes = {name: organisation.parameters[name]["objects_per_bucket"] for name in ("media-states", "provenance")}
            assert sizes == {"media-states": 50_000, "provenance": 2_000}
        else:
            assert {"checkov-report", "security-hub", "liveness-results"} <= {item.name for item in collectors((), organisation)}
