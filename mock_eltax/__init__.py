"""The other side, whole: an eLTAX-style gateway, its payer site, its banks and its scenarios, as one small process.

Called by `python -m mock_eltax`, by demos and by tests over HTTP. It never imports fundlink: it has its own XML, signature, bank-file and
eL-QR code and shares only `schemas/`, so a mistake in the adapter cannot agree with itself here. It is a mock (模擬環境) and connects to nothing.
"""
