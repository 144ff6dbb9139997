"""Which resources have to do with media: the question with which most rules begin."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.scope import MediaRole, Scope, words_apart
from averment.policies.graph.memo import per_graph_and, per_resource_and
from averment.policies.graph.model import Dialect, Graph, Resource, Unknown, find_unknown
from averment.policies.graph.outside import UNTAGGED
from averment.policies.graph.text import HOLE
from averment.policies.iam.resources import bucket_name
from averment.policies.rules.media_functions import handled, holds_text, looks_everywhere, worked_on
from averment.policies.rules.media_usage import handed_in, uses, without_project

BUCKET = "AWS::S3::Bucket"

_NO_MEDIA = re.compile(
    r"(?:^|[-_])(?:front-?end|web-?sites?|web-?app|static-?site|site|spa|ui|www|web-?client|pages|docs|portal|lambdas?|code|packages?|deployments?)(?:[-_]|$)",
    re.IGNORECASE,
)
"""Parts of a resource's own name (``aws_s3_bucket.frontend``) that say that a bucket holds pages or code, whatever its name is."""
_ANY_BUCKET = re.compile(r"(?:this|main|default|it|bucket|s3|s3_?bucket|b|storage)", re.IGNORECASE)
"""Labels that say only that it is a bucket."""
_WEB = re.compile(r"(?:^|[-_])(?:web|html|cdn|admin)(?:[-_]|$)", re.IGNORECASE)
MEDIA_TELLS = (BUCKET, "AWS::IAM::Role", "AWS::IAM::ManagedPolicy")
"""What ``media_role`` looks at besides the bucket, by the default patterns: what a rule names under ``guessing``."""

_PARAMETER = re.compile(r"\$\{(?:\w+[.:])*(\w+)\}")
_VARIABLE = re.compile(r"\$\{(?:\w+\()*(?:var|local)\.(\w+)(?:[,)][^}]*)?\}")
"""What is not known of a name: parameters of a template, variables of Terraform, be they in lower case or trimmed."""

BROWSER_WRITES = frozenset({"PUT", "POST", "*"})
"""Methods of a CORS rule that let browsers upload."""

PUBLIC_ACLS = ("PublicRead", "PublicReadWrite", "AuthenticatedRead")
"""Canned ACLs by which anybody reads, or everybody who has an account of AWS."""


def media_role(bucket: Resource, scope: Scope, graph: Graph | None = None) -> tuple[MediaRole, str] | None:
    """The media role of ``bucket`` and the reason, by its tags and name (of which a part may be known, ``${var.env}-uploads``).

    Its address (``aws_s3_bucket.uploads``, or the module it stands in) is asked where the name doesn't tell, unless the name or the
    address speak of something else; then, where nothing of the name is known, the parameter that it is. By the default patterns, a media
    bucket whose CORS rules let browsers PUT or POST takes uploads, whatever its name says: ``photos`` tells the subject, not the role.

    With its ``graph``, words of the project's own name (``photo-app-dev-exports``) say nothing of a bucket while others hold the
    media, and a bucket whose objects are looked at by Rekognition, or converted as video, holds media whatever its name says, by roles
    or, where it was looked at, by the source of a function. One to which people write with the rights of an identity pool takes uploads, and
    so does a media bucket to which partners write by AWS Transfer Family.
    """
    return _role(bucket, scope, None) if graph is None else _role_beside(bucket, scope, graph)


def _role(bucket: Resource, scope: Scope, graph: Graph | None) -> tuple[MediaRole, str] | None:
    found = _by_name(bucket, scope, graph)
    if not scope.guesses or (found is not None and (found[0] is MediaRole.UPLOAD or found[1].startswith("tag "))):
        return found
    use = uses(graph).get(bucket.address) if graph is not None else None
    if use is not None and use.uploads and not holds_logs(bucket, scope):
        return MediaRole.UPLOAD, f"{found[1]}, and {use.why}" if found is not None else use.why
    if found is None and graph is not None and not _holds_other(bucket, scope):
        found = _by_use(bucket, graph)
    if found is not None and browsers_upload(bucket):
        return MediaRole.UPLOAD, f"{found[1]}, and its CORS rules let browsers upload"
    if found is not None and graph is not None and (partners := handed_in(graph).get(bucket.address)) is not None:
        return MediaRole.UPLOAD, f"{found[1]}, and {partners}"
    return found


