"""What a user would pick instead, for the same job on the same data: libraries of their own environment (.venv-bench).

The tasks import nothing of the product and nothing of bench but ``child``. A library that is not there is told as missing.
"""
