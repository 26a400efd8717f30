"""Fetching one model file from where its URI points to a directory."""
