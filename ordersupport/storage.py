"""Static files: hashed names and compression by WhiteNoise, looked for when needed, imports by hashed names, modules made lean."""

import re
from collections.abc import Iterator
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.http import HttpRequest, HttpResponseBase
from rjsmin import jsmin
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage

OUR_MODULES = re.compile(r"(chat|orders)[/\\][^/\\]+\.js")


class StaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Django leaves module imports alone unless asked; without this a page would mix cached and fresh modules."""

    support_js_module_import_aggregation = True

    def post_process(self, paths: dict[str, tuple[Storage, str]], *args: Any, **options: Any) -> Iterator[Any]:
        """As WhiteNoise does it, with our own modules read without what a visitor has no use for."""
        lean = {name: (_Lean(storage) if OUR_MODULES.fullmatch(name) else storage, path) for name, (storage, path) in paths.items()}
        yield from super().post_process(lean, *args, **options)


class StaticFiles(WhiteNoiseMiddleware):
    """As WhiteNoise does it, but each file is looked for when it is asked for.

    So no start waits until all are looked over, and a process also has those that a newer one of the same machine laid out.
    """

    def update_files_dictionary(self, root: str, prefix: str) -> None:
        """Remember the folder."""
        self.directories.append((root, prefix))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The file, or what the others answer."""
        path = request.path_info
        file = (self.files.get(path) or self._found(path)) if path.startswith(self.static_prefix) else None
        response: HttpResponseBase = self.serve(file, request) if file else self.get_response(request)
        return response

    def _found(self, path: str) -> Any:
        file = self.find_file(path)
        # What our own pages name never changes; anything else may, and is looked at again.
        if file and self.immutable_file_test("", path):
            self.files[path] = file
        return file


class _Lean:
    """Where modules are read from, without comments and spare white space; licences (`/*!`) stay.

    rjsmin's trap: a template literal inside of another one is not understood. tests/test_static.py keeps our modules from it.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def open(self, name: str) -> "ContentFile[bytes]":
        with self._storage.open(name) as file:
            return ContentFile(jsmin(file.read(), keep_bang_comments=True))
