"""Django's configuration of the modeling app."""

from django.apps import AppConfig


class ModelingConfig(AppConfig):
    name = "modeling"
    verbose_name = "Modeling"

    def ready(self) -> None:
        from modeling.pages.naming import add_namers

        add_namers()
