"""Controls, rules, laws and standards, and kinds of records, as they ship."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from averment.controls.describe import FAMILIES, means
from averment.controls.loader import load_catalogue
from averment.controls.model import Catalogue, Control, Framework
from averment.core.organisation import Organisation
from averment.evidence.collectors.interface import Collector
from averment.evidence.collectors.registry import COLLECTORS, CONFIGURED
from averment.evidence.record import DRILLS, Kind
from averment.governance.site.shipped import rule_text
from averment.governance.site.words import text
from averment.policies.interface import Rule
from averment.policies.rules.registry import all_rules

COMMANDS_THAT_RECORD = {
    Kind.CLAIM: "`averment prove`",
    Kind.ATTESTATION: "`averment attest`",
    Kind.INCIDENT: "`averment incident`",
}
"""Kinds of records that commands write, not collectors."""


def shipped() -> Catalogue:
    """The catalogue as it ships, without anybody's tailoring."""
    return load_catalogue(Organisation())


def controls_page() -> str:
    """Every control: what it asks, how it is found out, what it refers to."""
    catalogue = shipped()
    count = sum(len(control.assessments) for control in catalogue)
    parts = [
        "# Controls",
        "",
        f"The {len(list(catalogue))} controls that ship, with {count} assessments. `averment controls show ID` says the same of one, and what binds you of its",
        "references. [Concepts](../concepts.md) explains the words, [Collecting evidence](../collecting.md) the parameters.",
        "",
    ]
    order = {family: number for number, family in enumerate(FAMILIES)}
    ranked = sorted(catalogue, key=lambda control: (order.get(control.family, len(order)), control.id))
    for family, controls in groupby(ranked, key=lambda control: control.family):
        parts += [f"## {FAMILIES.get(family, family)}", "", *(_control(catalogue, control) for control in controls)]
    return "\n".join(parts)


def _control(catalogue: Catalogue, control: Control) -> str:
    refers = [f"{catalogue.frameworks[item.framework].title} {_label(catalogue, item.framework, item.ref)}" for item in control.references]
    lines = [
        f"### {control.id}: {text(control.title)} {{#{control.id.lower()}}}",
        "",
        f"{text(control.objective)} Severity {control.severity}, owner {text(control.owner)}.",
        "",
        *(f"- `{item.id}` ({item.method}) {text(item.title)}: {text(means(item))}" for item in control.assessments),
        "",
        f"Refers to: {text('; '.join(refers))}.",
        "",
    ]
    return "\n".join(lines)


def _label(catalogue: Catalogue, framework: str, ref: str) -> str:
    provision = catalogue.frameworks[framework].provisions.get(ref)
    return provision.label if provision is not None else ref


def rules_page() -> str:
    """Every rule in a line, leading to its own page."""
    catalogue = shipped()
    rows = [
        f"| [`{rule.id}`](rules/{rule.id}.md) | {rule.severity} | {_control_links(catalogue, rule, '')} | {text(rule.title)} |"
        for rule in all_rules()
    ]
    lead = "Each is written once and runs on Terraform, plans and CloudFormation before a merge, in Checkov, and in AWS Config; those on source code run"
    return "\n".join(
        (
            "# Rules",
            "",
            f"The {len(rows)} rules that ship. {lead} before a merge only. `averment rules show RULE` prints a rule's page.",
            "",
            "| Rule | Severity | Controls | What must hold |",
            "|---|---|---|---|",
            *rows,
            "",
        )
    )


def rule_page(rule: Rule) -> str:
    """What the rule's author wrote, after the facts that the rule states of itself.

    Raises:
        LookupError: the rule has no page of its author's, which a test forbids.
    """
    written = rule_text(rule)
    if written is None:
        raise LookupError(f"{rule.id} has no README.md")
    heading, _, rest = written.partition("\n")
    facts = (
        f"- **What must hold**: {text(rule.title)}",
        f"- **Severity**: {rule.severity}",
        f"- **Controls**: {_control_links(shipped(), rule, '../')}",
        f"- **Looks at**: {', '.join(f'`{kind}`' for kind in rule.types)}",
        *([f"- **Beside**: {', '.join(f'`{kind}`' for kind in rule.neighbours)}"] if rule.neighbours else []),
        f"- **To mend it**: {text(rule.remediation)}",
    )
    return "\n".join((heading, "", *facts, "", rest.strip(), ""))


