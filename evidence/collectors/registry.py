"""Every collector, written out."""

from __future__ import annotations

from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.evidence.collectors.alarms import Alarms
from averment.evidence.collectors.automation_executions import AutomationExecutions
from averment.evidence.collectors.bucket_policies import BucketPolicies
from averment.evidence.collectors.check import Check
from averment.evidence.collectors.checkov_report import CheckovReport
from averment.evidence.collectors.config_aggregate import ConfigAggregate
from averment.evidence.collectors.config_compliance import ConfigCompliance
from averment.evidence.collectors.config_history import ConfigHistory
from averment.evidence.collectors.detector_metrics import DetectorMetrics
from averment.evidence.collectors.face_calls import FaceCalls
from averment.evidence.collectors.incidents import Incidents
from averment.evidence.collectors.inference_cost import InferenceCost
from averment.evidence.collectors.inference_roles import InferenceRoles
from averment.evidence.collectors.interface import Collector
from averment.evidence.collectors.liveness_results import LivenessResults
from averment.evidence.collectors.media_states import MediaStates
from averment.evidence.collectors.provenance import Provenance
from averment.evidence.collectors.prowler_report import ProwlerReport
from averment.evidence.collectors.sagemaker_endpoints import SageMakerEndpoints
from averment.evidence.collectors.scan_pipeline import ScanPipeline
from averment.evidence.collectors.security_hub import SecurityHub
from averment.evidence.collectors.signing_calls import SigningCalls
from averment.evidence.collectors.signing_log import SigningLog

COLLECTORS: tuple[type[Collector], ...] = (
    Check,
    Incidents,
    ConfigCompliance,
    ConfigHistory,
    MediaStates,
    BucketPolicies,
    ScanPipeline,
    DetectorMetrics,
    Alarms,
    Provenance,
    SageMakerEndpoints,
    InferenceRoles,
    SigningCalls,
    FaceCalls,
    InferenceCost,
    AutomationExecutions,
)
"""In the order in which they run: what needs no AWS comes first."""

CONFIGURED: tuple[type[Collector], ...] = (CheckovReport, ProwlerReport, SigningLog, ConfigAggregate, SecurityHub, LivenessResults)
"""Those that not everybody has, or that can't work without their parameters in ``averment.yaml``: they run where it has some (``{}`` will do
for Security Hub), or by name, and before the others: what an account says of itself comes later, and counts."""


def names() -> tuple[str, ...]:
    """The names of all collectors."""
    return tuple(kind.name for kind in (*COLLECTORS, *CONFIGURED))


def collectors(chosen: tuple[str, ...] = (), organisation: Organisation | None = None) -> tuple[Collector, ...]:
    """The collectors called ``chosen``, or all of them; of ``CONFIGURED`` then those of which ``organisation`` sets parameters.

    Raises:
        BadInputError: a name that no collector has.
    """
    if unknown := [name for name in chosen if name not in names()]:
        raise BadInputError(f"there is no collector '{unknown[0]}'", fix=f"choose from: {', '.join(names())}")
    given = organisation.parameters if organisation is not None else {}
    wanted = chosen or tuple(kind.name for kind in (*CONFIGURED, *COLLECTORS) if kind in COLLECTORS or kind.name in given)
    return tuple(kind() for kind in (*CONFIGURED, *COLLECTORS) if kind.name in wanted)
