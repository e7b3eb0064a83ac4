"""Paytia's platform API, as specs/paytia.md reads the public pages. Where they are silent, docs/sandbox.md says what is ours."""
