"""Django's settings, all of them derived from `crypto_api.config`. There is no database here: people, sessions and documents live in MongoDB."""

import os
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from crypto_api.config import Config, load_config
from crypto_api.kit.cookies import named

SERVING = {None, "worker"}  # None: not through manage.py, so uvicorn or the like


def _config() -> Config | None:
    """A process that serves refuses to start on a missing or unsafe setting, in one line. The other commands of manage.py need none of these
    settings, or read them themselves: they go on without."""
    command = [*sys.argv, "help"][1] if Path(sys.argv[0]).name == "manage.py" else None
    try:
        config = load_config()
    except ValidationError as error:
        if command not in SERVING:
            return None
        raise _refused(map(_told, error.errors(include_input=False)), "environment or .env; see .env.example") from None
    if command in SERVING and (unsafe := config.unsafe()):
        raise _refused(unsafe, "on a machine where nobody's money is: DEVELOPMENT=true")
    return config


def _refused(faults: Iterable[str], advice: str) -> SystemExit:
    sys.stderr.write(f"settings: {'; '.join(faults)} ({advice})\n")
    return SystemExit(os.EX_CONFIG)


def _told(fault: ErrorDetails) -> str:
    return f"{'.'.join(map(str, fault['loc'])).upper()}: {fault['msg'].removeprefix('Value error, ')}"


_loaded = _config()

SECRET_KEY = _loaded.secret_key.get_secret_value() if _loaded else secrets.token_urlsafe(48)
DEBUG = _loaded.debug if _loaded else False
ALLOWED_HOSTS = list(_loaded.allowed_hosts) if _loaded else []

INSTALLED_APPS = [
    "crypto_project",
    "crypto_api.dashboard",
    "channels",
    "corsheaders",
    "ninja",  # the scripts and styles of /api/docs
    "servestatic",
    "django.contrib.staticfiles",
]

# Every one of them runs on the event loop: a synchronous one would cost a thread for each request.
MIDDLEWARE = [
    "crypto_project.middleware.SecurityHeaders",
    "crypto_project.middleware.RequestContext",
    "crypto_project.middleware.Language",
    "corsheaders.middleware.CorsMiddleware",
    "crypto_project.static_files.StaticFiles",
    "crypto_project.middleware.AsyncCsrf",
]

ROOT_URLCONF = "crypto_project.urls"
ASGI_APPLICATION = "crypto_project.asgi.application"
APPEND_SLASH = False

DATABASES: dict[str, dict[str, str]] = {}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.csrf",
                "django.template.context_processors.request",
                "crypto_project.middleware.languages",
            ]
        },
    }
]

_front = _loaded.frontend_url.rstrip("/") if _loaded else "http://127.0.0.1"
_https = bool(_loaded and _loaded.over_tls)
CSRF_COOKIE_SECURE = _https
CSRF_COOKIE_NAME = named("csrftoken", over_tls=_https)
CSRF_COOKIE_HTTPONLY = True  # the page carries the token; no script reads the cookie
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "crypto_api.dashboard.views_errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = [_front]
SESSION_COOKIE_SECURE = _https  # for the dashboard's own cookie; Django's sessions are not used
REQUESTS_RUNNING_MAX = _loaded.requests_running_max if _loaded else 8
REQUESTS_WAITING_MAX = _loaded.requests_waiting_max if _loaded else 256
HSTS_PRELOAD = _loaded.hsts_preload if _loaded else False
TRUSTED_PROXIES = list(_loaded.trusted_proxies) if _loaded else []  # crypto_project/trusted_proxies.py sets the scheme: no SECURE_PROXY_SSL_HEADER

# Pages of other sites may call the API where they are listed, with access tokens and never with cookies; the dashboard's pages answer none.
CORS_ALLOWED_ORIGINS = list(_loaded.cors_origins) if _loaded else []
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_METHODS = ["DELETE", "GET", "POST", "PUT"]
CORS_ALLOW_HEADERS = ["accept", "authorization", "content-type", "idempotency-key", "if-match", "x-request-id"]
CORS_EXPOSE_HEADERS = ["ETag", "Idempotency-Replayed", "Location", "Retry-After", "X-Request-Id"]
CORS_PREFLIGHT_MAX_AGE = 600

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("es", "Español")]
USE_I18N = True
FORMAT_MODULE_PATH = ["crypto_project.formats"]
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG
SERVESTATIC_ALLOW_ALL_ORIGINS = False
SERVESTATIC_MAX_AGE = 0 if DEBUG else 3_600

DATA_UPLOAD_MAX_MEMORY_SIZE = None  # bodies are capped in front of Django, before anything is read
FILE_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024

LOGGING_CONFIG = None  # crypto_api.kit.log sets it up
