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
    path("webhooks/rtc", webhooks.rtc, name="rtc-webhook"),
    path("webhooks/rtc/<str:secret>", webhooks.rtc),
    # The original guide's name of the same.
    path("webhooks/rtcevent", webhooks.rtc),
    path("webhooks/rtcevent/<str:secret>", webhooks.rtc),
    path("webhooks/voice/answer", phone_webhooks.answer, name="voice-answer"),
    path("webhooks/voice/answer/<str:secret>", phone_webhooks.answer),
    path("webhooks/voice/event", phone_webhooks.event, name="voice-event"),
    path("webhooks/voice/event/<str:secret>", phone_webhooks.event),
    path("webhooks/sms", phone_webhooks.text, name="sms-webhook"),
    path("webhooks/sms/<str:secret>", phone_webhooks.text),
    path("demo/phones/", phone_views.phones, name="phones"),
    path("demo/phones/<int:number>/", phone_views.press, name="phone-button"),
]
