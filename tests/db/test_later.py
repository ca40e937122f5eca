"""Thanks, spam, later messages, products and asking again, where a message is taken in."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox import closing, conversations, corrections
from inbox.channels.base import InboundMessage
from inbox.company import products
from inbox.company.products import Draft
from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.intake import Incoming, take_in
from inbox.later import rereading, spam, thanks
from inbox.later.products import load_catalogue
from inbox.rulebook import load_rulebook
from inbox.ruling import set_product_group
from inbox.staging import Arrival, stage
from inbox.store import raw as raws
from inbox.store.learning import guessed_products, list_later_labels
from inbox.triage.prediction import Guess, Prediction, Term
from inbox.triage.sight import look
from models import (
    AuditEntry,
    ChannelKind,
    ClockKind,
    Conversation,
    Correction,
    MessageLabel,
    SLAPolicy,
    SLAState,
    Status,
    TriagePrediction,
    Urgency,
)
from tests.factories import (
    CUSTOMER,
    NOW,
    Firm,
    clocks_of,
    context,
    conversation,
    events_of,
    everything,
    kinds_of,
    make_message,
    outbox_of,
    prediction,
)

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PITCH = (
    "Dear business owner, we offer SEO services and guest posts with high domain authority. "
    "Rank on the first page of Google! http://seo.example"
)


def write(
    session: Session,
    firm: Firm,
    text: str,
    said: Prediction | None = None,
    *,
    to: int | None = None,
    channel: ChannelKind = ChannelKind.EMAIL,
    at: datetime = NOW,
    guess: Guess | None = None,
    **values: Any,
) -> int:
    """Take a message in as the worker does: looked at, and perhaps as an answer to ``to``."""
    about = context(session, firm, catalogue=load_catalogue(session))
    message: InboundMessage = make_message(text, **values)
    meta = {"conversation": to} if to is not None else {}
    door = firm.form if channel is ChannelKind.FORM else firm.mail
    key = f"later-{len(everything(session, Conversation))}-{text}-{at}"
    staged = stage(session, Arrival(door, channel, key, b"raw", meta), at)
    claimed = [one for one in raws.claim(session, at, 100) if one.id == staged.id]
    sight = look(
        message.subject,
        message.visible_reply,
        is_reply=to is not None,
        is_bulk=False,
        has_files=bool(message.attachments),
        catalogue=about.catalogue,
    )
    incoming = Incoming(claimed[0], message, said or prediction(), None, sight, guess)
    return take_in(session, incoming, about, at)


def reply(session: Session, firm: Firm, number: int, at: datetime, text: str = "Dạ.") -> None:
    row = conversation(session, number)
    conversations.reply(session, row, text, firm.house, by=firm.an, now=at)


def done(session: Session, firm: Firm, at: datetime) -> int:
    """Return a conversation that was answered and is done."""
    number = write(session, firm, "Cho mình hỏi về máy lọc nước.")
    reply(session, firm, number, at, "Dạ máy còn hàng ạ.")
    closing.resolve(session, conversation(session, number), by=firm.an, now=at)
    return number


# ---- thanks -----------------------------------------------------------------------------


@pytest.mark.parametrize("channel", [ChannelKind.EMAIL, ChannelKind.FORM])
async def test_thanks_reopen_nothing_until_one_key_says_so(
    database: Database, firm: Firm, channel: ChannelKind
) -> None:
    """F119: nothing is opened, no clock starts; undone, it runs from the arrival."""
    arrived = NOW + HOUR

    def work(session: Session) -> None:
        number = done(session, firm, NOW + 10 * MINUTE)
        before = [(one.kind, one.met_at) for one in clocks_of(session, number)]
        text = "Cảm ơn shop nhiều nhé!"
        write(session, firm, text, to=number, channel=channel, at=arrived)
        row = conversation(session, number)
        assert (row.status, row.thanked_at, row.reopened) == (Status.RESOLVED, arrived, 0)
        assert before == [(one.kind, one.met_at) for one in clocks_of(session, number)]
        assert kinds_of(session, number)[-1] == "thanked"

        thanks.undo(session, row, by=firm.an, now=arrived + HOUR)

        row = conversation(session, number)
        assert (row.status, row.thanked_at, row.reopened) == (Status.OPEN, None, 1)
        live = next(one for one in clocks_of(session, number) if one.met_at is None)
        following = clocks_of(session, number)[-1]
        assert (following.kind, following.started_at) == (ClockKind.NEXT_RESPONSE, arrived)
        assert row.next_due_at == following.due_at <= live.due_at
        with pytest.raises(Conflict):
            thanks.undo(session, row, by=firm.binh, now=arrived + HOUR)

    await database.write(work)


async def test_what_wants_something_is_never_thanks(database: Database, firm: Firm) -> None:
    """F119: a question, a request, an answer to ours, a file."""

    def work(session: Session) -> list[Status]:
        found = []
        texts = ("Cảm ơn, bao giờ giao?", "Thanks, please cancel it.", "Ok, gửi bảng giá nhé")
        for n, text in enumerate(texts):
            number = done(session, firm, NOW + MINUTE)
            write(session, firm, text, to=number, at=NOW + HOUR + n * MINUTE)
            found.append(conversation(session, number).status)
        number = write(session, firm, "Cho mình hỏi.", at=NOW + 2 * HOUR)
        reply(session, firm, number, NOW + 2 * HOUR, "Anh lấy màu trắng nhé?")
        write(session, firm, "Ok em, cảm ơn", to=number, at=NOW + 3 * HOUR)
        row = conversation(session, number)
        assert row.thanked_at is None
        assert row.next_due_at is not None
        return found

    assert await database.write(work) == [Status.OPEN] * 3


async def test_thanks_take_no_debt_away(database: Database, firm: Firm) -> None:
    """F119: who is owed an answer is still owed one, and did not ask again."""

    def work(session: Session) -> None:
        number = write(session, firm, "Cho mình hỏi về máy lọc nước.")
        due = conversation(session, number).next_due_at
        write(session, firm, "Em cảm ơn ạ", to=number, at=NOW + MINUTE)
        row = conversation(session, number)
        assert (row.next_due_at, row.asked_again, row.thanked_at) == (due, 0, None)

    await database.write(work)


# ---- spam -------------------------------------------------------------------------------


async def test_likely_spam_waits_apart_and_comes_back_whole(
    database: Database, firm: Firm
) -> None:
    """F119: no acknowledgement, no clock; restored it has both, from its arrival."""

    def work(session: Session) -> None:
        number = write(session, firm, PITCH, from_address="seo@x.example", subject="SEO")
        row = conversation(session, number)
        assert (row.status, row.owner_id, row.promised_at) == (Status.SPAM, None, None)
        assert clocks_of(session, number) == []
        assert outbox_of(session, number) == []
        assert kinds_of(session, number) == [
            *("received", "sorted", "marked_spam", "acknowledgement_withheld")
        ]
        with pytest.raises(Conflict):
            reply(session, firm, number, NOW)
        with pytest.raises(Conflict):
            closing.resolve(session, row, by=firm.an, now=NOW)

        later, book = NOW + 10 * MINUTE, load_rulebook(session)
        spam.restore(session, row, book, firm.house, by=firm.an, now=later)

        row = conversation(session, number)
        assert (row.status, row.owner_id) == (Status.OPEN, firm.an.id)
        assert row.next_due_at == row.promised_at == NOW + HOUR
        assert [one.started_at for one in clocks_of(session, number)] == [NOW, NOW]
        assert [one.kind for one in outbox_of(session, number)] == ["acknowledgement"]
        reply(session, firm, number, later + MINUTE)
        assert clocks_of(session, number)[0].met_at == later + MINUTE
        with pytest.raises(Conflict):
            spam.restore(session, row, book, firm.house, by=firm.an, now=later)

    await database.write(work)


async def test_who_is_known_or_asks_again_is_never_set_apart(
    database: Database, firm: Firm
) -> None:
    """F119: precision first; and switched off nothing is."""

    def work(session: Session) -> None:
        first = write(session, firm, "Cho mình hỏi về máy lọc nước.")
        reply(session, firm, first, NOW + MINUTE)
        known = write(session, firm, PITCH, at=NOW + HOUR)
        assert conversation(session, known).status is Status.OPEN
        habit = spam.Habit(is_on=False)
        spam.change_habit(session, habit, by=firm.dung.id, now=NOW)
        assert spam.load_habit(session) == habit
        sight = look(
            "",
            PITCH,
            is_reply=False,
            is_bulk=False,
            has_files=False,
            catalogue=load_catalogue(session),
        )
        assert not spam.is_likely(session, sight, habit, None)
        assert spam.is_likely(session, sight, spam.Habit(), None)
        session.flush()
        (entry,) = [one for one in everything(session, AuditEntry) if "spam" in one.after]
        assert entry.actor_id == firm.dung.id
        with pytest.raises(Invalid):
            spam.change_habit(session, spam.Habit(True, 0.5), by=firm.dung.id, now=NOW)

    await database.write(work)


async def test_a_person_marks_spam_and_takes_it_back(database: Database, firm: Firm) -> None:
    """F119: the clocks end for no reason of theirs, and run on as if nothing had been."""

    def work(session: Session) -> None:
        number = write(session, firm, "Cho mình hỏi về máy lọc nước.")
        due = conversation(session, number).next_due_at
        spam.mark(session, conversation(session, number), by=firm.an, now=NOW + MINUTE)
        row = conversation(session, number)
        assert (row.status, row.next_due_at) == (Status.SPAM, None)
        assert {one.excuse for one in clocks_of(session, number)} == {"spam"}
        write(session, firm, "Alo shop ơi?", to=number, at=NOW + 2 * MINUTE)
        assert conversation(session, number).status is Status.SPAM

        row, book = conversation(session, number), load_rulebook(session)
        spam.restore(session, row, book, firm.house, by=firm.an, now=NOW + 5 * MINUTE)

        row = conversation(session, number)
        assert (row.status, row.next_due_at) == (Status.OPEN, due)
        assert [one.started_at for one in clocks_of(session, number)] == [NOW, NOW]
        assert {one.cancelled_at for one in clocks_of(session, number)} == {None}

    await database.write(work)


async def test_the_next_message_brings_back_what_was_set_apart_by_itself(
    database: Database, firm: Firm
) -> None:
    """F119: what only the machine doubted, a person's next words clear up."""

    def work(session: Session) -> Conversation:
        number = write(session, firm, PITCH, from_address="seo@x.example", subject="SEO")
        text = "Đơn hàng của tôi chưa giao."
        write(session, firm, text, to=number, at=NOW + MINUTE, from_address="seo@x.example")
        return conversation(session, number)

    row = await database.write(work)
    assert (row.status, row.next_due_at) == (Status.OPEN, NOW + HOUR)


