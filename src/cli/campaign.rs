//! `campaign check`: what may go out, to whom, and what may not. Reads no purchase, opens no ledger, spends nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::args::{CampaignCheck, CampaignVerb};
use super::{Answer, Failure};
use crate::promotion::campaign::{self, Finding, InSegment, Verdict};
use crate::release::{self, Release, plain as printable};
use crate::source;
use crate::spec::{self, File, Format, PromotionTarget, Promotions, Spec, Terms, WorthColumn};

pub(super) fn campaign(verb: CampaignVerb) -> Result<Answer, Failure> {
    match verb {
        CampaignVerb::Check(asked) => check(&asked),
    }
}

fn check(asked: &CampaignCheck) -> Result<Answer, Failure> {
    let (spec, base, own) = opened(asked)?;
    let release = match &asked.release {
        Some(dir) => Some(release::load(dir)?),
        None => own,
    };
    if let Some(release) = &release
        && !campaign::belongs(release, &spec)
    {
        return Err(Failure::Usage(
            "the release and the spec have different groups of categories: name a release of this spec".into(),
        ));
    }
    let mapped = mapped(&spec, asked.promotions.as_deref(), &base)?;
    let day = asked.on.unwrap_or_else(|| spec.campaign_day());
    let findings = campaign::check(&spec, &mapped.promotions, &mapped.also, &base, day, release.as_ref())?;
    let answer = told(&findings, &mapped, day, release.as_ref());
    if findings.iter().any(Finding::is_refused) { Err(Failure::Refused(answer)) } else { Ok(answer) }
}

/// The spec, where its paths start, and the release that it was taken from.
fn opened(asked: &CampaignCheck) -> Result<(Spec, PathBuf, Option<Release>), Failure> {
    if !asked.source.is_dir() {
        let folder = asked.source.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let base = asked.data.clone().unwrap_or_else(|| folder.to_path_buf());
        return Ok((spec::load(&asked.source)?, base, None));
    }
    let release = release::load(&asked.source)?;
    let base = asked.data.clone().unwrap_or_else(|| PathBuf::from("."));
    let spec = spec::from_json(&release.spec, &base)?;
    Ok((spec, base, Some(release)))
}

/// A promotions file and its columns.
struct Mapped {
    promotions: Promotions,
    /// Target columns besides the one that promotions are matched by.
    also: Vec<PromotionTarget>,
    /// What is read by its usual name although the spec, which maps this file's columns, does not map it.
    adopted: Vec<String>,
    /// What is not read.
    unread: Vec<String>,
}

/// The promotions file with the columns that the spec maps, and with all others that have usual names: what a file says of
/// whom not to address counts, whoever forgot to map it. The spec's filter is for its own file: of a named one every row counts.
fn mapped(spec: &Spec, named: Option<&Path>, base: &Path) -> Result<Mapped, Failure> {
    let own = spec.promotions.as_ref();
    let file = match (named, own) {
        (Some(path), _) => named_file(path)?,
        (None, Some(own)) => own.file.clone(),
        (None, None) => {
            return Err(Failure::Usage("this spec names no promotions: name a file with --promotions FILE".into()));
        }
    };
    let mut free = Free { columns: source::columns(&file, base)?.into_iter().map(|(name, _)| name).collect() };
    let only = own.filter(|_| named.is_none()).map(|own| own.only.clone()).unwrap_or_default();
    for (column, _) in &only {
        free.take(column);
    }
    let (id, title, target, terms) = match own {
        Some(own) => {
            free.take(&own.id);
            free.take(own.target.column());
            for column in optional(own).iter().flatten() {
                free.take(column);
            }
            (own.id.clone(), own.title.clone(), Some(own.target.clone()), own.terms.clone())
        }
        None => (free.first(&["promotion_id", "id"]).ok_or_else(lacking)?, None, None, Terms::default()),
    };
    // Without a catalogue the name of a product is all that can be judged; the target alone must be a product of it.
    let by_name = spec.sources.products.is_none();
    let mut targets = targets(&mut free, target, by_name).into_iter();
    let target = targets.next().ok_or_else(lacking)?;
    let also: Vec<PromotionTarget> = targets.collect();
    let title = title.or_else(|| free.first(&["title"]));
    let worth = terms.worth.or_else(|| free.first(&["margin"]).map(WorthColumn::Margin));
    let terms = Terms {
        worth: worth.or_else(|| free.first(&["priority"]).map(WorthColumn::Priority)),
        valid_from: free.alone(terms.valid_from, &["valid_from"])?,
        valid_until: free.alone(terms.valid_until, &["valid_until"])?,
        exclusions: free.alone(terms.exclusions, &["exclusions", "exclusion"])?,
        on: terms.on,
    };
    let promotions = Promotions { file, id, title, target, only, terms };
    let adopted = own.map(|own| adopted(own, &promotions, &also)).unwrap_or_default();
    Ok(Mapped { promotions, also, adopted, unread: free.columns })
}

