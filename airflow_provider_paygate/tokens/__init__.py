"""Tokens: one call per life, shared by every thread, process and machine on the paygate database, encrypted there."""
