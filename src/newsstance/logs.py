"""Log lines as JSON, for machines that read them (``hydra/job_logging=json``), and what a run failed of."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from newsstance.writing import to_line

LOG = logging.getLogger(__name__)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (ISO 8601, UTC), level, logger, message, and error where there is a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of ``record``."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return to_line(line)


def log_failure(message: str, error: BaseException | None = None) -> None:
    """Log why a run failed: in the log of its folder, and as JSON where its lines are.

    On a terminal the command says it in a line of its own, so that it is not said twice.

    Args:
        message: What went wrong.
        error: The error where its traceback is wanted.
    """
    trace = (type(error), error, error.__traceback__) if error else None
    record = LOG.makeRecord(LOG.name, logging.ERROR, __file__, 0, message, (), trace)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler) or isinstance(handler.formatter, JsonFormatter):
            handler.handle(record)
