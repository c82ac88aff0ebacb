"""The API's document."""

import json
import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator

from accounts.api.schema import ALWAYS, WHEN_WRITING
from accounts.models import User
from chat import conversations
from chat.coordinator import drain
from chat.outbox import State
from chat.phones.api import NewCall
from orders import journey
from orders.models import Order, OrderLine
from orders.webhook_models import WebhookEndpoint

Operation = dict[str, Any]
Shape = Any
TAGS = {"orders", "customers", "conversations", "events", "webhooks", "guide"}
IDS = re.compile(r"(orders|customers|conversations|events|webhooks|guide)(_[a-z]+)+")


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


@pytest.fixture
def operations(client: Client, db: None) -> dict[str, Operation]:
    """Every operation of the document by its method and address."""
    paths = client.get("/api/schema/?format=json").json()["paths"]
    return {f"{method.upper()} {address}": operation for address, path in paths.items() for method, operation in path.items()}


def example_of(operation: Operation) -> Any:
    """The first example of its body; None where it has none."""
    examples = operation["requestBody"]["content"]["application/json"].get("examples", {})
    return next((example["value"] for example in examples.values()), None)


def test_operations_are_grouped_by_what_they_are_about(operations: dict[str, Operation]) -> None:
    assert {tuple(operation["tags"]) for operation in operations.values()} == {(tag,) for tag in TAGS}


def test_an_operations_id_begins_with_its_group_and_is_its_own(operations: dict[str, Operation]) -> None:
    ids = [operation["operationId"] for operation in operations.values()]
    groups = [operation["tags"][0] for operation in operations.values()]
    odd = [name for name, group in zip(ids, groups, strict=True) if not (IDS.fullmatch(name) and name.startswith(f"{group}_"))]
    assert (odd, len(set(ids))) == ([], len(ids))


def test_each_operation_is_summed_up_in_a_short_line_of_its_own(operations: dict[str, Operation]) -> None:
    summaries = [operation.get("summary", "") for operation in operations.values()]
    assert ([line for line in summaries if not 8 < len(line) < 60 or line.endswith(".")], len(set(summaries))) == ([], len(summaries))


def test_each_body_that_is_sent_has_an_example(operations: dict[str, Operation]) -> None:
    assert [name for name, operation in operations.items() if "requestBody" in operation and example_of(operation) is None] == []


@pytest.mark.parametrize(
    ("name", "status", "known"),
    [
        ("POST /api/orders/", 200, "anna"),
        ("PATCH /api/orders/{number}/", 200, "anna"),
        ("POST /api/customers/", 201, "maria"),
        ("PATCH /api/customers/{username}/", 200, "anna"),
        ("POST /api/webhooks/", 201, "anna"),
        ("PATCH /api/webhooks/{public_id}/", 200, "anna"),
        ("POST /api/conversations/{conversation_id}/events/", 201, "anna"),
        ("POST /api/conversations/{conversation_id}/seen/", 204, "anna"),
        ("POST /api/conversations/{conversation_id}/solve/", 201, "anna"),
        ("POST /user", 201, "maria"),
        ("POST /order", 201, "anna"),
    ],
)
def test_what_an_example_shows_is_taken(
    client: Client, operations: dict[str, Operation], api_key: str, name: str, status: int, known: str
) -> None:
    customer = User.objects.create_user(known, "customer@example.com")
    order = Order.objects.create(number=1001, customer=customer)
    OrderLine.objects.create(order=order, name="Mug", unit_price="4.00")
    drain()
    hook = WebhookEndpoint.objects.create(url="https://other.example.com/", created_by=User.objects.get(username="shop"))
    method, address = name.split()
    address = address.format(number=1001, username=known, public_id=hook.public_id, conversation_id=customer.conversation.public_id)
    ask, key = getattr(client, method.lower()), {"Authorization": f"Token {api_key}"}
    answer = ask(f"{address}?dry_run=1", example_of(operations[name]), content_type="application/json", headers=key)
    assert answer.status_code == status, answer.content


def test_the_example_of_a_call_is_taken_as_far_as_its_shape_goes(operations: dict[str, Operation]) -> None:
    given = NewCall(data=example_of(operations["POST /api/conversations/{conversation_id}/calls/"]))
    assert given.is_valid()


# --- What is answered --------------------------------------------------------------------------------------------------


def answers_of(operation: Operation) -> list[Any]:
    """The examples of what it answers when all is well; None for an answer that has none."""
    well = [found["content"]["application/json"] for status, found in operation["responses"].items() if status < "3" and "content" in found]
    return [example["value"] for content in well for example in content.get("examples", {"": {"value": None}}).values()]


