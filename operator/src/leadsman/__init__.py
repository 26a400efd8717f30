"""Leadsman: a Kubernetes operator that rolls machine-learning models out on evidence."""
