"""These tests need what only npm packages carry; `make test-node` installs it and says where."""

import os

collect_ignore_glob = [] if os.environ.get("AVERMENT_NODE_MODULES") else ["test_*.py"]
