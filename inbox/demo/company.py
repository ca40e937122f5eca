"""The sample company itself: a shop for household appliances and furniture, and its people."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.auth import hash_token
from inbox.company import founding, installation
from inbox.dates import templates as milestones
from inbox.starter_model import register_starter
from inbox.store.setup import find_live_model
from models import (
    Agent,
    ApiToken,
    Calendar,
    Company,
    Role,
    Scope,
    SLAPolicy,
    Team,
    TeamMember,
    Urgency,
)
from models.base import columns

agents = columns(Agent)

NAME = "Mộc Lam Home"
ZONE = "Asia/Ho_Chi_Minh"
PASSWORD = "kip-demo"  # noqa: S105 -- known to everybody: the demo stays on loopback
TOKEN = "kip-demo-token"  # noqa: S105 -- as above
HOURS = [["08:00", "12:00"], ["13:30", "17:30"]]
# The traffic comes from one address and goes on for hours.
SETTINGS = {
    "caps": dict.fromkeys(
        ("per_ip_an_hour", "strangers_an_hour", "chats_per_ip_an_hour"), 10_000
    )
}
OPEN_CAP = 1_000
CHAT_KEY = "demo"

# team -> what it answers
TEAMS = {
    "Bán hàng": ("product_advice",),
    "Đơn hàng": ("order_delivery",),
    "Chăm sóc khách hàng": ("complaint", "return_refund", "general"),
    "Kỹ thuật": ("technical_support", "account_access"),
    "Kế toán": ("billing_payment",),
}
EVERY_TEAM = tuple(TEAMS)
SIGN_IN = "agent"
LEAD = "supervisor"
ADMIN = "admin"
# address before @demo.example, name, role, teams, who stands in
PEOPLE = (
    (SIGN_IN, "Trần Minh Khoa", Role.AGENT, EVERY_TEAM, "lananh"),
    (LEAD, "Lê Thu Hà", Role.SUPERVISOR, EVERY_TEAM, ADMIN),
    (ADMIN, "Nguyễn Hoàng Việt", Role.ADMIN, (), ""),
    ("lananh", "Nguyễn Thị Lan Anh", Role.AGENT, ("Bán hàng", "Đơn hàng"), "mai"),
    ("huy", "Phạm Quốc Huy", Role.AGENT, ("Kỹ thuật",), SIGN_IN),
    ("mai", "Vũ Ngọc Mai", Role.AGENT, ("Chăm sóc khách hàng", "Bán hàng"), "truc"),
    ("nam", "Đặng Thành Nam", Role.AGENT, ("Kế toán", "Đơn hàng"), "truc"),
    ("truc", "Bùi Thanh Trúc", Role.AGENT, ("Chăm sóc khách hàng", "Kế toán"), LEAD),
)


def address(person: str) -> str:
    """Return the address somebody of the company signs in with."""
    return f"{person}@demo.example"


def create(
    session: Session,
    password_hash: str,
    holidays: list[str],
    starter: tuple[Path, str] | None,
    now: datetime,
) -> None:
    """Create the company with its people, hours, policies, doors, token and classifier."""
    installation.create_company(session, NAME, ZONE, "vi", now)
    session.flush()
    session.execute(update(Company).values(settings=SETTINGS))
    teams = _create_people(session, password_hash, now)
    hours = Calendar(
        name="Giờ làm việc",
        spec=installation.office_hours(ZONE, HOURS, 6, holidays),
        is_default=True,
    )
    around_the_clock = Calendar(
        name="24/7", spec=installation.office_hours(ZONE, [["00:00", "24:00"]], 7, [])
    )
    session.add_all([hours, around_the_clock])
    session.flush()
    team_of = {key: teams[team] for team, keys in TEAMS.items() for key in keys}
    installation.create_starter_types(session, hours.id, team_of)
    # Names a calendar only: the targets stay those of the type.
    session.add(
        SLAPolicy(name="Khẩn cấp 24/7", urgency=Urgency.URGENT, calendar_id=around_the_clock.id)
    )
    installation.create_doors(
        session,
        address("support"),
        "support",
        teams["Chăm sóc khách hàng"],
        now,
        CHAT_KEY,
    )
    founding.write_down(session, now, by=None)
    milestones.add_usual(session, "vi", by=None, now=now)
    if starter is not None and find_live_model(session) is None:
        register_starter(session, *starter, now)


def _create_people(session: Session, password_hash: str, now: datetime) -> dict[str, int]:
    """Create teams, people and the API token; return the teams' ids by name."""
    teams = [Team(name=name) for name in TEAMS]
    people = [
        Agent(
            email=address(person),
            name=name,
            role=role,
            password_hash=password_hash,
            open_cap=OPEN_CAP,
            alerts={"any_time": True},  # whoever looks at it at night sees mails, too
            created_at=now,
        )
        for person, name, role, _, _ in PEOPLE
    ]
    session.add_all([*teams, *people])
    session.flush()
    ids = {team.name: team.id for team in teams}
    by_address = {one.email: one.id for one in people}
    for person, _, role, member_of, backup in PEOPLE:
        session.execute(
            update(Agent)
            .where(agents.email == address(person))
            .values(backup_id=by_address[address(backup)] if backup else None)
        )
        session.add_all(
            TeamMember(
                team_id=ids[team],
                agent_id=by_address[address(person)],
                leads=role is Role.SUPERVISOR,
            )
            for team in member_of
        )
    session.add(
        ApiToken(
            name="demo",
            token_hash=hash_token(TOKEN),
            agent_id=by_address[address(SIGN_IN)],
            scope=Scope.ADMIN,
            created_at=now,
        )
    )
    return ids


def is_sample(session: Session) -> bool:
    """Tell whether this installation is the sample company (and no company of somebody's)."""
    found = session.execute(
        select(agents.id).where(agents.email == address(SIGN_IN), agents.is_active.is_(True))
    ).first()
    return found is not None
