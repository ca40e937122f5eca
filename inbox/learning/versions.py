"""Trained models as rows: added, put in use, put back, watched; their bytes lie beside them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import Session

from inbox.errors import Conflict, Invalid, NotFound
from inbox.store.audit import add_entry
from inbox.store.learning import Version, find_version
from inbox.store.setup import find_live_model
from inbox.templating import N_
from models import (
    AuditAction,
    AuditThing,
    TriageModelFiles,
    TriageModelVersion,
)
from models.base import columns, core

versions = columns(TriageModelVersion)
files = columns(TriageModelFiles)

KEPT = 12  # of the company's own models, the newest: older ones keep their figures only
CHANGED = N_("Its files were changed after training, so it does not answer.")
GONE = N_("Its files are not there any more.")
WHY = N_("It did not pass the check. Write why it shall be used all the same.")
NONE_BEFORE = N_("There is no former model to go back to.")


@dataclass(frozen=True, slots=True)
class Made:
    """A model fresh from training, with everything that is kept of it."""

    sha256: str
    path: str
    arrays: bytes
    described: bytes
    data_sha256: str
    made_by_id: int | None
    metrics: dict[str, Any] = field(default_factory=dict)
    outcomes: list[Any] = field(default_factory=list)


def add_version(session: Session, made: Made, now: datetime) -> int:
    """Keep a trained model; it answers nothing yet. Return its number."""
    row = TriageModelVersion(
        name="own",
        path=made.path,
        sha256=made.sha256,
        metrics=made.metrics,
        outcomes=made.outcomes,
        data_sha256=made.data_sha256,
        made_by_id=made.made_by_id,
        created_at=now,
    )
    session.add(row)
    session.flush()
    keep_files(session, row.id, made.arrays, made.described)
    after = {"name": row.name, "sha256": row.sha256}
    by = made.made_by_id
    add_entry(session, AuditThing.MODEL, row.id, AuditAction.CREATED, now, by=by, after=after)
    _forget_old_files(session)
    return row.id


def keep_figures(
    session: Session, version_id: int, holdout: dict[str, Any], outcomes: list[Any]
) -> None:
    """Keep how a model did on the holdout as it is now."""
    row = session.get(TriageModelVersion, version_id, populate_existing=True)
    if row is not None:
        row.metrics = {**row.metrics, "holdout": holdout}
        row.outcomes = outcomes
        session.flush()


def keep_files(session: Session, version_id: int, arrays: bytes, described: bytes) -> None:
    """Keep a model's bytes, unless they are kept already."""
    if session.get(TriageModelFiles, version_id) is None:
        session.add(TriageModelFiles(version_id=version_id, arrays=arrays, described=described))
        session.flush()


def find_without_files(session: Session, sha256: str) -> int | None:
    """Return the starter of this hash if its bytes are not kept yet."""
    found = session.execute(
        select(versions.id)
        .outerjoin(core(TriageModelFiles), files.version_id == versions.id)
        .where(versions.sha256 == sha256, versions.is_starter, files.version_id.is_(None))
    ).scalar()
    return None if found is None else int(found)


def _forget_old_files(session: Session) -> None:
    """Delete the bytes of own models beyond the newest, but of none that is in use."""
    newest = (
        select(versions.id)
        .where(versions.is_starter.is_(False))
        .order_by(versions.id.desc())
        .limit(KEPT)
    )
    old = select(versions.id).where(
        versions.is_starter.is_(False),
        versions.is_live.is_(False),
        versions.is_shadow.is_(False),
        versions.id.not_in(newest.scalar_subquery()),
    )
    session.execute(delete(TriageModelFiles).where(files.version_id.in_(old)))


def get_version(session: Session, version_id: int) -> Version:
    """Return one model; raises ``NotFound``."""
    found = find_version(session, version_id)
    if found is None:
        raise NotFound("There is no such model.")
    return found


def has_passed(version: Version) -> bool:
    """Tell whether the gate let it through, or it answered before."""
    gate = version.metrics.get("gate", {})
    return bool(version.is_starter or version.promoted_at or gate.get("accepted"))


