"""Roles, rules and visibility said in policy.lua: the same rules as in an --access file, reloaded
with the script."""

import hashlib
import json

from harness import *

USERS = (("root", "ops"), ("ann", "devs"), ("bob", "others"))

POLICY = """policy.api = 1
role { "ops", token = "root" }
role { "dev", token_group = { "devs", "others" } }
rule { "ops", roles = { "ops" }, ops = { "*" }, tenant = "any", waives = { "*" }, effect = "allow" }
rule { "dev", roles = { "dev" }, preset = "developer" }
rule { "freeze", roles = { "dev" }, ops = { "container.stop" }, effect = "deny", why = "frozen",
       when = function(req) return req.target.labels.tier == "prod" end }
function policy.access(req)
  if req.op == "image.history" then return allow("history is for all") end
end
function policy.visible(id, obj)
  if obj.labels.public == "yes" then return true end
  if obj.labels.secret == "yes" then return false end
end
function policy.admit(req)
  for _, violation in ipairs(req.violations) do
    if violation.code == "mount.bind" and violation.readonly and req.id.tenant == "devs" and
       path.within(req.mounts[1].source, "/etc") then
      req:waive(violation, "devs may read /etc")
    end
  end
end
test { "dev works", as = { role = "dev", tenant = "a" }, op = "container.create",
       expect = { effect = "allow" } }
"""


def token(name):
    return "policy-token-of-%s" % name


def line(name, group):
    return "%s:%s:%s" % (name, hashlib.sha256(token(name).encode()).hexdigest(), group)


GROUP = group(nodes=2, static=True,
              flags=["--policy", "{dir}/policy.lua", "--user-tokens", "{dir}/tokens",
                     "--audit-log", "{dir}/audit"],
              files={"policy.lua": POLICY,
                     "tokens": "\n".join(line(*user) for user in USERS) + "\n"},
              headers={"Authorization": "Bearer " + token("root")})


def as_user(c, name):
    """A stock client whose configuration carries the user's token."""
    folder = os.path.join(c.folder, "docker-" + name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as out:
        json.dump({"HttpHeaders": {"Authorization": "Bearer " + token(name)}}, out)
    return lambda args: c.docker(args, DOCKER_CONFIG=folder)


def audit(c):
    with open(os.path.join(c.folder, "audit")) as source:
        return [json.loads(row) for row in source]


@quick
def test_rules_of_the_script_are_in_force(c):
    ann = as_user(c, "ann")
    ann("run -d --name mine busybox top").ok()
    ann("run -d --privileged busybox top").fails("privileged")
    c.docker("ps").fails("needs an identity")
    ann("run -d --name prod -l tier=prod busybox top").ok()
    ann("stop -t 0 prod").fails("frozen")
    ann("stop -t 0 mine").ok()
    last = [row for row in audit(c) if row.get("rule") == "freeze"]
    equal(len(last) > 0, True, "the rule is in the audit log")


@quick
def test_visible_shows_and_hides_but_lets_nobody_act(c):
    ann, bob = as_user(c, "ann"), as_user(c, "bob")
    ann("run -d --name public -l public=yes busybox top").ok()
    ann("run -d --name private busybox top").ok()
    ann("create --name secret -l secret=yes busybox top").ok()
    equal(sorted(bob("ps --format {{.Names}}").ok().split()), ["public"])
    equal(sorted(ann("ps -a --format {{.Names}}").ok().split()), ["private", "public"])
    equal(bob("inspect -f {{.Name}} public").ok(), "/public")
    bob("stop -t 0 public").fails("No such container")
    bob("exec public true").fails("No such container")
    ann("stop -t 0 public").ok()
    as_user(c, "root")("rm -f secret").ok()


@quick
def test_access_allows_what_no_rule_does_and_admit_waives(c):
    ann, bob = as_user(c, "ann"), as_user(c, "bob")
    ann("run -d --name reader -v /etc/hostname:/h:ro busybox top").ok()
    ann("run -d -v /etc/hostname:/h busybox top").fails("mount.bind")
    bob("run -d -v /etc/hostname:/h:ro busybox top").fails("mount.bind")


@quick
def test_rules_are_reloaded_with_the_script(c):
    ann = as_user(c, "ann")
    ann("run -d --name one busybox top").ok()
    before = c.api("GET", "/_berth/v1/policy")[1]["generation"]
    harder = POLICY + """
rule { "quiet", roles = { "dev" }, ops = { "container.create" }, effect = "deny", why = "quiet time" }
"""
    harder = harder.replace('expect = { effect = "allow" } }', 'expect = { rule = "quiet" } }')
    os.rename(c.write("policy.lua.new", harder), os.path.join(c.folder, "policy.lua"))
    wait_for("another policy serves", lambda: c.api(
        "GET", "/_berth/v1/policy")[1]["generation"] > before, 20)
    ann("run -d busybox top").fails("quiet time")
    ann("stop -t 0 one").ok()
