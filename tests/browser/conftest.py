"""These tests need a browser and pdftotext; `make test-browser` finds them, or says what is missing."""

import os

collect_ignore_glob = [] if os.environ.get("AVERMENT_BROWSER") else ["test_*.py"]
