"""The edge gate: what CloudFront serves, and how what was served is taken back.

Two functions, for two questions. On *viewer-request* a CloudFront function asks a key-value store whether the key was taken down: it runs
for cached objects too, so that a takedown works within seconds. On *origin-response* Lambda@Edge checks the verdict's seal in the
object's metadata (see ``seals``): an object without one, or with one for another key or size, is refused, so the edge is closed by default.

The media itself can't be looked at there. CloudFront functions see no bodies; Lambda@Edge gets at most 1 MB of a *request's* body, never
that of the origin's response; and objects that are cached skip the origin's side altogether. So the edge reads what the gate said, and
what it can't see, it can't say: a seal proves who judged a key of that size, not which bytes lie under it. Write access to the published
bucket is the gate's alone for that reason.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any

from averment.core.aws import aws_errors, client
from averment.core.canonical import JSON, sha256_hex, stable_id
from averment.core.errors import IncompleteError
from averment.core.http import Probe, check_url, probe
from averment.core.period import iso, utc_now
from averment.detector.gate.edge_cache import begin_invalidation
from averment.detector.gate.pseudonyms import pseudonym_of
from averment.detector.gate.reviews import Reviews, Withdrawn, check_takedown
from averment.detector.gate.verdict import SERVABLE

GONE = frozenset({403, 404, 410, 451})
"""Statuses under which a viewer gets nothing of the object."""


def is_served(status: int | None) -> bool | None:
    """Whether a viewer who is answered ``status`` gets the object. None: that isn't told by it, as by no answer at all, a redirection, a server that
    is overloaded or out of order, or one that doesn't take the question."""
    if status is not None and (200 <= status < 300 or status == 304):
        return True
    return False if status in GONE else None


PROPAGATION_SECONDS = 900.0
_POLL_SECONDS = 5.0


@dataclass(frozen=True)
class Takedown:
    """What was done about one key, and what viewers' addresses answered afterwards. ``withdrawn`` is None if nothing was published any more."""

    key: str
    withdrawn: Withdrawn | None
    invalidation: str | None
    answers: tuple[Probe, ...]
    at: str

    @property
    def still_served(self) -> tuple[Probe, ...]:
        """The addresses at which a viewer still gets it."""
        return tuple(answer for answer in self.answers if is_served(answer.status))

    @property
    def unanswered(self) -> tuple[Probe, ...]:
        """The addresses that gave no answer (each with its error), or one that doesn't tell: what they serve is not known."""
        return tuple(answer for answer in self.answers if is_served(answer.status) is None)

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        return {
            "key": self.key,
            "withdrawn": self.withdrawn is not None,
            "source_version": self.withdrawn.source.version if self.withdrawn else None,
            "sha256": self.withdrawn.sha256 if self.withdrawn else None,
            "case": self.withdrawn.case if self.withdrawn else None,
            "invalidation": self.invalidation,
            "answers": [answer.to_json() for answer in self.answers],
            "at": self.at,
        }


def viewer_request_source() -> str:
    """The CloudFront function's code."""
    return _source("viewer_request.js")


def origin_response_source(*public_keys: bytes) -> str:
    """The code of the Lambda@Edge function that trusts ``public_keys`` (DER, ECDSA P-256): the seal's, and the one before it, as long as
    media are published that it sealed."""
    text = _source("origin_response.js").replace("@PUBLIC_KEYS@", " ".join(base64.b64encode(key).decode() for key in public_keys))
    return text.replace("@SERVABLE@", " ".join(sorted(SERVABLE)))


def takedown_name(key: str) -> str:
    """The name under which the key-value store holds ``key``: names there are shorter than keys of S3 may be."""
    return sha256_hex(key.encode())


