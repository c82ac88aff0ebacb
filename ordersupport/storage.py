"""Static files: hashed names and compression by WhiteNoise, ES module imports rewritten to the hashed names."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Django leaves module imports alone unless asked; without this a page would mix cached and fresh modules."""

    support_js_module_import_aggregation = True
