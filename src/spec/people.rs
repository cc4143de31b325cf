//! What a spec says about people: who consented to what, and to whom an audience may be handed.
//!
//! Written form, rules and checked form stand together here: a destination that breaks a rule must not exist in any of
//! the three.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checked::File;
use super::raw::RawFormat;
use super::report::Report;
use super::rule::{Rule, shown};

/// The most days that a consent snapshot may be allowed to age, or a hand-over to live.
const MOST_DAYS: i64 = 366;
/// The lowest k of a destination, that of the spec's floor.
const LOWEST_MINIMUM: i64 = 20;
/// What the ids of one epoch may reveal at most, in bits.
pub const MOST_LINKABILITY_BITS: u8 = 12;

/// Who consented to what. A snapshot, taken at a moment that a file beside it names (docs/consent.md).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Consent")]
pub struct RawConsent {
    /// Path of the file. Beside it lies FILE.snapshot.toml or FILE.snapshot.json.
    #[schemars(required)]
    pub file: Option<String>,
    /// Layout; told by the file's name when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<RawFormat>,
    /// Separator of a csv file; a comma when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Column of the customer or household id.
    #[schemars(required)]
    pub unit: Option<String>,
    /// Column of the purpose; without it a row is about every purpose that the snapshot lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Column that says yes: true, yes, y, 1 or granted. Everything else is a no.
    #[schemars(required)]
    pub granted: Option<String>,
    /// The oldest snapshot that counts, in days, 1 to 366.
    #[schemars(required, range(min = 1, max = 366))]
    pub max_age_days: Option<i64>,
    /// The purpose that a run needs consent for, such as "segmentation"; left out, a run asks nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_purpose: Option<String>,
}

/// Somebody to whom an audience may be handed: the shop's own channel, or a processor under contract. Nobody else has a role.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Destination")]
pub struct RawDestination {
    /// Its lasting name: 3 to 40 lower-case letters, digits and dashes. Ids are made for it.
    #[schemars(required)]
    pub name: Option<String>,
    /// What it is to the shop.
    #[schemars(required)]
    pub role: Option<Role>,
    /// Number or name of the contract, or for an own channel of the record of processing, that allows it.
    #[schemars(required)]
    pub contract: Option<String>,
    /// What it is for: the purpose that people must have consented to.
    #[schemars(required)]
    pub purpose: Option<String>,
    /// How its files look.
    #[schemars(required)]
    pub profile: Option<Profile>,
    /// No segment below this many consenting customers goes there; at least 20. The spec's floor holds besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 20))]
    pub minimum: Option<i64>,
    /// After how many days it must have deleted a hand-over, 1 to 366.
    #[schemars(required, range(min = 1, max = 366))]
    pub expires_after_days: Option<i64>,
    /// How long an id lives: "month", "quarter", or whole weeks from "1w" to "52w".
    #[schemars(required)]
    pub epoch: Option<String>,
    /// What the ids of one epoch may reveal at most, in bits, 1 to 12.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 12), extend("default" = 12))]
    pub linkability_bits: Option<i64>,
    /// The segments that go there, by their ids; all when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<Vec<String>>,
}

/// What a destination is to the shop. There is no third.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A channel that the shop itself runs.
    OwnChannel,
    /// Somebody who works for the shop, on its instructions alone, under a contract.
    Processor,
}

impl Role {
    /// The word in spec, manifest and ledger.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::OwnChannel => "own_channel",
            Self::Processor => "processor",
        }
    }
}

/// How the files of a destination look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Comma-separated text.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// CSV as Braze imports it.
    Braze,
    /// CSV as Mautic imports it.
    Mautic,
    /// CSV with Klaviyo's name of an outside id.
    Klaviyo,
    /// CSV as Customer.io imports it.
    Customerio,
}

