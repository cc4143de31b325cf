//! `init`, `check`, `errors`: nothing here reads a purchase or spends anything.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use super::args::{Layout, SpecArgs};
use super::{Answer, Failure, open, write_new};
use crate::engine::{self, Costs};
use crate::promotion::catalogue;
use crate::promotion::terms::bar;
use crate::source::error::printable;
use crate::source::memory::Memory;
use crate::spec::{self, File, Format};
use crate::{feature, source};

pub(super) fn init(file: &Path, out: Option<&Path>, layout: Option<Layout>) -> Result<Answer, Failure> {
    let format = match layout {
        Some(Layout::Parquet) => Format::Parquet,
        Some(Layout::Aligned) => Format::Aligned,
        None if is_parquet(file) => Format::Parquet,
        Some(Layout::Csv) | None => Format::Csv { separator: ',' },
    };
    let columns: Vec<(String, String)> = source::columns(&File { path: file.to_path_buf(), format }, Path::new(""))?
        .into_iter()
        .map(|(name, kind)| (name, kind.name().to_owned()))
        .collect();
    let name = file.file_name().map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into_owned());
    let text = spec::scaffold(&columns, &name);
    let value = json!({ "spec": text, "columns": columns });
    let Some(out) = out else { return Ok(Answer { text, value }) };
    write_new(out, &text)?;
    let text = format!("Wrote {}. Edit what is marked TODO, then: tactful check {}\n", out.display(), out.display());
    Ok(Answer { text, value })
}

fn is_parquet(file: &Path) -> bool {
    file.extension().is_some_and(|end| end.eq_ignore_ascii_case("parquet") || end.eq_ignore_ascii_case("pq"))
}

pub(super) fn check(args: &SpecArgs, memory: Option<Memory>) -> Result<Answer, Failure> {
    let opened = open(args)?;
    let report = feature::check(&opened.spec, &opened.base)?;
    feature::fits(&opened.spec, &opened.base, &memory.unwrap_or_else(Memory::of_machine))?;
    let register = engine::open_register(&opened.spec, &opened.base, None, opened.register.as_ref())?;
    let register = register.map(|register| printable(register.path()));
    let promotions = catalogue::load(&opened.spec, &opened.base)?;
    Costs::of(&opened.spec.privacy)?.divisible()?;
    let mut text = format!("{}: sound. Nothing was spent.\n", args.spec.display());
    for file in &report.files {
        let _ = writeln!(text, "  {}: {}", file.role, file.path);
    }
    if let Some(path) = &register {
        let _ = writeln!(text, "  register of opt-outs: {path}, sound, with its keys");
    }
    let _ = writeln!(
        text,
        "  {} features, {} segments, k floor {}",
        opened.spec.features.len(),
        opened.spec.segments.number,
        opened.spec.segments.floor
    );
    if !report.groups.is_empty() {
        let inside: usize = report.groups.iter().map(|g| g.products).sum();
        let _ = writeln!(
            text,
            "  catalogue: {inside} products in {} groups, {} sensitive or excluded, {} in no list (denied)",
            report.groups.len(),
            report.barred_products,
            report.unknown_products
        );
        for group in report.groups.iter().filter(|g| g.products == 0) {
            let _ = writeln!(text, "  note: group `{}` holds no product of the catalogue", group.key);
        }
    }
    if opened.spec.promotions.is_some() {
        let day = opened.spec.campaign_day();
        let matched = promotions.iter().filter(|promotion| bar(promotion, day).is_none()).count();
        let _ = writeln!(text, "  promotions: {matched} of {} can be matched on {day}", promotions.len());
    }
    for (column, says) in &report.personal {
        let line = format!("no run reads the column `{column}`, which names {says}: best leave it out of the file");
        let _ = writeln!(text, "  note: {}", source::error::one_line(&line));
    }
    let mut advice = opened.spec.advice();
    advice.extend(opened.spec.policy_advice());
    let open_questions = std::fs::read_to_string(&args.spec).map_or(0, |text| text.matches("TODO").count());
    if open_questions > 0 {
        advice.push(format!("{open_questions} places of the spec still say TODO: only a person can decide them"));
    }
    for line in &advice {
        let _ = writeln!(text, "  note: {line}");
    }
    let value = json!({
        "sound": true, "files": report.files.iter().map(|f| json!({ "role": f.role, "path": f.path })).collect::<Vec<_>>(),
        "register": register,
        "groups": report.groups.iter().map(|g| json!({ "key": g.key, "products": g.products })).collect::<Vec<_>>(),
        "unknown_products": report.unknown_products, "barred_products": report.barred_products,
        "promotions": promotions.len(), "advice": advice,
        "personal_columns": report.personal.iter().map(|(column, says)| json!({ "column": column, "names": says })).collect::<Vec<_>>(),
    });
    Ok(Answer { text, value })
}

/// Exit statuses: what each means, whether a retry can help, what to do.
const STATUSES: [(u8, &str, bool, &str); 16] = [
    (0, "done", false, "nothing"),
    (2, "bad usage", false, "see --help"),
    (3, "bad spec", false, "mend the keys that are named; `tactful check SPEC`"),
    (
        10,
        "budget exhausted",
        false,
        "wait for the next year, lower epsilon, or `tactful ledger raise` with two approvers",
    ),
    (
        11,
        "nothing above the k floor",
        false,
        "fewer segments, a longer window, or a larger epsilon; the run's budget is spent",
    ),
    (12, "refused by policy", false, "take out what is refused; it cannot be switched off"),
    (
        13,
        "consent or opt-outs cannot be applied",
        false,
        "export the consents again, or bring back the keys or the register that is named (`tactful keys status`, `tactful optout status`); nothing was spent",
    ),
    (
        14,
        "integrity of the ledger or the register",
        false,
        "do not spend; find out who changed it, restore nothing older",
    ),
    (15, "bad data", false, "mend the file or the column that is named"),
    (16, "an audit refuted a claim", false, "do not publish with this build; report what `tactful audit` printed"),
    (20, "no segment", false, "offer what everybody is offered; the answer on stdout says why"),
    (70, "internal error", false, "report it, with the code and the command"),
    (71, "not enough memory", false, "allow more with --memory SIZE, or run it where more is free; nothing was spent"),
    (73, "the output cannot be written", false, "another --out, room, or permission"),
    (75, "busy", true, "run the same command again later; `ledger verify`, after the next run"),
    (130, "interrupted", false, "run again; what was reserved is spent"),
];

pub(super) fn errors() -> Answer {
    let mut text = String::from("status  retry  meaning, and what to do\n");
    let used = STATUSES.iter();
    for (status, meaning, retry, remedy) in used.clone() {
        let _ = writeln!(text, "{status:>6}  {:<5}  {meaning}: {remedy}", if *retry { "yes" } else { "no" });
    }
    let value = used
        .map(|(status, meaning, retry, remedy)| json!({ "exit": status, "meaning": meaning, "retry": retry, "remedy": remedy }))
        .collect();
    Answer { text, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Exit;

    #[test]
    fn every_status_is_listed_with_a_remedy() {
        let listed: Vec<u8> = STATUSES.iter().map(|status| status.0).collect();
        let all: Vec<u8> = std::iter::once(0).chain(Exit::ALL.map(|exit| exit as u8)).collect();
        assert_eq!(listed, all);
    }
}
