"""These tests need Spark, which lives in an environment of its own; elsewhere they aren't collected."""

from __future__ import annotations

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("pyspark") else ["test_*.py"]
