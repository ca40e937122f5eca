"""What one does about a mail that did not arrive: once more, not at all, it works now."""

from typing import Any

from litestar import Response, post
from litestar.params import FromPath

from inbox.outgoing import again, marks
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views.actions import act, answered
from inbox.views.security import form_fields
from inbox.views.site import HttpRequest


def _by(work: Any) -> Any:
    """Let a service be called with the person, of whom it wants only the number."""

    def run(session: Any, conversation: Any, *, by: Person, **values: Any) -> None:
        work(session, conversation, by=by.id, **values)

    return run


@post(
    "/inbox/{number:int}/mails/{mail_id:int}/retry",
    opt={"access": "agent", "fields": ("next",)},
)
async def retry_mail(
    request: HttpRequest, number: FromPath[int], mail_id: FromPath[int]
) -> Response[Any]:
    """Send a mail again that did not leave, or may not have."""
    await act(request, number, _by(again.retry), mail_id=mail_id)
    return await answered(request, number, N_("It is sent again."), "sent")


@post(
    "/inbox/{number:int}/mails/{mail_id:int}/cancel",
    opt={"access": "agent", "fields": ("next",)},
)
async def cancel_mail(
    request: HttpRequest, number: FromPath[int], mail_id: FromPath[int]
) -> Response[Any]:
    """Take back a mail that has not left."""
    await act(request, number, _by(again.cancel), mail_id=mail_id)
    return await answered(request, number, N_("Taken back: it is not sent."))


@post(
    "/inbox/{number:int}/address",
    opt={"access": "agent", "fields": ("address", "reason", "next")},
)
async def lift_mark(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Say that mail arrives at an address again, and why one thinks so."""
    fields = await form_fields(request)
    address, reason = fields.get("address", ""), fields.get("reason", "")
    await act(request, number, _by(marks.lift), address=address, reason=reason)
    return await answered(request, number, N_("Mail is sent to this address again."))
