"""What every template may name."""

from django.conf import settings
from django.http import HttpRequest


def shop(request: HttpRequest) -> dict[str, object]:
    """The shop's name, whether this is the demo, and where every mail goes instead of to the customers (empty: nowhere)."""
    return {"shop_name": settings.SHOP_NAME, "is_demo": settings.DEMO, "mail_goes_to": settings.SENDINBLUE_TO_EMAIL}
