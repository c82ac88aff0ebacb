"""The project's settings, with nobody's own environment in them, and what makes tests quick."""

import os
import re

# A developer's .env or exported credentials never reach a test; only the database may be chosen from outside.
os.environ["ENV_FILE"] = os.devnull
for name in list(os.environ):
    if re.match(r"(NEXMO|VONAGE|SENDINBLUE|BREVO)_|(PORT|PUBLIC_URL|DEMO|DEBUG|SHOP_NAME|REPLY_TO_EMAIL|WEBHOOK_SECRET)$", name):
        del os.environ[name]
os.environ["SECRET_KEY"] = "a key for tests only, as long as a real one has to be"

from ordersupport.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
# Tests write faster than people; those about the limit set their own.
MESSAGES_PER_MINUTE = 1_000_000
