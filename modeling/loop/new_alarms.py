"""Tells webhooks of what newly needs a look: the alarms of the loop's page, each once while it
stands."""

import hashlib
import logging
import re

from labeling.models import EventType, Project
from labeling.webhooks import events
from labeling.webhooks.outbox import link, wants
from modeling.loop.overview import LoopAlarm, loop_alarms, stopped_by_guard
from modeling.loop.situation import Situation
from modeling.models.deciding import deciding

log = logging.getLogger(__name__)

# An alarm whose figures have moved is still the same one.
FIGURES = re.compile(r"[\d.,%]+")


def tell(project: Project) -> int:
    """Tells of the alarms that stand and did not stand before; gives their number. Where no webhook
    asks for alarms, nothing is read."""
    if not wants(project, EventType.ALARM_RAISED):
        return 0
    situation = Situation(project)
    standing = {
        digest_of(alarm): alarm for alarm in loop_alarms(situation) + stopped_by_guard(situation)
    }
    with deciding(project) as loop:
        new = [digest for digest in standing if digest not in loop.told_alarms]
        if set(standing) == set(loop.told_alarms):
            return 0
        loop.told_alarms = sorted(standing)
        loop.save(update_fields=["told_alarms"])
        for digest in new:
            _tell(project, standing[digest])
    return len(new)


def tell_all() -> None:
    """Of every project. Trouble in one is logged and does not hold up the others."""
    for project in Project.objects.exclude(webhook_events=[]).order_by("pk"):
        try:
            tell(project)
        except Exception:
            log.exception("alarms of project %s could not be told", project.slug)


def digest_of(alarm: LoopAlarm) -> str:
    """Tells alarms apart, whatever their figures."""
    words = f"{alarm.run.pk if alarm.run else ''} {FIGURES.sub('#', alarm.text)}"
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _tell(project: Project, alarm: LoopAlarm) -> None:
    run = alarm.run
    url = link("run", run.pk) if run else link("project", project.slug)
    events.alarm_raised(
        project, tone=alarm.tone, text=alarm.text, run=run.pk if run else None, url=url
    )