def _control_links(catalogue: Catalogue, rule: Rule, up: str) -> str:
    return ", ".join(f"[{control.id}]({up}controls.md#{control.id.lower()})" for control in catalogue.for_policy(rule.id)) or "none"


def frameworks_page() -> str:
    """Every law and standard that controls refer to, with its provisions and dates."""
    catalogue = shipped()
    parts = [
        "# Laws and standards",
        "",
        "What controls are mapped to, with the days that matter. Facts with their sources, no legal advice: only the official journals are authentic.",
        "What binds you follows from your profile: `averment controls list --binding-on DAY`.",
        "",
    ]
    for framework in catalogue.frameworks.values():
        parts += _framework(catalogue, framework)
    return "\n".join(parts)


def _framework(catalogue: Catalogue, framework: Framework) -> Iterable[str]:
    covered: dict[str, list[str]] = {}
    for control in catalogue:
        for reference in control.references:
            if reference.framework == framework.id:
                covered.setdefault(reference.ref, []).append(control.id)
    read = f", read on {framework.as_of.isoformat()}" if framework.as_of else ""
    yield from (f"## {text(framework.title)} {{#{framework.id}}}", "")
    yield from (
        f"`{framework.id}`: {text(framework.full_title or framework.title)}. {text(framework.version)}{read}. <{framework.source}>",
        "",
    )
    yield from ("| Provision | What it is about | Applies from | Controls |", "|---|---|---|---|")
    for provision in framework.provisions.values():
        begins = provision.starts.isoformat() if provision.starts else ""
        doubt = "" if provision.confirmed else " (unconfirmed)"
        names = ", ".join(f"[{name}](controls.md#{name.lower()})" for name in covered.get(provision.ref, []))
        yield f"| {text(provision.label)} | {text(provision.title)}{doubt} | {begins} | {names or text(provision.gap or 'none')} |"
    yield ""


def records_page() -> str:
    """Every kind of record with who writes it, and the fields that all have."""
    writers = {kind: [item for item in (*COLLECTORS, *CONFIGURED) if item.kind is kind] for kind in Kind}
    rows = [f"| `{kind}` | {_writers(kind, writers[kind])} |" for kind in Kind]
    return "\n".join(
        (
            "# Records",
            "",
            "A record is one fact in the ledger: an in-toto Statement in a DSSE envelope, with this predicate. [Collecting evidence](../collecting.md) has the",
            "collectors with their permissions, [How to verify](../verify.md) the formats around it.",
            "",
            "## Kinds",
            "",
            "| Kind | Written by |",
            "|---|---|",
            *rows,
            "",
            f"Records of drills are by `{DRILLS}`.",
            "",
            "## Fields",
            "",
            "Absent values are left out; times are RFC 3339 in UTC.",
            "",
            "| Field | What it says |",
            "|---|---|",
            *(f"| `{name}` | {meaning} |" for name, meaning in FIELDS.items()),
            "",
        )
    )


FIELDS = {
    "id": "UUIDv5 of the canonical JSON of all other fields: the same facts have the same id",
    "kind": "one of the kinds above; it decides the shape of `payload`",
    "collector": "`name` and `version` of what made the record",
    "source": "what was asked, in words",
    "query": "the exact calls and their parameters, enough to ask again",
    "effective_at": "when the fact held",
    "collected_at": "when it was fetched",
    "gathering": "`collected`, `partial` or `could-not-collect`",
    "reason": "why it is not whole; required unless `gathering` is `collected`",
    "account": "the AWS account, where there is one",
    "region": "the AWS region, where there is one",
    "period": "`start` and `end` of what the fact speaks about",
    "population": "`unit`, `total`, `examined`, and whether the listing was `truncated`",
    "redactions": "what was removed before the record was made",
    "controls": "what asked for it: control ids, or `CONTROL/assessment`",
    "payload": "the fact itself",
}
"""The fields of ``Record.to_json``, each in words."""


def _writers(kind: Kind, collectors: list[type[Collector]]) -> str:
    named = [f"collector `{item.name}`: {text(item.summary.rstrip('.'))}" for item in collectors]
    if kind in COMMANDS_THAT_RECORD:
        named.insert(0, COMMANDS_THAT_RECORD[kind])
    return "; ".join(named)
