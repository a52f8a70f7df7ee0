//! Escaping for the checklist's two formats, as handlebars' escape function and as helpers. The
//! helpers write for themselves and therefore escape for themselves.

use super::strict::present;
use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, JsonRender as _, Output, RenderContext, html_escape,
};

/// What a text is escaped for.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) enum Format {
    /// GitHub-flavoured Markdown.
    Markdown,
    /// HTML.
    Html,
}

impl Format {
    /// A text that shows as it is and can do nothing.
    pub(in crate::report) fn text(self, text: &str) -> String {
        match self {
            Self::Markdown => markdown(text),
            Self::Html => html_escape(text),
        }
    }

    /// A name as code.
    pub(in crate::report) fn code(self, text: &str) -> String {
        match self {
            Self::Markdown => code_span(text),
            Self::Html if text.is_empty() => String::new(),
            Self::Html => format!("<code>{}</code>", html_escape(text)),
        }
    }

    /// One line inside a code block.
    pub(super) fn command(self, text: &str) -> String {
        match self {
            // A line of backticks or tildes would close the block.
            Self::Markdown if text.trim_start().starts_with(['`', '~']) => format!("# {text}"),
            Self::Markdown => text.to_owned(),
            Self::Html => html_escape(text),
        }
    }

    /// A text of ours in which backticks mark names and commands. A backtick without a partner is a
    /// character like any other.
    pub(in crate::report) fn prose(self, text: &str) -> String {
        let mut parts: Vec<&str> = text.split('`').collect();
        let lone = if parts.len().is_multiple_of(2) { parts.pop() } else { None };
        let mut out = String::new();
        for (part, code) in parts.into_iter().zip([false, true].into_iter().cycle()) {
            out.push_str(&if code { self.code(part) } else { self.inner(part, out.is_empty()) });
        }
        if let Some(rest) = lone {
            out.push_str(&self.inner(&format!("`{rest}"), out.is_empty()));
        }
        out
    }

    /// A piece of a sentence: its outer spaces count, and only the first piece begins a line.
    fn inner(self, text: &str, first: bool) -> String {
        match self {
            Self::Markdown => {
                let escaped = markdown_words(text);
                if first { guard_start(escaped.trim_start()) } else { escaped }
            }
            Self::Html => html_escape(text),
        }
    }
}

/// Makes escaping the default and adds the helpers.
pub(super) fn register(registry: &mut Handlebars<'_>, format: Format) {
    registry.register_escape_fn(move |text| format.text(text));
    registry.register_helper("prose", Box::new(Shown(format, Format::prose)));
    registry.register_helper("mono", Box::new(Shown(format, Format::code)));
    registry.register_helper("command", Box::new(Shown(format, Format::command)));
    registry.register_helper("number", Box::new(Numbered));
}

/// A helper that writes the number after its one argument, which counts from 0. A list in which every step is
/// called 1 is right in Markdown and wrong wherever it is read as text.
struct Numbered;

impl HelperDef for Numbered {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let missing = || handlebars::RenderErrorReason::ParamNotFoundForIndex("number", 0);
        let index = present(helper.param(0).ok_or_else(missing)?)?.value().as_u64().ok_or_else(missing)?;
        out.write(&index.saturating_add(1).to_string())?;
        Ok(())
    }
}

/// A helper that writes its one argument in some form.
struct Shown(Format, fn(Format, &str) -> String);

impl HelperDef for Shown {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let missing = || handlebars::RenderErrorReason::ParamNotFoundForIndex("helper", 0);
        let text = present(helper.param(0).ok_or_else(missing)?)?.value().render();
        out.write(&(self.1)(self.0, &text))?;
        Ok(())
    }
}

/// Markdown that shows the text: no emphasis, links, HTML, headings, lists or tables.
fn markdown(text: &str) -> String {
    guard_start(&markdown_words(text.trim()))
}

