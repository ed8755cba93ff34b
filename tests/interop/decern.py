"""The AuthZEN client of the package decern, unchanged, against the decision API."""

import os
import sys

# The script's own folder has no packages; its name must not hide the installed one.
sys.path.pop(0)

from decern import Client, DecernError  # noqa: E402

client = Client(os.environ["PDP"], token=os.environ["TOKEN"])
alice, record = {"type": "user", "id": "alice"}, {"type": "record", "id": "record-1"}

assert client.evaluate(alice, "read", record).allowed
refused = client.evaluate(alice, {"name": "delete", "properties": {"soft": False}}, record)
assert not refused.allowed and "reason_user" in refused.context, refused
archived = {**record, "properties": {"status": "archived"}}
assert not client.evaluate(alice, "write", archived).allowed
assert client.evaluate(alice, "read", record, {"time": "2025-06-27T18:03-07:00"}).allowed

try:
    Client(os.environ["PDP"], token="nothing").evaluate(alice, "read", record)
    raise SystemExit("a wrong token was accepted")
except DecernError as error:
    assert error.status_code == 401, error
try:
    client.evaluate({"type": "user"}, "read", record)
    raise SystemExit("a subject without an id was accepted")
except DecernError as error:
    assert error.status_code == 400, error
