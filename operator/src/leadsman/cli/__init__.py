"""The command line: `leadsman operator`, `leadsman crds`."""
