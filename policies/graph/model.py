"""Resources in CloudFormation's vocabulary, with links resolved and what is unknown kept as such.

The normal form, whatever the input was:

* ``type`` is a CloudFormation type name and ``properties`` have that type's property names and nesting. A setting that
  Terraform keeps in a resource of its own but CloudFormation keeps inside its owner (``aws_s3_bucket_versioning``,
  ``aws_s3_bucket_notification``, ``aws_s3_bucket_public_access_block`` ...) is merged into its owner.
* Policy documents are plain dicts (parsed JSON), wherever they were written.
* A leaf or subtree is plain JSON data, a ``Reference`` to another resource of the graph, or an ``Unknown``.
* Account, region and stack name of the deployment itself stay symbols within strings, in CloudFormation's spelling whatever
  the dialect: ``${AWS::AccountId}``, ``${AWS::Region}``, ``${AWS::StackName}``, ``${AWS::StackId}`` (the partition is ``aws``).
  So ``arn:aws:iam::${AWS::AccountId}:root`` is the account that the resource is deployed to.
* A boolean is one, even where the source wrote ``"true"``; except inside policy documents, ``Tags`` and ``Variables``, which keep
  their spelling.
* A key's ``Grants`` (a property of our own: Terraform's ``aws_kms_grant``) are documents that say what each lets its grantee do.
* Tags are under ``Tags`` as a list of ``{"Key", "Value"}``; ``Resource.tags`` reads them.
* Application source has a type of our own, ``Averment::Code::Function``: a function that asks Amazon Rekognition about faces.
  Its properties: ``Language``, ``Function`` (as people are told of it), ``Calls`` (``Api``, ``Line``, ``Certain``: the receiver is
  a Rekognition client for sure, ``Http``: a raw request, ``Attributes`` where faces are described), ``Paths`` (a comparison of
  faces as reached from one entry point: ``Api``, ``Line``, ``Entry``, ``EntryFile``, ``EntryLine``, ``Via``, ``Opened``: a session
  was created, ``ReadAt``, and ``Liveness``: ``checked``, ``ignored``, ``none`` or unknown), ``PathsCut`` (why not every
  path was followed, or None), and ``LivenessElsewhere`` (file and line of a liveness result that is read on other paths only).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from averment.core.source import SourceRef

PropertyPath = tuple[str | int, ...]

OUTSIDE = "the resource itself is outside of what was read"
"""Why a setting of a resource isn't known of which only what others set on it was read (``Resource.outside``)."""


class Dialect(StrEnum):
    """The language that a resource was written in; fixes are shown in it."""

    TERRAFORM = "terraform"
    TERRAFORM_PLAN = "terraform-plan"
    CLOUDFORMATION = "cloudformation"
    CONFIG = "aws-config"
    SOURCE = "source-code"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that could not be determined, and why ("variable 'bucket' has no default"). Never equal to a real value.

    ``template`` is what is known of a string, with ``${...}`` for each hole (``"${var.env}-uploads"``): good for recognising
    a name by its pattern, never for proving anything.
    """

    reason: str
    template: str | None = None


@dataclass(frozen=True, slots=True)
class Misshapen(Unknown):
    """What stands there has another shape than expected, which is no reason of the configuration's own: whoever looked at it could not check."""


class Flaw(str):
    """Among ``Graph.consulted``: why something that was looked at is ``Misshapen``."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A link to ``attribute`` of the resource at ``address`` (``Ref`` has the attribute ``Ref``; ARNs have ``Arn``).

    ``suffix`` is text appended to it (``"/*"`` after a bucket's ARN), ``prefix`` text before it.
    """

    address: str
    attribute: str = "Ref"
    suffix: str = ""
    prefix: str = ""


