"""What whoever begins a training is told."""

from __future__ import annotations

import subprocess
import sys


def test_without_torch_it_is_said_what_to_install() -> None:
    """One error, also where the help is asked for: the recipes are read with the networks."""
    script = (
        "import runpy, sys; sys.modules['torch'] = None; sys.argv = ['train', '--help']; runpy.run_module('averment.detector.training')"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "training needs the package 'torch', which is not installed\n  fix: pip install 'averment[train]'\n"
