"""What is logged, and how: ids and outcomes, never an address or a text."""

from typing import Any


def configuration(log_format: str, level: str) -> dict[str, Any]:
    """Django's LOGGING. `log_format`: text, or json (one object a line)."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"correlation": {"()": "django_guid.log_filters.CorrelationId"}},
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
                "filters": ["correlation"],
            },
            # The original guide's lines ("Creating user user-123") are printed bare, as it shows them.
            "guide": {
                "class": "logging.StreamHandler",
                "formatter": "bare" if log_format == "text" else "json",
                "filters": ["correlation"],
            },
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "orders.guide": {"handlers": ["guide"], "level": "INFO", "propagate": False},
            "uvicorn.access": {"level": "WARNING"},
            # It would name people and their addresses; we log that a pair of them waits (accounts/login.py).
            "axes": {"level": "ERROR"},
            "django_guid": {"level": "WARNING"},
            # The SDK logs whole response bodies, personal data included, at WARNING.
            "vonage": {"level": "ERROR"},
        },
    }
