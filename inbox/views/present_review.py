"""One item of the review page: the message with the words that weighed, choices, outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inbox.learning.reviewing import Outcome
from inbox.store.setup import Type
from inbox.views.models import ConversationPage
from inbox.views.present_list import sureness, type_name
from inbox.views.present_terms import Piece
from inbox.views.words import PRIORITY, Speaker
from models import Message, TriagePrediction

FIRST = 3  # candidates that are offered at once
# The matrix of impact and time: what each cell means, and where each urgency is shown first.
CELLS = (
    ("normal", "high", "urgent"),
    ("normal", "high", "urgent"),
    ("low", "low", "normal"),
)
USUAL_CELL = {"urgent": (1, 2), "high": (1, 1), "normal": (1, 0), "low": (2, 0)}


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of the matrix."""

    value: str
    priority: int
    is_guess: bool


@dataclass(frozen=True, slots=True)
class Item:
    """What is to be decided, complete."""

    page: ConversationPage
    version: int
    text: list[list[list[Piece]]]  # paragraphs of lines of pieces
    choices: list[tuple[str, str, int | None]]  # key, name, percent
    others: list[tuple[str, str]]
    chosen: str
    matrix: list[list[Cell]]
    sureness: str
    arrived: str
    outcome: list[tuple[str, str]]  # icon, sentence
    holder: str
    opinions: list[tuple[str, str]]  # name, what they say


def words_of(messages: Sequence[Message], prediction: TriagePrediction | None) -> str:
    """Return what was sorted: the message that the prediction is about, else the first."""
    inbound = [one for one in messages if one.direction == "inbound"]
    wanted = prediction.message_id if prediction is not None else None
    one = next((m for m in inbound if m.id == wanted), inbound[0] if inbound else None)
    return "" if one is None else one.visible_text or one.text


def offered(
    types: Mapping[str, Type],
    candidates: Sequence[tuple[str, float]],
    current: str,
    language: str,
) -> tuple[list[tuple[str, str, int | None]], list[tuple[str, str]]]:
    """Return the first three choices with their percents, and the types beyond them."""
    share = {key: round(100 * value) for key, value in candidates}
    active = [key for key, kind in types.items() if kind.is_active]
    order = sorted(active, key=lambda key: (key != current, -share.get(key, 0)))
    first = sorted(order[:FIRST], key=lambda key: (-share.get(key, 0), key != current))
    names = {key: type_name(types, key, language) for key in active}
    rest = [(key, names[key]) for key in active if key not in first]
    return [(key, names[key], share.get(key)) for key in first], rest


def matrix(urgency: str) -> list[list[Cell]]:
    """Return the matrix with the guess where its urgency usually stands."""
    place = USUAL_CELL[urgency]
    return [
        [
            Cell(value, PRIORITY[value], (row, column) == place)
            for column, value in enumerate(cells)
        ]
        for row, cells in enumerate(CELLS)
    ]


def present_outcome(
    found: Outcome, teams: Mapping[int, str], speak: Speaker, now_due: object
) -> list[tuple[str, str]]:
    """Say where it would go and by when."""
    lines = []
    if found.team_id is not None:
        said = speak.say("Goes to %(team)s") % {"team": teams.get(found.team_id, "")}
        lines.append(("users", said))
    if found.due_at is None:
        return [*lines, ("clock", speak.say("No answer is owed just now"))]
    time = speak.clock(found.due_at)
    if found.is_promised:
        said = speak.say("Deadline stays %(time)s, as promised to the customer")
    elif found.due_at == now_due:
        said = speak.say("Deadline stays %(time)s")
    else:
        said = speak.say("Deadline becomes %(time)s")
    return [*lines, ("clock", said % {"time": time})]


def sure_of(prediction: TriagePrediction | None, confidence: float) -> str:
    """Return how sure the prediction was."""
    return sureness(prediction.request_type_confidence if prediction else confidence)
