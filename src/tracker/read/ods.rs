//! OpenDocument sheets (ODF 1.2, part 1, section 9): cells of `content.xml`, in one pass.
//!
//! A cell or row that is repeated is written once with a count, so a small file can stand for 17 thousand million cells:
//! blank ones are counted and not made, and others are held to a limit as they come.

use std::io::{BufRead, BufReader, Cursor};

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use zip::ZipArchive;

use super::{Error, MAX_CELLS, MAX_COLUMNS, Row, Table, book};

/// Bytes of one cell's text.
const MAX_TEXT: usize = 1 << 20;
/// Bytes of all cells.
const MAX_BYTES: usize = 512 << 20;

#[derive(Default)]
struct State {
    rows: Vec<Row>,
    cells: usize,
    bytes: usize,
    line: u64,
    row: Option<(u64, Vec<String>, usize)>,
    cell: Option<Cell>,
    /// Blank cells since the last one with something in it.
    pending: usize,
    /// Inside of an annotation, whose paragraphs are not the cell's.
    aside: u32,
}

#[derive(Default)]
struct Cell {
    repeated: usize,
    value: Option<String>,
    text: String,
    paragraphs: u32,
    open: bool,
}

pub(super) fn table(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Result<Table, Error> {
    let file = archive.by_name("content.xml").map_err(|e| Error::Broken(e.to_string()))?;
    let mut reader = Reader::from_reader(BufReader::new(file));
    sheets(&mut reader)
}

/// Reads sheet after sheet until one holds a tracker; else the first.
pub(super) fn sheets(reader: &mut Reader<impl BufRead>) -> Result<Table, Error> {
    let mut buffer = Vec::new();
    let mut state = State::default();
    let (mut name, mut first) = (String::new(), None);
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).map_err(|e| Error::Broken(e.to_string()))?;
        match event {
            Event::Eof => break,
            Event::Start(e) => match e.name().0 {
                "table:table" => {
                    state = State::default();
                    name = attribute(&e, "table:name").unwrap_or_default();
                }
                _ => state.start(&e)?,
            },
            Event::Empty(e) => {
                state.start(&e)?;
                let name = e.name().0.to_owned();
                state.end(&name)?;
            }
            Event::Text(e) => state.text(&e.xml10_content()),
            Event::GeneralRef(e) => state.text(&entity(&e)),
            Event::End(e) if e.name().0 == "table:table" => {
                let rows = std::mem::take(&mut state.rows);
                let found = book::is_tracker(&rows);
                let table =
                    Table { rows, ragged: true, form: format!("ODS, sheet `{name}`"), notices: Vec::new() };
                if found {
                    return Ok(table);
                }
                first.get_or_insert(table);
            }
            Event::End(e) => {
                let name = e.name().0.to_owned();
                state.end(&name)?;
            }
            _ => {}
        }
    }
    first.ok_or(Error::Empty)
}

fn attribute(e: &BytesStart<'_>, wanted: &str) -> Option<String> {
    let found = e.attributes().filter_map(Result::ok).find(|a| a.key.0 == wanted)?;
    Some(found.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok()?.into_owned())
}

fn count(e: &BytesStart<'_>, wanted: &str) -> usize {
    attribute(e, wanted).and_then(|v| v.parse().ok()).unwrap_or(1)
}

/// The characters behind `&amp;` and its kind.
fn entity(e: &quick_xml::events::BytesRef<'_>) -> String {
    if let Ok(Some(c)) = e.resolve_char_ref() {
        return c.to_string();
    }
    let name = e.xml10_content();
    quick_xml::escape::resolve_predefined_entity(&name).unwrap_or_default().to_owned()
}

