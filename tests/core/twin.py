"""A dumb twin of decide and state: plain dicts, one function per command, nothing shared with what it is compared to.

An instance is {"service", "weight", "checks", "leased"}; a record adds what is known of it.
"""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]


class Refused(Exception):
    pass


class Twin:
    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.revision = 0

    def write(self, id: str, row: Row | None) -> None:
        self.revision += 1
        if row is None:
            del self.rows[id]
            return
        row = dict(row, revision=self.revision)
        row["generation"] = row["generation"] or self.revision
        self.rows[id] = row

    def change(self, id: str, **new: Any) -> None:
        """Write only what is different."""
        row = self.rows[id]
        if any(row[name] != value for name, value in new.items()):
            self.write(id, dict(row, **new))

    def addressed(self, id: str, generation: int, owner: bytes) -> Row:
        if id not in self.rows:
            raise Refused("unknown_instance")
        row = self.rows[id]
        if generation not in (0, row["generation"]):
            raise Refused("superseded")
        if row["owner"] not in (b"", owner):
            raise Refused("not_owner")
        return row

    # --- Commands ---------------------------------------------------------------------------------------------------

    def register(self, id: str, told: Row, incarnation: str, starting: bool, owner: bytes) -> None:
        row = self.rows.get(id)
        if row is None:
            self.write(id, self.fresh(told, incarnation, starting, owner))
            return
        if row["owner"] not in (b"", owner) and not row["expired"]:
            raise Refused("not_owner")
        if incarnation in row["superseded"]:
            raise Refused("superseded")
        new = self.fresh(told, incarnation, starting, owner)
        new["override"] = row["override"]
        if incarnation != row["incarnation"]:
            new["superseded"] = (
                row["superseded"] + [row["incarnation"]] if row["incarnation"] else row["superseded"]
            )[-8:]
            self.write(id, new)
        elif row["draining"]:
            if incarnation:
                raise Refused("draining")
            new["superseded"] = row["superseded"]
            self.write(id, new)
        else:
            checks = {
                name: row["health"][name]
                if name in row["health"] and row["checks"].get(name) == path
                else "unknown"
                for name, path in told["checks"].items()
            }
            self.change(id, **told, owner=owner, expired=False, overdue=False, health=checks)

    def fresh(self, told: Row, incarnation: str, starting: bool, owner: bytes) -> Row:
        return {
            **told,
            "incarnation": incarnation,
            "owner": owner,
            "superseded": [],
            "generation": 0,
            "expired": False,
            "overdue": False,
            "draining": False,
            "override": "",
            "unreachable": False,
            "ready": False if starting and not told["checks"] else None,
            "health": dict.fromkeys(told["checks"], "unknown"),
        }

    def deregister(self, id: str, generation: int, owner: bytes) -> None:
        self.addressed(id, generation, owner)
        self.write(id, None)

    def drain(self, id: str, generation: int, owner: bytes) -> None:
        self.addressed(id, generation, owner)
        self.change(id, draining=True)

    def revive(self, id: str, generation: int, owner: bytes) -> None:
        self.addressed(id, generation, owner)
        self.change(id, expired=False, overdue=False)

    def amend(self, id: str, generation: int, owner: bytes, new: Row) -> None:
        if id in self.rows and set(new) == {"override"}:
            owner = self.rows[id]["owner"]
        self.addressed(id, generation, owner)
        self.change(id, **new)

    def own(self, id: str, generation: int, **new: Any) -> None:
        """What the registry finds by itself comes too late now and then."""
        if id in self.rows and self.rows[id]["generation"] == generation:
            self.change(id, **new)

    def silent(self, id: str, generation: int, **new: Any) -> None:
        if id in self.rows and self.rows[id]["leased"] and not self.rows[id]["expired"]:
            self.own(id, generation, **new)

    def check(self, id: str, generation: int, name: str, health: str) -> None:
        if id in self.rows and name in self.rows[id]["health"]:
            self.own(id, generation, health=dict(self.rows[id]["health"], **{name: health}))

    def remove(self, id: str, generation: int, status: str) -> None:
        row = self.rows.get(id)
        if row is not None and row["generation"] == generation and self.status(row) == status:
            self.write(id, None)

    # --- What is seen -----------------------------------------------------------------------------------------------

    @staticmethod
    def status(row: Row) -> str:
        if row["expired"]:
            return "expired"
        if row["draining"]:
            return "draining"
        if row["override"]:
            return "out_of_service"
        if row["unreachable"]:
            return "unhealthy"
        healths = row["health"].values()
        if "failing" in healths:
            return "unhealthy"
        if row["ready"] is False or "unknown" in healths:
            return "starting"
        return "degraded" if "warning" in healths else "healthy"

    def listed(self, service: str) -> dict[str, tuple[str, int, int]]:
        return {
            id: (self.status(row), row["generation"], row["revision"])
            for id, row in self.rows.items()
            if row["service"] == service
        }
