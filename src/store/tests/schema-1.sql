-- An incident file as schema 1 made it. Never to be edited: files like it exist.
PRAGMA application_id = 1631808626; -- aClr
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE declarations (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE, -- SHA-256 of the body
  body TEXT NOT NULL           -- JSON
);
INSERT INTO "declarations" VALUES(1,X'EEE0CF96C469950566A109E60093A8780328D5318BBA483FE7C78A1D437CFB61','{"owner":"web","team":null,"env":null,"site":null,"exposure":null,"service_type":null,"tls_stack":null,"issues_tokens":null,"zone":null,"fragile":null,"expect":null,"tags":["tier=1"]}');
INSERT INTO "declarations" VALUES(2,X'537FF78B32E15886D9E115E00D0EE9836C3EBBC76DA856862B00D92B79E6F83E','[{"format":"csv","file":"hosts.csv","line":1}]');
INSERT INTO "declarations" VALUES(3,X'8DCC89308385D5826B6941BDFBC189C282540FC9549B95B24097B75126CFAE34','[{"format":"csv","file":"hosts.csv","line":2}]');
CREATE TABLE evidence (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,    -- observation, claim, sweep-begun, sweep-ended, calibration
  sweep INTEGER,         -- the sweep's number; null for a claim
  row_id TEXT,           -- the service's row, where it is about one
  at TEXT NOT NULL,      -- RFC 3339, UTC, microseconds
  body TEXT NOT NULL,    -- JSON
  hash BLOB NOT NULL     -- SHA-256(previous hash || kind || 0x00 || body)
);
INSERT INTO "evidence" VALUES(1,'sweep-begun',1,NULL,'2026-11-22T14:00:01.000000Z','{"sweep":"s0001","at":"2026-11-22T14:00:01.000000Z","vantage":"local","tool":"allclear 0.1.0","command_line":"allclear sweep hosts.csv","settings":{"rate":1000,"depth":"standard"},"inventory":"sha256:e15cfa0dd70abce42970a5e1686f1ce3d2118f9cbeb84328d32074786edf3c9f","services":2,"bad_rows":2,"disclosures":["CVE-2014-0160"]}',X'00B05C71229E2D96809F4C473383F2B4E6233262D0079D00EFEBDB2FA199C6E7');
INSERT INTO "evidence" VALUES(2,'observation',1,'svc-1','2026-11-22T14:00:01.000000Z','{"sweep":"s0001","row_id":"svc-1","name":"web.example.test","address":"127.1.0.1","port":443,"transport":"tcp","wrap":"tls","sni":"web.example.test","vantage":"local","at":"2026-11-22T14:00:01.000000Z","ms":12.375,"contact":"answered","tls":{"version":"TLSv1.2","cipher":"ECDHE-RSA-AES128-GCM-SHA256","heartbeat_extension":true},"certificate":{"sha256":"sha256:03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72","spki_sha256":"sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683","serial":"0x0a","subject":"CN=\"\u001b[31mred‮","issuer":"CN=Example CA","not_before":"2026-11-21T14:00:00.000000Z","not_after":"2026-11-23T14:00:00.000000Z","names":["web.example.test"]},"chain":["sha256:6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"],"other_keys":[{"spki_sha256":"sha256:c3d132b07a5658d4ba01878b73ba7db9879a0120ca9b5330d9600bf9dc84d761","certificate":{"sha256":"sha256:03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72","spki_sha256":"sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683","serial":"0x0a","subject":"CN=\"\u001b[31mred‮","issuer":"CN=Example CA","not_before":"2026-11-21T14:00:00.000000Z","not_after":"2026-11-23T14:00:00.000000Z","names":["web.example.test"]}}],"attempts":[{"contact":"answered","foreign_bytes":0}]}',X'2C79DF890DDD6F2E2F2D26DEBD7FA5328300B61F98CEAB8E46A7E67ECDC89EF4');
INSERT INTO "evidence" VALUES(3,'observation',1,'svc-2','2026-11-22T14:00:02.000000Z','{"sweep":"s0001","row_id":"svc-2","name":"web.example.test","address":"127.1.0.2","port":443,"transport":"tcp","wrap":"tls","sni":"web.example.test","vantage":"local","at":"2026-11-22T14:00:02.000000Z","ms":12.375,"contact":"answered","tls":{"version":"TLSv1.2","cipher":"ECDHE-RSA-AES128-GCM-SHA256","heartbeat_extension":true},"certificate":{"sha256":"sha256:03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72","spki_sha256":"sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683","serial":"0x0a","subject":"CN=\"\u001b[31mred‮","issuer":"CN=Example CA","not_before":"2026-11-21T14:00:00.000000Z","not_after":"2026-11-23T14:00:00.000000Z","names":["web.example.test"]},"chain":["sha256:6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"],"other_keys":[{"spki_sha256":"sha256:c3d132b07a5658d4ba01878b73ba7db9879a0120ca9b5330d9600bf9dc84d761","certificate":{"sha256":"sha256:03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72","spki_sha256":"sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683","serial":"0x0a","subject":"CN=\"\u001b[31mred‮","issuer":"CN=Example CA","not_before":"2026-11-21T14:00:00.000000Z","not_after":"2026-11-23T14:00:00.000000Z","names":["web.example.test"]}}],"attempts":[{"contact":"answered","foreign_bytes":0}]}',X'CAD1E2D41D8E54C3E1DE339AD05DCFE2EBFFD8A0F45DF01443D1CFC89594F7FF');
INSERT INTO "evidence" VALUES(4,'calibration',1,NULL,'2026-11-22T14:00:50.000000Z','{"sweep":"s0001","at":"2026-11-22T14:00:50.000000Z","passed":true}',X'353CE0F83901C33D034585B7A1118753D6845F88B1D40E6AEAE3894E3F0157B8');
INSERT INTO "evidence" VALUES(5,'sweep-ended',1,NULL,'2026-11-22T14:01:40.000000Z','{"sweep":"s0001","at":"2026-11-22T14:01:40.000000Z","state":"finished"}',X'5B3BBFAFDF4DF2778272EE7D5B2095EDD80F3D71807BD15FC3F90CD59EBFD73D');
INSERT INTO "evidence" VALUES(6,'claim',NULL,'svc-1','2026-11-22T14:03:20.000000Z','{"at":"2026-11-22T14:03:20.000000Z","done_at":null,"after_sweep":"s0001","by":"kim","subject":{"service":"svc-1"},"statement":{"kind":"facet-done","facet":"patched"},"reference":"CHG-1","note":null}',X'F458D410E0FAA82D6259AA31638A9B654653C6AE4E242BAD2520862F72D837E8');
CREATE TABLE incident (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  name TEXT NOT NULL,
  created_at TEXT NOT NULL
);
INSERT INTO "incident" VALUES(1,'incident','2026-11-22T14:00:00.000000Z');
CREATE TABLE secrets (
  id INTEGER PRIMARY KEY,
  secret TEXT NOT NULL,
  sweep INTEGER NOT NULL,
  body TEXT NOT NULL           -- JSON
);
INSERT INTO "secrets" VALUES(1,'session-key',1,'{"id":"session-key","kind":"C7","services":["svc-1"],"unresolved":["nowhere"],"owner":"web","location":"vault:web/session","issued_at":"2026-11-22T13:59:59.000000Z","runbook":null,"implied":false,"source":null}');
CREATE TABLE services (
  id INTEGER PRIMARY KEY,
  row_id TEXT NOT NULL,
  body TEXT NOT NULL,          -- JSON: how to reach it
  declared INTEGER NOT NULL REFERENCES declarations (id),
  sources INTEGER NOT NULL REFERENCES declarations (id)
);
INSERT INTO "services" VALUES(1,'svc-cw6sqotkciq6','{"name":"web00001.example.test","addresses":["127.1.0.1"],"port":443,"transport":"tcp","wrap":"tls","wrap_declared":false,"id_declared":false}',1,2);
INSERT INTO "services" VALUES(2,'svc-2ydry5pnzp6p','{"name":"web00002.example.test","addresses":["127.1.0.2","127.1.1.2"],"port":443,"transport":"tcp","wrap":"tls","wrap_declared":true,"id_declared":false}',1,3);
CREATE TABLE sweep_services (
  sweep INTEGER NOT NULL,
  position INTEGER NOT NULL,
  service INTEGER NOT NULL REFERENCES services (id),
  PRIMARY KEY (sweep, position)
) WITHOUT ROWID;
INSERT INTO "sweep_services" VALUES(1,1,1);
INSERT INTO "sweep_services" VALUES(1,2,2);
CREATE INDEX evidence_rare ON evidence (kind) WHERE kind <> 'observation';
CREATE TRIGGER evidence_is_never_updated BEFORE UPDATE ON evidence
  BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END;
CREATE TRIGGER evidence_is_never_deleted BEFORE DELETE ON evidence
  BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END;
CREATE TRIGGER evidence_is_only_appended BEFORE INSERT ON evidence
  WHEN NEW.id <> (SELECT coalesce(max(id), 0) + 1 FROM evidence)
  BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END;
CREATE INDEX services_by_row ON services (row_id);
CREATE INDEX secrets_by_id ON secrets (secret);
COMMIT;