_role_beside = per_resource_and(_role)
"""Every rule on a bucket begins with this question."""


def _by_use(bucket: Resource, graph: Graph) -> tuple[MediaRole, str] | None:
    """The role by who works on the bucket's objects, or lets people put them there for somebody who looks at pictures everywhere."""
    use, worked, handler = uses(graph).get(bucket.address), worked_on(graph).get(bucket.address), handled(graph).get(bucket.address)
    if use is not None and not holds_text(bucket):
        return MediaRole.PUBLISHED, use.why
    if worked is not None:
        return worked.role, worked.why
    if handler is not None:
        return MediaRole.PUBLISHED, handler
    if browsers_upload(bucket) and not _WEB.search(words_apart(_label(bucket))) and (looker := looks_everywhere(graph)) is not None:
        return MediaRole.PUBLISHED, f"{looker} may look at the objects of every bucket by Rekognition"
    return None


def _by_name(bucket: Resource, scope: Scope, graph: Graph | None) -> tuple[MediaRole, str] | None:
    name, label = _known_name(bucket), _label(bucket)
    if not scope.guesses:
        return scope.media_role(name or label, bucket.tags) or (scope.media_role(label, {}) if _partly(bucket) else None)
    if (tagged := scope.media_role(None, bucket.tags)) is not None:
        return tagged
    if _NO_MEDIA.search(words_apart(label)) and scope.media_role(label, {}) is None:
        return None
    found = scope.media_role(name, {}) if name is not None else None
    if found is None:
        if name is not None:
            return None if _speaks_of_pages(name) or scope.speaks_of_other(name) else scope.media_role(label, {})
        return scope.media_role(label, {}) or _by_parameter(bucket, label, scope)
    if graph is None or name is None or scope.media_role(without_project(name, graph), {}) is not None:
        return found
    return scope.media_role(label, {}) or (None if scope.speaks_of_other(label) or _others_hold_media(graph, scope) else found)


def _by_parameter(bucket: Resource, label: str, scope: Scope) -> tuple[MediaRole, str] | None:
    """The role by what a parameter or variable is called that alone gives the bucket its name (``!Ref UploadBucketName``)."""
    name = bucket_name(bucket)
    template = (name.template or "") if isinstance(name, Unknown) else ""
    words = "-".join(_PARAMETER.findall(template) if bucket.dialect is Dialect.CLOUDFORMATION else _VARIABLE.findall(template))
    if not words or scope.speaks_of_other(label) or _speaks_of_pages(words):
        return None
    found = scope.media_role(words, {})
    return (found[0], f"its name is {template}, which matches {found[1].rpartition(' ')[2]}") if found is not None else None


def _known_name(bucket: Resource) -> str | None:
    """What is known of the bucket's name, the holes of its template left out; None if nothing is."""
    name = bucket_name(bucket)
    if isinstance(name, str):
        return name
    return (HOLE.sub("", name.template) if name is not None and name.template else "").strip("-_.") or None


def _partly(bucket: Resource) -> bool:
    return not isinstance(bucket_name(bucket), str)


def _label(bucket: Resource) -> str:
    """The bucket's name in its file; in a module that calls it ``this`` or the like, the module's."""
    parts = [part.partition("[")[0] for part in bucket.address.split(".")]
    if _ANY_BUCKET.fullmatch(parts[-1]) and "module" in parts[:-1]:
        return parts[len(parts) - 1 - parts[::-1].index("module") + 1]
    return parts[-1]


def _speaks_of_pages(name: str) -> bool:
    return _NO_MEDIA.search(words_apart(name)) is not None


@per_graph_and
def _others_hold_media(graph: Graph, scope: Scope) -> bool:
    """Whether a bucket of ``graph`` is known to hold media by words of its own: then the project's name tells nothing of the rest."""
    for bucket in graph.of_type(BUCKET):
        name, label = _known_name(bucket), _label(bucket)
        own = without_project(name, graph) if name is not None else None
        if scope.media_role(None, bucket.tags) or scope.media_role(label, {}) or (own is not None and scope.media_role(own, {})):
            return True
    return False


