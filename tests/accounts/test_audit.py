"""The audit log: who did what with somebody's data."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from accounts.audit import record
from accounts.models import AuditEntry, User

Action = AuditEntry.Action


def test_an_entry_names_who_what_and_whom_by_ids(clerk: User, alice: User) -> None:
    entry = record(clerk, Action.EXPORTED, alice, orders=3)
    assert (entry.actor, entry.action, entry.subject, entry.details) == (
        clerk,
        "exported",
        f"accounts.user {alice.public_id}",
        {"orders": 3},
    )


def test_a_command_on_the_server_is_nobody(alice: User) -> None:
    assert (record(None, Action.ERASED, alice).actor, record(AnonymousUser(), Action.ERASED, "all").actor) == (None, None)


def test_an_entry_outlives_the_person_who_acted(clerk: User, alice: User) -> None:
    entry = record(clerk, Action.ERASED, alice)
    public_id = clerk.public_id
    clerk.delete()
    entry.refresh_from_db()
    assert (entry.actor, entry.actor_id_then) == (None, public_id)


def test_an_entry_is_never_changed(alice: User) -> None:
    entry = record(None, Action.ERASED, alice)
    with pytest.raises(TypeError, match="never changed"):
        entry.save()


def test_staff_read_the_log_in_words(client: Client, clerk: User, alice: User) -> None:
    record(clerk, Action.LINK_COPIED, alice)
    client.force_login(clerk)
    page = client.get("/admin/accounts/auditentry/").content.decode()
    assert ("link copied" in page, "Carl Clerk (clerk)" in page, alice.public_id in page) == (True, True, True)


def test_nobody_writes_or_deletes_in_the_log(client: Client, clerk: User, alice: User) -> None:
    entry = record(clerk, Action.LINK_COPIED, alice)
    client.force_login(clerk)
    addresses = ("add/", f"{entry.pk}/delete/")
    assert [client.post(f"/admin/accounts/auditentry/{address}").status_code for address in addresses] == [403, 403]