def shape(value: Any) -> Shape:
    """The names in a value, without what stands under them; of a list those of its last, None where it is empty or nothing is there."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    return ([shape(value[-1])] if value else None) if isinstance(value, list) else None


def fits(example: Shape, real: Shape) -> bool:
    """Whether the same names are in both, as far down as both have something."""
    if isinstance(example, dict) and isinstance(real, dict):
        return example.keys() == real.keys() and all(fits(example[name], real[name]) for name in example)
    return not (isinstance(example, list) and isinstance(real, list)) or fits(example[0], real[0])


def in_json_schema(part: Any) -> Any:
    """A part of an OpenAPI 3.0 document in the words of JSON Schema, which has no `nullable`."""
    if isinstance(part, list):
        return [in_json_schema(item) for item in part]
    if not isinstance(part, dict):
        return part
    plain = {name: in_json_schema(item) for name, item in part.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if part.get("nullable") is True else plain


@pytest.fixture
def document(client: Client, db: None) -> dict[str, Any]:
    """The whole document."""
    found: dict[str, Any] = client.get("/api/schema/?format=json").json()
    return found


def test_each_answer_with_a_body_has_an_example(operations: dict[str, Operation]) -> None:
    assert [name for name, operation in operations.items() if None in answers_of(operation)] == []


def test_each_answers_example_fits_the_schema_that_it_stands_under(document: dict[str, Any], operations: dict[str, Operation]) -> None:
    known = {"components": in_json_schema(document["components"])}
    spoken = [*document["components"]["responses"].values()]
    for operation in operations.values():
        spoken += operation["responses"].values()
    contents = [content for said in spoken for content in said.get("content", {}).values()]
    checked = [
        [error.message for error in Draft202012Validator({**in_json_schema(content["schema"]), **known}).iter_errors(example["value"])]
        for content in contents
        for example in content.get("examples", {}).values()
    ]
    assert (len(checked) > 40, [found for found in checked if found]) == (True, [])


def test_each_refusal_has_an_example(document: dict[str, Any]) -> None:
    refusals = document["components"]["responses"].values()
    shown = [next(iter(found["content"]["application/problem+json"]["examples"].values()))["value"] for found in refusals]
    assert {problem["status"] for problem in shown} == {*ALWAYS, *WHEN_WRITING}


ASKED = [
    "GET /api/orders/",
    "POST /api/orders/",
    "GET /api/orders/{number}/",
    "GET /api/orders/{number}/explain/",
    "GET /api/customers/",
    "GET /api/customers/{username}/",
    "GET /api/events/",
    "GET /api/webhooks/",
    "GET /api/webhooks/{public_id}/",
    "GET /api/webhooks/{public_id}/deliveries/",
    "GET /api/webhooks/{public_id}/secret/",
    "GET /api/conversations/",
    "GET /api/conversations/{conversation_id}/events/",
    "POST /api/conversations/{conversation_id}/events/",
    "POST /user",
    "POST /order",
]


@pytest.fixture
def ask(client: Client, operations: dict[str, Operation], api_key: str, agent: User) -> Callable[[str], Any]:
    """Asks an operation by its name for Anna's things, with the example of its body."""
    shop = User.objects.get(username="shop")
    shop.groups.set(agent.groups.all())
    hook = WebhookEndpoint.objects.create(url="https://other.example.com/", created_by=shop)
    # The first of the list has no mail address.
    customer, _other = User.objects.create_user("anna", "anna@example.com"), User.objects.create_user("maria")
    headers = {"Authorization": f"Token {api_key}"}
    order = client.post(
        "/api/orders/", example_of(operations["POST /api/orders/"]), content_type="application/json", headers=headers
    ).json()
    drain()
    number, conversation = order["number"], customer.conversation
    conversations.send_text(conversations.join(conversation, shop), "Thank you", key="a", about=number)

    def asked(name: str) -> Any:
        method, address = name.split()
        address = address.format(number=number, username="anna", public_id=hook.public_id, conversation_id=conversation.public_id)
        if method == "GET":
            return client.get(address, headers=headers)
        # PostgreSQL's numbers go on from one test to the next, so the example's may be no order of hers.
        data = json.loads(json.dumps(example_of(operations[name])).replace('"about": 1001', f'"about": {number}'))
        return client.post(address, data, content_type="application/json", headers=headers)

    return asked


@pytest.mark.parametrize("name", ASKED)
def test_what_an_example_shows_is_what_is_answered(operations: dict[str, Operation], ask: Callable[[str], Any], name: str) -> None:
    answer = ask(name)
    real = answer.json()
    found = [example for example in answers_of(operations[name]) if fits(shape(example), shape(real))]
    assert (answer.status_code < 300, found != []) == (True, True), real


@pytest.mark.parametrize("name", ASKED)
def test_a_real_answer_fits_its_schema_for_a_reader_who_knows_no_formats_too(
    document: dict[str, Any], operations: dict[str, Operation], ask: Callable[[str], Any], name: str
) -> None:
    answer = ask(name)
    content = operations[name]["responses"][str(answer.status_code)]["content"]["application/json"]
    schema = {**in_json_schema(content["schema"]), "components": in_json_schema(document["components"])}
    assert [error.message for error in Draft202012Validator(schema).iter_errors(answer.json())] == []