# ---- later messages ------------------------------------------------------------------------


async def test_a_later_message_raises_the_urgency_and_never_lowers_it(
    database: Database, firm: Firm
) -> None:
    """F138."""

    def work(session: Session) -> None:
        number = write(session, firm, "Máy hỏng.", prediction("technical_support"))
        due = conversation(session, number).next_due_at
        low = prediction("technical_support", urgency="low")
        write(session, firm, "Không vội ạ.", low, to=number, at=NOW + MINUTE)
        row = conversation(session, number)
        assert (row.urgency, row.next_due_at) == (Urgency.NORMAL, due)
        reply(session, firm, number, NOW + MINUTE)
        unsure = prediction("technical_support", urgency="high", urgency_confidence=0.5)
        write(session, firm, "Sao rồi shop?", unsure, to=number, at=NOW + MINUTE)
        assert conversation(session, number).urgency is Urgency.NORMAL

        urgent = prediction("technical_support", urgency="urgent", urgency_reason="safety")
        reply(session, firm, number, NOW + 2 * MINUTE)
        write(session, firm, "Máy bốc khói!", urgent, to=number, at=NOW + 3 * MINUTE)

        row = conversation(session, number)
        assert row.urgency is Urgency.URGENT
        assert row.next_due_at == NOW + 33 * MINUTE
        said = [one for one in events_of(session, number) if one.kind == "corrected"]
        assert [(one.data["by"], one.data["reason"]) for one in said] == [("message", "safety")]
        assert everything(session, Correction) == []

    await database.write(work)


