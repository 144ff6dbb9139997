"""Resources that aren't there yet: what AWS Config hands to a rule in proactive evaluation, as a resource of the graph.

Their configuration has CloudFormation's property names, which are the normal form. A resource stands alone: whatever a rule looks for
beside it isn't known, and a pass that hangs on it is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, Resource, Unknown
from averment.policies.graph.text import parsed_json
from averment.policies.surfaces.config.items import Item

ALONE = "a resource that is not deployed yet is evaluated without those beside it"
_DOCUMENTS = frozenset({"PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy", "ResourcePolicy"})


def proposed(raw: Mapping[str, Any]) -> tuple[Item, Resource]:
    """The item of a proactive evaluation, and the resource in it.

    Raises:
        ValueError: the configuration isn't a map of properties.
    """
    configuration = raw.get("configuration")
    properties = json.loads(configuration) if isinstance(configuration, str) else configuration
    if not isinstance(properties, Mapping):
        raise ValueError("the configuration is not a map of CloudFormation properties")
    kind, identity = str(raw.get("resourceType")), str(raw.get("resourceId"))
    source = SourceRef(arn=f"proposed:{identity}")
    item = Item(kind, identity, identity, f"proposed:{identity}", str(raw.get("awsAccountId") or ""), "OK", properties, {}, {}, source)
    return item, Resource(identity, kind, _parsed(properties), source, Dialect.CONFIG, native_type=kind)


def _parsed(value: Any) -> Any:
    """``value`` with policy documents that came as text as what they say, and with what only CloudFormation could resolve as unknown."""
    if isinstance(value, Mapping):
        only = next(iter(value)) if len(value) == 1 else ""
        if only == "Ref" or only.startswith("Fn::"):
            return Unknown(f"what {only} comes to isn't known before the deployment")
        return {key: parsed_json(item) if key in _DOCUMENTS and isinstance(item, str) else _parsed(item) for key, item in value.items()}
    return [_parsed(item) for item in value] if isinstance(value, list) else value
