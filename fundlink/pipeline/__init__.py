"""THE ROAD: five verbs, each a short list of named idempotent steps. Only this package and desk.py move data between rooms.

intake -> submit -> collect -> reconcile -> export
"""

from __future__ import annotations

from fundlink.pipeline.collect import COLLECT
from fundlink.pipeline.export import EXPORT
from fundlink.pipeline.intake import INTAKE
from fundlink.pipeline.intake_results import report as intake_report
from fundlink.pipeline.reconcile import RECONCILE
from fundlink.pipeline.rooms import Rooms, Step, Ticket, Verb, run
from fundlink.pipeline.submit import SUBMIT

VERBS: dict[str, Verb] = {"intake": INTAKE, "submit": SUBMIT, "collect": COLLECT, "reconcile": RECONCILE, "export": EXPORT}

__all__ = ["COLLECT", "EXPORT", "INTAKE", "RECONCILE", "SUBMIT", "VERBS", "Rooms", "Step", "Ticket", "Verb", "intake_report", "run"]
