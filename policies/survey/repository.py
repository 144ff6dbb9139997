"""A repository surveyed: which buckets hold media and why it is thought so, which services are in use, where the infrastructure stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from averment.core.scope import MediaRole, Scope
from averment.core.source import SourceRef
from averment.policies.graph.model import Graph, Problem, Unknown
from averment.policies.iam.resources import bucket_name
from averment.policies.rules.media import BUCKET, media_role
from averment.policies.surfaces.registry import Inputs, discover, graphs_of
from averment.policies.surfaces.walk import walk
from averment.policies.survey.traces import Traces, traces


@dataclass(frozen=True)
class SurveyedBucket:
    """A bucket that is taken for media. ``name`` is None where the code doesn't spell it out; ``pattern`` is then what is known of it."""

    address: str
    role: MediaRole
    why: str
    where: SourceRef
    name: str | None = None
    pattern: str | None = None


@dataclass(frozen=True)
class Survey:
    """What was found under ``root``. ``others`` are buckets that nothing shows to hold media; ``iac`` are the folders (relative, with
    forward slashes) that hold infrastructure code; ``problems`` is how much could not be read; ``apps`` are the programs that would make
    infrastructure code and haven't (a CDK app without its templates), so that nothing of theirs was seen."""

    root: Path
    buckets: tuple[SurveyedBucket, ...] = ()
    others: int = 0
    resources: int = 0
    files: int = 0
    iac: tuple[str, ...] = ()
    problems: int = 0
    apps: tuple[Problem, ...] = ()
    traces: Traces = field(default_factory=Traces)

    def media(self, role: MediaRole) -> tuple[SurveyedBucket, ...]:
        """The buckets in one role."""
        return tuple(bucket for bucket in self.buckets if bucket.role is role)


def survey(root: Path) -> Survey:
    """Look at everything under the folder ``root``. Nothing is run and nothing is written.

    What can't be read is counted, not raised: the survey proposes, and ``averment check`` says what it could not read.
    """
    inputs = discover(root)
    found: dict[tuple[str, str], SurveyedBucket] = {}
    others: set[tuple[str, str]] = set()
    resources = problems = 0
    for graph in graphs_of(inputs):
        resources += len(graph)
        problems += len(graph.problems)
        for key, bucket in _buckets(graph):
            if bucket is None:
                others.add(key)
            else:
                found.setdefault(key, bucket)
    return Survey(
        root,
        tuple(sorted(found.values(), key=lambda bucket: (list(MediaRole).index(bucket.role), bucket.where.file or "", bucket.address))),
        len(others - set(found)),
        resources,
        inputs.files,
        _folders(inputs),
        problems + len(inputs.problems),
        tuple(inputs.apps),
        traces(walk(root).files, root),
    )


def _buckets(graph: Graph) -> list[tuple[tuple[str, str], SurveyedBucket | None]]:
    out: list[tuple[tuple[str, str], SurveyedBucket | None]] = []
    for bucket in graph.of_type(BUCKET):
        if bucket.outside:
            continue
        key = (bucket.source.file or "", bucket.address)
        role = media_role(bucket, Scope(), graph)
        if role is None:
            out.append((key, None))
            continue
        name = bucket_name(bucket)
        pattern = name.template if isinstance(name, Unknown) else None
        known = name if isinstance(name, str) and "${" not in name else None
        out.append((key, SurveyedBucket(bucket.address, role[0], role[1], bucket.source, known, pattern)))
    return out


def _folders(inputs: Inputs) -> tuple[str, ...]:
    """The first folders below the root that hold infrastructure code; the root itself where some lies there."""
    tops: set[str] = set()
    for path in (*inputs.terraform, *inputs.plans, *inputs.templates):
        parts = path.relative_to(inputs.root).parts if path.is_relative_to(inputs.root) else (path.name,)
        tops.add(parts[0] if len(parts) > 1 else ".")
    return (".",) if "." in tops else tuple(sorted(tops))
