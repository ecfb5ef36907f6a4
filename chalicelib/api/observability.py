"""What the service says about itself: a log line and a metric per request, and nothing that a phone sent."""

import logging
import traceback
from collections.abc import Callable
from pathlib import PurePath
from typing import Final, TextIO

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from chalice.app import Request, Response

from chalicelib.service.ports import Clock

NAME: Final = "assay"
_NAMESPACE: Final = "Assay"

Middleware = Callable[[Request, Callable[[Request], Response]], Response]


class LocationOnly(logging.Filter):
    """Exceptions by type and place: their messages, and their causes' messages, may quote a phone."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, trace = record.exc_info
            record.exception_type = kind.__qualname__
            if error.__cause__ is not None:
                record.caused_by = type(error.__cause__).__qualname__
            record.frames = [
                f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)
            ]
            record.exc_info = None
            record.exc_text = None
        return True


def logger(stream: TextIO) -> Logger:
    """Chalice's own logger by name, so that what Chalice logs of an unexpected exception goes through the filter too.

    Chalice must not configure it (`configure_logs=False`), or every line stands twice.
    """
    made = Logger(service=NAME, stream=stream)
    # Loggers are one per process and name: a second app in it (tests) writes where it was told to, too.
    for handler in logging.getLogger(NAME).handlers:
        if isinstance(handler, logging.StreamHandler):
            if handler.stream.closed:  # `setStream` would flush it first
                handler.stream = stream
            handler.setStream(stream)
    logging.getLogger(NAME).addFilter(_LOCATION_ONLY)
    return made


_LOCATION_ONLY: Final = LocationOnly()


def log_requests(log: Logger, clock: Clock) -> Middleware:
    """One line and one metric per request; the route's pattern, never the path as it was sent."""

    def middleware(event: Request, get_response: Callable[[Request], Response]) -> Response:
        started = clock.monotonic()
        response = get_response(event)
        milliseconds = round((clock.monotonic() - started) * 1_000)
        log.info(
            "request", method=event.method, route=event.path, status=response.status_code, milliseconds=milliseconds
        )
        # Of its own per request: the shared `Metrics` is no use to threads, which the local server has.
        metrics = EphemeralMetrics(namespace=_NAMESPACE, service=NAME)
        metrics.add_metric(name="Answers", unit=MetricUnit.Count, value=1)
        metrics.add_metric(name="AnswerTime", unit=MetricUnit.Milliseconds, value=milliseconds)
        metrics.add_dimension(name="route", value=event.path)
        metrics.add_dimension(name="status", value=str(response.status_code))
        metrics.flush_metrics()
        return response

    return middleware
