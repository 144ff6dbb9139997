"""StartConfigRulesEvaluation: rules run on the items that are recorded now, before the call returns.

A Guard rule runs here; a Lambda rule runs its function's code (``functions``), and fails, as its status then says, where there is
none that can run. Managed rules are AWS's own code: asking for one is refused (501) instead of answered with nothing.
Nothing runs by itself: neither a new rule nor a changed resource starts an evaluation.
"""

from __future__ import annotations

import json
import time

from averment.sandbox.backends.config.base import ConfigOperations
from averment.sandbox.backends.config.evaluations import keep
from averment.sandbox.backends.config.functions import handler_of
from averment.sandbox.backends.config.guard import evaluate
from averment.sandbox.backends.config.state import JSON, Rule, note_run
from averment.sandbox.config_runner import change as change_event
from averment.sandbox.config_runner import in_scope, invocations, items, recorded_types, run_function


class RunOperations(ConfigOperations):
    """StartConfigRulesEvaluation."""

    def start_config_rules_evaluation(self) -> str:
        rules = self._rules(self._request().get("ConfigRuleNames"))
        for rule in rules:
            if rule.definition["Source"]["Owner"] == "AWS":
                raise NotImplementedError(f"the rule {rule.config_rule_name} is a managed rule, whose code only AWS has")
        for rule in rules:
            if "DETECTIVE" in rule.modes:
                self._run(rule)
        return "{}"

    def _run(self, rule: Rule) -> None:
        if rule.definition["Source"]["Owner"] == "CUSTOM_POLICY":
            self._run_policy(rule)
            return
        with handler_of(rule.definition["Source"]["SourceIdentifier"], self._recorder()) as handler:
            if handler is None:
                error = ("Lambda.ResourceNotFoundException", "the embedded AWS has no code to run for this function")
                note_run(self.current_account, self.region, rule.config_rule_name, error)
                return
            described = rule.described()
            events, unrecorded = invocations(self._recorder().client("config"), described)
            run_function(described, handler, events, unrecorded, self.region)

    def _run_policy(self, rule: Rule) -> None:
        """Evaluate a Guard rule on every recorded item in its scope; what is no longer there loses its result."""
        recorded = recorded_types(self.current_account, self.region)
        types = rule.definition.get("Scope", {}).get("ComplianceResourceTypes") or recorded
        config = self._recorder().client("config")
        invoked = time.time()
        seen: set[tuple[str, str]] = set()
        try:
            for item in (item for kind in types if kind in recorded for item in items(config, kind)):
                if in_scope(rule.definition, item):
                    seen.add((item["resourceType"], item["resourceId"]))
                    keep(self._state, rule.config_rule_id, policy_evaluation(rule, change_event(item)["configurationItem"]), invoked)
        except ValueError as error:
            note_run(self.current_account, self.region, rule.config_rule_name, ("InvalidPolicy", str(error)))
            return
        held = self._state.results.get(rule.config_rule_id, {})
        for key in [key for key in held if key not in seen]:
            del held[key]
        note_run(self.current_account, self.region, rule.config_rule_name)


def policy_evaluation(rule: Rule, item: JSON) -> JSON:
    """The evaluation of ``item`` (under the names that events use) by the Guard ``rule``.

    Raises:
        ValueError: the policy can't be evaluated.
    """
    parameters = json.loads(rule.definition.get("InputParameters") or "{}")
    verdict, annotation = evaluate(rule.definition["Source"]["CustomPolicyDetails"]["PolicyText"], item, parameters)
    evaluation = {
        "ComplianceResourceType": item["resourceType"],
        "ComplianceResourceId": item["resourceId"],
        "ComplianceType": verdict,
        "OrderingTimestamp": time.time(),
    }
    return {**evaluation, "Annotation": annotation} if annotation else evaluation
