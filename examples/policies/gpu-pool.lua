-- GPU pool: nodes report their GPUs, containers ask for some, nobody gets what is taken. Nodes with
-- GPUs are kept for those who need them.
--
-- Nodes:      berth-agent --fact gpu=4
-- Containers: docker run -l gpus=1 --gpus 1 …
policy.api = 1

local function asked(job)
  return tonumber(job.labels.gpus or 0) or 0
end

function policy.filter(job, node)
  local gpus = asked(job)
  if gpus == 0 then
    return true
  end
  local free = (node.facts.gpu or 0) - node:sum("gpus")
  if free < gpus then
    return false, ("%d of %d GPUs free"):format(math.max(free, 0), node.facts.gpu or 0)
  end
  return true
end

function policy.score(job, node, base)
  if asked(job) == 0 and (node.facts.gpu or 0) > 0 then
    return 0 -- only when nothing else is left
  end
end

test { "a GPU job goes where enough are free",
       job = { labels = { gpus = "2" } },
       nodes = { { name = "plain" },
                 { name = "busy", facts = { gpu = "4" }, containers = { { labels = { gpus = "3" } } } },
                 { name = "free", facts = { gpu = "2" } } },
       expect = { node = "free", plain = "0 of 0 GPUs free", busy = "1 of 4 GPUs free" } }
test { "others keep off the GPU nodes",
       job = { memory = GiB },
       nodes = { { name = "gpu", facts = { gpu = "2" }, used_memory = 32 * GiB }, { name = "plain" } },
       expect = { node = "plain" } }
test { "until nothing else is left",
       job = { memory = GiB },
       nodes = { { name = "gpu", facts = { gpu = "2" } }, { name = "plain", state = "drain" } },
       expect = { node = "gpu" } }
test { "nobody has that many",
       job = { labels = { gpus = "8" } },
       nodes = { { name = "gpu", facts = { gpu = "2" } } },
       expect = { error = "gpu: 2 of 2 GPUs free" } }
