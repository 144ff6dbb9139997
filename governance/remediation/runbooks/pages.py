"""The page of a runbook, written from its document and from the record of what was executed, so that it can't promise what isn't there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from averment.controls.loader import load_catalogue
from averment.governance.remediation.markdown import bullets, table
from averment.governance.remediation.permissions import Call, as_text, calls_of, role_policy, step_calls
from averment.governance.remediation.runbooks import ShippedRunbook, runbook_names, shipped_runbook
from averment.governance.remediation.runbooks.executed import Executed, Shown, executed, of_runbook, once

_OWN = frozenset({"AutomationAssumeRole"})
_EVERYWHERE = (
    "None of it was executed in a real account. The embedded AWS evaluates bucket policies and no identity policies: that the role suffices was looked "
    "up for each call that was made, by Averment's own reading of the generated policy, not by IAM."
)


def all_pages() -> dict[str, str]:
    """Each runbook's page by its file's name.

    Raises:
        BadInputError: a runbook, the record of executions or a control isn't one.
    """
    shown, catalogue = executed(), load_catalogue()
    return {
        f"{name}.md": render(shipped_runbook(name), shown, [control.id for control in catalogue if control.runbook == name])
        for name in runbook_names()
    }


def render(runbook: ShippedRunbook, shown: Mapping[str, Shown], controls: list[str]) -> str:
    """The page, Markdown. ``controls`` are the ids of those that name the runbook."""
    content = runbook.content
    ran = of_runbook(runbook.name, shown)
    parts = [
        f"# {runbook.title}",
        f"`{runbook.name}`. {' '.join(str(content['description']).split())}",
        f"Named by the controls {', '.join(controls)}." if controls else "",
        f"## When to use it\n\n{runbook.when.strip()}",
        "## Parameters\n\n" + table(("name", "default", "what"), _parameters(content["parameters"])),
        "## Steps\n\n" + table(("step", "what it is", "calls", "then"), _steps(content["mainSteps"])),
        "## Dry run\n\n" + _dry_run(content),
        "## Approval\n\n" + _approval(content),
        "## The way back\n\n" + _way_back(runbook),
        "## Its role\n\n" + _role(runbook),
        "## What was executed where\n\n" + _executed(content, ran),
        "## What remains for a real account\n\n" + bullets([_EVERYWHERE, *(" ".join(item.split()) for item in runbook.remains)]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _parameters(parameters: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for name, entry in parameters.items():
        default = entry.get("default")
        shown = "required" if "default" not in entry else "empty" if default in ("", []) else f"`{json.dumps(default)}`"
        values = f" One of {', '.join(f'`{value}`' for value in entry['allowedValues'])}." if "allowedValues" in entry else ""
        yield f"`{name}`", shown, f"{entry['description']}{values}"


_WHAT = {
    "aws:approve": "waits for an approver",
    "aws:assertAwsResourceProperty": "looks whether it is so",
    "aws:branch": "decides how to go on",
    "aws:executeAwsApi": "one call",
    "aws:executeScript": "a script in Python",
    "aws:loop": "for each",
    "aws:sleep": "ends",
    "aws:waitForAwsResourceProperty": "waits until it is so",
}


def _steps(steps: list[Mapping[str, Any]]) -> Iterator[tuple[str, str, str, str]]:
    for step in steps:
        yield f"`{step['name']}`", f"{_WHAT[step['action']]} (`{step['action']}`)", _calls(step_calls(step)), _then(step)


def _calls(calls: Iterator[Call]) -> str:
    found = sorted({(call.name, call.told) for call in calls})
    direct = [f"`{name}`" for name, told in found if not told]
    told = [f"`{name}`" for name, told in found if told]
    said = [", ".join(direct)] if direct else []
    return "; ".join([*said, *([f"of the way back, what is needed of {', '.join(told)}"] if told else [])]) or "nothing"


def _then(step: Mapping[str, Any]) -> str:
    inputs: Mapping[str, Any] = step.get("inputs") or {}
    said = [
        *(f"`{choice['NextStep']}` if {_condition(choice)}" for choice in inputs.get("Choices", ())),
        *([f"otherwise `{inputs['Default']}`"] if "Default" in inputs else []),
        *([f"`{step['nextStep']}`"] if "nextStep" in step else []),
        *(["the end"] if step.get("isEnd") else []),
        *([f"`{step['onFailure'].removeprefix('step:')}` if it fails"] if str(step.get("onFailure", "")).startswith("step:") else []),
    ]
    return ", ".join(said) or "the next"


def _condition(choice: Mapping[str, Any]) -> str:
    variable = str(choice["Variable"]).strip("{} ")
    ((_, value),) = [(name, value) for name, value in choice.items() if name not in {"Variable", "NextStep"}]
    return f"{variable} is {json.dumps(value) if isinstance(value, bool) else value}"


def _dry_run(content: Mapping[str, Any]) -> str:
    default = content["parameters"]["DryRun"]["default"]
    reads = ", ".join(sorted(f"`{call.name}`" for call in step_calls(content["mainSteps"][0]))) or "nothing"
    start = (
        "It is one unless `DryRun` is `false`; with `averment runbooks run`, unless `--for-real` is given."
        if default
        else "By itself the document runs for real, because AWS Config offers it beside a finding and a person starts it there; "
        "`averment runbooks run` makes a dry run unless `--for-real` is given."
    )
    return (
        f"{start} A dry run ends after `plan`, which reads ({reads}), changes nothing and puts out a sentence that says what would be done."
    )


def _approval(content: Mapping[str, Any]) -> str:
    minutes = next(step["timeoutSeconds"] for step in content["mainSteps"] if step["action"] == "aws:approve") // 60
    waits = f"It waits {minutes} minutes for one of `Approvers`, who reads the plan's sentence, and fails without an answer."
    if "default" not in content["parameters"]["Approvers"]:
        return f"Required. {waits} Nothing is changed before."
    return f"If `Approvers` are named. {waits} Where nobody is named, starting it is the approval."


def _way_back(runbook: ShippedRunbook) -> str:
    steps = runbook.content["mainSteps"]
    lines = [f"{runbook.rollback[0].upper()}{runbook.rollback[1:]}."]
    leading = [step["name"] for step in steps if step.get("onFailure") == "step:putBack"]
    if leading:
        lines.append(
            f"If {' or '.join(f'`{name}`' for name in leading)} fails, `putBack` puts back what was changed by then, all of it also when a part of that "
            "fails, and the execution has failed all the same."
        )
    return bullets(lines)


def _role(runbook: ShippedRunbook) -> str:
    given = {name: f"<{name}>" for name in runbook.content["parameters"] if name != "AutomationAssumeRole"}
    policy = as_text(role_policy(runbook.content, given, region="<region>", account="<account>"))
    needed = " ".join(f"-p {name}=..." for name in _narrowing(runbook))
    return (
        f"The least that lets it work, made from the calls above; in angle brackets stands what you give.\n\n```json\n{policy}\n```\n\n"
        f"```console\n$ averment runbooks role {runbook.name}{f' {needed}' if needed else ''} --account 123456789012\n```"
    )


def _narrowing(runbook: ShippedRunbook) -> list[str]:
    """The parameters that must be given and that a call is about."""
    used = {parameter for call in calls_of(runbook.content) for parameter in call.arguments.values()}
    return [name for name in runbook.required if name in used - _OWN]


def _executed(content: Mapping[str, Any], ran: list[tuple[str, Executed]]) -> str:
    names = [step["name"] for step in _every(content["mainSteps"])]
    taken = {step for _, item in ran for step in item.steps}
    refused = once(call for _, item in ran for call in item.refused)
    never = [f"`{name}`" for name in names if name not in taken]
    dry, approved = sum(item.dry_run for _, item in ran), sum(item.approved for _, item in ran)
    lines = [
        f"Executed {len(ran)} times on the embedded AWS, step by step: {dry} as a dry run, {approved} after an approval that was waited for.",
        f"Of its {len(names)} steps {len(names) - len(never)} were taken" + (f"; never {', '.join(never)}." if never else "."),
        f"Calls that were made to fail: {', '.join(f'`{call}`' for call in refused)}." if refused else "No call was made to fail.",
        "The document was read against AWS's schema of Automation documents (`make test-node`), and each call against botocore's model of the service.",
    ]
    rows = [(sentence, *_outcome(item)) for sentence, item in ran]
    return bullets(lines) + "\n\n" + table(("what was shown", "run", "steps", "it ended as"), dict.fromkeys(rows))


def _outcome(item: Executed) -> tuple[str, str, str]:
    run = "dry run" if item.dry_run else "for real, approved" if item.approved else "for real"
    steps = " → ".join(f"{name} (failed)" if name in item.failed else name for name in item.steps)
    return run, steps, item.status


def _every(steps: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for step in steps:
        yield step
        yield from _every(step["inputs"].get("Steps", []))
