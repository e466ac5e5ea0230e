"""Requests that a program may send again under the same key: the first is done, the others get its
answer."""

from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.models import ApiToken, KeyedRequest, User

KEPT_FOR = timedelta(hours=24)


class KeyIsOfAnother(ValueError):
    """The key has come with another request."""


class StillAtWork(ValueError):
    """The first request with the key has no answer yet."""


def begin(
    user: User, token: ApiToken | None, key: str, fingerprint: str
) -> tuple[KeyedRequest, bool]:
    """Notes the request, and returns it with True; with False the one that came first under this
    key and was answered. Of two at the same moment, one gets True."""
    caller = {"token": token} if token else {"user": user, "token": None}
    mine = KeyedRequest.objects.filter(**caller, key=key)
    mine.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    try:
        with transaction.atomic():
            new = KeyedRequest.objects.create(
                user=user, token=token, key=key, fingerprint=fingerprint
            )
        return new, True
    except IntegrityError:
        first = mine.first()
    if first is None:
        raise StillAtWork  # it was refused at this moment, and the key is free again
    if first.fingerprint != fingerprint:
        raise KeyIsOfAnother
    if first.status is None:
        raise StillAtWork
    return first, False


def keep_answer(request: KeyedRequest, status: int, answer: Any) -> None:
    KeyedRequest.objects.filter(pk=request.pk).update(status=status, answer=answer)


def free_key(request: KeyedRequest) -> None:
    """Forgets a request that was refused: nothing was done, so it may come again."""
    KeyedRequest.objects.filter(pk=request.pk).delete()


def forget_old() -> int:
    """Forgets what nobody can ask for again. Returns how many requests."""
    old = KeyedRequest.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    return old.delete()[0]
