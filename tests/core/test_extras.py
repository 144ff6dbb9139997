"""Optional parts, as they are imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("command", [["detector", "threshold", "."], ["media", "scan", "."]])
def test_the_detector_reports_nothing_to_the_maker_of_its_runtime(command: list[str], tmp_path: Path) -> None:
    """ONNX Runtime left the id of a device and a database of events in the home, to send them: media of people are nobody else's business."""
    home, media = tmp_path / "home", tmp_path / "media"
    home.mkdir()
    media.mkdir()
    (media / "a.png").write_bytes(b"no picture")
    told = {name: value for name, value in os.environ.items() if name not in {"ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"}}
    subprocess.run(
        [sys.executable, "-m", "averment", *command], check=False, capture_output=True, cwd=media, env={**told, "HOME": str(home)}
    )
    imported = "from averment.core.extras import require; require('onnxruntime', extra='detector', needed_for='this')"
    subprocess.run([sys.executable, "-c", imported], check=True, cwd=media, env={**told, "HOME": str(home)})
    assert [path for path in home.rglob("*") if path.is_file()] == []
