//! The dashboard's charts as SVG that stands inside a page: no script, no style attribute, no reference to anything.
//! Drawn by `plotters`; what is drawn comes from [`super::data`]. The blast radius of a key is drawn by
//! [`super::super::blast`].
//!
//! Colours are written as the marks of [`color`]; the page's style gives each mark its colour in light, dark and print.

mod burndown;
mod funnel;
mod timeline;

use std::fmt::Write as _;

use plotters::{
    coord::Shift,
    prelude::{DrawingArea, IntoDrawingArea, IntoFont, RGBColor, Rectangle, SVGBackend, Text, TextStyle},
    style::Color,
};

pub(super) use burndown::burndown;
pub(super) use funnel::{funnel, owing, progress, settled, standing};
pub(super) use timeline::timeline;

/// Width of every chart in user units; a page scales it.
const WIDTH: u32 = 960;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// The marks by which the page's style finds what it has to colour.
mod color {
    use plotters::prelude::RGBColor;

    pub(super) const TEXT: RGBColor = RGBColor(1, 0, 0);
    pub(super) const MUTE: RGBColor = RGBColor(2, 0, 0);
    pub(super) const LINE: RGBColor = RGBColor(3, 0, 0);
    pub(super) const BAD: RGBColor = RGBColor(4, 0, 0);
    pub(super) const WAIT: RGBColor = RGBColor(5, 0, 0);
    pub(super) const DONE: RGBColor = RGBColor(6, 0, 0);
    pub(super) const GREY: RGBColor = RGBColor(7, 0, 0);
    pub(super) const NEW: RGBColor = RGBColor(8, 0, 0);
    pub(super) const FAINT: RGBColor = RGBColor(9, 0, 0);
    pub(super) const SOFT_BAD: RGBColor = RGBColor(10, 0, 0);
    /// Each mark with the variable of the page that it stands for.
    pub(super) const MARKS: [(RGBColor, &str); 10] = [
        (TEXT, "--text"),
        (MUTE, "--mute"),
        (LINE, "--line"),
        (BAD, "--bad"),
        (WAIT, "--wait"),
        (DONE, "--done"),
        (GREY, "--grey"),
        (NEW, "--open"),
        (FAINT, "--faint"),
        (SOFT_BAD, "--soft-bad"),
    ];
}

/// The style of all charts, once for a page.
pub(super) fn style() -> String {
    let mut css = "svg.chart { width: 100%; height: auto; display: block; }\n".to_owned();
    for (RGBColor(r, g, b), variable) in color::MARKS {
        for property in ["fill", "stroke"] {
            let mark = format!("#{r:02X}{g:02X}{b:02X}");
            // Writing to a string cannot fail.
            let _ = writeln!(css, "svg.chart [{property}=\"{mark}\"] {{ {property}: var({variable}); }}");
        }
    }
    css
}

/// Draws on an area of this height, and gives the SVG with a name for those who do not see it.
fn svg(width: u32, height: u32, label: &str, draw: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut text = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        draw(&area).and_then(|()| area.present().map_err(Into::into))
    };
    // Drawing into a string cannot fail; if it ever does, the table beside the chart has the same figures.
    if drawn.is_err() {
        return String::new();
    }
    let body = text.split_once('>').map_or("", |(_, body)| body);
    format!(
        "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">{body}",
        handlebars::html_escape(label)
    )
}

fn bar(area: &Area<'_>, from: (i32, i32), to: (i32, i32), color: RGBColor) -> Drawn {
    if to.0 > from.0 {
        area.draw(&Rectangle::new([from, to], color.filled()))?;
    }
    Ok(())
}

fn words(area: &Area<'_>, text: &str, at: (i32, i32), size: u32, color: RGBColor) -> Drawn {
    area.draw(&Text::new(text.to_owned(), at, font(size, color)))?;
    Ok(())
}

fn font(size: u32, color: RGBColor) -> TextStyle<'static> {
    let mut style = TextStyle::from(("sans-serif", size).into_font());
    style.color = color.to_backend_color();
    style
}

/// A count or a coordinate as the charts' whole units. What is beyond them would lie outside any page.
fn units(value: u64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// `part` of `whole`, laid out over `width` units.
fn share(part: u64, whole: u64, width: i32) -> i32 {
    if whole == 0 {
        return 0;
    }
    let scaled = u128::from(part) * u128::from(width.unsigned_abs()) / u128::from(whole);
    i32::try_from(scaled).unwrap_or(width).min(width)
}
