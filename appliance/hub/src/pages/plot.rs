//! Plots of what boxes said of themselves: pictures in SVG, made here, with their title and a description; the figures stand in a table
//! beside them.

use std::fmt::Write as _;

use model::Timestamp;

/// The plot's place in its picture, which is 640 by 180.
const LEFT: i64 = 56;
const TOP: i64 = 12;
const WIDTH: i64 = 572;
const HEIGHT: i64 = 132;
const BOTTOM: i64 = TOP + HEIGHT;
/// Days between two points beyond which nothing is known: the line is broken.
const GAP_MS: i64 = 3 * 86_400_000;

/// A series of figures.
pub(super) struct Series<'a> {
    /// Tells it from the page's others.
    pub(super) name: &'a str,
    /// What it is.
    pub(super) title: String,
    /// What there is to see, in a sentence.
    pub(super) description: String,
    /// The figures, in the order of time; none is below 0.
    pub(super) points: Vec<(Timestamp, i64)>,
    /// The least that the scale goes up to.
    pub(super) top: i64,
    /// What stands at the scale's ends.
    pub(super) unit: &'a str,
    /// What stands under the first and the last point.
    pub(super) ends: [String; 2],
}

/// The picture. Words go through `escape`: titles have names that people chose.
pub(super) fn draw(series: &Series<'_>) -> String {
    let Series { name, title, description, points, top, unit, ends } = series;
    let top = points.iter().map(|(_, value)| *value).chain([*top, 1]).max().unwrap_or(1);
    let [title, description] = [title, description].map(|text| escape(text));
    let mut picture = format!(
        "<svg class=\"plot\" viewBox=\"0 0 640 180\" role=\"img\" aria-labelledby=\"{name}-t {name}-d\">\
         <title id=\"{name}-t\">{title}</title><desc id=\"{name}-d\">{description}</desc>\
         <path class=\"axis\" d=\"M{LEFT} {TOP}V{BOTTOM}H{}\"/>",
        LEFT + WIDTH
    );
    let mut label = |x: i64, y: i64, anchor: &str, text: &str| {
        let text = escape(text);
        // Writing into a text does not fail.
        let _written = write!(picture, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>");
    };
    label(LEFT - 6, TOP + 10, "end", &format!("{top}{unit}"));
    label(LEFT - 6, BOTTOM, "end", &format!("0{unit}"));
    label(LEFT, BOTTOM + 24, "start", &ends[0]);
    label(LEFT + WIDTH, BOTTOM + 24, "end", &ends[1]);
    for line in lines(points, top) {
        let _written = write!(picture, "<path class=\"line\" d=\"{line}\"/>");
    }
    picture.push_str("</svg>");
    picture
}

/// The paths of the lines: one for each stretch of time of which something is known. A single point is a dot.
fn lines(points: &[(Timestamp, i64)], top: i64) -> Vec<String> {
    let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else { return Vec::new() };
    let span = last.unix_ms().saturating_sub(first.unix_ms()).max(1);
    let mut paths: Vec<String> = Vec::new();
    let mut before: Option<Timestamp> = None;
    for (at, value) in points {
        let x = LEFT + scale(at.unix_ms().saturating_sub(first.unix_ms()), span, WIDTH);
        let y = BOTTOM - scale(*value, top, HEIGHT);
        let is_gap = before.is_none_or(|before| at.unix_ms().saturating_sub(before.unix_ms()) > GAP_MS);
        match paths.last_mut().filter(|_| !is_gap) {
            Some(path) => path.push_str(&format!("L{x} {y}")),
            // A line of no length is drawn as a dot by its round ends.
            None => paths.push(format!("M{x} {y}h0")),
        }
        before = Some(*at);
    }
    paths
}

/// How far `value` of `most` is on a line of this length.
fn scale(value: i64, most: i64, length: i64) -> i64 {
    let place = i128::from(value.max(0)) * i128::from(length) / i128::from(most.max(1));
    i64::try_from(place).unwrap_or(length).min(length)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_795_392_000_000 + day * DAY_MS)
    }

    #[test]
    fn a_line_is_broken_where_nothing_is_known() {
        let points = [(at(0), 0), (at(1), 50), (at(2), 100), (at(9), 100), (at(10), 0)];
        assert_eq!(lines(&points, 100), ["M56 144h0L113 78L170 12", "M570 12h0L628 144"]);
        assert_eq!(lines(&points[..1], 100), ["M56 144h0"]);
        assert_eq!(lines(&[], 100), Vec::<String>::new());
    }

    #[test]
    fn no_figure_leaves_the_picture() {
        for points in [
            vec![(at(0), i64::MAX), (at(1), i64::MIN)],
            vec![(Timestamp::from_unix_ms(i64::MIN), 5), (Timestamp::from_unix_ms(i64::MAX), 7)],
        ] {
            let picture = lines(&points, 10).join(" ");
            for number in picture.split(|c: char| !c.is_ascii_digit() && c != '-').filter(|it| !it.is_empty())
            {
                assert!((0..=640).contains(&number.parse::<i64>().unwrap()), "{picture}");
            }
        }
    }

    #[test]
    fn a_picture_says_what_it_shows() {
        let series = Series {
            name: "disk",
            title: "Disque <libre>".to_owned(),
            description: "de 9 à 50".to_owned(),
            points: vec![(at(0), 9), (at(1), 50)],
            top: 100,
            unit: " %",
            ends: ["1".to_owned(), "2".to_owned()],
        };
        let picture = draw(&series);
        assert!(picture.contains("<title id=\"disk-t\">Disque &lt;libre&gt;</title>"), "{picture}");
        assert!(picture.contains("role=\"img\" aria-labelledby=\"disk-t disk-d\""), "{picture}");
        assert!(picture.contains(">100 %</text>") && picture.ends_with("</svg>"), "{picture}");
    }
}
