"""Pages and API: Django's WSGI handler (why not ASGI: docs/architecture.md, "Engines")."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordersupport.settings")

application = get_wsgi_application()
