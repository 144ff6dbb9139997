"""What belongs to the organisation, and which buckets hold media. Standard library only: it travels in the Lambda bundle."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache


class MediaRole(StrEnum):
    """What a bucket holds: unscanned uploads, media that is served, or media that the organisation generates."""

    UPLOAD = "upload"
    PUBLISHED = "published"
    GENERATED = "generated"


@dataclass(frozen=True)
class MediaMatcher:
    """How a bucket in one role is known: by tag, by name pattern (``fnmatch``), or listed by name."""

    role: MediaRole
    tags: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    def why(self, name: str | None, tags: Mapping[str, str]) -> str | None:
        """The reason why a bucket matches ("tag data-class=ugc"), or None."""
        for key, wanted in self.tags.items():
            if key in tags and fnmatch.fnmatchcase(tags[key], wanted):
                return f"tag {key}={tags[key]}"
        if name is None or not _any_of(self.names).match(name.lower()):
            return None
        return next((f"name matches {pattern}" for pattern in self.names if fnmatch.fnmatchcase(name.lower(), pattern.lower())), None)


@lru_cache(maxsize=256)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """One expression for all the patterns: nearly every name that is asked about matches none."""
    return re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in patterns) or r"(?!)")


DEFAULT_MEDIA = (
    MediaMatcher(
        MediaRole.UPLOAD,
        {"data-class": "ugc"},
        ("*upload*", "*quarantine*", "*ugc*", "*user-content*", "*usercontent*", "*selfie*", "*kyc*"),
    ),
    MediaMatcher(MediaRole.GENERATED, {"data-class": "generated-media"}, ("*generated*", "*genai*")),
    MediaMatcher(
        MediaRole.PUBLISHED,
        {"data-class": "published-media"},
        (
            *("*published*", "*media*", "*image*", "*photo*", "*video*", "*picture*", "*avatar*", "*thumbnail*", "*audio*", "*assets*"),
            *("*gallery*", "*portrait*", "*podcast*", "*img*", "vod-*", "*-vod", "*-vod-*"),
        ),
    ),
)

_OTHER = re.compile(
    r"""(?:^|[-_.])(?:
        (?:access)?logs?|logging|tfstate|terraform[-_.]state|artifacts?|artefacts?|cdk   # about media, or not at all
        |lambda[-_.]?(?:uploads?|assets?|functions?|layers?|zips?)|code|source[-_.]?code|packages?|csvs?|athena|remote[-_.]config             # uploads of other things
        |(?:clam(?:[-_.]?av)?|av|(?:anti[-_.]?)?virus)[-_.]?(?:defs?|definitions?|signatures?|db|database)  # what a scanner knows of viruses
        |meta[-_.]?data                                                                # what is known about media
        |intermediate|immediate|remediate|mediat(?:e|ion|or)|remediations?           # words with "media" in them
        |image[-_.]?(?:builder|scan|scanner|scanning)|(?:docker|ecr|ami|container|oci|vm|os|machine|base|golden|disk|iso|boot)[-_.]?(?:images?|imgs?)
        |(?:static|web|website|site|frontend|front[-_.]end|spa|ui|docs|portal|glue|build|deploy|deployment)[-_.]?assets?
    )(?:[-_.]|$)""",
    re.IGNORECASE | re.VERBOSE,
)
"""Parts of names that the default patterns would take for media's, of buckets that hold none."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def words_apart(name: str) -> str:
    """``name`` with a hyphen before each word that a capital alone begins: ``userUploads`` as ``user-Uploads``."""
    return _CAMEL.sub("-", name)


@dataclass(frozen=True)
class Scope:
    """Which accounts and regions are the organisation's own, and which buckets hold media."""

    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    organisation_id: str | None = None
    media: tuple[MediaMatcher, ...] = DEFAULT_MEDIA

    @property
    def guesses(self) -> bool:
        """Whether buckets are known by the default patterns alone: the organisation hasn't said which hold media."""
        return self.media == DEFAULT_MEDIA

    @property
    def by_tags(self) -> bool:
        """Whether a tag can say that a bucket holds media: otherwise nobody has to see its tags."""
        return any(matcher.tags for matcher in self.media)

    def speaks_of_other(self, name: str) -> bool:
        """Whether ``name`` says by a word that the default patterns leave out that a bucket holds something else (``access-logs``)."""
        return self.guesses and _OTHER.search(words_apart(name)) is not None

    def media_role(self, name: str | None, tags: Mapping[str, str]) -> tuple[MediaRole, str] | None:
        """The role of a bucket and why it is thought to have it; None when it holds no media.

        A tag match in any matcher wins over a name match in any: a tag was put there on purpose. The default patterns are wide, so
        names such as ``media-access-logs`` and ``intermediate-results`` are left out of them; an organisation's own patterns are
        taken at their word.
        """
        for matcher in self.media:
            if tags and (reason := matcher.why(None, tags)):
                return matcher.role, reason
        if name is not None and self.speaks_of_other(name):
            return None
        for matcher in self.media:
            if reason := matcher.why(name, {}):
                return matcher.role, reason
        return None
