//! What may go out in a campaign: each promotion of a file held against the policy, its own terms and, where there is a
//! release, the segments. Public files and released numbers alone; nothing is spent.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use chrono::NaiveDate;

use super::catalogue::{self, Told};
use super::relevance;
use super::shrink::Shrunken;
use super::terms::{Bar, bar};
use crate::contract::catalogue::categories_of;
use crate::profile::{Estimate, Z95};
use crate::release::model::{Interval, PromotionFit, Release};
use crate::source::RawError;
use crate::spec::{Placer, PromotionTarget, Promotions, Spec, Terms};

/// What is told of one promotion.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Its id.
    pub id: String,
    /// Its title; the id where a title would name something sensitive.
    pub title: String,
    /// What stands against it, whoever would get it.
    pub bar: Option<Bar>,
    /// What is sensitive in it; not empty where the bar is the policy's.
    pub refused: Vec<Refused>,
    /// What somebody should look at: one plain sentence each.
    pub warnings: Vec<String>,
    /// First and last valid day.
    pub valid: (Option<NaiveDate>, Option<NaiveDate>),
    /// Verdict in each segment, in the release's order; `None` without a release, or where something stands against it.
    pub segments: Option<Vec<InSegment>>,
}

/// A target or an exclusion that is sensitive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// `target` or `exclusion`.
    pub role: &'static str,
    /// The category, group or product, as the file names it.
    pub name: String,
    /// The group of the policy, or `taxonomy.sensitive`.
    pub group: String,
    /// The rule that told so.
    pub rule: String,
}

/// What a promotion is to a segment.
#[derive(Debug, Clone)]
pub struct InSegment {
    /// The segment.
    pub segment: String,
    /// What is known.
    pub verdict: Verdict,
    /// The numbers and the reason.
    pub fit: PromotionFit,
}

/// Whether a promotion fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Fits, in this place among what fits, from 1.
    Fit(usize),
    /// Plainly does not fit.
    Unfit,
    /// No clear answer.
    Open,
}

impl Finding {
    /// Whether the policy refuses it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.bar.is_some_and(Bar::is_policy)
    }

    /// The segments that it fits, best place first; none where it should be sent to nobody. `None` without a release.
    #[must_use]
    pub fn send_to(&self) -> Option<Vec<&str>> {
        if self.bar.is_some() {
            return Some(Vec::new());
        }
        let fits = |one: &&InSegment| matches!(one.verdict, Verdict::Fit(_));
        let segments = self.segments.as_ref()?.iter().filter(fits);
        Some(segments.map(|one| one.segment.as_str()).collect())
    }
}

/// Whether the groups of a release are those of a spec: without that its numbers say nothing of its promotions.
#[must_use]
pub fn belongs(release: &Release, spec: &Spec) -> bool {
    let groups = spec.taxonomy.iter().flat_map(|taxonomy| &taxonomy.groups);
    groups.map(|group| &group.key).eq(release.groups.iter().map(|group| &group.key))
}

/// Checks the promotions of a file for a campaign on `day`, in the file's order. A release must [belong](belongs) to the
/// spec.
///
/// Promotions are matched by the target that `promotions` maps. What stands in the target columns `also` matches nothing: one
/// sensitive name in any of them refuses the promotion.
///
/// # Errors
/// As [`catalogue::told`].
pub fn check(
    spec: &Spec,
    promotions: &Promotions,
    also: &[PromotionTarget],
    base: &Path,
    day: NaiveDate,
    release: Option<&Release>,
) -> Result<Vec<Finding>, RawError> {
    let first = Looked::through(spec, promotions, base)?;
    let others = also.iter().map(|target| {
        let terms = Terms::default();
        let promotions = Promotions { target: target.clone(), terms, ..promotions.clone() };
        Looked::through(spec, &promotions, base)
    });
    let columns: Vec<Looked> = std::iter::once(Ok(first)).chain(others).collect::<Result<_, _>>()?;
    let placer = spec.taxonomy.as_ref().map(Placer::new);
    let all = &columns[0].all;
    let mut findings: Vec<Finding> = (0..all.len()).map(|at| finding(&columns, at, day, placer.as_ref())).collect();
    twins(&columns, &mut findings);
    if let Some(release) = release {
        hold_against(release, all, &mut findings);
    }
    Ok(findings)
}

/// The promotions as one target column has them: the same in every column, in the same order, since ids alone make them.
struct Looked {
    column: String,
    all: Vec<Told>,
    /// Categories of products that are targets of something sensitive; `None` where targets are names.
    categories: Option<HashMap<String, Vec<String>>>,
}

