"""Clocks as a function of what happened: the same history always gives the same clocks.

A history is a sequence of facts in the order in which they were recorded. What a clock says
never depends on when somebody looked: due times and breaches are computed instants.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import singledispatchmethod

from inbox.sla.before import Before, remember
from inbox.sla.facts import (
    ANSWERS,
    REPLIES,
    TARGETED,
    Answered,
    Asked,
    Begun,
    Carried,
    Clock,
    Excused,
    Fact,
    GaveWord,
    Kind,
    Merged,
    Nudged,
    Parted,
    Paused,
    Promised,
    Reopened,
    Rescheduled,
    Resolved,
    Restored,
    Resumed,
    Rule,
    Ruled,
    Split,
    TakenBack,
    Undone,
    Voided,
    Wait,
    merged,
)

__all__ = [
    "ANSWERS",
    "REPLIES",
    "TARGETED",
    "Answered",
    "Asked",
    "Begun",
    "Carried",
    "Clock",
    "Excused",
    "Fact",
    "GaveWord",
    "Kind",
    "Merged",
    "Nudged",
    "Parted",
    "Paused",
    "Promised",
    "Reopened",
    "Rescheduled",
    "Resolved",
    "Restored",
    "Resumed",
    "Rule",
    "Ruled",
    "Split",
    "TakenBack",
    "Undone",
    "Voided",
    "Wait",
    "merged",
    "replay",
]


def replay(facts: Iterable[Fact]) -> list[Clock]:
    """Return a conversation's clocks, in the order in which they were started.

    Raises
    ------
    ValueError
        If somebody asked before any rule was there.
    """
    clocks = _Clocks()
    take = clocks.take  # finding it anew for each fact costs as much as the fact
    for fact in facts:
        take(fact)
    return clocks.all


class _Clocks:
    """The clocks as far as the history has been read."""

    def __init__(self) -> None:
        self.all: list[Clock] = []
        self._rule: Rule | None = None
        self._promise: datetime | None = None
        self._waiting: Paused | None = None
        self._voided: list[Clock] = []
        # By the other conversation's number: each clock that changed, and as it was before.
        self._joined: dict[int, list[tuple[Clock, Clock | None]]] = {}
        # By the answer that gave it: the clock of our word, as it was before, and its time.
        self._words: dict[datetime, tuple[Clock, Clock | None, datetime]] = {}
        self._is_ours = False  # one of us wrote first
        self._before: Before | None = None  # what the last doing of somebody changed

    @singledispatchmethod
    def take(self, fact: Fact) -> None:
        """Let one fact change the clocks; each kind of fact has its own way below."""
        raise TypeError(f"There is no fact such as {fact!r}.")

    @take.register
    def _ruled(self, fact: Ruled) -> None:
        self._rule = fact.rule
        for clock in self._live(fact.kinds):
            if clock.kind is Kind.WORD:
                clock.rule = fact.rule  # its ladder; the time that was said stays
            elif fact.rule.target_s(clock.kind) is None:
                clock.excused_at, clock.excuse = fact.at, "policy"
            elif fact.since is None or clock.started_at >= fact.since:
                clock.rule, clock.counted_from = fact.rule, None
                self._reckon(clock, fact.at)
            else:
                self._ruled_since(clock, fact.rule, fact.since, fact.at)

    def _ruled_since(self, clock: Clock, rule: Rule, since: datetime, at: datetime) -> None:
        """Let a rule hold from a message on: nobody is late by what came later."""
        before = clock.due_at
        whole = replace(clock, rule=rule, counted_from=None)
        stricter = replace(clock, rule=rule, counted_from=since)
        due_at, due_since = self._due(whole), self._due(stricter)
        if before is None or due_at is None or due_at >= before:
            clock.rule, clock.counted_from = rule, None
        elif due_since is not None and due_since < before:
            clock.rule, clock.counted_from = rule, since
        else:
            return
        self._reckon(clock, at)

    @take.register
    def _rescheduled(self, fact: Rescheduled) -> None:
        for clock in self._live(fact.kinds):
            clock.rule = replace(clock.rule, calendar=fact.calendar)
            self._reckon(clock, fact.at)

    @take.register
    def _carried(self, fact: Carried) -> None:
        self.all = [replace(clock, pauses=list(clock.pauses)) for clock in fact.clocks]
        self._rule, self._promise, self._waiting = fact.rule, fact.promise, None

    @take.register
    def _promised(self, fact: Promised) -> None:
        self._promise = min(self._promise or fact.until, fact.until)
        for clock in self._live({Kind.FIRST_RESPONSE}):
            self._reckon(clock, fact.at)

    @take.register
    def _begun(self, _fact: Begun) -> None:
        self._is_ours = True

    @take.register
    def _asked(self, fact: Asked) -> None:
        """Owe an answer from the first unanswered message on."""
        if self._waiting is not None and self._waiting.wait is not Wait.THIRD_PARTY:
            self._resume(fact.at)
        if not self._is_ours and all(clock.kind is Kind.WORD for clock in self.all):
            self._start(Kind.FIRST_RESPONSE, fact.at)
            self._start(Kind.RESOLUTION, fact.at)
            return
        if not self._live({Kind.RESOLUTION}):
            self._open_again(fact.at)
        if not self._live(REPLIES):
            self._start(Kind.NEXT_RESPONSE, fact.at)

    @take.register
    def _answered(self, fact: Answered) -> None:
        for clock in self._live(ANSWERS):
            clock.met_at = fact.at

    @take.register
    def _gave_word(self, fact: GaveWord) -> None:
        """Owe what was said; another time in place of one that is owed does not keep that."""
        words = [clock for clock in self.all if clock.kind is Kind.WORD]
        last = words[-1] if words else None
        if last is not None and last.excused_at is None and last.met_at in (None, fact.at):
            self._words[fact.at] = last, replace(last), fact.until
            last.met_at, last.until, last.not_after = None, fact.until, None
            self._reckon(last, fact.at)
        elif self._rule is not None:
            clock = Clock(Kind.WORD, self._rule, fact.at, fact.until, until=fact.until)
            self.all.append(clock)
            self._words[fact.at] = clock, None, fact.until

    def _take_word_back(self, answered_at: datetime) -> None:
        """Nobody was told the time that an answer named; what was said before it holds."""
        clock, before, until = self._words.pop(answered_at, (None, None, None))
        if clock is None or clock.excused_at is not None or clock.until != until:
            return  # or another time was said since
        if before is None:
            clock.met_at, clock.excused_at, clock.excuse = None, answered_at, "never_said"
            return
        clock.until, clock.not_after = before.until, before.not_after
        clock.due_at, clock.breached_at = before.due_at, before.breached_at
        clock.generation += 1

    @take.register
    def _taken_back(self, fact: TakenBack) -> None:
        """Let what an answer had met run again, unless a newer clock of its kind does.

        Whoever is owed an answer is not done with.
        """
        self._take_word_back(fact.answered_at)
        for clock in self.all:
            met_by_it = clock.kind in ANSWERS and clock.met_at == fact.answered_at
            if met_by_it and not self._live({clock.kind}):
                clock.met_at = None
                clock.generation += 1
                if not self._live({Kind.RESOLUTION}):
                    self._open_again(fact.at)

    @take.register
    def _undone(self, fact: Undone) -> None:
        before, self._before = self._before, None
        if before is not None and before.at == fact.of:
            self._waiting, self._voided = before.bring_back(), []

    @take.register
    def _excused(self, fact: Excused) -> None:
        self._before = remember(self._before, fact.at, self.all, self._waiting)
        for clock in self._live(ANSWERS):
            clock.excused_at, clock.excuse = fact.at, fact.reason

    @take.register
    def _paused(self, fact: Paused) -> None:
        self._before = remember(self._before, fact.at, self.all, self._waiting)
        self._resume(fact.at)
        self._waiting = fact
        for clock in self._live(fact.kinds - {Kind.WORD}):  # it was said, whoever waits
            clock.paused_at = fact.at
            self._reckon(clock, fact.at)

    @take.register
    def _nudged(self, _fact: Nudged) -> None:
        """Keep no number that the moves of what was undone may have had."""
        for clock in self._live():
            clock.generation += 2

    @take.register
    def _resumed(self, fact: Resumed) -> None:
        self._resume(fact.at)

    @take.register
    def _resolved(self, fact: Resolved) -> None:
        self._before = remember(self._before, fact.at, self.all, self._waiting)
        self._resume(fact.at)
        self._excused(Excused(fact.at, fact.reason))
        for clock in self._live({Kind.RESOLUTION}):
            if fact.is_solved:
                clock.met_at = fact.at
            else:
                clock.excused_at, clock.excuse = fact.at, fact.reason

    @take.register
    def _reopened(self, fact: Reopened) -> None:
        self._open_again(fact.at)
        self._start(Kind.NEXT_RESPONSE, fact.at)

    @take.register
    def _void(self, fact: Voided) -> None:
        self._before = remember(self._before, fact.at, self.all, self._waiting)
        self._resume(fact.at)
        self._voided = self._live()
        for clock in self._voided:
            clock.excused_at, clock.excuse = fact.at, fact.reason

    @take.register
    def _restored(self, fact: Restored) -> None:
        for clock in self._voided:
            if not self._live({clock.kind}):
                clock.excused_at, clock.excuse = None, ""
                clock.generation += 1
        self._voided = []

    @take.register
    def _merged(self, fact: Merged) -> None:
        """Keep the oldest of a kind; due is what was due first of both."""
        joined = self._joined.setdefault(fact.number, [])
        for other in fact.clocks:
            mine = next(iter(self._live({other.kind})), None)
            if mine is None:
                theirs = replace(other, pauses=list(other.pauses), generation=1)
                self.all.append(theirs)
                joined.append((theirs, None))
                continue
            joined.append((mine, replace(mine, pauses=list(mine.pauses))))
            dues = [one for one in (mine.due_at, other.due_at) if one is not None]
            oldest = merged([mine], [other])[0]
            mine.rule, mine.started_at = oldest.rule, oldest.started_at
            mine.pauses, mine.counted_from = list(oldest.pauses), oldest.counted_from
            mine.paused_at, mine.until = oldest.paused_at, oldest.until
            if dues and mine.paused_at is not None:  # it runs if either did
                if mine.paused_at < fact.at:
                    mine.pauses.append((mine.paused_at, fact.at))
                mine.paused_at = None
            mine.not_after = min(dues, default=None)
            mine.breached_at = mine.breached_at or other.breached_at
            self._reckon(mine, fact.at)

    @take.register
    def _parted(self, fact: Parted) -> None:
        for clock, before in self._joined.pop(fact.number, []):
            if not clock.is_live:
                continue
            if before is None:
                clock.excused_at, clock.excuse = fact.at, "unmerged"
                continue
            clock.started_at, clock.rule = before.started_at, before.rule
            clock.pauses, clock.counted_from = list(before.pauses), before.counted_from
            clock.not_after, clock.until = before.not_after, before.until
            clock.paused_at = before.paused_at if self._waiting is not None else None
            self._reckon(clock, fact.at)

    @take.register
    def _split(self, fact: Split) -> None:
        """Owe what those answers had met; what the messages asked is owed elsewhere."""
        for answered_at in sorted(fact.answered):
            self._taken_back(TakenBack(fact.at, answered_at))
        for clock in self._live(REPLIES):
            if clock.started_at >= fact.since:
                clock.excused_at, clock.excuse = fact.at, "split"

    def _live(self, kinds: Iterable[Kind] = frozenset(Kind)) -> list[Clock]:
        return [clock for clock in self.all if clock.is_live and clock.kind in kinds]

    def _start(self, kind: Kind, at: datetime) -> None:
        if self._rule is None:
            raise ValueError("A history begins with the rule that holds for it.")
        if self._rule.target_s(kind) is None or self._live({kind}):
            return
        clock = Clock(kind, self._rule, at)
        self.all.append(clock)
        if self._waiting is not None and kind in self._waiting.kinds:
            clock.paused_at = at
        clock.due_at = self._due(clock)

    def _open_again(self, at: datetime) -> None:
        """Go on with the resolution clock, or start another, as the rule has it."""
        if self._rule is not None and self._rule.targets.resolution_s is None:
            return
        done = [clock for clock in self.all if clock.kind is Kind.RESOLUTION]
        if done and not done[-1].is_live and self._rule is not None and self._rule.resumes:
            clock, closed_at = done[-1], done[-1].met_at or done[-1].excused_at
            if closed_at is not None and closed_at < at:
                clock.pauses.append((closed_at, at))
            clock.met_at = clock.excused_at = None
            clock.excuse = ""
            self._reckon(clock, closed_at or at)
        else:
            self._start(Kind.RESOLUTION, at)

    def _reckon(self, clock: Clock, at: datetime) -> None:
        """Compute the due time again; one that had passed unmet stays a breach."""
        before, clock.due_at = clock.due_at, self._due(clock)
        if clock.due_at == before:
            return
        if before is not None and before < at and clock.breached_at is None:
            clock.breached_at = before
        clock.generation += 1

    def _due(self, clock: Clock) -> datetime | None:
        target_s = clock.rule.target_s(clock.kind)
        if clock.until is not None:
            return min(clock.until, clock.not_after or clock.until)
        if target_s is None:
            return None
        start = clock.counted_from or clock.started_at
        due_at = clock.rule.calendar.due_at(start, target_s, clock.pauses)
        if clock.not_after is not None:
            due_at = clock.not_after if due_at is None else min(due_at, clock.not_after)
        if clock.kind is Kind.FIRST_RESPONSE and self._promise is not None:
            due_at = self._promise if due_at is None else min(due_at, self._promise)
        stands_still = clock.paused_at is not None and (
            due_at is None or due_at > clock.paused_at
        )
        return None if stands_still else due_at

    def _resume(self, at: datetime) -> None:
        self._waiting = None
        for clock in self._live():
            if clock.paused_at is not None:
                if clock.paused_at < at:
                    clock.pauses.append((clock.paused_at, at))
                clock.paused_at = None
                self._reckon(clock, at)
