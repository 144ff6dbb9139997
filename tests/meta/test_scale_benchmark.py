"""The cost of a scan at scale: the line through two measurements, and a sum only where every price is given."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "detector" / "scale.py"


@pytest.fixture(scope="module")
def scale() -> Iterator[ModuleType]:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("averment_scale_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_an_object_and_the_beginning_are_told_apart(scale: ModuleType) -> None:
    """100 objects in 15 s and 500 in 35 s: 50 ms each, 10 s to begin. Noise gives no negative figure."""
    assert scale.line([(100, 15.0), (500, 35.0)]) == pytest.approx((0.05, 10.0))
    assert scale.line([(100, 15.0), (500, 14.0)]) == (0.0, 15.0)
    assert scale.line([(100, 1.0), (500, 9.0)]) == (0.02, 0.0)


def test_the_cost_is_the_formulas(scale: ModuleType) -> None:
    """Worked out by hand: 2 million objects at 36 ms are 20 hours, and 72 s to begin a fiftieth of one."""
    prices = scale.Prices(core_hour=0.05, thousand_gets=0.0004, thousand_lists=0.005)
    assert prices.cost(2, 0.036, 72) == pytest.approx(20.02 * 0.05 + 2000 * 0.0004 + 2 * 0.005)


@pytest.mark.parametrize("lacking", ["core_hour", "thousand_gets", "thousand_lists"])
def test_without_a_price_there_is_no_sum(scale: ModuleType, lacking: str) -> None:
    """A price that nobody gave isn't taken for nothing."""
    given = {"core_hour": 0.05, "thousand_gets": 0.0004, "thousand_lists": 0.005, lacking: None}
    assert scale.Prices(**given).cost(1, 0.05, 10) is None
