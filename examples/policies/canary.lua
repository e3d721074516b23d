-- Canary: nodes with a new kernel or engine first get only containers that volunteer. Others are
-- placed there once the node is no canary any more.
--
-- Nodes:      berth-agent --constraint canary=yes
-- Containers: docker run -l canary=ok …
policy.api = 1

local WARMUP = 60 -- seconds a node that has just joined is spared

function policy.filter(job, node)
  if node.tags.canary == "yes" and job.labels.canary ~= "ok" then
    return false, "canary, for volunteers only"
  end
end

function policy.score(job, node, base)
  if node.tags.canary == "yes" then
    base = base + 100 -- volunteers go there first
  end
  if node.age < WARMUP then
    base = base - 20
  end
  return base
end

test { "others keep off", nodes = { { name = "new", tags = { canary = "yes" } }, { name = "old" } },
       expect = { node = "old", new = "volunteers only" } }
test { "volunteers go first", job = { labels = { canary = "ok" } },
       nodes = { { name = "new", tags = { canary = "yes" } }, { name = "old" } },
       expect = { node = "new" } }
test { "a fresh node is spared", nodes = { { name = "fresh", age = 5 }, { name = "seasoned" } },
       expect = { node = "seasoned" } }
