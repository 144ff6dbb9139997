"""What CloudFront hands on for whoever asks it: it signs requests to what stands behind it, and asks nobody who they are unless it is told to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from averment.policies.graph.model import Graph, PropertyPath, Reference, Resource, Unknown
from averment.policies.iam.principals import Who, is_cdn, principals_of
from averment.policies.iam.truth import Truth, all_of, any_of
from averment.policies.interface import Context
from averment.policies.rules.apis import URL
from averment.policies.rules.cdn_media_gated.edge import code_of
from averment.policies.rules.origins import DISTRIBUTION, Origin, behaviours, control_at, members, origins
from averment.policies.rules.storage import READING, bucket_policies, listed, own_reach, policies_unclear, same_bucket

SENDING = frozenset({"PUT", "POST"})
"""Methods by which viewers send objects to S3 through a distribution. (Amazon S3 API Reference, "PutObject", "POST Object".)"""

_BEFORE = {"FunctionAssociations": ("viewer-request",), "LambdaFunctionAssociations": ("viewer-request", "origin-request")}
"""At which events a function stands before what is sent; on the origin's answer it has been written already."""
_MADE = "known only"
"""How it is said of a value that it is made of what a resource will have, at deployment or after apply, and not given from outside."""
_ASKING = re.compile(r"\bmethod\b|authori[sz]ation|cookie|jwt|token|signature|hmac", re.IGNORECASE)
"""Words without which a CloudFront function asks nobody who they are, and refuses no way of writing."""


@dataclass(frozen=True)
class Way:
    """A cache behaviour that leads to what somebody asks about: ``sure``, whether it does; ``asks``, whether it asks viewers who they are."""

    distribution: Resource
    label: str
    path: PropertyPath
    sure: Truth
    asks: Truth

    @property
    def left_open(self) -> Truth:
        """Whether anyone gets through."""
        return all_of((self.sure, self.asks if isinstance(self.asks, Unknown) else not self.asks))


def sent_to(bucket: Resource, graph: Graph) -> Iterator[Way]:
    """The ways by which viewers of a distribution send objects to ``bucket``."""
    for distribution in graph.of_type(DISTRIBUTION):
        yield from ways(distribution, lambda origin: _is(origin, bucket), graph)


def called_by_viewers(url: Resource, graph: Graph, *, reading: bool) -> Iterator[Way]:
    """The ways by which viewers of a distribution call the function behind ``url``: what signs for them is an access control for functions.

    ``reading``: also those that only ask for something.
    """
    for distribution in graph.of_type(DISTRIBUTION):
        yield from ways(distribution, lambda origin: _is_url(origin, url, graph), graph, reading=reading)


def _is_url(origin: Origin, url: Resource, graph: Graph) -> Truth:
    """Whether an origin is the function URL ``url``, and its requests are signed."""
    signs = _signs(origin, graph)
    return all_of((_means(origin, url, graph, alone=signs is True), signs)) if signs is not False else False


def _signs(origin: Origin, graph: Graph) -> Truth:
    """Whether CloudFront signs what it asks of a function that is the origin."""
    given = origin.settings.get("OriginAccessControlId")
    control = control_at(given, graph)
    if control is None:
        unread = Unknown(f"the access control of origin '{origin.id}' is not part of what was read")
        return unread if given not in (None, "") else False
    kind, signing = (control.get("OriginAccessControlConfig", key) for key in ("OriginAccessControlOriginType", "SigningBehavior"))
    return kind if isinstance(kind, Unknown) else kind == "lambda" and signing != "never"


def _means(origin: Origin, url: Resource, graph: Graph, *, alone: bool) -> Truth:
    """Whether an origin's domain is that of ``url``. How it is made of a URL can't always be followed: ``alone``, it is the one that there is."""
    domain = origin.settings.get("DomainName")
    if isinstance(domain, Reference):
        return domain.address == url.address
    if not isinstance(domain, Unknown):
        host = url.get("FunctionUrl")
        return isinstance(host, str) and host.removeprefix("https://").rstrip("/") == domain
    signed = [one for one in graph.of_type(URL) if one.get("AuthType") != "NONE"]
    named = next((one for one in signed if re.search(rf"(?<![\w.]){re.escape(one.address)}\.", domain.template or "")), None)
    if named is not None:
        return named is url
    if alone and len(signed) == 1 and _MADE in domain.reason:
        return True
    return Unknown(f"which function origin '{origin.id}' is: {domain.reason}")


