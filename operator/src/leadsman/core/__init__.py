"""The decisions of Leadsman as pure functions over frozen data: no I/O, clock, randomness or environment."""
