"""What happens, act by act. Each act does one thing to the scene, waits until everybody knows, and lets the calls go on a while."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .calls import count, under_way
from .journal import Journal, Line
from .report import Act, Report
from .scene import Instance, Scene, stop, until
from .telling import Telling

ZONES = {"greeter-1": "a", "greeter-2": "a", "greeter-3": "b"}
CALLERS = {"caller-a": "a", "caller-b": "b"}
WATCHER = "watcher"
EVERYBODY = (*CALLERS, WATCHER)

SOON_S = 10.0
"""Longer than anything here takes; what has not happened by then will not."""
CALM_S = 1.5
"""Calls go on for so long after each event, to be counted."""
STOP_S = 25.0
"""`muster run` hands the signal on within 20 s."""


class Story:
    def __init__(self, scene: Scene, journal: Journal, report: Report, telling: Telling) -> None:
        self._scene = scene
        self._journal = journal
        self._report = report
        self._telling = telling
        self._cast: dict[str, Instance] = {}

    def play(self) -> None:
        self.start()
        self.crash("greeter-3")
        self.rollout("greeter-1")
        self.newcomer("greeter-4", "b")
        self.outage("caller-late", "a")
        self.back("caller-late")
        self._count()

    # --- The acts -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        with self._act("start", "a registry, three greeters in two zones, two callers, one plain watcher"):
            took = self._scene.start_registry()
            self._tell(f"the registry is ready at {self._scene.url}, {took * 1000:.0f} ms after its start")
            wrappers = {name: self._scene.launch(name, zone) for name, zone in ZONES.items()}
            self._cast = {name: self._scene.arrived(wrappers[name], zone) for name, zone in ZONES.items()}
            until("all greeters are registered", lambda: self._scene.listed() == set(ZONES), SOON_S)
            self._tell("registered: " + ", ".join(f"{name} (zone {zone})" for name, zone in ZONES.items()))
            for name, zone in CALLERS.items():
                self._scene.start_caller(name, zone)
            self._scene.start_watcher(WATCHER)
            for name in EVERYBODY:
                self._sees(name, lambda seen: seen == set(ZONES), 0.0)
            self._tell(f"{', '.join(EVERYBODY)} see all three; the callers prefer their own zone")
            self._calm()

    def crash(self, name: str) -> None:
        with self._act("crash", f"kill -9 of {name} and of its `muster run`, the only one in zone b") as act:
            at = self._cast.pop(name).crash()
            self._known(act, at, lambda seen: name not in seen)
            self._tell("caller-b has nobody in its own zone now: it calls zone a")
            self._calm()
        slowest = max(act.knew.values())
        self._report.promise(
            "a crash is known everywhere within 1 s (a lease alone takes 30 s)",
            kept=slowest <= 1000,
            found=f"{slowest:.0f} ms",
        )

    def rollout(self, name: str) -> None:
        with self._act("rollout", f"SIGTERM to the `muster run` of {name}, under load") as act:
            instance = self._cast.pop(name)
            at = stop(instance)
            self._known(act, at, lambda seen: name not in seen)
            drained = self._said(name, "drained: every reader knows", f"every reader acknowledges {name}")
            self._tell(f"drained: every caller has acknowledged, {ms(at, drained.at)} SIGTERM", drained.at)
            code = instance.wrapper.wait(STOP_S)
            busy = len(under_way(self._journal.lines("call"), name, at))
            self._tell(f"{name} had {busy} calls under way, answered them, and ended with exit code {code}")
            self._calm()
        after = [c for c in self._calls() if c.told["answered_by"] == name and c.told["began"] > drained.at]
        self._report.promise(
            "a drained instance gets no new call, and ends by itself",
            kept=not after and code == 0,
            found=f"{len(after)} calls after everybody knew, exit code {code}",
        )

    def newcomer(self, name: str, zone: str) -> None:
        with self._act("newcomer", f"{name} starts in zone {zone}") as act:
            wrapper = self._scene.launch(name, zone)
            self._cast[name] = self._scene.arrived(wrapper, zone)
            at = self._journal.wait("", lambda line: line.who == name and line.event == "serving", 1).at
            self._known(act, at, lambda seen: name in seen)
            first = self._journal.wait(
                f"{name} is called", lambda line: line.told.get("answered_by") == name, SOON_S
            )
            self._tell(f"its first call is answered {ms(at, first.at)} it began to serve", first.at)
            until("no caller's disk names who is gone", self._saved, SOON_S)
            self._calm()

    def outage(self, late: str, zone: str) -> None:
        with self._act("outage", "kill -9 of the registry; the callers go on with what they know") as act:
            at = self._scene.kill_registry()
            for name in EVERYBODY:
                line = self._streams(name, at, is_open=False)
                act.knew[name] = (line.at - at) * 1000
            self._tell("noticed: " + knew(act))
            self._calm()
            self._scene.start_caller(late, zone)
            ready = self._journal.wait(
                f"{late} begins", lambda line: line.who == late and line.event == "ready", SOON_S
            )
            took, age = ready.told["took"] * 1000, ready.told["age"]
            self._tell(
                f"{late} starts now: ready in {took:.0f} ms, with what was on disk, {age:.1f} s old", ready.at
            )
            self._calm()
        called = [call for call in self._calls() if call.who == late]
        self._report.promise(
            "a caller that starts during the outage works",
            kept=ready.told["source"] == "disk" and bool(called),
            found=f"{len(called)} calls without a registry",
        )

    def back(self, late: str) -> None:
        with self._act("return", "the registry starts again on the same database") as act:
            at = time.monotonic()
            took = self._scene.start_registry()
            listed = self._scene.listed()
            self._tell(f"ready after {took * 1000:.0f} ms; it knows {', '.join(sorted(listed))}")
            for name in (*EVERYBODY, late):
                line = self._streams(name, at, is_open=True)
                act.knew[name] = (line.at - at) * 1000
            self._tell("watching again: " + knew(act), time.monotonic())
            self._calm()
        shrunk = [
            line.who
            for line in self._journal.lines("view")
            if line.at > at and not set(self._cast) <= set(line.told["instances"])
        ]
        self._report.promise(
            "a registry that comes back has forgotten nobody, and empties nobody's view",
            kept=listed == set(self._cast) and not shrunk,
            found=f"{len(listed)} of {len(self._cast)} instances, {len(shrunk)} views that shrank",
        )

    # --- What the acts are made of ------------------------------------------------------------------------------------

    @contextmanager
    def _act(self, name: str, title: str) -> Iterator[Act]:
        act = Act(name, title, time.monotonic())
        self._report.acts.append(act)
        self._telling.act(act)
        yield act
        act.ended = time.monotonic()
        act.calls = count(self._calls(), act.began, act.ended)
        self._telling.calls(act)

    def _tell(self, text: str, at: float | None = None) -> None:
        self._telling.fact(time.monotonic() if at is None else at, text)

    def _calm(self) -> None:
        threading.Event().wait(CALM_S)

    def _calls(self) -> list[Line]:
        return list(self._journal.lines("call"))

    def _saved(self) -> bool:
        return not any(f'"{name}"' in self._scene.on_disk() for name in set(ZONES) - set(self._cast))

    def _sees(self, who: str, right: Callable[[set[str]], bool], since: float) -> Line:
        return self._journal.wait(
            f"{who} knows",
            lambda line: (
                line.who == who
                and line.event == "view"
                and line.at >= since
                and right(set(line.told["instances"]))
            ),
            SOON_S,
        )

    def _known(self, act: Act, at: float, right: Callable[[set[str]], bool]) -> None:
        """Wait until everybody sees what is right, and tell after how long each did."""
        for name in EVERYBODY:
            line = self._sees(name, right, at)
            act.knew[name] = (line.at - at) * 1000
        self._tell("known: " + knew(act), at + max(act.knew.values()) / 1000)

    def _streams(self, who: str, since: float, *, is_open: bool) -> Line:
        return self._journal.wait(
            f"the stream of {who} is {'open' if is_open else 'over'}",
            lambda line: (
                line.who == who
                and line.event == "stream"
                and line.at >= since
                and line.told["open"] is is_open
            ),
            SOON_S,
        )

    def _said(self, who: str, words: str, what: str) -> Line:
        return self._journal.wait(
            what,
            lambda line: line.who == who and line.event == "said" and words in line.told["text"],
            SOON_S,
        )

    def _count(self) -> None:
        """Again, now that every line of every act has arrived."""
        calls = self._calls()
        for act in self._report.acts:
            act.calls = count(calls, act.began, act.ended)
        failed = sum(act.calls.failed for act in self._report.acts if act.calls)
        self._report.promise(
            "no call failed, whatever happened", kept=failed == 0, found=f"{failed} of {len(calls)}"
        )
        for name, text in (
            ("rollout", "a rollout costs no call a second try"),
            ("outage", "an outage of the registry costs no call a second try"),
        ):
            second = self._report.act(name).calls
            assert second is not None
            self._report.promise(text, kept=second.second == 0, found=f"{second.second} of {second.made}")


def knew(act: Act) -> str:
    return ", ".join(f"{name} after {after:.0f} ms" for name, after in act.knew.items())


def ms(since: float, at: float) -> str:
    return f"{(at - since) * 1000:.0f} ms after"
