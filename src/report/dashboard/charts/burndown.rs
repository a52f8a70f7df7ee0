//! What is open from sweep to sweep. What a sweep newly found stands on top in a colour of its own: a list that grows
//! is no failure.

use plotters::{
    chart::ChartBuilder,
    element::{Circle, PathElement},
    prelude::Rectangle,
    style::{Color, ShapeStyle},
};

use super::{super::data::Point, Area, Drawn, WIDTH, color, font, svg, units, words};

const HEIGHT: u32 = 300;
/// The fewest columns: one bar alone is no wall.
const COLUMNS: i32 = 8;
/// Labels under the bars that fit.
const LABELS: usize = 12;

/// The chart.
pub(in super::super) fn burndown(points: &[Point]) -> String {
    let last = points.last().map_or(0, |p| p.open);
    let label = format!("Open services over {} sweeps; {last} at the last", points.len());
    svg(WIDTH, HEIGHT, &label, |area| draw(area, points))
}

fn draw(area: &Area<'_>, points: &[Point]) -> Drawn {
    let most = points.iter().map(|p| p.known).max().unwrap_or(0).max(1);
    let count = units(points.len() as u64).max(COLUMNS);
    let columns = f64::from(count);
    let top = f64::from(units(most)) * 1.08;
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(54)
        .build_cartesian_2d(0.0..columns, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .light_line_style(ShapeStyle { color: color::FAINT.to_rgba(), filled: false, stroke_width: 0 })
        .bold_line_style(color::FAINT)
        .max_light_lines(0)
        .axis_style(color::LINE)
        .y_labels(6)
        .y_label_formatter(&|y| format!("{y:.0}"))
        .y_label_style(font(15, color::MUTE))
        .draw()?;
    let whole = |n: u64| f64::from(units(n));
    for (point, column) in points.iter().zip(0..) {
        let (left, right) = (f64::from(column) + 0.22, f64::from(column) + 0.78);
        let carried = whole(point.open - point.newly_found.min(point.open));
        let bars = [
            Rectangle::new([(left, 0.0), (right, carried)], color::WAIT.filled()),
            Rectangle::new([(left, carried), (right, whole(point.open))], color::NEW.filled()),
        ];
        chart.draw_series(bars)?;
    }
    for (pick, mark) in [
        ((|p: &Point| p.exposed) as fn(&Point) -> u64, color::BAD),
        (|p: &Point| p.known - p.open.min(p.known), color::DONE),
    ] {
        let line: Vec<(f64, f64)> =
            points.iter().zip(0..).map(|(p, i)| (f64::from(i) + 0.5, whole(pick(p)))).collect();
        chart.draw_series([PathElement::new(line.clone(), mark.stroke_width(3))])?;
        chart.draw_series(line.into_iter().map(|at| Circle::new(at, 4, mark.filled())))?;
    }
    let every = points.len().div_ceil(LABELS).max(1);
    for (point, column) in points.iter().zip(0..).step_by(every) {
        let (x, y) = chart.backend_coord(&(f64::from(column) + 0.5, 0.0));
        words(area, &point.sweep.to_string(), (x - 20, y + 4), 14, color::TEXT)?;
        let at = point.at.short();
        words(area, at.get(5..).unwrap_or_default(), (x - 38, y + 20), 13, color::MUTE)?;
    }
    Ok(())
}