async def test_another_type_is_proposed_and_its_stricter_time_holds(
    database: Database, firm: Firm
) -> None:
    """F138: one key takes it, or leaves it; nothing is learnt of the first message."""

    def work(session: Session) -> None:
        book = load_rulebook(session)
        for takes in (True, False):
            number = write(session, firm, "Tôi muốn khiếu nại.", prediction("complaint"))
            reply(session, firm, number, NOW + MINUTE)
            at = NOW + 2 * MINUTE
            later = prediction("technical_support")
            write(session, firm, "Máy lỗi E4.", later, to=number, at=at)
            row = conversation(session, number)
            assert (row.request_type, row.proposed_type) == ("complaint", "technical_support")
            # A complaint's next answer has 4 working hours, technical support's 4 too: its
            # first has 2, and solving it 16 instead of 24.
            solving = clocks_of(session, number)[1]
            assert solving.kind is ClockKind.RESOLUTION
            decide = rereading.accept if takes else rereading.dismiss
            given: dict[str, Any] = {"house": firm.house} if takes else {}
            decide(session, row, book, **given, by=firm.an, now=at)
            row = conversation(session, number)
            wanted = "technical_support" if takes else "complaint"
            assert (row.request_type, row.proposed_type) == (wanted, None)
            with pytest.raises(Conflict):
                rereading.dismiss(session, row, book, by=firm.an, now=at)
        assert everything(session, Correction) == []

    await database.write(work)


