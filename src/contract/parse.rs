//! Cells into typed values: ids, days, amounts. Each function looks at one cell, or one row's cells.
//!
//! The frame's own casts and date parsers are not used: their errors echo cells, and whether they
//! guess a layout depends on all rows.

use std::borrow::Cow;

use chrono::{NaiveDate, NaiveDateTime};
use polars::prelude::*;

use super::rules::{days_since_epoch, minor_units};

/// How ids are compared: ids of two tables need the same kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// As `i64`.
    Integer,
    /// As canonical text, see [`canonical`].
    Text,
}

impl KeyKind {
    /// The kind a column is best compared as.
    pub(crate) fn of(dtype: &DataType) -> Self {
        match dtype {
            // Hashes above i64::MAX would be lost.
            DataType::UInt64 => Self::Text,
            dtype if dtype.is_integer() => Self::Integer,
            _ => Self::Text,
        }
    }

    /// The kind in which two columns can be compared.
    pub(crate) fn common(left: &DataType, right: &DataType) -> Self {
        match (Self::of(left), Self::of(right)) {
            (Self::Integer, Self::Integer) => Self::Integer,
            _ => Self::Text,
        }
    }
}

/// An id as text, in one form whatever table or file it comes from: without outer blanks, without the
/// `.0` that spreadsheets and data frames add to whole numbers in a column with gaps ("17850.0").
/// `None` when it is missing: empty, `nan` or `null`.
///
/// Two ids that differ in nothing but this count as one privacy unit, which protects both together.
pub(crate) fn canonical(id: &str) -> Option<&str> {
    let id = id.trim();
    if id.is_empty() || id.eq_ignore_ascii_case("nan") || id.eq_ignore_ascii_case("null") {
        return None;
    }
    let whole = id.split_once('.').filter(|(whole, fraction)| {
        let digits = whole.strip_prefix('-').unwrap_or(whole);
        !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !fraction.is_empty()
            && fraction.bytes().all(|b| b == b'0')
    });
    Some(whole.map_or(id, |(whole, _)| whole))
}

/// A canonical id of a privacy unit without leading zeros: one table may have read "00042" as the number 42.
/// Who differs in nothing but these is one unit, in the transactions and in the opt-outs alike, so that an
/// opt-out takes away one unit and never two.
pub(crate) fn without_leading_zeros(id: &str) -> &str {
    if id.bytes().all(|b| b.is_ascii_digit()) {
        let rest = id.trim_start_matches('0');
        if rest.is_empty() { &id[id.len() - 1..] } else { rest }
    } else {
        id
    }
}

/// A floating-point id as canonical text.
fn float_id(id: f64) -> Option<String> {
    id.is_finite().then(|| if id == 0.0 { "0".to_owned() } else { format!("{id}") })
}

/// An id column as a key of the given kind; null where the id is missing.
pub(crate) fn key(column: Expr, dtype: &DataType, kind: KeyKind) -> Expr {
    match (kind, dtype) {
        (KeyKind::Integer, _) => column.cast(DataType::Int64),
        (KeyKind::Text, dtype) if dtype.is_integer() => column.cast(DataType::String),
        (KeyKind::Text, DataType::Float32 | DataType::Float64) => text_from(column.cast(DataType::Float64), |c| {
            Ok(StringChunked::from_iter_options(c.name().clone(), c.f64()?.iter().map(|id| id.and_then(float_id))))
        }),
        (KeyKind::Text, _) => text_from(column.cast(DataType::String), |c| {
            let ids = c.str()?;
            Ok(ids.apply(|id| id.and_then(canonical).map(Cow::Borrowed)))
        }),
    }
}

/// A text key without leading zeros, see [`without_leading_zeros`].
pub(crate) fn loose(key: Expr) -> Expr {
    text_from(key, |c| Ok(c.str()?.apply(|id| id.map(|id| Cow::Borrowed(without_leading_zeros(id))))))
}

fn text_from(column: Expr, f: impl Fn(&Series) -> PolarsResult<StringChunked> + Send + Sync + 'static) -> Expr {
    column.map(
        move |c| Ok(f(c.as_materialized_series())?.into_column()),
        |_, field| Ok(Field::new(field.name.clone(), DataType::String)),
    )
}

