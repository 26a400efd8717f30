-- Healthy: the desired revision is fully out. Progressing: it is on its way. Suspended: it waits for a person.
-- Degraded: it was taken back, or somebody has to change something; or nothing serves.
local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "Leadsman has yet to look at this spec" }
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local function holds(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

local available, ready = conditions.Available or {}, conditions.Ready or {}
local rollout = status.rollout or {}
if available.status == "False" and rollout.stable then
  return { status = "Degraded", message = available.message }
elseif holds("Stalled") then
  return { status = "Degraded", message = conditions.Stalled.message }
elseif holds("Ready") then
  return { status = "Healthy", message = ready.message }
elseif rollout.phase == "Approval" or rollout.paused then
  return { status = "Suspended", message = ready.message }
end
return { status = "Progressing", message = ready.message }
