-- An action is done with when it was accepted or refused; it never changes again.
local status = obj.status or {}
local healths = { Accepted = "Healthy", Refused = "Degraded" }
return { status = healths[status.outcome] or "Progressing", message = status.message }
