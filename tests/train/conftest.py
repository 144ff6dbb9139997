"""These tests need torch, which lives in the training environment alone; elsewhere they aren't collected."""

from __future__ import annotations

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["test_*.py"]
