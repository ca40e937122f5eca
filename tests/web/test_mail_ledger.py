"""The mail ledger's pages: what came, taking in what was ignored, rules."""

from typing import Any

from inbox.channels.mime import dedupe_key
from inbox.fetching import looks
from inbox.later import ignoring
from inbox.staging import Arrival, stage
from inbox.store import ledger
from inbox.store.company import list_doors
from inbox.store.ledger import Place, Sighting
from models import (
    AuditEntry,
    ChannelKind,
    LedgerEntry,
    LedgerState,
    LedgerVia,
    Mailbox,
    MailboxTls,
    MailRule,
    RawMessage,
    RawState,
)
from tests.web.scene import NOW, Browser, Scene

MAIL = (
    "From: Lan <lan@khach.example>\r\nTo: help@congty.example\r\nSubject: {subject}\r\n"
    "Message-ID: <{subject}@khach.example>\r\n\r\nXin chào.\r\n"
)


async def arrive(scene: Scene, subject: str, state: LedgerState, raw_state: RawState) -> int:
    """Let a mail be in the ledger; return its line's number."""
    body = MAIL.format(subject=subject).encode()

    def work(session: Any) -> int:
        door = list_doors(session, ChannelKind.EMAIL)[0]
        key = dedupe_key(door.id, body)
        staged = stage(session, Arrival(door.id, ChannelKind.EMAIL, key, body, {}), NOW)
        session.get_one(RawMessage, staged.id).state = raw_state
        words = {"sender": "lan@khach.example", "subject": subject, "reason": "Bản tin <b>"}
        ledger.settle(session, staged.id, state, **words)
        session.flush()
        (entry,) = ledger.find_copies(session, [staged.id]).values()
        return entry.id

    return await scene.write(work)


async def follow(browser: Browser, answer: Any) -> str:
    assert answer.status_code == 303, answer.text
    return (await browser.get(answer.headers["location"])).text


async def test_the_ledger_is_listed_filtered_and_counted(scene: Scene) -> None:
    """F6: what came, and what became of it."""
    await arrive(scene, "Mot", LedgerState.ACCEPTED, RawState.DONE)
    await arrive(scene, "Hai", LedgerState.IGNORED, RawState.IGNORED)
    lead = await scene.signed_in("ha")

    page = (await lead.get("/settings/mail")).text

    assert "Mot" in page
    assert "Hai" in page
    assert "Bản tin &lt;b&gt;" in page
    assert "24/11" in page
    some = (await lead.get("/settings/mail?state=ignored")).text
    assert "Hai" in some
    assert ">Mot<" not in some
    found = (await lead.get("/settings/mail?q=mot")).text
    assert ">Mot<" in found
    assert ">Hai<" not in found
    odd = await lead.get("/settings/mail?state=none&inbox=x&before=x&q=%25")
    assert odd.status_code == 200


async def test_what_was_ignored_is_readable_and_taken_in_with_a_click(scene: Scene) -> None:
    number = await arrive(scene, "Hai", LedgerState.IGNORED, RawState.IGNORED)
    lead = await scene.signed_in("ha")

    page = (await lead.get(f"/settings/mail/{number}")).text
    assert "Xin chào." in page
    assert "?sender=lan%40khach.example" in page
    await follow(lead, await lead.post(f"/settings/mail/{number}/taking"))

    (raw,) = await scene.all(RawMessage)
    assert raw.meta[ignoring.TAKEN]
    again = await lead.post(f"/settings/mail/{number}/taking")
    assert again.status_code == 409


async def test_what_is_held_is_tried_again_from_the_ledger(scene: Scene) -> None:
    """F7."""
    number = await arrive(scene, "Ba", LedgerState.QUARANTINED, RawState.QUARANTINED)
    lead = await scene.signed_in("ha")

    await follow(lead, await lead.post(f"/settings/mail/{number}/retry"))

    entry = await scene.write(lambda session: session.get_one(LedgerEntry, number))
    assert entry.state in (LedgerState.WAITING, LedgerState.ACCEPTED)
    assert (await lead.post(f"/settings/mail/{number}/retry")).status_code == 409


async def test_a_mail_left_in_its_mailbox_is_fetched_again_and_mailboxes_counted(
    scene: Scene,
) -> None:
    def enter(session: Any) -> tuple[int, int]:
        row = Mailbox(
            inbox_id=1,
            host="imap.congty.example",
            port=993,
            tls=MailboxTls.TLS,
            username="help",
            password="sealed",
            since=NOW,
            created_at=NOW,
            next_at=NOW,
            leased_until=NOW,
            left={"7": {"reason": "It has 40 MiB.", "tries": 1, "retry_at": None}},
            reconciled_at=NOW,
            tally={
                **{"at": NOW.isoformat(), "server": 5, "ledger": 4, "older": 2, "gone": 1},
                **{"missed": 1, "fetched": [3], "missing": 1, "differ": [7]},
            },
        )
        session.add(row)
        session.flush()
        seen = Sighting(
            1, LedgerState.QUARANTINED, LedgerVia.IMAP, Place(row.id, 77, 7), reason="Too large"
        )
        ledger.sight(session, seen, NOW)
        (entry,) = ledger.list_entries(session, ledger.Wanted())
        return row.id, entry.id

    box, number = await scene.write(enter)
    lead = await scene.signed_in("ha")

    page = (await lead.get("/settings/mail")).text
    assert "5 there, 4 of them in the ledger" in page
    assert "1 cannot be had (numbers there: 7)" in page
    await follow(lead, await lead.post(f"/settings/mail/{number}/retry"))
    await follow(lead, await lead.post(f"/settings/mail/mailboxes/{box}/count"))

    row = await scene.write(lambda session: session.get_one(Mailbox, box))
    assert row.left["7"]["retry_at"] is not None
    assert row.reconciled_at is None
    assert not await scene.write(looks.try_left, box, 8, NOW)


async def test_rules_are_entered_with_a_reason_and_ended(scene: Scene) -> None:
    lead = await scene.signed_in("ha")
    page = (await lead.get("/settings/mail/rules?sender=tin%40shop.example")).text
    assert 'value="tin@shop.example"' in page
    rule = {"field": "sender", "pattern": "@shop.example", "reason": "Bản tin", "inbox": ""}

    wrong = await lead.post("/settings/mail/rules", {**rule, "reason": ""})
    assert wrong.status_code == 422
    assert "Say in a few words why" in wrong.text
    assert "@shop.example" in await follow(lead, await lead.post("/settings/mail/rules", rule))
    assert (await lead.post("/settings/mail/rules", rule)).status_code == 409

    (made,) = await scene.all(MailRule)
    assert (made.pattern, made.inbox_id) == ("@shop.example", None)
    await follow(lead, await lead.post(f"/settings/mail/rules/{made.id}/removal"))
    assert await scene.all(MailRule) == []
    entries = [one for one in await scene.all(AuditEntry) if one.thing == "mail_rule"]
    assert [one.action for one in entries] == ["created", "removed"]
