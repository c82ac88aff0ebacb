"""Looking for conversations by what people know of their customers; apps that know more of them register how they look."""

import re
from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.storable import storable
from chat.models import Conversation, Conversations

LONGEST = 100
# An order's number as people write it: 1002, #1002.
NUMBER = re.compile(r"#?\s*([0-9]{1,18})", re.ASCII)
# The keys of the customers that these words may mean, for a subquery; None where they mean nothing to that app.
Finder = Callable[[str], "QuerySet[Any, int] | None"]
_finders: list[Finder] = []


def finds_customers(find: Finder) -> Finder:
    """Ask `find` too, whenever somebody looks for a conversation."""
    _finders.append(find)
    return find


def cleaned(words: str) -> str:
    """What was typed, as it is looked for: no more than anybody's name is long, and nothing that no database takes."""
    return storable(words).strip()[:LONGEST].strip()


def number(words: str) -> int | None:
    """The order's number that these words are, if they are one."""
    found = NUMBER.fullmatch(words)
    return int(found[1]) if found else None


def meant_by(words: str) -> Conversations:
    """The conversations whose customers' names or mail addresses have these words in them, or whom another app knows by them.

    Without words: all.
    """
    if not words:
        return Conversation.objects.all()
    people = Q(name__icontains=words) | Q(username__icontains=words) | Q(email__icontains=words)
    customers = Q(customer__in=User.objects.filter(people).values("pk"))
    for find in _finders:
        found = find(words)
        if found is not None:
            customers |= Q(customer__in=found)
    return Conversation.objects.filter(customers)
