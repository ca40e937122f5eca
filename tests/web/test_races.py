"""Many people on one conversation in the same moment, on both databases, over and over."""

import asyncio

import httpx
import pytest
from sqlmodel import Session

from models import (
    Agent,
    Direction,
    Event,
    EventKind,
    Message,
    Outbox,
    OutboxKind,
    Role,
    Status,
    TeamMember,
)
from models.base import columns
from tests.web.scene import NOW, Browser, Scene, address, hidden

messages = columns(Message)
events = columns(Event)
outbox = columns(Outbox)

CLAIMANTS = 50
SHORT, LONG = 5, 200  # rounds in all
PORTION = 5  # rounds in one company; each has conversations of its own


def portions(rounds: int) -> pytest.MarkDecorator:
    """Divide the rounds among tests, so that none takes long."""
    return pytest.mark.parametrize("portion", range(rounds // PORTION))


async def hire(scene: Scene, count: int) -> list[Browser]:
    """Let colleagues of the team Orders sit down at their browsers."""
    team = await scene.team("Orders")

    def work(session: Session) -> None:
        for n in range(count):
            one = Agent(
                email=address(f"agent{n}"),
                name=f"Agent {n}",
                role=Role.AGENT,
                password_hash="x",
                language="en",
                created_at=NOW,
            )
            session.add(one)
            session.flush()
            session.add(TeamMember(team_id=team, agent_id=one.id))

    await scene.write(work)
    return [await scene.signed_in(f"agent{n}") for n in range(count)]


async def unowned(scene: Scene) -> int:
    """Return the number of a new conversation that nobody has."""
    number = await scene.arrive()
    await scene.change(number, owner_id=None)
    return number


async def form_of(browser: Browser, number: int, action: str) -> str:
    """Return a conversation's page from one of its forms on."""
    page = (await browser.get(f"/inbox/{number}")).text
    return page[page.index(f'action="/inbox/{number}/{action}"') :]


async def count_events(scene: Scene, number: int, kind: EventKind) -> int:
    """Return how often something happened to a conversation."""
    return len(await scene.all(Event, events.conversation_id == number, events.kind == kind))


async def claims(scene: Scene, people: list[Browser]) -> None:
    """Let everybody take one conversation from a page that shows no owner."""
    number = await unowned(scene)
    fields = {"owner": hidden(await form_of(people[0], number, "claim"), "owner")}
    before = await count_events(scene, number, EventKind.ASSIGNED)
    answers = await asyncio.gather(
        *(browser.post(f"/inbox/{number}/claim", fields, htmx=True) for browser in people)
    )
    won = [n for n, answer in enumerate(answers) if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code != 200]
    assert len(won) == 1
    winner = await scene.agent(f"agent{won[0]}")
    assert (await scene.get(number)).owner_id == winner.id
    assert {answer.status_code for answer in lost} == {409}
    assert all("A colleague has just taken it." in answer.text for answer in lost)
    assert await count_events(scene, number, EventKind.ASSIGNED) == before + 1


async def assignments(scene: Scene, people: list[Browser]) -> None:
    """Let twenty supervisors' pages give one conversation to twenty different people."""
    number = await unowned(scene)
    fields = {"seen": hidden(await form_of(people[0], number, "owner"), "seen")}
    owners = [(await scene.agent(f"agent{n}")).id for n in range(20)]
    before = await count_events(scene, number, EventKind.ASSIGNED)
    answers = await asyncio.gather(
        *(
            browser.post(f"/inbox/{number}/owner", {**fields, "owner": str(owner)})
            for browser, owner in zip(people, owners, strict=False)
        )
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [303] + [409] * 19
    (won,) = [n for n, answer in enumerate(answers) if answer.status_code == 303]
    assert (await scene.get(number)).owner_id == owners[won]
    assert await count_events(scene, number, EventKind.ASSIGNED) == before + 1
    assert all("just changed" in answer.text for answer in answers if answer.status_code == 409)


async def double_clicks(scene: Scene, people: list[Browser]) -> None:
    """Send one page's reply five times at once, and mark it done five times at once."""
    number = await unowned(scene)
    page = await form_of(people[0], number, "messages")
    fields = {"kind": "reply", "body": "Dạ vâng.", "key": hidden(page, "key")}
    answers = await asyncio.gather(
        *(people[0].post(f"/inbox/{number}/messages", fields) for _ in range(5))
    )
    assert [answer.status_code for answer in answers] == [303] * 5
    assert len(await written(scene, number)) == 1
    done: list[httpx.Response] = await asyncio.gather(
        *(
            browser.post(f"/inbox/{number}/resolution", {"reason": "duplicate"})
            for browser in people[:5]
        )
    )
    assert sorted(answer.status_code for answer in done) == [303] + [409] * 4
    assert await count_events(scene, number, EventKind.RESOLVED) == 1


async def done_while_answering(scene: Scene, people: list[Browser]) -> None:
    """Let one mark it done while another answers: both count, and nothing is owed."""
    number = await unowned(scene)
    page = await form_of(people[1], number, "messages")
    fields = {"kind": "reply", "body": "Dạ vâng.", "key": hidden(page, "key")}
    done, said = await asyncio.gather(
        people[0].post(f"/inbox/{number}/resolution", {"reason": "duplicate"}),
        people[1].post(f"/inbox/{number}/messages", fields),
    )
    assert (done.status_code, said.status_code) == (303, 303)
    row = await scene.get(number)
    assert (row.status, row.next_due_at) == (Status.RESOLVED, None)
    assert row.first_responded_at is not None
    (answer,) = await written(scene, number)
    queued = await scene.all(
        Outbox, outbox.kind == OutboxKind.REPLY, outbox.message_id == answer.id
    )
    assert len(queued) == 1


async def written(scene: Scene, number: int) -> list[Message]:
    """Return what agents answered."""
    return await scene.all(
        Message,
        messages.conversation_id == number,
        messages.direction == Direction.OUTBOUND,
        messages.is_machine.is_(False),
    )


async def race(scene: Scene) -> None:
    """Run each race a portion of the rounds."""
    people = await hire(scene, CLAIMANTS)
    for _ in range(PORTION):
        await claims(scene, people)
        await assignments(scene, people[:20])
        await double_clicks(scene, people)
        await done_while_answering(scene, people)


@portions(SHORT)
async def test_races_have_one_winner(scene: Scene, portion: int) -> None:
    """R55, S28, G18: 50 claims, 20 assignments, double clicks, done against an answer."""
    await race(scene)


@pytest.mark.long
@portions(LONG)
async def test_races_have_one_winner_two_hundred_times(scene: Scene, portion: int) -> None:
    """R55, S28, G18: the long version."""
    await race(scene)


async def test_taking_it_knowingly(scene: Scene) -> None:
    """R55: from a page that shows the owner, taking it over is allowed."""
    number = await scene.arrive()
    await scene.change(number, owner_id=(await scene.agent("binh")).id)
    taker = await scene.signed_in("ha")
    fields = {"owner": hidden(await form_of(taker, number, "claim"), "owner")}
    assert (await taker.post(f"/inbox/{number}/claim", fields)).status_code == 303
    assert (await scene.get(number)).owner_id == (await scene.agent("ha")).id
