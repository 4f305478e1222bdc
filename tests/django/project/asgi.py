import os

from django.core.asgi import get_asgi_application

from llmgw_django.asgi import with_lifespan

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django.project.settings")
application = get_asgi_application()
living = with_lifespan(application)
