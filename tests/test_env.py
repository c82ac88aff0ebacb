"""Every wrong variable names itself and what to write instead; a half set of credentials stops the start."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from ordersupport.env import Environment
from tests.accounts.threads import together

ROOT = Path(__file__).resolve().parent.parent
Set = Callable[[str], Environment]


@pytest.fixture
def set_to(monkeypatch: pytest.MonkeyPatch) -> Set:
    """The environment in which the variable THING has a value."""

    def set_one(value: str) -> Environment:
        monkeypatch.setenv("THING", value)
        return Environment(None)

    return set_one


def complaint(read: Callable[[], Any]) -> str:
    """What the operator reads."""
    with pytest.raises(ImproperlyConfigured) as error:
        read()
    return str(error.value)


# --- Texts, flags, numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", "   ", "\t"])
def test_an_empty_value_counts_as_not_set(set_to: Set, value: str) -> None:
    assert set_to(value).text("THING", default="usual") == "usual"


def test_the_first_name_that_is_set_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXMO_THING", " ")
    monkeypatch.setenv("VONAGE_THING", " second ")
    assert Environment(None).text("NEXMO_THING", "VONAGE_THING") == "second"


@pytest.mark.parametrize("value", ["1", "true", "YES", " on "])
def test_a_yes(set_to: Set, value: str) -> None:
    assert set_to(value).flag("THING") is True


@pytest.mark.parametrize("value", ["0", "false", "NO", "off"])
def test_a_no(set_to: Set, value: str) -> None:
    assert set_to(value).flag("THING", default=True) is False


@pytest.mark.parametrize("value", ["maybe", "2", "ja", "\udcff"])
def test_neither_yes_nor_no_is_said(set_to: Set, value: str) -> None:
    assert complaint(lambda: set_to(value).flag("THING")) == f"THING is {value.lower()!r}. Write 1 or 0."


@pytest.mark.parametrize("value", ["many", "1.5", "1e3", "0x10", "9" * 5000])
def test_no_whole_number_is_said(set_to: Set, value: str) -> None:
    words = complaint(lambda: set_to(value).number("THING", default=1, least=1, most=65535))
    assert words == f"THING is {value!r}. Write a whole number from 1 to 65535."


@pytest.mark.parametrize("value", ["0", "65536", "-1"])
def test_a_number_out_of_bounds_is_said(set_to: Set, value: str) -> None:
    words = complaint(lambda: set_to(value).number("THING", default=1, least=1, most=65535))
    assert words == f"THING is {value}. Write a whole number from 1 to 65535."


def test_a_list_is_separated_by_commas(set_to: Set) -> None:
    assert set_to(" a.example , b.example,, ").hosts("THING", default=[]) == ["a.example", "b.example"]


def test_a_list_of_nothing_is_said(set_to: Set) -> None:
    words = complaint(lambda: set_to(" , ").hosts("THING", default=["x"]))
    assert words == "THING has ','. Write host names only, such as shop.example.com, separated by commas."


def test_an_unknown_choice_is_said_with_all_that_there_are(set_to: Set) -> None:
    words = complaint(lambda: set_to("carrier pigeon").choice("THING", options=("socket", "client-sdk")))
    assert words == "THING is 'carrier pigeon'. Write one of: socket, client-sdk."


# --- Addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["http://localhost:3000", "https://shop.example/", "https://[::1]:8443/shop//"])
def test_an_address_loses_its_last_slash(set_to: Set, value: str) -> None:
    assert set_to(value).url("THING", default="") == value.rstrip("/")


@pytest.mark.parametrize(
    "value",
    [
        "shop.example",
        "ftp://shop.example",
        "https://",
        "https://:3000",
        "http://shop.example:port",
        "http://a:99999",
        "http://[::1",
        "//x",
        "http://a b",
    ],
)
def test_no_whole_address_is_said(set_to: Set, value: str) -> None:
    words = complaint(lambda: set_to(value).url("THING", default=""))
    assert words == f"THING is {value!r}. Write a whole address, such as https://example.com."


@pytest.mark.parametrize("value", ["redis://localhost:6379/0", "rediss://:secret@cache.example", "unix:///run/redis.sock"])
def test_an_address_of_redis_is_taken(set_to: Set, value: str) -> None:
    assert set_to(value).url("THING", default="", schemes=("redis", "rediss", "unix")) == value


@pytest.mark.parametrize("value", ["localhost:6379", "redis://", "unix://", "http://localhost"])
def test_no_address_of_redis_is_said(set_to: Set, value: str) -> None:
    words = complaint(lambda: set_to(value).url("THING", default="", schemes=("redis", "rediss", "unix")))
    assert words == f"THING is {value!r}. Write a whole address, such as redis://example.com."


@pytest.mark.parametrize("value", ["api.nexmo.com", "localhost:8443", "127.0.0.1", "[::1]:443"])
def test_a_host_is_taken(set_to: Set, value: str) -> None:
    assert set_to(value).host("THING", default="api.nexmo.com") == value


@pytest.mark.parametrize(
    "value", ["https://api.nexmo.com", "api.nexmo.com/v1", "api.nexmo.com:port", "a b", ":443", "a:0", "a:99999", "user@a"]
)
def test_no_host_is_said(set_to: Set, value: str) -> None:
    words = complaint(lambda: set_to(value).host("THING", default="api.nexmo.com"))
    assert words == f"THING is {value!r}. Write host or host:port only, such as api.nexmo.com."


@pytest.mark.parametrize("value", ["shop.example.com", ".example.com", "*", "127.0.0.1", "[::1]", "under_score"])
def test_a_host_name_is_taken(set_to: Set, value: str) -> None:
    assert set_to(value).hosts("THING", default=[]) == [value]


@pytest.mark.parametrize(
    "value", ["http://shop.example", "shop.example:3000", "shop.example/", "a b", "::1", "shop..example", "bücher.example"]
)
def test_what_is_more_than_a_host_name_is_said(set_to: Set, value: str) -> None:
    words = complaint(lambda: set_to(f"a.example,{value}").hosts("THING", default=[]))
    assert words == f"THING has {value!r}. Write host names only, such as shop.example.com, separated by commas."


@pytest.mark.parametrize("value", ["127.0.0.1,::1", "10.0.0.0/8", "*", "fd00::/8"])
def test_proxies_are_taken(set_to: Set, value: str) -> None:
    assert set_to(value).proxies("THING", default=[]) == value.split(",")


@pytest.mark.parametrize("value", ["proxy.example", "10.0.0.1/8", "http://10.0.0.1", "10.0.0", "127.0.0.1,*"])
def test_what_is_no_proxys_address_is_said(set_to: Set, value: str) -> None:
    words = complaint(lambda: set_to(value).proxies("THING", default=[]))
    wrong = value.rpartition(",")[2]
    assert words == f"THING has {wrong!r}. Write IP addresses or networks, such as 10.0.0.5 or 10.0.0.0/24, separated by commas."


@pytest.mark.parametrize("value", ["Sweden", "0046", "++46", "+4x", "+46;+47"])
def test_what_is_no_country_code_is_said(set_to: Set, value: str) -> None:
    words = complaint(lambda: set_to(value).country_codes("THING"))
    assert words == f"THING has {value!r}. Write country codes, such as +46,+47, separated by commas."


@pytest.mark.parametrize("value", ["+46 70 555 01 20", "46705550120", "Corner Shop", "4you"])
def test_a_sender_of_texts_is_taken(set_to: Set, value: str) -> None:
    assert set_to(value).sender("THING") == value


@pytest.mark.parametrize("value", ["070 555 01 20", "+46-70-5550120", "12345", "The Corner Shop", "Bücher", "+0046705550120"])
def test_what_no_text_can_come_from_is_said(set_to: Set, value: str) -> None:
    words = complaint(lambda: set_to(value).sender("THING"))
    assert words.startswith(f"THING is {value!r}. Write a number with its country code, such as +46 70 555 01 20")


@pytest.mark.parametrize("value", ["https://cdn.example/sdk.js", "/static/sdk.js", ""])
def test_a_scripts_address_is_taken(set_to: Set, value: str) -> None:
    assert set_to(value).script("THING") == value


@pytest.mark.parametrize("value", ["cdn.example/sdk.js", "//cdn.example/sdk.js", "javascript:alert(1)", "sdk.js", "https://"])
def test_what_is_no_scripts_address_is_said(set_to: Set, value: str) -> None:
    words = complaint(lambda: set_to(value).script("THING"))
    assert words == f"THING is {value!r}. Write a whole address, such as https://example.com/script.js."


@pytest.mark.parametrize("value", ["Mars/Olympus", "Europe", "europe/../Berlin", "/etc/passwd", "GMT+25", "\udcff"])
def test_no_time_zone_is_said(set_to: Set, value: str) -> None:
    words = complaint(lambda: set_to(value).time_zone("THING"))
    assert words == f"THING is {value!r}, which is no time zone. Write one such as Europe/Berlin."


def test_a_file_that_isnt_there_is_said(set_to: Set, tmp_path: Path) -> None:
    words = complaint(lambda: set_to(f"{tmp_path}/ca.pem").existing_file("THING"))
    assert words == f"THING names '{tmp_path}/ca.pem', which can't be read. Write the path of an existing file."


def test_a_folder_is_no_file(set_to: Set, tmp_path: Path) -> None:
    assert "Write the path of an existing file." in complaint(lambda: set_to(str(tmp_path)).existing_file("THING"))


# --- The database ------------------------------------------------------------------------------------------------------

URLS = [
    "mysql://a@b/c",
    "sqlite",
    "postgres",
    "postgres://",
    "postgres://a@b:port/c",
    "postgres://a@b",
    "postgres://[::1/c",
    "file:///x",
    "sqlite://",
]


@pytest.mark.parametrize("value", URLS)
def test_no_database_that_we_know_is_said(set_to: Set, value: str) -> None:
    words = complaint(lambda: set_to(value).database("THING", default=Path("db.sqlite3")))
    assert words.startswith("THING is not a database this project knows. Write sqlite:///path or postgres://")


@pytest.mark.parametrize("value", ["postgres://user:p%40ss@db.example:5432/shop", "postgresql://user:p%40ss@db.example:5432/shop"])
def test_a_postgresql_is_read_from_its_address(set_to: Set, value: str) -> None:
    found = set_to(value).database("THING", default=Path("db.sqlite3"))
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"], found["NAME"]) == ("user", "p@ss", "db.example", 5432, "shop")


def test_a_postgresql_that_vanishes_is_given_up_within_half_a_minute(set_to: Set) -> None:
    found = set_to("postgres://user@db.example/shop").database("THING", default=Path("db.sqlite3"))["OPTIONS"]
    silence = found["keepalives_idle"] + found["keepalives_interval"] * found["keepalives_count"]
    assert max(found["connect_timeout"], found["tcp_user_timeout"] / 1000, silence) < 30


def test_the_address_of_a_postgresql_has_the_last_word_on_its_options(set_to: Set) -> None:
    found = set_to("postgres://user@db.example/shop?connect_timeout=3&sslmode=require").database("THING", default=Path("db.sqlite3"))
    assert (found["OPTIONS"]["connect_timeout"], found["OPTIONS"]["sslmode"], found["OPTIONS"]["keepalives_idle"]) == (3, "require", 10)


def test_a_complaint_never_shows_the_databases_password(set_to: Set) -> None:
    assert "hunter2" not in complaint(lambda: set_to("mysql://user:hunter2@db/shop").database("THING", default=Path("db.sqlite3")))


@pytest.mark.parametrize("folder", ["a#b", "a?b", "a%20b", "a b", "a+b", "100%"])
def test_a_folder_may_have_any_name(set_to: Set, tmp_path: Path, folder: str) -> None:
    path = tmp_path / folder / "db.sqlite3"
    assert set_to("").database("THING", default=path)["NAME"] == str(path)


# --- The secret key ----------------------------------------------------------------------------------------------------


def test_a_short_secret_is_said_but_not_shown(set_to: Set) -> None:
    words = complaint(lambda: set_to("hunter2").secret_key("THING", kept_in=None))
    assert words == "THING has 7 characters. Write at least 32 random ones."


def test_without_a_secret_several_processes_cant_start(set_to: Set) -> None:
    assert complaint(lambda: set_to("").secret_key("THING", kept_in=None)).startswith("THING is not set. With DATABASE_URL or REDIS_URL")


def test_a_secret_is_made_once_and_kept(set_to: Set, tmp_path: Path) -> None:
    kept = tmp_path / "var" / "secret_key"
    first = set_to("").secret_key("THING", kept_in=kept)
    assert (set_to("").secret_key("THING", kept_in=kept), len(first) >= 50) == (first, True)


def test_a_kept_secret_can_be_read_by_its_owner_only(set_to: Set, tmp_path: Path) -> None:
    set_to("").secret_key("THING", kept_in=tmp_path / "secret_key")
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_making_a_secret_leaves_nothing_else_behind(set_to: Set, tmp_path: Path) -> None:
    set_to("").secret_key("THING", kept_in=tmp_path / "secret_key")
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_eight_starts_at_once_agree_on_one_secret(set_to: Set, tmp_path: Path) -> None:
    environment = set_to("")
    made = together(8, lambda number: environment.secret_key("THING", kept_in=tmp_path / "secret_key"))
    assert len(set(made)) == 1


@pytest.mark.parametrize("content", ["", "\n", "short"])
def test_a_kept_secret_that_was_cut_is_said(set_to: Set, tmp_path: Path, content: str) -> None:
    (tmp_path / "secret_key").write_text(content)
    words = complaint(lambda: set_to("").secret_key("THING", kept_in=tmp_path / "secret_key"))
    assert words.startswith("THING is not set, and the one kept in")


def test_a_place_where_no_secret_can_be_kept_is_said(set_to: Set, tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where a folder should be")
    words = complaint(lambda: set_to("").secret_key("THING", kept_in=tmp_path / "var" / "secret_key"))
    assert words.startswith("THING is not set, and none can be kept in")
    assert words.endswith("Set THING.")


# --- The file ----------------------------------------------------------------------------------------------------------


def test_a_variable_of_the_process_wins_over_the_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ORDERSUPPORT_TEST_A=file\nORDERSUPPORT_TEST_B=file\n")
    monkeypatch.setenv("ORDERSUPPORT_TEST_A", "process")
    monkeypatch.setenv("ORDERSUPPORT_TEST_B", "to be removed afterwards")
    monkeypatch.delenv("ORDERSUPPORT_TEST_B")
    environment = Environment(tmp_path / ".env")
    assert (environment.text("ORDERSUPPORT_TEST_A"), environment.text("ORDERSUPPORT_TEST_B")) == ("process", "file")


def test_a_file_that_isnt_there_is_no_matter(tmp_path: Path) -> None:
    assert Environment(tmp_path / ".env").text("THING") == ""


# --- The whole start ---------------------------------------------------------------------------------------------------


def start(tmp_path: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """`manage.py check`, or what else is asked for, as an operator runs it in this environment."""
    clean = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "VIRTUAL_ENV"}}
    ours = {"ENV_FILE": os.devnull, "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3", "SECRET_KEY": "k" * 50}
    command = [sys.executable, "manage.py", *(arguments or ["check"])]
    return subprocess.run(command, cwd=ROOT, env=clean | ours | variables, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "variables",
    [
        {"DEMO": "maybe"},
        {"PORT": "70000"},
        {"DESK_HOURS": "Mon-Fri 8-17"},
        {"SECRET_KEY": "short"},
        {"DATABASE_URL": "mysql://a@b/c"},
        {"TIME_ZONE": "Mars/Olympus"},
        {"LOG_LEVEL": "LOUD"},
        {"ALLOWED_HOSTS": "http://shop.example"},
        {"HSTS_SECONDS": "-1"},
        {"HSTS_SECONDS": "a year"},
        {"TRUSTED_PROXIES": "proxy"},
        {"VONAGE_CALL_PREFIXES": "Sweden"},
        {"VONAGE_CLIENT_SDK_URL": "sdk.js"},
        {"VONAGE_FROM_NUMBER": "0705550120"},
    ],
)
def test_a_wrong_variable_ends_the_start_with_one_sentence(tmp_path: Path, variables: dict[str, str]) -> None:
    ended = start(tmp_path, **variables)
    (name,) = variables
    assert ended.returncode == 1
    assert re.fullmatch(rf"Order Support can't start: {name} .+\.\n", ended.stderr)


@pytest.mark.parametrize(
    ("command", "url"),
    [
        ("serve", "sqlite:////"),
        ("migrate", f"sqlite:///{ROOT}/manage.py"),
        ("serve", "postgres://user:hunter2@127.0.0.1:1/shop"),
        ("worker", "postgres://user:hunter2@127.0.0.1:1/shop"),
        ("serve", "postgres://user:hunter2@127.0.0.1:1/shop?sslmode=perhaps"),
    ],
)
def test_a_database_that_cant_be_used_ends_the_start_with_one_sentence(tmp_path: Path, command: str, url: str) -> None:
    ended = start(tmp_path, command, DATABASE_URL=url, LOG_LEVEL="ERROR")
    assert ended.returncode == 1
    assert re.fullmatch(r"Order Support can't start: DATABASE_URL: the database .+\.\n", ended.stderr)
    assert "hunter2" not in ended.stderr


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({"NEXMO_APPLICATION_ID": "a1"}, "NEXMO_APPLICATION_PRIVATE_KEY_PATH"),
        ({"SENDINBLUE_API_KEY": "xkeysib-1"}, "SENDINBLUE_FROM_EMAIL"),
    ],
)
@pytest.mark.parametrize("command", ["check", "serve", "worker"])
def test_half_a_set_of_credentials_ends_the_start_and_names_the_other_half(
    tmp_path: Path, variables: dict[str, str], missing: str, command: str
) -> None:
    ended = start(tmp_path, command, **variables)
    assert ended.returncode == 1
    assert f"{missing} not set" in ended.stderr


def test_the_example_file_copied_as_it_is_starts(tmp_path: Path) -> None:
    ended = start(tmp_path, ENV_FILE=str(ROOT / ".env.example"))
    assert (ended.returncode, ended.stdout) == (0, "System check identified no issues (0 silenced).\n")


def test_nothing_set_at_all_starts(tmp_path: Path) -> None:
    assert start(tmp_path, SECRET_KEY="", DATABASE_URL="").returncode == 0


def test_the_example_file_names_every_variable_that_is_read() -> None:
    named = set(re.findall(r"^([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    asked = re.findall(r"env\.\w+\(\s*((?:\"[A-Z0-9_]+\",?\s*)+)", (ROOT / "ordersupport" / "settings.py").read_text())
    first_names = {re.findall(r"\"([A-Z0-9_]+)\"", names)[0] for names in asked}
    assert first_names - named == set()
