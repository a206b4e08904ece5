"""The verbs as screens for finance staff: pages rendered here, no build step, nothing loaded from elsewhere.

Mounted at ``/console`` by api.app. Calls jobs only; every page is a module of ``pages``, every word a row of ``words.toml``.
"""
