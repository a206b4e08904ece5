"""fundlink: the adapter between municipal core systems and an eLTAX-style gateway for public funds (公金)."""

__version__ = "0.1.0"
