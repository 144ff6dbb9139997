"""The cost estimate adds up, and takes no price without its date. Prices here are made up: round numbers, so that sums can be done by hand."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "runtime" / "cost.py"
PRICES = {
    "region": "eu-west-1",
    "date": "2026-11-01",
    "source": "made up",
    "currency": "USD",
    "item": 0.5,
    "evaluation": [[100, 1.0], [100, 0.5], [None, 0.25]],
    "request": 0.125,
    "gb_second": 2.0,
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("runtime_cost", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "prices.json"
    path.write_text(json.dumps({key: value for key, value in {**PRICES, **changes}.items() if value != "left out"}))
    return path


@pytest.mark.parametrize(("number", "expected"), [(0, 0.0), (100, 100.0), (150, 125.0), (200, 150.0), (1000, 350.0)])
def test_each_tier_has_its_own_price(script: ModuleType, number: int, expected: float) -> None:
    """The first hundred at one price, the next at another, the rest at a third; the borders belong to the tier below."""
    assert script.tiered(number, PRICES["evaluation"]) == expected


def test_a_month_is_the_sum_of_its_parts(script: ModuleType, tmp_path: Path) -> None:
    """Items, evaluations, requests, and seconds times memory."""
    found = script.cost(script.Month(items=10, evaluations=150, runs=8, seconds=3, gigabytes=0.5), script.read(written(tmp_path)))
    assert list(found.values()) == [5.0, 125.0, 1.0, 24.0]


@pytest.mark.parametrize("changes", [{"date": "left out"}, {"date": "lately"}, {"evaluation": [[100, 1.0]]}, {"item": "left out"}])
def test_prices_that_are_not_whole_are_refused(script: ModuleType, tmp_path: Path, changes: dict[str, Any]) -> None:
    """No date, no price for the rest, no price at all: an error, not an estimate."""
    with pytest.raises(ValueError, match=r"prices.json|Invalid isoformat"):
        script.read(written(tmp_path, **changes))
