"""Hypothesis on a machine that others share: no example fails for taking long."""

from hypothesis import settings

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
