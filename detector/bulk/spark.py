"""The same scan on many machines, by Apache Spark: listed in tasks, scored in tasks, one row a result.

What a task does to its objects is ``scanning.scan``, as the plain loop does, and objects are put in ranges of names: so the results are the same,
and come in the same order. Whether they are those on what was listed is compared before they count as whole. An object that can't be read is a result. What ends the job is what would end the loop: a detector or a listing out
of reach. The driver holds neither the listing nor the results: both lie on the executors' disks until they are written.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from averment.core.aws import client
from averment.core.canonical import JSON
from averment.core.errors import AvermentError, BadInputError, IncompleteError
from averment.core.extras import require
from averment.core.fetch import Fetch
from averment.detector.bulk.memory import detector_key
from averment.detector.bulk.output import scanned_from_json, summary
from averment.detector.bulk.parts import Parts
from averment.detector.bulk.places import InventoryPlace, Place, unsure
from averment.detector.bulk.tasks import ListedRow, ScoredRow, Tally, Task, check_whole, list_units, score_objects
from averment.detector.opening import open_detector
from averment.detector.scanning import Finding, Scanned
from averment.detector.serving import info_to_json

PER_TASK = 500
"""Objects of a task: ten seconds at 50 a second, which is little to do again where a machine is lost."""

ROWS = 200
"""Rows that a task hands over at a time."""

_LISTED = "key string, size long, version_id string, etag string, modified string"
_SAID = ("size", "version_id", "etag", "modified")
"""What a listing says of an object, in the order of ``ListedRow``."""

_SCORED = "finding string, number long, line string, keys long"

NEWEST = "max(struct(ifnull(modified, ''), ifnull(version_id, ''), ifnull(etag, ''), size, version_id, etag, modified)) AS newest"
"""Of a key that a report names twice, what is newest, as the plain listing takes it (``places``)."""

_FIX = " (fix) "
"""Between a task's reason and what to do about it, on the way through Java."""

Frames = Iterator[Any]
"""pandas data frames, as ``mapInPandas`` gives and takes them."""