impl State {
    fn start(&mut self, e: &BytesStart<'_>) -> Result<(), Error> {
        match e.name().0 {
            "table:table-row" => {
                self.row = Some((self.line + 1, Vec::new(), count(e, "table:number-rows-repeated")));
            }
            "table:table-cell" | "table:covered-table-cell" if self.row.is_some() => {
                let value = match attribute(e, "office:value-type").as_deref() {
                    Some("float" | "percentage" | "currency") => attribute(e, "office:value"),
                    Some("date") => attribute(e, "office:date-value"),
                    Some("time") => attribute(e, "office:time-value"),
                    Some("boolean") => attribute(e, "office:boolean-value").map(|v| v.to_uppercase()),
                    _ => attribute(e, "office:string-value").filter(|v| !v.is_empty()),
                };
                let repeated = count(e, "table:number-columns-repeated");
                self.cell = Some(Cell { repeated, value, open: true, ..Cell::default() });
            }
            "office:annotation" => self.aside += 1,
            "text:p" if self.aside == 0 => {
                if let Some(cell) = &mut self.cell {
                    if cell.paragraphs > 0 {
                        cell.text.push('\n');
                    }
                    cell.paragraphs += 1;
                }
            }
            "text:s" => {
                let blanks = count(e, "text:c");
                if blanks > MAX_TEXT {
                    return Err(Error::TooLarge("a cell of blanks"));
                }
                self.text(&" ".repeat(blanks));
            }
            "text:tab" => self.text("\t"),
            "text:line-break" => self.text("\n"),
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if self.aside > 0 {
            return;
        }
        // White space between elements is layout: only paragraphs hold text.
        if let Some(cell) = self.cell.as_mut().filter(|c| c.open && c.paragraphs > 0)
            && cell.text.len() + text.len() <= MAX_TEXT
        {
            cell.text.push_str(text);
        }
    }

    fn end(&mut self, name: &str) -> Result<(), Error> {
        match name {
            "office:annotation" => self.aside = self.aside.saturating_sub(1),
            "table:table-cell" | "table:covered-table-cell" => {
                let (Some(cell), Some((_, cells, _))) = (self.cell.take(), self.row.as_mut()) else {
                    return Ok(());
                };
                let text = cell.value.unwrap_or(cell.text);
                if text.is_empty() {
                    self.pending = self.pending.saturating_add(cell.repeated);
                    return Ok(());
                }
                let blanks = self.pending;
                self.pending = 0;
                let wanted = cells.len().saturating_add(blanks).saturating_add(cell.repeated);
                self.cells = self.cells.saturating_add(wanted - cells.len());
                self.bytes = self.bytes.saturating_add(text.len().saturating_mul(cell.repeated));
                if wanted > MAX_COLUMNS || self.cells > MAX_CELLS || self.bytes > MAX_BYTES {
                    return Err(Error::TooLarge("too many cells"));
                }
                cells.resize(wanted - cell.repeated, String::new());
                cells.resize(wanted, text);
            }
            "table:table-row" => {
                let Some((line, cells, repeated)) = self.row.take() else { return Ok(()) };
                self.pending = 0;
                self.line = self.line.saturating_add(repeated as u64);
                if cells.is_empty() {
                    return Ok(());
                }
                let copies = repeated.saturating_sub(1);
                let bytes: usize = cells.iter().map(String::len).sum();
                self.cells = self.cells.saturating_add(copies.saturating_mul(cells.len()));
                self.bytes = self.bytes.saturating_add(copies.saturating_mul(bytes));
                if self.cells > MAX_CELLS || self.bytes > MAX_BYTES {
                    return Err(Error::TooLarge("too many cells"));
                }
                for n in 0..repeated as u64 {
                    self.rows.push(Row { line: line + n, cells: cells.clone() });
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> Result<Table, Error> {
        let xml = format!("<a><table:table table:name=\"s\">{rows}</table:table></a>");
        sheets(&mut Reader::from_reader(xml.as_bytes()))
    }

    #[test]
    fn repeated_and_broken_cells_come_out_where_they_stand() {
        let table = read(
            "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>row_id</text:p></table:table-cell>\
             <table:table-cell table:number-columns-repeated=\"2\"/>\
             <table:table-cell office:value-type=\"string\"><text:p>a<text:s text:c=\"2\"/>b &amp; c</text:p>\
             <text:p>d<office:annotation><text:p>aside</text:p></office:annotation></text:p></table:table-cell>\
             <table:table-cell table:number-columns-repeated=\"16380\"/></table:table-row>\
             <table:table-row table:number-rows-repeated=\"3\"><table:table-cell/></table:table-row>\
             <table:table-row><table:table-cell table:number-columns-repeated=\"2\" office:value-type=\"float\" \
             office:value=\"12\"><text:p>12,00</text:p></table:table-cell></table:table-row>\
             <table:table-row table:number-rows-repeated=\"1048571\"><table:table-cell \
             table:number-columns-repeated=\"16384\"/></table:table-row>",
        );
        let rows = table.unwrap().rows;
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].cells, ["row_id", "", "", "a  b & c\nd"]);
        assert_eq!((rows[1].line, &rows[1].cells[..]), (5, &["12".to_owned(), "12".to_owned()][..]));
    }

    #[test]
    fn small_files_that_stand_for_large_ones_are_refused() {
        let cell = |count: &str| {
            format!(
                "<table:table-cell table:number-columns-repeated=\"{count}\"><text:p>x</text:p></table:table-cell>"
            )
        };
        let row = |count: &str, cells: &str| {
            format!("<table:table-row table:number-rows-repeated=\"{count}\">{cells}</table:table-row>")
        };
        let table = [
            row("1", &cell("16384")),
            row("1048576", &cell("1000")),
            row("18446744073709551615", &cell("1")),
            row(
                "1",
                "<table:table-cell><text:p><text:s text:c=\"99999999999\"/></text:p></table:table-cell>",
            ),
        ];
        for rows in table {
            assert!(matches!(read(&rows), Err(Error::TooLarge(_))), "{rows}");
        }
    }
}