/// A date column as days since 1970-01-01; null where it cannot be read.
///
/// Clock times are dropped: a day is the day of the clock as written; typed times are taken as they
/// are stored (UTC when they have a zone).
pub(crate) fn day(column: Expr, dtype: &DataType, format: Option<&str>) -> Expr {
    let output = |_: &Schema, field: &Field| Ok(Field::new(field.name.clone(), DataType::Int32));
    let format = format.map(str::to_owned);
    match dtype {
        DataType::Date => column.map(|c| Ok(c.to_physical_repr()), output),
        DataType::Datetime(unit, _) => {
            let per_day: i64 = match unit {
                TimeUnit::Nanoseconds => 86_400_000_000_000,
                TimeUnit::Microseconds => 86_400_000_000,
                TimeUnit::Milliseconds => 86_400_000,
            };
            column.map(
                move |c| {
                    let stored = c.to_physical_repr();
                    let days = stored.i64()?.iter().map(|t| i32::try_from(t?.div_euclid(per_day)).ok());
                    Ok(Int32Chunked::from_iter_options(c.name().clone(), days).into_column())
                },
                output,
            )
        }
        _ => column.cast(DataType::String).map(
            move |c| {
                let mut read = DayReader::new(format.as_deref());
                let days = c.str()?.iter().map(|text| read.day(text?));
                Ok(Int32Chunked::from_iter_options(c.name().clone(), days).into_column())
            },
            output,
        ),
    }
}

/// Reads dates, and remembers the last: lines of one basket follow one another.
struct DayReader<'a> {
    format: Option<&'a str>,
    last: String,
    day: Option<i32>,
}

impl<'a> DayReader<'a> {
    fn new(format: Option<&'a str>) -> Self {
        Self { format, last: String::new(), day: None }
    }

    fn day(&mut self, text: &str) -> Option<i32> {
        let text = text.trim();
        if text != self.last {
            text.clone_into(&mut self.last);
            self.day = match self.format {
                Some(format) => formatted_day(text, format),
                None => iso_day(text),
            };
        }
        self.day
    }
}

fn formatted_day(text: &str, format: &str) -> Option<i32> {
    NaiveDate::parse_from_str(text, format)
        // Layouts that give no date of their own (seconds since 1970).
        .or_else(|_| NaiveDateTime::parse_from_str(text, format).map(|time| time.date()))
        .ok()
        .map(days_since_epoch)
}

/// `YYYY-MM-DD`, alone or followed by a blank or `T` and a clock time.
fn iso_day(text: &str) -> Option<i32> {
    let (date, clock) = text.split_at_checked(10)?;
    let clock_ok = clock.is_empty()
        || (clock.starts_with(['T', ' ', 't'])
            && clock.len() >= 6
            && clock.as_bytes()[1..].iter().all(|b| b.is_ascii_digit() || b":.+-Z ".contains(b)));
    let b = date.as_bytes();
    if !clock_ok || b[4] != b'-' || b[7] != b'-' {
        return None;
    }
    // `parse` alone would take a sign.
    let number = |from: usize, to: usize| {
        let digits = &date.as_bytes()[from..to];
        digits.iter().all(u8::is_ascii_digit).then(|| digits.iter().fold(0, |n, b| 10 * n + u32::from(b - b'0')))
    };
    NaiveDate::from_ymd_opt(i32::try_from(number(0, 4)?).ok()?, number(5, 7)?, number(8, 10)?).map(days_since_epoch)
}

/// A number column as finite `f64`; null where there is none. Decimal text takes a point, no sign of
/// a currency and no thousands separator.
pub(crate) fn number(column: Expr, dtype: &DataType) -> Expr {
    let output = |_: &Schema, field: &Field| Ok(Field::new(field.name.clone(), DataType::Float64));
    let text = matches!(dtype, DataType::String | DataType::Categorical(..) | DataType::Enum(..));
    if text {
        column.cast(DataType::String).map(
            |c| {
                let values = c.str()?.iter().map(|text| finite(text?.trim().parse().ok()?));
                Ok(Float64Chunked::from_iter_options(c.name().clone(), values).into_column())
            },
            output,
        )
    } else {
        column.cast(DataType::Float64).map(
            |c| {
                let numbers = c.f64()?;
                // The usual column holds none but finite numbers, which need no look at each one's presence.
                let finite_alone = numbers.downcast_iter().all(|part| part.values().iter().all(|v| v.is_finite()));
                Ok(if finite_alone {
                    numbers.apply_values(|value| value + 0.0).into_column()
                } else {
                    let values = numbers.iter().map(|value| finite(value?));
                    Float64Chunked::from_iter_options(c.name().clone(), values).into_column()
                })
            },
            output,
        )
    }
}

