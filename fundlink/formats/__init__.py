"""Formats: one table a message parses, builds, checks, documents and samples it. Imports domain and safe_xml, never another room."""
