"""Roles that moto's CloudFormation made: it keeps their inline policies as maps, where everything else expects JSON text."""

from __future__ import annotations

import json


def policies_as_text(account: str) -> None:
    """Turn the inline policies of the account's roles into the text that they would be, had IAM's own API put them."""
    from moto.iam.models import iam_backends

    for backend in iam_backends[account].values():
        for role in backend.roles.values():
            role.policies.update({name: json.dumps(policy) for name, policy in role.policies.items() if not isinstance(policy, str)})
