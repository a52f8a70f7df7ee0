#!/usr/bin/env python3
"""A made-up fleet of any size, grown from a small bundle: for pictures and benchmarks, never for a claim.

    scripts/fleet.py SMALL.allclear SERVICES OUT.allclear

Every service is a copy of one of the small incident's, under a name, an owner and a key of its own, and lags behind it by
some sweeps, so that all states are there. It writes the format of docs/bundle.md on its own, with nothing of allclear:
that the result is accepted shows that the document says enough.
"""

import gzip
import hashlib
import hmac
import json
import re
import sys

OWNERS = 40
FOUND_LATE = 37  # one in so many services is found by a later sweep


def sha(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest


def lines(path):
    with open(path, "rb") as file:
        if file.readline() != b"allclear-bundle/1\n":
            sys.exit(f"{path} is no bundle")
        manifest, _seal = json.loads(file.readline()), file.readline()
        return manifest, [json.loads(line) for line in gzip.decompress(file.read()).splitlines()]


def facts(kind, body):
    """What a row hashes in the clear, written as the body writes it."""
    out = {}
    if "sweep" in body:
        out["sweep"] = body["sweep"]
    out["at"] = body["at"]
    if kind == "observation":
        for name in ("port", "transport", "wrap", "contact", "skip", "tls", "attempts"):
            if name in body:
                out[name] = body[name]
    return out


def text(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Chain:
    def __init__(self, secret):
        self.secret, self.rows, self.head = secret, 0, sha(b"allclear/evidence/1").digest()

    def add(self, kind, body):
        self.rows += 1
        body = text(body) if not isinstance(body, str) else body
        salt = hmac.new(self.secret, b"allclear/salt/1" + self.rows.to_bytes(8, "big"), "sha256").digest()
        commitment = sha(b"allclear/commitment/1\0", salt, body.encode()).digest()
        clear = text(facts(kind, json.loads(body))).encode()
        self.head = sha(b"allclear/row/2\0", self.head, kind.encode(), b"\0", clear, b"\0", commitment).digest()
        return (
            '{"record":{"evidence":{"id":%d,"kind":"%s","hash":"sha256:%s","body":%s}}}'
            % (self.rows, kind, self.head.hex(), body)
        )


def own(digest, name):
    return "sha256:" + sha(digest.encode(), name.encode()).hexdigest()


def renamed(value, old, new, group):
    """A body under another name; keys and certificates are those of its group."""
    if isinstance(value, dict):
        return {k: renamed(v, old, new, group) for k, v in value.items()}
    if isinstance(value, list):
        return [renamed(v, old, new, group) for v in value]
    if isinstance(value, str):
        if re.fullmatch(r"sha256:[0-9a-f]{64}", value):
            return own(value, group)
        return value.replace(old, new)
    return value


def grow(records, count):
    incident = next(r["incident"] for r in records if "incident" in r)
    evidence = [r["evidence"] for r in records if "evidence" in r]
    services = [r["service"] for r in records if "service" in r]
    declared = {r["declaration"]["id"]: r["declaration"]["body"] for r in records if "declaration" in r}
    begun = [e["body"] for e in evidence if e["kind"] == "sweep-begun"]
    seen = {}
    for e in evidence:
        if e["kind"] == "observation":
            seen.setdefault((e["body"]["sweep"], e["body"]["row_id"]), []).append(e["body"])
    sweeps = [b["sweep"] for b in begun]
    fleet = []
    for i in range(count):
        base = services[i % len(services)]
        name = base["body"]["name"].split(".")[0]
        late = 1 + i // 7 % (len(sweeps) - 1) if i % FOUND_LATE == FOUND_LATE - 1 else 0
        fleet.append(
            {
                "row_id": f"row-{i:06}",
                "old": base["body"]["name"],
                "name": f"{name}-{i:05}.example.test",
                "base": base,
                "group": f"{i // len(services)}",
                "lag": i * 7919 % (len(sweeps) + 1),
                "late": late,
                "owner": f"team-{i * 31 % OWNERS:02}",
            }
        )
    yield {"record": {"incident": {**incident, "name": "big-fleet"}}}
    for i, s in enumerate(fleet):
        attributes = {**declared[s["base"]["declared"]], "owner": s["owner"]}
        yield {"record": {"declaration": {"id": i + 1, "body": {**attributes, "tags": [f"n={i}"]}}}}
    yield {"record": {"declaration": {"id": count + 1, "body": declared[services[0]["sources"]]}}}
    for i, s in enumerate(fleet):
        body = {**s["base"]["body"], "name": s["name"]}
        yield {
            "record": {
                "service": {"id": i + 1, "row_id": s["row_id"], "body": body, "declared": i + 1, "sources": count + 1}
            }
        }
    listed = {}
    for n, sweep in enumerate(sweeps):
        listed[sweep] = [i + 1 for i, s in enumerate(fleet) if s["late"] <= n]
        for first in range(0, len(listed[sweep]), 1000):
            part = listed[sweep][first : first + 1000]
            yield {"record": {"listed": {"sweep": n + 1, "first": first + 1, "services": part}}}
    chain = Chain(bytes.fromhex(incident["secret"]))
    for e in evidence:
        body = e["body"]
        if e["kind"] == "sweep-begun":
            yield chain.add("sweep-begun", {**body, "services": len(listed[body["sweep"]])})
            n = sweeps.index(body["sweep"])
            for s in fleet:
                if s["late"] > n:
                    continue
                then = sweeps[max(0, n - s["lag"])]
                for look in seen.get((then, s["base"]["row_id"]), []):
                    now = seen[(body["sweep"], s["base"]["row_id"])][0]["at"]
                    look = renamed(look, s["old"], s["name"], s["group"])
                    yield chain.add("observation", {**look, "sweep": body["sweep"], "row_id": s["row_id"], "at": now})
        elif e["kind"] in ("sweep-ended", "calibration"):
            yield chain.add(e["kind"], body)
    yield chain


def main():
    small, count, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    manifest, payload = lines(small)
    written = [text(payload[0]), '{"report":null}']
    for line in grow([l["record"] for l in payload if "record" in l], count):
        if isinstance(line, Chain):
            manifest["chain_head"], manifest["evidence_rows"] = "sha256:" + line.head.hex(), line.rows
        else:
            written.append(line if isinstance(line, str) else text(line))
    raw = "".join(line + "\n" for line in written).encode()
    packed = gzip.compress(raw, mtime=0)
    manifest["payload"] = {
        "sha256": "sha256:" + sha(packed).hexdigest(),
        "bytes": len(packed),
        "expanded": len(raw),
        "lines": len(written),
    }
    manifest["incident"] = "big-fleet"
    manifest.pop("public_key", None)
    head = f"allclear-bundle/1\n{text(manifest)}\n".encode()
    with open(out, "wb") as file:
        file.write(head + b"sha256:" + sha(head).hexdigest().encode() + b"\n" + packed)


main()