/// Words that GitHub would turn into a link without any markup become code, where nothing is linked;
/// in the others every character that means something is escaped.
fn markdown_words(text: &str) -> String {
    let links = |word: &str| {
        let lower = word.to_ascii_lowercase();
        lower.contains("://") || lower.contains("www.") || word.contains('@')
    };
    let words = text.split(' ').map(|word| if links(word) { code_span(word) } else { markdown_word(word) });
    words.collect::<Vec<_>>().join(" ")
}

fn markdown_word(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut before: Option<char> = None;
    let mut rest = word.chars().peekable();
    while let Some(c) = rest.next() {
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let plain_underscore = c == '_' && inside(before) && inside(rest.peek().copied());
        if r"\`*_[]<>&|~$".contains(c) && !plain_underscore {
            out.push('\\');
        }
        out.push(c);
        before = Some(c);
    }
    out
}

/// What would begin a heading, list, quote or rule at the start of a line no longer does.
fn guard_start(text: &str) -> String {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let mut rest = text.chars().skip(digits);
    match rest.next() {
        Some('#' | '+' | '-' | '=') if digits == 0 => format!("\\{text}"),
        Some(mark @ ('.' | ')')) if digits > 0 => {
            let number: String = text.chars().take(digits).collect();
            format!("{number}\\{mark}{}", rest.collect::<String>())
        }
        _ => text.to_owned(),
    }
}

/// Code cannot hold a backtick of its own here; an apostrophe stands for it.
fn code_span(text: &str) -> String {
    let text = text.replace('`', "'");
    let text = text.trim();
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_shows_a_name_and_does_nothing_else() {
        let table = [
            ("web01.example.test:443", "web01.example.test:443"),
            ("[click](javascript:x)", r"\[click\](javascript:x)"),
            ("![x](y)", r"!\[x\](y)"),
            ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
            ("&lt;b&gt;", r"\&lt;b\&gt;"),
            ("# heading", r"\# heading"),
            ("- item", r"\- item"),
            ("=====", r"\====="),
            ("1. one", r"1\. one"),
            ("12) one", r"12\) one"),
            ("1.2.3.4", r"1\.2.3.4"),
            ("> quote", r"\> quote"),
            ("a | b", r"a \| b"),
            ("*bold* _it_ __x__ `c`", r"\*bold\* \_it\_ \_\_x\_\_ \`c\`"),
            ("tls_auth_key", "tls_auth_key"),
            ("~~gone~~ $x$", r"\~\~gone\~\~ \$x\$"),
            ("see https://evil.test/a", "see `https://evil.test/a`"),
            ("WWW.evil.test", "`WWW.evil.test`"),
            ("mail a@evil.test now", "mail `a@evil.test` now"),
            ("@everyone", "`@everyone`"),
            ("    indented", "indented"),
            ("", ""),
        ];
        for (input, expected) in table {
            assert_eq!(Format::Markdown.text(input), expected, "input: {input:?}");
        }
    }

    #[test]
    fn prose_turns_backticks_into_code_and_escapes_the_rest() {
        let table = [
            ("run `a b` now", "run `a b` now", "run <code>a b</code> now"),
            ("`a` and `b`", "`a` and `b`", "<code>a</code> and <code>b</code>"),
            ("`<i>` <i>", r"`<i>` \<i\>", "<code>&lt;i&gt;</code> &lt;i&gt;"),
            ("lone ` tick", r"lone \` tick", "lone &#x60; tick"),
            ("# `a`", r"\# `a`", "# <code>a</code>"),
            ("`a` # b", "`a` # b", "<code>a</code> # b"),
            ("", "", ""),
        ];
        for (input, markdown, html) in table {
            assert_eq!(Format::Markdown.prose(input), markdown, "input: {input:?}");
            assert_eq!(Format::Html.prose(input), html, "input: {input:?}");
        }
    }

    #[test]
    fn a_command_cannot_close_its_block() {
        let table = [("allclear x", "allclear x"), ("```", "# ```"), ("  ~~~", "#   ~~~")];
        for (input, expected) in table {
            assert_eq!(Format::Markdown.command(input), expected, "input: {input:?}");
        }
        assert_eq!(Format::Html.command("</code>"), "&lt;/code&gt;");
        assert_eq!(Format::Markdown.code("a`b"), "`a'b`");
    }
}
