"""The demo: a good version of a real model is promoted and a bad one is rolled back, on a real cluster, under load."""