def promote(
    session: Session,
    version_id: int,
    *,
    by: int | None,
    now: datetime,
    reason: str = "",
) -> None:
    """Let a model answer from now on; new messages are sorted by it at once.

    ``reason`` is needed for one that the gate refused, and stands in the audit trail.

    Raises
    ------
    Invalid
        If it did not pass and there is no reason.
    Conflict
        If its files are gone.
    """
    chosen = get_version(session, version_id)
    reason = reason.strip()[:500]
    overrides = not has_passed(chosen)
    if overrides and not reason:
        raise Invalid(WHY, {"reason": WHY})
    if not chosen.is_starter and session.get(TriageModelFiles, version_id) is None:
        raise Conflict(GONE)
    live = session.execute(
        select(versions.id).where(versions.is_live.is_(True)).with_for_update()
    ).scalar()
    if live == version_id and not chosen.problem:
        return
    session.execute(
        update(TriageModelVersion).where(versions.is_live.is_(True)).values(is_live=False)
    )
    session.execute(
        update(TriageModelVersion)
        .where(versions.id == version_id)
        .values(is_live=True, is_shadow=False, problem="", promoted_at=now)
    )
    after: dict[str, Any] = {"live": version_id}
    if reason:
        after["reason"] = reason
    if overrides:
        after["override"] = True
    _write_down(session, version_id, {"live": live}, after, by, now)


def find_former(session: Session) -> Version | None:
    """Return the model that answered before the live one, if it still can."""
    live = select(versions.id).where(versions.is_live.is_(True)).scalar_subquery()
    found = session.execute(
        select(versions.id)
        .outerjoin(core(TriageModelFiles), files.version_id == versions.id)
        .where(
            versions.promoted_at.is_not(None),
            versions.id != live,
            versions.problem == "",
            versions.is_starter.is_(True) | files.version_id.is_not(None),
        )
        .order_by(versions.promoted_at.desc(), versions.id.desc())
        .limit(1)
    ).scalar()
    return None if found is None else find_version(session, found)


def roll_back(session: Session, *, by: int, now: datetime) -> int:
    """Let the former model answer again; return which that is.

    Raises
    ------
    Conflict
        If there is none.
    """
    former = find_former(session)
    if former is None:
        raise Conflict(NONE_BEFORE)
    promote(session, former.id, by=by, now=now)
    return former.id


def set_shadow(session: Session, version_id: int, *, on: bool, by: int, now: datetime) -> None:
    """Let a model predict beside the live one without being heard, or no longer; one at most.

    Raises
    ------
    Conflict
        If it is the live one, or its files are gone.
    """
    chosen = get_version(session, version_id)
    if on and chosen.is_live:
        raise Conflict(N_("It answers already: what it says is heard."))
    if on and not chosen.is_starter and session.get(TriageModelFiles, version_id) is None:
        raise Conflict(GONE)
    if chosen.is_shadow == on:
        return
    session.execute(
        update(TriageModelVersion).where(versions.is_shadow.is_(True)).values(is_shadow=False)
    )
    if on:
        session.execute(
            update(TriageModelVersion)
            .where(versions.id == version_id)
            .values(is_shadow=True, problem="")
        )
    add_entry(
        session,
        AuditThing.MODEL,
        version_id,
        AuditAction.CHANGED,
        now,
        by=by,
        before={"shadow": not on},
        after={"shadow": on},
    )


def refuse(session: Session, version_id: int, problem: str, now: datetime) -> None:
    """Write down that a model may not answer, and why; the former one does until then."""
    done = session.execute(
        update(TriageModelVersion)
        .where(versions.id == version_id, versions.problem == "")
        .values(problem=problem, is_shadow=False)
    )
    if done.rowcount == 1:  # type: ignore[attr-defined]
        instead = find_live_model(session)
        after = {"problem": problem, "answers": instead.id if instead is not None else None}
        _write_down(session, version_id, {}, after, None, now, AuditAction.DEACTIVATED)


def _write_down(
    session: Session,
    version_id: int,
    before: dict[str, Any],
    after: dict[str, Any],
    by: int | None,
    now: datetime,
    action: AuditAction = AuditAction.ACTIVATED,
) -> None:
    add_entry(
        session,
        AuditThing.MODEL,
        version_id,
        action,
        now,
        by=by,
        before=before,
        after=after,
    )
