"""These tests run where Checkov is installed, in an environment of its own (it pins an old boto3):

``python -m venv .venv-checkov && .venv-checkov/bin/pip install -e '.[iac,checkov]' pytest && .venv-checkov/bin/pytest tests/checkov``

Elsewhere they aren't collected.
"""

from __future__ import annotations

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("checkov") else ["test_*.py"]
