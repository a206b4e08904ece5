"""Pure words and rules of the trade: standard library only, read by every room."""
