"""Everybody reads in their own language, and can choose it."""

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import conversations
from chat.coordinator import drain
from orders.models import Order
from tests import opening

CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"}


def link_to(customer: User, order: Order) -> str:
    """The customer's link, as the mail has it."""
    drain()
    return opening.link_to(conversations.open_for(customer), order.number)


def chat_of(client: Client, customer: User, place: Callable[..., Order]) -> str:
    """The path of a chat page that the client has opened by its link."""
    path = link_to(customer, place(customer))
    opening.press(client, path)
    return path.partition("?")[0]


def test_a_strangers_browser_says_what_the_stranger_reads(client: Client, db: None) -> None:
    page = client.get("/login/", headers=CHINESE)
    assert "用户名" in page.content.decode()
    assert page.headers["Content-Language"] == "zh-hans"


def test_a_strangers_choice_stays_with_the_browser(client: Client, db: None) -> None:
    client.post("/language/", {"language": "zh-hans", "next": "/login/"})
    assert "用户名" in client.get("/login/").content.decode()


def test_the_switch_leads_back_to_the_page_and_to_no_other_site(client: Client, db: None) -> None:
    assert client.post("/language/", {"language": "zh-hans", "next": "/login/"}).headers["Location"] == "/login/"
    assert client.post("/language/", {"language": "zh-hans", "next": "https://evil.example/"}).headers["Location"] == "/"


def test_the_choice_of_somebody_logged_in_is_theirs_on_every_machine(client: Client, agent: User) -> None:
    client.force_login(agent)
    client.post("/language/", {"language": "zh-hans", "next": "/inbox/"})
    other = Client()
    other.force_login(agent)
    assert "收件箱" in other.get("/inbox/").content.decode()


def test_a_customer_by_link_chooses_for_the_pages_and_mails_to_come(client: Client, alice: User, place: Callable[..., Order]) -> None:
    path = chat_of(client, alice, place)
    assert client.post(f"{path}/language", {"language": "zh-hans", "next": path}).headers["Location"] == path
    alice.refresh_from_db()
    assert alice.language == "zh-hans"
    page = client.get(path)
    assert '<html lang="zh-hans"' in page.content.decode()
    assert page.headers["Content-Language"] == "zh-hans"


def test_a_customers_page_is_in_their_language_whatever_the_browser_asks_for(
    client: Client, alice: User, place: Callable[..., Order]
) -> None:
    path = chat_of(client, alice, place)
    assert '<html lang="en"' in client.get(path, headers=CHINESE).content.decode()


def test_an_agent_in_the_customers_browser_keeps_their_own_language(
    client: Client, alice: User, agent: User, place: Callable[..., Order]
) -> None:
    path = chat_of(client, alice, place)
    client.force_login(agent)
    client.post(f"{path}/language", {"language": "zh-hans", "next": path})
    agent.refresh_from_db()
    assert agent.language == "en"


def test_bob_chooses_nothing_for_alice(client: Client, alice: User, bob: User, place: Callable[..., Order]) -> None:
    alices = link_to(alice, place(alice)).partition("?")[0]
    chat_of(client, bob, place)
    assert client.post(f"{alices}/language", {"language": "zh-hans", "time_zone": "Asia/Tokyo"}).status_code == 404
    alice.refresh_from_db()
    assert (alice.language, alice.time_zone) == ("en", "")


@pytest.mark.parametrize("wishes", [{"language": "tlh"}, {"language": ""}, {"time_zone": "Mars/Olympus"}, {"time_zone": ""}])
def test_what_we_do_not_know_changes_nothing(client: Client, agent: User, wishes: dict[str, str]) -> None:
    client.force_login(agent)
    client.post("/language/", wishes | {"next": "/inbox/"})
    agent.refresh_from_db()
    assert (agent.language, agent.time_zone) == ("en", "")


def test_the_page_tells_the_readers_time_zone_once(client: Client, alice: User, place: Callable[..., Order]) -> None:
    path = chat_of(client, alice, place)
    client.post(f"{path}/language", {"time_zone": "Asia/Tokyo", "next": path})
    assert 'data-time-zone="Asia/Tokyo"' in client.get(path).content.decode()


def test_until_then_the_shops_zone_counts(client: Client, alice: User, place: Callable[..., Order], settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    assert 'data-time-zone="Europe/Berlin"' in client.get(chat_of(client, alice, place)).content.decode()


def test_a_program_reads_errors_in_the_language_it_asks_for(client: Client, api_key: str) -> None:
    headers = {"Authorization": f"Token {api_key}"} | CHINESE
    refused = client.post("/api/orders/", "{", content_type="application/json", headers=headers)
    assert refused.json()["detail"] == "请求正文不是 JSON：请看第 1 行第 2 列。"
    assert refused.headers["Content-Language"] == "zh-hans"


def test_a_program_that_asks_for_no_language_of_ours_reads_the_shops(client: Client, api_key: str) -> None:
    headers = {"Authorization": f"Token {api_key}", "Accept-Language": "tlh, *"}
    refused = client.post("/api/orders/", "{", content_type="application/json", headers=headers)
    assert refused.json()["detail"] == "The body is not JSON: look at line 1, column 2."


def test_a_customer_made_by_a_program_may_bring_a_language_and_a_zone(client: Client, api_key: str) -> None:
    given = {"username": "chen", "language": "zh-hans", "time_zone": "Asia/Shanghai"}
    client.post("/api/customers/", given, content_type="application/json", headers={"Authorization": f"Token {api_key}"})
    chen = User.objects.get(username="chen")
    assert (chen.language, chen.time_zone) == ("zh-hans", "Asia/Shanghai")


def test_other_customers_get_the_shops_language(client: Client, api_key: str, settings: Settings) -> None:
    settings.LANGUAGE_CODE = "zh-hans"
    client.post("/api/customers/", {"username": "chen"}, content_type="application/json", headers={"Authorization": f"Token {api_key}"})
    assert User.objects.get(username="chen").language == "zh-hans"


def test_a_links_first_page_is_in_the_customers_language(client: Client, alice: User, place: Callable[..., Order]) -> None:
    User.objects.filter(pk=alice.pk).update(language="zh-hans")
    assert '<html lang="zh-hans"' in client.get(link_to(alice, place(alice)), headers={"Accept-Language": "en"}).content.decode()


def test_whoever_opens_it_may_choose_another_language_before(client: Client, alice: User, place: Callable[..., Order]) -> None:
    User.objects.filter(pk=alice.pk).update(language="zh-hans")
    link = link_to(alice, place(alice))
    assert client.post("/language/", {"language": "en", "next": link}).headers["Location"] == link
    assert '<html lang="en"' in client.get(link).content.decode()


def test_a_program_reads_each_fields_error_in_the_language_it_asks_for(client: Client, api_key: str, alice: User) -> None:
    headers = {"Authorization": f"Token {api_key}"} | CHINESE
    order = {"customer": "nobody", "lines": []}
    refused = client.post("/api/orders/", order, content_type="application/json", headers=headers).json()
    assert refused["detail"] == "2 个字段需要检查。"
    assert [error["detail"] for error in refused["errors"]] == ["没有这个客户。请先创建客户。", "订单至少要有一行。"]
