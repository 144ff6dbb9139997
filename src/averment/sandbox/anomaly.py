"""CloudWatch's anomaly detection band, approximated, so that an alarm on one can be replayed.

AWS documents what the model does, not how: it is trained on up to two weeks of the metric, takes hourly, daily and weekly patterns and trends
into account, is trained again all the time, and the band is as many standard deviations wide to either side as the function's second
argument says. Here the expected value of a moment is the mean of the same half hour before and after it, one week and two weeks earlier, and the
deviation is that of those points. What this leaves out: trends (a shop that grows by the week is expected at the size it had), what AWS does
about spikes and sparse metrics, and time ranges excluded from training. A replay tells whether a definition is of the right kind and size, not
to the percent when AWS's own band would be left.
"""

from __future__ import annotations

import ast
import statistics
from collections.abc import Mapping
from datetime import datetime, timedelta

from averment.core.errors import BadInputError

WEEKS = 2
AROUND = timedelta(minutes=30)
LEAST_POINTS = 6
"""With fewer points of the past there is no band, and the alarm has no data: a model that is still being trained."""

_OUTSIDE = {
    "GreaterThanUpperThreshold": (False, True),
    "LessThanLowerThreshold": (True, False),
    "LessThanLowerOrGreaterThanUpperThreshold": (True, True),
}


def is_band(expression: str) -> bool:
    """Whether ``expression`` is a call of ANOMALY_DETECTION_BAND."""
    return expression.strip().startswith("ANOMALY_DETECTION_BAND(")


def band_arguments(expression: str) -> tuple[str, float]:
    """The id of the metric in ``expression`` and how many standard deviations wide its band is (2, if it doesn't say).

    Raises:
        BadInputError: it is no call of ANOMALY_DETECTION_BAND on a metric's id.
    """
    match ast.parse(expression.strip(), mode="eval").body:
        case ast.Call(func=ast.Name(id="ANOMALY_DETECTION_BAND"), args=[ast.Name(id=metric)]):
            return metric, 2.0
        case ast.Call(func=ast.Name(id="ANOMALY_DETECTION_BAND"), args=[ast.Name(id=metric), ast.Constant(value=int() | float() as width)]):
            return metric, float(width)
    raise BadInputError(f"'{expression}' is no band over one metric", fix="write ANOMALY_DETECTION_BAND(id, standard deviations)")


def band(values: Mapping[datetime, float], moment: datetime, period: timedelta, width: float) -> tuple[float, float] | None:
    """The lower and upper edge at ``moment``, from the two weeks of ``values`` before it; None if there is too little of them."""
    steps = int(AROUND / period)
    past = [
        values[at]
        for week in range(1, WEEKS + 1)
        for step in range(-steps, steps + 1)
        if (at := moment - week * timedelta(days=7) + step * period) in values
    ]
    if len(past) < LEAST_POINTS:
        return None
    middle, reach = statistics.fmean(past), width * statistics.stdev(past)
    return middle - reach, middle + reach


def outside(values: Mapping[datetime, float], period: timedelta, width: float, comparison: str, since: datetime) -> dict[datetime, float]:
    """1 for each point from ``since`` on that leaves the band in the way that ``comparison`` is about, 0 for the others; none without a band.

    Raises:
        BadInputError: ``comparison`` is none of CloudWatch's for bands.
    """
    if comparison not in _OUTSIDE:
        raise BadInputError(f"{comparison} doesn't compare with a band", fix=f"use one of {', '.join(_OUTSIDE)}")
    below, above = _OUTSIDE[comparison]
    found: dict[datetime, float] = {}
    for moment, value in values.items():
        edges = band(values, moment, period, width) if moment >= since else None
        if edges is not None:
            found[moment] = float((below and value < edges[0]) or (above and value > edges[1]))
    return found
