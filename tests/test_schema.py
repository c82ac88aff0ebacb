"""The API's document."""

from io import StringIO

from django.core.management import call_command
from django.test import Client


def test_the_openapi_document_is_valid_and_complete() -> None:
    # --fail-on-warn: a view that the document can't describe is a fault.
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


def test_the_documentation_page_is_served_by_us_alone(client: Client, db: None) -> None:
    page = client.get("/api/docs/").content.decode()
    assert ("swagger-ui" in page, "https://" in page, "//cdn" in page) == (True, False, False)
