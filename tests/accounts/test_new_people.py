"""New people in the admin: customers without a word of log-ins, everybody else with one."""

from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User

ADD = reverse("admin:accounts_user_add")
KIM = {"name": "Kim Larsen", "email": "kim@example.com", "phone": "+45 20 12 34 56", "language": "en", "time_zone": ""}
WORD = "a long password"


class Fields(HTMLParser):
    """The names of what can be filled in."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"input", "select", "textarea"} and given.get("type") not in {"hidden", "submit"} and given.get("name"):
            self.names.append(str(given["name"]))


@pytest.fixture
def desk(client: Client, clerk: User) -> Client:
    """The clerk's browser."""
    client.force_login(clerk)
    return client


def fields_at(desk: Client, url: str) -> list[str]:
    reader = Fields()
    reader.feed(desk.get(url).content.decode().partition('id="user_form"')[2])
    return reader.names


@pytest.mark.parametrize("url", [ADD, f"{ADD}?_to_field=id&_popup=1"])
def test_a_new_customer_is_asked_for_what_can_be_asked_over_the_phone(desk: Client, url: str) -> None:
    assert fields_at(desk, url) == ["name", "email", "phone", "language", "time_zone"]


def test_a_new_customer_gets_a_username_and_cant_log_in(desk: Client) -> None:
    assert desk.post(ADD, KIM).status_code == 302
    kim = User.objects.get(name="Kim Larsen")
    assert (kim.username, kim.email, kim.phone, kim.has_usable_password()) == ("kim", "kim@example.com", "+45 20 12 34 56", False)


@pytest.mark.parametrize(
    ("name", "email", "username"),
    [
        ("Kim Larsen", "", "Kim-Larsen"),
        ("陈明", "", "陈明"),
        ("??", "", "customer"),
        ("..", "", "customer"),
        ("Kim", "o'kim+shop@example.com", "o-kim+shop"),
        ("Alice Two", "alice@example.org", "alice-2"),
        ("\u3316" * 100, "", ("キロメートル" * 17)[:100]),
    ],
)
def test_the_username_comes_of_mail_or_name_and_is_nobody_elses(desk: Client, alice: User, name: str, email: str, username: str) -> None:
    assert desk.post(ADD, KIM | {"name": name, "email": email}).status_code == 302
    assert User.objects.get(name=name).username == username


def test_a_third_of_the_same_name_is_counted_on(desk: Client) -> None:
    desk.post(ADD, KIM)
    desk.post(ADD, KIM)
    desk.post(ADD, KIM)
    assert set(User.objects.filter(name="Kim Larsen").values_list("username", flat=True)) == {"kim", "kim-2", "kim-3"}


def test_a_customer_without_a_name_is_asked_for_it(desk: Client) -> None:
    response = desk.post(ADD, KIM | {"name": ""})
    assert response.context["adminform"].form.errors == {"name": ["This field is required."]}


def test_what_else_is_posted_gives_no_role(desk: Client) -> None:
    desk.post(ADD, KIM | {"is_staff": "on", "is_superuser": "on", "username": "boss", "password1": WORD, "password2": WORD})
    kim = User.objects.get(name="Kim Larsen")
    assert (kim.username, kim.is_staff, kim.is_superuser, kim.has_usable_password()) == ("kim", False, False, False)


def test_the_popup_hands_the_new_customer_to_the_order(desk: Client) -> None:
    response = desk.post(f"{ADD}?_to_field=id&_popup=1", KIM | {"_popup": "1", "_to_field": "id"})
    assert response.status_code == 200
    assert "Kim Larsen (kim)" in response.content.decode().encode().decode("unicode_escape")


def test_somebody_who_logs_in_is_added_by_the_other_form(desk: Client) -> None:
    assert 'href="?log_in=1"' in desk.get(ADD).content.decode()
    assert "password1" in fields_at(desk, f"{ADD}?log_in=1")
    given = {
        "username": "maria",
        "name": "Maria",
        "email": "",
        "phone": "",
        "usable_password": "true",
        "password1": WORD,
        "password2": WORD,
    }
    assert desk.post(f"{ADD}?log_in=1", given).status_code == 302
    assert User.objects.get(username="maria").check_password(WORD)


def test_staff_who_may_not_add_people_may_not(client: Client, agent: User) -> None:
    agent.is_staff = True
    agent.save()
    client.force_login(agent)
    assert client.post(ADD, KIM).status_code == 403
    assert not User.objects.filter(name="Kim Larsen").exists()
