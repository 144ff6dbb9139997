"""The rules, written out: what isn't listed here doesn't exist."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import pairwise

from averment.core.errors import BadInputError
from averment.policies.interface import Rule
from averment.policies.rules.biometric_retention_limited.rule import RULE as BIOMETRIC_RETENTION_LIMITED
from averment.policies.rules.cdn_media_gated.rule import RULE as CDN_MEDIA_GATED
from averment.policies.rules.config_recorder_on.rule import RULE as CONFIG_RECORDER_ON
from averment.policies.rules.detector_endpoint_guarded.rule import RULE as DETECTOR_ENDPOINT_GUARDED
from averment.policies.rules.detector_endpoint_scaled.rule import RULE as DETECTOR_ENDPOINT_SCALED
from averment.policies.rules.evidence_bucket_worm.rule import RULE as EVIDENCE_BUCKET_WORM
from averment.policies.rules.face_attributes_limited.rule import RULE as FACE_ATTRIBUTES_LIMITED
from averment.policies.rules.face_call_after_liveness.rule import RULE as FACE_CALL_AFTER_LIVENESS
from averment.policies.rules.face_match_needs_liveness.rule import RULE as FACE_MATCH_NEEDS_LIVENESS
from averment.policies.rules.face_match_threshold.rule import RULE as FACE_MATCH_THRESHOLD
from averment.policies.rules.face_search_limited.rule import RULE as FACE_SEARCH_LIMITED
from averment.policies.rules.identity_lambda_calls_detector.rule import RULE as IDENTITY_LAMBDA_CALLS_DETECTOR
from averment.policies.rules.inference_cost_watched.rule import RULE as INFERENCE_COST_WATCHED
from averment.policies.rules.inference_least_privilege.rule import RULE as INFERENCE_LEAST_PRIVILEGE
from averment.policies.rules.isolation_runbook_present.rule import RULE as ISOLATION_RUNBOOK_PRESENT
from averment.policies.rules.media_access_logged.rule import RULE as MEDIA_ACCESS_LOGGED
from averment.policies.rules.media_bucket_events_scanned.rule import RULE as MEDIA_BUCKET_EVENTS_SCANNED
from averment.policies.rules.media_bucket_hardened.rule import RULE as MEDIA_BUCKET_HARDENED
from averment.policies.rules.quarantine_not_served.rule import RULE as QUARANTINE_NOT_SERVED
from averment.policies.rules.s3_put_object_gated.rule import RULE as S3_PUT_OBJECT_GATED
from averment.policies.rules.signing_key_fit.rule import RULE as SIGNING_KEY_FIT
from averment.policies.rules.step_up_factor.rule import RULE as STEP_UP_FACTOR
from averment.policies.rules.unscanned_not_readable.rule import RULE as UNSCANNED_NOT_READABLE
from averment.policies.rules.upload_anomaly_alarm.rule import RULE as UPLOAD_ANOMALY_ALARM
from averment.policies.rules.upload_api_authorised.rule import RULE as UPLOAD_API_AUTHORISED
from averment.policies.rules.upload_provenance_tagged.rule import RULE as UPLOAD_PROVENANCE_TAGGED

_RULES = (
    BIOMETRIC_RETENTION_LIMITED,
    CDN_MEDIA_GATED,
    CONFIG_RECORDER_ON,
    DETECTOR_ENDPOINT_GUARDED,
    DETECTOR_ENDPOINT_SCALED,
    EVIDENCE_BUCKET_WORM,
    FACE_ATTRIBUTES_LIMITED,
    FACE_CALL_AFTER_LIVENESS,
    FACE_MATCH_NEEDS_LIVENESS,
    FACE_MATCH_THRESHOLD,
    FACE_SEARCH_LIMITED,
    IDENTITY_LAMBDA_CALLS_DETECTOR,
    INFERENCE_COST_WATCHED,
    INFERENCE_LEAST_PRIVILEGE,
    ISOLATION_RUNBOOK_PRESENT,
    MEDIA_ACCESS_LOGGED,
    MEDIA_BUCKET_EVENTS_SCANNED,
    MEDIA_BUCKET_HARDENED,
    QUARANTINE_NOT_SERVED,
    S3_PUT_OBJECT_GATED,
    SIGNING_KEY_FIT,
    STEP_UP_FACTOR,
    UNSCANNED_NOT_READABLE,
    UPLOAD_ANOMALY_ALARM,
    UPLOAD_API_AUTHORISED,
    UPLOAD_PROVENANCE_TAGGED,
)


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, in order of id.

    Raises:
        BadInputError: two rules have the same id.
    """
    return checked(_RULES)


def checked(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """``rules`` in order of id.

    Raises:
        BadInputError: two of them have the same id: one would hide the other.
    """
    ordered = tuple(sorted(rules, key=lambda entry: entry.id))
    for first, second in pairwise(ordered):
        if first.id == second.id:
            raise BadInputError(f"two rules are called '{first.id}'", fix="give one of them another id")
    return ordered


def rule(rule_id: str) -> Rule:
    """The rule called ``rule_id``.

    Raises:
        BadInputError: there is none.
    """
    found = next((entry for entry in all_rules() if entry.id == rule_id), None)
    if found is None:
        raise BadInputError(f"there is no rule '{rule_id}'", fix=f"known rules: {', '.join(entry.id for entry in all_rules())}")
    return found
