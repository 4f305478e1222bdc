"""A small project. What a test varies comes from the environment, so that servers in other processes see it too."""

import os
from importlib.util import find_spec

SECRET_KEY = "only for tests, and as long as signatures of tokens want it"
DEBUG = False
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
USE_TZ = True
STATIC_URL = "/static/"
ROOT_URLCONF = "tests.django.project.urls"
WSGI_APPLICATION = "tests.django.project.wsgi.application"
ASGI_APPLICATION = "tests.django.project.asgi.application"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "llmgw_django",
    *(("rest_framework", "rest_framework.authtoken") if find_spec("rest_framework") else ()),
    *(("waffle",) if find_spec("waffle") else ()),
    "tests.django.project.apps.ProjectConfig",
]
MIDDLEWARE = [
    *os.environ.get("PROJECT_ABOVE", "").split(),
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "llmgw_django.middleware.LLMGatewayMiddleware",
    *os.environ.get("PROJECT_BELOW", "").split(),
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["PROJECT_DATABASE"],
        "CONN_MAX_AGE": int(os.environ.get("PROJECT_CONN_MAX_AGE", "0")),
        "OPTIONS": {"timeout": 20},
    }
}
SESSION_SAVE_EVERY_REQUEST = os.environ.get("PROJECT_SAVE_EVERY_REQUEST") == "1"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

LLMGW = {
    "routes": [{"name": "chat", "path": "/v1/*", "backend": "nowhere"}],
    "backends": [{"name": "nowhere", "url": "http://127.0.0.1:9/v1"}],
}
LLMGW_IDENTIFY = os.environ.get("PROJECT_IDENTIFY")
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.TokenAuthentication",
    ]
}
