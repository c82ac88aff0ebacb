"""The first page: what it tells the demo's visitors, staff and strangers; and what an address without a page offers."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User


def first_page(client: Client) -> str:
    """As this browser sees it."""
    return client.get("/").content.decode()


@pytest.mark.django_db
def test_strangers_do_not_learn_what_runs(client: Client, settings: Settings) -> None:
    settings.DEMO = False
    page = first_page(client)
    assert ("What runs" in page, "SQLite" in page, "Where to go next" in page) == (False, False, True)


def test_agents_do_not_learn_it_either_and_staff_does(client: Client, settings: Settings, agent: User, clerk: User) -> None:
    settings.DEMO = False
    client.force_login(agent)
    told_to_agents = "What runs" in first_page(client)
    client.force_login(clerk)
    assert (told_to_agents, "What runs" in first_page(client)) == (False, True)


@pytest.mark.django_db
def test_the_demo_shows_what_runs_and_how_each_gets_in(client: Client, settings: Settings) -> None:
    settings.DEMO = True
    page = first_page(client)
    assert [word in page for word in ("What runs", "the link in their mail", "/demo/mailbox/")] == [True, True, True]


def test_of_vonage_no_more_is_said_than_is_so(client: Client, settings: Settings, clerk: User) -> None:
    settings.VONAGE_APPLICATION_ID = "aaaa-bbbb"
    client.force_login(clerk)
    assert "Vonage gets a copy of what it still accepts" in first_page(client)


@pytest.mark.django_db
def test_an_address_without_a_page_offers_a_new_link(client: Client) -> None:
    answer = client.get("/nowhere/at/all")
    assert (answer.status_code, 'href="/new-link/">Mail me a new link' in answer.content.decode()) == (404, True)
