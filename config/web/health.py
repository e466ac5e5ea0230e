"""`/healthz`: says that the web process answers. It asks no other part, so that a slow database
or a Redis that is away does not get a working web process restarted."""

from django.http import HttpRequest, JsonResponse


def healthz(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})
