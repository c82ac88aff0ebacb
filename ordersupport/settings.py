"""The one settings file. The environment is read here and nowhere else; `.env.example` explains every variable."""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from ordersupport import logs, policy
from ordersupport.env import Environment

# Lets classes such as ModelAdmin[Order] say what they are about; Django's own take no parameter at run time.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
ENV_FILE = Path(os.environ.get("ENV_FILE", BASE_DIR / ".env"))
env = Environment(ENV_FILE)

# --- The process -----------------------------------------------------------------------------------------------------
DEMO = env.flag("DEMO")
DEBUG = env.flag("DEBUG")
PORT = env.number("PORT", default=3000, least=1, most=65535)
# Whether PUBLIC_URL follows the port that the server finds free (`ordersupport/server.py`).
PUBLIC_URL_IS_SET = bool(env.text("PUBLIC_URL"))
PUBLIC_URL = env.url("PUBLIC_URL", default=f"http://localhost:{PORT}")
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", str(urlsplit(PUBLIC_URL).hostname)])
SHOP_NAME = env.text("SHOP_NAME", default="Order Support")
IS_SCALED = bool(env.text("DATABASE_URL").startswith(("postgres", "pgsql")) or env.text("REDIS_URL"))
SECRET_KEY = env.secret_key("SECRET_KEY", kept_in=None if IS_SCALED and not DEMO else VAR_DIR / "secret_key")
IS_HTTPS = PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
# Whose X-Forwarded-For and X-Forwarded-Proto are believed.
TRUSTED_PROXIES = env.proxies("TRUSTED_PROXIES", default=["127.0.0.1", "::1"])

# --- Providers (the original guide's names first) ----------------------------------------------------------------------
VONAGE_APPLICATION_ID = env.text("NEXMO_APPLICATION_ID", "VONAGE_APPLICATION_ID")
VONAGE_API_KEY = env.text("NEXMO_API_KEY", "VONAGE_API_KEY")
VONAGE_API_SECRET = env.text("NEXMO_API_SECRET", "VONAGE_API_SECRET")
VONAGE_PRIVATE_KEY = env.text(
    "NEXMO_APPLICATION_PRIVATE_KEY_PATH", "VONAGE_APPLICATION_PRIVATE_KEY_PATH", "VONAGE_PRIVATE_KEY_PATH", "VONAGE_PRIVATE_KEY"
)
VONAGE_API_HOST = env.host("VONAGE_API_HOST", default="api.nexmo.com")
REQUESTS_CA_BUNDLE = env.text("REQUESTS_CA_BUNDLE")  # `requests` itself reads this or, without it, the next; a check looks at both
CURL_CA_BUNDLE = env.text("CURL_CA_BUNDLE")
VONAGE_SIGNATURE_SECRET = env.text("VONAGE_SIGNATURE_SECRET", "NEXMO_SIGNATURE_SECRET")
VONAGE_WS_URL = env.url("VONAGE_WS_URL", default="wss://ws-us.vonage.com", schemes=("ws", "wss", "http", "https"))
VONAGE_CLIENT_SDK_URL = env.script("VONAGE_CLIENT_SDK_URL")
VONAGE_CLIENT_SDK_INTEGRITY = env.text("VONAGE_CLIENT_SDK_INTEGRITY")
VONAGE_FROM_NUMBER = env.sender("VONAGE_FROM_NUMBER")
VONAGE_SMS_API = env.choice("VONAGE_SMS_API", options=("messages", "sms"))
VONAGE_REST_HOST = env.host("VONAGE_REST_HOST", default="rest.nexmo.com")
# Whoever holds a mailed link can ask for a call: where to is the shop's to say.
VONAGE_CALL_PREFIXES = env.country_codes("VONAGE_CALL_PREFIXES")
WEBHOOK_SECRET = env.text("WEBHOOK_SECRET")
# Whether our own webhooks may go to addresses of this machine and its network, and over plain http.
WEBHOOKS_TO_PRIVATE = env.flag("WEBHOOKS_TO_PRIVATE")
CHAT_TRANSPORT = env.choice("CHAT_TRANSPORT", options=("socket", "client-sdk"))
# The original guide: "for testing only". It decides nothing here; a check says so where it is set.
CONVERSATION_ID = env.text("CONVERSATION_ID")

