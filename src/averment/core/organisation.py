"""The organisation's own file, ``averment.yaml``: scope, parameters, overlays, waivers, evidence stores, keys.

The file is optional: without one, the defaults below apply and the program says which assumptions it made.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from averment.core.canonical import is_canonical
from averment.core.errors import BadInputError
from averment.core.files import read_bounded, real
from averment.core.located import Located, load_yaml
from averment.core.schema import check_schema, described, properties
from averment.core.scope import DEFAULT_MEDIA, MediaMatcher, MediaRole, Scope
from averment.core.source import SourceRef

FILE_NAME = "averment.yaml"
_MISNAMED = "averment.yml"
_VERSION = re.compile(rb"(?:^|\r)(?:\xef\xbb\xbf)?(?:\{\s*)?([\"']?)version\1[ \t]*:[ \t]*1\b", re.MULTILINE)
"""The first key of our settings, however it is written in YAML or JSON, and whatever an editor put before it."""
SCHEMA = "core/schemas/averment.schema.json"


@dataclass(frozen=True)
class Waiver:
    """An accepted deviation; void after ``until``. ``resource`` is an address or ARN, in which ``*`` and ``?`` stand for any letters and one.

    Brackets are no pattern: ``aws_s3_bucket.uploads["a"]`` and ``[0]`` are parts of addresses, and mean themselves. With ``accounts`` or ``regions``
    it accepts what evidence from those shows, and nothing in code, which is of none: functions, alarms and rules have one name in all accounts.
    """

    control: str
    resource: str
    owner: str
    approver: str
    reason: str
    until: date
    where: SourceRef
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    @property
    def only_in(self) -> str:
        """In words, the accounts and regions that it is narrowed to; empty where it is for all."""
        return only_in(self.accounts, self.regions)

    def covers(self, control: str, resource: str, today: date) -> bool:
        """Whether this waiver accepts a deviation of ``resource`` from ``control`` today."""
        return self.control == control and matches(self.resource, resource) and today <= self.until


def only_in(accounts: Iterable[str], regions: Iterable[str]) -> str:
    """In words, the places that a waiver is narrowed to: those ``regions`` of those ``accounts``, either for all where none are named."""
    return " of ".join(filter(None, (", ".join(regions), ", ".join(accounts))))


def matches(pattern: str, resource: str) -> bool:
    """Whether a waiver's ``pattern`` (``Waiver.resource``) is or stands for ``resource``."""
    return fnmatch.fnmatchcase(resource, pattern.replace("[", "[[]"))


@dataclass(frozen=True)
class WitnessSettings:
    """Who cosigns checkpoints. ``key``: its verifier key string (C2SP); ``url``: where to ask it, None if it comes by itself."""

    key: str
    url: str | None = None


@dataclass(frozen=True)
class EvidenceSettings:
    """Where the ledger lives, what signs its checkpoints, and who vouches for them.

    ``ledger``: a folder (relative to the file) or ``s3://bucket/prefix``. ``signing_key``: a PEM file with an
    Ed25519 private key, or ``kms:<key id, ARN or alias>``. ``origin``: the log's name in checkpoints (C2SP), schema-less URL.
    ``further_keys`` sign every checkpoint as well, ``former_keys`` are public ones of keys that were lost. ``timestamp_url``: a timestamp authority (RFC 3161), whose certificate leads to
    one in the PEM file ``timestamp_certificates``. ``object_lock_days``: how long the bucket must keep what is written at least.
    """

    ledger: str = ".averment/ledger"
    signing_key: str = ".averment/keys/ledger.pem"
    origin: str = "localhost/averment"
    further_keys: tuple[str, ...] = ()
    former_keys: tuple[str, ...] = ()
    witnesses: tuple[WitnessSettings, ...] = ()
    timestamp_url: str | None = None
    timestamp_certificates: str | None = None
    object_lock_days: int | None = None


@dataclass(frozen=True)
class CheckSettings:
    """How ``averment check`` behaves here unless the command line says otherwise; None is the program's own default.

    ``baseline`` is a path and ``skip`` are patterns on paths, both relative to the file.
    """

    severity: str | None = None
    fail_on: str | None = None
    baseline: str | None = None
    skip: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contract:
    """A contract that asks to be told of incidents: ``within`` from awareness (None: it names no time), when all facts of ``when`` are so."""

    id: str
    party: str
    clause: str
    when: tuple[str, ...]
    within: str | None
    role: str
    where: SourceRef


