"""The pages of the chat."""

from django.urls import path

from chat import phone_views, views, voice_webhooks, webhooks

urlpatterns = [
    path("inbox/", views.inbox, name="inbox"),
    path("chat/<str:username>/<str:conversation_id>/<int:order_id>", views.conversation, name="chat"),
    path("webhooks/rtc", webhooks.rtc, name="rtc-webhook"),
    path("webhooks/rtc/<str:secret>", webhooks.rtc),
    # The original guide's name of the same.
    path("webhooks/rtcevent", webhooks.rtc),
    path("webhooks/rtcevent/<str:secret>", webhooks.rtc),
    path("webhooks/voice/answer", voice_webhooks.answer, name="voice-answer"),
    path("webhooks/voice/answer/<str:secret>", voice_webhooks.answer),
    path("webhooks/voice/event", voice_webhooks.event, name="voice-event"),
    path("webhooks/voice/event/<str:secret>", voice_webhooks.event),
    path("webhooks/sms", voice_webhooks.text, name="sms-webhook"),
    path("webhooks/sms/<str:secret>", voice_webhooks.text),
    path("demo/phones/", phone_views.phones, name="phones"),
    path("demo/phones/<int:number>/", phone_views.press, name="phone-button"),
]
