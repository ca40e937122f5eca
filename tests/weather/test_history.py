"""The checker of histories: silent over a good one, and over no falsified one."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.weather.history import (
    History,
    Posted,
    Raw,
    Step,
    Taken,
    Told,
    complaints,
    lateness,
    share,
)

A, B, P = "a@khach.example", "b@khach.example", "p@khach.example"


def _good() -> History:
    return History(
        told=[Told("mail", A, 1.0), Told("form", B, 2.0, "/s/b"), Told("poison", P, 3.0)],
        tried={A, B, P},
        raws=[Raw(1, "done", 1), Raw(2, "done", 1), Raw(3, "quarantined", 0)],
        taken=[Taken(1001, A), Taken(1002, B)],
        posted=[
            Posted("<1>", "acknowledgement", "sent", A),
            Posted("<2>", "acknowledgement", "unconfirmed", B),
            Posted("<3>", "notice", "sent", "lead@cong-ty.example"),
        ],
        received=[(A, "<1>"), ("lead@cong-ty.example", "<3>")],
        steps=[Step(7, "due", due=10.0, planned=2.0, fired=10.4)],
        step_events=[(7, "due")],
        worker_kills=1,
        worker_starts=[0.0, 9.0],
    )


def test_a_good_history_is_good() -> None:
    history = _good()
    assert complaints(history) == []
    assert lateness(history) == [pytest.approx(0.4)]


def _lose(history: History) -> None:
    history.taken.pop(0)


def _double(history: History) -> None:
    history.taken.append(Taken(1003, A))


def _double_of_what_was_never_accepted(history: History) -> None:
    history.told.pop(0)
    history.taken.append(Taken(1003, A))


def _two_answers(history: History) -> None:
    history.told.append(Told("form", B, 4.0, "/s/other"))


def _stick(history: History) -> None:
    history.raws[0] = Raw(1, "pending", 1)


def _two_messages(history: History) -> None:
    history.raws[0] = Raw(1, "done", 2)


def _take_poison_in(history: History) -> None:
    history.raws[2] = Raw(3, "done", 1)


def _acknowledge_twice(history: History) -> None:
    history.posted.append(Posted("<4>", "acknowledgement", "sent", A))
    history.received.append((A, "<4>"))


def _receive_twice(history: History) -> None:
    history.received.append((A, "<1>"))


def _owe(history: History) -> None:
    history.posted[0] = replace(history.posted[0], state="queued")


def _only_say_sent(history: History) -> None:
    history.received.pop(0)


def _never_acknowledge(history: History) -> None:
    history.posted.pop(0)
    history.received.pop(0)


def _too_many_unknown(history: History) -> None:
    history.worker_kills = 0


def _miss_a_step(history: History) -> None:
    history.steps[0] = replace(history.steps[0], fired=None)


def _fire_twice(history: History) -> None:
    history.step_events.append((7, "due"))


def _fire_a_silenced_step_twice(history: History) -> None:
    history.step_events += [(8, "due"), (8, "due")]


def _claim_only(history: History) -> None:
    history.step_events.clear()


@pytest.mark.parametrize(
    ("falsify", "sentence"),
    [
        (_lose, f"lost: {A}"),
        (_double, f"doubled: {A} has 2"),
        (_double_of_what_was_never_accepted, f"doubled: {A} has 2"),
        (_two_answers, "told different things"),
        (_stick, "stuck: raw message 1"),
        (_two_messages, "made 2 messages"),
        (_take_poison_in, "1 messages cannot be read, 0 are in quarantine"),
        (_acknowledge_twice, f"{A} received 2"),
        (_receive_twice, "arrived 2 times"),
        (_owe, "is queued"),
        (_only_say_sent, "never arrived"),
        (_never_acknowledge, f"no acknowledgement was written for {A}"),
        (_too_many_unknown, "1 mails of unknown fate, 0 kills"),
        (_miss_a_step, "never fired"),
        (_fire_twice, "fired 2 times"),
        (_fire_a_silenced_step_twice, "clock 8 fired 2 times"),
        (_claim_only, "fired 0 times"),
    ],
)
def test_a_falsified_history_is_found_out(
    falsify: Callable[[History], None], sentence: str
) -> None:
    history = _good()
    falsify(history)
    assert any(sentence in one for one in complaints(history)), complaints(history)


def test_lateness_counts_from_when_a_step_could_fire() -> None:
    history = _good()
    history.steps = [
        Step(1, "due", due=5.0, planned=2.0, fired=10.0),  # the worker came back at 9
        Step(2, "due", due=5.0, planned=9.5, fired=10.0),  # taken in at 9.5
        Step(3, "due", due=1.0, planned=0.5, fired=4.0),  # nobody was dead
        Step(4, "due", due=1.0, planned=0.5, fired=None),
    ]
    assert lateness(history) == [0.5, 1.0, 3.0]
    assert share(lateness(history), 0.99) == 3.0
    assert share([], 0.99) == 0.0