def take_down(
    reviews: Reviews,
    key: str,
    *,
    by: str,
    reason: str,
    distribution: str | None = None,
    key_value_store: str | None = None,
    addresses: Sequence[str] = (),
    patience: float = PROPAGATION_SECONDS,
    now: datetime | None = None,
) -> Takedown:
    """Stop ``key`` from being served: forbid and withdraw it, refuse it at the edge, drop it from caches, and ask viewers' addresses.

    Each step can be repeated, so a takedown that stopped is done again. The proof is what ``addresses`` answer from where this runs: other
    edge locations may be seconds behind, which CloudFront's own "Completed" covers. One that can't be reached proves nothing and keeps
    nothing from the log: it is among the answers, with its error.

    Raises:
        BadInputError: no role and name, no reason, no key, an address that is none, or an object that the gate didn't publish.
        IncompleteError: a service failed, or the invalidation didn't complete within ``patience`` seconds.
    """
    for address in addresses:
        check_url(address)  # before anything is done: a mistyped one is no reason to stop half-way
    check_takedown(key, by, reason)
    moment, known_as = now or utc_now(), pseudonym_of(by, reviews.cases)
    withdrawn = reviews.forbid_published(key, by=by, reason=reason, now=moment, missing_ok=True)
    if key_value_store is not None:
        refuse_at_edge(key_value_store, key, f"{iso(moment)} {known_as}")
    invalidation = None
    if distribution is not None:
        invalidation = _invalidate(distribution, key, moment, patience)
    answers = tuple(probe(address) for address in addresses)
    done = Takedown(key, withdrawn, invalidation, answers, iso(moment))
    with aws_errors("log the takedown"):
        told = {"by": known_as, "reason": reason, "authenticated": reviews.authenticated}
        reviews.gate.log.write({"event": "takedown", **told, **done.to_json()})
    return done


def refuse_at_edge(store_arn: str, key: str, why: str, *, store: Any = None) -> None:
    """Put ``key`` into the key-value store that the viewer-request function asks.

    Needs cloudfront-keyvaluestore:DescribeKeyValueStore and PutKey, and botocore's ``crt`` extra, since the service takes SigV4A only.

    Raises:
        IncompleteError: the store is out of reach, or was changed at the same moment three times.
    """
    found, name = store or client("cloudfront-keyvaluestore"), takedown_name(key)
    _change(found, store_arn, f"refuse {key}", lambda tag: found.put_key(KvsARN=store_arn, Key=name, Value=why[:1024], IfMatch=tag))


def admit_at_edge(store_arn: str, key: str, *, store: Any = None) -> None:
    """Take ``key`` out of that store again, as a release does; nothing happens if it isn't in it.

    Needs cloudfront-keyvaluestore:DescribeKeyValueStore and DeleteKey.

    Raises:
        IncompleteError: the store is out of reach, or was changed at the same moment three times.
    """
    found = store or client("cloudfront-keyvaluestore")

    def take_out(tag: str) -> None:
        with suppress(found.exceptions.ResourceNotFoundException):
            found.delete_key(KvsARN=store_arn, Key=takedown_name(key), IfMatch=tag)

    _change(found, store_arn, f"admit {key}", take_out)


def _change(found: Any, store_arn: str, what: str, change: Callable[[str], Any]) -> None:
    """Make a ``change`` of the store as it stands, which its tag names; anew where somebody else was faster."""
    for _ in range(3):
        with aws_errors(f"{what} at the edge"):
            tag = found.describe_key_value_store(KvsARN=store_arn)["ETag"]
            try:
                change(tag)
                return
            except found.exceptions.ConflictException:
                time.sleep(0.2)
    raise IncompleteError(f"the key-value store {store_arn} was changed by others each time", fix="run it again")


def _invalidate(distribution: str, key: str, moment: datetime, patience: float) -> str:
    cloudfront = client("cloudfront")
    reference = stable_id("gate-takedown", {"distribution": distribution, "key": key, "at": iso(moment)})
    deadline = time.monotonic() + patience
    with aws_errors(f"invalidate {key} of {distribution}"):
        made = begin_invalidation(cloudfront, distribution, key, reference)
        while made["Status"].upper() != "COMPLETED":
            if time.monotonic() >= deadline:
                raise IncompleteError(
                    f"the invalidation {made['Id']} of {key} did not complete within {patience:.0f} s", fix="run the takedown again"
                )
            time.sleep(min(_POLL_SECONDS, max(0.0, deadline - time.monotonic())))
            made = cloudfront.get_invalidation(DistributionId=distribution, Id=made["Id"])["Invalidation"]
    return str(made["Id"])


def _source(name: str) -> str:
    return resources.files("averment").joinpath("detector", "gate", "edge", name).read_text(encoding="utf-8")
