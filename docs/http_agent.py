#!/usr/bin/env python3
"""A Fencepost agent over HTTP: SERVER_URL=http://localhost:3000 AGENT_ID=python-1 python3 http_agent.py"""
import json, os, random, signal, sys, threading, time, urllib.error, urllib.request, uuid

URL, AGENT = os.environ.get("SERVER_URL", "http://localhost:3000"), os.environ.get("AGENT_ID", "python-1")
SESSION = uuid.uuid4().hex  # one run of this process, never used again
HANDLERS = {"DELAY": lambda payload: time.sleep(payload["ms"] / 1000) or {"ok": True, "tookMs": payload["ms"]}}
ME = {"agentId": AGENT, "session": SESSION}
stopping = threading.Event()
running = []  # what is being executed, as renewals name it

def call(method, path, body=None):
    """Every call is safe to send twice: it is sent until there is an answer."""
    data = None if body is None else json.dumps(body).encode()
    for tries in range(1_000_000):
        try:
            request = urllib.request.Request(URL + path, data, {"content-type": "application/json"}, method=method)
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            if error.code < 500:  # 409: late, or this run is over; 400: a fault in this program
                return error.code, json.loads(error.read())
        except (OSError, ValueError):  # no answer, or half of one
            pass
        time.sleep(random.uniform(0, min(2, 0.1 * 2 ** min(tries, 5))))  # back-off, with jitter

def register():
    return call("PUT", f"/agents/{AGENT}", {"session": SESSION, "pid": os.getpid(), "types": list(HANDLERS)})

def keep(lease_ms):
    """From a thread of its own: renews the name, and what runs. (One that can stop its work stops what is lost.)"""
    while True:
        time.sleep(lease_ms / 3000)
        register()
        call("POST", "/commands/renew", {**ME, "held": list(running)})

def execute(command):
    try:
        outcome = {"status": "COMPLETED", "result": HANDLERS[command["type"]](command["payload"])}
    except Exception as error:
        outcome = {"status": "FAILED", "error": {"message": repr(error)}}
    body = {**ME, "attempt": command["attempt"], **outcome}
    status, answer = call("PUT", f"/commands/{command['commandId']}/result", body)
    print(command["commandId"], outcome["status"] if status == 200 else answer["detail"], flush=True)

def leave():
    status, lost = call("GET", f"/commands/next?agentId={AGENT}&session={SESSION}&concurrency=0")
    if status == 200:  # started for the poll that this process gave up; it was not executed
        call("POST", f"/commands/{lost['commandId']}/release", {**ME, "attempt": lost["attempt"]})
    call("DELETE", f"/agents/{AGENT}?session={SESSION}")
    os._exit(0)

def stop(*_):
    stopping.set()
    if not running:
        leave()

status, answer = register()
if status != 200:
    sys.exit(answer["detail"])
signal.signal(signal.SIGTERM, stop)
threading.Thread(target=keep, args=[answer["leaseMs"]], daemon=True).start()
while True:
    status, command = call("GET", f"/commands/next?agentId={AGENT}&session={SESSION}&wait=20")
    if status == 200:
        running.append({key: command[key] for key in ("commandId", "attempt")})
        execute(command)
        running.clear()
        if stopping.is_set():
            leave()
    elif status != 204:
        sys.exit(command["detail"])
