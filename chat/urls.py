"""The pages of the chat."""

from django.urls import path

from chat import views, webhooks

urlpatterns = [
    path("inbox/", views.inbox, name="inbox"),
    path("chat/<str:username>/<str:conversation_id>/<int:order_id>", views.conversation, name="chat"),
    path("webhooks/rtc", webhooks.rtc, name="rtc-webhook"),
    path("webhooks/rtc/<str:secret>", webhooks.rtc),
    # The original guide's name of the same.
    path("webhooks/rtcevent", webhooks.rtc),
    path("webhooks/rtcevent/<str:secret>", webhooks.rtc),
]
