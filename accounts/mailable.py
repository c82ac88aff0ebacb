"""Mail addresses as mail servers write them, and as a provider that sends to them reports them."""

from django.utils.encoding import punycode


def with_ascii_domain(address: str) -> str:
    """anna@müller.de is anna@xn--mller-kva.de. Raises UnicodeError for what is no domain at all, such as an empty label."""
    local, _at, domain = address.rpartition("@")
    return f"{local}@{punycode(domain)}"
