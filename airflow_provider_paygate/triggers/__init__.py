"""Waiting without a worker. Triggers only read at the gateway."""
