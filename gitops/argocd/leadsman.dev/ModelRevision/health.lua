-- What became of a revision. Argo CD shows it in the tree; only what is in Git counts for the application's health.
local status = obj.status or {}
local healths = {
  Promoted = "Healthy",
  Rejected = "Degraded",
  RolledBack = "Degraded",
  Superseded = "Suspended",
  Aborted = "Suspended",
}
return { status = healths[status.outcome] or "Progressing", message = status.message }
