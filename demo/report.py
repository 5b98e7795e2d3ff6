"""What the demo found out: acts with their figures, and which promises were kept."""

from msgspec import Struct

from .calls import Counts


class Act(Struct):
    """`began` and `ended` in monotonic seconds. `knew` is who knew of it, and after how many ms."""

    name: str
    title: str
    began: float
    ended: float = 0.0
    knew: dict[str, float] = {}
    calls: Counts | None = None


class Promise(Struct, frozen=True):
    text: str
    kept: bool
    found: str


class Report(Struct):
    acts: list[Act] = []
    promises: list[Promise] = []

    @property
    def broken(self) -> list[Promise]:
        return [promise for promise in self.promises if not promise.kept]

    def promise(self, text: str, *, kept: bool, found: str) -> None:
        self.promises.append(Promise(text, kept, found))

    def act(self, name: str) -> Act:
        return next(act for act in self.acts if act.name == name)
