"""The original guide's routes, what the mail provider tells, and the demo's mailbox."""

from django.urls import path

from orders import views, webhooks
from orders.api import guide

urlpatterns = [
    path("user", guide.UserView.as_view(), name="guide-user"),
    path("order", guide.OrderView.as_view(), name="guide-order"),
    path("webhooks/sendinblue", webhooks.sendinblue, name="webhook-sendinblue"),
    path("demo/mailbox/", views.mailbox, name="mailbox"),
    path("demo/mailbox/<int:number>/", views.mail, name="mail"),
    path("demo/mailbox/<int:number>/html/", views.mail_html, name="mail-html"),
]
