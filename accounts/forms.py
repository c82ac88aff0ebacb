"""The form of a new customer: what a clerk can ask over the phone, and nothing else."""

import re
from typing import Any

from django import forms

from accounts.models import User

# Leaves room for what tells two of the same name apart, and for letters that are stored as several.
LONGEST_STEM = 100


class CustomerForm(forms.ModelForm[User]):
    """Somebody who never logs in: they come by the link in their mail."""

    class Meta:
        model = User
        fields = ["name", "email", "phone", "language", "time_zone"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Mails and chats address them by it, and a clerk finds them by it."""
        super().__init__(*args, **kwargs)
        self.fields["name"].required = True

    def save(self, commit: bool = True) -> User:
        """With a username that nobody has to think of, and no password."""
        self.instance.username = free_username(self.instance.email.partition("@")[0] or self.instance.name)
        self.instance.set_unusable_password()
        return super().save(commit)


def free_username(wish: str) -> str:
    """`wish` as a username that nobody has: "Kim Larsen" is Kim-Larsen, and the next one Kim-Larsen-2."""
    normal = User.normalize_username(wish)
    stem = re.sub(r"[^\w.+-]+", "-", normal)[:LONGEST_STEM].strip(".-") or "customer"
    taken = set(User.objects.filter(username__startswith=stem).values_list("username", flat=True))
    count = 1
    while (name := stem if count == 1 else f"{stem}-{count}") in taken:
        count += 1
    return name