class SparkScan:
    """A place in S3 as Spark scans it, as a context manager: entering it begins a session and lists the place, leaving it ends that session.

    ``total`` images are there, ``passed_over`` other files; ``frame`` says where the listing came from. ``detector`` is as ``open_detector``
    takes it, and has to mean the same on every executor. With ``parts``, results go there by ``write_parts``.
    """

    links = 0

    def __init__(
        self, place: Place, detector: str, *, now: datetime, inventory: InventoryPlace | None = None, parts: Parts | None = None
    ) -> None:
        if place.bucket is None:
            raise BadInputError(f"'{place.text}' is not in S3", fix="leave out --engine spark, or write s3://bucket/prefix")
        self.info = open_detector(detector).info
        report, self.frame = None, dict[str, JSON](source="ListObjectsV2")
        if inventory is not None:
            report, self.frame = inventory.report(Fetch(client("s3", patient=True), "s3"), place, now)
        self._task = Task(place.bucket, place.prefix, detector, detector_key(self.info), report, parts, place.every)
        self.total = self.passed_over = self._keys = 0

    @property
    def unsure(self) -> str:
        """Why nobody can say whether the whole place was listed; empty where it was."""
        return unsure(self.frame)

    def __enter__(self) -> SparkScan:
        """Raises (as does what follows): IncompleteError: Spark can't be started, or a task failed again and again."""
        if self._task.parts is not None:
            self._task.parts.check_empty()
        self._spark, self._own = _session()
        try:
            self._list()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            with suppress(IncompleteError), _failures("end"):  # what was done is known by then, and so is what went wrong
                self._spark.stop()

    def results(self) -> Iterator[Scanned]:
        """One result an image, by name. All are there before the first comes; at the end it is known that they still were.

        Raises:
            IncompleteError: they aren't those on the objects that were listed.
        """
        with _failures("scan"):
            scored = self._scored().persist(_disk_only())
            check_whole(self._listed_tally(), _tally(scored.selectExpr("sum(number)", "sum(keys)")))
            given = Tally()
            for row in scored.toLocalIterator(prefetchPartitions=True):
                given = given.plus(ScoredRow(*row))
                yield scanned_from_json(json.loads(row.line), self.info.threshold)
        check_whole(self._listed_tally(), given)

    def write_parts(self) -> Counter[Finding]:
        """Let each task write its results to ``parts``; then the summary, which is where they end. How many there were of each finding.

        Raises:
            IncompleteError: the results aren't those on the objects that were listed, and there is no summary.
        """
        counts: Counter[Finding] = Counter()
        given = Tally()
        with _failures("scan"):
            for finding, number, keys in self._scored().groupBy("finding").sum("number", "keys").collect():
                counts[Finding(finding)] = number
                given = given.plus(ScoredRow(finding, number, None, keys))
        check_whole(self._listed_tally(), given)
        if self._task.parts is not None:
            told = {"detector": info_to_json(self.info), "listing": self.frame, "summary": summary(counts, self.passed_over)}
            self._task.parts.finish(told)
        return counts

    def _list(self) -> None:
        context = self._spark.sparkContext
        sql: Any = require("pyspark.sql.functions", extra="spark", needed_for="--engine spark")
        units = [(unit,) for unit in range(self._task.units)]
        with _failures("list the bucket"):
            frame = self._spark.createDataFrame(context.parallelize(units, max(1, len(units))), "unit long")
            listed = frame.mapInPandas(partial(_list, self._task), _LISTED).persist(_disk_only())
            self._objects = listed.where("key IS NOT NULL")
            if self._task.report is not None:
                self._objects = self._objects.groupBy("key").agg(sql.expr(NEWEST)).selectExpr("key", *(f"newest.{name}" for name in _SAID))
            [found] = self._objects.selectExpr("count(key)", "sum(crc32(encode(key, 'UTF-8')))").collect()
            [others] = listed.where("key IS NULL").selectExpr("sum(size)").collect()
        self.total, self._keys, self.passed_over = found[0], found[1] or 0, others[0] or 0

    def _listed_tally(self) -> Tally:
        return Tally(self.total, self._keys)

    def _scored(self) -> Any:
        tasks = max(-(-self.total // PER_TASK), min(self.total, self._spark.sparkContext.defaultParallelism), 1)
        objects = self._objects.repartitionByRange(tasks, "key").sortWithinPartitions("key")
        parts = self._task.parts
        task = replace(self._task, parts=replace(parts, most=tasks) if parts is not None else None)
        return objects.mapInPandas(partial(_score, task), _SCORED)


def _tally(sums: Any) -> Tally:
    [found] = sums.collect()
    return Tally(found[0] or 0, found[1] or 0)


def _list(task: Task, frames: Frames) -> Frames:
    units = ((int(row[0]),) for frame in frames for row in frame.itertuples(index=False, name=None))
    return _frames(list_units(task, units), ListedRow._fields)


def _score(task: Task, frames: Frames) -> Frames:
    number = require("pyspark", extra="spark", needed_for="a task").TaskContext.get().partitionId()
    objects = (ListedRow(*row) for frame in frames for row in frame.itertuples(index=False, name=None))
    return _frames(score_objects(task, number, objects), ScoredRow._fields)


def _frames(rows: Iterator[tuple[Any, ...]], names: tuple[str, ...]) -> Frames:
    pandas: Any = require("pandas", extra="spark", needed_for="a task")
    try:
        while some := list(islice(rows, ROWS)):
            yield pandas.DataFrame(some, columns=list(names))
    except AvermentError as error:  # of which Java hands on the message alone
        raise IncompleteError(f"{error.message}{_FIX}{error.fix or ''}") from error


def _session() -> tuple[Any, bool]:
    """The session to work in, and whether it was begun here. Started by ``spark-submit``, its settings are; else Spark runs on this machine."""
    sql: Any = require("pyspark.sql", extra="spark", needed_for="--engine spark")
    require("pandas", extra="spark", needed_for="--engine spark")
    active = sql.SparkSession.getActiveSession()
    if active is not None:
        return active, False
    builder = sql.SparkSession.builder.appName("averment media scan")
    with (
        tempfile.NamedTemporaryFile("w", prefix="averment-", suffix=".properties") as logging,
        _failures("start", fix="install Java 17 (on Debian: apt-get install openjdk-17-jre-headless), or set JAVA_HOME"),
    ):
        if "PYSPARK_GATEWAY_PORT" not in os.environ:  # not by spark-submit
            logging.write(_QUIET)
            logging.flush()
            for name, value in _local(logging.name).items():
                builder = builder.config(name, value)
        return builder.getOrCreate(), True


_QUIET = """
status = off
appender.none.type = Null
appender.none.name = none
rootLogger.level = off
rootLogger.appenderRef.none.ref = none
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = off
"""
"""Log4j's settings for Spark on this machine: what goes wrong there comes back as an exception, and is told once, as an error of ours. Without an
appender Spark would put settings of its own in their place."""


def _local(logging: str) -> dict[str, str]:
    """The settings of Spark on this machine, where nothing needs to reach it from outside."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    return {
        "spark.master": "local[*]",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower(),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={logging}",
    }


def _disk_only() -> Any:
    return require("pyspark", extra="spark", needed_for="--engine spark").StorageLevel.DISK_ONLY


@contextmanager
def _failures(doing: str, *, fix: str | None = None) -> Iterator[None]:
    """Spark's errors as ours: the reason that a task gave, without the traces of three languages."""
    errors: Any = require("pyspark.errors", extra="spark", needed_for="--engine spark")
    gateway: Any = require("py4j.protocol", extra="spark", needed_for="--engine spark")
    try:
        yield
    except (gateway.Py4JNetworkError, ConnectionError, EOFError) as error:
        raise IncompleteError(
            f"Spark could not {doing}: its Java process is gone", fix="see that there is memory for it, then scan again"
        ) from error
    except (errors.PySparkException, gateway.Py4JError) as error:
        reason, _, its_fix = _reason(str(error)).partition(_FIX)
        raise IncompleteError(f"Spark could not {doing}: {reason}", fix=its_fix or fix) from error


def _reason(text: str) -> str:
    ours = re.findall(r"^averment\.core\.errors\.\w+: (.*)$", text, re.MULTILINE)
    lines = [line.strip(" :") for line in text.splitlines() if line.strip() and not line.startswith("An error occurred while calling")]
    return ours[-1] if ours else (lines[0] if lines else "it gave no reason")[:500]
