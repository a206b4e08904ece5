"""Forms of the values that come in over HTTP, written once.

Called by the route modules. Shape only; meaning is looked at by the acts.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

InstitutionCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")]
CaseKey = Annotated[str, StringConstraints(pattern=r"^[0-9]{20}$")]
ConfirmationNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
FundCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{3}$")]
MessageId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}$")]
Channel = Literal["counter", "card", "internet_banking", "direct_debit", "pay_easy", "app"]
Yen = Annotated[int, Field(ge=1, le=99_999_999_999, strict=True)]
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2099, 12, 31))]
"""What the schemas and the two-digit years of bank records can carry."""
TransactionKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9\-]{1,40}$")]
