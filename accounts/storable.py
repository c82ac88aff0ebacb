"""Words that every database takes: PostgreSQL stores no NUL, and a lone surrogate is no character at all."""


def is_storable(words: str) -> bool:
    """Whether they can be stored as they are."""
    try:
        words.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in words


def storable(words: str, *, nul: str = "") -> str:
    """The words with `?` for each lone surrogate and `nul` for each NUL."""
    return words.encode(errors="replace").decode().replace("\x00", nul)
