"""``config-aggregate``: what AWS Config says of the rules that Averment deployed in many accounts, read through one aggregator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.fetch import Fetch
from averment.core.period import iso
from averment.core.source import SourceRef
from averment.evidence.collectors.accounts import check_told_apart
from averment.evidence.collectors.config_compliance import BATCH, evaluated, named_by_config, payload_of
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered
from averment.evidence.record import Kind, Population, Record
from averment.policies.deployment.names import PREFIX, rule_of

BLIND = "an aggregator doesn't tell what could not be checked (NOT_APPLICABLE): config-compliance does, asked in the account itself"
"""Botocore's model of GetAggregateComplianceDetailsByConfigRule: COMPLIANT and NON_COMPLIANT are all that it supports."""

Place = tuple[str, str]  # account, region


class ConfigAggregate(Collector):
    """A record for each account and region that the aggregator ``parameters.config-aggregate.aggregator`` reads, and for each that it should.

    The payload is that of ``config-compliance``, with what the aggregator says of its source under ``aggregator``: ``{"name",
    "status", "updated_at"}``. As an aggregator leaves out resources that could not be checked, a record is partial at best: failures
    in it count, and its passes are no statement about all resources. An account of the organisation's scope, or a source, of which
    there is no result is a record that says so. ``parameters.config-aggregate.region`` is where the aggregator lives.
    """

    name = "config-aggregate"
    version = "1"
    kind = Kind.CONFIG_COMPLIANCE
    permissions = (
        "config:BatchGetAggregateResourceConfig",
        "config:DescribeAggregateComplianceByConfigRules",
        "config:DescribeConfigurationAggregatorSourcesStatus",
        "config:GetAggregateComplianceDetailsByConfigRule",
    )
    regional = False
    spans_accounts = True
    summary = "Compliance of deployed resources in many accounts, from an aggregator of AWS Config."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """The records, one after the other: no more than one account and region is held at a time.

        Raises:
            BadInputError: the organisation names no aggregator, or two accounts can't be told apart once their ids are hidden.
        """
        aggregator, region = self._aggregator(scope)
        client = scope.client("config", region=region)
        listing = Fetch(client, "config")
        asked = {"ConfigurationAggregatorName": aggregator}
        rules: dict[Place, list[Mapping[str, Any]]] = {}
        for page in listing.pages("DescribeAggregateComplianceByConfigRules", asked):
            for rule in page.get("AggregateComplianceByConfigRules", ()):
                if rule["ConfigRuleName"].startswith(PREFIX):
                    rules.setdefault((rule["AccountId"], rule["AwsRegion"]), []).append(rule)
        sources = _sources(listing, asked)
        if listing.problems and not rules:
            yield self.record(scope, Gathered(_source(aggregator), {"calls": listing.calls}, None, listing.problems))
        else:
            places = sorted({*rules, *sources, *_expected(scope, {*rules, *sources})})
            if scope.redact_accounts:
                check_told_apart(account for account, _ in places)
            for place in places:
                yield self._of_place(scope, place, _Read(client, aggregator, listing, rules.get(place, ()), sources.get(place)))

    def _aggregator(self, scope: CollectScope) -> tuple[str, str | None]:
        given = scope.parameters(self.name)
        aggregator, region = given.get("aggregator"), given.get("region", scope.region)
        if not isinstance(aggregator, str) or not aggregator:
            raise BadInputError(
                f"{self.name} doesn't know which aggregator to read",
                where=SourceRef(scope.organisation.file),
                fix=f"in averment.yaml: parameters: {{{self.name}: {{aggregator: <name>, region: <its region>}}}}",
            )
        if region is not None and not isinstance(region, str):
            raise BadInputError(
                f"parameters.{self.name}.region is not text", where=SourceRef(scope.organisation.file), fix="write a region: eu-west-1"
            )
        return aggregator, region

    def _of_place(self, scope: CollectScope, place: Place, read: _Read) -> Record:
        account, region = place
        fetch = Fetch(read.client, "config")
        rules = [read.rule(fetch, rule, place) for rule in sorted(read.rules, key=lambda rule: str(rule["ConfigRuleName"]))]
        read.name_resources(fetch, rules, place)
        problems = [*read.listing.problems, *read.doubts(), *fetch.problems]
        here = replace(scope, account=account, region=region)
        calls: dict[str, JSON] = {"calls": [*read.listing.calls, *fetch.calls], "rules": f"names that start with {PREFIX}"}
        if not rules:
            found = Gathered(_source(read.aggregator), calls, None, problems or [read.nothing(place)])
            return replace(self.record(here, found), region=region)
        payload, number = payload_of(rules)
        state = read.source or {}
        updated = state.get("LastUpdateTime")
        payload["aggregator"] = {
            "name": read.aggregator,
            "status": state.get("LastUpdateStatus"),
            "updated_at": iso(updated) if updated else None,
        }
        population = Population("evaluation results", None, number, bool(fetch.problems))
        return replace(self.record(here, Gathered(_source(read.aggregator), calls, payload, [*problems, BLIND], population)), region=region)