@dataclass(frozen=True)
class Resource:
    """One resource. ``address`` is unique in its graph: ``aws_s3_bucket.uploads``, a logical id, or an ARN.

    ``native_type`` is the type in the dialect's own words. ``lines`` gives places finer than ``source`` for property
    paths (paths in the normal form). ``comments`` are comment lines inside the resource's block (waivers and skips).
    ``outside``: the resource is not among what was read, only settings and policies that others put on it; it has the address
    and place of the first of them, and whatever nobody set here is unknown, since whoever made it may have.
    ``module``: the public module that makes it, if what its arguments mean is known (``terraform-aws-modules/s3-bucket``).
    ``region``: the AWS region that it is written for, with ``${...}`` for what isn't known of it; "" where nothing speaks of regions.
    """

    address: str
    type: str
    properties: Mapping[str, Any]
    source: SourceRef
    dialect: Dialect
    native_type: str = ""
    lines: Mapping[PropertyPath, SourceRef] = field(default_factory=dict)
    comments: tuple[str, ...] = ()
    outside: bool = False
    module: str = ""
    region: str = ""

    def get(self, *path: str | int) -> Any:
        """The value at ``path``; None if absent; the ``Unknown`` or ``Reference`` that stands on the way, if one does."""
        value: Any = self.properties
        if self.outside and path and path[0] not in self.properties:
            return Unknown(OUTSIDE)
        for step in path:
            if isinstance(value, Unknown | Reference):
                return value
            if isinstance(step, int):
                if not isinstance(value, list) or step >= len(value):
                    return None
                value = value[step]
            elif isinstance(value, Mapping):
                value = value.get(step)
            else:
                return None
        return value

    def where(self, *path: str | int) -> SourceRef:
        """The place of ``path``, or of its nearest ancestor with one, or of the resource."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return self.source

    @property
    def label(self) -> str:
        """The resource's own name within its file: ``uploads`` of ``module.x.aws_s3_bucket.uploads[0]``, or the logical id."""
        return self.address.partition("#")[0].rsplit(".", 1)[-1].partition("[")[0]

    @property
    def tags(self) -> Mapping[str, str]:
        """Tags with known keys and values; what is unknown among them is left out (see ``tags_unknown``)."""
        tags = self.properties.get("Tags")
        if not isinstance(tags, list):
            return {}
        pairs = ((tag.get("Key"), tag.get("Value")) for tag in tags if isinstance(tag, Mapping))
        return {key: value for key, value in pairs if isinstance(key, str) and isinstance(value, str)}

    @property
    def tags_unknown(self) -> Unknown | None:
        """The reason why the tags aren't all known, if they aren't."""
        tags = self.properties.get("Tags")
        return next(iter(find_unknown(tags)), None) if tags is not None else None


