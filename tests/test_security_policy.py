"""The content security policy: what every answer says, and what single pages add."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import conversations, links
from orders.mail_models import StoredMail
from orders.models import Order

Place = Callable[..., Order]
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; frame-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; connect-src 'self' ws://testserver"
)


def directives(answer: object) -> dict[str, str]:
    """The policy's directives by name."""
    told = answer["Content-Security-Policy"]  # type: ignore[index]
    return {name: rest for name, _space, rest in (part.strip().partition(" ") for part in told.split(";"))}


def expected() -> dict[str, str]:
    """The strict policy's directives by name."""
    return {name: rest for name, _space, rest in (part.strip().partition(" ") for part in STRICT.split(";"))}


@pytest.mark.parametrize("url", ["/", "/login/", "/admin/login/", "/api/docs/", "/api/orders/", "/nowhere", "/healthz"])
def test_every_answer_brings_the_strict_policy(client: Client, db: None, url: str) -> None:
    assert directives(client.get(url)) == expected()


def test_a_static_file_brings_its_type_and_its_age_and_nothing_that_only_a_page_heeds(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    """A page is told what it may load, and by whom it may be opened; no browser asks a script or a style for that. nosniff is for files."""
    # What is laid out in a fresh checkout, another test may have laid out, or not yet.
    settings.STATIC_ROOT = tmp_path
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat/style.css").write_text("a {}")
    answer = client.get("/static/chat/style.css")
    assert answer.getvalue()
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "max-age" in answer["Cache-Control"]
    assert set(answer.headers) <= {
        "Access-Control-Allow-Origin",
        "Cache-Control",
        "Content-Encoding",
        "Content-Length",
        "Content-Type",
        "ETag",
        "Last-Modified",
        "Vary",
        "X-Content-Type-Options",
    }


def test_a_static_file_that_is_not_there_is_a_page_with_the_strict_policy(client: Client, db: None) -> None:
    assert directives(client.get("/static/nothing.css")) == expected()


def test_over_https_the_socket_is_a_secure_one(client: Client, db: None) -> None:
    assert directives(client.get("/", secure=True))["connect-src"] == "'self' wss://testserver"


def test_a_host_that_is_not_ours_gets_into_no_policy(client: Client, db: None) -> None:
    assert directives(client.get("/", headers={"host": "evil.example"}))["connect-src"] == "'self'"


def test_no_page_of_ours_is_framed_elsewhere(client: Client, db: None) -> None:
    assert client.get("/login/")["X-Frame-Options"] == "DENY"


def test_a_mails_html_may_have_styles_and_nothing_else(client: Client, db: None, settings: Settings) -> None:
    settings.DEMO = True
    kept = StoredMail.objects.create(idempotency_key="k", to="a@example.com", from_email="b@example.com", subject="s", html="<p>")
    told = directives(client.get(f"/demo/mailbox/{kept.pk}/html/"))
    assert (told["default-src"], told["script-src"], told["style-src"], told["frame-ancestors"]) == (
        "'none'",
        "'none'",
        "'unsafe-inline'",
        "'self'",
    )
    assert "allow-scripts" not in told["sandbox"]


@pytest.fixture
def sdk_page(settings: Settings, alice: User, place: Place) -> str:
    """Alice's chat page, with the Client SDK on."""
    settings.CHAT_TRANSPORT = "client-sdk"
    settings.VONAGE_CLIENT_SDK_URL = "https://cdn.example/sdk.js"
    settings.VONAGE_CLIENT_SDK_INTEGRITY = "sha384-abc"
    settings.VONAGE_WS_URL = "wss://ws-eu.vonage.com"
    order = place(alice)
    return links.path_for(conversations.open_for(alice), order.number)


def test_with_the_client_sdk_its_page_may_load_the_script_by_its_hash(client: Client, alice: User, sdk_page: str) -> None:
    client.force_login(alice)
    told = directives(client.get(sdk_page))
    assert (told["script-src"], told["connect-src"]) == (
        "'self' 'sha384-abc'",
        "'self' ws://testserver https://api-eu.vonage.com wss://ws-eu.vonage.com",
    )


def test_without_a_hash_the_script_is_allowed_by_its_address(client: Client, alice: User, sdk_page: str, settings: Settings) -> None:
    settings.VONAGE_CLIENT_SDK_INTEGRITY = ""
    client.force_login(alice)
    assert directives(client.get(sdk_page))["script-src"] == "'self' https://cdn.example/sdk.js"


def test_with_the_client_sdk_every_other_page_stays_as_it_is(client: Client, sdk_page: str) -> None:
    assert directives(client.get("/login/")) == expected()


# --- What is kept of a private answer ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/api/orders/", "/api/orders/999/", "/api/customers/", "/api/events/", "/api/conversations/CON-0/events/"]
)
def test_no_proxy_and_no_browser_keeps_an_answer_of_the_api(client: Client, api_key: str, path: str) -> None:
    assert client.get(path, headers={"Authorization": f"Token {api_key}"})["Cache-Control"] == "no-store"


def test_the_document_may_be_kept(client: Client, db: None) -> None:
    assert "no-store" not in client.get("/api/schema/").get("Cache-Control", "")
