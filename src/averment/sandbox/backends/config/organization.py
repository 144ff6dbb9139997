"""Conformance packs of an organisation: one pack in each of its accounts, in the region of the request, and a state made of theirs.

As in the service: only the management account or a delegated administrator may put one, an account can't touch what came that way, and
one account's failure is the whole pack's. Not covered: accounts that join or leave afterwards, and rules of an organisation
(PutOrganizationConfigRule and its relatives answer 501).
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from moto.config.exceptions import ValidationException
from moto.config.models import config_backends
from moto.core.exceptions import JsonRESTError

from averment.sandbox.backends.config.accounts import SERVICE, organisation_accounts
from averment.sandbox.backends.config.base import ConfigOperations
from averment.sandbox.backends.config.errors import refused
from averment.sandbox.backends.config.packs import Pack, delete_pack, put_pack, settle
from averment.sandbox.backends.config.state import JSON, identifier, state

MAX_PACKS = 50

_TEMPLATE_ERROR = "ConformancePackTemplateValidationException"


@dataclass
class OrganizationPack:
    """``members``: account -> the error with which its pack was refused at once, or None where it was taken on."""

    name: str
    arn: str
    member_name: str
    request: JSON
    updated: float = field(default_factory=time.time)
    members: dict[str, tuple[str, str] | None] = field(default_factory=dict)
    verb: str = "CREATE"

    def described(self) -> JSON:
        """As DescribeOrganizationConformancePacks gives it."""
        kept = ("DeliveryS3Bucket", "DeliveryS3KeyPrefix", "ConformancePackInputParameters", "ExcludedAccounts")
        names = {"OrganizationConformancePackName": self.name, "OrganizationConformancePackArn": self.arn}
        return {**names, **{key: self.request[key] for key in kept if self.request.get(key)}, "LastUpdateTime": self.updated}


class OrganizationOperations(ConfigOperations):
    """PutOrganizationConformancePack and its relatives."""

    def put_organization_conformance_pack(self) -> str:
        request, backend = self._request(), self.config_backend
        name, held = request["OrganizationConformancePackName"], self._held()
        accounts = organisation_accounts(self.current_account, backend.partition)
        if request.get("DeliveryS3Bucket") and not request["DeliveryS3Bucket"].startswith("awsconfigconforms"):
            raise ValidationException("The name of the delivery bucket must begin with awsconfigconforms.")
        pack = held.get(name)
        if pack is None and len(held) >= MAX_PACKS:
            limit = f"The maximum number of organization conformance packs: {MAX_PACKS} is reached."
            raise refused("MaxNumberOfOrganizationConformancePacksExceededException", limit)
        if pack is not None and self._organization_status(pack).endswith("IN_PROGRESS"):
            self._observed(pack)
            raise refused("ResourceInUseException", f"Organization conformance pack {name} is in progress. Try again later.")
        unique = f"{name}-{identifier(8)}"
        base = f"arn:{backend.partition}:config:{backend.region_name}:{backend.account_id}:organization-conformance-pack"
        made = pack or OrganizationPack(name, f"{base}/{unique}", f"OrgConformsPack-{unique}", request)
        made.request, made.updated, made.verb = request, time.time(), "UPDATE" if pack else "CREATE"
        wanted = [account for account in accounts if account not in request.get("ExcludedAccounts", ())]
        self._deploy(made, wanted)
        held[name] = made
        return json.dumps({"OrganizationConformancePackArn": made.arn})

    def describe_organization_conformance_packs(self) -> str:
        request = self._request()
        answer = [pack.described() for pack in self._named(request)]
        return self._page(request, "OrganizationConformancePacks", answer, 100)

    def describe_organization_conformance_pack_statuses(self) -> str:
        request = self._request()
        answer = []
        for pack in self._named(request):
            status = self._organization_status(pack)
            failed = (
                [entry for entry in self._member_states(pack) if entry["Status"].endswith("FAILED")] if status.endswith("FAILED") else []
            )
            error = {"ErrorCode": failed[0]["ErrorCode"], "ErrorMessage": _in_words(failed)} if failed else {}
            answer.append({"OrganizationConformancePackName": pack.name, "Status": status, **error, "LastUpdateTime": pack.updated})
            self._observed(pack)
        return self._page(request, "OrganizationConformancePackStatuses", answer, 100)

    def get_organization_conformance_pack_detailed_status(self) -> str:
        request = self._request()
        filters = request.get("Filters") or {}
        pack = self._one(request)
        answer = [
            entry
            for entry in self._member_states(pack)
            if filters.get("AccountId") in (None, entry["AccountId"]) and filters.get("Status") in (None, entry["Status"])
        ]
        self._observed(pack)
        return self._page(request, "OrganizationConformancePackDetailedStatuses", answer, 100)

    def delete_organization_conformance_pack(self) -> str:
        pack = self._one(self._request())
        if self._organization_status(pack).endswith("IN_PROGRESS"):
            self._observed(pack)
            raise refused("ResourceInUseException", f"Organization conformance pack {pack.name} is in progress. Try again later.")
        pack.verb, pack.updated = "DELETE", time.time()
        for account in pack.members:
            backend = self._backend(account)
            if pack.member_name in state(backend).packs:
                delete_pack(backend, pack.member_name, SERVICE)
        pack.members = dict.fromkeys(pack.members)
        return ""

    def _deploy(self, pack: OrganizationPack, accounts: list[str]) -> None:
        """Put the pack into each of ``accounts`` and withdraw it from others that had it.

        Raises:
            JsonRESTError: the template is refused, which it is before any account has it.
        """
        passed_on = ("TemplateBody", "TemplateS3Uri", "DeliveryS3Bucket", "DeliveryS3KeyPrefix", "ConformancePackInputParameters")
        given = {key: pack.request[key] for key in passed_on if pack.request.get(key) is not None}
        members: dict[str, tuple[str, str] | None] = {}
        for account in accounts:
            try:
                put_pack(self._backend(account), {**given, "ConformancePackName": pack.member_name}, SERVICE)
                members[account] = None
            except JsonRESTError as error:
                if error.error_type == _TEMPLATE_ERROR:
                    raise refused(f"Organization{_TEMPLATE_ERROR}", error.message) from error
                members[account] = (error.error_type, error.message)
        for account in set(pack.members) - set(accounts):
            if pack.member_name in state(self._backend(account)).packs:
                delete_pack(self._backend(account), pack.member_name, SERVICE)
        pack.members = members

    def _member_states(self, pack: OrganizationPack) -> list[JSON]:
        """The state in each account, what was seen to be in progress brought to its end first."""
        found = []
        for account, refusal in sorted(pack.members.items()):
            backend = self._backend(account)
            settle(backend, observing=True)
            member: Pack | None = state(backend).packs.get(pack.member_name)
            entry: JSON = {"AccountId": account, "ConformancePackName": pack.member_name, "LastUpdateTime": pack.updated}
            if refusal is not None:
                entry |= {"Status": f"{pack.verb}_FAILED", "ErrorCode": refusal[0], "ErrorMessage": refusal[1]}
            elif member is None:
                entry["Status"] = "DELETE_SUCCESSFUL"
            else:
                entry["Status"] = member.status.replace("COMPLETE", "SUCCESSFUL")
                if member.reason:
                    entry |= {"ErrorCode": "StackFailure", "ErrorMessage": member.reason}
            found.append(entry)
        return found

    def _organization_status(self, pack: OrganizationPack) -> str:
        """The worst of the accounts' states under the name of what is done."""
        states = [entry["Status"] for entry in self._member_states(pack)]
        for end in ("IN_PROGRESS", "FAILED"):
            if any(status.endswith(end) for status in states):
                return f"{pack.verb}_{end}"
        return f"{pack.verb}_SUCCESSFUL"

    def _observed(self, pack: OrganizationPack) -> None:
        for account in pack.members:
            member: Pack | None = state(self._backend(account)).packs.get(pack.member_name)
            if member is not None:
                member.seen = True

    def _held(self) -> dict[str, OrganizationPack]:
        """The organisation's packs that this account put, those that are deleted everywhere left out."""
        held: dict[str, OrganizationPack] = self._state.organization_packs
        for name in [
            name for name, pack in held.items() if pack.verb == "DELETE" and self._organization_status(pack) == "DELETE_SUCCESSFUL"
        ]:
            del held[name]
        return held

    def _named(self, request: JSON) -> list[OrganizationPack]:
        organisation_accounts(self.current_account, self.config_backend.partition)
        held, names = self._held(), request.get("OrganizationConformancePackNames")
        missing = [name for name in names or () if name not in held]
        if missing:
            raise refused(
                "NoSuchOrganizationConformancePackException",
                "One or more organization conformance packs with specified names are not present. Ensure your names are correct and try "
                f"your request again later: {', '.join(missing)}",
            )
        return [held[name] for name in names or sorted(held)]

    def _one(self, request: JSON) -> OrganizationPack:
        (pack,) = self._named({"OrganizationConformancePackNames": [request["OrganizationConformancePackName"]]})
        return pack

    def _backend(self, account: str) -> Any:
        return config_backends[account][self.region]


def _in_words(failed: list[JSON]) -> str:
    return "; ".join(f"{entry['AccountId']}: {entry['ErrorMessage']}" for entry in failed)
