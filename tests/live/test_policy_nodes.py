"""policy.lua where nodes come and go: agent_join and reschedule."""

from harness import *

POLICY = """policy.api = 1
function policy.agent_join(agent)
  if agent.name == "node-3" and agent.labels.guest ~= "yes" then
    return deny("node-3 is a guest: join with --constraint guest=yes")
  end
  agent:label("rack", "r-" .. agent.name)
end
function policy.reschedule(container, node)
  if container.labels.stays == "yes" then return false end
end
"""

GROUP = group(nodes=3, agents={"node-3": ["--constraint", "guest=yes"]},
              flags=["--state", "{dir}/state", "--connect-timeout", "2s", "--policy",
                     "{dir}/policy.lua"], files={"policy.lua": POLICY})


@quick
def test_agent_join_labels_and_refuses(c):
    equal(c.docker("run --rm -e constraint:rack==r-node-2 busybox echo there").ok(), "there")
    c.docker("run --rm -e constraint:rack==r-node-9 busybox true").fails("rack")
    c.agents["node-3"].end()
    node = c.lab["node-3"]
    said = c.start_agent(node)
    wait_for("the refusal", lambda: "node-3 is a guest" in said.text(), 20)
    said.end()
    c.start_agent(node, ["--constraint", "guest=yes"])
    c.wait_nodes(3)


@seconds(120)
def test_reschedule_has_the_last_word(c):
    for name, label in (("moves", "no"), ("stays", "yes")):
        c.docker("run -d --name %s --label stays=%s -e constraint:node==~node-1 busybox top"
                 % (name, label)).ok()
        equal(c.node_of(name), "node-1")
    node = c.lab["node-1"]
    node.kill()
    c.agents["node-1"].kill()
    wait_for("the one that moves runs elsewhere",
             lambda: c.docker("inspect -f {{.Node.Name}}/{{.State.Status}} moves").out.strip() in
             ("node-2/running", "node-3/running"), 60)
    contains(c.docker("ps -a --filter name=stays").ok(), "Host Down")
    node.start()
    node.wait_ready()
    c.start_agent(node)
    c.wait_nodes(3, 60)
    wait_for("the other is back with its node", lambda: c.docker(
        "inspect -f {{.Node.Name}}/{{.State.Status}} stays").out.strip() == "node-1/running", 30)
