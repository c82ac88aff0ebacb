"""A customer's data as a whole: handed over with proof, or erased with evidence."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.core.serializers import serialize
from django.db.models import F, Sum
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import privacy, takeaway, traces
from accounts.models import AuditEntry, User
from chat import conversations, links
from chat.coordinator import drain
from chat.entry import devices
from chat.entry import mails as entry_mails
from chat.entry.models import MailedLink
from chat.mirrored import MirroredEvent
from chat.models import Conversation, Event
from chat.outbox import Call, State
from chat.privacy.models import Deletion, Thing
from orders import confirmation as pipeline
from orders.mail_models import MailEvent, StoredMail
from orders.models import Order, OrderConfirmation, OrderLine
from ordersupport import settings as project
from tests.chat.vonage_side import vonage_side
from tests.orders.brevo_side import sendinblue

Place = Callable[..., Order]
Answer = Any
NAME, EMAIL, PHONE = "Ottilie Übermäßig", "ottilie.u@example.com", "+46 70 555 01 20"


@pytest.fixture
def ottilie(db: None) -> User:
    """A customer whose every word can be found again."""
    return User.objects.create_user("ottilie", EMAIL, name=NAME, phone=PHONE)


@pytest.fixture
def known(ottilie: User, agent: User, clerk: User, api_key: str, place: Place) -> User:
    """Ottilie after three orders, a talk, a file, and the ways in which the shop came to know her."""
    for number in range(3):
        order = place(ottilie, lines=((f"Mug for {NAME}", number + 1, "4.99"),))
        address = {"ship_to_name": NAME, "street": "Lange Gasse 7", "city": "Lübeck", "country": "DE"}
        Order.objects.filter(pk=order.pk).update(**address, data={"gift": {"to": f"Dear {NAME}", "phone": PHONE}})
    drain()
    conversation = conversations.open_for(ottilie)
    for number in range(3):
        conversations.send_text(conversations.join(conversation, ottilie), f"{number}: I am {NAME}, call {PHONE}")
        conversations.send_text(conversations.join(conversation, agent), f"{number}: Dear {NAME}, we write to {EMAIL}")
    shop = Client(headers={"Authorization": f"Token {api_key}", "Idempotency-Key": "once"})
    shop.patch("/api/customers/ottilie/", {"name": NAME}, content_type="application/json")
    browser = Client()
    browser.force_login(clerk)
    person = {"username": "ottilie", "name": NAME, "email": EMAIL, "phone": PHONE, "language": "en", "time_zone": "UTC", "is_active": "on"}
    browser.post(f"/admin/accounts/user/{ottilie.pk}/change/", person)
    Client().post("/login/", {"username": "ottilie", "password": "wrong"})
    devices.enter(links.issue(conversation, 1001), "a secret of her browser")
    Client().post("/new-link/", {"email": EMAIL})
    drain()
    return User.objects.get(pk=ottilie.pk)


# --- To take away ------------------------------------------------------------------------------------------------------


def rows_of(file: bytes) -> list[dict[str, Any]]:
    """The rows as a program reads them."""
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', file.decode(), re.DOTALL)
    assert found
    return list(json.loads(found[1])["rows"])


def test_the_file_holds_person_orders_mails_and_every_message(known: User) -> None:
    rows = rows_of(privacy.export(known, by=None))
    kinds = [row["kind"] for row in rows]
    assert {kind: kinds.count(kind) for kind in ("customer", "order", "mail", "kept mail", "message")} == {
        "customer": 1,
        "order": 3,
        "mail": 3,
        "kept mail": 4,
        "message": 6,
    }
    assert [row["total"] for row in rows if row["kind"] == "order"] == ["4.99", "9.98", "14.97"]


def test_the_file_tells_when_and_by_which_device_a_link_was_opened(known: User) -> None:
    file = privacy.export(known, by=None)
    used = [row for row in rows_of(file) if row["kind"] == "link"]
    assert ([(row["act"], row["order"]) for row in used], b"a secret of her browser" in file) == ([("opened", 1001)], False)


def test_the_file_holds_nothing_of_anybody_else(known: User, alice: User, place: Place) -> None:
    place(alice)
    drain()
    conversations.send_text(conversations.join(conversations.open_for(alice), alice), "Nobody else's business")
    file = privacy.export(known, by=None).decode()
    assert [word for word in ("alice@example.com", "Alice Martin", "Nobody else's business") if word in file] == []


def test_the_file_is_read_without_a_script_and_whatever_was_typed_is_text_in_it(known: User) -> None:
    conversations.send_text(conversations.join(conversations.open_for(known), known), "</script><img src=x onerror=alert(1)>")
    file = privacy.export(known, by=None).decode()
    assert ("<img src=x" in file, "&lt;img src=x onerror=alert(1)&gt;" in file, len(re.findall("<script", file))) == (False, True, 1)


def test_the_file_is_in_the_customers_language_and_its_json_is_for_programs(known: User) -> None:
    User.objects.filter(pk=known.pk).update(language="zh-hans")
    file = privacy.export(User.objects.get(pk=known.pk), by=None)
    page = file.decode()
    # The shop's name, and what the person has for a name, are in no language.
    headings = [re.sub(r"^Order Support：", "", heading) for heading in re.findall("<h[12]>(.*?)</h", page)]
    assert [heading for heading in headings if re.search("[A-Za-z]", heading)] == []
    kinds = {row["kind"] for row in rows_of(file)}
    assert (len(headings), {"customer", "order", "kept mail"} <= kinds) == (len(kinds) + 1, True)
    assert ('<html lang="zh-hans">' in page, takeaway.verify(file)["about"]) == (True, known.public_id)


def test_the_file_proves_that_it_is_whole(known: User) -> None:
    file = privacy.export(known, by=None)
    assert takeaway.verify(file)["about"] == known.public_id


def test_a_single_byte_that_was_changed_shows(known: User) -> None:
    file = privacy.export(known, by=None)
    passed = [place for place in range(0, len(file), 97) if _passes(file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :])]
    assert passed == []


def _passes(file: bytes) -> bool:
    try:
        takeaway.verify(file)
    except takeaway.TamperedError:
        return False
    return True


def test_a_row_that_was_taken_out_is_missed_at_its_place(known: User) -> None:
    file = privacy.export(known, by=None).decode()
    before, rows, after = re.split(r"(\[\{.*\}\])", file, maxsplit=1, flags=re.DOTALL)
    fewer = json.dumps([row for number, row in enumerate(json.loads(rows), start=1) if number != 4])
    with pytest.raises(takeaway.TamperedError, match="Row 4 "):
        takeaway.verify((before + fewer + after).encode())


@pytest.mark.parametrize("file", [b"", b"hello", b"<!-- seal: x:y -->", b"\n<!-- seal: x:y -->\n", "ü".encode("latin-1")])
def test_what_is_no_file_of_ours_is_said(file: bytes) -> None:
    with pytest.raises(takeaway.TamperedError):
        takeaway.verify(file)


def test_another_installation_can_not_seal_for_us(known: User, settings: Settings) -> None:
    file = privacy.export(known, by=None)
    settings.SECRET_KEY = "another installation's key, which is long enough as well"
    with pytest.raises(takeaway.TamperedError, match="not ours"):
        takeaway.verify(file)


def test_the_commands_write_the_file_for_its_owner_alone_and_check_it(
    known: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ottilie.html"
    call_command("export_customer", "ottilie", out=path)
    call_command("verify_export", path)
    assert ("is as we wrote it" in capsys.readouterr().out, path.stat().st_mode & 0o777) == (True, 0o600)
    path.write_bytes(path.read_bytes().replace(b"Lange Gasse", b"Kurze Gasse"))
    with pytest.raises(CommandError, match="not as we wrote it"):
        call_command("verify_export", path)


def test_the_command_leaves_a_file_that_is_there_alone(known: User, tmp_path: Path) -> None:
    path = tmp_path / "there"
    path.write_text("mine")
    with pytest.raises(CommandError, match="can't be written"):
        call_command("export_customer", "ottilie", out=path)
    assert path.read_text() == "mine"


def act(person: User, action: str, customer: User, **more: str) -> Answer:
    """Press the action in the admin's list of people."""
    browser = Client()
    browser.force_login(person)
    return browser.post("/admin/accounts/user/", {"action": action, "_selected_action": [customer.pk], **more}, follow=True)


