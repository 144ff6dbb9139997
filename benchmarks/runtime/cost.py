"""What the rules cost a month at run time, by prices that you give: ``python benchmarks/runtime/cost.py --prices prices.json --items 40000 ...``.

No price ships with this: AWS changes them, and they differ by region. ``prices.json`` holds them with where and when they were read:

    {"region": "eu-west-1", "date": "2026-11-01", "source": "https://aws.amazon.com/config/pricing/", "currency": "USD",
     "item": ..., "evaluation": [[100000, ...], [400000, ...], [null, ...]], "request": ..., "gb_second": ...}

``item``: a configuration item recorded. ``evaluation``: by tier, how many evaluations in it (null: all the rest) and the price of each;
those of conformance packs. ``request`` and ``gb_second``: Lambda's. Free tiers, storage, and the calls that the function makes are left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True)
class Prices:
    """Prices of one region, as read on ``date`` at ``source``."""

    region: str
    date: str
    source: str
    currency: str
    item: float
    evaluation: tuple[tuple[float | None, float], ...]
    request: float
    gb_second: float


@dataclass(frozen=True)
class Month:
    """What happens in a month: items recorded, evaluations reported, runs of the function and the seconds of each at its memory."""

    items: float
    evaluations: float
    runs: float
    seconds: float
    gigabytes: float


def read(path: Path) -> Prices:
    """The prices in ``path``.

    Raises:
        ValueError: one is missing or isn't a price, the date isn't one, or the tiers don't end.
    """
    value = json.loads(path.read_text(encoding="utf-8"))
    try:
        date.fromisoformat(value["date"])
        tiers = tuple((None if size is None else float(size), float(price)) for size, price in value["evaluation"])
        texts = [str(value[name]) for name in ("region", "date", "source", "currency")]
        found = Prices(*texts, float(value["item"]), tiers, float(value["request"]), float(value["gb_second"]))
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{path}: {error} is missing or of the wrong kind") from error
    if not tiers or tiers[-1][0] is not None or any(size is None for size, _ in tiers[:-1]):
        raise ValueError(f"{path}: the last tier of evaluation, and only it, takes all the rest: [null, price]")
    return found


def tiered(number: float, tiers: Sequence[tuple[float | None, float]]) -> float:
    """What ``number`` of something cost, of which the first so many have one price, the next another."""
    total, left = 0.0, number
    for size, price in tiers:
        part = left if size is None else min(left, size)
        total, left = total + part * price, left - part
    return total


def cost(month: Month, prices: Prices) -> dict[str, float]:
    """The month's cost by what it is for, in the prices' currency."""
    return {
        "configuration items": month.items * prices.item,
        "evaluations": tiered(month.evaluations, prices.evaluation),
        "requests of the function": month.runs * prices.request,
        "time of the function": month.runs * month.seconds * month.gigabytes * prices.gb_second,
    }


def main() -> int:
    """Print the estimate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prices", type=Path, required=True)
    for name in ("items", "evaluations", "runs", "seconds"):
        parser.add_argument(f"--{name}", type=float, required=True, help="seconds of one run" if name == "seconds" else "in a month")
    parser.add_argument("--gigabytes", type=float, default=0.5, help="the function's memory")
    given = parser.parse_args()
    try:
        prices = read(given.prices)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    found = cost(Month(given.items, given.evaluations, given.runs, given.seconds, given.gigabytes), prices)
    for name, amount in {**found, "together": sum(found.values())}.items():
        print(f"{name:<26} {amount:12,.2f} {prices.currency}")
    print(f"by the prices of {prices.region}, read on {prices.date} at {prices.source}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
