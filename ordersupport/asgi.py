"""Sockets to Channels, pages and API to Django's WSGI handler in a pool of threads.

Django's ASGI handler starts two threads for each request; measured in one process, WSGI through a2wsgi answers four times as many.
"""

import os
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from channels.routing import ProtocolTypeRouter, URLRouter

from ordersupport.wsgi import application as pages

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordersupport.settings")

from chat.routing import urlpatterns
from ordersupport.limits import Bounded
from ordersupport.origins import OwnPagesOnly

HTTP_THREADS = 10

application = ProtocolTypeRouter(
    {
        "http": Bounded(cast(Any, WSGIMiddleware(cast(Any, pages), workers=HTTP_THREADS))),
        "websocket": OwnPagesOnly(URLRouter(urlpatterns)),
    }
)
