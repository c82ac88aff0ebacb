"""What needs the product's own tables, in a process with the run's environment: people with sessions beforehand, the record afterwards.

    python -m tests.chat_proof.inside prepare|audit      one question as JSON on stdin, the answer as JSON on stdout

prepare  {"rooms": [["room-0-seat-0", "room-0-seat-1"], …]}, the first of each a customer, the others agents
         -> {"rooms": [{"conversation": "CON-…", "seats": [{"name", "member", "cookie", "csrf"}, …]}, …]}
audit    {"conversations": ["CON-…", …]} -> {"CON-…": [[number, sender's member id or null, client key or null, text or null], …], …}
"""

import json
import os
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordersupport.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import Group  # noqa: E402
from django.middleware.csrf import CSRF_SECRET_LENGTH  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils.crypto import get_random_string  # noqa: E402

from accounts.models import AGENTS_GROUP, User  # noqa: E402
from chat import conversations  # noqa: E402
from chat.models import Event  # noqa: E402

JSON = dict[str, Any]


def prepare(asked: JSON) -> JSON:
    """People, conversations, memberships and log-ins."""
    return {"rooms": [_room(names) for names in asked["rooms"]]}


def audit(asked: JSON) -> JSON:
    """Every event of these conversations, as the tables hold it, by number."""
    logs: JSON = {public_id: [] for public_id in asked["conversations"]}
    events = Event.objects.filter(conversation__public_id__in=logs).order_by("sequence")
    for public_id, sequence, member, key, body in events.values_list(
        "conversation__public_id", "sequence", "from_member__public_id", "client_key", "body"
    ):
        logs[public_id].append([sequence, member, key, body.get("text")])
    return logs


def _room(names: list[str]) -> JSON:
    customer, *agents = [User.objects.create_user(name) for name in names]
    for agent in agents:
        agent.groups.add(Group.objects.get(name=AGENTS_GROUP))
    conversation = conversations.open_for(customer)
    return {"conversation": conversation.public_id, "seats": [_seat(conversation, person) for person in [customer, *agents]]}


def _seat(conversation: Any, person: User) -> JSON:
    browser = Client()
    browser.force_login(person)
    cookie = browser.cookies[settings.SESSION_COOKIE_NAME].value
    member = conversations.join(conversation, person)
    csrf = get_random_string(CSRF_SECRET_LENGTH)
    cookies = f"{settings.SESSION_COOKIE_NAME}={cookie}; {settings.CSRF_COOKIE_NAME}={csrf}"
    return {"name": person.username, "member": member.public_id, "cookie": cookies, "csrf": csrf}


if __name__ == "__main__":
    print(json.dumps({"prepare": prepare, "audit": audit}[sys.argv[1]](json.load(sys.stdin))))
