"""Proving a model before it serves: it is fetched, loaded, asked and timed in a process of its own, and then judged.

`run` measures, in child processes that a model may take down; `judge` decides, over what was measured and nothing else.
"""