/// A file named on the command line: it starts where the command was given, wherever the spec's paths start.
fn named_file(path: &Path) -> Result<File, Failure> {
    let end = path.extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default();
    let format = match end.as_str() {
        "parquet" | "pq" => Format::Parquet,
        "tsv" => Format::Csv { separator: '\t' },
        _ => Format::Csv { separator: ',' },
    };
    let path = std::path::absolute(path).map_err(|_| Failure::Usage("--promotions FILE is no path".into()))?;
    Ok(File { path, format })
}

fn lacking() -> Failure {
    Failure::Usage(
        "the promotions file needs the columns `id` and one of `group`, `category` and `product`; with other names, map them \
         under [promotions] in the spec"
            .into(),
    )
}

/// The mapped target, and every free column with a target's usual name.
fn targets(free: &mut Free, mapped: Option<PromotionTarget>, by_name: bool) -> Vec<PromotionTarget> {
    let mut all = |names: &[&str]| -> Vec<String> { std::iter::from_fn(|| free.first(names)).collect() };
    let mut found: Vec<PromotionTarget> = mapped.into_iter().collect();
    found.extend(all(&["group", "groups"]).into_iter().map(PromotionTarget::Group));
    found.extend(all(&["category", "categories"]).into_iter().map(PromotionTarget::Category));
    for product in all(&["product", "product_id", "products"]) {
        let name = by_name && !found.is_empty();
        found.push(if name { PromotionTarget::Category(product) } else { PromotionTarget::Product(product) });
    }
    found
}

/// What is read of a file besides what the spec maps.
fn adopted(own: &Promotions, read: &Promotions, also: &[PromotionTarget]) -> Vec<String> {
    let besides = optional(read).into_iter().zip(optional(own)).filter(|(read, own)| read != own);
    also.iter().map(|target| target.column().to_owned()).chain(besides.filter_map(|(read, _)| read)).collect()
}

/// The columns that may be left out, in one order.
fn optional(promotions: &Promotions) -> [Option<String>; 5] {
    let terms = promotions.terms.clone();
    let worth = terms.worth.map(|(WorthColumn::Margin(column) | WorthColumn::Priority(column))| column);
    [promotions.title.clone(), worth, terms.valid_from, terms.valid_until, terms.exclusions]
}

/// Columns that nothing is mapped to yet.
struct Free {
    columns: Vec<String>,
}

impl Free {
    fn take(&mut self, column: &str) {
        self.columns.retain(|free| free != column);
    }

    /// Takes the first column with one of these usual names, however it is capitalised.
    fn first(&mut self, names: &[&str]) -> Option<String> {
        let is = |name: &&str, column: &String| column.trim().to_lowercase() == **name;
        let found = names.iter().find_map(|name| self.columns.iter().find(|column| is(name, column)))?.clone();
        self.take(&found);
        Some(found)
    }

    /// The column that is mapped, else the only one with one of these usual names. Of two that could bar a promotion none is
    /// passed over.
    fn alone(&mut self, mapped: Option<String>, names: &[&str]) -> Result<Option<String>, Failure> {
        let first = mapped.or_else(|| self.first(names));
        match (&first, self.first(names)) {
            (Some(one), Some(other)) => Err(Failure::Usage(format!(
                "the promotions file has the columns `{}` and `{}` for one thing, and only one is judged: put them together, take one \
                 out, or rename what does not count",
                printable(one),
                printable(&other)
            ))),
            _ => Ok(first),
        }
    }
}

