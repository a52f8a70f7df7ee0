//! The tables, and how an older file becomes a present one.
//!
//! A released entry of [`MIGRATIONS`] is never edited: files of that version exist. A change is a new
//! entry at the end, and a fixture of the version before it goes into the tests.

use rusqlite::{Connection, TransactionBehavior};

/// Marks a SQLite file as ours (bytes 68 to 71 of its header): `aClr`.
pub(super) const APPLICATION_ID: i64 = 0x6143_6c72;

/// The newest schema: the number of migrations, which a test holds it to.
pub(super) const SCHEMA: i64 = 6;

/// Entry `n` leads from schema `n` to `n + 1`; an empty file has schema 0.
pub(super) const MIGRATIONS: &[&str] = &[SCHEMA_1, SCHEMA_2, SCHEMA_3, SCHEMA_4, SCHEMA_5, SCHEMA_6];

const SCHEMA_1: &str = "
CREATE TABLE incident (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  name TEXT NOT NULL,
  created_at TEXT NOT NULL
);

-- Everything seen and said. Numbered from 1 without gaps; never changed.
CREATE TABLE evidence (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,    -- observation, claim, sweep-begun, sweep-ended, calibration
  sweep INTEGER,         -- the sweep's number; null for a claim
  row_id TEXT,           -- the service's row, where it is about one
  at TEXT NOT NULL,      -- RFC 3339, UTC, microseconds
  body TEXT NOT NULL,    -- JSON
  hash BLOB NOT NULL     -- SHA-256(previous hash || kind || 0x00 || body)
);
-- Everything but observations is rare and looked up by kind; observations pay nothing for this.
CREATE INDEX evidence_rare ON evidence (kind) WHERE kind <> 'observation';
CREATE TRIGGER evidence_is_never_updated BEFORE UPDATE ON evidence
  BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END;
CREATE TRIGGER evidence_is_never_deleted BEFORE DELETE ON evidence
  BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END;
-- INSERT OR REPLACE deletes without asking the trigger above.
CREATE TRIGGER evidence_is_only_appended BEFORE INSERT ON evidence
  WHEN NEW.id <> (SELECT coalesce(max(id), 0) + 1 FROM evidence)
  BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END;

-- Declared attributes and source lists, each stored once however many services share it.
CREATE TABLE declarations (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE, -- SHA-256 of the body
  body TEXT NOT NULL           -- JSON
);
-- Versions of services: the highest id of a row_id is the present one.
CREATE TABLE services (
  id INTEGER PRIMARY KEY,
  row_id TEXT NOT NULL,
  body TEXT NOT NULL,          -- JSON: how to reach it
  declared INTEGER NOT NULL REFERENCES declarations (id),
  sources INTEGER NOT NULL REFERENCES declarations (id)
);
CREATE INDEX services_by_row ON services (row_id);
-- What each sweep had to look at, in inventory order.
CREATE TABLE sweep_services (
  sweep INTEGER NOT NULL,
  position INTEGER NOT NULL,
  service INTEGER NOT NULL REFERENCES services (id),
  PRIMARY KEY (sweep, position)
) WITHOUT ROWID;
-- Versions of secrets: names, places and dates, never a value. The highest id of a secret counts.
CREATE TABLE secrets (
  id INTEGER PRIMARY KEY,
  secret TEXT NOT NULL,
  sweep INTEGER NOT NULL,
  body TEXT NOT NULL           -- JSON
);
CREATE INDEX secrets_by_id ON secrets (secret);
";

/// Evidence of the kind `host` came in. Its tables are those of schema 1, but a release that knows only
/// those cannot read such a row; the number has it say so instead of failing at the row.
const SCHEMA_2: &str = "";

/// Evidence of the kind `disclosure` came in, in the same way.
const SCHEMA_3: &str = "";

/// Evidence of the kinds `certificate` and `revocation` came in, in the same way.
const SCHEMA_4: &str = "";

/// Evidence of the kinds `edit` and `check`, and claims of negative tests and counts came in, in the same way.
const SCHEMA_5: &str = "";

/// Rows hash salted commitments from here on, whose salts come from this secret; rows of before keep their hashes.
/// Evidence of the kind `merge` came in.
const SCHEMA_6: &str = "
CREATE TABLE commitments (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  secret BLOB NOT NULL CHECK (length(secret) = 32)
);
CREATE TRIGGER commitments_are_never_updated BEFORE UPDATE ON commitments
  BEGIN SELECT RAISE(ABORT, 'the secret of the commitments never changes'); END;
CREATE TRIGGER commitments_are_never_deleted BEFORE DELETE ON commitments
  BEGIN SELECT RAISE(ABORT, 'the secret of the commitments never changes'); END;
";

/// The schema of an open file.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a file from the schema it has to the one after the last of `migrations`, all or nothing.
/// `also` runs in the same transaction, after them.
pub(super) fn migrate(
    connection: &mut Connection,
    migrations: &[&str],
    also: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let from = usize::try_from(version(&transaction)?).unwrap_or(usize::MAX);
    for step in migrations.iter().skip(from) {
        transaction.execute_batch(step)?;
    }
    if from < migrations.len() {
        transaction.pragma_update(
            None,
            "user_version",
            i64::try_from(migrations.len()).unwrap_or(i64::MAX),
        )?;
    }
    also(&transaction)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_schema_is_that_of_the_last_migration() {
        assert_eq!(usize::try_from(SCHEMA), Ok(MIGRATIONS.len()));
    }

    #[test]
    fn only_the_missing_steps_are_taken() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &["CREATE TABLE a (x)"], |_| Ok(())).unwrap();
        let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x)", "CREATE TABLE c (x)"];
        for _ in 0..2 {
            migrate(&mut connection, &steps, |_| Ok(())).unwrap();
            assert_eq!(version(&connection).unwrap(), 3);
        }
        connection.execute_batch("SELECT x FROM a, b, c").unwrap_err();
        connection.execute_batch("SELECT a.x FROM a, b, c").unwrap();
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &["CREATE TABLE a (x)"], |_| Ok(())).unwrap();
        let steps = ["", "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)"];
        assert!(migrate(&mut connection, &steps, |_| Ok(())).is_err());
        assert_eq!(version(&connection).unwrap(), 1);
        assert!(!connection.table_exists(None, "b").unwrap());
    }
}
