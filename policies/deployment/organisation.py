"""The step that keeps the conformance packs of a whole organisation, from its management account or a delegated administrator's.

AWS Config doesn't give the template of such a pack back, so builds are told apart by a parameter that holds the template's digest. The
function and the runbooks have to be in every account beforehand, as StackSets bring them: ``stack.yaml`` of ``averment rules build``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from averment.core.aws import aws_errors, client, error_code
from averment.core.errors import IncompleteError
from averment.policies.deployment.conformance import MAX_WAIT_S, asked, delivered, takes_tags
from averment.policies.deployment.interface import Action, Change, Kept, Step
from averment.policies.deployment.pack import BUILD, Pack
from averment.policies.deployment.waiting import Sleep, settled

_STANDS = frozenset({"CREATE_SUCCESSFUL", "UPDATE_SUCCESSFUL"})
_NAMED = 3
"""How many accounts an error names."""


class OrganisationPacks(Step):
    """``packs`` in every account of the organisation, and no others of ours in their ``family``.

    Needs ``config:PutOrganizationConformancePack``, ``DeleteOrganizationConformancePack``, ``DescribeOrganizationConformancePacks``,
    ``DescribeOrganizationConformancePackStatuses`` and ``GetOrganizationConformancePackDetailedStatus``.
    """

    def __init__(
        self,
        packs: Sequence[Pack],
        family: str,
        tags: Mapping[str, str],
        *,
        bucket: str,
        region: str | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        self.packs, self.family, self.tags = tuple(packs), family, dict(tags)
        self.name = f"the organisation's conformance pack{'s' if len(packs) > 1 else ''} {', '.join(pack.name for pack in packs) or family}"
        self._bucket, self._sleep = bucket, sleep
        self._config: Any = client("config", region=region)
        self._s3: Any = client("s3", region=region)

    def changes(self) -> tuple[Change, ...]:
        return tuple(self._changes())

    def apply(self) -> None:
        for pack in self.packs:
            state = self._settled(pack.name)
            if self._change(pack, self._there().get(pack.name), state) is not None:
                self._put(pack)
        for name in self._surplus(self._there()):
            self._delete(name)

    def present(self) -> tuple[str, ...]:
        return tuple(f"conformance pack {name} of the organisation" for name in self._own(self._there()))

    def kept(self) -> tuple[Kept, ...]:
        there = self._there()
        why = f"somebody else made it: it has no parameter {BUILD}"
        return tuple(Kept(f"conformance pack {name} of the organisation", why) for name in sorted(set(there) - set(self._own(there))))

    def in_the_way(self) -> tuple[Kept, ...]:
        names = {f"conformance pack {pack.name} of the organisation" for pack in self.packs}
        return tuple(item for item in self.kept() if item.what in names)

    def remove(self) -> None:
        for name in self._own(self._there()):
            self._delete(name)

    def _surplus(self, there: Mapping[str, Any]) -> list[str]:
        names = {pack.name for pack in self.packs}
        return self._own({name: found for name, found in there.items() if name not in names})

    def _own(self, there: Mapping[str, Any]) -> list[str]:
        """Those that have the parameter of a build: AWS Config tells neither the template nor the rules of an organisation's pack."""
        given = {name: {item["ParameterName"] for item in found.get("ConformancePackInputParameters", ())} for name, found in there.items()}
        return sorted(name for name, parameters in given.items() if BUILD in parameters)

    def _changes(self) -> Iterator[Change]:
        there, states = self._there(), self._states()
        for pack in self.packs:
            change = self._change(pack, there.get(pack.name), states.get(pack.name))
            if change is not None:
                yield change
        for name in self._surplus(there):
            yield Change(Action.DELETE, f"conformance pack {name} of the organisation")

    def _change(self, pack: Pack, found: Mapping[str, Any] | None, state: Mapping[str, Any] | None) -> Change | None:
        title = f"conformance pack {pack.name} of the organisation"
        if found is None:
            return Change(Action.CREATE, title, tuple(f"+ {planned.name}" for planned in pack.rules))
        given = {item["ParameterName"]: item["ParameterValue"] for item in found.get("ConformancePackInputParameters", ())}
        details = []
        if given.get(BUILD) != pack.digest:
            details.append(f"its build: {given.get(BUILD, 'unknown')[:12]} -> {pack.digest[:12]}")
        details += [f"parameter {name}: {value}, set by hand" for name, value in sorted(given.items()) if name != BUILD]
        if left_out := sorted(found.get("ExcludedAccounts") or ()):
            details.append(f"accounts that it leaves out: {', '.join(left_out)}")
        if state is not None and state["Status"] not in _STANDS:
            why = "" if _busy(state) else f": {state.get('ErrorMessage', 'no reason given')}"
            details.append(f"it is {state['Status']}{why}")
        return Change(Action.UPDATE, title, tuple(details)) if details else None

    def _put(self, pack: Pack) -> None:
        given: dict[str, Any] = {
            "OrganizationConformancePackName": pack.name,
            "ConformancePackInputParameters": [{"ParameterName": BUILD, "ParameterValue": pack.digest}],
            "ExcludedAccounts": [],  # said, so that none stays left out
            **delivered(pack, self._s3, self._bucket, organisation_wide=True),
        }
        if takes_tags(self._config, "PutOrganizationConformancePack"):
            given["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(self.tags.items())]
        refused = asked(f"put the organisation's conformance pack {pack.name}", self._config.put_organization_conformance_pack, **given)
        state = self._settled(pack.name)
        if refused is not None and self._change(pack, self._there().get(pack.name), state) is not None:
            raise refused
        if state is None or state["Status"] not in _STANDS:
            said = "gone" if state is None else f"{state['Status']}: {state.get('ErrorMessage', 'no reason given')}"
            raise IncompleteError(f"the organisation's conformance pack {pack.name} is {said}{self._members(pack.name)}")

    def _members(self, name: str) -> str:
        """In which accounts it failed, and why, as far as that can be asked."""
        with aws_errors(f"read how {name} does in the accounts"):
            pages = self._config.get_paginator("get_organization_conformance_pack_detailed_status").paginate(
                OrganizationConformancePackName=name
            )
            listed = [item for page in pages for item in page["OrganizationConformancePackDetailedStatuses"]]
        failed = [
            f"{item['AccountId']}: {item.get('ErrorMessage', item['Status'])}" for item in listed if item["Status"].endswith("_FAILED")
        ]
        more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        return f" ({'; '.join(failed[:_NAMED])}{more})" if failed else ""

    def _delete(self, name: str) -> None:
        self._settled(name)
        call = self._config.delete_organization_conformance_pack
        try:
            refused = asked(f"delete the organisation's conformance pack {name}", call, OrganizationConformancePackName=name)
        except IncompleteError as error:
            if error_code(error) != "NoSuchOrganizationConformancePackException":
                raise
            refused = None
        left = self._settled(name)
        if left is not None:
            raise refused or IncompleteError(
                f"the organisation's conformance pack {name} is {left['Status']}: {left.get('ErrorMessage', '')}"
            )

    def _there(self) -> dict[str, dict[str, Any]]:
        with aws_errors("describe the organisation's conformance packs"):
            pages = self._config.get_paginator("describe_organization_conformance_packs").paginate()
            listed = [item for page in pages for item in page["OrganizationConformancePacks"]]
        return {item["OrganizationConformancePackName"]: item for item in listed if self._ours(item["OrganizationConformancePackName"])}

    def _states(self) -> dict[str, dict[str, Any]]:
        with aws_errors("read the states of the organisation's conformance packs"):
            pages = self._config.get_paginator("describe_organization_conformance_pack_statuses").paginate()
            listed = [item for page in pages for item in page["OrganizationConformancePackStatuses"]]
        return {item["OrganizationConformancePackName"]: item for item in listed if self._ours(item["OrganizationConformancePackName"])}

    def _ours(self, name: str) -> bool:
        return re.fullmatch(rf"{re.escape(self.family)}(?:-\d+)?", name) is not None

    def _settled(self, name: str) -> Mapping[str, Any] | None:
        return settled(lambda: self._states().get(name), _busy, f"the organisation's conformance pack {name}", MAX_WAIT_S, self._sleep)


def _busy(state: Mapping[str, Any]) -> str | None:
    status = str(state["Status"])
    return status if status.endswith("_IN_PROGRESS") else None
