"""The Docker SDK for Python (Debian's python3-docker) over three engines: what scripts do."""

import json

from harness import *

GROUP = group(nodes=3)


def script(c, body, timeout=60):
    """Runs `body` with `client` in the interpreter that has python3-docker; its output as JSON."""
    head = "import docker, io, json, tarfile\n" \
           "client = docker.DockerClient(base_url=%r, version='auto', timeout=50)\n" % c.host
    done = command(["/usr/bin/python3", "-W", "ignore", "-c", head + body], timeout=timeout,
                   env=c.env())
    if "No module named 'docker'" in done.err:
        raise Skip("python3-docker is not installed")
    return json.loads(done.ok())


def test_version_and_info(c):
    row = script(c, "print(json.dumps([client.ping(), client.version()['ApiVersion'],"
                    " client.info()['NCPU']]))")
    equal((row[0], row[2]), (True, 3))


@keep
def test_run_gives_output(c):
    equal(script(c, "print(json.dumps(client.containers.run('busybox', 'echo hi', remove=True)"
                    ".decode()))"), "hi\n")


@keep
def test_a_container_from_create_to_remove(c):
    states = script(c, """
container = client.containers.create('busybox', 'top', name='sdk', labels={'a': 'b'})
seen = [container.status]
for step in ('start', 'pause', 'unpause'):
    getattr(container, step)()
    container.reload()
    seen.append(container.status)
container.stop(timeout=1)
container.reload()
seen.append(container.status)
container.remove()
print(json.dumps(seen))
""")
    equal(states, ["created", "running", "paused", "running", "exited"])


@keep
def test_list_with_filters(c):
    rows = script(c, """
for number in range(4):
    client.containers.run('busybox', 'top', detach=True, name='n%d' % number,
                          labels={'odd': str(number % 2)})
print(json.dumps([sorted(x.name for x in client.containers.list()),
                  sorted(x.name for x in client.containers.list(filters={'label': 'odd=1'})),
                  [x.name for x in client.containers.list(limit=2)],
                  [x.name for x in client.containers.list(filters={'name': ['n3']})]]))
""")
    equal(rows, [["n0", "n1", "n2", "n3"], ["n1", "n3"], ["n3", "n2"], ["n3"]])


@keep
def test_exec_with_streams(c):
    row = script(c, """
container = client.containers.get('n0')
plain = container.exec_run('sh -c "echo out; echo err >&2; exit 4"', demux=True)
stream = b''.join(container.exec_run('echo streamed', stream=True).output)
print(json.dumps([plain.exit_code, [x.decode() for x in plain.output], stream.decode()]))
""")
    equal(row, [4, ["out\n", "err\n"], "streamed\n"])


@keep
def test_archives(c):
    equal(script(c, """
container = client.containers.get('n1')
data = io.BytesIO()
with tarfile.open(fileobj=data, mode='w') as tar:
    entry = tarfile.TarInfo('put.txt')
    entry.size = 3
    tar.addfile(entry, io.BytesIO(b'abc'))
container.put_archive('/tmp', data.getvalue())
pieces, stat = container.get_archive('/tmp/put.txt')
with tarfile.open(fileobj=io.BytesIO(b''.join(pieces))) as tar:
    text = tar.extractfile('put.txt').read().decode()
print(json.dumps([text, stat['name']]))
"""), ["abc", "put.txt"])


@keep
def test_logs_stats_top(c):
    row = script(c, """
container = client.containers.run('busybox', 'sh -c "echo told; top"', detach=True, name='told')
for line in container.logs(stream=True, follow=True):
    break
stats = container.stats(stream=False)
top = container.top()
print(json.dumps([line.decode(), sorted(stats)[:1], top['Titles'][:2]]))
""")
    equal(row[0], "told\n")
    equal(row[1], ["blkio_stats"])
    contains(row[2], "UID")


@keep
def test_wait(c):
    equal(script(c, """
container = client.containers.run('busybox', 'sh -c "exit 6"', detach=True)
print(json.dumps(container.wait()['StatusCode']))
"""), 6)


