"""The pages of the chat."""

from django.urls import path

from chat import views

urlpatterns = [
    path("inbox/", views.inbox, name="inbox"),
    path("chat/<str:username>/<str:conversation_id>/<int:order_id>", views.conversation, name="chat"),
]
