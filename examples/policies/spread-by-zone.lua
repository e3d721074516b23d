-- Spread by zone: the replicas of one service go to different zones, then to different nodes.
--
-- Nodes say where they are:   berth-agent --constraint zone=a
-- Containers say what they are: docker run -l service=web …
policy.api = 1

local SAME_NODE = 40 -- points lost for each replica that is already on the node

function policy.score(job, node, base)
  local service = job.labels.service
  if not service then
    return nil -- what C says
  end
  return base - SAME_NODE * node:replicas("service", service)
end

-- The best of each zone are offered in order; the zone with the fewest replicas among them wins.
function policy.pick(job, ranked)
  local service = job.labels.service
  if not service then
    return nil
  end
  local in_zone = {}
  for _, offer in ipairs(ranked) do
    local zone = offer.node.tags.zone or ""
    in_zone[zone] = (in_zone[zone] or 0) + offer.node:replicas("service", service)
  end
  local best
  for _, offer in ipairs(ranked) do
    local zone = offer.node.tags.zone or ""
    if not best or in_zone[zone] < in_zone[best.node.tags.zone or ""] then
      best = offer
    end
  end
  return best.node.name
end

test { "the empty zone is taken, though its node is fuller",
       job = { labels = { service = "web" }, memory = GiB },
       nodes = { { name = "a1", tags = { zone = "a" }, replicas = { service = { web = 1 } } },
                 { name = "a2", tags = { zone = "a" } },
                 { name = "b1", tags = { zone = "b" }, used_memory = 60 * GiB } },
       expect = { node = "b1" } }
test { "in one zone the free node is taken",
       job = { labels = { service = "web" } },
       nodes = { { name = "a1", tags = { zone = "a" }, replicas = { service = { web = 1 } } },
                 { name = "a2", tags = { zone = "a" } } },
       expect = { node = "a2" } }
test { "what is no service is placed as ever",
       job = { memory = GiB },
       nodes = { { name = "a1" }, { name = "a2", used_memory = GiB } },
       expect = { node = "a2" } }