SENDINBLUE_API_KEY = env.text("SENDINBLUE_API_KEY", "BREVO_API_KEY")
SENDINBLUE_API_URL = env.url("SENDINBLUE_API_URL", "BREVO_API_URL", default="https://api.sendinblue.com/v3")
SENDINBLUE_CA_FILE = env.existing_file("SENDINBLUE_CA_FILE", "BREVO_CA_FILE")
SENDINBLUE_FROM_NAME = env.text("SENDINBLUE_FROM_NAME", "BREVO_FROM_NAME")
SENDINBLUE_FROM_EMAIL = env.text("SENDINBLUE_FROM_EMAIL", "BREVO_FROM_EMAIL")
SENDINBLUE_TO_NAME = env.text("SENDINBLUE_TO_NAME", "BREVO_TO_NAME")
SENDINBLUE_TO_EMAIL = env.text("SENDINBLUE_TO_EMAIL", "BREVO_TO_EMAIL")
SENDINBLUE_TEMPLATE_ID = env.number("SENDINBLUE_TEMPLATE_ID", "BREVO_TEMPLATE_ID", default=0, least=0, most=2**31 - 1)
SENDINBLUE_SANDBOX = env.flag("SENDINBLUE_SANDBOX", "BREVO_SANDBOX")  # Sendinblue checks each mail and answers as always, but sends none

EMAIL_BACKEND = "orders.backends.sendinblue.SendinblueBackend" if SENDINBLUE_API_KEY else "orders.backends.embedded.EmailBackend"
DEFAULT_FROM_NAME = SENDINBLUE_FROM_NAME or SHOP_NAME
DEFAULT_FROM_EMAIL = SENDINBLUE_FROM_EMAIL or "orders@example.com"
REPLY_TO_EMAIL = env.text("REPLY_TO_EMAIL", default=DEFAULT_FROM_EMAIL)
LINK_MAX_AGE_DAYS = env.number("LINK_MAX_AGE_DAYS", default=90, least=1, most=3650)

# --- Django ------------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "ordersupport",
    "orders",
    "chat",
    "accounts",
    "ordersupport.apps.OrderedAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "channels",
    "csp",
    "django_guid",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "rest_framework",
    "rest_framework_api_key",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "ordersupport.middleware.lean_files",
    "ordersupport.middleware.correlation_ids",
    "django.middleware.security.SecurityMiddleware",
    "ordersupport.middleware.ContentPolicy",
    "ordersupport.storage.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.own_language_and_time",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "ordersupport.urls"
WSGI_APPLICATION = "ordersupport.wsgi.application"
ASGI_APPLICATION = "ordersupport.asgi.application"
# The original guide's routes and the chat page have no last slash; a redirect would lose a POST's body.
APPEND_SLASH = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ordersupport.context.shop",
            ],
        },
    },
]

# --- Database ----------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.database("DATABASE_URL", default=VAR_DIR / "db.sqlite3")}
IS_SQLITE = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
if IS_SQLITE:
    try:
        Path(str(DATABASES["default"]["NAME"])).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"DATABASE_URL: the folder of {DATABASES['default']['NAME']} can't be made: {error.strerror}."
        ) from error
    DATABASES["default"]["OPTIONS"] = {
        # IMMEDIATE: a transaction that reads and then writes can't fail on a lock upgrade; FULL: an accepted order survives a power cut.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
    DATABASES["default"]["CONN_MAX_AGE"] = None
else:
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 2, "max_size": 20, "timeout": 10}
    DATABASES["default"]["CONN_MAX_AGE"] = 0  # the pool keeps the connections
    # After the database was away the pool's old connections are dead; each is asked before it is handed out.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
REDIS_URL = env.url("REDIS_URL", default="", schemes=("redis", "rediss", "unix"))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- People ------------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# Ten wrong passwords for one name from one address, and that pair waits. Neither alone: a stranger who knows a name must not lock its
# owner out, and colleagues share an address.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "accounts.callers.address"
AXES_LOCKOUT_CALLABLE = "accounts.login.locked_out"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
# Every log-in with a password asks for a one-time code as well.
TWO_FACTOR = env.flag("TWO_FACTOR")
OTP_TOTP_ISSUER = SHOP_NAME
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "inbox"
LOGOUT_REDIRECT_URL = "index"
SESSION_COOKIE_NAME = "ordersupport_session"
CSRF_COOKIE_NAME = "ordersupport_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
# With a public https address nothing is answered over http but the probes, which come from inside.
SECURE_SSL_REDIRECT = IS_HTTPS and not DEBUG and not DEMO
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
HSTS_SECONDS = env.number("HSTS_SECONDS", default=31_536_000, least=0, most=63_072_000)
SECURE_HSTS_SECONDS = HSTS_SECONDS if SECURE_SSL_REDIRECT else 0
# What other hosts of the same domain speak (W005), and browsers' preload lists (W021), are for the domain's owner to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
# The chat page's address may carry a key: no other site may learn it. (Not "no-referrer": browsers then post forms with
# `Origin: null`, which Django's CSRF check rightly refuses.)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {"DIRECTIVES": policy.DIRECTIVES}