def find_unknown(value: Any) -> Iterator[Unknown]:
    """Every ``Unknown`` anywhere inside ``value``."""
    if isinstance(value, Unknown):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from find_unknown(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from find_unknown(item)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be read or resolved while a graph was built: it counts as "could not check".

    ``blocking`` is False for what is out of reach by design (a module from a registry): reported and counted as unknown,
    but the run as such is complete. ``fleeting`` is what need not be so again though nothing changed: a matter of time, of memory, or of
    code that isn't ours; it is never recalled.
    """

    reason: str
    where: SourceRef
    blocking: bool = True
    fleeting: bool = False


@dataclass(frozen=True, slots=True)
class MediaCode:
    """What the source of a function shows of pictures, video or sound.

    ``uses`` is the library or service that works on them, as the source names it; ``looks``: it only looks at them or listens (Rekognition,
    Transcribe), and what it writes needn't be media; ``generates``: a model makes pictures or video. ``variables`` are the environment
    variables among the function's that the source mentions.
    """

    uses: str
    looks: bool = False
    generates: bool = False
    variables: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Part:
    """A graph without the resources of which nobody can tell whether they will exist; ``without`` names them, with the reason.

    ``each`` gives the parts that lack what hangs on one condition only, where there are several, but not too many.
    """

    graph: Graph
    without: str
    each: Callable[[], Sequence[Part]] = tuple


EVERYTHING = "*"
"""In ``Graph.consulted``: any type may have been looked for."""

NAMED = "*named"
"""In ``Graph.consulted``: any type may have been looked for but ``UNNAMED``."""

UNNAMED = frozenset({"AWS::CloudTrail::Trail", "AWS::Cognito::IdentityPoolRoleAttachment", "AWS::Pipes::Pipe"})
"""Types from whose names, if they have one, nothing is told of others: who looks through all names does without them."""


class Graph:
    """Resources by address, with the problems met on the way. Iteration is in order of insertion.

    ``consulted`` are the types that were looked for since it was last emptied, and each ``Flaw`` that was met: a verdict can hang on
    nothing else. ``changes`` counts the
    resources that were added: what was worked out of the graph before holds until it moves. ``media_code`` tells, by
    the address of a function, of source beside the configuration that works on media, and ``face_calls`` which operations of Rekognition's on
    faces it calls (``CompareFaces``); nothing where no source was looked at.
    ``certain`` gives, by the address of a resource, what exists for sure if that one does, where that is less than the whole graph.
    ``called`` has, by what the addresses of a module's or nested stack's resources begin with (``module.m.``), the file that calls it.
    """

    def __init__(self, resources: Iterable[Resource] = (), problems: Iterable[Problem] = ()) -> None:
        self._by_address: dict[str, Resource] = {}
        self._by_type: dict[str, list[Resource]] = {}
        self._by_value: dict[tuple[str, str], tuple[dict[str | Reference, list[Resource]], set[str]]] = {}
        self.problems: list[Problem] = list(problems)
        self.changes = 0
        self.consulted: set[str] = set()
        self.media_code: dict[str, MediaCode] = {}
        self.face_calls: dict[str, frozenset[str]] = {}
        self.certain: Callable[[str], Part | None] | None = None
        self.called: Mapping[str, str] = {}
        for resource in resources:
            self.add(resource)

    def __iter__(self) -> Iterator[Resource]:
        self.consulted.add(EVERYTHING)
        self.want()
        return iter(self._by_address.values())

    def __len__(self) -> int:
        self.want()
        return len(self._by_address)

    def named(self) -> Iterator[Resource]:
        """All resources from whose names something may be told, in order of insertion."""
        self.consulted.add(NAMED)
        self.want(but=UNNAMED)
        return (resource for resource in tuple(self._by_address.values()) if resource.type not in UNNAMED)

    def want(self, types: Iterable[str] | None = None, *, but: Collection[str] = ()) -> None:
        """Somebody is about to look for resources of ``types`` (None: of any, ``but`` these): a graph that has some of them at hand only then gets
        them."""

    def add(self, resource: Resource) -> None:
        """Add ``resource``; a second one with the same address is recorded as a problem and left out."""
        self.changes += 1
        self.put(resource)

    def put(self, resource: Resource) -> bool:
        """As ``add``, for a resource that belonged to the graph before: nothing that was worked out of it changes. Whether it is in now."""
        if resource.address in self._by_address:
            first = self._by_address[resource.address].source
            self.problems.append(Problem(f"{resource.address} is already defined at {first}; this one was not checked", resource.source))
            return False
        self._by_address[resource.address] = resource
        self._by_type.setdefault(resource.type, []).append(resource)
        self._by_value.clear()
        return True

    def get(self, address: str) -> Resource | None:
        """The resource at ``address``."""
        found = self._by_address.get(address)
        if found is None:
            self.want()
            found = self._by_address.get(address)
        if found is None:
            self.consulted.add(EVERYTHING)
        return found

    def at(self, address: str, *types: str) -> Resource | None:
        """The resource at ``address`` if it is of any of the CloudFormation ``types``."""
        self.consulted.update(types)
        self.want(types)
        found = self._by_address.get(address)
        return found if found is not None and found.type in types else None

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Resources of any of the CloudFormation ``types``."""
        self.consulted.update(types)
        self.want(types)
        for name in types:
            yield from self._by_type.get(name, ())

    def holding(self, kind: str, name: str, value: str) -> Sequence[Resource]:
        """The resources of the type ``kind`` whose property ``name`` is the text ``value``."""
        return self._values(kind, name).get(value, ())

    def linking(self, kind: str, name: str, address: str) -> Sequence[Resource]:
        """The resources of the type ``kind`` whose property ``name`` is a link to the resource at ``address``, whatever its attribute."""
        return self._values(kind, name).get(Reference(address), ())

    def _values(self, kind: str, name: str) -> Mapping[str | Reference, Sequence[Resource]]:
        """The resources of a type by what one of their properties is: looked through once, not for everybody who asks."""
        self.consulted.add(kind)
        self.want((kind,))
        if (kind, name) not in self._by_value:
            found: dict[str | Reference, list[Resource]] = {}
            before, self.consulted = self.consulted, set()
            for resource in self._by_type.get(kind, ()):
                value = resource.get(name)
                if isinstance(value, str | Reference):
                    found.setdefault(Reference(value.address) if isinstance(value, Reference) else value, []).append(resource)
            self._by_value[kind, name] = (found, self.consulted)
            self.consulted = before
        found, flaws = self._by_value[kind, name]
        self.consulted |= flaws
        return found

    def callers(self, address: str) -> Iterator[str]:
        """The files that call the module or nested stack in which the resource at ``address`` stands, outermost first."""
        ends = (place for place, letter in enumerate(address, 1) if letter == ".") if self.called else ()
        yield from (self.called[address[:end]] for end in ends if address[:end] in self.called)

    def target(self, value: Any) -> Resource | Unknown | None:
        """The resource that ``value`` points to: follows a ``Reference``, keeps an ``Unknown``, None for anything else."""
        if isinstance(value, Reference):
            found = self.get(value.address)
            return found if found is not None else Unknown(f"{value.address} is not part of what was read")
        return value if isinstance(value, Unknown) else None
