-- Image locality: large images are expensive to pull; a node that holds the image is preferred, as
-- long as it is not much fuller than the others.
policy.api = 1

local BONUS = 30          -- points of 100
local TOO_FULL = 0.9      -- share of memory from which on the bonus is not worth it

function policy.score(job, node, base)
  if not node:has_image(job.image) then
    return nil
  end
  if node.used.memory + job.memory > TOO_FULL * node.total.memory then
    return nil
  end
  return base + BONUS
end

test { "the node that holds the image is taken",
       job = { image = "registry.local/model:7", memory = GiB },
       nodes = { { name = "a", used_memory = 8 * GiB }, { name = "b", images = { "registry.local/model:7" } } },
       expect = { node = "b" } }
test { "redis means redis:latest",
       job = { image = "redis" },
       nodes = { { name = "a" }, { name = "b", images = { "redis:latest" } } },
       expect = { node = "b" } }
test { "not when it is nearly full",
       job = { image = "redis", memory = GiB },
       nodes = { { name = "a", base = 50 },
                 { name = "b", base = 50, images = { "redis:latest" }, used_memory = 60 * GiB } },
       expect = { node = "a" } }
