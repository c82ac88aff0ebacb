"""The original guide's routes, what the mail provider tells, and the demo's mailbox."""

from django.urls import path

from chat.webhooks import addresses
from orders import views, webhooks
from orders.api import guide

urlpatterns = [
    path("user", guide.UserView.as_view(), name="guide-user"),
    path("order", guide.OrderView.as_view(), name="guide-order"),
    # Whoever is used to the API's addresses writes a last slash, and a redirect would lose the body.
    path("user/", guide.UserView.as_view(schema=None)),
    path("order/", guide.OrderView.as_view(schema=None)),
    *addresses("webhooks/sendinblue", webhooks.sendinblue, "webhook-sendinblue"),
    path("demo/mailbox/", views.mailbox, name="mailbox"),
    path("demo/mailbox/<int:number>/", views.mail, name="mail"),
    path("demo/mailbox/<int:number>/html/", views.mail_html, name="mail-html"),
]
