"""How a script calls the API."""

from typing import Any

import httpx
import msgspec

from inbox.views.api import shapes
from tests.web.scene import WRITE_TOKEN, Scene, bearer

URL = "/api/v1/conversations"
NEW = {"email": "an@vidu.example", "text": "Where is my parcel?", "subject": "Parcel 7"}
# What each change is asked with; each is a step from how a conversation arrives.
CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "replies": ("POST", {"text": "Dạ hàng đang trên đường ạ."}),
    "notes": ("POST", {"text": "Kho đã xuất."}),
    "request-type": ("PUT", {"request_type": "complaint"}),
    "urgency": ("PUT", {"urgency": "urgent"}),
    "tier": ("PUT", {"tier": "vip"}),
    "product-group": ("PUT", {"product_group": "Beds"}),
    "owner": ("PUT", {"owner": None}),
    "status": ("PUT", {"status": "resolved", "reason": "spam"}),
}
POSTS = ["replies", "notes"]


async def send(
    scene: Scene,
    what: str,
    number: int,
    body: Any = None,
    token: str = WRITE_TOKEN,
    key: str | None = None,
) -> httpx.Response:
    """Change a conversation as a script does."""
    method, usual = CHANGES.get(what, ("POST", None))
    headers = {**bearer(token), **({"idempotency-key": key} if key is not None else {})}
    return await scene.browser().client.request(
        method,
        f"{URL}/{number}/{what}",
        headers=headers,
        json=usual if body is None else body,
    )


async def file(scene: Scene, body: Any, key: str, token: str = WRITE_TOKEN) -> httpx.Response:
    """File a conversation under a key."""
    headers = {**bearer(token), "idempotency-key": key}
    return await scene.browser().client.post(URL, headers=headers, json=body)


def problem(answer: httpx.Response, status: int) -> shapes.Problem:
    """Check that an answer is a problem of that status, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    said = msgspec.convert(answer.json(), shapes.Problem)
    assert said.status == status
    return said