fn told(findings: &[Finding], mapped: &Mapped, day: NaiveDate, release: Option<&Release>) -> Answer {
    let mut text = String::new();
    let refused = findings.iter().filter(|one| one.is_refused()).count();
    let barred = findings.iter().filter(|one| one.bar.is_some()).count() - refused;
    let open = findings.len() - refused - barred;
    let _ = writeln!(
        text,
        "{} promotions for a campaign on {day}: {open} may be sent, {barred} have nobody to go to, {refused} refused. Nothing was spent.",
        findings.len()
    );
    for one in findings {
        let name = if one.title == one.id {
            printable(&one.id)
        } else {
            format!("{} ({})", printable(&one.id), printable(&one.title))
        };
        let _ = match (one.bar, one.send_to()) {
            (Some(bar), _) if bar.is_policy() => writeln!(text, "  {name}: REFUSED. {bar} [{}]", bar.code()),
            (Some(bar), _) => writeln!(text, "  {name}: send to nobody. {bar} [{}]", bar.code()),
            (None, None) => writeln!(text, "  {name}: may be sent"),
            (None, Some(segments)) if segments.is_empty() => {
                writeln!(text, "  {name}: send to nobody. It surely fits no segment.")
            }
            (None, Some(segments)) => writeln!(text, "  {name}: send to {}", segments.join(", ")),
        };
        for why in &one.refused {
            let _ = writeln!(
                text,
                "      {} `{}`: {}, by `{}`",
                why.role,
                printable(&why.name),
                why.group,
                printable(&why.rule)
            );
        }
        for in_segment in one.segments.iter().flatten() {
            if in_segment.verdict != Verdict::Open {
                let word = if in_segment.verdict == Verdict::Unfit { "not " } else { "fits " };
                let _ = writeln!(text, "      {word}{}: {}", in_segment.segment, printable(&in_segment.fit.reason));
            }
        }
        for warning in &one.warnings {
            let _ = writeln!(text, "      note: {}", printable(warning));
        }
    }
    text.push_str(&columns_told("Judged by their usual names, unmapped by the spec", &mapped.adopted));
    text.push_str(&columns_told("Columns that nobody looked at", &mapped.unread));
    let value = json!({
        "day": day.to_string(),
        "columns": { "adopted": mapped.adopted, "not_looked_at": mapped.unread },
        "release": release.map(|release| json!({ "created": release.created, "reservation": release.privacy.reservation })),
        "refused": refused, "barred": barred, "may_be_sent": open,
        "promotions": findings.iter().map(value).collect::<Vec<_>>(),
    });
    Answer { text, value }
}

/// A line that names columns; none when there are none.
fn columns_told(what: &str, columns: &[String]) -> String {
    const NAMED: usize = 20;
    let named: Vec<String> = columns.iter().take(NAMED).map(|column| format!("`{}`", printable(column))).collect();
    let more = if columns.len() > NAMED { " and more" } else { "" };
    if named.is_empty() { String::new() } else { format!("{what}: {}{more}.\n", named.join(", ")) }
}

fn value(one: &Finding) -> Value {
    let state = match (one.bar, one.send_to()) {
        (Some(bar), _) if bar.is_policy() => "refused",
        (Some(_), _) => "nobody",
        (None, Some(segments)) if segments.is_empty() => "nobody",
        (None, _) => "may_be_sent",
    };
    json!({
        "id": one.id, "title": one.title, "state": state,
        "code": one.bar.map(crate::promotion::terms::Bar::code), "reason": one.bar.map(|bar| bar.to_string()),
        "refused": one.refused.iter().map(|why| json!({
            "role": why.role, "name": why.name, "group": why.group, "rule": why.rule,
        })).collect::<Vec<_>>(),
        "warnings": one.warnings,
        "valid_from": one.valid.0.map(|day| day.to_string()), "valid_until": one.valid.1.map(|day| day.to_string()),
        "send_to": one.send_to(),
        "segments": one.segments.as_ref().map(|all| all.iter().map(segment).collect::<Vec<_>>()),
    })
}

fn segment(one: &InSegment) -> Value {
    let (verdict, rank) = match one.verdict {
        Verdict::Fit(place) => ("fit", Some(place)),
        Verdict::Unfit => ("unfit", None),
        Verdict::Open => ("open", None),
    };
    json!({
        "id": one.segment, "verdict": verdict, "rank": rank, "lift": one.fit.lift,
        "relevance": one.fit.relevance, "reason": one.fit.reason,
    })
}
