"""Static files: hashed names and compression by WhiteNoise, looked over when needed, imports by hashed names, comments left at home."""

import re
import threading
from collections.abc import Iterator
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.http import HttpRequest, HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage

OUR_MODULES = re.compile(r"(chat|orders)[/\\][^/\\]+\.js")
# Whole lines only; `//#` is for tools (source maps).
COMMENT = re.compile(r"^[ \t]*(?://(?!#).*|/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*)$", re.MULTILINE)


class StaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Django leaves module imports alone unless asked; without this a page would mix cached and fresh modules."""

    support_js_module_import_aggregation = True

    def post_process(self, paths: dict[str, tuple[Storage, str]], *args: Any, **options: Any) -> Iterator[Any]:
        """As WhiteNoise does it, with our own modules read without their comments: a visitor has no use for them."""
        lean = {name: (_Lean(storage) if OUR_MODULES.fullmatch(name) else storage, path) for name, (storage, path) in paths.items()}
        yield from super().post_process(lean, *args, **options)


class StaticFiles(WhiteNoiseMiddleware):
    """As WhiteNoise does it, but the files are looked over when the first one is asked for: no start after a crash waits for that."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._folders: list[tuple[str, str]] = []
        self._looking = threading.Lock()
        super().__init__(*args, **kwargs)

    def update_files_dictionary(self, root: str, prefix: str) -> None:
        """Remember the folder."""
        self._folders.append((root, prefix))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The file, or what the others answer."""
        if self._folders and request.path_info.startswith(self.static_prefix):
            with self._looking:
                while self._folders:
                    super().update_files_dictionary(*self._folders[0])
                    # Whoever comes meanwhile waits at the lock until everything is found.
                    self._folders.pop(0)
        response: HttpResponseBase = super().__call__(request)
        return response


class _Lean:
    """Where modules are read from, without their comments."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def open(self, name: str) -> "ContentFile[bytes]":
        with self._storage.open(name) as file:
            return ContentFile(without_comments(file.read().decode()).encode())


def without_comments(source: str) -> str:
    """A module without its lines that are nothing but a comment (`//`, `/** … */`). They stay, empty, so that errors name the right lines.

    A module in which a template literal may span lines comes back as it is: what looks like a comment there may be text.
    """
    may_span_lines = any(line.count("`") % 2 for line in source.splitlines())
    return source if may_span_lines else COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), source)
