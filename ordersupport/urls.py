"""Every address of the product."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

from accounts.login import AdminLogIn
from chat.api.urls import urlpatterns as chat_api
from orders.api.urls import urlpatterns as orders_api
from ordersupport import views
from ordersupport.document_view import ApiDocument

handler400 = "ordersupport.views.bad_request"
handler404 = "ordersupport.views.not_found"
handler500 = "ordersupport.views.server_error"

# It is a page: DRF's own answer to OPTIONS can't be put into it.
docs = SpectacularSwaggerSplitView.as_view(url_name="api-schema", permission_classes=[AllowAny], http_method_names=["get", "head"])

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.index, name="index"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics_page, name="metrics"),
    # The one way in with a password, also from the admin.
    path("admin/login/", AdminLogIn.as_view(), name="admin-login"),
    path("admin/", admin.site.urls),
    path("api/schema/", ApiDocument.as_view(), name="api-schema"),
    path("api/docs/", docs, name="api-docs"),
    path("api/", include(([*orders_api, *chat_api], "api"))),
    path("", include("accounts.urls")),
    path("", include("chat.urls")),
    path("", include("orders.urls")),
]
