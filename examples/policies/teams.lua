-- Teams: who may do what, told by the group of a user's token (berthd --user-tokens). Each team has
-- its own containers; what runs in production is frozen in the evening; thirty creates a minute.
policy.api = 1

role { "ops", token_group = "ops" }
role { "dev", token_group = { "web", "data" } }
role { "metrics", token = "prometheus" }

rule { "ops", roles = { "ops" }, ops = { "*" }, tenant = "any", waives = { "*" }, effect = "allow" }
rule { "dev", roles = { "dev" }, preset = "developer" }
rule { "metrics", roles = { "metrics" }, preset = "monitor" }
rule { "freeze", roles = { "dev" }, ops = { "container.delete", "container.stop" }, effect = "deny",
       why = "production is frozen from 18:00 to 06:00 UTC",
       when = function(req)
         local hour = now().hour
         return req.target.labels.tier == "prod" and (hour >= 18 or hour < 6)
       end }

function policy.access(req)
  if req.op == "exec.create" and req.target.labels.tier == "prod" and not req.id.roles.ops then
    return deny("no shells in production")
  end
  if req.op == "container.create" and not quota("create " .. req.id.tenant, 30, 60) then
    return deny("at most 30 creates a minute", 429)
  end
end

local web = { role = "dev", tenant = "web" }

test { "a developer makes containers", as = web, op = "container.create", expect = { effect = "allow" } }
test { "but not privileged ones", as = web, op = "container.create",
       body = { Image = "x", HostConfig = { Privileged = true } },
       expect = { effect = "deny", code = "privileged" } }
test { "ops do", as = { role = "ops", tenant = "ops" }, op = "container.create",
       body = { Image = "x", HostConfig = { Privileged = true } }, expect = { effect = "allow" } }
test { "others' containers are others'", as = web, op = "container.stop", target = { owner = "data" },
       expect = { effect = "deny", rule = "owner" } }
test { "no shells in production", as = web, op = "exec.create",
       target = { owner = "web", labels = { tier = "prod" } },
       expect = { effect = "deny", status = 403, why = "no shells in production" } }
test { "metrics only look", as = { role = "metrics" }, op = "container.create",
       expect = { effect = "deny", rule = "default" } }
test { "strangers get nothing", op = "container.list", expect = { effect = "deny", rule = "default" } }
