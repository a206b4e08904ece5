"""The pages. To add one: a module here with ``ROUTES``, a template, its words in ``words.toml``, and a line in the two tables below.

Read by app. A page asks jobs, hands what it got to ``view.show`` and decides nothing. What people may go to from anywhere has
a line in NAVIGATION; a page that is reached from another one has none. Each asks ``visitor.require`` before anything else.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from fundlink.console.pages import (
    acts,
    bank_accounts,
    bills,
    cases,
    closing,
    day,
    files,
    home,
    payment,
    profiles,
    proposal,
    readiness,
    reports,
    search,
    settlement,
    sheet,
    small_funds,
    upload,
    users,
)
from fundlink.console.view import Entry

ROUTES: tuple[BaseRoute, ...] = (
    *home.ROUTES,
    *day.ROUTES,
    *closing.ROUTES,
    *sheet.ROUTES,
    *payment.ROUTES,
    *bills.ROUTES,
    *search.ROUTES,
    *settlement.ROUTES,
    *cases.ROUTES,
    *acts.ROUTES,
    *proposal.ROUTES,
    *files.ROUTES,
    *upload.ROUTES,
    *reports.ROUTES,
    *bank_accounts.ROUTES,
    *readiness.ROUTES,
    *small_funds.ROUTES,
    *users.ROUTES,
    *profiles.ROUTES,
)
NAVIGATION: tuple[Entry, ...] = (
    Entry("nav.home", ""),
    Entry("nav.day", "days", "days.read"),
    Entry("nav.search", "search", "bills.read"),
    Entry("nav.cases", "cases", "cases.read"),
    Entry("nav.acts", "approvals", "cases.read"),
    Entry("nav.files", "files", "files.read"),
    Entry("nav.reports", "reports", "days.read"),
    Entry("nav.small", "small-funds", "bills.read"),
    Entry("nav.readiness", "readiness", "readiness.read"),
    Entry("nav.users", "users", "users.read"),
)
