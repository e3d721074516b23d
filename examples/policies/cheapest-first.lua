-- Cheapest first: nodes report what they cost, the cheapest that fits is taken; spot machines, which
-- can vanish, only take what may be moved.
--
-- Nodes: berth-agent --fact price=0.12 --constraint spot=yes
policy.api = 1

local DEAREST = 10 -- price that scores 0

function policy.filter(job, node)
  if node.tags.spot == "yes" and job.reschedule == "never" then
    return false, "spot machine, and the container may not be moved"
  end
end

function policy.score(job, node, base)
  local price = node.facts.price or DEAREST
  return 100 * (1 - math.min(price, DEAREST) / DEAREST) + base / 100 -- ties: what C says
end

test { "the cheapest is taken",
       nodes = { { name = "large", facts = { price = "2" } }, { name = "small", facts = { price = "0.5" } } },
       expect = { node = "small", score = { large = 80.5 } } }
test { "when it is full, the next",
       job = { memory = 4 * GiB },
       nodes = { { name = "large", facts = { price = "2" } },
                 { name = "small", facts = { price = "0.5" }, memory = 2 * GiB } },
       expect = { node = "large", small = "not enough memory" } }
test { "no stateful container on a spot machine",
       job = { constraints = { "reschedule=never" } },
       nodes = { { name = "spot", facts = { price = "0.1" }, tags = { spot = "yes" } },
                 { name = "steady", facts = { price = "1" } } },
       expect = { node = "steady", spot = "spot machine" } }
