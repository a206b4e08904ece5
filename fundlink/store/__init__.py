"""The memory of fundlink: tables, migrations and every query. No rule of the trade is decided here."""
