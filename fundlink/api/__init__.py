"""The verbs as REST for core-system vendors. Thin: everything of meaning is in pipeline, desk and store."""