# --- Languages and times -----------------------------------------------------------------------------------------------
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
# What new customers are written in, and strangers whose browser asks for neither.
LANGUAGE_CODE = env.choice("SHOP_LANGUAGE", options=tuple(code for code, _name in LANGUAGES))
LANGUAGE_COOKIE_NAME = "ordersupport_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SECURE, LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_SAMESITE = IS_HTTPS, True, "Lax"
# Ours stand before those of Django and its packages, so that one word is one word everywhere.
LOCALE_PATHS = [BASE_DIR / app / "locale" for app in ("ordersupport", "orders", "chat", "accounts")]
FORMAT_MODULE_PATH = "ordersupport.formats"
TIME_ZONE = env.time_zone("TIME_ZONE")
# When somebody answers chats, in TIME_ZONE; none: not known, and nothing is said about it.
DESK_HOURS = env.hours("DESK_HOURS")
USE_TZ = True

# --- Static files ------------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
# Files that people send; without this it would be the folder that the process was started in.
MEDIA_ROOT = VAR_DIR / "media"
# Source maps are for developers' tools, which ask for them one at a time.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ("jpg", "jpeg", "png", "gif", "webp", "zip", "gz", "woff", "woff2", "map")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "ordersupport.storage.StaticFilesStorage"},
}

# --- API ---------------------------------------------------------------------------------------------------------------
# Each process counts by itself: what is in here may be lost at any time.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 10_000}}}
# Of one caller, and in one process; 0 counts nobody.
API_REQUESTS_PER_MINUTE = env.number("API_REQUESTS_PER_MINUTE", default=30_000, least=0, most=10**9)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.KeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.permissions.IsStaffOrKey"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "accounts.api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "accounts.api.schema.Documented",
    "EXCEPTION_HANDLER": "accounts.api.problems.handle",
    "DEFAULT_THROTTLE_CLASSES": ["accounts.api.throttling.PerCaller"],
    "PAGE_SIZE": 50,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Order Support",
    "VERSION": "1",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "ordersupport.document.complete"],
    # Operations are grouped and named by what comes after it.
    "SCHEMA_PATH_PREFIX": "/api",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "ToldCode": "orders.api.telling.CODES",
        "StepCode": "orders.api.telling.STEPS",
        "HappeningType": "orders.feed_models.Happening",
    },
}
# One body may hold an order with hundreds of lines, not a film; the server refuses more before it is read (`ordersupport/limits.py`).
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
# The admin posts up to seven fields for each of an order's 500 lines.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000

# `manage.py prune` forgets what is older; 0 keeps it for ever.
KEEP_TRACES_DAYS = env.number("KEEP_TRACES_DAYS", default=365, least=0, most=36500)
KEEP_AUDIT_DAYS = env.number("KEEP_AUDIT_DAYS", default=1095, least=0, most=36500)

# --- Outbox ------------------------------------------------------------------------------------------------------------
# All timeouts of one call together stay below the lease, and a worker renews its leases each third of it, so that nobody else begins while
# we still wait. It is also how long a row waits whose whole machine is gone (a dead worker alone: two seconds).
OUTBOX_LEASE_SECONDS = 45
OUTBOX_MAX_AGE_HOURS = 24
OUTBOX_THREADS = env.number("OUTBOX_THREADS", default=50, least=1, most=500)

# --- Chat --------------------------------------------------------------------------------------------------------------
MESSAGES_PER_MINUTE = env.number("MESSAGES_PER_MINUTE", default=120, least=1, most=1_000_000)  # of one person; half of it at once

# --- Logs: ids and outcomes, never an address or a text ------------------------------------------------------------------
LOG_FORMAT = env.choice("LOG_FORMAT", options=("text", "json"))
# One id from the HTTP request through the outbox row to the provider's call; a caller may bring its own.
DJANGO_GUID = {"GUID_HEADER_NAME": "X-Correlation-ID", "VALIDATE_GUID": True, "RETURN_HEADER": True, "UUID_FORMAT": "string"}
# Prometheus sends this as a bearer token; empty, /metrics answers this machine alone.
METRICS_TOKEN = env.text("METRICS_TOKEN")
LOGGING = logs.configuration(LOG_FORMAT, env.choice("LOG_LEVEL", options=logs.LEVELS, default="INFO"))
