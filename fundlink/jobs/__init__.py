"""The verbs as work: run by commands and servers directly, or by workers through a durable engine.

``verbs`` runs them, ``engine`` alone imports the engine, ``schedule`` says what is due, ``worker`` is the process that works,
``crew`` adopts what dead workers left. Called by cli, api and demo.
"""

from __future__ import annotations

from fundlink.jobs.tasks import Task, Workers
from fundlink.jobs.verbs import Jobs, problems_json

__all__ = ["Jobs", "Task", "Workers", "problems_json"]
