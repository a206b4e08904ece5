"""Bytes to records and back, all driven by the layout tables in schemas/profiles."""
