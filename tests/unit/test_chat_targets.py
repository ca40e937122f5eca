"""Five minutes on a chat while both sides are there, and what a visitor is told."""

from datetime import UTC, datetime, timedelta

import pytest

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.chat import THERE_FOR, answer_sentence, chat_targets, is_there
from inbox.sla.policy import Targets

NOW = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)  # Monday, 09:30 in Vietnam
NIGHT = NOW + timedelta(hours=12)
HOUR = 3600
POLICY = Targets(2 * HOUR, 4 * HOUR, 16 * HOUR)
DAYS = ("mon", "tue", "wed", "thu", "fri")
OFFICE = WorkingCalendar.from_spec(
    {
        "timezone": "Asia/Ho_Chi_Minh",
        "hours": {day: [["08:00", "12:00"], ["13:00", "17:00"]] for day in DAYS},
        "holidays": [],
    }
)


class TestTargets:
    def test_five_minutes_to_each_answer_while_both_are_there(self) -> None:
        """CONTRACT 7: first and next response; the resolution stays the policy's."""
        found = chat_targets(POLICY, is_open=True, on_duty=True, there=True)

        assert found == Targets(300, 300, 16 * HOUR)

    @pytest.mark.parametrize("missing", ["is_open", "on_duty", "there"])
    def test_else_the_policys_own(self, missing: str) -> None:
        both = {"is_open": True, "on_duty": True, "there": True, missing: False}

        assert chat_targets(POLICY, **both) == POLICY

    def test_a_stricter_policy_stays(self) -> None:
        strict = Targets(60, None, None)

        assert chat_targets(strict, is_open=True, on_duty=True, there=True) == Targets(
            60, 300, None
        )

    def test_a_visitor_is_there_for_a_while_after_the_last_sign(self) -> None:
        assert is_there(NOW - THERE_FOR, NOW)
        assert not is_there(NOW - THERE_FOR - timedelta(seconds=1), NOW)
        assert not is_there(None, NOW)


class TestSentence:
    @pytest.mark.parametrize(
        ("language", "at", "on_duty", "said"),
        [
            ("en", NOW, True, "Somebody answers within 5 minutes."),
            ("vi", NOW, True, "Sẽ có người trả lời anh/chị trong vòng 5 phút."),
            ("en", NOW, False, "You get an answer before 11:30 today."),
            ("vi", NOW, False, "Anh/chị sẽ nhận được câu trả lời trước 11:30 hôm nay."),
            (
                "en",
                NIGHT,
                True,
                "We are closed now and open again at 8:00 tomorrow. "
                "You get an answer before 10:00 tomorrow.",
            ),
        ],
    )
    def test_it_is_honest(self, language: str, at: datetime, on_duty: bool, said: str) -> None:
        due_at = OFFICE.due_at(at, 2 * HOUR)

        found = answer_sentence(OFFICE, at, on_duty=on_duty, due_at=due_at, language=language)

        assert found == said

    def test_without_a_due_time_it_promises_none(self) -> None:
        at_work = answer_sentence(OFFICE, NOW, on_duty=False, due_at=None, language="en")
        at_night = answer_sentence(OFFICE, NIGHT, on_duty=True, due_at=None, language="en")

        assert at_work is None
        assert at_night == "We are closed now and open again at 8:00 tomorrow."
