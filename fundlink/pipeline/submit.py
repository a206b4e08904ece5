"""Submit: slips that the gateway does not know as they are now become signed messages; its answers advance the slips.

Steps: clear_up (inquire about messages whose answer was lost), compose (messages stored under their ids before anything is
sent), send. Composing stands in ``compose``; asking and sending in ``sending``, where the same bytes go again under the same id.
"""

from __future__ import annotations

from fundlink.pipeline.compose import compose
from fundlink.pipeline.rooms import Verb
from fundlink.pipeline.sending import clear_up, send

SUBMIT: Verb = (("clear_up", clear_up), ("compose", compose), ("send", send))
