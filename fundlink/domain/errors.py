"""Exceptions of fundlink, all on one page. Wrong input is a value (a Problem); these stop a call.

FundlinkError
 ├─ ProblemError          the unit of this call cannot be done: carries Problems      (exit 1, HTTP 4xx)
 ├─ UsageError            the call itself is wrong                                    (exit 2)
 ├─ BusyError             another run holds the stream                                (exit 75, HTTP 503)
 │   └─ NameTakenError    a worker of this name is running                           (exit 75)
 ├─ ConfigurationError    the configuration is wrong or unsafe                        (exit 78)
 └─ OutcomeUnknownError   the other side may or may not have done it: never "no"
     └─ NotKeptError      the database may or may not have committed
"""

from __future__ import annotations

from collections.abc import Iterable

from fundlink.domain.problems import Problem


class FundlinkError(Exception):
    """The root of everything fundlink raises on purpose."""

    exit_code = 1


class ProblemError(FundlinkError):
    """The unit of this call cannot be done; ``problems`` says why, errors first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(problem.code for problem in self.problems))


class UsageError(FundlinkError):
    """The call itself is wrong: a missing file, an unknown option, a folder where a file is wanted."""

    exit_code = 2


class BusyError(FundlinkError):
    """Another run holds the stream (FL-LCK-001)."""

    exit_code = 75
    code = "FL-LCK-001"


class NameTakenError(BusyError):
    """A worker of this name is running (FL-LCK-002)."""

    code = "FL-LCK-002"


class ConfigurationError(FundlinkError):
    """The configuration is wrong or unsafe, so nothing was started; ``problems`` names every fault found."""

    exit_code = 78

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(problem.code for problem in self.problems))


class OutcomeUnknownError(FundlinkError):
    """The other side may or may not have taken what was sent: inquire, never assume."""


class NotKeptError(OutcomeUnknownError):
    """The database failed while committing: what was to be kept may or may not be there, so look before trying again."""
