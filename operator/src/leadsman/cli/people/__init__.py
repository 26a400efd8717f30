"""The commands by which people see a rollout and act on it: status, watch, history, and a command for each verb."""
