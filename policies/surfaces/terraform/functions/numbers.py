"""Terraform's functions on numbers, times and networks. All arguments are known values."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from averment.policies.surfaces.terraform.values import Failed

MAX_RANGE = 1_024
"""As many numbers as Terraform's own ``range`` makes."""

_MAX_DURATION = 100


def tonumber(value: Any) -> Any:
    """``value`` as a number, if it is one or spells one."""
    if isinstance(value, bool):
        return Failed("not a number")
    if value is None or isinstance(value, int | float):
        return value
    try:
        number = float(value) if len(value) < 40 else math.nan
    except (TypeError, ValueError):
        return Failed("not a number")
    return _whole(number) if math.isfinite(number) else Failed("not a number")


def _whole(value: float) -> int | float:
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else value


def _range(*numbers: Any) -> Any:
    start, end, step = {1: (0, numbers[0], 1), 2: (*numbers[:2], 1)}.get(len(numbers), numbers)
    if len(numbers) == 2 and start > end:
        step = -1
    if step == 0 or (end - start) / step < 0:
        return Failed("range: the step leads away from the end")
    count = math.ceil((end - start) / step)
    if count > MAX_RANGE:
        return Failed("range: more than 1,024 values")
    return [_whole(start + step * index) for index in range(count)]


def _parseint(text: Any, base: int) -> Any:
    try:
        return int(str(text), int(base)) if 2 <= base <= 36 and len(str(text)) < 100 else Failed("parseint of something else")
    except ValueError:
        return Failed("parseint of something else")


def _power(base: float, exponent: float) -> Any:
    if abs(exponent) > 100 or abs(base) > 1e9:
        raise ValueError("too large")
    return _whole(base**exponent)


def _cidr(prefix: str) -> Any:
    return ipaddress.ip_network(prefix, strict=False)


def _cidrsubnet(prefix: str, bits: int, number: int) -> Any:
    network = _cidr(prefix)
    length = network.prefixlen + int(bits)
    if length > network.max_prefixlen or not 0 <= number < 2 ** int(bits):
        return Failed("cidrsubnet: the network is too small")
    start = int(network.network_address) + (int(number) << (network.max_prefixlen - length))
    return f"{type(network.network_address)(start)}/{length}"


def _cidrhost(prefix: str, number: int) -> Any:
    network = _cidr(prefix)
    place = int(number) if number >= 0 else network.num_addresses + int(number)
    if not 0 <= place < network.num_addresses:
        return Failed("cidrhost: the network is too small")
    return str(network.network_address + place)


def _cidrsubnets(prefix: str, *bits: int) -> Any:
    network = _cidr(prefix)
    position, out = int(network.network_address), []
    for more in bits:
        length = network.prefixlen + int(more)
        size = 1 << (network.max_prefixlen - length)
        position = -(-position // size) * size
        if length > network.max_prefixlen or position + size > int(network.broadcast_address) + 1:
            return Failed("cidrsubnets: the network is too small")
        out.append(f"{type(network.network_address)(position)}/{length}")
        position += size
    return out


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone, which Terraform refuses")
    return moment.astimezone(UTC)


def _timeadd(text: str, duration: str) -> Any:
    if len(duration) > _MAX_DURATION:
        raise ValueError("a duration that is too long")
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", duration.lstrip("+-"))
    seconds = sum(float(number) * {"h": 3600, "m": 60, "s": 1, "ms": 0.001}[unit] for number, unit in parts)
    moved = _time(text) + timedelta(seconds=-seconds if duration.startswith("-") else seconds)
    return moved.strftime("%Y-%m-%dT%H:%M:%SZ")


def _sum(numbers: list[Any]) -> Any:
    return _whole(sum(tonumber(number) for number in numbers)) if numbers else Failed("sum of nothing")


def _logarithm(value: float, base: float) -> Any:
    return _whole(math.log(value) / math.log(base))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "tonumber": tonumber,
    "range": _range,
    "min": lambda *numbers: min(tonumber(number) for number in numbers),
    "max": lambda *numbers: max(tonumber(number) for number in numbers),
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "signum": lambda value: (value > 0) - (value < 0),
    "pow": _power,
    "log": _logarithm,
    "parseint": _parseint,
    "sum": _sum,
    "cidrsubnet": _cidrsubnet,
    "cidrsubnets": _cidrsubnets,
    "cidrhost": _cidrhost,
    "cidrnetmask": lambda prefix: str(_cidr(prefix).netmask),
    "timeadd": _timeadd,
    "timecmp": lambda one, other: (_time(one) > _time(other)) - (_time(one) < _time(other)),
}