@dataclass(frozen=True)
class IncidentSettings:
    """How incidents are handled here. ``severity``: a matrix of its own, ``store``: where media is preserved (both relative to the file);
    ``contacts``: how to reach a role; ``targets``: durations by step (``{"contain": "1h"}``)."""

    severity: str | None = None
    store: str | None = None
    keep_days: int = 365
    contacts: Mapping[str, str] = field(default_factory=dict)
    contracts: tuple[Contract, ...] = ()
    targets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Organisation:
    """Everything that the organisation decides. ``root`` is the folder that relative paths start from."""

    name: str = "unnamed organisation"
    profile: Mapping[str, bool] = field(default_factory=dict)
    scope: Scope = field(default_factory=Scope)
    controls: tuple[str, ...] = ("*",)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    overlays: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    evidence: EvidenceSettings = field(default_factory=EvidenceSettings)
    iac: tuple[str, ...] = (".",)
    rules: tuple[str, ...] = ()  # folders of rules of its own
    frameworks: tuple[str, ...] = ()  # folders of frameworks of its own
    check: CheckSettings = field(default_factory=CheckSettings)
    incidents: IncidentSettings = field(default_factory=IncidentSettings)
    site_level: str = "internal"  # for whom the governance site is built unless the command line says otherwise
    root: Path = field(default_factory=Path)
    file: str | None = None

    def parameter(self, path: str) -> Any:
        """The parameter at ``path``, a name or a collector's name and one of its own (``signing-calls.keys``); None where there is none."""
        value: Any = self.parameters
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    @property
    def rule_parameters(self) -> dict[str, Any]:
        """The parameters that rules read, by which one may pass or not be asked: all but those that stand under a collector's name or the like."""
        flat = {name: value for name, value in self.parameters.items() if not isinstance(value, Mapping)}
        return {name: value if is_canonical(value) else str(value) for name, value in flat.items()}

    def path(self, text: str) -> Path:
        """``text`` as a path, relative ones from ``root``."""
        return self.root / text


def parameter_meaning(path: str) -> str | None:
    """What the parameter at ``path`` has to be, as the schema of averment.yaml says it; None for one that it doesn't describe."""
    return described(SCHEMA, ("parameters", *path.split(".")))


def described_parameters() -> tuple[str, ...]:
    """The names under ``parameters`` that the schema of averment.yaml describes; others may stand beside them."""
    return properties(SCHEMA, ("parameters",))


def _lies_there(path: Path) -> bool:
    """Whether ``path`` bears the name of the settings, or holds them under the name that they haven't got (a CI job may be called so as well)."""
    if path.name == FILE_NAME:
        return os.path.lexists(path)
    try:
        return path.is_file() and _VERSION.search(read_bounded(path)) is not None
    except BadInputError:
        return False


def find_file(start: Path) -> Path | None:
    """``averment.yaml`` in ``start`` or the nearest folder above it; None where there is none.

    Raises:
        BadInputError: what bears the name there is no file: a folder, or a link that leads nowhere; or the settings lie nearer under a name
            that isn't read. Without what they would have said (which buckets hold media, say), less would be looked at.
    """
    start = real(start)
    found = next(
        (path for folder in (start, *start.parents) for path in (folder / FILE_NAME, folder / _MISNAMED) if _lies_there(path)), None
    )
    if found is not None and found.name == _MISNAMED:
        raise BadInputError("is not read under this name", where=SourceRef(str(found)), fix=f"call it {FILE_NAME}")
    if found is not None and not found.is_file():
        what = "is a link that leads to no file" if found.is_symlink() else "is no file"
        raise BadInputError(
            f"{what}, so nothing is known of the organisation", where=SourceRef(str(found)), fix="put the file there, or move this away"
        )
    return found


