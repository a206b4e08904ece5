"""The whole road on made-up bills against the bundled mock. Nothing here is used in production, which refuses to run it."""
