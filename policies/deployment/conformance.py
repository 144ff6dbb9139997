"""The step that keeps the conformance packs as the controls say, compared rule by rule with what is in the account."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from averment.core.aws import aws_errors, client, error_code
from averment.core.errors import IncompleteError
from averment.policies.deployment.artifact import key_of, mark
from averment.policies.deployment.interface import Action, Change, Kept, Step
from averment.policies.deployment.names import BUILD_TAG, PREFIX, given_name
from averment.policies.deployment.pack import Pack, config_rule, remediation
from averment.policies.deployment.waiting import Sleep, settled

MAX_WAIT_S = 1800
"""AWS Config takes minutes for a pack of a hundred rules."""

_STANDS = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
_IN_USE = "ResourceInUseException"
"""What AWS Config says of a pack that is being put or removed: by somebody else, or by our own call, whose answer was lost on the way."""


class ConformancePacks(Step):
    """``packs``, and no others of ours whose name begins as theirs (``family``): one that the controls no longer fill is removed.

    ``values`` gives the parameters of the templates at the time of the deployment, ``stack_stands`` whether its own stack is there, with the
    function that the rules call. A template that is too large to be handed over goes through ``bucket``.

    Needs ``config:PutConformancePack``, ``DeleteConformancePack``, ``DescribeConformancePackStatus``, ``DescribeConfigRules``,
    ``GetCustomRulePolicy`` and ``DescribeRemediationConfigurations``; for a pack that may be somebody else's, ``config:ListTagsForResource``
    and ``lambda:GetFunctionConfiguration``.
    """

    def __init__(
        self,
        packs: Sequence[Pack],
        family: str,
        values: Callable[[], Mapping[str, str]],
        tags: Mapping[str, str],
        *,
        bucket: str,
        stack_stands: Callable[[], bool] = lambda: False,
        region: str | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        self.packs, self.family, self.tags = tuple(packs), family, dict(tags)
        self.name = f"conformance pack{'s' if len(packs) > 1 else ''} {', '.join(pack.name for pack in packs) or family}"
        self._values, self._bucket, self._sleep = values, bucket, sleep
        self._stack_stands = stack_stands
        self._config: Any = client("config", region=region)
        self._s3: Any = client("s3", region=region)
        self._lambda: Any = client("lambda", region=region)

    def changes(self) -> tuple[Change, ...]:
        states = self._states()
        found = [change for pack in self.packs for change in self._pack_changes(pack, states.get(pack.name))]
        found += [Change(Action.DELETE, f"conformance pack {name}") for name in self._surplus(states)]
        return tuple(found)

    def apply(self) -> None:
        values = dict(self._values())
        for pack in self.packs:
            if any(self._pack_changes(pack, self._settled(pack.name))):
                self._put(pack, values)
        for name in self._surplus(self._states()):
            self._delete(name)

    def present(self) -> tuple[str, ...]:
        return tuple(f"conformance pack {name}" for name in self._own(self._states()))

    def kept(self) -> tuple[Kept, ...]:
        return self._others(self._states())

    def in_the_way(self) -> tuple[Kept, ...]:
        names = {pack.name for pack in self.packs}
        return self._others({name: state for name, state in self._states().items() if name in names})

    def remove(self) -> None:
        for name in self._own(self._states()):
            self._delete(name)

    def _surplus(self, states: Mapping[str, Any]) -> list[str]:
        names = {pack.name for pack in self.packs}
        return self._own({name: state for name, state in states.items() if name not in names})

    def _own(self, states: Mapping[str, Any]) -> list[str]:
        return sorted(name for name, state in states.items() if self._another(state) is None)

    def _others(self, states: Mapping[str, Any]) -> tuple[Kept, ...]:
        told = ((name, self._another(state)) for name, state in sorted(states.items()))
        return tuple(Kept(f"conformance pack {name}", why) for name, why in told if why is not None)

    def _another(self, state: Mapping[str, Any]) -> str | None:
        """Why a pack isn't this deployment's; None where it is, or where nothing speaks against it. AWS Config gives no template back, so its rules
        tell, and the stack with what they call. A tag of ours outweighs both; packs that were put with an older boto3 have none."""
        listed = self._rules_of(str(state["ConformancePackId"]))
        called = {str(item["Source"]["SourceIdentifier"]) for item in listed if item["Source"]["Owner"] == "CUSTOM_LAMBDA"}
        why = None
        if strange := sorted(given_name(item["ConfigRuleName"]) for item in listed if not item["ConfigRuleName"].startswith(PREFIX)):
            why = f"somebody else made it: it has the rule {strange[0]}, which is none of ours, and no tag {BUILD_TAG}"
        elif not self._stack_stands() and (there := sorted(filter(self._is_there, called))):
            name = there[0].rpartition(":")[2]
            why = f"its rules call the function {name}, which no stack of this deployment made, as where Terraform made both"
        return None if why is None or _tagged(self._config, str(state["ConformancePackArn"])) else why

    def _is_there(self, function: str) -> bool:
        try:
            with aws_errors(f"look for the function {function}"):
                self._lambda.get_function_configuration(FunctionName=function)
        except IncompleteError as error:
            if error_code(error) == "ResourceNotFoundException":
                return False
            raise
        return True

    def _states(self) -> dict[str, dict[str, Any]]:
        """The state of every pack of the family, by name."""
        with aws_errors("describe the conformance packs"):
            pages = self._config.get_paginator("describe_conformance_pack_status").paginate()
            listed = [item for page in pages for item in page["ConformancePackStatusDetails"]]
        own = re.compile(rf"{re.escape(self.family)}(?:-\d+)?")
        return {item["ConformancePackName"]: item for item in listed if own.fullmatch(item["ConformancePackName"])}

    def _pack_changes(self, pack: Pack, state: Mapping[str, Any] | None) -> Iterator[Change]:
        title = f"conformance pack {pack.name}"
        if state is None:
            yield Change(Action.CREATE, title, tuple(f"+ {planned.name}" for planned in pack.rules))
            return
        details = tuple(self._rule_differences(pack, state))
        if not details and state["ConformancePackState"] not in _STANDS:  # one that is being removed has its rules yet
            why = "" if _busy(state) else f": {state.get('ConformancePackStatusReason', 'no reason given')}"
            details = (f"it is {state['ConformancePackState']}{why}",)
        if details:
            yield Change(Action.UPDATE, title, details)

    def _rule_differences(self, pack: Pack, state: Mapping[str, Any]) -> Iterator[str]:
        there = self._live_rules(str(state["ConformancePackId"]))
        wanted = {planned.name: planned for planned in pack.rules}
        values = {**{name: value for name, value in pack.parameters.items() if value is not None}, **self._values()}
        for name in sorted({*there, *wanted}):
            if name not in there:
                yield f"+ {name}"
            elif name not in wanted:
                yield f"- {name}"
            else:
                asked = _normal(_filled(config_rule(wanted[name], pack.scope, pack.options), values))
                asked["Remediation"] = _normal_remediation(_filled(remediation(wanted[name], pack.options), values))
                differing = sorted(key for key in {*asked, *there[name]} if asked.get(key) != there[name].get(key))
                if differing:
                    yield f"~ {name}: {', '.join(_WORDS.get(key, key) for key in differing)}"

    def _live_rules(self, pack_id: str) -> dict[str, dict[str, Any]]:
        """The rules of a pack as they are, by the names that they were given, in the form that ``_normal`` gives."""
        own = [item for item in self._rules_of(pack_id) if item["ConfigRuleName"].startswith(PREFIX)]
        return {given_name(item["ConfigRuleName"]): self._live(item) for item in own}

    def _rules_of(self, pack_id: str) -> list[dict[str, Any]]:
        with aws_errors("describe the rules of the conformance pack"):
            pages = self._config.get_paginator("describe_config_rules").paginate()
            listed = [item for page in pages for item in page["ConfigRules"]]
        return [item for item in listed if item["ConfigRuleName"].endswith(f"-{pack_id}")]

    def _live(self, item: Mapping[str, Any]) -> dict[str, Any]:
        name = item["ConfigRuleName"]
        found = _normal(item)
        with aws_errors(f"describe the rule {name}"):
            if item["Source"]["Owner"] == "CUSTOM_POLICY":
                found["Policy"] = self._config.get_custom_rule_policy(ConfigRuleName=name).get("PolicyText")
            answer = self._config.describe_remediation_configurations(ConfigRuleNames=[name])
        configured = answer.get("RemediationConfigurations", ())
        found["Remediation"] = _normal_remediation(configured[0] if configured else {})
        return found

    def _put(self, pack: Pack, values: Mapping[str, str]) -> None:
        parameters = [{"ParameterName": name, "ParameterValue": values[name]} for name in pack.parameters if name in values]
        given: dict[str, Any] = {"ConformancePackName": pack.name, "ConformancePackInputParameters": parameters}
        given.update(delivered(pack, self._s3, self._bucket))
        if takes_tags(self._config, "PutConformancePack"):
            given["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(self.tags.items())]
        refused = asked(f"put the conformance pack {pack.name}", self._config.put_conformance_pack, **given)
        state = self._settled(pack.name)
        if refused is not None and any(self._pack_changes(pack, state)):
            raise refused
        if state is None or state["ConformancePackState"] not in _STANDS:
            said = (
                "gone"
                if state is None
                else f"{state['ConformancePackState']}: {state.get('ConformancePackStatusReason', 'no reason given')}"
            )
            fix = "turn on AWS Config's recorder in this region" if "NoAvailableConfigurationRecorder" in said else None
            raise IncompleteError(f"the conformance pack {pack.name} is {said}", fix=fix)

    def _delete(self, name: str) -> None:
        self._settled(name)
        try:
            refused = asked(f"delete the conformance pack {name}", self._config.delete_conformance_pack, ConformancePackName=name)
        except IncompleteError as error:
            if error_code(error) != "NoSuchConformancePackException":
                raise
            refused = None
        left = self._settled(name)
        if left is not None:
            raise refused or IncompleteError(
                f"the conformance pack {name} is {left['ConformancePackState']}: {left.get('ConformancePackStatusReason', '')}"
            )

    def _settled(self, name: str) -> Mapping[str, Any] | None:
        return settled(lambda: self._states().get(name), _busy, f"the conformance pack {name}", MAX_WAIT_S, self._sleep)


def asked(what: str, call: Callable[..., Any], **given: Any) -> IncompleteError | None:
    """Call it. Returns a refusal because the pack is in use, which is none where the pack comes out as asked for.

    Raises:
        IncompleteError: any other refusal.
    """
    try:
        with aws_errors(what):
            call(**given)
    except IncompleteError as error:
        if error_code(error) != _IN_USE:
            raise
        return error
    return None


def delivered(pack: Pack, s3: Any, bucket: str, *, organisation_wide: bool = False) -> dict[str, str]:
    """How a pack's template is handed over: as it is, or, if it is too large for a request, through ``bucket``, marked as of whose deployment it is.

    Raises:
        IncompleteError: it can't be put there.
    """
    if pack.inline:
        return {"TemplateBody": pack.body}
    made_by = mark(s3.meta.region_name, organisation_wide=organisation_wide)
    key = key_of(made_by, f"{pack.digest}.yaml")
    with aws_errors(f"put the template into {bucket}"):
        s3.put_object(Bucket=bucket, Key=key, Body=pack.body.encode(), Metadata=made_by)
    return {"TemplateS3Uri": f"s3://{bucket}/{key}"}


def takes_tags(config: Any, operation: str) -> bool:
    """Whether this boto3 knows that ``operation`` of AWS Config takes tags (older ones don't)."""
    return "Tags" in config.meta.service_model.operation_model(operation).input_shape.members


def _tagged(config: Any, arn: str) -> bool:
    """Whether a conformance pack has the tag of a deployment.

    Raises:
        IncompleteError: its tags can't be read.
    """
    with aws_errors(f"read the tags of {arn}"):
        pages = config.get_paginator("list_tags_for_resource").paginate(ResourceArn=arn)
        return any(tag["Key"] == BUILD_TAG for page in pages for tag in page.get("Tags", ()))


def _busy(state: Mapping[str, Any]) -> str | None:
    name = str(state["ConformancePackState"])
    return name if name.endswith("_IN_PROGRESS") else None


_WORDS = {
    "Description": "its description",
    "Types": "the types that it looks at",
    "InputParameters": "its parameters",
    "Messages": "what it runs on",
    "Modes": "when it runs",
    "Owner": "how it runs",
    "Function": "its function",
    "Policy": "its Guard text",
    "Remediation": "its runbook",
}


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """``value`` with the template's parameters in their places."""
    if isinstance(value, Mapping):
        if set(value) == {"Ref"}:
            return values.get(value["Ref"], value)
        return {key: _filled(item, values) for key, item in value.items()}
    return [_filled(item, values) for item in value] if isinstance(value, list) else value


def _normal(rule: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a rule what it is, in a form that a template's properties and the service's answer have in common."""
    source = rule["Source"]
    given = rule.get("InputParameters") or {}
    return {
        "Description": rule.get("Description", ""),
        "Types": sorted((rule.get("Scope") or {}).get("ComplianceResourceTypes", ())),
        "InputParameters": json.loads(given) if isinstance(given, str) else dict(given),
        "Messages": sorted((item["MessageType"], item.get("MaximumExecutionFrequency") or "") for item in source.get("SourceDetails", ())),
        "Owner": source["Owner"],
        "Function": source.get("SourceIdentifier"),
        "Modes": sorted(item["Mode"] for item in rule.get("EvaluationModes") or [{"Mode": "DETECTIVE"}]),
        "Policy": (source.get("CustomPolicyDetails") or {}).get("PolicyText"),
    }


def _normal_remediation(value: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("TargetId", "ResourceType", "Parameters", "Automatic")
    return {key: value.get(key) for key in keys} if value else {}