/// A checked consent source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Consent {
    /// The file.
    pub file: File,
    /// Privacy unit column.
    pub unit: String,
    /// Purpose column, if rows have purposes of their own.
    pub purpose: Option<String>,
    /// The column that says yes.
    pub granted: String,
    /// The oldest snapshot that counts, in days.
    pub max_age_days: u32,
    /// The purpose that a run needs, if it needs one.
    pub run_purpose: Option<String>,
}

/// A checked destination.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Destination {
    /// Its lasting name.
    pub name: String,
    /// What it is to the shop.
    pub role: Role,
    /// The contract.
    pub contract: String,
    /// The purpose.
    pub purpose: String,
    /// How its files look.
    pub profile: Profile,
    /// Its own minimum, if it has one.
    pub minimum: Option<u64>,
    /// Days that a hand-over lives.
    pub expires_after_days: u32,
    /// How long an id lives.
    pub epoch: Span,
    /// Bits that the ids of an epoch may reveal.
    pub linkability_bits: u8,
    /// Ids of the segments that go there; `None` for all.
    pub segments: Option<Vec<String>>,
}

/// How long an id lives: spans of a public calendar, the same for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Span {
    /// So many weeks, counted from Monday, 5 January 1970.
    Weeks(u8),
    /// A calendar month.
    Month,
    /// A calendar quarter.
    Quarter,
}

impl Span {
    /// From the word in a spec.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "month" => Some(Self::Month),
            "quarter" => Some(Self::Quarter),
            _ => {
                let weeks: u8 =
                    text.strip_suffix('w').filter(|n| n.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
                (1..=52).contains(&weeks).then_some(Self::Weeks(weeks))
            }
        }
    }

    /// As the spec writes it.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::Weeks(weeks) => format!("{weeks}w"),
            Self::Month => "month".to_owned(),
            Self::Quarter => "quarter".to_owned(),
        }
    }
}

/// Checks the consent source; `file` and `columns` are what the other sources are checked with.
pub(super) fn consent(raw: RawConsent, report: &mut Report<'_>) -> Option<Consent> {
    let at = "sources.consent";
    let file = super::check::file(raw.file, raw.format, raw.separator.as_deref(), at, report);
    let named = |column: Option<String>, key: &str, report: &mut Report<'_>| {
        let column = column?;
        report.must(super::check::printable(&column), &format!("{at}.{key}"), || Rule::Column).then_some(column)
    };
    let unit = named(raw.unit, "unit", report);
    let purpose = named(raw.purpose, "purpose", report);
    let granted = named(raw.granted, "granted", report);
    let columns = [unit.as_ref(), purpose.as_ref(), granted.as_ref()];
    let distinct: BTreeSet<_> = columns.iter().flatten().collect();
    if distinct.len() < columns.iter().flatten().count() {
        let column = shown(granted.as_deref().unwrap_or_default());
        report.add(at, Rule::ColumnTwice { column, other: "another of this table's columns".to_owned() });
        return None;
    }
    let max_age_days = days(raw.max_age_days?, "sources.consent.max_age_days", report);
    let run_purpose = raw.run_purpose.map(|word| self::purpose(word, "sources.consent.run_purpose", report));
    let run_purpose = match run_purpose {
        Some(None) => return None,
        Some(found) => found,
        None => None,
    };
    Some(Consent { file: file?, unit: unit?, purpose, granted: granted?, max_age_days: max_age_days?, run_purpose })
}

/// Checks the destinations.
pub(super) fn destinations(raw: Vec<RawDestination>, consent: bool, report: &mut Report<'_>) -> Vec<Destination> {
    if !raw.is_empty() {
        report.must(consent, "destinations", || Rule::DestinationConsent);
    }
    let mut names = BTreeSet::new();
    let mut found = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let at = format!("destinations[{index}]");
        if let Some(name) = &raw.name
            && !names.insert(name.clone())
        {
            report.add(&format!("{at}.name"), Rule::DestinationTwice { name: shown(name) });
        }
        found.extend(destination(raw, &at, report));
    }
    found
}

