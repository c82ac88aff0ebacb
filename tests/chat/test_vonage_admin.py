"""What operators see of the copy at Vonage, and their one button; and what stops a start."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.contrib.auth.models import Permission
from django.core.checks import run_checks
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat import outbox
from chat.mirrored import MirroredEvent, MirrorRefusal, WebhookReceipt
from chat.outbox import State
from tests.chat.vonage_side import order_told, own_ids, vonage_side, work
from tests.twins import VonageTwin

REFUSALS = "/admin/chat/mirrorrefusal/"


@pytest.fixture
def vonage(settings: Settings) -> Iterator[VonageTwin]:
    with vonage_side(settings) as twin:
        yield twin


@pytest.fixture
def refusal(vonage: VonageTwin, alice: User) -> MirrorRefusal:
    vonage.turn(refuse_messaging={"custom": 410})
    order_told(alice)
    work()
    vonage.turn(refuse_messaging={})
    return MirrorRefusal.objects.get()


@pytest.fixture
def as_clerk(client: Client, clerk: User) -> Client:
    client.force_login(clerk)
    return client


def try_again(refusal: MirrorRefusal) -> str:
    return reverse("admin:chat_mirrorrefusal_try_again", args=[refusal.pk])


def test_the_page_names_who_is_concerned_and_the_reason(as_clerk: Client, refusal: MirrorRefusal) -> None:
    page = as_clerk.get(REFUSALS).content.decode()
    found = [
        words in page for words in ("Refusals by Vonage", "Alice Martin", "has been discontinued", "http:error:gone", try_again(refusal))
    ]
    assert found == [True] * 5


def test_the_button_sends_what_was_refused(as_clerk: Client, refusal: MirrorRefusal, vonage: VonageTwin) -> None:
    answer = as_clerk.post(try_again(refusal), follow=True)
    work()
    assert ("1 event is sent to Vonage again." in answer.content.decode(), len(own_ids(vonage))) == (True, 1)


def test_the_lists_action_does_the_same(as_clerk: Client, refusal: MirrorRefusal, vonage: VonageTwin) -> None:
    as_clerk.post(REFUSALS, {"action": "try_again", "_selected_action": [refusal.pk]})
    work()
    assert len(own_ids(vonage)) == 1


def test_looking_at_the_buttons_address_changes_nothing(as_clerk: Client, refusal: MirrorRefusal) -> None:
    assert (as_clerk.get(try_again(refusal)).status_code, MirrorRefusal.objects.count()) == (405, 1)


def test_who_may_only_look_may_not_try_again(client: Client, refusal: MirrorRefusal) -> None:
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_mirrorrefusal"))
    client.force_login(looker)
    client.post(try_again(refusal))
    assert MirrorRefusal.objects.count() == 1


def test_a_stranger_is_led_to_the_log_in(client: Client, refusal: MirrorRefusal) -> None:
    answer = client.post(try_again(refusal))
    assert (answer.headers["Location"].startswith("/admin/login/"), MirrorRefusal.objects.count()) == (True, 1)


def test_a_refused_copy_is_called_so(as_clerk: Client, refusal: MirrorRefusal) -> None:
    assert "refused by provider" in as_clerk.get("/admin/chat/mirroredevent/").content.decode()


def test_a_failed_copy_can_be_retried(as_clerk: Client, vonage: VonageTwin, alice: User) -> None:
    vonage.faults.set("vonage.create_event", {"fault": "status", "status": 400, "times": 1})
    event = order_told(alice)
    work()
    row = MirroredEvent.objects.get(event=event)
    as_clerk.post("/admin/chat/mirroredevent/", {"action": "retry_now", "_selected_action": [row.pk]})
    work()
    row.refresh_from_db()
    assert row.state == State.DONE


def test_a_webhooks_words_are_not_shown(as_clerk: Client, db: None) -> None:
    payload = {"body": {"text": "a secret of Alice's"}}
    receipt = WebhookReceipt.objects.create(provider_conversation_id="CON-1", provider_event_id="7", type="message", payload=payload)
    pages = [as_clerk.get(f"/admin/chat/webhookreceipt/{path}").content.decode() for path in ("", f"{receipt.pk}/change/")]
    assert ["CON-1" in page for page in pages] + ["secret" in page for page in pages] == [True, True, False, False]


def receipt(number: int, **fields: Any) -> None:
    """What a webhook brought, in a state of the test's own."""
    row = WebhookReceipt.objects.create(provider_conversation_id="CON-1", provider_event_id=str(number), type="message", payload={})
    WebhookReceipt.objects.filter(pk=row.pk).update(**fields)


FOUND = {"failed": "1", "unknown": "2", "due": "32", "waiting": "4", "done": "5", "": "54321"}


@pytest.mark.parametrize("choice", FOUND)
def test_operators_find_rows_by_what_is_to_be_done_about_them(as_clerk: Client, choice: str) -> None:
    receipt(1, state=State.FAILED)
    receipt(2, is_unknown=True)
    receipt(3)
    receipt(4, next_attempt_at=timezone.now() + timedelta(hours=1))
    receipt(5, state=State.DONE)
    shown = as_clerk.get("/admin/chat/webhookreceipt/", {"is": choice}).context["cl"].queryset
    assert [row.provider_event_id for row in shown] == list(FOUND[choice])


@pytest.mark.parametrize("choice", ["failed", "unknown", "due", "waiting"])
def test_every_page_of_rows_has_that_filter(as_clerk: Client, choice: str) -> None:
    pages = [reverse(admin_urlname(model._meta, "changelist")) for model in outbox.rules()]  # type: ignore[arg-type]
    answers = [as_clerk.get(page, {"is": choice}).status_code for page in pages]
    assert answers == [200] * len(outbox.rules())


# What stops a start.


def ids() -> set[str | None]:
    return {found.id for found in run_checks() if (found.id or "").startswith("chat.")}


def test_a_whole_set_of_credentials_is_no_finding(vonage: VonageTwin, settings: Settings) -> None:
    settings.WEBHOOK_SECRET = "something"
    assert ids() == set()


def test_a_key_file_that_is_none_stops_the_start(vonage: VonageTwin, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "private.key").write_text("not a key")
    settings.VONAGE_PRIVATE_KEY = str(tmp_path / "private.key")
    settings.WEBHOOK_SECRET = "something"
    assert ids() == {"chat.E002"}


def test_webhooks_that_nothing_can_prove_are_a_warning(vonage: VonageTwin) -> None:
    assert ids() == {"chat.W001"}


def test_the_embedded_side_is_no_finding() -> None:
    assert ids() == set()