class _Read:
    """What the aggregator lists of one account and region, and the reading of the rest."""

    def __init__(self, client: Any, aggregator: str, listing: Fetch, rules: Sequence[Mapping[str, Any]], source: Any) -> None:
        self.client, self.aggregator, self.listing, self.rules, self.source = client, aggregator, listing, rules, source

    def rule(self, fetch: Fetch, listed: Mapping[str, Any], place: Place) -> dict[str, Any]:
        """One rule with all its resources, as ``config-compliance`` has it."""
        name = str(listed["ConfigRuleName"])
        asked = {"ConfigurationAggregatorName": self.aggregator, "AccountId": place[0], "AwsRegion": place[1], "Limit": 100}
        shown: dict[str, JSON] = {**asked, "ConfigRuleName": "each in payload.rules"}
        pages = fetch.pages("GetAggregateComplianceDetailsByConfigRule", {**asked, "ConfigRuleName": name}, shown=shown)
        resources = [evaluated(result) for page in pages for result in page.get("AggregateEvaluationResults", ())]
        resources.sort(key=lambda resource: (resource["type"], resource["id"]))
        compliance = (listed.get("Compliance") or {}).get("ComplianceType")
        return {"rule": rule_of(name), "config_rule": name, "compliance": compliance, "resources": resources}

    def name_resources(self, fetch: Fetch, rules: Sequence[Mapping[str, Any]], place: Place) -> None:
        """Put beside each resource what people call it, where the aggregator knows."""
        resources = [resource for rule in rules for resource in rule["resources"]]
        keys = named_by_config(resources)
        names: dict[tuple[str, str], str] = {}
        for start in range(0, len(keys), BATCH):
            asked = [
                {"SourceAccountId": place[0], "SourceRegion": place[1], "ResourceType": kind, "ResourceId": identity}
                for kind, identity in keys[start : start + BATCH]
            ]
            request = {"ConfigurationAggregatorName": self.aggregator, "ResourceIdentifiers": asked}
            shown: dict[str, JSON] = {"ConfigurationAggregatorName": self.aggregator, "ResourceIdentifiers": "each in payload.rules"}
            answer = fetch.one("BatchGetAggregateResourceConfig", request, shown=shown) or {}
            for item in answer.get("BaseConfigurationItems", ()):
                if item.get("resourceName"):
                    names[item["resourceType"], item["resourceId"]] = item["resourceName"]
        for resource in resources:
            resource["name"] = names.get((resource["type"], resource["id"]))

    def doubts(self) -> list[str]:
        """Why what the aggregator has of its source may not be what holds there."""
        status = (self.source or {}).get("LastUpdateStatus")
        if status in (None, "SUCCEEDED"):
            return []
        because = self.source.get("LastErrorMessage")
        return [f"the aggregator's copy is not up to date ({status}{f': {because}' if because else ''})"]

    def nothing(self, place: Place) -> str:
        """Why there is no result of a place about which nothing else is known to be wrong."""
        if self.source is None:
            return f"{place[0]} in {place[1]} is not a source of the aggregator {self.aggregator}, and has no result in it"
        return f"no rule of ours has a result in {place[0]} in {place[1]}: not deployed there, or nothing could be checked"


def _source(aggregator: str) -> str:
    return f"AWS Config aggregator {aggregator}"


def _sources(listing: Fetch, asked: Mapping[str, Any]) -> dict[Place, Mapping[str, Any]]:
    """What the aggregator says of each of its sources that is an account. An organisation as a whole has no place; that it can't be read is a
    problem of the listing, for which of its accounts are missing then nobody knows."""
    found: dict[Place, Mapping[str, Any]] = {}
    for page in listing.pages("DescribeConfigurationAggregatorSourcesStatus", asked):
        for source in page.get("AggregatedSourceStatusList", ()):
            if source.get("SourceType") == "ACCOUNT" and source.get("AwsRegion"):
                found[source["SourceId"], source["AwsRegion"]] = source
            elif source.get("SourceType") == "ORGANIZATION" and source.get("LastUpdateStatus") not in (None, "SUCCEEDED"):
                said = ": ".join(filter(None, (source["LastUpdateStatus"], source.get("LastErrorMessage"))))
                listing.problem(
                    f"the aggregator has no up-to-date list of the accounts of {source.get('SourceId', 'the organisation')} ({said})"
                )
    return found


def _expected(scope: CollectScope, known: set[Place]) -> set[Place]:
    """The places of the organisation's scope: its accounts in its regions, or in one region where it names none and nothing is known."""
    wanted = scope.organisation.scope
    if wanted.regions:
        return {(account, region) for account in wanted.accounts for region in wanted.regions}
    there = {account for account, _ in known}
    return {(account, scope.region or "any region") for account in wanted.accounts if account not in there}
