"""What is logged, and how: ids and outcomes, never an address or a text."""

import logging
from typing import Any

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
            "line": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{"},
            "bare": {"format": "{message}", "style": "{"},
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
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
    """A filter that lets everything through, with the route in place of a request's path: that may hold a name, or a webhook's secret."""
    request: Any = getattr(record, "request", None)
    path = getattr(request, "path", None)
    if path and isinstance(record.args, tuple):
        match = request.resolver_match
        route = f"/{match.route}" if match else "an address that there isn't"
        record.args = tuple(route if argument == path else argument for argument in record.args)
    return True
