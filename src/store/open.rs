//! Making, finding and opening the file: what stands at the path, whether it is ours, how SQLite is
//! set up for it.
//!
//! Once SQLite has the file open in this process, nobody else here may open it: closing any other
//! descriptor of it would drop SQLite's POSIX locks. So even the first look at the header goes
//! through SQLite, in its immutable mode, which takes no lock and writes nothing.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use ring::rand::{SecureRandom as _, SystemRandom};
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{
    error::{Error, shown},
    lock::beside,
    schema::{self, APPLICATION_ID, SCHEMA},
};
use crate::model::time::Timestamp;

/// How long SQLite waits for its own short locks before it reports the file as busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// What stands at a path.
pub(super) struct Found {
    /// The path with links resolved, so that one file has one lock.
    pub(super) path: PathBuf,
    /// Length in bytes; absent where there is no file.
    pub(super) len: Option<u64>,
    /// What the user should know: a link, permissions that let others in.
    pub(super) notices: Vec<String>,
}

impl Found {
    /// Whether there is a file with something in it.
    pub(super) fn has_content(&self) -> bool {
        self.len.is_some_and(|len| len > 0)
    }
}

/// Looks at the path without opening or changing anything.
pub(super) fn find(given: &Path) -> Result<Found, Error> {
    let not_a_file = |what| Error::NotAFile { path: given.to_path_buf(), what };
    let io_error = |source| Error::Io { action: "look at", path: given.to_path_buf(), source };
    let mut notices = Vec::new();
    let is_link = match fs::symlink_metadata(given) {
        Ok(metadata) => metadata.is_symlink(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return absent(given),
        Err(error) => return Err(io_error(error)),
    };
    let metadata = match fs::metadata(given) {
        Ok(metadata) => metadata,
        Err(error) if is_link && error.kind() == io::ErrorKind::NotFound => {
            return Err(not_a_file("a symbolic link that leads nowhere"));
        }
        Err(error) => return Err(io_error(error)),
    };
    if metadata.is_dir() {
        return Err(not_a_file("a folder"));
    }
    if !metadata.is_file() {
        return Err(not_a_file("no regular file"));
    }
    let path = fs::canonicalize(given).map_err(io_error)?;
    if is_link {
        notices.push(format!("{} is a link to {}", shown(given), shown(&path)));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        notices.push(format!(
            "{0} is open to other users (mode {mode:04o}), and it tells what is vulnerable: `chmod 600 {0}`",
            shown(&path)
        ));
    }
    Ok(Found { path, len: Some(metadata.len()), notices })
}

fn absent(given: &Path) -> Result<Found, Error> {
    let not_a_file = |what| Error::NotAFile { path: given.to_path_buf(), what };
    let name = given.file_name().ok_or_else(|| not_a_file("no file name"))?;
    let folder = match given.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // A missing folder is told apart by the caller: a reader says that there is no file.
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    Ok(Found { path: folder.join(name), len: None, notices: Vec::new() })
}

/// Refuses a file that is not ours, or newer than this build, without taking a lock or writing a byte.
/// Returns its schema.
pub(super) fn check_header(path: &Path) -> Result<i64, Error> {
    let foreign = || Error::Foreign { path: path.to_path_buf() };
    // SQLite says "unable to open" for every reason; the system's own word is better.
    let read = |error: &rusqlite::Error| match readable(path) {
        Err(source) => Error::Io { action: "read", path: path.to_path_buf(), source },
        Ok(()) => Error::sqlite("read", path, error),
    };
    let id_of = |connection: &Connection| -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, "application_id", |row| row.get(0))
    };
    let mut connection = open_immutable(path).map_err(|e| read(&e))?;
    let mut id = id_of(&connection);
    let is = |error: &rusqlite::Error, code| error.sqlite_error_code() == Some(code);
    if id.as_ref().is_err_and(|e| is(e, ErrorCode::DatabaseCorrupt)) && log_has_content(path) {
        // A checkpoint that was cut off (full disk, kill) leaves a file that only makes sense together with
        // its log, which the first way of opening does not look at.
        connection = open_connection(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|e| read(&e))?;
        id = id_of(&connection);
    }
    let id = id.map_err(|e| if is(&e, ErrorCode::NotADatabase) { foreign() } else { read(&e) })?;
    if id != APPLICATION_ID {
        return Err(foreign());
    }
    let found = schema::version(&connection).map_err(|e| read(&e))?;
    refuse_newer(path, found)?;
    Ok(found)
}

/// Asks the system for a reason why a file cannot be read. Only for a file that SQLite failed to open.
fn readable(path: &Path) -> io::Result<()> {
    fs::File::open(path).map(drop)
}

fn refuse_newer(path: &Path, found: i64) -> Result<(), Error> {
    if found > SCHEMA {
        return Err(Error::TooNew { path: path.to_path_buf(), found, supported: SCHEMA });
    }
    Ok(())
}