impl Looked {
    fn through(spec: &Spec, promotions: &Promotions, base: &Path) -> Result<Self, RawError> {
        let all = catalogue::told(spec, promotions, base)?;
        let categories = catalogue_names(spec, promotions, base, &all)?;
        Ok(Self { column: promotions.target.column().to_owned(), all, categories })
    }
}

/// See [`Looked::categories`].
fn catalogue_names(
    spec: &Spec,
    promotions: &Promotions,
    base: &Path,
    all: &[Told],
) -> Result<Option<HashMap<String, Vec<String>>>, RawError> {
    let (PromotionTarget::Product(_), Some(products)) = (&promotions.target, &spec.sources.products) else {
        return Ok(None);
    };
    let refused = all.iter().filter(|told| told.promotion.targets.sensitive > 0.0);
    let wanted: HashSet<&str> = refused.flat_map(|told| &told.targets).map(String::as_str).collect();
    if wanted.is_empty() { Ok(Some(HashMap::new())) } else { categories_of(products, &wanted, base).map(Some) }
}

/// What is told of the promotion at place `at`.
fn finding(columns: &[Looked], at: usize, day: NaiveDate, placer: Option<&Placer>) -> Finding {
    let told = &columns[0].all[at];
    let promotion = &told.promotion;
    let sensitive = columns.iter().any(|column| column.all[at].promotion.targets.sensitive > 0.0);
    let bar = if sensitive { Some(Bar::SensitiveTarget) } else { bar(promotion, day) };
    let by = |name: &str| placer.and_then(|placer| placer.sensitive_by(name));
    let mut refused = Vec::new();
    let mut refuse = |role, name: &str, category: &str| {
        if let Some((group, rule)) = by(category) {
            let one = Refused { role, name: name.to_owned(), group, rule };
            if !refused.contains(&one) {
                refused.push(one);
            }
        }
    };
    for column in columns {
        for target in &column.all[at].targets {
            match &column.categories {
                None => refuse("target", target, target),
                Some(known) => match known.get(target) {
                    Some(categories) => categories.iter().for_each(|category| refuse("target", target, category)),
                    // No product of the catalogue: the name itself is looked at.
                    None => refuse("target", target, target),
                },
            }
        }
    }
    told.exclusions.iter().for_each(|exclusion| refuse("exclusion", exclusion, exclusion));
    let is_policy = bar.is_some_and(Bar::is_policy);
    let mut warnings = Vec::new();
    if promotion.terms.contradictory {
        warnings.push("Its rows contradict each other; the stricter holds.".to_owned());
    }
    if promotion.targets.unknown > 0.0 && promotion.targets.names_a_group() {
        warnings.push(format!(
            "{:.0} % of its targets are in no group: they count for nothing.",
            (promotion.targets.unknown * 100.0).ceil()
        ));
    }
    for column in &columns[1..] {
        let targets = &column.all[at].promotion.targets;
        if targets.unknown + targets.excluded > 0.0 {
            warnings.push(format!("Column `{}` names something in no group: it counts for nothing.", column.column));
        }
    }
    if let Some((group, rule)) = by(&promotion.title).filter(|_| !is_policy && promotion.title != promotion.id) {
        warnings
            .push(format!("Its title may speak of something sensitive ({group}, by `{rule}`): let somebody read it."));
    }
    Finding {
        id: promotion.id.clone(),
        title: if is_policy { promotion.id.clone() } else { promotion.title.clone() },
        bar,
        refused,
        warnings,
        valid: (promotion.terms.valid_from, promotion.terms.valid_until),
        segments: None,
    }
}

/// Warns of promotions that are the same under two ids.
fn twins(columns: &[Looked], findings: &mut [Finding]) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (at, (told, finding)) in columns[0].all.iter().zip(findings).enumerate() {
        let mut targets: Vec<(usize, &String)> = Vec::new();
        for (place, column) in columns.iter().enumerate() {
            targets.extend(column.all[at].targets.iter().map(|target| (place, target)));
        }
        targets.sort_unstable();
        let name = told.promotion.title.trim().to_lowercase();
        let named = if told.promotion.title == told.promotion.id { String::new() } else { name };
        if targets.is_empty() {
            continue;
        }
        match seen.entry(format!("{named}\u{0}{:?}{targets:?}", told.promotion.terms)) {
            Entry::Occupied(first) => {
                let first = first.get();
                finding.warnings.push(format!("It is the same as `{first}`: a segment would get it twice."));
            }
            Entry::Vacant(none) => drop(none.insert(&told.promotion.id)),
        }
    }
}

