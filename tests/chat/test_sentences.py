"""What is stored in English is read in the reader's language."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import translation

from accounts.models import User
from chat.coordinator import drain
from chat.sentences import in_words, said
from orders.backends.sendinblue_wire import refusal
from orders.models import Order


def in_chinese(stored: str) -> str:
    """The sentence as a Chinese reader sees it."""
    with translation.override("zh-hans"):
        return in_words(stored)


def test_a_stored_sentence_is_worded_anew() -> None:
    assert in_chinese("The call is none of ours.") == "此通话不属于我们。"


def test_what_was_filled_in_is_filled_in_again() -> None:
    stored = said("Vonage: no reply within %(seconds)s s.", seconds=10)
    assert stored == "Vonage: no reply within 10 s."
    assert in_chinese(stored) == "Vonage：10 秒内没有回复。"


def test_a_sentence_within_a_sentence_is_worded_too_and_the_providers_own_words_stay() -> None:
    error = refusal(401, {"code": "unauthorized", "message": "Key not found"}, {})
    assert in_chinese(str(error)) == (
        "Sendinblue 不接受此密钥。请在 SENDINBLUE_API_KEY 中填写有效的 API 密钥并重新启动。在此之前邮件会等待。（对方说明：Key not found）"
    )


def test_an_act_within_a_sentence_is_worded_too() -> None:
    stored = "Alice Martin has no mail address. Add one to the customer, then press “Retry now”."
    assert in_chinese(stored) == "Alice Martin 没有邮箱地址。请为客户添加邮箱，然后点击“立即重试”。"


@pytest.mark.parametrize("stored", ["", "Boom.", "100 % of it\nfailed (really) [a-z]"])
def test_a_sentence_that_nobody_knows_stays_as_it_is(stored: str) -> None:
    assert in_chinese(stored) == stored


def test_english_readers_read_what_is_stored() -> None:
    assert in_words("The call is none of ours.") == "The call is none of ours."


def test_an_error_is_stored_in_english_whatever_the_customer_reads(
    client: Client, clerk: User, alice: User, place: Callable[..., Order]
) -> None:
    User.objects.filter(pk=alice.pk).update(email="", language="zh-hans")
    User.objects.filter(pk=clerk.pk).update(language="zh-hans")
    order = place(User.objects.get(pk=alice.pk))
    drain()
    stored = order.confirmations.get().last_error
    assert stored == "Alice Martin has no mail address. Add one to the customer, then press “Resend”."
    client.force_login(clerk)
    assert "Alice Martin 没有邮箱地址。" in client.get(f"/admin/orders/order/{order.pk}/change/").content.decode()
