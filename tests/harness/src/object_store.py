"""An object store of a test's own: OpenStack Swift with its S3 front, all of it in this process, over one folder.

    python3 object_store.py FOLDER ACCOUNT USER SECRET REGION BUCKET

Its first line says at which port of 127.0.0.1 it listens. It ends with the end of its input.
"""

import os
import pwd
import sys

folder, account, user, secret, region, bucket = sys.argv[1:]

from swift.common import utils

# Before anything else is read: there are no storage policies of the machine's.
utils.SWIFT_CONF_FILE = os.path.join(folder, "swift.conf")
with open(utils.SWIFT_CONF_FILE, "w") as file:
    file.write("[swift-hash]\nswift_hash_path_suffix = test\n[storage-policy:0]\nname = only\ndefault = yes\n")
utils.HASH_PATH_PREFIX = utils.HASH_PATH_SUFFIX = b""
utils.validate_hash_conf()
utils.eventlet_monkey_patch()

import eventlet
from eventlet import wsgi
from swift.common.ring import RingBuilder
from swift.common.storage_policy import reload_storage_policies
from swift.common.wsgi import SwiftHttpProtocol, loadapp, make_pre_authed_request

reload_storage_policies()
BACKENDS = ("account", "container", "object")
listeners = {name: eventlet.listen(("127.0.0.1", 0)) for name in BACKENDS}
front = eventlet.listen(("127.0.0.1", 0))

# One disk, which each of the three knows: nothing is kept twice.
disk = os.path.join(folder, "disks", "one")
os.makedirs(disk, exist_ok=True)
for name, listener in listeners.items():
    ring = RingBuilder(part_power=2, replicas=1, min_part_hours=0)
    address = {"ip": "127.0.0.1", "port": listener.getsockname()[1], "device": "one"}
    ring.add_dev({"region": 1, "zone": 1, "weight": 1, **address})
    ring.rebalance()
    ring.get_ring().save(os.path.join(folder, f"{name}.ring.gz"))

COMMON = f"""[DEFAULT]
swift_dir = {folder}
devices = {folder}/disks
mount_check = false
user = {pwd.getpwuid(os.getuid()).pw_name}
log_level = ERROR
log_custom_handlers =
fallocate_reserve = 0
disable_fallocate = true
bind_port = 0
"""
for name in BACKENDS:
    with open(os.path.join(folder, f"{name}.conf"), "w") as file:
        file.write(f"{COMMON}[pipeline:main]\npipeline = server\n[app:server]\nuse = egg:swift#{name}\n")
with open(os.path.join(folder, "proxy.conf"), "w") as file:
    file.write(f"""{COMMON}[pipeline:main]
pipeline = catch_errors listing_formats s3api tempauth bulk slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = {region}
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{user} = {secret} .admin
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
""")


class Forgetful:
    """A cache that keeps nothing: in a process of its own, each answer is near enough."""

    def get(self, *_, **__):
        return None

    def set(self, *_, **__):
        pass

    delete = set


def serve(listener, name):
    loaded = loadapp(os.path.join(folder, f"{name}.conf"), global_conf={"log_name": name})

    def app(environ, start_response):
        return loaded({**environ, "swift.cache": Forgetful()}, start_response)

    # S3's clients want ETag and not Etag.
    serving = {"protocol": SwiftHttpProtocol, "capitalize_response_headers": False}
    eventlet.spawn(wsgi.server, listener, app, utils.NullLogger(), **serving)
    return app


for name, listener in listeners.items():
    serve(listener, name)
proxy = serve(front, "proxy")
for container in (bucket, f"{bucket}+segments"):
    made = make_pre_authed_request({}, "PUT", f"/v1/AUTH_{account}/{container}").get_response(proxy)
    assert made.status_int in (201, 202), made.status
print(front.getsockname()[1], flush=True)
while eventlet.tpool.execute(sys.stdin.read, 1):
    pass
os._exit(0)
