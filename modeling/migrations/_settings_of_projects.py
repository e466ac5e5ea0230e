"""What is set of the loop moves from a project's row to its row of LoopSettings, and back: by 0009,
and by the migration that stands for it. Django takes a name with an underscore for no migration."""

from django.core.validators import MaxValueValidator, MinValueValidator


def copy_from_projects(apps, schema_editor):
    """Gives every project its row, with what was set of it. Some settings had no limit in the
    database: what lies beyond one is brought to it."""
    LoopSettings = apps.get_model("modeling", "LoopSettings")
    fields = _settings(LoopSettings)
    for project in apps.get_model("labeling", "Project").objects.iterator():
        values = {field.attname: _nearest(field, getattr(project, field.attname)) for field in fields}
        LoopSettings.objects.create(project=project, **values)


def copy_to_projects(apps, schema_editor):
    """The way back: the columns of the project are there again."""
    LoopSettings = apps.get_model("modeling", "LoopSettings")
    names = [field.attname for field in _settings(LoopSettings)]
    projects = apps.get_model("labeling", "Project").objects
    for row in LoopSettings.objects.values("project_id", *names).iterator():
        projects.filter(pk=row.pop("project_id")).update(**row)


def _settings(model):
    return [field for field in model._meta.concrete_fields if not field.primary_key]


def _nearest(field, value):
    if isinstance(value, float) and value != value:
        return field.default  # not a number
    for validator in field.validators:
        if value is not None and isinstance(validator, MinValueValidator):
            value = max(value, validator.limit_value)
        elif value is not None and isinstance(validator, MaxValueValidator):
            value = min(value, validator.limit_value)
    return value