@keep
def test_images(c):
    row = script(c, """
image = client.images.get('busybox')
image.tag('sdk/tagged', 'v1')
tagged = client.images.get('sdk/tagged:v1').id == image.id
listed = [x.id for x in client.images.list(name='sdk/tagged')] == [image.id]
data = b''.join(client.images.get('sdk/tagged:v1').save(named='sdk/tagged:v1'))
client.images.remove('sdk/tagged:v1')
loaded = client.images.load(data)[0].tags
client.images.remove('sdk/tagged:v1')
missing = ''
try:
    client.images.get('sdk/tagged:v1')
except docker.errors.ImageNotFound as error:
    missing = error.explanation
print(json.dumps([tagged, listed, 'sdk/tagged:v1' in loaded, missing]))
""")
    equal(row[:3], [True, True, True])
    contains(row[3], "No such image")


@keep
def test_build(c):
    row = script(c, """
text = io.BytesIO(b'FROM busybox\\nRUN echo x > /made\\n')
image, log = client.images.build(fileobj=text, tag='sdk/built:1', rm=True)
said = client.containers.run('sdk/built:1', 'cat /made', remove=True).decode()
client.images.remove('sdk/built:1')
print(json.dumps([image.tags, said]))
""")
    equal(row, [["sdk/built:1"], "x\n"])


@keep
def test_networks(c):
    row = script(c, """
net = client.networks.create('sdk-net', driver='bridge', labels={'x': 'y'})
container = client.containers.run('busybox', 'top', detach=True, name='joined', network='sdk-net')
net.reload()
inside = [x.name for x in net.containers]
net.disconnect(container)
net.reload()
left = [x.name for x in net.containers]
net.connect(container, aliases=['again'])
found = [x.name for x in client.networks.list(names=['sdk-net'])]
container.remove(force=True)
net.remove()
print(json.dumps([inside, left, found, [x.name for x in client.networks.list(names=['sdk-net'])]]))
""")
    equal(row, [["joined"], [], ["sdk-net"], []])


@keep
def test_volumes(c):
    row = script(c, """
volume = client.volumes.create('sdk-vol', labels={'k': 'v'})
client.containers.run('busybox', 'sh -c "echo kept > /v/f"', remove=True,
                      volumes={'sdk-vol': {'bind': '/v', 'mode': 'rw'}})
said = client.containers.run('busybox', 'cat /v/f', remove=True, volumes=['sdk-vol:/v']).decode()
found = [x.name for x in client.volumes.list(filters={'label': 'k=v'})]
volume.remove()
print(json.dumps([said, found, [x.name for x in client.volumes.list()]]))
""")
    equal(row, ["kept\n", ["sdk-vol"], []])


@keep
def test_events(c):
    row = script(c, """
import threading
seen = []
stream = client.events(decode=True, filters={'type': 'container', 'event': 'start'})
thread = threading.Thread(target=lambda: seen.append(next(stream)), daemon=True)
thread.start()
client.containers.run('busybox', 'true', name='evented', detach=True)
thread.join(30)
print(json.dumps([seen[0]['Actor']['Attributes']['name'],
                  'node.name' in seen[0]['Actor']['Attributes']]))
""")
    equal(row, ["evented", True])


@keep
def test_df_and_prune(c):
    row = script(c, """
for container in client.containers.list(all=True):
    container.remove(force=True)
client.containers.create('busybox', name='stale')
df = sorted(client.df())
pruned = client.containers.prune()
client.volumes.prune()
client.networks.prune()
client.images.prune()
print(json.dumps([df, len(pruned['ContainersDeleted'])]))
""")
    contains(row[0], "Containers", "Images", "LayersSize", "Volumes")
    equal(row[1], 1)


@keep
def test_errors_are_those_of_an_engine(c):
    row = script(c, """
said = []
for call in (lambda: client.containers.get('nobody'), lambda: client.networks.get('nonet'),
             lambda: client.volumes.get('novol'), lambda: client.images.get('noimage')):
    try:
        call()
    except docker.errors.APIError as error:
        said.append([error.status_code, error.explanation])
print(json.dumps(said))
""")
    equal([status for status, _ in row], [404, 404, 404, 404])
    for (_, text), part in zip(row, ("No such container: nobody", "network nonet not found",
                                     "no such volume", "No such image: noimage")):
        contains(text, part)


@keep
def test_nodes(c):
    equal(script(c, "print(json.dumps(sorted(node.attrs['Description']['Hostname'] for node in"
                    " client.nodes.list())))"), ["node-1", "node-2", "node-3"])
