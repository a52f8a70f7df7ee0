//! Writes rpm's records and databases by their published formats, for shapes that no tool here makes: SUSE's
//! ndb, big-endian Berkeley DB, damaged records.

/// A value of a tag.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Texts(Vec<String>),
    Numbers(Vec<u32>),
    Bytes(Vec<u8>),
}

/// A record with these tags.
pub(super) fn header(tags: &[(u32, Value)]) -> Vec<u8> {
    let (mut index, mut store) = (Vec::new(), Vec::new());
    for (tag, value) in tags {
        let (kind, count) = match value {
            Value::Text(_) => (6, 1),
            Value::Texts(texts) => (8, texts.len()),
            Value::Numbers(numbers) => (4, numbers.len()),
            Value::Bytes(bytes) => (1, bytes.len()),
        };
        if let Value::Numbers(_) = value {
            store.resize(store.len().next_multiple_of(4), 0);
        }
        for word in [*tag, kind, u32::try_from(store.len()).unwrap(), u32::try_from(count).unwrap()] {
            index.extend(word.to_be_bytes());
        }
        match value {
            Value::Text(text) => store.extend([text.as_bytes(), b"\0"].concat()),
            Value::Texts(texts) => {
                store.extend(texts.iter().flat_map(|text| text.bytes().chain([0])));
            }
            Value::Numbers(numbers) => store.extend(numbers.iter().flat_map(|number| number.to_be_bytes())),
            Value::Bytes(bytes) => store.extend(bytes),
        }
    }
    let mut record = u32::try_from(tags.len()).unwrap().to_be_bytes().to_vec();
    record.extend(u32::try_from(store.len()).unwrap().to_be_bytes());
    [record, index, store].concat()
}

/// The tags of a package with one file of this content.
pub(super) fn package(name: &str, version: &str, path: &str, content: &str) -> Vec<(u32, Value)> {
    let text = |text: &str| Value::Text(text.to_owned());
    let (folder, file) = path.rsplit_once('/').unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, content.as_bytes());
    vec![
        (1000, text(name)),
        (1001, text(version)),
        (1002, text("1.el9")),
        (1022, text("x86_64")),
        (1008, Value::Numbers(vec![1_700_000_000])),
        (1029, Value::Bytes(vec![0])),
        (1035, Value::Texts(vec![data_encoding::HEXLOWER.encode(digest.as_ref())])),
        (1044, text(&format!("openssl-{version}-1.el9.src.rpm"))),
        (1116, Value::Numbers(vec![0])),
        (1117, Value::Texts(vec![file.to_owned()])),
        (1118, Value::Texts(vec![format!("{folder}/")])),
        (5011, Value::Numbers(vec![8])),
    ]
}

/// An ndb file: one page of slots, then the records in blocks of 16 bytes.
pub(super) fn ndb(records: &[Vec<u8>]) -> Vec<u8> {
    let mut page = vec![0; 4096];
    page[..4].copy_from_slice(b"RpmP");
    page[12..16].copy_from_slice(&1_u32.to_le_bytes());
    for slot in page[32..].chunks_exact_mut(16) {
        slot[..4].copy_from_slice(b"Slot");
    }
    let mut blocks = Vec::new();
    for (n, record) in records.iter().enumerate() {
        let number = u32::try_from(n + 1).unwrap().to_le_bytes();
        let len = u32::try_from(record.len()).unwrap().to_le_bytes();
        let start = u32::try_from((4096 + blocks.len()) / 16).unwrap();
        let whole = (16 + record.len() + 12).next_multiple_of(16);
        let mut blob = [b"BlbS", &number, &[1, 0, 0, 0], &len, record.as_slice()].concat();
        blob.resize(whole - 12, 0);
        // The checksum is not looked at by rpm when it reads, either.
        blob.extend([&[0; 4][..], &len, b"BlbE"].concat());
        // A slot in between stays free, as after a removal.
        let at = 32 + n * 32;
        page[at + 4..at + 8].copy_from_slice(&number);
        page[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
        page[at + 12..at + 16].copy_from_slice(&u32::try_from(whole / 16).unwrap().to_le_bytes());
        blocks.extend(blob);
    }
    [page, blocks].concat()
}

/// A Berkeley DB hash file with pages of 512 bytes, in either byte order: small values on the page of the
/// hash, others in chains, and rpm's counter under key 0.
pub(super) fn bdb(records: &[Vec<u8>], big: bool) -> Vec<u8> {
    const PAGE: usize = 512;
    let word = |n: usize| {
        let n = u32::try_from(n).unwrap();
        if big { n.to_be_bytes() } else { n.to_le_bytes() }
    };
    let half = |n: usize| {
        let n = u16::try_from(n).unwrap();
        if big { n.to_be_bytes() } else { n.to_le_bytes() }
    };
    let mut pages: Vec<Vec<u8>> = vec![vec![0; PAGE]];
    let mut items: Vec<Vec<Vec<u8>>> = vec![vec![vec![1, 0, 0, 0, 0], [&[1][..], &word(9)].concat()]];
    let mut chains: Vec<Vec<u8>> = Vec::new();
    // One page of the hash for the counter and one for each record; the chains follow.
    let first_chain = records.len() + 2;
    for (n, record) in records.iter().enumerate() {
        let key = [&[1][..], &word(n + 1)].concat();
        if record.len() < 200 {
            items.push(vec![key, [&[1][..], record].concat()]);
            continue;
        }
        items.push(vec![
            key,
            [&[3, 0, 0, 0][..], &word(first_chain + chains.len()), &word(record.len())].concat(),
        ]);
        let parts: Vec<&[u8]> = record.chunks(PAGE - 26).collect();
        for (n, part) in parts.iter().enumerate() {
            let mut page = vec![0; PAGE];
            let number = first_chain + chains.len();
            let next = if n + 1 < parts.len() { number + 1 } else { 0 };
            page[8..12].copy_from_slice(&word(number));
            page[16..20].copy_from_slice(&word(next));
            page[22..24].copy_from_slice(&half(part.len()));
            page[25] = 7;
            page[26..26 + part.len()].copy_from_slice(part);
            chains.push(page);
        }
    }
    for pairs in items {
        let mut page = vec![0; PAGE];
        page[20..22].copy_from_slice(&half(pairs.len()));
        page[25] = 13;
        let mut end = PAGE;
        for (n, item) in pairs.iter().enumerate() {
            end -= item.len();
            page[end..end + item.len()].copy_from_slice(item);
            page[26 + n * 2..28 + n * 2].copy_from_slice(&half(end));
        }
        pages.push(page);
    }
    pages.extend(chains);
    let last = pages.len() - 1;
    let meta = &mut pages[0];
    meta[12..16].copy_from_slice(&word(0x0006_1561));
    meta[16..20].copy_from_slice(&word(9));
    meta[20..24].copy_from_slice(&word(PAGE));
    meta[25] = 8;
    meta[32..36].copy_from_slice(&word(last));
    pages.concat()
}

/// A SQLite database as rpm lays it out; the connection stays open, so that what was written last is in the
/// log only.
pub(super) fn sqlite(path: &std::path::Path, records: &[Vec<u8>]) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE IF NOT EXISTS 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL);",
        )
        .unwrap();
    for record in records {
        connection.execute("INSERT INTO Packages (blob) VALUES (?1)", [record]).unwrap();
    }
    connection
}
