"""The site for ASGI servers: ``uvicorn website.asgi:application``."""

import os

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

from llmgw_django.asgi import with_lifespan

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "website.settings")

# The handler serves /static/ as runserver does. A real site leaves its static files to a web server or to WhiteNoise
# and has plain get_asgi_application() here. <-- llmgw: with_lifespan opens and closes the gateway with the server.
application = with_lifespan(ASGIStaticFilesHandler(get_asgi_application()))
