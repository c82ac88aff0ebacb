"""What every template may name."""

from django.conf import settings
from django.http import HttpRequest


def shop(request: HttpRequest) -> dict[str, object]:
    """The shop's name, and whether this is the demo."""
    return {"shop_name": settings.SHOP_NAME, "is_demo": settings.DEMO}
