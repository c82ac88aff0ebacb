"""Conversation API and Users v1, through the vonage package's HTTP client over TLS."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from vonage import Vonage
from vonage_users import ListUsersFilter  # type: ignore[import-untyped]  # the package has no types
from vonage_users import User as SdkUser

from tests.twins import VonageTwin
from tests.twins.conftest import Api, Json

Refusal = Callable[[Callable[[], Any]], tuple[int, str]]
JOIN = {"user": {"name": "anna"}, "state": "joined", "channel": {"type": "app"}}


@pytest.fixture
def conversation(api: Api) -> str:
    """The path of a new conversation."""
    return f"/v1/conversations/{api.post('/v1/conversations', {'name': 'support-anna'})['id']}"


@pytest.fixture
def member(api: Api, anna: Json, conversation: str) -> Json:
    return api.post(f"{conversation}/members", JOIN)


def cursor_of(page: Json) -> str:
    return parse_qs(urlsplit(str(page["_links"]["next"]["href"])).query)["cursor"][0]


# Users


def test_a_user_is_made_and_found_by_id(api: Api, anna: Json) -> None:
    assert api.get(f"/v1/users/{anna['id']}") == anna


def test_a_user_is_found_by_name(api: Api, anna: Json) -> None:
    assert api.get("/v1/users/anna")["id"] == anna["id"]


def test_the_vonage_package_finds_a_user_by_name(sdk: Vonage, vonage: VonageTwin, anna: Json) -> None:
    vonage.store.add_user("bob", {})
    page = sdk.http_client.get(sdk.http_client.api_host, "/v1/users", {"name": "anna"})
    assert [user["id"] for user in page["_embedded"]["users"]] == [anna["id"]]


def test_the_vonage_packages_users_module_pages_by_cursor(sdk: Vonage, api: Api) -> None:
    made = [api.post("/v1/users", {"name": f"user-{number}"})["id"] for number in range(3)]
    first, cursor = sdk.users.list_users(ListUsersFilter(page_size=2))
    second, end = sdk.users.list_users(ListUsersFilter(page_size=2, cursor=cursor))
    assert ([user.id for user in first + second], end) == (made, None)


def test_the_vonage_packages_users_module_creates_a_user(sdk: Vonage) -> None:
    assert sdk.users.create_user(SdkUser(name="bob", display_name="Bob")).name == "bob"


def test_a_user_name_is_unique_with_400(api: Api, anna: Json, refusal: Refusal) -> None:
    assert refusal(lambda: api.post("/v1/users", {"name": "anna"})) == (400, "user:error:duplicate-name")


def test_an_unknown_name_gives_an_empty_list(api: Api) -> None:
    assert api.get("/v1/users", {"name": "nobody"})["_embedded"]["users"] == []


def test_an_unknown_name_is_404_by_dial(vonage: VonageTwin, api: Api, refusal: Refusal) -> None:
    vonage.turn(unknown_name_is_404=True)
    assert refusal(lambda: api.get("/v1/users", {"name": "nobody"})) == (404, "user:error:not-found")


def test_a_user_is_changed(api: Api, anna: Json) -> None:
    api.patch(f"/v1/users/{anna['id']}", {"display_name": "Anna M."})
    assert api.get(f"/v1/users/{anna['id']}")["display_name"] == "Anna M."


def test_a_deleted_user_is_gone(api: Api, anna: Json, refusal: Refusal) -> None:
    api.delete(f"/v1/users/{anna['id']}")
    assert refusal(lambda: api.get(f"/v1/users/{anna['id']}")) == (404, "user:error:not-found")


def test_a_users_conversations_show_the_membership(api: Api, anna: Json, member: Json) -> None:
    page = api.get(f"/v1/users/{anna['id']}/conversations")
    assert [item["_embedded"] for item in page["_embedded"]["conversations"]] == [{"id": member["id"], "state": "JOINED"}]


# Conversations


def test_a_conversation_has_the_documented_shape(api: Api) -> None:
    made = api.post("/v1/conversations", {"name": "support", "display_name": "Support", "properties": {"ttl": 60}})
    assert {name: made[name] for name in ("name", "display_name", "state", "sequence_number", "properties")} == {
        "name": "support",
        "display_name": "Support",
        "state": "ACTIVE",
        "sequence_number": 0,
        "properties": {"ttl": 60},
    }


def test_a_conversation_without_a_name_gets_one(api: Api) -> None:
    assert api.post("/v1/conversations", {})["name"].startswith("NAM-")


def test_a_conversation_name_is_unique_with_409(api: Api, conversation: str, refusal: Refusal) -> None:
    assert refusal(lambda: api.post("/v1/conversations", {"name": "support-anna"})) == (409, "conversation:error:duplicate-name")


def test_older_versions_answer_a_duplicate_name_with_400(vonage: VonageTwin, api: Api, conversation: str, refusal: Refusal) -> None:
    vonage.turn(duplicate_name_status=400)
    assert refusal(lambda: api.post("/v1/conversations", {"name": "support-anna"})) == (400, "conversation:error:duplicate-name")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": 7}, '"name" must be a string'),
        ({"name": ""}, '"name" is not allowed to be empty'),
        ({"name": "n" * 101}, '"name" length must be less than or equal to 100 characters long'),
        ({"display_name": "d" * 51}, '"display_name" length must be less than or equal to 50 characters long'),
        ({"image_url": "no url"}, '"image_url" must be a valid uri'),
        ({"order": 1002}, '"order" is not allowed'),
        ({"properties": {"ttl": -1}}, '"properties.ttl" must be larger than or equal to 0'),
        ({"properties": {"colour": "red"}}, '"properties.colour" is not allowed'),
        ({"properties": []}, '"properties" must be of type object'),
    ],
)
def test_a_conversation_is_validated_like_joi(vonage: VonageTwin, api: Api, refusal: Refusal, fields: Json, reason: str) -> None:
    assert refusal(lambda: api.post("/v1/conversations", fields)) == (400, "http:error:validation-fail")
    assert f'"reason":"{reason.replace(chr(34), chr(92) + chr(34))}"' in vonage.log.entries()[-1].answer


def test_a_conversation_is_changed(api: Api, conversation: str) -> None:
    api.put(conversation, {"display_name": "Anna's"})
    assert api.get(conversation)["display_name"] == "Anna's"


def test_a_deleted_conversation_is_gone(api: Api, conversation: str, refusal: Refusal) -> None:
    api.delete(conversation)
    assert refusal(lambda: api.get(conversation)) == (404, "conversation:error:not-found")


def test_a_list_shows_ten_unless_asked_for_more(api: Api, vonage: VonageTwin) -> None:
    for number in range(12):
        vonage.store.add_conversation(f"c{number}", {})
    assert len(api.get("/v1/conversations")["_embedded"]["conversations"]) == 10


def test_a_page_holds_100_at_most(api: Api, refusal: Refusal) -> None:
    assert refusal(lambda: api.get("/v1/conversations", {"page_size": 101})) == (400, "http:error:validation-fail")


def test_next_names_another_host_and_its_cursor_goes_on(api: Api, vonage: VonageTwin) -> None:
    made = [vonage.store.add_conversation(f"c{number}", {}).id for number in range(5)]
    first = api.get("/v1/conversations", {"page_size": 3})
    second = api.get("/v1/conversations", {"page_size": 3, "cursor": cursor_of(first)})
    listed = [item["id"] for page in (first, second) for item in page["_embedded"]["conversations"]]
    assert (urlsplit(first["_links"]["next"]["href"]).hostname, listed) == ("api-us-3.vonage.com", made)


def test_the_last_page_has_no_next(api: Api, conversation: str) -> None:
    assert "next" not in api.get("/v1/conversations")["_links"]


def test_descending_lists_begin_with_the_newest(api: Api, vonage: VonageTwin) -> None:
    newest = [vonage.store.add_conversation(f"c{number}", {}).id for number in range(3)][-1]
    assert api.get("/v1/conversations", {"order": "desc"})["_embedded"]["conversations"][0]["id"] == newest


def test_a_made_up_cursor_is_refused(api: Api, refusal: Refusal) -> None:
    assert refusal(lambda: api.get("/v1/conversations", {"cursor": "???"})) == (400, "paginator-builder:error:invalid-cursor")


def test_conversations_cannot_be_found_by_name(api: Api, conversation: str, refusal: Refusal) -> None:
    assert refusal(lambda: api.get("/v1/conversations", {"name": "support-anna"})) == (400, "http:error:validation-fail")


# Members


def test_a_member_joins(member: Json, anna: Json) -> None:
    assert (member["state"], member["_embedded"]["user"]["id"], sorted(member["timestamp"])) == ("JOINED", anna["id"], ["joined"])


def test_a_members_links_have_no_self(member: Json) -> None:
    assert list(member["_links"]) == ["href"]


def test_joining_leaves_an_event(vonage: VonageTwin, member: Json) -> None:
    assert [(event["id"], event["type"], event["from"]) for event in vonage.events()] == [(1, "member:joined", member["id"])]


def test_joining_twice_is_refused(api: Api, member: Json, conversation: str, refusal: Refusal) -> None:
    assert refusal(lambda: api.post(f"{conversation}/members", JOIN)) == (400, "conversation:error:member-already-joined")


def test_inviting_twice_is_refused(api: Api, anna: Json, conversation: str, refusal: Refusal) -> None:
    api.post(f"{conversation}/members", {**JOIN, "state": "invited"})
    again = refusal(lambda: api.post(f"{conversation}/members", {**JOIN, "state": "invited"}))
    assert again == (400, "conversation:error:member-already-invited")


def test_an_invited_user_joins_as_the_same_member(api: Api, anna: Json, conversation: str) -> None:
    invited = api.post(f"{conversation}/members", {**JOIN, "state": "invited"})
    assert api.post(f"{conversation}/members", JOIN)["id"] == invited["id"]


def test_a_member_leaves_and_cannot_leave_twice(api: Api, member: Json, conversation: str, refusal: Refusal) -> None:
    path = f"{conversation}/members/{member['id']}"
    assert api.patch(path, {"state": "left"})["state"] == "LEFT"
    assert refusal(lambda: api.patch(path, {"state": "left"})) == (400, "conversation:error:invalid-member-state")


def test_who_left_joins_again_as_another_member(api: Api, member: Json, conversation: str) -> None:
    api.patch(f"{conversation}/members/{member['id']}", {"state": "left"})
    assert api.post(f"{conversation}/members", JOIN)["id"] != member["id"]


def test_an_unknown_user_cannot_join(api: Api, conversation: str, refusal: Refusal) -> None:
    assert refusal(lambda: api.post(f"{conversation}/members", JOIN)) == (404, "user:error:not-found")


@pytest.mark.parametrize("left_out", ["user", "state", "channel"])
def test_a_member_needs_user_state_and_channel(api: Api, anna: Json, conversation: str, refusal: Refusal, left_out: str) -> None:
    fields = {name: value for name, value in JOIN.items() if name != left_out}
    assert refusal(lambda: api.post(f"{conversation}/members", fields)) == (400, "http:error:validation-fail")


def test_members_are_listed(api: Api, member: Json, conversation: str) -> None:
    assert [item["id"] for item in api.get(f"{conversation}/members")["_embedded"]["members"]] == [member["id"]]
