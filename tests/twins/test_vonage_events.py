"""Events of the Conversation API v1, and its partial discontinuation."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.twins import VonageTwin
from tests.twins.conftest import Api, Json

Refusal = Callable[[Callable[[], Any]], tuple[int, str]]
ORDER = {"type": "custom:order-confirm-event", "body": {"id": 1002, "text": "You purchased a widget."}}
TEXT = {"type": "message", "body": {"message_type": "text", "text": "Hello"}}


def custom(characters: str) -> Json:
    """A custom event whose body, {"text":"…"}, is 11 bytes longer than the text."""
    return {"type": "custom:order-confirm-event", "body": {"text": characters}}


@pytest.fixture
def member(api: Api, anna: Json, events: str) -> Json:
    path = events.removesuffix("/events")
    return api.post(f"{path}/members", {"user": {"id": anna["id"]}, "state": "joined", "channel": {"type": "app"}})


def test_an_events_id_is_an_integer_that_counts_within_the_conversation(api: Api, events: str) -> None:
    assert [api.post(events, ORDER)["id"], api.post(events, ORDER)["id"]] == [1, 2]


def test_the_conversations_sequence_number_is_the_last_events(api: Api, events: str) -> None:
    api.post(events, ORDER)
    api.post(events, TEXT)
    assert api.get(events.removesuffix("/events"))["sequence_number"] == 2


def test_an_event_without_from_is_the_systems(api: Api, events: str) -> None:
    made = api.post(events, ORDER)
    assert ("from" in made, "_embedded" in made) == (False, False)


def test_an_event_shows_who_it_is_from(api: Api, events: str, member: Json, anna: Json) -> None:
    made = api.post(events, {**TEXT, "from": member["id"]})
    assert (made["from"], made["_embedded"]["from_user"]["display_name"], made["_embedded"]["from_member"]) == (
        member["id"],
        "Anna",
        {"id": member["id"]},
    )


def test_a_list_embeds_the_array_itself(api: Api, events: str) -> None:
    api.post(events, ORDER)
    assert [event["body"]["id"] for event in api.get(events)["_embedded"]] == [1002]


def test_the_newest_event_comes_first_when_descending(api: Api, events: str) -> None:
    api.post(events, ORDER)
    api.post(events, TEXT)
    assert [event["id"] for event in api.get(events, {"order": "DESC", "page_size": 1})["_embedded"]] == [2]


def test_a_list_can_start_and_end_at_an_id(api: Api, events: str) -> None:
    for _ in range(5):
        api.post(events, TEXT)
    assert [event["id"] for event in api.get(events, {"start_id": 2, "end_id": 4})["_embedded"]] == [2, 3, 4]


def test_a_list_can_be_of_one_type(api: Api, events: str) -> None:
    api.post(events, ORDER)
    api.post(events, TEXT)
    assert [event["type"] for event in api.get(events, {"event_type": "message"})["_embedded"]] == ["message"]


def test_a_list_of_custom_events_is_refused(api: Api, events: str, refusal: Refusal) -> None:
    asked = {"event_type": "custom:order-confirm-event"}
    assert refusal(lambda: api.get(events, asked)) == (400, "http:error:validation-fail")


def test_one_event_is_found_by_its_id(api: Api, events: str) -> None:
    api.post(events, ORDER)
    assert api.get(f"{events}/1")["body"]["id"] == 1002


def test_an_unknown_event_is_not_found(api: Api, events: str, refusal: Refusal) -> None:
    assert refusal(lambda: api.get(f"{events}/7")) == (404, "event:error:not-found")


def test_a_deleted_event_loses_its_body_and_keeps_its_number(api: Api, events: str) -> None:
    api.post(events, ORDER)
    api.delete(f"{events}/1")
    assert [(event["id"], event["body"]) for event in api.get(events)["_embedded"]] == [(1, {})]


def test_deleted_events_can_be_left_out(api: Api, events: str) -> None:
    api.post(events, ORDER)
    api.delete(f"{events}/1")
    assert api.get(events, {"exclude_deleted_events": "true"})["_embedded"] == []


def test_only_message_and_custom_events_can_be_deleted(api: Api, events: str, member: Json, refusal: Refusal) -> None:
    assert refusal(lambda: api.delete(f"{events}/1")) == (403, "event:error:permission-denied")


@pytest.mark.parametrize("text", ["a" * (4096 - 11), "é" * ((4096 - 11) // 2)])
def test_a_custom_body_may_have_4096_bytes(api: Api, events: str, text: str) -> None:
    assert api.post(events, custom(text))["id"] == 1


@pytest.mark.parametrize("text", ["a" * (4096 - 10), "é" * ((4096 - 11) // 2 + 1)])
def test_a_longer_custom_body_is_refused(api: Api, events: str, refusal: Refusal, text: str) -> None:
    assert refusal(lambda: api.post(events, custom(text))) == (400, "http:error:validation-fail")


@pytest.mark.parametrize(
    "event",
    [
        {"type": "text", "body": {"text": "Hello"}},
        {"type": "custom:", "body": {}},
        {"type": "custom:order confirm", "body": {}},
        {"type": "custom:" + "x" * 100, "body": {}},
        {"type": "custom:order", "body": "text"},
        {"type": "custom:order"},
        {"type": "message", "body": {"message_type": "text"}},
        {"type": "message", "body": {"message_type": "poem", "text": "Hello"}},
        {"type": "message", "body": {"message_type": "text", "text": ""}},
        {"body": {}},
        {**ORDER, "client_key": "7"},
    ],
)
def test_what_is_no_event_is_refused(api: Api, events: str, refusal: Refusal, event: Json) -> None:
    assert refusal(lambda: api.post(events, event)) == (400, "http:error:validation-fail")


def test_an_event_from_nobody_known_is_refused(api: Api, events: str, refusal: Refusal) -> None:
    assert refusal(lambda: api.post(events, {**TEXT, "from": "MEM-unknown"})) == (404, "conversation:error:member-not-found")


def test_an_event_from_somebody_who_left_is_refused(api: Api, events: str, member: Json, refusal: Refusal) -> None:
    api.patch(f"{events.removesuffix('/events')}/members/{member['id']}", {"state": "left"})
    assert refusal(lambda: api.post(events, {**TEXT, "from": member["id"]})) == (400, "event:error:not-joined")


@pytest.mark.parametrize(
    ("status", "code"), [(403, "conversation:error:not-allowed"), (404, "http:error:not-found"), (410, "http:error:gone")]
)
def test_a_discontinued_family_of_events_is_refused_for_good(
    vonage: VonageTwin, api: Api, events: str, refusal: Refusal, status: int, code: str
) -> None:
    vonage.turn(refuse_messaging={"custom": status})
    assert refusal(lambda: api.post(events, ORDER)) == (status, code)


def test_custom_events_may_live_on_when_messages_end(vonage: VonageTwin, api: Api, events: str) -> None:
    vonage.turn(refuse_messaging={"message": 403})
    assert api.post(events, ORDER)["id"] == 1


def test_somebody_at_vonages_side_writes(vonage: VonageTwin, api: Api, events: str) -> None:
    vonage.say(events.split("/")[3], "agent", "How can I help?")
    assert api.get(events)["_embedded"][-1]["body"] == {"message_type": "text", "text": "How can I help?"}


def test_another_version_of_an_order_is_no_double(vonage: VonageTwin, api: Api, events: str) -> None:
    for version in (1, 2):
        api.post(events, {**ORDER, "body": {"id": 1002, "version": version}})
    assert vonage.doubled_events() == {}


def test_the_same_order_twice_is_counted_as_doubled(vonage: VonageTwin, api: Api, events: str) -> None:
    api.post(events, ORDER)
    api.post(events, ORDER)
    assert vonage.state()["doubled_events"] == {"1002": 2}
