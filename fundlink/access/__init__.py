"""Who may do what: roles, passwords, second factors, tokens, lockout. Rules only: rows live in store, the glue is desk."""