async def test_the_proposed_types_clock_is_stricter_also_while_one_runs(
    database: Database, firm: Firm
) -> None:
    """F138: advice has one hour, a complaint four."""

    def work(session: Session) -> None:
        number = write(session, firm, "Tôi muốn khiếu nại.", prediction("complaint"))
        assert conversation(session, number).next_due_at == NOW + 5 * HOUR  # over lunch
        write(session, firm, "Máy nào tốt?", prediction(), to=number, at=NOW + MINUTE)
        assert conversation(session, number).next_due_at == NOW + MINUTE + HOUR
        row, book = conversation(session, number), load_rulebook(session)
        rereading.dismiss(session, row, book, by=firm.an, now=NOW + 2 * MINUTE)
        assert conversation(session, number).next_due_at == NOW + 5 * HOUR

    await database.write(work)


async def test_a_later_message_makes_nobody_late_who_was_not(
    database: Database, firm: Firm
) -> None:
    """F138: what is stricter holds from that message; accepted, it is counted and learnt."""

    def work(session: Session) -> None:
        text = "Tôi muốn khiếu nại."
        number = write(session, firm, text, prediction("complaint"))
        asked = NOW + 90 * MINUTE
        write(session, firm, "Máy nào tốt?", prediction(), to=number, at=asked)
        row = conversation(session, number)
        assert row.next_due_at is not None
        assert row.next_due_at > asked + HOUR - MINUTE  # an hour of work, from the message
        assert row.sla_state is not SLAState.BREACHED
        due = row.next_due_at

        book = load_rulebook(session)
        rereading.accept(session, row, book, firm.house, by=firm.dung, now=asked + MINUTE)

        assert conversation(session, number).next_due_at == due
        (label,) = session.execute(select(MessageLabel)).scalars()
        assert (label.request_type, label.agent_id) == ("product_advice", firm.dung.id)
        words = [one.text for one in list_later_labels(session, {}, after=0, limit=9)[0]]
        assert words == ["Máy nào tốt?"]

        write(session, firm, "Cháy nhà mất!", prediction(urgency="urgent"), to=number, at=due)
        row = conversation(session, number)
        assert row.urgency is Urgency.URGENT

    await database.write(work)


async def test_what_a_person_corrects_settles_the_proposal(
    database: Database, firm: Firm
) -> None:
    """F138."""

    def work(session: Session) -> str | None:
        number = write(session, firm, "Tôi muốn khiếu nại.", prediction("complaint"))
        write(session, firm, "Máy nào tốt?", prediction(), to=number, at=NOW + MINUTE)
        book = load_rulebook(session)
        row = conversation(session, number)
        kind = "billing_payment"
        corrections.correct(
            session, row, book, firm.house, request_type=kind, by=firm.an, now=NOW + MINUTE
        )
        return conversation(session, number).proposed_type

    assert await database.write(work) is None


# ---- products ------------------------------------------------------------------------------


async def test_a_named_product_sets_group_and_policy(database: Database, firm: Firm) -> None:
    """F123: by the longest name, with the word that says so and the other group named."""

    def work(session: Session) -> None:
        by, name = firm.dung.id, "Máy lọc nước"
        products.add(session, Draft(name, "RO-200, máy lọc"), by=by, now=NOW)
        products.add(session, Draft("Máy hút bụi", "HB9"), by=by, now=NOW)
        session.add(SLAPolicy(name="Máy lọc", product_group=name, first_response_s=600))
        session.flush()
        number = write(session, firm, "Cái hb9 và máy RO 200 nhà mình", subject="Hỏi")
        row = conversation(session, number)
        assert (row.product_group, row.next_due_at) == (name, NOW + 10 * MINUTE)
        (classed,) = [one for one in events_of(session, number) if one.kind == "classed"]
        assert (classed.data["term"], classed.data["others"]) == ("RO-200", ["Máy hút bụi"])
        plain = write(session, firm, "Máy lạnh nhà mình", subject="Hỏi", at=NOW + MINUTE)
        assert conversation(session, plain).product_group is None

    await database.write(work)


