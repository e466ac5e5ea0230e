"""Migrations as they were before there were squashed ones, for databases of that time."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

Key = tuple[str, str]

SQUASHED: set[Key] = {
    ("labeling", "0001_squashed_0027_gold_release"),
    ("modeling", "0001_squashed_0009_loop_settings"),
}


class OldFiles(MigrationLoader):
    def load_disk(self) -> None:
        super().load_disk()
        self.disk_migrations = {
            key: migration
            for key, migration in self.disk_migrations.items()
            if not migration.replaces
        }


def executor() -> MigrationExecutor:
    executor = MigrationExecutor(connection)
    executor.loader = OldFiles(connection)
    return executor


def recorded_squashed() -> set[Key]:
    return SQUASHED & MigrationRecorder(connection).applied_migrations().keys()
