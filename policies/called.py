"""What resources are called here: a rule of somebody's own that looks for another name is asked about nothing, which looks like a pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from averment.policies.graph.terraform_graph import becomes, kinds
from averment.policies.interface import Rule
from averment.policies.surfaces.config.types import RECORDINGS

_TERRAFORM = "Terraform::"
_NEVER_THERE = ("Averment::", "Custom::", "Alexa::")
"""How types begin that Terraform has none of: what is worked out here, and what is in templates alone."""


def called_otherwise(rules: Iterable[Rule], *, templates_alone: bool = False) -> Iterator[str]:
    """For each type of a rule that doesn't ship, and that no resource of Terraform or AWS Config has here, a note that says so.

    One that isn't nearly another's name may be of templates. It is no matter where a rule looks at a type by Terraform's name as well, nor in a run of
    ``templates_alone``.
    """
    known = {*RECORDINGS, *kinds()}
    for rule in rules:
        for kind in rule.types if rule.origin else ():
            if kind.startswith(_TERRAFORM):
                proper = becomes(kind.removeprefix(_TERRAFORM))
                if proper is not None:
                    yield f"rule {rule.id} looks at {kind}, which is called {proper} here: it is asked about none"
            elif kind not in known and not kind.startswith(_NEVER_THERE):
                near = get_close_matches(kind, known, n=1, cutoff=0.9)
                if not near and (templates_alone or any(other.startswith(_TERRAFORM) for other in rule.types)):
                    continue
                meant = f"is {near[0]} meant?" if near else f"other types of Terraform's are called {_TERRAFORM}aws_..."
                yield f"rule {rule.id} looks at {kind}: nothing of Terraform, plans and AWS Config is called that here, so it is asked about templates alone; {meant}"
