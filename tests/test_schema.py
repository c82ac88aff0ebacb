"""The API's document."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client


def test_the_openapi_document_is_valid_and_complete() -> None:
    # --fail-on-warn: a view that the document can't describe is a fault.
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


def test_the_documentation_page_is_served_by_us_alone(client: Client, db: None) -> None:
    page = client.get("/api/docs/").content.decode()
    assert ("swagger-ui" in page, "https://" in page, "//cdn" in page) == (True, False, False)


def test_every_operation_names_its_refusals(client: Client, db: None) -> None:
    paths = client.get("/api/schema/?format=json").json()["paths"]
    operations = [(method, operation) for path in paths.values() for method, operation in path.items() if path != "/api/schema/"]
    documented = [set(operation["responses"]) for _method, operation in operations if "security" in operation]
    assert all(codes >= {"400", "401", "403", "404", "429", "503"} for codes in documented)


def test_every_write_takes_an_idempotency_key_and_a_dry_run(client: Client, db: None) -> None:
    paths = client.get("/api/schema/?format=json").json()["paths"]
    writes = [operation for path in paths.values() for method, operation in path.items() if method in {"post", "patch", "put", "delete"}]
    taken = [{parameter["name"] for parameter in operation["parameters"]} for operation in writes]
    assert all(names >= {"Idempotency-Key", "dry_run"} for names in taken)


def test_an_address_below_the_api_that_isnt_there_is_answered_as_a_problem(client: Client, db: None) -> None:
    answer = client.get("/api/nothing/")
    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (404, "application/problem+json", "not_found")


@pytest.mark.parametrize("address", ["/api/schema/", "/api/docs/"])
def test_what_the_document_and_its_page_refuse_is_a_problem(client: Client, db: None, address: str) -> None:
    answer = client.post(address)
    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (405, "application/problem+json", "method_not_allowed")


def test_a_foreign_host_is_told_a_problem_below_the_api(client: Client, db: None) -> None:
    answer = client.get("/api/orders/", headers={"Host": "elsewhere.example.com"})
    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (400, "application/problem+json", "bad_request")


def test_a_foreign_host_is_told_a_page_elsewhere(client: Client, db: None) -> None:
    answer = client.get("/", headers={"Host": "elsewhere.example.com", "Accept": "text/html"})
    assert (answer.status_code, "This request could not be read" in answer.content.decode()) == (400, True)
