"""Reading AWS Config's configuration items: the envelope, and the several ways in which values are written in them.

The same item comes in four spellings: in a rule's event (objects, ``ARN``, ``awsAccountId``), from the API (``configuration``
as JSON text, ``arn``, ``accountId``), in snapshots and history files on S3, and with JSON text inside objects
(``supplementaryConfiguration.AccessControlList``). All are read.

What AWS Config doesn't record of a resource is asked of its service by the function behind the rules, which puts the answer beside
the recorded configuration: ``supplementaryConfiguration[ADDED]``, in CloudFormation's spelling.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from averment.core.source import SourceRef
from averment.policies.graph.model import Misshapen, Unknown

_DELETED = ("ResourceDeleted", "ResourceDeletedNotRecorded")
_UPPER = {
    "acl": "Acl",
    "arn": "Arn",
    "arns": "Arns",
    "id": "Id",
    "kmskeyArn": "KmsKeyArn",
    "okactions": "OKActions",
    "uri": "Uri",
    "url": "Url",
}
ADDED = "Averment"
"""The key of ``supplementaryConfiguration`` under which the function behind the rules puts what it asked of the service itself."""

WHY = "Why"
"""The key beside those facts that says why the service didn't give them."""


@dataclass(frozen=True)
class Item:
    """One configuration item: its envelope, and both configurations as plain data."""

    type: str
    id: str
    name: str
    arn: str
    account: str
    status: str
    configuration: Mapping[str, Any]
    supplementary: Mapping[str, Any]
    tags: Any
    source: SourceRef

    @property
    def deleted(self) -> bool:
        """Whether the resource is gone."""
        return self.status in _DELETED

    @property
    def recorded(self) -> bool:
        """Whether its configuration is in the item (the recorder may know of a resource without recording it)."""
        return self.status != "ResourceNotRecorded" and bool(self.configuration)

    def added(self, name: str, what: str) -> Any:
        """The fact ``name`` that AWS Config doesn't record: the service's answer, or an Unknown that says why there is none.

        ``what`` names the fact in that reason ("which events a trail selects").
        """
        answers = self.supplementary.get(ADDED)
        if isinstance(answers, Mapping) and name in answers:
            return answers[name]
        reason = answers.get(WHY) if isinstance(answers, Mapping) else None
        return Unknown(f"AWS Config doesn't record {what}{f' ({reason})' if reason else ''}")


