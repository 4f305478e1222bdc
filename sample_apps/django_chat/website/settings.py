"""Settings of a small Django site with a chat page. What the gateway needs is marked with an arrow: <-- llmgw."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SAMPLE_APPS = BASE_DIR.parent

# What the demo writes (its database) lies in one folder that can be deleted at any time.
STATE_DIR = Path(os.environ.get("DEMO_STATE") or SAMPLE_APPS.parent / ".demo")
STATE_DIR.mkdir(parents=True, exist_ok=True)

# Fit for a sample on your own machine: a real site has a secret key of its own and DEBUG off.
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "django-insecure-sample-site-on-your-own-machine")
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "llmgw_django",  # <-- llmgw: `manage.py check` and every start look at its rules and its place
    "chat",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # <-- llmgw: below Session, Csrf and Authentication, because it asks them who calls. From here on the paths of
    # llmgw.yaml are answered by the gateway; what stands below never sees them.
    "llmgw_django.middleware.LLMGatewayMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

LLMGW_CONFIG = BASE_DIR / "llmgw.yaml"  # <-- llmgw: routes and backends

ROOT_URLCONF = "website.urls"
ASGI_APPLICATION = "website.asgi.application"
WSGI_APPLICATION = "website.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [SAMPLE_APPS / "chat_page"],  # the page that all sample applications share
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": STATE_DIR / "django_chat.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATICFILES_DIRS = [SAMPLE_APPS / "chat_page" / "static"]

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "chat"
LOGOUT_REDIRECT_URL = "login"

USE_TZ = True
TIME_ZONE = "UTC"

# <-- llmgw: one line per request with its route, backend, attempts and times. No prompt and no key is ever in it.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"llmgw": {"handlers": ["console"], "level": "INFO"}},
}

# Where the mock providers of this demo listen. Only the buttons that break them need to know; the gateway is told
# by llmgw.yaml, which reads the same variable.
MOCK_PROVIDERS_URL = os.environ.get("MOCK_PROVIDERS_URL", "http://127.0.0.1:8001")
