"""A disk that fails in the middle of a statement."""

import sqlite3
from typing import Any


def disk_error(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("the test's disk fails")
    error.sqlite_errorname, error.sqlite_errorcode = name, getattr(sqlite3, name)
    return error


class FaultyDisk:
    """Makes connections that fail once, at the statement that starts with `at`; `really` does it before failing."""

    def __init__(self) -> None:
        disk = self
        self.at = ""
        self.error: Exception | None = None
        self.really = False

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                error = disk.due(sql)
                if error is None or disk.really:
                    cursor = super().execute(sql, *parameters)
                if error is not None:
                    raise error
                return cursor

        self.kind = Connection

    def fail_once(self, at: str, error: Exception, *, really: bool = False) -> None:
        self.at, self.error, self.really = at, error, really

    def due(self, sql: str) -> Exception | None:
        if self.error is None or not sql.startswith(self.at):
            return None
        error, self.error = self.error, None
        return error
