"""What accounts prove themselves with, logins that were tried, and sessions. Called by desk; decides nothing.

Secrets come hashed or sealed and are never read here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk

_SECRET = ("account_id", "kind", "secret", "until", "at")
_SESSION = (
    "id_sha256", "number", "account_id", "began_at", "seen_at", "proved_at", "until", "ended_at", "ended_why", "address",
)  # fmt: skip


class Secret(NamedTuple):
    """The newest secret of a kind."""

    secret: str
    until: str
    at: str


class Session(NamedTuple):
    """A session as stored."""

    id_sha256: str
    number: str
    account_id: int
    began_at: str
    seen_at: str
    proved_at: str
    until: str
    ended_at: str
    ended_why: str
    address: str


class Failures(NamedTuple):
    """Failures in a row for one login, and when the last one was."""

    number: int
    last_at: str


def secret(connection: Connection, account_id: int, kind: str) -> Secret | None:
    """The newest secret of a kind; None when there is none or it was taken away."""
    found = bulk.rows(
        connection,
        "SELECT secret, until, at FROM account_secret WHERE account_id = :account AND kind = :kind ORDER BY id DESC LIMIT 1",
        account=account_id, kind=kind,
    )  # fmt: skip
    return Secret(*found[0]) if found and found[0][0] else None


def secrets_of_all(connection: Connection) -> dict[tuple[int, str], Secret]:
    """The newest secret of every account and kind."""
    found = bulk.rows(
        connection,
        """SELECT s.account_id, s.kind, s.secret, s.until, s.at FROM account_secret s
           WHERE s.id = (SELECT MAX(x.id) FROM account_secret x WHERE x.account_id = s.account_id AND x.kind = s.kind) AND s.secret <> ''""",
    )
    return {(int(account), str(kind)): Secret(*rest) for account, kind, *rest in found}


def set_secret(connection: Connection, account_id: int, given: tuple[str, str, str], at: str) -> None:
    """A new secret (kind, secret, until); an empty one takes the kind away."""
    bulk.insert_rows(connection, "account_secret", _SECRET, [(account_id, *given, at)])


def use_step(connection: Connection, account_id: int, step: int) -> bool:
    """Use up a step of time; False when it was used before, also by somebody at this very moment."""
    done = bulk.run(
        connection,
        "INSERT INTO used_step (account_id, step) VALUES (:account, :step) ON CONFLICT (account_id, step) DO NOTHING",
        account=account_id, step=step,
    )  # fmt: skip
    return done == 1


def last_step(connection: Connection, account_id: int) -> int:
    """The last step of time that was used, 0 when none was."""
    return int(bulk.scalar(connection, "SELECT MAX(step) FROM used_step WHERE account_id = :account", account=account_id) or 0)


def note_attempt(connection: Connection, subject: str, told: tuple[str, str], at: str) -> None:
    """A login was tried (address, result)."""
    bulk.insert_rows(connection, "login_attempt", ("subject", "address", "result", "at"), [(subject, *told, at)])


def failures(connection: Connection, subject: str) -> Failures:
    """Failures of a login since it last passed or was unlocked."""
    found = bulk.rows(
        connection,
        """SELECT COUNT(*), COALESCE(MAX(a.at), '') FROM login_attempt a WHERE a.subject = :subject AND a.result = 'failed'
           AND a.id > COALESCE((SELECT MAX(x.id) FROM login_attempt x WHERE x.subject = :subject AND x.result <> 'failed'), 0)""",
        subject=subject,
    )
    return Failures(int(found[0][0]), str(found[0][1]))


def failures_of_all(connection: Connection, least: int) -> dict[str, Failures]:
    """Every login with at least so many failures since it last passed or was unlocked."""
    found = bulk.rows(
        connection,
        """SELECT a.subject, COUNT(*), MAX(a.at) FROM login_attempt a WHERE a.result = 'failed'
           AND a.id > COALESCE((SELECT MAX(x.id) FROM login_attempt x WHERE x.subject = a.subject AND x.result <> 'failed'), 0)
           GROUP BY a.subject HAVING COUNT(*) >= :least""",
        least=least,
    )
    return {str(subject): Failures(int(number), str(last)) for subject, number, last in found}


def failures_from(connection: Connection, address: str, since: str) -> int:
    """Failures from one address since an instant."""
    statement = "SELECT COUNT(*) FROM login_attempt WHERE address = :address AND result = 'failed' AND at >= :since"
    return int(bulk.scalar(connection, statement, address=address, since=since))


def add_session(connection: Connection, session: Session) -> None:
    """A session begins."""
    bulk.insert_rows(connection, "login_session", _SESSION, [session])


def session(connection: Connection, id_sha256: str) -> Session | None:
    """A session by the digest of its id."""
    found = bulk.rows(connection, f"SELECT {', '.join(_SESSION)} FROM login_session WHERE id_sha256 = :id", id=id_sha256)
    return Session(*found[0]) if found else None


def sessions_of(connection: Connection, person_id: str) -> list[Session]:
    """The sessions of a person that have not ended, the newest first."""
    found = bulk.rows(
        connection,
        f"""SELECT {", ".join("s." + name for name in _SESSION)} FROM login_session s JOIN account a ON a.id = s.account_id
            WHERE a.person_id = :person AND s.ended_at = '' ORDER BY s.began_at DESC, s.number""",
        person=person_id,
    )
    return [Session(*row) for row in found]


def open_sessions(connection: Connection, now: str) -> list[Session]:
    """Every session that has not ended and is not past its end, the last used first."""
    found = bulk.rows(
        connection,
        f"SELECT {', '.join(_SESSION)} FROM login_session WHERE ended_at = '' AND until > :now ORDER BY seen_at DESC, number",
        now=now,
    )
    return [Session(*row) for row in found]


def see(connection: Connection, id_sha256: str, at: str) -> None:
    """A session was used."""
    bulk.run(connection, "UPDATE login_session SET seen_at = :at WHERE id_sha256 = :id AND ended_at = ''", at=at, id=id_sha256)


def end_session(connection: Connection, id_sha256: str, why: str, at: str) -> int:
    """A session ends; 0 when it had ended."""
    statement = "UPDATE login_session SET ended_at = :at, ended_why = :why WHERE id_sha256 = :id AND ended_at = ''"
    return bulk.run(connection, statement, at=at, why=why, id=id_sha256)


def end_sessions_of(connection: Connection, person_id: str, why: str, at: str) -> int:
    """Every session of a person ends; how many."""
    return bulk.run(
        connection,
        """UPDATE login_session SET ended_at = :at, ended_why = :why
           WHERE ended_at = '' AND account_id IN (SELECT a.id FROM account a WHERE a.person_id = :person)""",
        at=at, why=why, person=person_id,
    )  # fmt: skip


def last_logins(connection: Connection) -> dict[int, str]:
    """When each account last began a session."""
    found: Any = bulk.rows(connection, "SELECT account_id, MAX(began_at) FROM login_session GROUP BY account_id")
    return {int(account): str(at) for account, at in found}