fn destination(raw: RawDestination, at: &str, report: &mut Report<'_>) -> Option<Destination> {
    let name = raw.name.filter(|name| {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = (3..=40).contains(&name.len()) && name.chars().all(letters) && !name.starts_with('-');
        report.must(fits, &format!("{at}.name"), || Rule::DestinationName)
    });
    let contract = raw.contract.filter(|contract| {
        report.must(super::check::printable(contract), &format!("{at}.contract"), || Rule::Contract)
    });
    let purpose = raw.purpose.and_then(|word| self::purpose(word, &format!("{at}.purpose"), report));
    let minimum = raw.minimum.map(|minimum| {
        let fits = (LOWEST_MINIMUM..=100_000_000).contains(&minimum);
        report.must(fits, &format!("{at}.minimum"), || Rule::Minimum { minimum });
        minimum.unsigned_abs()
    });
    let expires = raw.expires_after_days.and_then(|count| days(count, &format!("{at}.expires_after_days"), report));
    let epoch = raw.epoch.and_then(|text| {
        let span = Span::parse(&text);
        report.must(span.is_some(), &format!("{at}.epoch"), || Rule::EpochSpan);
        span
    });
    let bits = raw.linkability_bits.unwrap_or(i64::from(MOST_LINKABILITY_BITS));
    let fits = (1..=i64::from(MOST_LINKABILITY_BITS)).contains(&bits);
    report.must(fits, &format!("{at}.linkability_bits"), || Rule::LinkabilityBits { bits });
    if let Some(segments) = &raw.segments {
        let id = |text: &String| {
            text.strip_prefix('S').is_some_and(|n| (1..=9).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()))
        };
        let distinct = segments.iter().collect::<BTreeSet<_>>().len() == segments.len();
        let fits = !segments.is_empty() && distinct && segments.iter().all(id);
        report.must(fits, &format!("{at}.segments"), || Rule::DestinationSegments);
    }
    Some(Destination {
        name: name?,
        role: raw.role?,
        contract: contract?.trim().to_owned(),
        purpose: purpose?,
        profile: raw.profile?,
        minimum,
        expires_after_days: expires?,
        epoch: epoch?,
        linkability_bits: u8::try_from(bits).ok()?,
        segments: raw.segments,
    })
}

fn days(count: i64, at: &str, report: &mut Report<'_>) -> Option<u32> {
    report.must((1..=MOST_DAYS).contains(&count), at, || Rule::Days { count });
    u32::try_from(count).ok()
}

fn purpose(word: String, at: &str, report: &mut Report<'_>) -> Option<String> {
    report.must(is_purpose(&word), at, || Rule::Purpose).then_some(word)
}

/// Whether a word can name a purpose, in a spec and in a snapshot alike.
#[must_use]
pub fn is_purpose(word: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=64).contains(&word.len()) && word.starts_with(letter) && word.chars().all(|c| letter(c) || "-_".contains(c))
}

impl From<&Consent> for RawConsent {
    fn from(consent: &Consent) -> Self {
        let (format, separator) = super::resolved::format(&consent.file);
        Self {
            file: Some(super::resolved::path(&consent.file)),
            format,
            separator,
            unit: Some(consent.unit.clone()),
            purpose: consent.purpose.clone(),
            granted: Some(consent.granted.clone()),
            max_age_days: Some(consent.max_age_days.into()),
            run_purpose: consent.run_purpose.clone(),
        }
    }
}

impl From<&Destination> for RawDestination {
    fn from(destination: &Destination) -> Self {
        Self {
            name: Some(destination.name.clone()),
            role: Some(destination.role),
            contract: Some(destination.contract.clone()),
            purpose: Some(destination.purpose.clone()),
            profile: Some(destination.profile),
            minimum: destination.minimum.map(u64::cast_signed),
            expires_after_days: Some(destination.expires_after_days.into()),
            epoch: Some(destination.epoch.word()),
            linkability_bits: Some(destination.linkability_bits.into()),
            segments: destination.segments.clone(),
        }
    }
}