def holds_logs(bucket: Resource, scope: Scope) -> bool:
    """Whether the bucket's name or address says that it holds logs, state, code and the like, by the default patterns."""
    return any(scope.speaks_of_other(text) for text in (_known_name(bucket) or "", _label(bucket)))


def _holds_other(bucket: Resource, scope: Scope) -> bool:
    return holds_logs(bucket, scope) or any(_speaks_of_pages(text) for text in (_known_name(bucket) or "", _label(bucket)))


def browsers_upload(bucket: Resource) -> bool:
    """Whether a CORS rule of ``bucket`` lets browsers write to it: that is how presigned uploads from a page work."""
    rules = bucket.get("CorsConfiguration", "CorsRules")
    methods = (rule.get("AllowedMethods") for rule in rules if isinstance(rule, Mapping)) if isinstance(rules, list) else ()
    return any(isinstance(method, str) and method.upper() in BROWSER_WRITES for given in methods for method in _listed(given))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def canned_acl(bucket: Resource) -> Any:
    """The bucket's canned ACL in CloudFormation's spelling (``PublicRead``), whatever the dialect's (``public-read``)."""
    acl = bucket.get("AccessControl")
    return "".join(part.capitalize() for part in acl.split("-")) if isinstance(acl, str) and acl.islower() else acl


def media_buckets(graph: Graph, scope: Scope, *roles: MediaRole) -> Iterator[tuple[Resource, MediaRole, str]]:
    """The graph's media buckets with role and reason; of ``roles`` only, if some are given."""
    yield from (entry for entry in _media_buckets(graph, scope) if not roles or entry[1] in roles)


@per_graph_and
def _media_buckets(graph: Graph, scope: Scope) -> tuple[tuple[Resource, MediaRole, str], ...]:
    pairs = ((bucket, media_role(bucket, scope, graph)) for bucket in graph.of_type(BUCKET))
    return tuple((bucket, found[0], found[1]) for bucket, found in pairs if found is not None)


def role_unclear(bucket: Resource, scope: Scope) -> Unknown | None:
    """Why it can't be told whether ``bucket`` holds media, if it can't: no match so far, but a tag that could tell isn't known.

    While the organisation hasn't said which buckets hold media, nobody can be expected to tag them: only a tag of the wanted key
    with an unknown value counts then, else every bucket of a module with ``tags = var.tags`` would be in doubt. Once it has said so,
    the name of a bucket that wasn't read could tell as well.
    """
    tags, name = bucket.properties.get("Tags"), bucket_name(bucket)
    if tags is None or media_role(bucket, scope) is not None:
        return None
    if bucket.outside and not scope.guesses and isinstance(name, Unknown):
        return name
    wanted = {key for matcher in scope.media for key in matcher.tags}
    for tag in tags if isinstance(tags, list) else [tags]:
        key = tag.get("Key") if isinstance(tag, Mapping) else tag
        if not isinstance(key, str) and not scope.guesses and wanted:
            return next(find_unknown([tag]), None) or bucket.tags_unknown
        if isinstance(key, str) and key in wanted and (doubt := next(find_unknown([tag]), None)) is not None:
            return doubt
    return None


def may_hold_media(bucket: Resource, scope: Scope) -> Unknown | None:
    """Why ``bucket`` may hold media although nothing says so: nothing of its name is known, nor are all its tags, if it has any.

    Weaker than ``role_unclear`` and true of every bucket of a reusable module, and of one that wasn't read, whose tags may say so: a
    rule asks only where it would find a failure.
    """
    name = bucket_name(bucket)
    if media_role(bucket, scope) is not None or _NO_MEDIA.search(words_apart(bucket.label)):
        return None
    if bucket.outside:
        return name if isinstance(name, Unknown) else _untagged(name, scope)
    if not isinstance(name, Unknown):
        return None
    return None if HOLE.sub("", name.template or "").strip("-_.") else name


def _untagged(name: str | None, scope: Scope) -> Unknown | None:
    """Why a bucket whose name says nothing of media may hold some: its tags weren't read. Logs, code and pages are left in peace."""
    by_tag = any(matcher.tags for matcher in scope.media)
    other = name is not None and (_NO_MEDIA.search(name) is not None or scope.speaks_of_other(name))
    return Unknown(UNTAGGED) if by_tag and not other else None
