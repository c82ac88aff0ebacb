"""Applications API v2, through the vonage package over TLS."""

import time
import uuid

import jwt
import pytest
import requests
from vonage import Vonage
from vonage_application import (  # type: ignore[import-untyped]  # the package has no types
    ApplicationConfig,
    Capabilities,
    Rtc,
    RtcWebhooks,
)
from vonage_application.common import ApplicationUrl, Keys  # type: ignore[import-untyped]
from vonage_http_client.errors import AuthenticationError, HttpRequestError

from tests.twins import VonageTwin
from tests.twins.conftest import Api


@pytest.fixture
def config() -> ApplicationConfig:
    hook = ApplicationUrl(address="https://shop.example.com/webhooks/rtc", http_method="POST")
    return ApplicationConfig(name="Order Support", capabilities=Capabilities(rtc=Rtc(webhooks=RtcWebhooks(event_url=hook))))


def test_a_made_application_brings_its_private_key(sdk: Vonage, config: ApplicationConfig) -> None:
    made = sdk.application.create_application(config)
    assert made.keys.private_key.startswith("-----BEGIN PRIVATE KEY-----")


def test_the_private_key_is_shown_once(sdk: Vonage, config: ApplicationConfig) -> None:
    made = sdk.application.create_application(config)
    assert not hasattr(sdk.application.get_application(made.id).keys, "private_key")


def test_a_made_applications_key_signs_tokens(vonage: VonageTwin, sdk: Vonage, config: ApplicationConfig, http: requests.Session) -> None:
    made = sdk.application.create_application(config)
    claims = {"application_id": made.id, "iat": int(time.time()), "jti": str(uuid.uuid4())}
    token = jwt.encode(claims, made.keys.private_key, algorithm="RS256")
    assert http.get(f"{vonage.origin}/v1/users", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_applications_do_not_see_each_other(vonage: VonageTwin, sdk: Vonage, api: Api, config: ApplicationConfig) -> None:
    api.post("/v1/users", {"name": "anna"})
    made = sdk.application.create_application(config)
    assert list(vonage.stores[made.id].users) == []


def test_who_brings_a_public_key_gets_no_private_one(vonage: VonageTwin, sdk: Vonage, config: ApplicationConfig) -> None:
    config.keys = Keys(public_key=vonage.applications[vonage.application_id].public_key)
    assert not hasattr(sdk.application.create_application(config).keys, "private_key")


def test_what_is_no_public_key_is_refused(sdk: Vonage, config: ApplicationConfig) -> None:
    config.keys = Keys(public_key="no key")
    with pytest.raises(HttpRequestError, match="400"):
        sdk.application.create_application(config)


def test_an_application_is_changed(sdk: Vonage, config: ApplicationConfig) -> None:
    made = sdk.application.create_application(config)
    config.capabilities.rtc.webhooks.event_url.address = "https://new.example.com/webhooks/rtc"
    sdk.application.update_application(made.id, config)
    found = sdk.application.get_application(made.id)
    assert found.capabilities.rtc.webhooks.event_url.address == "https://new.example.com/webhooks/rtc"


def test_applications_are_listed(vonage: VonageTwin, sdk: Vonage, config: ApplicationConfig) -> None:
    made = sdk.application.create_application(config)
    listed, following = sdk.application.list_applications()
    assert ([item.id for item in listed], following) == ([vonage.application_id, made.id], None)


def test_a_wrong_secret_is_401(vonage: VonageTwin, sdk: Vonage, config: ApplicationConfig) -> None:
    vonage.api_secret, right = "another", vonage.api_secret
    with pytest.raises(AuthenticationError):
        sdk.application.create_application(config)
    vonage.api_secret = right


def test_unknown_keys_are_refused(vonage: VonageTwin, http: requests.Session) -> None:
    body = {"name": "Order Support", "capabilities": {"rtc": {"webhooks": {"answer_url": {"address": "https://example.com"}}}}}
    answer = http.post(f"{vonage.origin}/v2/applications", json=body, auth=(vonage.api_key, vonage.api_secret))
    reason = '"capabilities.rtc.webhooks.answer_url" is not allowed'
    assert (answer.status_code, answer.json()["invalid_parameters"][0]["reason"]) == (400, reason)
