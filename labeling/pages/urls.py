"""Addresses."""

from django.urls import URLPattern, path

from labeling.pages import accounts, home

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("sign-in/", accounts.sign_in, name="sign-in"),
    path("sign-out/", accounts.sign_out, name="sign-out"),
    path("demo-sign-in/", accounts.demo_sign_in, name="demo-sign-in"),
]
