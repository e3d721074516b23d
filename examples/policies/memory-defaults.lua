-- Memory: who says nothing gets a default, who asks for much needs a reason, and every container gets
-- limits that keep one of them from taking a node down.
policy.api = 1

local DEFAULT = 512 * MiB
local CAP = 8 * GiB -- without the label memory-reason

function policy.admit(req)
  if req.op == "container.create" then
    req:default("HostConfig.Memory", DEFAULT)
    req:default("HostConfig.PidsLimit", 512)
    req:append("HostConfig.SecurityOpt", "no-new-privileges")
    local asked = req:get("HostConfig.Memory")
    if asked > CAP and not req:get("Labels", {})["memory-reason"] then
      return deny(("%d GiB of memory need a label memory-reason=…; %d GiB don't")
                  :format(math.ceil(asked / GiB), CAP / GiB), 403)
    end
  elseif req.op == "container.update" and req:get("HostConfig.Memory", req:get("Memory", 0)) > CAP then
    return deny("docker update can't raise memory above 8 GiB")
  end
end

test { "a default is filled in", op = "container.create",
       body = { Image = "web", HostConfig = { Memory = 0 } },
       expect = { effect = "allow", body = { ["HostConfig.Memory"] = DEFAULT, ["HostConfig.PidsLimit"] = 512 } } }
test { "what was asked stays", op = "container.create",
       body = { Image = "web", HostConfig = { Memory = 64 * MiB } },
       expect = { effect = "allow", body = { ["HostConfig.Memory"] = 64 * MiB } } }
test { "much needs a reason", op = "container.create",
       body = { Image = "web", HostConfig = { Memory = 16 * GiB } },
       expect = { effect = "deny", why = "16 GiB of memory need a label memory-reason=…; 8 GiB don't" } }
test { "with a reason it is fine", op = "container.create",
       body = { Image = "web", Labels = { ["memory-reason"] = "cache" }, HostConfig = { Memory = 16 * GiB } },
       expect = { effect = "allow" } }