def test_staff_take_the_file_out_of_the_admin_and_that_is_written_down(known: User, clerk: User) -> None:
    answer = act(clerk, "export_everything", known)
    assert (answer["Content-Disposition"], takeaway.verify(answer.content)["about"]) == (
        f'attachment; filename="{known.public_id}.html"',
        known.public_id,
    )
    assert AuditEntry.objects.get(action="exported").actor == clerk


@pytest.mark.parametrize("action", ["export_everything", "erase"])
def test_staff_without_the_permission_can_do_neither(known: User, action: str) -> None:
    helper = User.objects.create_user("helper", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    answer = act(helper, action, known, confirmed="yes")
    assert ("Content-Disposition" in answer, User.objects.get(pk=known.pk).name) == (False, NAME)


@pytest.mark.parametrize("rule", [privacy.export, privacy.erase])
def test_an_agent_is_no_customer(agent: User, clerk: User, rule: Callable[..., Any]) -> None:
    for person in (agent, clerk):
        with pytest.raises(privacy.NotACustomerError):
            rule(person, by=None)


# --- To erase ----------------------------------------------------------------------------------------------------------


def total() -> Decimal:
    """All that was ever ordered."""
    return OrderLine.objects.aggregate(sum=Sum(F("quantity") * F("unit_price")))["sum"]


def test_the_search_finds_a_person_in_every_table_and_file_that_names_them(known: User) -> None:
    default_storage.save("notes.txt", ContentFile(f"For {NAME}".encode()))
    places = {trace.place for trace in traces.search(traces.Terms.of(known))}
    expected = {
        *("accounts.User.name", "accounts.User.email", "accounts.User.phone", "accounts.User.username", "file"),
        *("orders.Order.ship_to_name", "orders.Order.data", "orders.OrderLine.name", "orders.StoredMail.to"),
        *("chat.Event.body", "chat.Conversation.last_text", "accounts.StoredAnswer.body", "axes.AccessAttempt.username"),
        "admin.LogEntry.object_repr",
    }
    assert expected - places == set()
    default_storage.delete("notes.txt")


def test_the_search_looks_into_every_folder_of_files_and_into_no_other_place(known: User, tmp_path: Path, settings: Settings) -> None:
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
    settings.MEDIA_ROOT = tmp_path / "not there yet"
    before = traces.searched()[1]
    settings.MEDIA_ROOT = tmp_path / "media"
    for name in ("a.txt", "2026/11/b.txt", f"2026/{NAME}.png"):
        (settings.MEDIA_ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (settings.MEDIA_ROOT / name).write_bytes(NAME.encode() if name == "2026/11/b.txt" else b"\xff\x00")
    (tmp_path / "beside.txt").write_text(NAME)
    files = [trace.key for trace in traces.search(traces.Terms.of(known)) if trace.place == "file"]
    assert (before, traces.searched()[1], sorted(files)) == (0, 3, ["2026/11/b.txt", f"2026/{NAME}.png"])


def test_files_lie_in_a_folder_of_their_own() -> None:
    assert (project.MEDIA_ROOT.name, project.MEDIA_ROOT.parent) == ("media", project.VAR_DIR)


def test_after_an_erasure_nothing_names_them(known: User) -> None:
    terms, _done = privacy.erase(known, by=None)
    assert [str(trace) for trace in privacy.left(terms)] == []


def test_numbers_and_totals_stay(known: User) -> None:
    before, numbers = total(), set(Order.objects.values_list("number", "status", "currency", "country", "placed_at"))
    privacy.erase(known, by=None)
    assert (total(), set(Order.objects.values_list("number", "status", "currency", "country", "placed_at"))) == (before, numbers)


def test_nobody_elses_data_are_touched(known: User, alice: User, place: Place) -> None:
    place(alice)
    drain()
    conversations.send_text(conversations.join(conversations.open_for(alice), alice), "Hello from Alice Martin")
    before = [str(trace) for trace in traces.search(traces.Terms.of(alice))]
    privacy.erase(known, by=None)
    assert [str(trace) for trace in traces.search(traces.Terms.of(alice))] == before


def test_a_mail_that_waits_is_not_sent(ottilie: User, place: Place) -> None:
    order = place(ottilie)
    privacy.erase(ottilie, by=None)
    drain()
    row = OrderConfirmation.objects.get(order=order)
    assert (row.state, row.error_code, StoredMail.objects.count()) == (State.CANCELLED, "erased", 0)


def test_their_log_in_and_their_conversation_open_nothing_any_more(known: User) -> None:
    browser = Client()
    browser.force_login(known)
    conversation = Conversation.objects.get(customer=known)
    privacy.erase(known, by=None)
    assert browser.get(f"/api/conversations/{conversation.public_id}/events/").status_code == 404


def test_the_agent_still_reads_how_many_lines_there_were_and_not_one_word(known: User, agent: User) -> None:
    before = Event.objects.count()
    privacy.erase(known, by=None)
    texts = {event.body["text"] for event in Event.objects.filter(type="message")}
    assert (Event.objects.count(), texts) == (before, {"…"})


def test_no_digest_of_their_words_stays(ottilie: User) -> None:
    member = conversations.join(conversations.open_for(ottilie), ottilie)
    conversations.announce(member, about=None, key="k1", text="I want my money back")
    privacy.erase(ottilie, by=None)
    member.refresh_from_db()
    assert member.announced == []


def test_the_search_knows_user_1_from_user_12(db: None) -> None:
    first, second = User.objects.create_user("user-1"), User.objects.create_user("user-12")
    assert {trace.key for trace in traces.search(traces.Terms.of(first))} == {str(first.pk)}
    assert {trace.key for trace in traces.search(traces.Terms.of(second))} == {str(second.pk)}


def test_the_command_prints_what_it_did_and_the_hits(known: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("erase_customer", "ottilie", yes=True)
    said = capsys.readouterr().out
    assert re.search(r"^Erased USR-\S+: orders 3, ", said)
    assert re.search(r"^0 hits in \d+ tables and \d+ files$", said, re.MULTILINE)


def test_the_command_names_what_is_left_and_fails(known: User, capsys: pytest.CaptureFixture[str]) -> None:
    name = default_storage.save("notes.txt", ContentFile(f"For {NAME}".encode()))
    with pytest.raises(SystemExit):
        call_command("erase_customer", "ottilie", yes=True)
    default_storage.delete(name)
    assert "1 hits in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "yes", "told"), [("nobody", True, "no user"), ("ottilie", False, "add --yes"), ("clerk", True, "no customer")]
)
def test_the_command_refuses_what_was_not_meant(known: User, name: str, yes: bool, told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command("erase_customer", name, yes=yes)
    assert User.objects.get(pk=known.pk).name == NAME


def test_the_admin_asks_first_then_erases_and_tells_what_is_left(known: User, clerk: User) -> None:
    asked = act(clerk, "erase", known).content.decode()
    assert ("Erase for good" in asked, User.objects.get(pk=known.pk).name) == (True, NAME)
    told = act(clerk, "erase", known, confirmed="yes").content.decode()
    assert ("is erased. Name, mail address and phone number stand nowhere" in told, User.objects.get(pk=known.pk).name) == (True, "")
    entry = AuditEntry.objects.get(action="erased")
    assert (entry.actor, entry.subject, entry.details["orders"]) == (clerk, f"accounts.user {known.public_id}", 3)


def test_erasing_twice_does_no_harm(known: User) -> None:
    privacy.erase(known, by=None)
    _terms, done = privacy.erase(known, by=None)
    assert done["people"] == 1


# --- What was known earlier, and what programs were answered -----------------------------------------------------------

EARLIER, EARLIER_PHONE = "o.maiden@example.net", "+46 70 111 22 33"
STREET, FRIEND, SECRET = "Verborgene Gasse 77", "Gift Recipientson", "the key is under the mat"
# With letters that no id and no time is written in: five digits alone are found in those by chance.
POSTAL_CODE = "SW1X 9ZZ"


def ask(key: str, url: str, content: dict[str, Any], *, once: str, method: str = "post") -> Answer:
    """A shop's write under an Idempotency-Key."""
    shop = Client(headers={"Authorization": f"Token {key}", "Idempotency-Key": once})
    return getattr(shop, method)(url, content, content_type="application/json")


def enter_order(key: str) -> Answer:
    """An order of hers with a friend's address, once however often it is sent."""
    line = {"name": "Mug", "quantity": 1, "unit_price": "4.99"}
    address = {"name": FRIEND, "street": STREET, "postal_code": POSTAL_CODE, "city": "Lübeck", "country": "DE"}
    order = {"customer": "ottilie", "currency": "EUR", "lines": [line], "shipping_address": address, "data": {"note": SECRET}}
    return ask(key, "/api/orders/", order, once="order")


@pytest.fixture
def moved(ottilie: User, agent: User, api_key: str) -> User:
    """Ottilie, entered by a program under an earlier address and number, told of an order there, and changed by the program since."""
    User.objects.filter(pk=ottilie.pk).update(email=EARLIER, phone=EARLIER_PHONE)
    ask(api_key, "/api/customers/ottilie/", {"email": EARLIER, "phone": EARLIER_PHONE}, once="earlier", method="patch")
    assert enter_order(api_key).status_code == 201
    drain()
    conversation = conversations.open_for(ottilie)
    said = {"type": "message", "body": {"message_type": "text", "text": f"We ship to {STREET}"}}
    assert ask(api_key, f"/api/conversations/{conversation.public_id}/events/", said, once="message").status_code == 201
    row = OrderConfirmation.objects.get()
    bounced = {"message_id": "<1@x>", "type": "hard_bounce", "occurred_at": row.created_at}
    MailEvent.objects.create(confirmation=row, recipient=EARLIER, reason=f"{EARLIER} is full", **bounced)
    MailEvent.objects.create(recipient=EARLIER.upper(), **bounced | {"message_id": "<2@x>"})
    ask(api_key, "/api/customers/ottilie/", {"email": EMAIL, "phone": PHONE}, once="later", method="patch")
    Client().post("/login/", {"username": EARLIER.title(), "password": "wrong"})
    drain()
    return User.objects.get(pk=ottilie.pk)


def everything() -> str:
    """Every row of every table, as text."""
    return serialize("json", [row for model in apps.get_models() for row in model._base_manager.all()], ensure_ascii=False)


@pytest.mark.parametrize("word", [EARLIER, EARLIER_PHONE, "46701112233", EMAIL, NAME, STREET, FRIEND, SECRET, POSTAL_CODE])
def test_what_was_known_earlier_or_answered_to_a_program_is_erased_too(moved: User, word: str) -> None:
    assert word == "46701112233" or word in everything()
    privacy.erase(moved, by=None)
    assert word.lower() not in everything().lower()


def test_the_search_looks_for_earlier_addresses_and_numbers(moved: User) -> None:
    assert {EARLIER, EARLIER_PHONE, "46701112233", EMAIL} <= set(privacy.terms_of(moved).words)


def test_what_is_another_persons_address_by_now_is_left_alone(moved: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(email=EARLIER)
    privacy.erase(moved, by=None)
    assert User.objects.get(pk=bob.pk).email == EARLIER


def test_a_late_repeat_does_not_make_the_person_or_the_order_again(moved: User, api_key: str) -> None:
    privacy.erase(moved, by=None)
    answer = enter_order(api_key)
    assert (answer.status_code, answer.json()["code"], Order.objects.count()) == (410, "erased", 1)


def test_a_page_that_was_opened_before_the_erasure_brings_nobody_back(alice: User, clerk: User, client: Client) -> None:
    client.force_login(clerk)
    page = f"/admin/accounts/user/{alice.pk}/change/"
    form = {"username": "alice", "name": "Alice Martin", "email": "alice@example.com", "language": "en", "is_active": "on"}
    assert client.post(page, form).status_code == 302
    privacy.erase(alice, by=None)
    assert (client.post(page, form).status_code, client.get(page).status_code) == (403, 200)
    alice.refresh_from_db()
    assert (alice.is_erased, alice.name, alice.email, alice.is_active) == (True, "", "", False)


def test_a_new_password_needs_no_transaction(alice: User, clerk: User, client: Client) -> None:
    client.force_login(clerk)
    new = {"password1": "a very new one", "password2": "a very new one", "usable_password": "true"}
    assert client.post(f"/admin/accounts/user/{alice.pk}/password/", new).status_code == 302


def test_sendinblue_is_asked_to_forget_the_earlier_address_as_well(moved: User, settings: Settings) -> None:
    settings.SENDINBLUE_API_KEY = "a key"
    privacy.erase(moved, by=None)
    assert set(Deletion.objects.values_list("identifier", flat=True)) == {EMAIL, EARLIER}


@pytest.mark.parametrize("domain", ["müller.de", "xn--mller-kva.de"])
def test_an_address_is_looked_for_as_it_is_typed_and_as_it_is_mailed(alice: User, domain: str) -> None:
    alice.email = "alice@müller.de"
    assert f"alice@{domain}" in traces.Terms.of(alice).addresses


@pytest.mark.parametrize("address", ["alice@", "alice@.com", f"alice@{'ü' * 80}.de"])
def test_an_address_that_no_mail_reached_hinders_no_search(alice: User, address: str) -> None:
    alice.email = address
    assert address in traces.Terms.of(alice).addresses


def test_the_address_to_which_every_mail_is_turned_is_nobodys(ottilie: User, place: Place, settings: Settings) -> None:
    settings.SENDINBLUE_TO_EMAIL = "everything@example.com"
    place(ottilie)
    drain()
    row = OrderConfirmation.objects.get()
    MailEvent.objects.create(confirmation=row, recipient="everything@example.com", type="delivered", occurred_at=row.created_at)
    assert "everything@example.com" not in privacy.terms_of(ottilie).words


def test_outside_the_demo_the_guides_routes_name_nobody_in_the_log(api_key: str, caplog: pytest.LogCaptureFixture) -> None:
    for url, content in (
        ("/user", {"username": "ottilie", "email": EMAIL}),
        ("/user", {"username": "ottilie"}),
        ("/order", {"username": "ottilie"}),
    ):
        ask(api_key, url, content, once=f"{url}{len(content)}")
    assert ("Creating order" in caplog.text, "ottilie" in caplog.text) == (True, False)


# --- At the providers --------------------------------------------------------------------------------------------------


def test_vonage_deletes_conversation_and_user(settings: Settings, ottilie: User) -> None:
    with vonage_side(settings) as vonage:
        conversation = conversations.open_for(ottilie)
        conversations.send_text(conversations.join(conversation, ottilie), f"I am {NAME}")
        drain()
        privacy.erase(User.objects.get(pk=ottilie.pk), by=None)
        conversations.open_for(ottilie)
        drain()
        asked = [entry.operation for entry in vonage.log.entries() if "delete" in entry.operation]
    assert asked == ["vonage.delete_user", "vonage.delete_conversation"]
    assert {row.state for row in Deletion.objects.all()} == {State.DONE}
    assert not MirroredEvent.objects.filter(state=State.WAITING).exists()


@pytest.mark.parametrize("step", ["create_user", "create_conversation"])
def test_vonage_deletes_what_it_made_without_our_hearing_of_it(settings: Settings, ottilie: User, step: str) -> None:
    with vonage_side(settings) as vonage:
        vonage.faults.set(f"vonage.{step}", {"fault": "lost_reply", "times": 1})
        conversation = conversations.open_for(ottilie)
        conversations.send_text(conversations.join(conversation, ottilie), f"I am {NAME}")
        drain()
        privacy.erase(User.objects.get(pk=ottilie.pk), by=None)
        drain()
        # A call that was under way at the erasure must have ended before anything is looked for.
        waiting = Deletion.objects.filter(identifier__contains="order-support-", state=State.WAITING).count()
        Deletion.objects.filter(state=State.WAITING).update(next_attempt_at=timezone.now() - timedelta(seconds=1))
        drain()
        assert (waiting > 0, vonage.store.users, vonage.store.conversations) == (True, {}, {})
    assert {(row.state, row.identifier) for row in Deletion.objects.all()} == {(State.DONE, "")}


def test_vonage_is_not_asked_about_somebody_of_whom_no_copy_was_tried(settings: Settings, ottilie: User) -> None:
    with vonage_side(settings):
        conversations.send_text(conversations.join(conversations.open_for(ottilie), ottilie), f"I am {NAME}")
        privacy.erase(User.objects.get(pk=ottilie.pk), by=None)
    assert not Deletion.objects.exists()


def test_sendinblue_deletes_contact_and_log_and_only_then_we_forget_the_address(settings: Settings, ottilie: User, place: Place) -> None:
    with sendinblue(settings) as brevo:
        brevo.contacts.add(EMAIL)
        place(ottilie)
        drain()
        terms, _done = privacy.erase(User.objects.get(pk=ottilie.pk), by=None)
        waiting = Deletion.objects.exclude(identifier="").count()
        assert (waiting, privacy.left(terms)) == (2, [])
        drain()
        assert (brevo.contacts, brevo.mails) == (set(), [])
    assert [row.identifier for row in Deletion.objects.all()] == ["", ""]
    assert [str(trace) for trace in traces.search(terms)] == []


def confirmation_under_way(customer: User, place: Place) -> Call:
    """The call that sends a confirmation, not yet made."""
    place(customer)
    [work] = pipeline.tell(OrderConfirmation.claim(1))
    return next(work)


def link_under_way(customer: User, place: Place) -> Call:
    """The call that mails a link, not yet made."""
    entry_mails.mail_link(conversations.open_for(customer), 1001)
    return next(entry_mails.send_link(MailedLink.claim(1)[0]))


@pytest.mark.parametrize("begin", [confirmation_under_way, link_under_way])
def test_a_mail_under_way_at_the_erasure_stays_in_no_log_at_sendinblue(
    settings: Settings, ottilie: User, place: Place, begin: Callable[[User, Place], Call]
) -> None:
    with sendinblue(settings) as brevo:
        call = begin(ottilie, place)
        privacy.erase(ottilie, by=None)
        drain()
        call.function()
        assert (len(brevo.mails), {row.state for row in Deletion.objects.all()}) == (1, {State.WAITING})
        Deletion.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
        drain()
        assert (brevo.mails, {row.state for row in Deletion.objects.all()}) == ([], {State.DONE})


def test_a_contact_that_sendinblue_never_had_is_deleted(settings: Settings, ottilie: User) -> None:
    with sendinblue(settings):
        privacy.erase(ottilie, by=None)
        drain()
    assert Deletion.objects.get(what=Thing.SENDINBLUE_CONTACT).state == State.DONE


def test_a_provider_that_refuses_is_asked_again_and_staff_see_why(settings: Settings, ottilie: User, clerk: User, client: Client) -> None:
    with sendinblue(settings) as brevo:
        settings.SENDINBLUE_API_KEY = "wrong"
        privacy.erase(ottilie, by=None)
        drain()
        brevo.api_key = "unused"
    assert {row.state for row in Deletion.objects.all()} == {State.WAITING}
    client.force_login(clerk)
    page = client.get("/admin/chat/deletion/").content.decode()
    assert ("does not accept the key" in page, EMAIL in page) == (True, False)
