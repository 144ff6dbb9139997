"""CloudWatch alarms replayed over recorded series: what an alarm's definition would have done, minute by minute.

moto keeps alarms and never evaluates them. Covered, as the CloudWatch user guide describes it: alarms on a metric and on metric math with one
returned expression or on an anomaly detection band (approximated, see ``anomaly``), Statistic Sum, Average, Minimum, Maximum and SampleCount, M out of N, the four ways to treat missing data, and the
evaluation range (a few periods more than N are read, so that a late gap doesn't hide real points). Of metric math: ``+ - * /``,
comparisons, ``&& || !``, and ``IF FILL HOUR DAY MIN MAX ABS``. Not covered, and refused: percentiles, ``SEARCH``, composite alarms, periods under a minute.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from averment.core.errors import BadInputError
from averment.sandbox.anomaly import band_arguments, is_band, outside

EXTRA_PERIODS = 2
"""How many periods beyond N the evaluation range has."""


class AlarmState(StrEnum):
    """As CloudWatch names them."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT = "INSUFFICIENT_DATA"


@dataclass(frozen=True)
class Series:
    """One metric: its points as (time, value) within minutes. ``dimensions`` as a mapping."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    points: Sequence[tuple[datetime, float]]


@dataclass(frozen=True)
class Change:
    """An alarm's new state from ``at``, the end of the period that brought it."""

    at: datetime
    state: AlarmState


Values = dict[datetime, float]

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Average": lambda values: sum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
    "SampleCount": lambda values: float(len(values)),
}


def replay(alarm: Mapping[str, Any], series: Sequence[Series], start: datetime, end: datetime) -> list[Change]:
    """The changes of state of ``alarm`` (the properties of AWS::CloudWatch::Alarm, references resolved) from ``start`` to ``end``.

    Raises:
        BadInputError: it uses what isn't covered, or metrics that ``series`` doesn't have.
    """
    period, values, breaches = _read(alarm, series, start, end)
    wanted = int(alarm["EvaluationPeriods"])
    needed = int(alarm.get("DatapointsToAlarm", wanted))
    treat = str(alarm.get("TreatMissingData", "missing"))
    changes: list[Change] = []
    state = AlarmState.INSUFFICIENT
    moment = start
    while moment + period <= end:
        window = [values.get(moment - period * back) for back in range(wanted + EXTRA_PERIODS)]
        found = _evaluate(window, wanted, needed, treat, breaches, state)
        if found is not state:
            changes.append(Change(moment + period, found))
            state = found
        moment += period
    return changes


def fired(changes: Sequence[Change]) -> list[datetime]:
    """When the alarm went off."""
    return [change.at for change in changes if change.state is AlarmState.ALARM]


def _evaluate(
    window: list[float | None], wanted: int, needed: int, treat: str, breaches: Callable[[float], bool], before: AlarmState
) -> AlarmState:
    """One evaluation. ``window`` is the evaluation range, the newest point first."""
    real = [value for value in window if value is not None]
    if not real:
        return {
            "breaching": AlarmState.ALARM,
            "notBreaching": AlarmState.OK,
            "ignore": before,
            "missing": AlarmState.INSUFFICIENT,
        }[treat]
    if len(real) >= wanted:
        bad = sum(breaches(value) for value in real[:wanted])
        return AlarmState.ALARM if bad >= needed else AlarmState.OK
    bad, missing = sum(breaches(value) for value in real), wanted - len(real)
    if treat == "breaching":
        bad += missing
    if bad >= needed:
        return AlarmState.ALARM
    if treat == "ignore" and bad + missing >= needed:
        return before
    if treat == "missing" and bad + missing >= needed and bad > 0:
        return before if before is not AlarmState.INSUFFICIENT else AlarmState.OK
    return AlarmState.OK


def _read(
    alarm: Mapping[str, Any], series: Sequence[Series], start: datetime, end: datetime
) -> tuple[timedelta, Values, Callable[[float], bool]]:
    """The alarm's period, its values, and what of them breaches. For a band the values say themselves whether they are outside."""
    if "ThresholdMetricId" not in alarm:
        return *_values(alarm, series, start, end), _comparison(alarm)
    queries = {query["Id"]: query for query in alarm["Metrics"]}
    expression = str(queries[alarm["ThresholdMetricId"]].get("Expression", ""))
    if not is_band(expression):
        raise BadInputError("the alarm compares with a metric that is no band", fix="use ANOMALY_DETECTION_BAND, or a fixed threshold")
    metric, width = band_arguments(expression)
    watched = [query for query in alarm["Metrics"] if query["Id"] != alarm["ThresholdMetricId"]]
    if any("Expression" in query for query in watched if query["Id"] == metric):
        raise BadInputError("a band over an expression is not evaluated here", fix="replay alarms with a band over a metric")
    watched = [{**query, "ReturnData": query["Id"] == metric} for query in watched]
    period, values = _values({"Metrics": watched}, series, start, end)
    return period, outside(values, period, width, str(alarm["ComparisonOperator"]), start), lambda value: value > 0


def _comparison(alarm: Mapping[str, Any]) -> Callable[[float], bool]:
    name = alarm["ComparisonOperator"]
    if name not in _COMPARE or "Threshold" not in alarm:
        raise BadInputError(f"the alarm compares by {name}, which is not evaluated here", fix="replay alarms with a fixed threshold")
    threshold = float(alarm["Threshold"])
    return lambda value: _COMPARE[name](value, threshold)


