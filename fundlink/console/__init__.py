"""The verbs as screens for finance staff. Calls jobs and desk; decides nothing."""