class Decoded(Mapping[str, Any]):
    """A map whose values are ``decoded`` when they are asked for: of most items beside a resource nobody asks for most parts."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw

    def __getitem__(self, key: str) -> Any:
        return decoded(self._raw[key])

    def __contains__(self, key: object) -> bool:
        return key in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


def read_item(item: Mapping[str, Any]) -> Item:
    """The envelope of ``item``.

    Raises:
        ValueError: it names no resource type or id, or its configuration isn't an object.
    """
    kind, identity = item.get("resourceType"), item.get("resourceId")
    if not isinstance(kind, str) or not isinstance(identity, str):
        raise ValueError("a configuration item without resourceType or resourceId")
    configuration = decoded(item.get("configuration")) or {}
    supplementary = decoded(item.get("supplementaryConfiguration")) or {}
    if not isinstance(configuration, Mapping) or not isinstance(supplementary, Mapping):
        raise ValueError(f"the configuration of {kind} {identity} is not an object")
    name = item.get("resourceName")
    arn = item.get("arn") or item.get("ARN") or field(configuration, "arn") or ""
    return Item(
        type=kind,
        id=identity,
        name=name if isinstance(name, str) else identity,
        arn=str(arn) if arn else identity,
        account=str(item.get("awsAccountId") or item.get("accountId") or ""),
        status=str(item.get("configurationItemStatus") or "OK"),
        configuration=configuration,
        supplementary=Decoded(supplementary),
        tags=item.get("tags") or item.get("Tags"),
        source=SourceRef(arn=str(arn) if arn else identity, captured_at=_moment(item.get("configurationItemCaptureTime"))),
    )


def decoded(value: Any) -> Any:
    """``value``, parsed if it is the JSON text of an object or list (once or twice encoded)."""
    for _ in range(2):
        if not isinstance(value, str) or not value.lstrip().startswith(("{", "[", '"')):
            return value
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def policy(value: Any) -> Any:
    """A policy document: an object, its JSON text, or that text URL-encoded (as IAM returns it)."""
    if value is None or isinstance(value, Unknown):
        return value
    if not isinstance(value, str | Mapping):
        return Misshapen("the policy document of the configuration item is neither text nor an object")
    parsed = decoded(value)
    if isinstance(parsed, str) and "%" in parsed:
        parsed = decoded(unquote(parsed))
    if not isinstance(parsed, Mapping):
        return Misshapen("the policy document of the configuration item is not JSON")
    return parsed if field(parsed, "Statement") is not None else Misshapen("the policy document of the configuration item has no Statement")


def field(value: Any, name: str) -> Any:
    """``value[name]``, whether its first letter is written small or capital, or ``Arn`` is written ``ARN``."""
    if not isinstance(value, Mapping):
        return None
    if name in value:
        return value[name]
    wanted = name.lower()
    return next((item for key, item in value.items() if isinstance(key, str) and key.lower() == wanted), None)


def items_of(value: Any) -> list[Any]:
    """A list, be it plain or wrapped as ``{"quantity": n, "items": [...]}``."""
    if isinstance(value, Mapping):
        value = field(value, "items")
    return list(value) if isinstance(value, list | tuple) else []


DOCUMENTS = frozenset(
    {
        "AssumeRolePolicyDocument",
        "Content",
        "Definition",
        "EventPattern",
        "FilterPolicy",
        "InputParameters",
        "KeyPolicy",
        "Policy",
        "PolicyDocument",
        "RedriveAllowPolicy",
        "RedrivePolicy",
        "RoleMappings",
        "Roles",
        "Variables",
        "RequestParameters",
    }
)
"""Properties whose value is a document of its own, with keys that mean what they say: their letters are left alone."""

_TEXTS = frozenset({"Tags", "Description", "DefinitionString", *DOCUMENTS})
"""Properties whose strings stay strings, whatever they look like."""

_NUMBERS = re.compile(
    r"(?:InDays|Days|Years|Capacity|Threshold|Period|Periods|Count|Percentage|Seconds|MaxReceiveCount|InGB|InMB)$", re.IGNORECASE
)
"""Properties that are numbers, also where an item has them as text."""

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def capitalised(value: Any) -> Any:
    """lowerCamel keys in CloudFormation's spelling, wrapped lists unwrapped, at every depth but inside documents. PascalCase stays.

    Booleans and numbers that are written as text become what they are.
    """
    if isinstance(value, Mapping):
        keys = {str(key).lower() for key, item in value.items() if item is not None}
        if "items" in keys and keys <= {"quantity", "items"} and isinstance(field(value, "items"), list | tuple):
            return [capitalised(item) for item in items_of(value)]
        if keys == {"quantity"} and str(field(value, "quantity")) == "0":
            return []
        pairs = ((_capital(str(key)), item) for key, item in value.items() if item is not None)
        return {key: item if key in DOCUMENTS else typed(key, capitalised(item)) for key, item in pairs}
    if isinstance(value, list | tuple):
        return [capitalised(item) for item in value]
    return value


def typed(name: str, value: Any) -> Any:
    """The text ``value`` of the property ``name`` as the boolean or number that it is; anything else unchanged."""
    if not isinstance(value, str) or name in _TEXTS:
        return value
    if value in ("true", "false"):
        return value == "true"
    if _NUMBERS.search(name) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return value


def tag_list(*sources: Any) -> list[dict[str, str]] | Unknown:
    """Tags as CloudFormation lists them, from a map or from a list of key and value; the first source that has any, or that isn't known.

    What is neither is ``Misshapen``: a resource may be known by its tags alone, and without them it would be nobody's business.
    """
    for source in sources:
        if isinstance(source, Unknown):
            return source
        plain = decoded(source)
        if plain in (None, "", {}, []):
            continue
        pairs = _pairs(plain)
        if pairs is None:
            return Misshapen("the tags of the configuration item are neither a map nor a list of keys and values")
        return [{"Key": str(key), "Value": str(value if value is not None else "")} for key, value in pairs]
    return []


def _pairs(tags: Any) -> list[tuple[Any, Any]] | None:
    if isinstance(tags, Mapping):
        pairs = list(tags.items())
    elif isinstance(tags, list):
        pairs = [(field(tag, "key") or field(tag, "tagKey"), field(tag, "value") or field(tag, "tagValue")) for tag in tags]
    else:
        return None
    return pairs if all(isinstance(key, str) and not isinstance(value, Mapping | list) for key, value in pairs) else None


def _capital(key: str) -> str:
    if key.endswith("ARN") and len(key) > 3 and not key.startswith(("Function", "LambdaFunction", "functionARN", "lambdaFunctionARN")):
        key = f"{key[:-3]}Arn"
    return _UPPER.get(key, key[:1].upper() + key[1:])


def _moment(value: Any) -> datetime | None:
    """A time as the SDK, the API or a file has it: a datetime, seconds since 1970, RFC 3339."""
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
