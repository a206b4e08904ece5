"""The edges: gateway, envelope, files of core systems. Bytes in, bytes out; no meaning."""
