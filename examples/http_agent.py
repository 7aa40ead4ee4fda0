#!/usr/bin/env python3
"""A Fencepost agent over HTTP: SERVER_URL=http://localhost:3000 AGENT_ID=python-1 python3 http_agent.py"""
import json, os, random, signal, sys, threading, time, urllib.error, urllib.request, uuid

HANDLERS = {"DELAY": lambda payload: time.sleep(payload["ms"] / 1000) or {"ok": True, "tookMs": payload["ms"]}}
URL, AGENT = os.environ.get("SERVER_URL", "http://localhost:3000"), os.environ.get("AGENT_ID", "python-1")
ME = {"agentId": AGENT, "session": uuid.uuid4().hex}  # one run of this process, never used again
ABOUT = {"session": ME["session"], "pid": os.getpid(), "types": list(HANDLERS)}
TOKEN = os.environ.get("FENCEPOST_TOKEN")  # for a proxy in front that asks
HEADERS = {"Content-type": "application/json", **({"Authorization": f"Bearer {TOKEN}"} if TOKEN else {})}
held, stopping, ended = [], threading.Event(), threading.Event()

def call(method, path, body=None, wait=0, **headers):
    """Every call is safe to send twice: it is sent until there is an answer."""
    request = urllib.request.Request(URL + path, body and json.dumps(body).encode(), method=method)
    request.unredirected_hdrs.update({**HEADERS, **headers})  # not to wherever a server redirects
    while True:
        try:
            with urllib.request.urlopen(request, timeout=wait + 3) as answer:
                return answer.status, json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in (408, 429):  # 409: late, or this run is over
                return error.code, json.loads(error.read())
        except (OSError, ValueError):  # no answer, or half of one
            pass
        time.sleep(random.uniform(0.1, 2))

def keep(lease_ms):
    """From a thread of its own: renews the name, and what runs. (One that can stop its work stops what is lost.)"""
    while not ended.wait(lease_ms / 3000):
        call("PUT", f"/agents/{AGENT}", ABOUT)
        call("POST", "/commands/renew", {**ME, "held": list(held)})

def execute(command):
    held.append({key: command[key] for key in ("commandId", "attempt")})
    try:
        outcome = {"status": "COMPLETED", "result": HANDLERS[command["type"]](command["payload"])}
    except Exception as error:
        outcome = {"status": "FAILED", "error": {"message": repr(error)}}
    path, mine = f"/commands/{command['commandId']}/result", {**ME, "attempt": command["attempt"]}
    ticket = {"Fencepost-ticket": command["ticket"]} if command.get("ticket") else {}  # no other delivery is meant
    status, answer = call("PUT", path, {**mine, **outcome}, **ticket)
    if status in (400, 413):  # too large, or no JSON: nothing that was executed may be unreportable
        call("PUT", path, {**mine, "status": "FAILED", "error": {"message": answer["detail"]}}, **ticket)
    held.clear()

status, answer = call("PUT", f"/agents/{AGENT}", ABOUT)
if status != 200:
    sys.exit(answer["detail"])
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
keeper = threading.Thread(target=keep, args=[answer["leaseMs"]], daemon=True)
keeper.start()
while status in (200, 204):
    stop = stopping.is_set()  # then only what an answer that was lost had given it, and nothing new
    more, asked = "concurrency=0" if stop else "wait=5", time.monotonic()
    status, answer = call("GET", f"/commands/next?agentId={AGENT}&session={ME['session']}&{more}", wait=5)
    if status == 200:
        execute(answer)
    elif stop:
        break
    elif time.monotonic() - asked < 1:  # the server stops, or this agent is to take no more
        time.sleep(2)
ended.set()
keeper.join()  # a PUT that came after the DELETE would take the name again
call("DELETE", f"/agents/{AGENT}?session={ME['session']}")
sys.exit(answer and answer["detail"])
