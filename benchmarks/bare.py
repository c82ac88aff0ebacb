"""The least that a Django of the same stack does: DRF views that insert, with the product's own server and database settings.

    DATABASE_URL=... python -m benchmarks.bare PORT

`/api/orders/` inserts one row, `/api/whole-orders/` an order, its lines and a row to be sent in one commit. No log-in, no limits, no
middleware, no rules, nothing that is sent. It is the peer of `benchmarks.accept`, and its start
that of `benchmarks.recovery`.
"""

import sys
from typing import Any, cast

import django
import uvicorn
from a2wsgi import WSGIMiddleware
from django.conf import settings

from ordersupport import settings as product

if __name__ == "__main__":
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASES=product.DATABASES,
        DEFAULT_AUTO_FIELD=product.DEFAULT_AUTO_FIELD,
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": [],
            "DEFAULT_PERMISSION_CLASSES": [],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
            "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
            "UNAUTHENTICATED_USER": None,
        },
        ROOT_URLCONF="benchmarks.bare_urls",
        SECRET_KEY=product.SECRET_KEY,
        USE_TZ=True,
    )
    django.setup()

    from django.core.wsgi import get_wsgi_application
    from django.db import connection

    from benchmarks.bare_urls import Line, Order, ToSend

    with connection.schema_editor() as editor:
        if Order._meta.db_table not in connection.introspection.table_names():
            for model in (Order, Line, ToSend):
                editor.create_model(model)
    pages = WSGIMiddleware(cast(Any, get_wsgi_application()), workers=10)
    uvicorn.run(cast(Any, pages), host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off")