/// Makes a new incident file with mode 0600. It appears under its name only once it is whole.
pub(super) fn create(path: &Path, name: &str, now: Timestamp) -> Result<(), Error> {
    let io_error = |action: &'static str| {
        let path = path.to_path_buf();
        move |source| Error::Io { action, path, source }
    };
    let draft = beside(path, "-new");
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error("create")(error)),
        _ => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .map_err(io_error("create"))?;
    // The umask can only take bits away, and a strange one may have taken ours.
    file.set_permissions(Permissions::from_mode(0o600)).map_err(io_error("create"))?;
    drop(file);
    initialise(&draft, name, now, &secret()?)?;
    fs::rename(&draft, path).map_err(io_error("create"))
}

/// A secret for the commitments of a new file.
pub(super) fn secret() -> Result<[u8; 32], Error> {
    let mut secret = [0; 32];
    SystemRandom::new().fill(&mut secret).map_err(|_| Error::Unstorable {
        what: "evidence".to_owned(),
        reason: "the system gives no random bytes".to_owned(),
    })?;
    Ok(secret)
}

/// Keeps the secret of a file that has none yet.
fn keep_secret(connection: &Connection, secret: &[u8; 32]) -> rusqlite::Result<()> {
    connection
        .execute("INSERT OR IGNORE INTO commitments (one, secret) VALUES (1, ?1)", [secret.as_slice()])
        .map(drop)
}

/// Turns an empty file into an incident file.
pub(super) fn initialise(path: &Path, name: &str, now: Timestamp, secret: &[u8; 32]) -> Result<(), Error> {
    let sqlite = |e: rusqlite::Error| Error::sqlite("create", path, &e);
    let mut connection = open_connection(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(sqlite)?;
    // Before the file turns to WAL, so that its own first page says whose it is.
    schema::migrate(&mut connection, schema::MIGRATIONS, |connection| {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        keep_secret(connection, secret)?;
        connection
            .execute(
                "INSERT INTO incident (one, name, created_at) VALUES (1, ?1, ?2)",
                (name, now.to_string()),
            )
            .map(drop)
    })
    .map_err(sqlite)?;
    use_wal(&connection).map_err(sqlite)?;
    connection.close().map_err(|(_, e)| sqlite(e))
}

/// Opens an existing incident file for writing, brought to the present schema. The caller holds the lock.
pub(super) fn open_writable(path: &Path) -> Result<Connection, Error> {
    let sqlite = |e: rusqlite::Error| Error::sqlite("open", path, &e);
    let mut connection = open_connection(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(sqlite)?;
    let found = schema::version(&connection).map_err(sqlite)?;
    refuse_newer(path, found)?;
    if connection.is_readonly("main").map_err(sqlite)? {
        return Err(Error::Io {
            action: "write",
            path: path.to_path_buf(),
            source: io::ErrorKind::PermissionDenied.into(),
        });
    }
    if found < SCHEMA {
        let secret = secret()?;
        schema::migrate(&mut connection, schema::MIGRATIONS, |connection| keep_secret(connection, &secret))
            .map_err(|e| Error::sqlite("bring to the present schema", path, &e))?;
    }
    use_wal(&connection).map_err(sqlite)?;
    Ok(connection)
}

/// Opens an existing incident file for reading, beside a writer if there is one.
pub(super) fn open_readable(path: &Path) -> Result<Connection, Error> {
    let opened = open_connection(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|connection| schema::version(&connection).map(|found| (connection, found)));
    match opened {
        Ok((connection, found)) => refuse_newer(path, found).map(|()| connection),
        // SQLite wants to make a shared-memory file beside the database, even to read it. In a folder
        // that we may only read, and with nothing in the log, the file alone is the whole truth.
        Err(_) if !log_has_content(path) => {
            let connection = open_immutable(path).map_err(|e| Error::sqlite("read", path, &e))?;
            schema::version(&connection).map_err(|e| Error::sqlite("read", path, &e))?;
            Ok(connection)
        }
        Err(error) => Err(Error::sqlite("read", path, &error)),
    }
}

fn log_has_content(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).is_ok_and(|metadata| metadata.len() > 0)
}

fn open_connection(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    harden(&connection)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

fn open_immutable(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        immutable_uri(path),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    harden(&connection)?;
    Ok(connection)
}

/// An incident file may come from somebody else; what its schema defines is not trusted.
fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(())
}

/// `file:` and the path with everything percent-encoded that is not a plain character.
fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri.push_str("?immutable=1");
    uri
}

fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        // A file system without shared memory. Readers and the writer then wait for each other.
        connection.pragma_update(None, "journal_mode", "DELETE")?;
    }
    // A killed process loses nothing; a power cut may lose the last batches, never the file.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // A long reader can make the log grow; this gives the space back.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)
}
