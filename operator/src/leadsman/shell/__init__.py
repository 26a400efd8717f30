"""The imperative shell: everything that reads or writes the world, and nothing that decides."""