def _values(alarm: Mapping[str, Any], series: Sequence[Series], start: datetime, end: datetime) -> tuple[timedelta, Values]:
    if "Metrics" not in alarm:
        period = timedelta(seconds=int(alarm["Period"]))
        return period, _aggregated(alarm, alarm.get("Statistic"), period, series)
    queries = {query["Id"]: query for query in alarm["Metrics"]}
    returned = [query for query in alarm["Metrics"] if query.get("ReturnData", True) not in {False, "false"}]
    periods = {int(query["MetricStat"]["Period"]) for query in queries.values() if "MetricStat" in query}
    if len(returned) != 1 or len(periods) != 1:
        raise BadInputError("the alarm's metric math is not one expression over metrics of one period", fix="return one of them")
    period = timedelta(seconds=periods.pop())
    known: dict[str, Values] = {}
    for name, query in queries.items():
        if "MetricStat" in query:
            known[name] = _aggregated(query["MetricStat"]["Metric"], query["MetricStat"]["Stat"], period, series)
    if "Expression" not in returned[0]:
        return period, known[returned[0]["Id"]]
    moments = [start + period * step for step in range(int((end - start) / period))]
    return period, evaluate(str(returned[0]["Expression"]), known, moments)


def _aggregated(metric: Mapping[str, Any], statistic: Any, period: timedelta, series: Sequence[Series]) -> Values:
    if statistic not in _STATISTICS:
        raise BadInputError(f"the statistic {statistic} is not evaluated here", fix=f"use one of {', '.join(_STATISTICS)}")
    dimensions = {item["Name"]: item["Value"] for item in metric.get("Dimensions", ())}
    wanted = (metric["Namespace"], metric["MetricName"], dimensions)
    found = [one for one in series if (one.namespace, one.name, dict(one.dimensions)) == wanted]
    if not found:
        raise BadInputError(f"there is no series for {wanted[0]} {wanted[1]} {dimensions}", fix="record it, or say that it is empty")
    seconds, buckets = period.total_seconds(), dict[float, list[float]]()
    for one in found:
        for moment, value in one.points:
            buckets.setdefault(moment.timestamp() // seconds, []).append(value)
    return {datetime.fromtimestamp(number * seconds, UTC): float(_STATISTICS[statistic](values)) for number, values in buckets.items()}


_BINARY: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Gt: lambda a, b: float(a > b),
    ast.GtE: lambda a, b: float(a >= b),
    ast.Lt: lambda a, b: float(a < b),
    ast.LtE: lambda a, b: float(a <= b),
    ast.Eq: lambda a, b: float(a == b),
    ast.NotEq: lambda a, b: float(a != b),
}


def evaluate(expression: str, known: Mapping[str, Values], moments: Sequence[datetime]) -> Values:
    """Metric math ``expression`` over the series ``known``, for each of ``moments``; where a series has no point there is none.

    Raises:
        BadInputError: not an expression, or a function that isn't covered.
    """
    text = expression.replace("&&", " and ").replace("||", " or ").replace("!=", "\0").replace("!", " not ").replace("\0", "!=")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise BadInputError(f"'{expression}' is not metric math", fix="see what averment.sandbox.alarms covers") from error
    found = {moment: _Math(known, moment).of(tree) for moment in moments}
    return {moment: value for moment, value in found.items() if value is not None}


class _Math:
    """One expression at one moment. None is a missing point, and what needs one is missing too."""

    def __init__(self, known: Mapping[str, Values], moment: datetime) -> None:
        self._known, self._moment = known, moment

    def of(self, node: ast.AST) -> float | None:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name) if name in self._known:
                return self._known[name].get(self._moment)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return self._with([inner], lambda value: -value)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return self._with([inner], lambda value: float(not value))
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                divided, by = self.of(left), self.of(right)
                return None if divided is None or by is None or by == 0 else divided / by
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _BINARY:
                return self._with([left, right], _BINARY[type(sign)])
            case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _BINARY:
                return self._with([left, right], _BINARY[type(sign)])
            case ast.BoolOp(op=sign, values=parts):
                every = isinstance(sign, ast.And)
                return self._with(parts, lambda *values: float(all(values) if every else any(values)))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(name, arguments)
        raise BadInputError(f"'{ast.unparse(node)}' is not covered in metric math", fix="see what averment.sandbox.alarms covers")

    def _call(self, name: str, arguments: list[ast.expr]) -> float | None:
        match name, arguments:
            case "IF", [condition, yes, no]:
                chosen = self.of(condition)
                return None if chosen is None else self.of(yes if chosen else no)
            case "FILL", [inner, instead]:
                value = self.of(inner)
                return self.of(instead) if value is None else value
            case "HOUR", [inner]:
                return self._with([inner], lambda _: float(self._moment.hour))
            case "DAY", [inner]:
                return self._with([inner], lambda _: float(self._moment.isoweekday()))
            case "MIN" | "MAX", [_, *_]:
                return self._with(arguments, lambda *values: (min if name == "MIN" else max)(values))
            case "ABS", [inner]:
                return self._with([inner], abs)
        raise BadInputError(f"{name} is not covered in metric math", fix="see what averment.sandbox.alarms covers")

    def _with(self, parts: Sequence[ast.AST], combine: Callable[..., float]) -> float | None:
        values = [self.of(part) for part in parts]
        return None if any(value is None for value in values) else float(combine(*values))
