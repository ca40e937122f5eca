"""A new installation: the company, its first administrator, and what works out of the box."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from sqlmodel import Session

from inbox.auth import MIN_PASSWORD, hash_token, random_token
from inbox.channels.addresses import is_strict
from inbox.company.founding import write_down
from inbox.dates import templates as milestones
from inbox.errors import Conflict, Invalid, NotFound
from inbox.sla.policy import STARTER_TARGETS
from inbox.store import links
from inbox.store.company import find_company
from models import (
    Agent,
    Calendar,
    ChannelKind,
    Company,
    Inbox,
    OneTimeToken,
    RequestType,
    Role,
    SLAPolicy,
    Team,
    TeamMember,
)

SETUP = "setup"
TOO_SHORT = "The password needs at least 10 characters."
SETUP_LINK_LIVES = timedelta(days=1)

# key, Vietnamese name, English name: in the order of menus.
STARTER_TYPES = (
    ("product_advice", "Tư vấn sản phẩm", "Product advice"),
    ("order_delivery", "Đơn hàng, giao hàng", "Order and delivery"),
    ("complaint", "Khiếu nại", "Complaint"),
    ("return_refund", "Đổi trả, hoàn tiền", "Return and refund"),
    ("technical_support", "Hỗ trợ kỹ thuật", "Technical support"),
    ("billing_payment", "Thanh toán, hóa đơn", "Billing and payment"),
    ("account_access", "Tài khoản, bảo mật", "Account access"),
    ("general", "Khác", "General"),
)
MOST_NAME = 120  # characters of the company's
# Whatever the machine's own is, what some programs take for it, and none at all.
_OF_A_MACHINE = frozenset({"localtime", "posixrules", "Factory"})
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class FirstVisit:
    """What the first visitor answers; ``password_hash`` is made before the transaction."""

    company: str
    time_zone: str
    language: str
    support_address: str
    name: str
    email: str
    password: str
    password_hash: str = ""


def check_first_visit(answers: FirstVisit) -> None:
    """Check the answers, before anything slow is done with them.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    """
    wrong = {
        field: "Please fill this in."
        for field in ("company", "name")
        if not getattr(answers, field).strip()
    } | {
        field: "This is not an e-mail address, such as ten@congty.vn."
        for field in ("support_address", "email")
        if not is_strict(getattr(answers, field).strip())
    }
    if len(answers.company.strip()) > MOST_NAME:
        wrong["company"] = "This is too long."
    if len(answers.password) < MIN_PASSWORD:
        wrong["password"] = TOO_SHORT
    if answers.language not in ("vi", "en"):
        wrong["language"] = "Choose Vietnamese or English."
    if not is_zone(answers.time_zone):
        wrong["time_zone"] = "This time zone is not known, try Asia/Ho_Chi_Minh."
    if wrong:
        raise Invalid("Please look at the marked answers.", wrong)


def list_zones() -> list[str]:
    """Return the time zones there are, but those that mean another one on another machine."""
    return sorted(available_timezones() - _OF_A_MACHINE)


def is_zone(name: str) -> bool:
    """Tell whether this is a time zone, the same one on every machine."""
    if name in _OF_A_MACHINE:
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def office_hours(
    zone: str, intervals: list[list[str]], days: int, holidays: list[str]
) -> dict[str, object]:
    """Return a calendar's spec with the same hours on the first ``days`` of the week."""
    hours = {day: intervals if n < days else [] for n, day in enumerate(WEEKDAYS)}
    return {"timezone": zone, "hours": hours, "holidays": holidays}


def offer_setup(session: Session, now: datetime) -> str | None:
    """Return a fresh one-time token for the first visit, or None if that is over."""
    if find_company(session) is not None:
        return None
    token = random_token()
    session.add(
        OneTimeToken(
            token_hash=hash_token(token), purpose=SETUP, expires_at=now + SETUP_LINK_LIVES
        )
    )
    return token


