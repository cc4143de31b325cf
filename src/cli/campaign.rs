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
    let promotions = match &asked.promotions {
        Some(file) => mapped(&spec, file)?,
        None => spec.promotions.clone().ok_or_else(|| {
            Failure::Usage("this spec names no promotions: name a file with --promotions FILE".into())
        })?,
    };
    let day = asked.on.unwrap_or_else(|| spec.campaign_day());
    let findings = campaign::check(&spec, &promotions, &base, day, release.as_ref())?;
    let answer = told(&findings, day, release.as_ref());
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

/// A promotions file with the columns that the spec names, or with the usual ones.
fn mapped(spec: &Spec, path: &Path) -> Result<Promotions, Failure> {
    let end = path.extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default();
    let format = match end.as_str() {
        "parquet" | "pq" => Format::Parquet,
        "tsv" => Format::Csv { separator: '\t' },
        _ => Format::Csv { separator: ',' },
    };
    // Named on the command line, so it starts where the command was given, wherever the spec's paths start.
    let path = std::path::absolute(path).map_err(|_| Failure::Usage("--promotions FILE is no path".into()))?;
    let file = File { path, format };
    if let Some(promotions) = &spec.promotions {
        return Ok(Promotions { file, ..promotions.clone() });
    }
    let columns: Vec<String> = source::columns(&file, Path::new(""))?.into_iter().map(|(name, _)| name).collect();
    let one_of = |names: &[&str]| names.iter().find_map(|name| columns.iter().find(|column| column == name)).cloned();
    let target = one_of(&["group"]).map(PromotionTarget::Group);
    let target = target.or_else(|| one_of(&["category"]).map(PromotionTarget::Category));
    let target = target.or_else(|| one_of(&["product", "product_id"]).map(PromotionTarget::Product));
    let (Some(id), Some(target)) = (one_of(&["promotion_id", "id"]), target) else {
        return Err(Failure::Usage(
            "the promotions file needs the columns `id` and one of `group`, `category` and `product`; with other names, map them \
             under [promotions] in the spec"
                .into(),
        ));
    };
    let margin = one_of(&["margin"]).map(WorthColumn::Margin);
    let terms = Terms {
        worth: margin.or_else(|| one_of(&["priority"]).map(WorthColumn::Priority)),
        valid_from: one_of(&["valid_from"]),
        valid_until: one_of(&["valid_until"]),
        exclusions: one_of(&["exclusions"]),
        on: None,
    };
    Ok(Promotions { file, id, title: one_of(&["title"]), target, only: Vec::new(), terms })
}

fn told(findings: &[Finding], day: NaiveDate, release: Option<&Release>) -> Answer {
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
    let value = json!({
        "day": day.to_string(),
        "release": release.map(|release| json!({ "created": release.created, "reservation": release.privacy.reservation })),
        "refused": refused, "barred": barred, "may_be_sent": open,
        "promotions": findings.iter().map(value).collect::<Vec<_>>(),
    });
    Answer { text, value }
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
