"""Every kind of claim, written out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from averment.core.errors import BadInputError
from averment.detector.claims.calibration import CalibrationClaim
from averment.detector.claims.data_governance import DataGovernanceClaim
from averment.detector.claims.disclosure import DisclosureClaim
from averment.detector.claims.drift import DriftClaim
from averment.detector.claims.interface import ClaimType
from averment.detector.claims.latency import LatencyClaim
from averment.detector.claims.performance import PerformanceClaim
from averment.detector.claims.reproducibility import ReproducibilityClaim
from averment.detector.claims.robustness import RobustnessClaim
from averment.detector.claims.subgroups import SubgroupClaim
from averment.detector.claims.watermark import WatermarkClaim

CLAIM_TYPES: tuple[type[ClaimType], ...] = (
    PerformanceClaim,
    CalibrationClaim,
    RobustnessClaim,
    SubgroupClaim,
    DriftClaim,
    LatencyClaim,
    DisclosureClaim,
    WatermarkClaim,
    DataGovernanceClaim,
    ReproducibilityClaim,
)


def claim_type(spec: Mapping[str, Any]) -> ClaimType:
    """The kind of claim that ``spec`` states in its ``type``.

    Raises:
        BadInputError: no such kind.
    """
    for kind in CLAIM_TYPES:
        if kind.name == spec.get("type"):
            return kind()
    known = ", ".join(kind.name for kind in CLAIM_TYPES)
    raise BadInputError(f"there is no claim of type {spec.get('type')!r}", fix=f"known types: {known}")
