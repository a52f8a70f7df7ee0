//! Workbooks: the sheet of an XLSX file that holds a tracker, through calamine; ODS goes to `ods`.
//!
//! Both are ZIP archives, which can unpack to any size: all of it is counted before any of it is parsed.

use std::io::{Cursor, Read};

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx};
use zip::ZipArchive;

use super::{Error, MAX_CELLS, MAX_COLUMNS, Row, Table, ods};

/// What a workbook may unpack to.
const MAX_UNPACKED: u64 = 512 << 20;
/// Sheets that are looked into.
const MAX_SHEETS: usize = 64;

pub(super) fn table(bytes: &[u8]) -> Result<Table, Error> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| Error::Broken(e.to_string()))?;
    let has = |wanted: &str| {
        archive.file_names().filter_map(Result::ok).any(|name| name.eq_ignore_ascii_case(wanted))
    };
    let (opendocument, office) = (has("content.xml"), has("xl/workbook.xml"));
    if opendocument {
        measure(&mut archive)?;
        return ods::table(&mut archive);
    }
    if !office {
        return Err(Error::Kind("is a ZIP archive and neither XLSX nor ODS"));
    }
    measure(&mut archive)?;
    announced(&mut archive)?;
    xlsx(bytes)
}

/// The most texts that a table of shared ones may announce: room is made for all of them before the first is read.
const MAX_ANNOUNCED: u64 = 4_000_000;

/// Refuses a part that announces more texts than a tracker has cells. The number stands in the first element of the part.
fn announced(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Result<(), Error> {
    const HEAD: u64 = 64 << 10;
    for number in 0..archive.len() {
        let file = archive.by_index(number).map_err(|e| Error::Broken(e.to_string()))?;
        let mut head = Vec::new();
        file.take(HEAD).read_to_end(&mut head).map_err(|e| Error::Broken(e.to_string()))?;
        let text = String::from_utf8_lossy(&head);
        for (at, word) in text.match_indices("niqueCount") {
            let rest = text.get(at + word.len()..).unwrap_or_default();
            let number =
                rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '=' | '"' | '\''));
            let digits: String = number.chars().take_while(char::is_ascii_digit).take(20).collect();
            if digits.parse::<u64>().is_ok_and(|n| n > MAX_ANNOUNCED) {
                return Err(Error::TooLarge("it announces too many texts"));
            }
        }
    }
    Ok(())
}

/// Unpacks everything once and keeps nothing: the sizes that an archive gives may be wrong.
fn measure(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Result<(), Error> {
    let mut left = MAX_UNPACKED;
    for number in 0..archive.len() {
        let file = archive.by_index(number).map_err(|e| Error::Broken(e.to_string()))?;
        let size = std::io::copy(&mut file.take(left + 1), &mut std::io::sink());
        let size = size.map_err(|e| Error::Broken(e.to_string()))?;
        left = left.checked_sub(size).ok_or(Error::TooLarge("it unpacks to more than 512 MB"))?;
    }
    Ok(())
}

fn xlsx(bytes: &[u8]) -> Result<Table, Error> {
    let broken = |e: calamine::XlsxError| Error::Broken(e.to_string());
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(broken)?;
    let names = book.sheet_names();
    let mut first = None;
    for name in names.iter().take(MAX_SHEETS) {
        let rows = match sheet(&mut book, name) {
            Ok(rows) => rows,
            Err(Error::Broken(_)) if names.len() > 1 => continue, // a chart, a dialog
            Err(other) => return Err(other),
        };
        let found = is_tracker(&rows);
        let table = Table { rows, ragged: true, form: format!("XLSX, sheet `{name}`"), notices: Vec::new() };
        if found {
            return Ok(table);
        }
        first.get_or_insert(table);
    }
    first.ok_or(Error::Empty)
}

/// Whether a header of ours stands in the first rows.
pub(super) fn is_tracker(rows: &[Row]) -> bool {
    let ours = |cell: &String| matches!(cell.trim().to_ascii_lowercase().as_str(), "row_id" | "secret_id");
    rows.iter().take(20).any(|row| row.cells.iter().any(ours))
}

fn sheet(book: &mut Xlsx<Cursor<&[u8]>>, name: &str) -> Result<Vec<Row>, Error> {
    let broken = |e: calamine::XlsxError| Error::Broken(e.to_string());
    let mut reader = book.worksheet_cells_reader(name).map_err(broken)?;
    let mut rows: Vec<Row> = Vec::new();
    let mut cells = 0_usize;
    while let Some(cell) = reader.next_cell().map_err(broken)? {
        let text = shown(cell.get_value());
        if text.is_empty() {
            continue;
        }
        let (row, column) = cell.get_position();
        let (line, column) = (u64::from(row) + 1, column as usize);
        if rows.last().is_none_or(|last| last.line != line) {
            rows.push(Row { line, cells: Vec::new() });
        }
        let Some(last) = rows.last_mut() else { continue };
        let wanted = last.cells.len().max(column + 1);
        cells += wanted - last.cells.len();
        if wanted > MAX_COLUMNS || cells > MAX_CELLS {
            return Err(Error::TooLarge("too many cells"));
        }
        last.cells.resize(wanted, String::new());
        if let Some(slot) = last.cells.get_mut(column) {
            *slot = text;
        }
    }
    Ok(rows)
}

fn shown(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => float(*number),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(true) => "TRUE".to_owned(),
        DataRef::Bool(false) => "FALSE".to_owned(),
        DataRef::DateTime(time) => date(time),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

/// A number as people write it: a whole one without `.0`.
pub(super) fn float(number: f64) -> String {
    format!("{number}")
}

fn date(time: &ExcelDateTime) -> String {
    if time.is_duration() || !(0.0..2_958_466.0).contains(&time.as_f64()) {
        return float(time.as_f64());
    }
    let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
    // Excel keeps days as a float: what was a whole second comes back a millisecond off.
    let second = u32::from(second) + u32::from(milli >= 500);
    let Ok(start) = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z").parse() else {
        return float(time.as_f64());
    };
    let start: crate::model::time::Timestamp = start;
    let text = start.plus_seconds(i64::from(second)).seconds();
    // A date that somebody typed has no clock: it stands for the whole day.
    if &text[11..19] == "00:00:00" {
        text[..10].to_owned()
    } else {
        format!("{} {}", &text[..10], &text[11..19])
    }
}
