"""Owners of what was read that were not read themselves: a bucket that another stack made, a key that a variable names.

What is set on such a bucket or key (an ACL, a policy, a public access block) is a change to it all the same. So the owner stands in
the graph with what is set here, marked ``outside``; several settings of one owner make one of it. Rules then judge what is there,
and whatever isn't set here is unknown, neither a failure nor a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from averment.core.source import SourceRef
from averment.core.words import first_of
from averment.policies.graph.model import Dialect, Problem, PropertyPath, Reference, Resource, Unknown

BUCKET = "AWS::S3::Bucket"
KEY = "AWS::KMS::Key"
NAMES: Mapping[str, str] = {BUCKET: "BucketName", KEY: "KeyId"}
"""Types whose owner appears although it is outside, with the property that holds what it is known by."""

_POLICY = "AWS::S3::BucketPolicy"
_LINKED: Mapping[str, tuple[str, ...]] = {
    _POLICY: ("Bucket",),
    "AWS::S3::AccessPoint": ("Bucket",),
    "AWS::S3::MultiRegionAccessPoint": ("Regions", "Bucket"),
    "Custom::S3BucketNotifications": ("BucketName",),
}
"""Resources of their own that belong to a bucket, and where they name it (the first of two is a list of maps)."""

_OTHER_BUCKETS = frozenset({"Terraform::aws_s3_directory_bucket", "AWS::S3Express::DirectoryBucket"})
"""Buckets of another kind, which the rules don't ask about."""

UNTAGGED = "its tags were not read"
_SHOWN = 6
_OF_AN_INSTANCE = ("${each.", "${count.")


@dataclass(frozen=True)
class Place:
    """Where an owner is first met: the address that it gets, and its place and language."""

    address: str
    source: SourceRef
    dialect: Dialect
    native_type: str


class Outsiders:
    """The owners outside of what was read, made as they are met, among the ``resources`` of one graph (by address)."""

    def __init__(self, resources: dict[str, Resource]) -> None:
        self._resources = resources
        self._made: dict[Any, str] = {}
        self._settings: dict[str, SourceRef] = {}

    def owner(self, kind: str, value: Any, by: str, at: Place) -> Resource | None:
        """The owner of type ``kind`` that ``value`` means; made if it wasn't met before. ``by`` is the address of what belongs to it.

        None if ``value`` is a bucket of another kind.
        """
        linked = self._resources.get(value.address) if isinstance(value, Reference) else None
        if linked is not None and linked.type in _OTHER_BUCKETS:
            return None
        key = _key(kind, value)
        address = self._made.get(key) if key is not None else None
        if address is None:
            address = self._free(at.address)
            properties: dict[str, Any] = {
                NAMES[kind]: value if value is not None else Unknown("it is not named"),
                "Tags": Unknown(UNTAGGED),
            }
            self._resources[address] = Resource(address, kind, properties, at.source, at.dialect, at.native_type, outside=True)
            if key is not None:
                self._made[key] = address
        self._settings.setdefault(by, at.source)
        return self._resources[address]

    def problem(self) -> Iterator[Problem]:
        """What is said of them: once a graph, not by each rule that would like to know more."""
        said = "on a bucket or key that is outside of what was read, or could not be resolved: judged by what is set here alone"
        yield from listed(self._settings, said)

    def _free(self, address: str) -> str:
        found, count = address, 1
        while found in self._resources:
            count += 1
            found = f"{address}{count}" if "#" in address else f"{address}#{count}"
        return found


UNJUDGED = "belongs to what is outside of what was read, or could not be resolved: not judged"


def listed(places: Mapping[str, SourceRef], said: str) -> Iterator[Problem]:
    """One problem about all of ``places`` (addresses); nothing for none."""
    if places:
        names = list(places)
        yield Problem(f"{first_of(names, _SHOWN)}: {said}", places[names[0]], blocking=False)


class Names:
    """What the ``resources`` of one graph are called. Each is looked at once, also of those that are added later."""

    def __init__(self, resources: dict[str, Resource]) -> None:
        self._resources = resources
        self._looked_at = 0
        self._of_kind: dict[str, list[str]] = {}
        self._named: dict[tuple[str, str], tuple[int, dict[Any, str]]] = {}

    def owner(self, kind: str, name_key: str, value: Any) -> Resource | None:
        """The resource of type ``kind`` that ``value`` names: by its literal name, or both written with the same expression."""
        key = _key(kind, value)
        address = self._by_name(kind, name_key).get(key) if key is not None else None
        return self._resources[address] if address is not None else None

    def _by_name(self, kind: str, name_key: str) -> dict[Any, str]:
        new = list(islice(reversed(self._resources), len(self._resources) - self._looked_at))
        self._looked_at += len(new)
        for address in reversed(new):
            if not self._resources[address].outside:
                self._of_kind.setdefault(self._resources[address].type, []).append(address)
        addresses = self._of_kind.get(kind, [])
        done, found = self._named.get((kind, name_key), (0, {}))
        for address in addresses[done:]:
            key = _key(kind, self._resources[address].get(name_key))
            if key is not None:
                found.setdefault(key, address)
        self._named[kind, name_key] = len(addresses), found
        return found


