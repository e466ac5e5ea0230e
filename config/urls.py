"""Every address of the product, by subject."""

from django.contrib import admin
from django.urls import include, path

from config.web.health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    path("", include("labeling.pages.urls")),
    path("", include("modeling.pages.urls")),
    path("", include("modeling.pages.model_urls")),
    path("api/", include("labeling.api.urls")),
    path("api/", include("modeling.api.urls")),
]

handler400 = "config.web.refusals.bad_request"
handler403 = "config.web.refusals.forbidden"
handler404 = "config.web.refusals.not_found"
handler500 = "config.web.trouble.server_error"
