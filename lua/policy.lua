-- policy.lua: the operator's say in every decision of berthd. This is the default: it changes
-- nothing. Take what you need out of its comments, then
--
--   berthd --check policy.lua        # reads it, runs its tests
--   berthd --policy policy.lua …     # serves it; an edit is taken at once, a broken one is refused
--
-- What there is to see and to call: docs/policy.md. Complete policies: examples/policies.
policy.api = 1

-- May this node take the job? Asked of every node that the C filters kept (health, availability,
-- constraints, ports, memory, CPUs…). false and a reason refuse it; nil or true let it be.
--
-- function policy.filter(job, node)
--   if node.tags.maintenance == "yes" then
--     return false, "in maintenance"
--   end
-- end

-- How good is it? base is the score of the C strategy (--strategy), 0 to 100; the highest wins.
--
-- function policy.score(job, node, base)
--   if node:has_image(job.image) then
--     return base + 25
--   end
-- end

-- The last word among the best, as { node = …, score = … }: the name of one of them.
--
-- function policy.pick(job, ranked)
--   return ranked[1].node.name
-- end

-- May this request be made? Asked after the rules, before its body is read.
--
-- function policy.access(req)
--   if req.op == "exec.create" and req.target.labels.tier == "prod" then
--     return deny("no shells in production")
--   end
-- end

-- What may the body say? It can be read, changed and refused.
--
-- function policy.admit(req)
--   if req.op == "container.create" then
--     req:default("HostConfig.Memory", 512 * MiB)
--   end
-- end

-- Does a container of a lost or drained node start elsewhere? nil: what C says.
--
-- function policy.reschedule(container, node)
--   return container.labels.pet ~= "yes"
-- end

-- May this node join? It can be refused, and given tags.
--
-- function policy.agent_join(agent)
--   agent:label("rack", str.capture(agent.name, "^(r%d+)%-") or "none")
-- end

-- Every policy carries its tests. They run at each load; one that fails keeps the policy out.
test { "nothing is changed: the fullest node that fits is taken",
       job = { memory = GiB },
       nodes = { { name = "empty" }, { name = "half", used_memory = 32 * GiB },
                 { name = "full", used_memory = 64 * GiB } },
       expect = { node = "half", full = "not enough memory" } }
