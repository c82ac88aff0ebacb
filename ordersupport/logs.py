"""What is logged, and how: ids and outcomes, never an address or a text."""

import logging
import re
from typing import Any

from pythonjsonlogger.json import JsonFormatter

# What PostgreSQL adds to its words about an error: the row that it refused, or the statement with its values.
ROWS = re.compile(r"\n(?:DETAIL|CONTEXT|QUERY|LINE \d+):.*?(?=\n\n(?:The above|During handling)|\Z)", re.DOTALL)
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOGGERS: dict[str, Any] = {
    "orders.guide": {"handlers": ["guide"], "level": "INFO", "propagate": False},
    "uvicorn.access": {"level": "WARNING"},
    # At INFO it writes down each socket with its address, which names the person.
    "uvicorn.error": {"level": "WARNING"},
    # It would name people and their addresses; we log that a pair of them waits (accounts/login.py).
    "axes": {"level": "ERROR"},
    "django_guid": {"level": "WARNING"},
    # The SDK logs whole response bodies, personal data included, at WARNING.
    "vonage": {"level": "ERROR"},
}


class WithoutRows(logging.Formatter):
    """Tracebacks keep the kind of an error and where it happened, and lose the values of the row that it is about."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        """The traceback."""
        return ROWS.sub("", super().formatException(ei))


class Json(WithoutRows, JsonFormatter):
    """One object a line."""


def configuration(log_format: str, level: str) -> dict[str, Any]:
    """Django's LOGGING. `log_format`: text, or json (one object a line)."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "correlation": {"()": "django_guid.log_filters.CorrelationId"},
            "without_paths": {"()": "django.utils.log.CallbackFilter", "callback": without_paths},
        },
        "formatters": {
            "line": {"()": WithoutRows, "fmt": "{asctime} {levelname:<7} {name}: {message}", "style": "{"},
            "bare": {"()": WithoutRows, "fmt": "{message}", "style": "{"},
            "json": {
                "()": Json,
                "format": "{asctime}{levelname}{name}{message}{correlation_id}",
                "style": "{",
                "rename_fields": {"asctime": "at", "levelname": "level", "name": "logger"},
            },
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "line" if log_format == "text" else "json",
                "filters": ["correlation", "without_paths"],
            },
            # The original guide's lines ("Creating user user-123") are printed bare, as it shows them.
            "guide": {
                "class": "logging.StreamHandler",
                "formatter": "bare" if log_format == "text" else "json",
                "filters": ["correlation", "without_paths"],
            },
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": LOGGERS,
    }


def without_paths(record: logging.LogRecord) -> bool:
    """A filter that lets everything through, with the route in place of a request's path: that may hold a name, or a webhook's secret.

    The same for the request itself, which the JSON format writes out, with a link's key in its query.
    """
    request: Any = getattr(record, "request", None)
    path = getattr(request, "path", None)
    if path:
        match = request.resolver_match
        route = f"/{match.route}" if match else "an address that there isn't"
        record.__dict__["request"] = f"{request.method} {route}"
        if isinstance(record.args, tuple):
            record.args = tuple(route if argument == path else argument for argument in record.args)
    return True