def link_owners(
    resources: dict[str, Resource],
    owner: Callable[[Any], Resource | None],
    outsiders: Outsiders,
    left_out: Callable[[str], bool] = lambda _: False,
) -> None:
    """Let what belongs to a bucket (its policy, an access point) link to it, in the graph or outside.

    ``owner`` finds the bucket of the graph that a value means. A name that is spelt out stays as it is, and so does a link to what is
    ``left_out`` (by address): defined, but not made.
    """
    names = Names(resources)
    for resource in list(resources.values()):
        path = _LINKED.get(resource.type)
        if path is None:
            continue
        place = Place(f"{resource.address}#bucket", resource.source, resource.dialect, resource.native_type)

        def linked(value: Any, resource: Resource = resource, place: Place = place) -> Any:
            found = owner(value)
            if found is None and isinstance(value, Reference) and value.address not in resources and left_out(value.address):
                return value
            if found is None and not isinstance(value, str) and resource.type == _POLICY:
                found = _bucket_of_statements(resource.get("PolicyDocument"), resources, names)
            if found is None:
                found = outsiders.owner(BUCKET, value, resource.address, place)
            return value if found is None or isinstance(value, str) else Reference(found.address)

        changed = _changed(resource.properties, path, linked)
        if changed is not resource.properties:
            resources[resource.address] = replace(resource, properties=changed)


def _bucket_of_statements(document: Any, resources: Mapping[str, Resource], names: Names) -> Resource | None:
    """The one bucket that all statements of a bucket's policy are about: S3 takes none that is about another."""
    written = document.get("Statement") if isinstance(document, Mapping) else None
    found: Resource | None = None
    for statement in written if isinstance(written, list) else [written]:
        entries = statement.get("Resource") if isinstance(statement, Mapping) else None
        for entry in entries if isinstance(entries, list) else [entries]:
            bucket = resources.get(entry.address) if isinstance(entry, Reference) else None
            if bucket is None and isinstance(entry, str):
                bucket = names.owner(BUCKET, NAMES[BUCKET], entry.partition(":::")[2].partition("/")[0])
            if bucket is None or bucket.type != BUCKET or bucket.outside or (found is not None and found is not bucket):
                return None
            found = bucket
    return found


def open_urls(resources: dict[str, Resource]) -> Iterator[Resource]:
    """Function URLs that ask nobody who they are, of functions that weren't read: what stands behind them can't be told."""
    names = Names(resources)
    for url in resources.values():
        if url.type != "AWS::Lambda::Url" or url.get("AuthType") == "AWS_IAM":
            continue
        function = url.get("TargetFunctionArn")
        if isinstance(function, str):
            function = function.rsplit(":function:", 1)[-1].partition(":")[0]
        linked = isinstance(function, Reference) and function.address in resources
        if not linked and names.owner("AWS::Lambda::Function", "FunctionName", function) is None:
            yield url


def _changed(properties: Mapping[str, Any], path: PropertyPath, linked: Callable[[Any], Any]) -> Mapping[str, Any]:
    """``properties`` with the link at ``path`` made; as they are where nothing stands there that can be followed."""
    key = str(path[0])
    value = properties.get(key)
    if len(path) == 1:
        return {**properties, key: linked(value)}
    if not isinstance(value, list):
        return properties
    return {**properties, key: [_changed(item, path[1:], linked) if isinstance(item, Mapping) else item for item in value]}


def _key(kind: str, value: Any) -> Any:
    """What two settings of one owner have in common; None where that can't be told."""
    if isinstance(value, Unknown):
        return (kind, "template", value.template) if _comparable(value) else None
    return (kind, value) if isinstance(value, str | Reference) else None


def _comparable(value: Unknown) -> bool:
    """Whether the same expression elsewhere means the same: one without a hole of which nothing is known, nor one of an instance."""
    template = value.template or "${?}"
    return "${?}" not in template and not any(part in template for part in _OF_AN_INSTANCE)