/// The shrunken shares of a release, from what it publishes; `None` for one whose segments do not have all groups.
#[must_use]
pub fn shares(release: &Release) -> Option<Shrunken> {
    let population: Vec<Estimate> = release.groups.iter().map(|group| estimate(&group.incidence)).collect();
    let rows: Vec<Vec<Estimate>> = release
        .segments
        .iter()
        .map(|segment| segment.categories.iter().map(|category| estimate(&category.incidence)).collect())
        .collect();
    rows.iter().all(|row| row.len() == population.len()).then(|| Shrunken::new(&rows, &population))
}

fn hold_against(release: &Release, all: &[Told], findings: &mut [Finding]) {
    let Some(shares) = shares(release) else { return };
    let labels: Vec<(String, String)> =
        release.groups.iter().map(|group| (group.key.clone(), group.label.clone())).collect();
    let open = all.iter().zip(findings.iter()).filter(|(_, finding)| finding.bar.is_none());
    let judged: Vec<_> = open.map(|(told, _)| &told.promotion).collect();
    let mut by_id: HashMap<String, Vec<InSegment>> = HashMap::new();
    for (index, segment) in release.segments.iter().enumerate() {
        let verdicts = relevance::judge(&judged, &shares, index, &labels);
        let fit = verdicts.fit.into_iter().enumerate().map(|(place, fit)| (Verdict::Fit(place + 1), fit));
        let unfit = verdicts.unfit.into_iter().map(|fit| (Verdict::Unfit, fit));
        let open = verdicts.open.into_iter().map(|fit| (Verdict::Open, fit));
        for (verdict, fit) in fit.chain(unfit).chain(open) {
            let one = InSegment { segment: segment.id.clone(), verdict, fit };
            by_id.entry(one.fit.id.clone()).or_default().push(one);
        }
    }
    for finding in findings.iter_mut().filter(|finding| finding.bar.is_none()) {
        finding.segments = Some(by_id.remove(&finding.id).unwrap_or_default());
    }
}

