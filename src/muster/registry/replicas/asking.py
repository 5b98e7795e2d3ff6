"""Asking the other replicas: questions are gathered for a moment, sent to all of them at once, and what they say is put together.

One who heard of an instance lately is enough to keep it. Otherwise everybody has to answer, and to know the record: a replica that
is silent, or behind, leaves the question open, and it is asked again for as long as that one is a member.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from muster.core.inquiry import Reply
from muster.core.outbox import Question
from muster.model import limits

from .mail import Mail
from .membership import Membership
from .port import Heard, Inquiry, Member, Peers, PeerUnreachable


class Asking:
    """`answered` gets what all of them say; `open` a question that stays open."""

    def __init__(
        self,
        membership: Membership,
        peers: Peers,
        mail: Mail,
        answered: Callable[[Reply], None],
        unanswered: Callable[[Question], None],
    ) -> None:
        self._membership = membership
        self._peers = peers
        self._mail = mail
        self._answered = answered
        self._unanswered = unanswered
        self._waiting: deque[Question] = deque()
        self._work = asyncio.Event()

    def put(self, questions: Sequence[Question]) -> None:
        self._waiting.extend(questions)
        self._work.set()

    async def run(self) -> None:
        """Ask what comes, for ever. What is asked while this is cancelled is nobody's business any more."""
        while True:
            self._work.clear()
            if not self._waiting:
                await self._work.wait()
            await asyncio.sleep(limits.ASK_GATHER_S)
            most = min(len(self._waiting), limits.ASK_QUESTIONS)
            await self._ask([self._waiting.popleft() for _ in range(most)])

    async def _ask(self, questions: list[Question]) -> None:
        roster = self._membership.roster_at
        others = [member for member in self._membership.others if not member.deaf]
        inquiry = Inquiry(self._membership.me.name, questions)
        heard = await asyncio.gather(*(self._ask_one(member, inquiry) for member in others))
        for place, question in enumerate(questions):
            said = [_said(each, place) for each in heard]
            ages = [age for age in said if isinstance(age, float)]
            if OPEN in said and not ages:
                self._unanswered(question)
            else:
                self._answered(Reply(question, min(ages, default=None), roster))

    async def _ask_one(self, member: Member, inquiry: Inquiry) -> Heard | None:
        heard: Heard | None
        try:
            heard = await self._peers.ask(member, inquiry)
        except PeerUnreachable as error:
            self._membership.met(member.name, str(error))
            heard = await self._mail.ask(member.name, inquiry)
        else:
            self._membership.met(member.name)
        return heard if heard is not None and len(heard.ages) == len(inquiry.questions) else None


OPEN = "open"


def _said(heard: Heard | None, place: int) -> float | str | None:
    """The age, None for never, or that it is open."""
    if heard is None or place in heard.behind:
        return OPEN
    age = heard.ages[place]
    return None if age is None else float(age)