def only_takes(bucket: Resource, context: Context) -> bool:
    """Whether CloudFront may write to ``bucket`` and read nothing of it: its policy gives it the one alone, and all of the policy is known."""
    if policies_unclear(bucket, context.graph) is not None:
        return False
    writes = False
    for _, document in bucket_policies(bucket, context.graph):
        for statement in document.of_effect("Allow"):
            if own_reach(statement, bucket) is False:
                continue
            who = list(principals_of(statement, context.scope, context.graph))
            if any(one.who is Who.ANYONE or isinstance(one.who, Unknown) or is_cdn(one) for one in who):
                if any(statement.covers_action(action) is not False for action in READING):
                    return False
                writes = writes or (statement.covers_action("s3:PutObject") is True and any(map(is_cdn, who)))
    return writes


def viewers(bucket: Resource, context: Context) -> Iterator[tuple[str, Truth]]:
    """That viewers of a distribution write to ``bucket``, by each behaviour, and whether they do: where its policy lets CloudFront."""
    allows = (statement for _, document in bucket_policies(bucket, context.graph) for statement in document.of_effect("Allow"))
    writing = [one for one in allows if one.covers_action("s3:PutObject") is True and own_reach(one, bucket) is True]
    if any(is_cdn(principal) for statement in writing for principal in principals_of(statement, context.scope, context.graph)):
        yield from ((f"{way.label} of {way.distribution.address} lets viewers write", way.sure) for way in sent_to(bucket, context.graph))


def leads_to(bucket: Resource, graph: Graph) -> bool:
    """Whether ``bucket`` is an origin of a distribution that was read."""
    found = (origin for distribution in graph.of_type(DISTRIBUTION) for origin in origins(distribution, graph))
    return any(isinstance(origin, Origin) and _is(origin, bucket) for origin in found)


def _is(origin: Origin, bucket: Resource) -> bool:
    found = origin.bucket
    return isinstance(found, Resource) and (found.address == bucket.address or same_bucket(found.get("BucketName"), bucket) is True)


def ways(distribution: Resource, wanted: Callable[[Origin], Truth], graph: Graph, *, reading: bool = False) -> Iterator[Way]:
    """The behaviours of ``distribution`` that lead to a ``wanted`` origin and let viewers send something (or ask for it: ``reading``)."""
    asked = ((origin.id, wanted(origin)) for origin in origins(distribution, graph) if isinstance(origin, Origin))
    names = {name: sure for name, sure in asked if sure is not False}
    for behaviour, path in behaviours(distribution) if names else ():
        if isinstance(behaviour, Unknown):
            yield Way(distribution, "a behaviour", path, behaviour, False)
            continue
        reached = any_of(names[name] for name in members(behaviour.get("TargetOriginId"), distribution) if name in names)
        if (sure := all_of((reached, reading or _sends(behaviour)))) is not False:
            pattern = behaviour.get("PathPattern")
            label = f"behaviour '{pattern}'" if isinstance(pattern, str) else "the default behaviour"
            yield Way(distribution, label, path, sure, _asks(behaviour, graph))


def _sends(behaviour: Mapping[str, Any]) -> Truth:
    """Whether a behaviour takes a method by which something is sent."""
    methods = listed(behaviour.get("AllowedMethods"))
    if any(isinstance(method, str) and method.upper() in SENDING for method in methods):
        return True
    return next((method for method in methods if isinstance(method, Unknown)), False)


def _asks(behaviour: Mapping[str, Any], graph: Graph) -> Truth:
    """Whether a behaviour asks viewers who they are before it hands on what they send: by signed URLs and cookies, or by a function.

    What a function asks is known where its code is.
    """
    found: list[Truth] = []
    for key in ("TrustedKeyGroups", "TrustedSigners"):
        given = behaviour.get(key)
        found.append(given if isinstance(given, Unknown) else bool(given))
    for key, events in _BEFORE.items():
        for entry in listed(behaviour.get(key)):
            event, arn = (entry.get("EventType"), entry.get("FunctionARN")) if isinstance(entry, Mapping) else (entry, None)
            if isinstance(event, Unknown) or event in events:
                found.append(event if isinstance(event, Unknown) else _function_asks(arn, graph))
    return any_of(found)


def _function_asks(arn: Any, graph: Graph) -> Truth:
    _, code = code_of(arn, graph)
    return _ASKING.search(code) is not None if code else Unknown("what the function at the edge asks of viewers was not read")