/// A released share and the deviation of its noise. Ends are cut to 0 and 1, so the longer half is the interval's own.
fn estimate(interval: &Interval) -> Estimate {
    let half = (interval.upper - interval.estimate).max(interval.estimate - interval.lower);
    Estimate { value: interval.estimate, sigma: half / Z95 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::fixture;
    use crate::testing::{CSV, date, file, group, own, spec};

    const HEAD: &str = "id,title,category,from,until,not_for\n";

    /// A spec with the groups of the made-up release, and what the check tells of these rows on 2026-10-05.
    fn told(rows: &str, with_release: bool) -> Vec<Finding> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("p.csv"), format!("{HEAD}{rows}")).unwrap();
        let release = fixture::example();
        let mut spec = spec();
        let taxonomy = spec.taxonomy.as_mut().unwrap();
        taxonomy.groups = release.groups.iter().map(|g| group(&g.key, &[&format!("{} shelf", g.key)])).collect();
        taxonomy.sensitive = own(&["secret*"]);
        assert!(belongs(&release, &spec));
        let promotions = Promotions {
            file: file("p.csv", CSV),
            id: "id".into(),
            title: Some("title".into()),
            target: PromotionTarget::Category("category".into()),
            only: Vec::new(),
            terms: Terms {
                valid_from: Some("from".into()),
                valid_until: Some("until".into()),
                exclusions: Some("not_for".into()),
                ..Terms::default()
            },
        };
        check(&spec, &promotions, &[], folder.path(), date(2026, 10, 5), with_release.then_some(&release)).unwrap()
    }

    #[test]
    fn sensitive_targets_and_exclusions_are_refused_by_name_and_rule() {
        let found = told(
            "a,Fine,wine,,,\nb,Fresh,pets shelf,,,BABY FOODS\nc,Own,secret shelf,,,\nd,Fine,pets shelf,,,\n",
            false,
        );
        let codes: Vec<_> = found.iter().map(|one| one.bar.map(Bar::code)).collect();
        let (target, exclusion) = ("promotion.sensitive-target", "promotion.sensitive-exclusion");
        assert_eq!(codes, [Some(target), Some(exclusion), Some(target), None]);
        let because: Vec<_> =
            found[..3].iter().map(|one| (one.refused[0].role, one.refused[0].group.as_str())).collect();
        assert_eq!(because, [("target", "alcohol"), ("exclusion", "infant"), ("target", "taxonomy.sensitive")]);
        assert_eq!(found[0].title, "a", "the title names it");
        assert!(found[..3].iter().all(Finding::is_refused));
    }

    #[test]
    fn what_nobody_classified_and_what_is_not_valid_goes_to_nobody() {
        let rows = "a,A,shoes,,,\nb,B,pets shelf,2026-10-06,,\nc,C,pets shelf,,2026-10-04,\nd,D,pets shelf,,,shoes\n";
        let found = told(rows, true);
        let codes: Vec<_> = found.iter().filter_map(|one| one.bar.map(Bar::code)).collect();
        assert_eq!(
            codes,
            ["promotion.unknown-target", "promotion.not-yet-valid", "promotion.expired", "promotion.unknown-exclusion"]
        );
        assert!(
            found.iter().all(|one| one.send_to() == Some(Vec::new()) && !one.is_refused() && one.segments.is_none())
        );
    }

    #[test]
    fn a_release_says_which_segments_it_fits_and_which_plainly_not() {
        let found = told("a,A,pets shelf,,,\nb,B,paper shelf,,,\nb,B,paper shelf,,,\n", true);
        let pets = found[0].segments.as_ref().unwrap();
        assert_eq!(pets.len(), 8, "every segment has a verdict");
        let of = |id: &str| pets.iter().find(|one| one.segment == id).unwrap().verdict;
        assert!(matches!(of("S5"), Verdict::Fit(_)));
        assert_eq!(of("S6"), Verdict::Unfit);
        assert!(found[0].send_to().unwrap().contains(&"S5"));
        assert!(found[1].warnings.is_empty(), "an equal row counts once");
        assert_eq!(told("a,A,pets shelf,,,\n", false)[0].send_to(), None);
    }

    #[test]
    fn twins_contradictions_and_titles_are_warned_of() {
        let rows = "a,Fur,pets shelf,,,\nb,fur ,pets shelf,,,\nc,Wine and dine your Valentine,deli shelf,,,\n\
            d,D,tea shelf,2026-10-01,,\nd,D,tea shelf,2026-10-02,,\ne,E,tea shelf,,,\ne,E,odd,,,\n";
        let found = told(rows, false);
        let warned =
            |index: usize, word: &str| found[index].warnings.len() == 1 && found[index].warnings[0].contains(word);
        assert!(found[0].warnings.is_empty());
        assert!(
            warned(1, "same as `a`") && warned(2, "alcohol") && warned(3, "contradict") && warned(4, "50 %"),
            "{found:#?}"
        );
        assert!(found.iter().all(|one| one.bar.is_none()), "a warning refuses nothing");
    }

    /// Titles as shops write them; those with a mark speak of something sensitive. Made up for this test.
    const TITLES: [(&str, bool); 40] = [
        ("Fruit first: three for two", false),
        ("Root beer float weekend", false),
        ("Baby carrots, 1 kg for 1 €", false),
        ("Smoked ham of the region", false),
        ("Ginger ale and tonic, six-pack", false),
        ("Health starts with vegetables", false),
        ("Spring cleaning: all detergents −20 %", false),
        ("Diet soft drinks, 2 for 1", false),
        ("Red wine vinegar and olive oil", false),
        ("Cat food, twelve for ten", false),
        ("Shot glasses and tumblers", false),
        ("Pizza Friday", false),
        ("Pasta tonight", false),
        ("Back to school: pens and paper", false),
        ("Ice cream tasting", false),
        ("Fresh from the harbour", false),
        ("Grill season: charcoal and sausages", false),
        ("Coffee of the month", false),
        ("Garden hoses −30 %", false),
        ("Gun-metal grey cookware", false),
        ("Wine and dine your Valentine", true),
        ("Nappies, third pack half price", true),
        ("Beer crates for the match", true),
        ("Quit smoking: patches −10 %", true),
        ("Expecting? Prenatal vitamins", true),
        ("Scratch cards", true),
        ("Slim down with our diet pills", true),
        ("Kosher for Passover", true),
        ("Halal lamb for Ramadan", true),
        ("Condoms, two packs for one", true),
        ("Cigarettes at the till", true),
        ("Pads and tampons −20 %", true),
        ("Whisky of the month", true),
        ("Hearing aid batteries", true),
        ("Allergy relief now", true),
        ("Infant formula stage 2", true),
        ("Champagne for New Year", true),
        ("Incontinence pads, discreet", true),
        ("Christmas nativity sets", true),
        ("Vote for our mayor: T-shirts", true),
    ];

    #[test]
    fn titles_are_judged_well_enough_to_warn_and_not_to_refuse() {
        let spec = spec();
        let placer = Placer::new(spec.taxonomy.as_ref().unwrap());
        let hit = |title: &str| placer.sensitive_by(title).is_some();
        let wrong: Vec<&str> = TITLES.iter().filter(|(title, is)| !is && hit(title)).map(|(title, _)| *title).collect();
        let missed: Vec<&str> =
            TITLES.iter().filter(|(title, is)| *is && !hit(title)).map(|(title, _)| *title).collect();
        eprintln!("false alarms {wrong:?}, missed {missed:?}");
        assert!(wrong.len() <= 3 && missed.len() <= 2, "false alarms {wrong:?}, missed {missed:?}");
    }
}
