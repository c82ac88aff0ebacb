"""Log-in, log-out, and the switch of language."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import login, views

urlpatterns = [
    path("login/", login.LogIn.as_view(), name="login"),
    path("login/code/", login.second_step, name="login-code"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("language/", views.set_language, name="set_language"),
]
