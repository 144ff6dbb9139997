"""Which accounts belong together: the organisation of an account, and the sources of an aggregator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from averment.sandbox.backends.config.errors import refused

SERVICE = "config-multiaccountsetup.amazonaws.com"
"""The service that puts what belongs to an organisation into its accounts; a delegated administrator is registered for it."""


def organisation_accounts(account: str, partition: str) -> list[str]:
    """The active accounts of the organisation that ``account`` manages or administers for Config, the management account among them.

    Raises:
        JsonRESTError: no organisation, one without all features, or an account that mayn't speak for it.
    """
    from moto.organizations.models import organizations_backends

    manager, _ = organizations_backends.master_accounts.get(account, (account, partition))
    backend = organizations_backends[manager][partition]
    if backend.org is None:
        raise refused("NoAvailableOrganizationException", "This account isn't in an organization.")
    if backend.org.feature_set != "ALL":
        raise refused("OrganizationAllFeaturesNotEnabledException", "The organization doesn't have all features enabled.")
    delegated = {admin.account.id for admin in backend.admins if SERVICE in admin.services}
    if account not in {manager, *delegated}:
        raise refused(
            "OrganizationAccessDeniedException",
            "This account is neither the management account nor a delegated administrator for AWS Config.",
        )
    return sorted(member.id for member in backend.accounts if member.status == "ACTIVE")


def sources(backend: Any, aggregator: Any) -> Iterator[tuple[str, str, bool]]:
    """Account, region and whether it lets itself be aggregated, of each source of ``aggregator`` (which is kept in ``backend``).

    All regions are those in which Config was used here.
    """
    from moto.config.models import config_backends

    organisation = aggregator.organization_aggregation_source
    if organisation is not None:
        members = organisation_accounts(backend.account_id, backend.partition)
        groups = [(members, organisation.all_aws_regions, organisation.aws_regions)]
    else:
        given = aggregator.account_aggregation_sources or ()
        groups = [(source.account_ids, source.all_aws_regions, source.aws_regions) for source in given]
    wanted = f"{backend.account_id}/{backend.region_name}"
    for accounts, everywhere, regions in groups:
        for account in accounts:
            for region in sorted(config_backends[account]) if everywhere else regions or ():
                own = organisation is not None or account == backend.account_id
                yield account, region, own or wanted in config_backends[account][region].aggregation_authorizations
