"""What sorting keeps of a customer's words goes when the customer is erased."""

from collections.abc import Sequence

from sqlalchemy import delete, or_, update
from sqlmodel import Session

from models import MessageCode, MessageLabel, SimilarMessage, TriagePrediction
from models.base import columns

predictions = columns(TriagePrediction)
codes = columns(MessageCode)
labels = columns(MessageLabel)
alike = columns(SimilarMessage)

AT_ONCE = 500


def forget(session: Session, numbers: Sequence[int]) -> None:
    """Blank what was kept of the words of these conversations.

    The words that weighed most, and the codes by which they were compared. What was said by
    whom stays for the figures; their texts are gone with the messages, and so from the next
    training.
    """
    for begin in range(0, len(numbers), AT_ONCE):
        some = list(numbers[begin : begin + AT_ONCE])
        session.execute(
            update(TriagePrediction)
            .where(predictions.conversation_id.in_(some))
            .values(why=[], product_why=None)
        )
        session.execute(delete(MessageCode).where(codes.conversation_id.in_(some)))
        session.execute(delete(MessageLabel).where(labels.conversation_id.in_(some)))
        session.execute(
            delete(SimilarMessage).where(
                or_(alike.conversation_id.in_(some), alike.other_id.in_(some))
            )
        )
