"""What a rule is called in AWS Config, both ways."""

from __future__ import annotations

import hashlib
import re

from averment.policies.rules.registry import all_rules

PREFIX = "averment-"
"""How our Config rules are named: ``averment-<rule id>``."""

BUILD_TAG = "averment:build"
"""The tag that stacks and conformance packs of a deployment have; older versions of boto3 knew of none for packs."""

LONGEST = 37
"""Reading compliance takes names of 64 characters (botocore's model of GetComplianceDetailsByConfigRule), of which a conformance pack
adds 27: ``-conformance-pack-`` and nine more."""

_PACK = re.compile(r"-conformance-pack-[a-z0-9]+\Z")
_DIGEST = 6


def config_rule_name(rule_id: str) -> str:
    """The name of the Config rule for ``rule_id``; one that is too long is cut, and a digest of the whole id tells it from others."""
    name = f"{PREFIX}{rule_id}"
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(rule_id.encode()).hexdigest()[:_DIGEST]
    return f"{name[: LONGEST - _DIGEST - 1].rstrip('-')}-{digest}"


def given_name(config_rule: str) -> str:
    """The name that a rule was given, without what a conformance pack appends."""
    return _PACK.sub("", config_rule)


def rule_of(config_rule: str) -> str:
    """The rule that a Config rule runs: ``s3-put-object-gated`` of ``averment-s3-put-object-gated-conformance-pack-abc123def``."""
    name = given_name(config_rule)
    shortened = {config_rule_name(rule.id): rule.id for rule in all_rules()}
    return shortened.get(name) or name.removeprefix(PREFIX)
