"""Several accounts: which there are, and clients that act in each through a role of the same name."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from averment.core.aws import aws_errors, client
from averment.core.errors import BadInputError, IncompleteError
from averment.core.extras import require
from averment.core.organisation import Organisation
from averment.core.regions import configured_region, partition_of
from averment.core.source import SourceRef
from averment.evidence.collectors.interface import ClientFactory
from averment.evidence.collectors.redact import ACCOUNT_ID, hide_account

SESSION_NAME = "averment-collect"
SETTINGS = "collect"
"""The key under ``parameters`` in averment.yaml that holds ``role`` and ``external_id``."""

logging.getLogger("botocore.credentials").addHandler(logging.NullHandler())
# A role that can't be assumed is recorded with its reason; without a handler its traceback would go to stderr as well.

_ROLE = re.compile(r"[\w+=,.@/-]{1,512}")
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
"""What STS takes for an external id."""


@dataclass(frozen=True)
class RoleToAssume:
    """The role that is assumed in every account: its name (with path, if it has one) and the external id that its trust asks for."""

    name: str
    external_id: str | None = None

    def arn(self, account: str, partition: str = "aws") -> str:
        """The role's ARN in ``account``."""
        return f"arn:{partition}:iam::{account}:role/{self.name.strip('/')}"


def role_to_assume(organisation: Organisation, name: str | None) -> RoleToAssume | None:
    """The role ``name``, or the one that averment.yaml names (``parameters: {collect: {role: ..., external_id: ...}}``), if any.

    Raises:
        BadInputError: the setting has another shape, or the name or external id is none that a role can have.
    """
    given = organisation.parameters.get(SETTINGS, {})
    where = SourceRef(organisation.file)
    if (
        not isinstance(given, Mapping)
        or set(given) - {"role", "external_id"}
        or not all(isinstance(value, str) for value in given.values())
    ):
        fix = "write {role: AvermentCollect, external_id: shop-evidence}"
        raise BadInputError(f"parameters.{SETTINGS} takes a role and an external_id", where=where, fix=fix)
    external_id = given.get("external_id")
    if external_id is not None and not _EXTERNAL_ID.fullmatch(external_id):
        fix = "write the one that the role's trust policy asks for: 2 to 1,224 letters, digits and +=,.@:/-_"
        raise BadInputError(f"parameters.{SETTINGS}.external_id is not an external id", where=where, fix=fix)
    role = name or given.get("role")
    if role is None:
        return None
    if not _ROLE.fullmatch(role):
        raise BadInputError(f"'{role}' is not the name of a role", where=None if name else where, fix="give the name, without the ARN")
    return RoleToAssume(role, external_id)


def check_accounts(accounts: tuple[str, ...]) -> tuple[str, ...]:
    """``accounts`` without repetitions.

    Raises:
        BadInputError: one isn't twelve digits.
    """
    for account in accounts:
        if not ACCOUNT_ID.fullmatch(account):
            raise BadInputError(f"'{account}' is not an account id", fix="write twelve digits")
    return tuple(dict.fromkeys(accounts))


def check_told_apart(accounts: Iterable[str]) -> None:
    """Whether no two of ``accounts`` are one once their ids are hidden: the record of one would take the place of the other's.

    Raises:
        BadInputError: two end in the same four digits.
    """
    known: dict[str, str] = {}
    for account in accounts:
        other = known.setdefault(hide_account(account), account)
        if other != account:
            raise BadInputError(
                f"the accounts {other} and {account} end in the same four digits: with hidden ids their records could not be told apart",
                fix="collect without --redact-accounts",
            )


ACTIVE = "ACTIVE"
"""The state of an account that can be looked into, as AWS Organizations has it."""


def accounts_of_organisation(make: ClientFactory, region: str | None) -> dict[str, str]:
    """The accounts of the AWS organisation that the credentials belong to, by id and in order, each with its state (``ACTIVE``, ``SUSPENDED``, ...).

    Raises:
        IncompleteError: ListAccounts was refused: it needs ``organizations:ListAccounts`` in the management account or a delegated one. Or it
            named no account: whoever asks is in one, so that a run over none would say nothing of all of them.
    """
    organizations = make("organizations", region=region)
    with aws_errors("list the accounts of the organisation"):
        pages = organizations.get_paginator("list_accounts").paginate()
        found = {str(item["Id"]): str(item.get("State", item.get("Status"))) for page in pages for item in page["Accounts"]}
    if ACTIVE not in found.values():
        raise IncompleteError("AWS Organizations names no active account, so nothing was collected", fix="name the accounts: --account ID")
    return dict(sorted(found.items()))


def clients_in(account: str, role: RoleToAssume, region: str | None = None) -> ClientFactory:
    """Makes clients that act in ``account`` through ``role``. The role is assumed at the first call and again before it expires.

    ``region`` is where it is assumed and whose partition its ARN is of; by default that of the AWS settings.
    """
    credentials = require("botocore.credentials", extra="aws", needed_for="collecting from several accounts")
    with aws_errors(f"prepare to act in account {account}"):
        source = _session()
        place = region or configured_region()
        arn = role.arn(account, partition_of(place))
        extra: dict[str, Any] = {"RoleSessionName": SESSION_NAME}
        if role.external_id is not None:
            extra["ExternalId"] = role.external_id
        fetcher = credentials.AssumeRoleCredentialFetcher(
            client_creator=partial(source.client, region_name=place),
            source_credentials=source.get_credentials(),
            role_arn=arn,
            extra_args=extra,
        )
        session = _session(_Resolver(credentials.DeferredRefreshableCredentials, fetcher))

    def make(service: str, *, region: str | None = None) -> Any:
        return client(service, region=region, patient=True, session=session)

    return make


def _session(credentials: _Resolver | None = None) -> Any:
    """A boto3 session of its own, with ``credentials`` or those of the AWS settings, that reads the models of AWS's services from where all do:
    forty megabytes a session, which for an organisation of two hundred accounts were more than a runner has."""
    boto3 = require("boto3", extra="aws", needed_for="collecting from several accounts")
    core = require("botocore.session", extra="aws", needed_for="collecting from several accounts").Session()
    models = _models()
    core.register_component("data_loader", models)
    if credentials is not None:
        core.register_component("credential_provider", credentials)
    paths = list(models.search_paths)
    session = boto3.Session(botocore_session=core)
    models.search_paths[:] = paths  # each session adds the place of boto3's resources, which nobody asks here
    return session


@cache
def _models() -> Any:
    """What reads the models of AWS's services, and keeps what it has read."""
    session = require("botocore.session", extra="aws", needed_for="collecting from several accounts").Session()
    return session.get_component("data_loader")


class _Resolver:
    """What a botocore session asks for credentials: always those of the assumed role."""

    def __init__(self, deferred: Any, fetcher: Any) -> None:
        self._credentials = deferred(method="assume-role", refresh_using=fetcher.fetch_credentials)

    def load_credentials(self) -> Any:
        """The credentials, which renew themselves."""
        return self._credentials
