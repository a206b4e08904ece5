"""The register of slips: what a message does to it, slip by slip, as set work in SQL.

Called by `gateway` inside its transaction. Decides E101 to E199; never refuses a whole message.
"""

import json
from collections.abc import Sequence

from mock_eltax.inbound import Slip
from mock_eltax.ledger import PAID
from mock_eltax.world import Desk

REASONS = {
    "E101": "登録済みの案件特定キーで内容が異なります / case key already registered with other content",
    "E102": "この団体では取り扱わない公金種目です / fund not open for this municipality",
    "E103": "日付が正しくありません / dates are not acceptable",
    "E104": "登録されていない納付書です / slip is not registered",
    "E105": "納付済みの納付書です / slip is already paid",
    "E106": "取消済みの納付書です / slip is already cancelled",
    "E199": "その他の理由で受け付けられません / refused for another reason",
}
DONE = {"register": "registered", "update": "updated", "cancel": "cancelled"}

CONTENT = (
    "confirmation_number",
    "fund_code",
    "office_code",
    "levy_year",
    "relevant_year",
    "fiscal_year",
    "installment",
    "amount_yen",
    "due_on",
    "payable_until",
)
SAME = " AND ".join(f"s.{name} = i.{name}" for name in CONTENT)
IDENTITY = "s.confirmation_number = i.confirmation_number AND s.fund_code = i.fund_code"

INCOMING = """CREATE TEMP TABLE incoming(position INTEGER PRIMARY KEY, operation TEXT, case_key TEXT, confirmation_number TEXT, fund_code TEXT,
  office_code TEXT, levy_year TEXT, relevant_year TEXT, fiscal_year TEXT, installment TEXT, amount_yen INTEGER, due_on TEXT, payable_until TEXT,
  replaced_by TEXT, reason TEXT)"""

JUDGE = f"""
UPDATE incoming AS i SET reason = CASE
  WHEN i.case_key GLOB '99900*' THEN CASE WHEN 'E' || substr(i.case_key, -3) IN ({", ".join(f"'{code}'" for code in REASONS)})
    THEN 'E' || substr(i.case_key, -3) ELSE 'E199' END
  WHEN i.fund_code NOT IN (SELECT value FROM json_each(:funds)) THEN 'E102'
  WHEN i.operation <> 'cancel' AND (i.payable_until < i.due_on OR i.due_on < '1990-01-01' OR i.payable_until > '2099-12-31') THEN 'E103'
  WHEN i.replaced_by = i.case_key THEN 'E199'
  ELSE COALESCE((SELECT CASE
    WHEN s.state <> 'registered' THEN 'E106'
    WHEN i.operation = 'register' THEN CASE WHEN {SAME} THEN '' ELSE 'E101' END
    WHEN {PAID} THEN 'E105'
    WHEN NOT ({IDENTITY}) THEN 'E199'
    ELSE '' END
    FROM slips s WHERE s.institution_code = :institution AND s.case_key = i.case_key),
    CASE i.operation WHEN 'register' THEN '' ELSE 'E104' END)
  END"""
"""One CASE is the whole table of reasons, in order of precedence. An update may change amount and dates, never whose slip it is."""

EFFECTS = (
    """INSERT OR IGNORE INTO slips(institution_code, case_key, confirmation_number, fund_code, office_code, levy_year, relevant_year, fiscal_year,
       installment, amount_yen, due_on, payable_until)
       SELECT :institution, case_key, confirmation_number, fund_code, office_code, levy_year, relevant_year, fiscal_year, installment, amount_yen,
       due_on, payable_until FROM incoming WHERE operation = 'register' AND reason = '' ORDER BY case_key""",
    """UPDATE slips AS s SET office_code = i.office_code, levy_year = i.levy_year, relevant_year = i.relevant_year, fiscal_year = i.fiscal_year,
       installment = i.installment, amount_yen = i.amount_yen, due_on = i.due_on, payable_until = i.payable_until
       FROM incoming i WHERE i.operation = 'update' AND i.reason = '' AND s.institution_code = :institution AND s.case_key = i.case_key""",
    """UPDATE slips AS s SET state = CASE WHEN i.replaced_by IS NULL THEN 'cancelled' ELSE 'superseded' END, replaced_by = i.replaced_by
       FROM incoming i WHERE i.operation = 'cancel' AND i.reason = '' AND s.institution_code = :institution AND s.case_key = i.case_key""",
)

ANSWERS = "SELECT case_key, operation, reason, amount_yen FROM incoming ORDER BY position"


def apply(desk: Desk, slips: Sequence[Slip]) -> list[tuple[str, str, str, int]]:
    """Judge every slip, let the good ones take effect, and say of each: case key, operation, reason ('' for none), yen."""
    connection = desk.connection
    values = {"institution": desk.institution_code, "funds": json.dumps(list(desk.world.funds))}
    connection.execute("DROP TABLE IF EXISTS temp.incoming")
    connection.execute(INCOMING)
    marks = ", ".join("?" * 13)
    connection.executemany(f"INSERT INTO incoming VALUES(NULL, {marks}, NULL)", slips)
    connection.execute(JUDGE, values)
    for effect in EFFECTS:
        connection.execute(effect, values)
    return [tuple(row) for row in connection.execute(ANSWERS)]
