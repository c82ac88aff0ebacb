"""Nobody gives, or takes over, more rights than they have: who may change whom, and make a key for whom."""

from django.contrib.auth.models import AnonymousUser, Permission
from django.db.models import Q

from accounts.models import User


def rights_of(person: User) -> set[str]:
    """The permissions that a person was given, also while they are switched off: whoever may switch them on again would have them."""
    given = Permission.objects.filter(Q(user=person) | Q(group__user=person)).values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in given}


def has_all_rights_of(actor: User | AnonymousUser, person: User) -> bool:
    """Whether `person` may nothing that `actor` may not; superusers may everything."""
    if actor.is_superuser:
        return True
    return not person.is_superuser and rights_of(person) <= actor.get_all_permissions()


def may_change(actor: User | AnonymousUser, person: User) -> bool:
    """Whether `actor`, who may change people, may change this one. Staff are changed by superusers only."""
    return bool(actor.is_superuser) or (not person.is_staff and has_all_rights_of(actor, person))