async def test_product_groups_are_kept_with_an_audit_trail(
    database: Database, firm: Firm
) -> None:
    """F123."""

    def work(session: Session) -> list[str]:
        by = firm.dung.id
        number = products.add(session, Draft(" Nồi  cơm ", "NC1\nnoi com; "), by=by, now=NOW)
        assert load_catalogue(session).find("", "nồi cơm")[0].term == "Nồi cơm"
        for name, terms in (("", ""), ("Khác", "nc1"), ("NỒI CƠM", ""), ("Khác", "x")):
            with pytest.raises(Invalid):
                products.add(session, Draft(name, terms), by=by, now=NOW)
        products.change(session, number, Draft("Nồi", "NC2"), by=by, now=NOW)
        products.remove(session, number, by=by, now=NOW)
        session.flush()
        return [str(one.action) for one in everything(session, AuditEntry)]

    assert (await database.write(work))[-3:] == ["created", "changed", "removed"]


# ---- asked again ------------------------------------------------------------------------


async def test_asking_again_elsewhere_is_counted_hinted_at_and_more_urgent(
    database: Database, firm: Firm
) -> None:
    """F120: by mail, then by form twice; the third time raises what has waited longest."""

    def work(session: Session) -> None:
        first = write(session, firm, "Cho mình hỏi về máy lọc nước.")
        form = ChannelKind.FORM
        second = write(session, firm, "Shop ơi?", channel=form, at=NOW + MINUTE)
        row = conversation(session, first)
        assert (row.asked_again, row.urgency) == (1, Urgency.NORMAL)
        (hint,) = [one for one in events_of(session, second) if one.kind == "hinted"]
        assert hint.data == {"number": first, "asks_again": True}
        write(session, firm, "Alo shop?", channel=form, at=NOW + 2 * MINUTE)
        row = conversation(session, first)
        assert (row.asked_again, row.urgency) == (2, Urgency.HIGH)
        assert row.next_due_at == NOW + 30 * MINUTE
        other = write(session, firm, "Xin chào", from_address="khac@x.example", at=NOW + HOUR)
        assert "hinted" not in kinds_of(session, other)
        assert CUSTOMER != "khac@x.example"

    await database.write(work)


async def test_the_third_message_in_one_conversation_raises_it_once(
    database: Database, firm: Firm
) -> None:
    """F120."""

    def work(session: Session) -> list[str]:
        number = write(session, firm, "Cho mình hỏi về máy lọc nước.")
        found = []
        for n in range(1, 5):
            write(session, firm, f"Alo shop? {n}", to=number, at=NOW + n * MINUTE)
            found.append(conversation(session, number).urgency.value)
        return found

    assert await database.write(work) == ["normal", "high", "high", "high"]


async def test_the_same_pitch_from_several_strangers_is_spam(
    database: Database, firm: Firm
) -> None:
    """F119: what alone is read by a person waits apart once others sent it too."""
    pitch = "We offer cleaning services for offices."

    def work(session: Session) -> None:
        found = []
        for n in range(4):
            who = f"seller{n}@x{n}.example"
            number = write(session, firm, pitch, from_address=who, at=NOW + n * MINUTE)
            found.append(conversation(session, number).status)
        assert (found[0], found[-1]) == (Status.OPEN, Status.SPAM)
        after = write(session, firm, pitch, from_address="s@y.example", at=NOW + 49 * HOUR)
        assert conversation(session, after).status is Status.OPEN  # a day without any

    await database.write(work)


async def test_a_guessed_product_is_a_guess_until_a_person_says_so(
    database: Database, firm: Firm
) -> None:
    """F123: it sets the group; nobody learns from it before a person's word."""

    def work(session: Session) -> None:
        terms = Term("lõi lọc", 1.2), Term("nước", 0.4)
        guess = Guess("Máy lọc nước", 0.82, terms)
        number = write(session, firm, "Lõi lọc bị bẩn, nước có mùi.", guess=guess)
        row = conversation(session, number)
        assert row.product_group == "Máy lọc nước"
        said = next(one for one in events_of(session, number) if one.kind == "classed")
        assert said.data["likely"] == 0.82
        (kept,) = everything(session, TriagePrediction)
        assert kept.product_why == ["lõi lọc", "nước"]
        assert "lõi lọc" not in str(said.data)  # an event is for ever, a word is not
        assert guessed_products(session, [number]) == {number}

        set_product_group(session, row, "Máy lọc nước", by=firm.an.id, now=NOW + MINUTE)

        assert guessed_products(session, [number]) == set()
        assert conversation(session, number).product_group == "Máy lọc nước"

    await database.write(work)
