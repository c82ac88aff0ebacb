"""Key pairs of a Vonage application, made here: Vonage never shows a private key again, so none that only it knows is wanted."""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from chat.backends.vonage_tokens import load_key

BITS = 2048


def make(path: Path) -> None:
    """Write a new private key, whole or not at all, readable by its owner only. Raises FileExistsError: none is ever overwritten."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    half = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(descriptor)
        os.link(half, path)
    finally:
        half.unlink()
    load_key.cache_clear()


def put_in_place(fresh: Path, path: Path) -> None:
    """Make the new key the one in use; the old one stays beside it under a name of its own."""
    if path.exists():
        kept = _free_name(path)
        os.link(path, kept)
    fresh.replace(path)
    load_key.cache_clear()


def public_pem(setting: str) -> str:
    """The public half of a private key (a path, or the PEM itself). Raises KeyFileError."""
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return load_key(setting).public_key().public_bytes(encoding, form).decode()


def are_same(one: str, other: str) -> bool:
    """Whether two PEMs are the same public key, however they are wrapped."""
    try:
        keys = [load_pem_public_key(pem.strip().encode()) for pem in (one, other)]
    except (ValueError, UnsupportedAlgorithm):
        return False
    return keys[0] == keys[1]


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.name}.old{number}") for number in range(1, 10_000))
    return next(name for name in names if not name.exists())
