"""Checkov's own checks on the blueprints, all of them (without a key it tells no severities): what isn't met is argued, and nothing else."""

from __future__ import annotations

import logging
from fnmatch import fnmatch
from typing import Any

import pytest

from averment.governance.remediation.blueprints import all_blueprints, exceptions

NAMES = sorted(all_blueprints())

pytestmark = pytest.mark.filterwarnings("ignore:the 'SINGLE_BORDER' constant:DeprecationWarning")  # of prettytable, which Checkov imports


def failed(name: str, framework: str) -> list[tuple[str, str]]:
    """The failed checks of one blueprint's form, with the resource. Nothing is downloaded and nobody is asked."""
    from checkov.cloudformation.runner import Runner as CloudFormation
    from checkov.common.util.env_vars_config import env_vars_config
    from checkov.runner_filter import RunnerFilter
    from checkov.terraform.runner import Runner as Terraform

    blueprint = all_blueprints()[name]
    runner, file = (CloudFormation, blueprint.template) if framework == "cloudformation" else (Terraform, blueprint.terraform)
    env_vars_config.HCL_PARSE_TIMEOUT_SEC = 120  # ten seconds are short for a large file on a busy machine
    logging.getLogger().setLevel(logging.ERROR)
    only = RunnerFilter(framework=[framework], download_external_modules=False)
    report: Any = runner().run(root_folder=None, files=[str(file)], runner_filter=only)
    assert not report.parsing_errors
    assert report.passed_checks, "nothing was looked at"
    return [(item.check_id, item.resource) for item in report.failed_checks if not item.check_id.startswith("AVERMENT")]


@pytest.mark.parametrize("framework", ["cloudformation", "terraform"])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "config-pack"])
def test_what_checkov_finds_is_argued(name: str, framework: str) -> None:
    """Each failed check of Checkov's own has an exception with a reason, for this blueprint and resource. (It has no check for the Config pack.)"""
    argued = [item for item in exceptions() if item.blueprint in {name, "*"}]
    unargued = [
        (check, resource)
        for check, resource in failed(name, framework)
        if not any(item.check == check and any(fnmatch(resource, pattern) for pattern in item.resources) for item in argued)
    ]
    assert unargued == []
