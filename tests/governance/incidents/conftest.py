"""What tests of incidents share: an organisation with a ledger of its own, and its desk. All names are invented."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation, load_organisation
from averment.governance.incidents.filing import Act
from averment.governance.incidents.state import Event, Incident
from averment.governance.incidents.steps import Desk, Opening, open_incident

PROFILE = """\
version: 1
organisation:
  name: Larkspur
  profile: {personal_data: true, nis2_entity: false, high_risk_provider: false, high_risk_deployer: false,
            deployer: true, generates_media: true, online_platform: false, provider: false}
incidents:
  contacts: {security-operations: "duty number 4711", legal: "queue LEGAL-NIGHT"}
  contracts:
    - {id: pixelpost, with: Pixelpost, clause: "Terms 7.2, tell us of misuse of your key", when: [third_party_access], within: 48h}
"""

AWARE = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The organisation's file, in a folder that holds its ledger too."""
    path = tmp_path / "averment.yaml"
    path.write_text(PROFILE)
    return path


@pytest.fixture
def organisation(config: Path) -> Organisation:
    """The organisation."""
    return load_organisation(config)


@pytest.fixture
def desk(organisation: Organisation) -> Desk:
    """The organisation with its catalogue."""
    return Desk(organisation, load_catalogue(organisation))


@pytest.fixture
def act() -> Callable[..., Act]:
    """Makes an act of a role some minutes after awareness."""

    def make(by: str = "security-operations", minutes: int = 5) -> Act:
        moment = AWARE.replace(minute=minutes % 60, hour=AWARE.hour + minutes // 60)
        return Act(by, moment, moment)

    return make


@pytest.fixture
def opened(desk: Desk, act: Callable[..., Act]) -> Callable[..., Incident]:
    """Makes an incident of one opening; keywords are answers to facts."""

    def make(**facts: Any) -> Incident:
        opening = Opening("A faked product picture", "It came in at night.", "a customer", AWARE, (), facts)
        record = open_incident(desk, act(), opening)
        return Incident(str(record.payload["incident"]), (Event(0, record),))

    return make


@pytest.fixture
def with_record() -> Callable[[Incident, Any], Incident]:
    """An incident with one more record."""

    def make(incident: Incident, record: Any) -> Incident:
        return Incident(incident.id, (*incident.events, Event(len(incident.events), record)))

    return make


@pytest.fixture(autouse=True)
def _quick(without_sockets: None) -> None:
    """Most of these tests ask the embedded AWS many things."""