def set_up(
    session: Session,
    answers: FirstVisit,
    token: str,
    *,
    holidays: list[str],
    now: datetime,
) -> Agent:
    """Use up the link and create everything a company needs to receive its first message.

    Raises
    ------
    NotFound
        If the link was used or is not ours.
    Conflict
        If the company exists.
    """
    if not links.use_one_time_token(session, hash_token(token), SETUP, now):
        raise NotFound("This link was used or has expired. Start kip run again for a new one.")
    if find_company(session) is not None:
        raise Conflict("This installation is set up already. Sign in.")
    create_company(session, answers.company, answers.time_zone, answers.language, now)
    team = Team(name="Support" if answers.language == "en" else "Hỗ trợ")
    admin = Agent(
        email=answers.email.strip().lower(),
        name=answers.name.strip(),
        role=Role.ADMIN,
        password_hash=answers.password_hash,
        language=answers.language,
        created_at=now,
    )
    calendar = Calendar(
        name="Office hours" if answers.language == "en" else "Giờ hành chính",
        spec=office_hours(
            answers.time_zone, [["08:00", "12:00"], ["13:00", "17:00"]], 5, holidays
        ),
        is_default=True,
    )
    session.add_all([team, admin, calendar])
    session.flush()
    session.add(TeamMember(team_id=team.id, agent_id=admin.id))
    create_starter_types(
        session, calendar.id, dict.fromkeys(STARTER_TARGETS, team.id), answers.language
    )
    create_doors(session, answers.support_address, "support", team.id, now)
    write_down(session, now, by=admin.id)
    milestones.add_usual(session, answers.language, by=admin.id, now=now)
    return admin


def create_company(
    session: Session, name: str, time_zone: str, language: str, now: datetime
) -> None:
    """Create the company's row; ``instance_id`` is how we know our own mail again."""
    session.add(
        Company(
            name=name.strip(),
            time_zone=time_zone,
            language=language,
            instance_id=re.sub(r"[^A-Za-z0-9]", "", random_token())[:20],
            created_at=now,
        )
    )


def create_starter_types(
    session: Session, calendar_id: int, team_of: dict[str, int], language: str = "vi"
) -> None:
    """Create the eight request types and one policy for each."""
    for position, (key, name_vi, name_en) in enumerate(STARTER_TYPES):
        session.add(
            RequestType(
                key=key,
                name_vi=name_vi,
                name_en=name_en,
                position=position,
                team_id=team_of[key],
            )
        )
    session.flush()
    for key, name_vi, name_en in STARTER_TYPES:
        targets = STARTER_TARGETS[key]
        session.add(
            SLAPolicy(
                name=name_vi if language == "vi" else name_en,
                request_type=key,
                calendar_id=calendar_id,
                first_response_s=targets.first_response_s,
                next_response_s=targets.next_response_s,
                resolution_s=targets.resolution_s,
            )
        )


def readable_key() -> str:
    """Return a random key that can be read out on the telephone: ``mo-ki-ta-fu-ne-la``.

    It is no secret: it stands in every page that shows the widget.
    """
    syllables = ("".join(map(secrets.choice, ("bdfghklmnprstv", "aeiou"))) for _ in range(6))
    return "-".join(syllables)


def create_doors(
    session: Session,
    address: str,
    slug: str,
    team_id: int,
    now: datetime,
    chat_key: str = "",
) -> None:
    """Open an e-mail address, a form, the API and a chat; without a key it gets one."""
    for kind, handle, name in (
        (ChannelKind.EMAIL, address.strip().lower(), address.strip()),
        (ChannelKind.FORM, slug, slug),
        (ChannelKind.API, "api", "API"),
        (ChannelKind.CHAT, chat_key or readable_key(), "Chat"),
    ):
        session.add(Inbox(kind=kind, handle=handle, name=name, team_id=team_id, created_at=now))
