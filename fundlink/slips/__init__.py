"""Payment slips as PDF: what stands on a page, which characters the fonts have, the printed page.

Called by pipeline.printing, which hands in finished words and finished QR images. Never asks who may print, never reads a bill.
"""
