"""The pages of the chat."""

from django.urls import path

from chat import views, webhooks
from chat.entry import views as entry
from chat.phones import views as phone_views
from chat.phones import webhooks as phone_webhooks

urlpatterns = [
    path("inbox/", views.inbox, name="inbox"),
    path("chat/<str:username>/<str:conversation_id>/<int:order_id>", views.conversation, name="chat"),
    path("chat/<str:username>/<str:conversation_id>/<int:order_id>/language", views.choose_language, name="chat-language"),
    path("chat/<str:username>/<str:conversation_id>/<int:order_id>/code", entry.code, name="chat-code"),
    path("chat/<str:username>/<str:conversation_id>/<int:order_id>/link", entry.mail_link, name="chat-link"),
    path("new-link/", entry.new_link, name="new-link"),
    *webhooks.addresses("webhooks/rtc", webhooks.rtc, "rtc-webhook"),
    # The original guide's name of the same.
    *webhooks.addresses("webhooks/rtcevent", webhooks.rtc, "guide-rtc-webhook"),
    *webhooks.addresses("webhooks/voice/answer", phone_webhooks.answer, "voice-answer"),
    *webhooks.addresses("webhooks/voice/event", phone_webhooks.event, "voice-event"),
    *webhooks.addresses("webhooks/sms", phone_webhooks.text, "sms-webhook"),
    path("demo/phones/", phone_views.phones, name="phones"),
    path("demo/phones/<int:number>/", phone_views.press, name="phone-button"),
]