@pytest.mark.parametrize("name", ASKED)
def test_a_real_answer_holds_nothing_that_its_schema_does_not_name(
    document: dict[str, Any], operations: dict[str, Operation], ask: Callable[[str], Any], name: str
) -> None:
    answer = ask(name)
    content = operations[name]["responses"][str(answer.status_code)]["content"]["application/json"]
    schema = closed({**in_json_schema(content["schema"]), "components": in_json_schema(document["components"])})
    assert [error.message for error in Draft202012Validator(schema).iter_errors(answer.json())] == []


def closed(schema: Any) -> Any:
    """The schema, with no object that may hold more than is named."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: closed(part) for name, part in schema.items()}
    names_all = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    return {"additionalProperties": False, **parts} if names_all else parts


def test_what_the_example_of_a_dry_run_shows_is_what_is_answered(client: Client, operations: dict[str, Operation], api_key: str) -> None:
    User.objects.create_user("anna", "anna@example.com")
    operation = operations["POST /api/orders/"]
    sent = {"data": example_of(operation), "content_type": "application/json", "headers": {"Authorization": f"Token {api_key}"}}
    real = client.post("/api/orders/?dry_run=1", **sent).json()
    assert any(fits(shape(example), shape(real)) for example in answers_of(operation) if "mail" in example)


def test_the_guides_order_names_the_username_and_no_customer(document: dict[str, Any]) -> None:
    order = document["components"]["schemas"]["GuideOrder"]
    assert (order["required"], "customer" in order["properties"], "lines" in order["properties"]) == (["username"], False, True)


def test_an_event_names_its_sender(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["EventShape"]["properties"].keys() >= {"from", "_embedded"}


def test_an_orders_data_is_an_object_and_has_a_limit(document: dict[str, Any]) -> None:
    found = document["components"]["schemas"]["Order"]["properties"]["data"]
    assert (found["type"], "64,000 bytes" in found["description"]) == ("object", True)


def test_an_orders_confirmation_names_its_states_and_what_a_list_calls_them(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    confirmation, told = schemas["Confirmation"], document["paths"]["/api/orders/"]["get"]["parameters"]
    states = schemas["StateEnum"]["enum"]
    description = next(parameter["description"] for parameter in told if parameter["name"] == "told")
    assert (states, set(confirmation["required"])) == (State.values, set(confirmation["properties"]))
    assert [name for name in journey.TOLD_STATES if f"`{name}`" not in description] == []


def test_a_conversation_says_what_it_tells_of_its_order(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["OrderInBrief"]["properties"].keys() == {"id", "status", "total", "currency"}
    assert "OrderInBrief" in json.dumps(schemas["ConversationShape"]["properties"]["order"])


def test_a_price_has_no_minus(document: dict[str, Any]) -> None:
    pattern = document["components"]["schemas"]["Line"]["properties"]["unit_price"]["pattern"]
    assert [bool(re.match(pattern, price)) for price in ("12.50", "0", "-1")] == [True, True, False]


def test_each_good_answer_names_its_headers(operations: dict[str, Operation]) -> None:
    limits = {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}
    writes = limits | {"Idempotency-Replayed", "Dry-Run"}
    odd = [
        (name, status)
        for name, operation in operations.items()
        for status, found in operation["responses"].items()
        if status < "3" and set(found.get("headers", {})) != (limits if name.startswith("GET") else writes)
    ]
    assert odd == []


def test_the_document_says_what_a_version_promises_and_what_its_groups_are(document: dict[str, Any]) -> None:
    assert (document["info"]["version"], "/api/v2/" in document["info"]["description"]) == ("1", True)
    assert ({tag["name"] for tag in document["tags"]}, all(tag["description"] for tag in document["tags"])) == (TAGS, True)


@pytest.mark.parametrize("address", ["/api/schema/", "/api/orders/"])
def test_what_cant_be_written_as_it_is_asked_for_is_a_problem(client: Client, db: None, address: str) -> None:
    answer = client.get(address, headers={"Accept": "text/html"})
    assert (answer.status_code, answer["Content-Type"]) == (406, "application/problem+json")


@pytest.mark.parametrize(
    ("asked", "media_type", "start"),
    [("", "application/vnd.oai.openapi", b"openapi: 3"), ("?format=json", "application/vnd.oai.openapi+json", b"{")],
)
def test_the_document_comes_in_two_formats(client: Client, db: None, asked: str, media_type: str, start: bytes) -> None:
    answer = client.get(f"/api/schema/{asked}")
    assert (answer["Content-Type"], answer.content.startswith(start)) == (media_type, True)


def test_the_document_is_in_the_language_that_is_asked_for(client: Client, db: None) -> None:
    english, chinese = (client.get(f"/api/schema/?lang={language}").content for language in ("en", "zh-hans"))
    assert english != chinese
