"""The LLM gateway as a Django middleware: routes by who is logged in, under WSGI and ASGI alike.

Settings::

    MIDDLEWARE = [..., "django.contrib.auth.middleware.AuthenticationMiddleware",
                  "llmgw_django.middleware.LLMGatewayMiddleware"]
    INSTALLED_APPS = [..., "llmgw_django"]     # start-up checks, manage.py llmgw
    LLMGW_CONFIG = BASE_DIR / "llmgw.yaml"     # or LLMGW = {...}
"""