def load_organisation(path: str | os.PathLike[str]) -> Organisation:
    """Read and check the file ``path``.

    Raises:
        BadInputError: unreadable, not YAML, or against the schema; names file and line.
    """
    path = Path(path)
    document = load_yaml(path)
    check_schema(document, SCHEMA)
    value: dict[str, Any] = document.value
    organisation = value.get("organisation", {})
    check = value.get("check", {})
    return Organisation(
        name=organisation.get("name", "unnamed organisation"),
        profile=organisation.get("profile", {}),
        scope=_scope(document),
        controls=tuple(value.get("controls", ["*"])),
        parameters=value.get("parameters", {}),
        overlays=value.get("overlays", {}),
        waivers=tuple(_waiver(document, index) for index in range(len(value.get("waivers", [])))),
        evidence=_evidence(value.get("evidence", {})),
        iac=tuple(value.get("iac", ["."])),
        rules=tuple(value.get("rules", ())),
        frameworks=tuple(value.get("frameworks", ())),
        check=CheckSettings(check.get("severity"), check.get("fail_on"), check.get("baseline"), tuple(check.get("skip", ()))),
        incidents=_incidents(document),
        site_level=value.get("site", {}).get("level", "internal"),
        root=path.parent,
        file=str(path),
    )


def _scope(document: Located) -> Scope:
    value: Mapping[str, Any] = document.value.get("scope", {})
    for index, entry in enumerate(value.get("media", ())):
        if not any(entry.get(way) for way in ("tags", "names", "listed")):
            where = document.where(("scope", "media", index))
            fix = "add tags: {data-class: ugc}, names: [acme-uploads-*] or listed: [acme-uploads]"
            raise BadInputError("no bucket is known by this: it has neither tags nor names nor a list", where=where, fix=fix)
    media = tuple(
        MediaMatcher(MediaRole(entry["role"]), entry.get("tags", {}), (*entry.get("names", ()), *entry.get("listed", ())))
        for entry in value.get("media", ())
    )
    return Scope(
        accounts=tuple(value.get("accounts", ())),
        regions=tuple(value.get("regions", ())),
        organisation_id=value.get("organisation_id"),
        media=media or DEFAULT_MEDIA,
    )


def _evidence(value: Mapping[str, Any]) -> EvidenceSettings:
    defaults, timestamps = EvidenceSettings(), value.get("timestamps", {})
    return EvidenceSettings(
        ledger=value.get("ledger", defaults.ledger),
        signing_key=value.get("signing_key", defaults.signing_key),
        origin=value.get("origin", defaults.origin),
        further_keys=tuple(value.get("further_keys", ())),
        former_keys=tuple(value.get("former_keys", ())),
        witnesses=tuple(WitnessSettings(item["key"], item.get("url")) for item in value.get("witnesses", ())),
        timestamp_url=timestamps.get("url"),
        timestamp_certificates=timestamps.get("certificates"),
        object_lock_days=value.get("object_lock_days"),
    )


def _incidents(document: Located) -> IncidentSettings:
    value: Mapping[str, Any] = document.value.get("incidents", {})
    defaults = IncidentSettings()
    contracts = tuple(
        Contract(
            entry["id"],
            entry["with"],
            entry["clause"],
            tuple(entry["when"]),
            entry.get("within"),
            entry.get("role", "legal"),
            document.where(("incidents", "contracts", index)),
        )
        for index, entry in enumerate(value.get("contracts", ()))
    )
    return IncidentSettings(
        severity=value.get("severity"),
        store=value.get("store"),
        keep_days=value.get("keep_days", defaults.keep_days),
        contacts=value.get("contacts", {}),
        contracts=contracts,
        targets=value.get("targets", {}),
    )


def _waiver(document: Located, index: int) -> Waiver:
    entry = document.value["waivers"][index]
    where = document.where(("waivers", index))
    try:
        until = date.fromisoformat(entry["until"])
    except ValueError as error:
        raise BadInputError(
            f"'{entry['until']}' is not a day", where=document.where(("waivers", index, "until")), fix="write 2026-12-31"
        ) from error
    places = (tuple(entry.get("accounts", ())), tuple(entry.get("regions", ())))
    return Waiver(entry["control"], entry["resource"], entry["owner"], entry["approver"], entry["reason"], until, where, *places)
