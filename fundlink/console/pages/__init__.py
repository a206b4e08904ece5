"""The pages. To add one: a module here with ``ROUTES``, a template, its words in ``words.toml``, and a line in the two tables below.

Read by app. A page asks jobs, hands what it got to ``view.show`` and decides nothing. What people may go to from anywhere has
a line in NAVIGATION; a page that is reached from another one has none. Each asks ``visitor.require`` before anything else.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from fundlink.console.pages import closing, day, home, payment, readiness, reports, settlement, sheet, users
from fundlink.console.view import Entry

ROUTES: tuple[BaseRoute, ...] = (
    *home.ROUTES,
    *day.ROUTES,
    *closing.ROUTES,
    *sheet.ROUTES,
    *payment.ROUTES,
    *settlement.ROUTES,
    *reports.ROUTES,
    *readiness.ROUTES,
    *users.ROUTES,
)
NAVIGATION: tuple[Entry, ...] = (
    Entry("nav.home", ""),
    Entry("nav.day", "days", "days.read"),
    Entry("nav.reports", "reports", "days.read"),
    Entry("nav.readiness", "readiness", "readiness.read"),
    Entry("nav.users", "users", "users.read"),
)
