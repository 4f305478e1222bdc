"""The site for WSGI servers: ``gunicorn --worker-class gthread --threads 16 website.wsgi``, and ``manage.py runserver``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "website.settings")

application = get_wsgi_application()
