"""The table of roles and permissions: one row a permission, a letter for each role that has it.

Read by pipeline.people (which decides for every face), by api and console. A permission that has no row does not exist and is
refused. Money is prepared and approved by different rows, so that no role alone can do both to the same thing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Role(NamedTuple):
    """A role: its letter in the table below, its name, its word."""

    letter: str
    name: str
    ja: str


ROLES = (
    Role("I", "input", "入力"),
    Role("R", "review", "審査"),
    Role("A", "approve", "決裁"),
    Role("T", "treasury", "会計"),
    Role("U", "audit", "監査"),
    Role("M", "admin", "管理"),
    Role("V", "vendor", "連携"),
)
BY_NAME = {role.name: role for role in ROLES}
HUMAN_ROLES = tuple(role.name for role in ROLES if role.name != "vendor")
KEY_ROLES = ("vendor", "audit")
"""What a machine may be: it hands over and fetches, or only looks. It never stands for a person."""


class Permission(NamedTuple):
    """A permission: its name, the letters of the roles that have it, its words."""

    name: str
    letters: str
    ja: str


PERMISSIONS = (
    Permission("bills.read", "IRATUV", "請求と納付書を見る"),
    Permission("bills.write", "IV", "請求を登録・更新・取消する（取込を含む）"),
    Permission("payers.read", "IRATV", "宛名（氏名・住所）を見る・納付書を印刷する"),
    Permission("files.read", "IRATUV", "受付と行ごとの結果を見る"),
    Permission("files.content", "IRAT", "受け取った内容（個人情報を含む）を見る"),
    Permission("clearings.read", "RATUV", "消込を取得する"),
    Permission("days.read", "IRATUV", "日ごとの突合を見る"),
    Permission("cases.read", "IRATUV", "案件と処理を見る"),
    Permission("cases.assign", "IRAT", "案件の担当者を決める"),
    Permission("profiles.read", "IRATUMV", "プロファイルを見る"),
    Permission("audit.read", "UM", "操作の記録を見る・検証する"),
    Permission("act.prepare", "IT", "処理（還付・充当・不納欠損など）を準備する"),
    Permission("act.approve", "A", "処理を承認する"),
    Permission("act.refuse", "RA", "処理を却下する"),
    Permission("day.prepare", "T", "日締め・締め直しを準備する"),
    Permission("day.approve", "A", "日締め・締め直しを承認する"),
    Permission("reissue.prepare", "ITV", "再発行を準備する"),
    Permission("reissue.approve", "RA", "再発行を承認する"),
    Permission("rollback.prepare", "IT", "ファイルの取消を準備する"),
    Permission("rollback.approve", "A", "ファイルの取消を承認する"),
    Permission("waive.prepare", "IT", "ファイルを待たないことを準備する"),
    Permission("waive.approve", "RA", "ファイルを待たないことを承認する"),
    Permission("settle.prepare", "T", "払込の清算を選ぶ"),
    Permission("settle.approve", "A", "払込の清算を承認する"),
    Permission("resend.prepare", "IT", "電文の送り直しを準備する"),
    Permission("resend.approve", "RA", "電文の送り直しを承認する"),
    Permission("account.prepare", "T", "団体の口座の登録を準備する"),
    Permission("account.approve", "A", "団体の口座の登録を承認する"),
    Permission("profile.prepare", "M", "プロファイルの変更を準備する"),
    Permission("profile.approve", "M", "プロファイルの変更を承認する"),
    Permission("users.read", "MU", "利用者と役割を見る（棚卸）"),
    Permission("users.prepare", "M", "利用者と役割の変更を準備する"),
    Permission("users.approve", "M", "利用者と役割の変更を承認する"),
    Permission("readiness.read", "IRATUM", "導入準備の状況を見る"),
    Permission("readiness.declare", "IRATM", "導入準備の状況を申告する"),
    Permission("keys.change", "M", "API キーを発行・失効する"),
)
_LETTERS = {permission.name: permission.letters for permission in PERMISSIONS}
MONEY = frozenset("IRAT")
"""Roles that take part in money. Nobody has one of them together with 管理 or 監査."""
PAIRS = ("act", "day", "reissue", "rollback", "waive", "settle", "resend", "account", "profile", "users")
"""What takes two persons: ``<pair>.prepare`` and ``<pair>.approve`` are rows above."""


def may(roles: Iterable[str], permission: str) -> bool:
    """Whether one of the roles has the permission; an unknown role or permission has nothing.

    >>> may(["approve"], "act.approve"), may(["admin"], "act.approve"), may(["audit"], "bills.write"), may(["admin"], "nothing")
    (True, False, False, False)
    """
    letters = _LETTERS.get(permission, "")
    return any(role in BY_NAME and BY_NAME[role].letter in letters for role in roles)


def exclusive(roles: Iterable[str]) -> bool:
    """Whether roles are given together that exclude each other: 管理 and 監査 stand alone.

    >>> exclusive(["input", "review"]), exclusive(["admin", "approve"]), exclusive(["audit", "admin"]), exclusive(["admin"])
    (False, True, True, False)
    """
    held = {role for role in roles if role in BY_NAME}
    return len(held) > 1 and bool(held & {"admin", "audit"})


def in_words(roles: Iterable[str]) -> str:
    """Roles as people read them."""
    return "・".join(BY_NAME[role].ja for role in roles if role in BY_NAME)


assert all(f"{pair}.{step}" in _LETTERS for pair in PAIRS for step in ("prepare", "approve"))
