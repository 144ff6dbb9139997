"""Whom a role lets in from outside. Origin of the data: trust policies written for these tests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, Graph, Resource, Unknown
from averment.policies.iam.principals import Who
from averment.policies.iam.trusted import trusted_strangers

SCOPE = Scope(accounts=("123456789012",), organisation_id="o-exampleorg1")


def strangers(**fields: Any) -> list[Who | Unknown]:
    """The classes of who may assume a role whose trust policy has one Allow statement with these fields."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **fields}]})
    role = Resource("r", "AWS::IAM::Role", {"AssumeRolePolicyDocument": trust}, SourceRef("x.yaml", 1), Dialect.CLOUDFORMATION)
    return [principal.who for principal in trusted_strangers(role, SCOPE, Graph((role,)))]


@pytest.mark.parametrize("action", ["sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity", "sts:Assume*", "*"])
def test_whoever_assumes_a_role_in_any_way_is_let_in(action: str) -> None:
    """There are three calls that take a role on; a role open by one of them is open."""
    assert strangers(Principal="*", Action=action) == [Who.ANYONE]
    assert strangers(Principal={"AWS": "arn:aws:iam::444455556666:root"}, Action=action) == [Who.OUTSIDER]


@pytest.mark.parametrize("action", ["sts:TagSession", "sts:SetSourceIdentity"])
def test_what_goes_with_assuming_a_role_lets_nobody_in(action: str) -> None:
    """Neither call gives credentials."""
    assert strangers(Principal="*", Action=action) == []


def test_a_principal_that_is_not_resolved_may_be_a_stranger() -> None:
    """Left out, a role that a variable opens to another account would have none."""
    [who] = strangers(Principal={"AWS": "arn:aws:iam::${Partner}:root"}, Action="sts:AssumeRole")
    assert isinstance(who, Unknown)


def test_nobody_of_ones_own_is_a_stranger() -> None:
    """One's own account, a service, and anyone who has to be of one's own organisation."""
    assert (
        strangers(Principal={"AWS": "arn:aws:iam::123456789012:role/gate", "Service": "lambda.amazonaws.com"}, Action="sts:AssumeRole")
        == []
    )
    own = {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}
    assert strangers(Principal="*", Action="sts:AssumeRole", Condition=own) == []
    of_another = {"StringEquals": {"aws:PrincipalOrgID": "o-theirs00001"}}
    assert strangers(Principal="*", Action="sts:AssumeRole", Condition=of_another) == [Who.ANYONE]
