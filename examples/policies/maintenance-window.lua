-- Maintenance: a node whose tag names today's weekday is spared from midnight on, so that it is
-- quiet when its window comes; batch jobs, which end soon, may still go there until 02:00 UTC.
--
-- Nodes: berth-agent --constraint maintenance=2     (1 = Monday … 7 = Sunday)
policy.api = 1

local BATCH_UNTIL = 2 -- hour

local function due(node, time)
  return tonumber(node.tags.maintenance or "") == time.weekday
end

function policy.filter(job, node)
  local time = now()
  if not due(node, time) then
    return true
  end
  if job.labels.kind == "batch" and time.hour < BATCH_UNTIL then
    return true
  end
  return false, "in maintenance today"
end

-- What was lost with a node that was being maintained comes back with it.
function policy.reschedule(container, node)
  if tonumber(node.tags.maintenance or "") == now().weekday then
    return false
  end
end

local today = tostring(now().weekday)
local tomorrow = tostring(now().weekday % 7 + 1)

test { "a node in maintenance is spared",
       job = { image = "web" },
       nodes = { { name = "a", tags = { maintenance = today } },
                 { name = "b", tags = { maintenance = tomorrow } } },
       expect = { node = "b", a = "in maintenance today" } }
test { "containers of such a node wait for it",
       container = { name = "db" }, node = { name = "a", tags = { maintenance = today } },
       expect = { reschedule = false } }
test { "others are moved as ever",
       container = { name = "db" }, node = { name = "b" },
       expect = { reschedule = true } }
