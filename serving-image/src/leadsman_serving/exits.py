"""Exit codes, by which the operator knows whether to try again; those of sysexits.h."""

EX_DATAERR = 65
"""Trying again will not help (wrong model, wrong URI, no permission)."""
EX_UNAVAILABLE = 69
"""A port cannot be had."""
EX_TEMPFAIL = 75
"""Trying again may help."""