/// Finite numbers, and no negative zero: frames that flip a sign leave it on zeros.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value + 0.0)
}

/// Quantity times price. A negative quantity of something free stays a return: its zero keeps the sign.
pub(crate) fn product(quantity: Expr, price: Expr) -> Expr {
    quantity.map_many(
        |c| {
            let (quantity, price) = (c[0].f64()?, c[1].f64()?);
            let values = quantity.iter().zip(price.iter()).map(|(q, p)| Some(q? * p?).filter(|v| v.is_finite()));
            Ok(Float64Chunked::from_iter_options(c[0].name().clone(), values).into_column())
        },
        &[price],
        |_, fields| Ok(Field::new(fields[0].name.clone(), DataType::Float64)),
    )
}

/// The sum of a line's discount columns in minor units, whatever their signs; each cut to `cap`.
/// A missing or unreadable discount is none.
pub(crate) fn discount(columns: Vec<Expr>, cap: i64) -> Expr {
    let mut columns = columns.into_iter();
    let Some(first) = columns.next() else {
        return lit(0_i64);
    };
    let rest: Vec<Expr> = columns.collect();
    first.map_many(
        move |c| {
            let mut sums = vec![0_i64; c[0].len()];
            for column in c.iter() {
                for (sum, value) in sums.iter_mut().zip(column.f64()?.iter()) {
                    *sum += value.map_or(0, |value| minor_units(value.abs(), cap));
                }
            }
            Ok(Int64Chunked::from_vec(c[0].name().clone(), sums).into_column())
        },
        &rest,
        |_, fields| Ok(Field::new(fields[0].name.clone(), DataType::Int64)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn days(text: &str) -> i32 {
        days_since_epoch(NaiveDate::parse_from_str(text, "%Y-%m-%d").unwrap())
    }

    #[test]
    fn an_id_has_one_form_in_all_tables() {
        for same in ["17850", " 17850 ", "17850.0", "17850.000"] {
            assert_eq!(canonical(same), Some("17850"));
        }
        assert_eq!(float_id(17850.0).as_deref(), Some("17850"));
        assert_eq!(float_id(-0.0).as_deref(), Some("0"));
        assert_eq!(canonical("A.0"), Some("A.0"));
        assert_eq!(canonical("1.50"), Some("1.50"));
        assert_eq!(canonical(".0"), Some(".0"));
        for missing in ["", "  ", "NaN", "nan", "NULL"] {
            assert_eq!(canonical(missing), None);
        }
        assert_eq!(float_id(f64::NAN), None);
        assert_eq!((without_leading_zeros("00042"), without_leading_zeros("000")), ("42", "0"));
        assert_eq!(without_leading_zeros("0a"), "0a");
    }

    #[test]
    fn iso_dates_are_read_with_and_without_a_clock() {
        for text in ["1997-01-31", "1997-01-31T23:59:59Z", "1997-01-31 23:59", "1997-01-31 00:00:00.000+02:00"] {
            assert_eq!(iso_day(text), Some(days("1997-01-31")), "{text}");
        }
        for text in [
            "",
            "1997-02-29",
            "1997-1-1",
            "97-01-01",
            "1997/01/01",
            "1997-01-31x",
            "1997-01-31 soon",
            "+997-01-01",
            "1997-01-3é",
        ] {
            assert_eq!(iso_day(text), None, "{text}");
        }
    }

    #[test]
    fn declared_layouts_are_followed() {
        assert_eq!(formatted_day("19970101", "%Y%m%d"), Some(days("1997-01-01")));
        assert_eq!(formatted_day("12/1/2010 8:26", "%m/%d/%Y %H:%M"), Some(days("2010-12-01")));
        assert_eq!(formatted_day("31.12.2010", "%d.%m.%Y"), Some(days("2010-12-31")));
        assert_eq!(formatted_day("86400", "%s"), Some(1));
        assert_eq!(formatted_day("19971301", "%Y%m%d"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in any::<String>()) {
            let _ = iso_day(&text);
            let _ = canonical(&text).map(without_leading_zeros);
            let _ = formatted_day(&text, "%Y%m%d");
        }
    }
}
