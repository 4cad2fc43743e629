//! Curves, drawn as SVG.

use std::fmt::Write as _;

use crate::table::count;

/// The size of one panel, and what is free around its curve, in pixels.
const WIDTH: f64 = 330.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 52.0;
const BOTTOM: f64 = 44.0;

/// One figure at each point of the x axis.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) figures: Vec<f64>,
}

/// Draws panels side by side over the same x axis, which is logarithmic. The y axes begin at 0; beside each point
/// stands its ratio to the first.
pub(crate) fn draw(title: &str, x_title: &str, xs: &[usize], panels: &[Panel]) -> String {
    let width = WIDTH * f64::from(u32::try_from(panels.len()).unwrap_or(1));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" width=\"{width}\" \
         height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"11\" role=\"img\" aria-label=\"{title}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let title = format!("{title} (beside each point: its ratio to the first)");
    text(&mut svg, (width / 2.0, 18.0), "middle", "font-weight=\"bold\" font-size=\"13\"", &title);
    let mut from = 0.0;
    for panel in panels {
        draw_panel(&mut svg, from, x_title, xs, panel);
        from += WIDTH;
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_panel(svg: &mut String, from: f64, x_title: &str, xs: &[usize], panel: &Panel) {
    let (left, right) = (from + LEFT, from + WIDTH - RIGHT);
    let (top, bottom) = (TOP, HEIGHT - BOTTOM);
    let most = ceiling(panel.figures.iter().copied().fold(0.0, f64::max));
    let span = logarithm(xs, xs.len() - 1).max(1.0);
    let place = |at: usize, figure: f64| {
        (left + (right - left) * logarithm(xs, at) / span, bottom - (bottom - top) * figure / most)
    };
    let middle = f64::midpoint(left, right);
    text(svg, (middle, TOP - 16.0), "middle", "", &panel.title);
    text(svg, (middle, HEIGHT - 8.0), "middle", "fill=\"#555555\"", x_title);
    for step in 0..=4 {
        let figure = most * f64::from(step) / 4.0;
        let y = place(0, figure).1;
        line(svg, (left, y), (right, y), "#dddddd");
        text(svg, (left - 5.0, y + 4.0), "end", "fill=\"#555555\"", &short(figure));
    }
    for (at, x) in xs.iter().enumerate() {
        let x_place = place(at, 0.0).0;
        line(svg, (x_place, bottom), (x_place, bottom + 4.0), "#555555");
        #[expect(clippy::cast_precision_loss, reason = "labels are short")]
        text(svg, (x_place, bottom + 16.0), "middle", "fill=\"#555555\" font-size=\"9\"", &short(*x as f64));
    }
    let points: Vec<(f64, f64)> =
        panel.figures.iter().enumerate().map(|(at, figure)| place(at, *figure)).collect();
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    add(
        svg,
        &format!(
            "<polyline fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"2\" points=\"{}\"/>",
            path.join(" ")
        ),
    );
    let first = panel.figures.first().copied().unwrap_or(1.0);
    for ((x, y), figure) in points.iter().zip(&panel.figures) {
        add(svg, &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#1f5fa8\"/>"));
        let ratio = format!("{:.2}", figure / first);
        text(svg, (*x, y - 7.0), "middle", "font-size=\"9\"", &ratio);
    }
}

fn logarithm(xs: &[usize], at: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
    let ratio = xs[at] as f64 / xs[0].max(1) as f64;
    ratio.max(1.0).log10()
}

/// The next round number above.
fn ceiling(figure: f64) -> f64 {
    let unit = 10.0_f64.powf(figure.max(1e-9).log10().floor());
    let steps = [1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0];
    // There is room for a label above the highest point.
    steps.iter().map(|step| step * unit).find(|top| *top >= figure * 1.1).unwrap_or(figure * 1.2)
}

/// A number of few characters.
fn short(number: f64) -> String {
    match number {
        1e6.. => format!("{} M", trimmed(number / 1e6)),
        1e4.. => format!("{} k", trimmed(number / 1e3)),
        100.0.. => count(number),
        _ => trimmed(number),
    }
}

fn trimmed(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

fn text(svg: &mut String, at: (f64, f64), anchor: &str, style: &str, text: &str) {
    let (x, y) = at;
    add(svg, &format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {style}>{text}</text>"));
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), color: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    add(
        svg,
        &format!("<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{color}\"/>"),
    );
}

fn add(svg: &mut String, element: &str) {
    writeln!(svg, "{element}").expect("a String takes everything");
}
