//! Tags out of the bytes of an XML stream.
//!
//! Not an XML parser: it reads past text, comments, instructions and character data, resolves no entity, and leaves
//! names and nesting to its user.

/// What came is not XML.
#[derive(Debug)]
pub(super) struct Bad;

/// Cuts bytes into tags, one byte at a time, so that the work does not depend on how they were cut. What it holds is
/// bounded by its user, who counts the bytes.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    state: State,
    tag: Vec<u8>,
    begun: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Text,
    /// Between `<` and `>`, and in which quotes.
    Tag(Option<u8>),
    /// Behind `<?`, and whether a `?` came last.
    Instruction(bool),
    /// Behind `<!--`, and how many `-` came last.
    Comment(u8),
    /// Behind `<![CDATA[`, and how many `]` came last.
    Data(u8),
}

impl Scanner {
    /// Takes in one byte; gives what stands between `<` and `>` when a tag is complete.
    pub(super) fn take(&mut self, byte: u8) -> Result<Option<Vec<u8>>, Bad> {
        match (self.state, byte) {
            (State::Text, b'<') => {
                self.begun = true;
                self.state = State::Tag(None);
            }
            // Only white space may stand before the first tag.
            (State::Text, _) if !self.begun && !byte.is_ascii_whitespace() => return Err(Bad),
            (State::Tag(None), b'>') => {
                self.state = State::Text;
                return Ok(Some(std::mem::take(&mut self.tag)));
            }
            (State::Tag(None), b'<') => return Err(Bad),
            (State::Tag(quote), _) => return self.in_tag(quote, byte).map(|()| None),
            (State::Instruction(true) | State::Comment(2..) | State::Data(2..), b'>') => {
                self.state = State::Text;
            }
            (State::Instruction(_), _) => self.state = State::Instruction(byte == b'?'),
            (State::Comment(n), _) => {
                self.state = State::Comment(if byte == b'-' { n.saturating_add(1) } else { 0 });
            }
            (State::Data(n), _) => {
                self.state = State::Data(if byte == b']' { n.saturating_add(1) } else { 0 });
            }
            (State::Text, _) => {}
        }
        Ok(None)
    }

    fn in_tag(&mut self, quote: Option<u8>, byte: u8) -> Result<(), Bad> {
        const DATA: &[u8] = b"![CDATA[";
        self.tag.push(byte);
        self.state = match (quote, self.tag.as_slice()) {
            (None, b"?") => State::Instruction(false),
            (None, b"!--") => State::Comment(0),
            (None, DATA) => State::Data(0),
            // A document type has no place in a stream, and entities with it none.
            (None, [b'!', ..]) if !DATA.starts_with(&self.tag) && self.tag != b"!-" => return Err(Bad),
            (None, _) if matches!(byte, b'\'' | b'"') => State::Tag(Some(byte)),
            (Some(open), _) if open == byte => State::Tag(None),
            (quote, _) => State::Tag(quote),
        };
        if !matches!(self.state, State::Tag(_)) {
            self.tag.clear();
        }
        Ok(())
    }
}

/// The name of a start tag, and the names and values of its attributes.
pub(super) type Parts<'a> = (&'a [u8], Vec<(&'a [u8], &'a [u8])>);

/// Takes a start tag apart: what stands between `<` and `>`, without a `/` at the end.
pub(super) fn attributes(tag: &[u8]) -> Result<Parts<'_>, Bad> {
    let end = tag.iter().position(u8::is_ascii_whitespace).unwrap_or(tag.len());
    let (name, mut left) = tag.split_at_checked(end).ok_or(Bad)?;
    let is_name = |name: &[u8]| {
        !name.is_empty()
            && name
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(*b, b'-' | b'_' | b'.' | b':' | 0x80..))
    };
    if !is_name(name) {
        return Err(Bad);
    }
    let mut found = Vec::new();
    loop {
        let trimmed = left.trim_ascii_start();
        if trimmed.is_empty() {
            return Ok((name, found));
        }
        if trimmed.len() == left.len() {
            return Err(Bad); // nothing between two attributes
        }
        let equals = trimmed.iter().position(|b| *b == b'=').ok_or(Bad)?;
        let (key, value) = trimmed.split_at_checked(equals).ok_or(Bad)?;
        let key = key.trim_ascii_end();
        let (quote, value) = value.get(1..).ok_or(Bad)?.trim_ascii_start().split_first().ok_or(Bad)?;
        if !is_name(key) || !matches!(quote, b'\'' | b'"') {
            return Err(Bad);
        }
        let end = value.iter().position(|b| b == quote).ok_or(Bad)?;
        let (value, behind) = value.split_at_checked(end).ok_or(Bad)?;
        found.push((key, value));
        left = behind.get(1..).ok_or(Bad)?;
    }
}
