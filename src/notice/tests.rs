use super::*;
use crate::spec::LegalBasis;
use crate::testing::spec as base;

fn spec() -> Spec {
    let some = |text: &str| Some(text.to_owned());
    Spec {
        notice: Some(Said {
            controller: some("Corner Shop"),
            contact: some("Corner Shop, 1 High Street, 12345 Town"),
            officer: some("privacy@corner.example"),
            opt_out_words: some("Leave my list out"),
            opt_out_phone: some("0800 000000"),
            opt_out_url: some("https://corner.example/no"),
            keep_months: Some(24),
            legal_basis: Some(LegalBasis::LegitimateInterest),
            authority: some("Data Office, 2 Main Square"),
        }),
        origin: Origin::FirstParty,
        ..base()
    }
}

fn books(spec: &Spec) -> Books {
    Books::read(spec, std::path::Path::new("/nowhere/at/all")).unwrap()
}

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 22).unwrap()
}

fn facts() -> Facts {
    Facts::new(&spec(), &books(&spec()), day())
}

/// All facts that a text has words for.
fn all_facts() -> Vec<Facts> {
    let mut list = vec![facts()];
    list.push(Facts { releases: 3, spent: true, life: 91, ..facts() });
    let mut other = facts();
    other.said.legal_basis = Some(LegalBasis::Consent);
    list.push(other);
    list.push(Facts { simulated: true, ..facts() });
    list
}

/// Every number of a text, in order.
fn numbers(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[test]
fn a_child_of_twelve_can_read_every_notice() {
    for lang in Lang::ALL {
        for facts in all_facts() {
            let found = readability::of(&write(&facts, lang));
            assert!(found.is_for_age_twelve(), "{} {found:?}", lang.code());
        }
    }
}

#[test]
fn no_sentence_of_a_notice_is_long() {
    for lang in Lang::ALL {
        for section in write(&facts(), lang).sections {
            for block in section.blocks {
                let Block::Paragraph(text) = block else { continue };
                let longest = text.split(['.', '?', '!', ':']).map(|part| part.split_whitespace().count()).max();
                assert!(longest <= Some(26), "{text}");
            }
        }
    }
}

#[test]
fn the_figures_of_a_notice_are_those_of_the_ledger_and_the_spec() {
    for lang in Lang::ALL {
        for facts in all_facts() {
            let notice = write(&facts, lang);
            let hidden = &notice.sections[4];
            let said: Vec<u64> = hidden
                .blocks
                .iter()
                .flat_map(|block| match block {
                    Block::Paragraph(text) => numbers(text),
                    _ => Vec::new(),
                })
                .filter(|&number| number != 100)
                .collect();
            let mut wanted: Vec<u64> = vec![50, u64::from(facts.one.0), u64::from(facts.year.0)];
            if facts.spent {
                wanted.extend([facts.releases as u64, u64::from(facts.life)]);
            }
            wanted.extend([facts.one.1, facts.year.1].map(u64::from));
            wanted.retain(|&number| number != 100);
            assert_eq!(said, wanted, "{}", lang.code());
            let made = text(&notice);
            let made = numbers(&made);
            for figure in [facts.segments as u64, facts.floor, 24] {
                assert!(made.contains(&figure), "{figure}");
            }
        }
    }
    assert_eq!(facts().one, (74, 89));
}

#[test]
fn all_languages_say_the_same_things() {
    let english: Vec<String> = Lang::En.template().marks();
    for lang in Lang::ALL {
        assert_eq!(lang.template().marks(), english, "{}", lang.code());
        assert_eq!(lang.template().keys(), Lang::En.template().keys(), "{}", lang.code());
        let notice = write(&facts(), lang);
        assert!(!text(&notice).contains(['{', '}']));
        assert_eq!(notice.sections.len(), 8);
    }
}

#[test]
fn every_sensitive_group_has_a_name_in_every_language() {
    for lang in Lang::ALL {
        for group in crate::spec::sensitive::Policy::base().groups() {
            assert!(lang.template().keys().contains(&group.id.as_str()), "{} {}", lang.code(), group.id);
        }
    }
}

#[test]
fn a_notice_speaks_of_what_the_spec_uses_and_of_nothing_else() {
    let mut plain = spec();
    plain.features.retain(|feature| feature.kind == FeatureKind::Monetary);
    plain.taxonomy = None;
    plain.sources.transactions.category = None;
    plain.sources.transactions.basket = None;
    plain.sources.transactions.discounts.clear();
    let (short, long) =
        (text(&write(&Facts::new(&plain, &books(&plain), day()), Lang::En)), text(&write(&facts(), Lang::En)));
    for line in ["how often you come", "kinds of things", "one receipt", "what you save", "the things you buy"] {
        assert!(long.contains(line) && !short.contains(line), "{line}");
    }
    assert!(short.contains("how much you spend"));
}

#[test]
fn what_a_person_has_not_said_is_a_visible_blank_and_is_told() {
    let spec = base();
    let facts = Facts::new(&spec, &books(&spec), day());
    let keys: Vec<_> = facts.missing().iter().map(|missing| missing.key).collect();
    assert_eq!(keys, ["controller", "contact", "opt_out_words", "keep_months", "legal_basis", "authority"]);
    for (lang, blank) in Lang::ALL.into_iter().zip(["[TO FILL IN", "[DA COMPLETARE", "[AUSFÜLLEN", "[À REMPLIR"]) {
        let text = text(&write(&facts, lang));
        assert!(text.matches(blank).count() >= keys.len(), "{text}");
    }
    assert!(self::facts().missing().is_empty());
}

#[test]
fn what_a_shop_calls_itself_is_text_and_nothing_else() {
    let mut facts = facts();
    facts.said.controller = Some("<script>alert(1)</script>{one}\u{202e}".into());
    facts.said.contact = Some("\"><img src=x onerror=alert(1)>".into());
    let notice = write(&facts, Lang::En);
    let page = html(&notice);
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    assert!(page.contains("&lt;script&gt;") && page.contains("{one}") && !page.contains('\u{202e}'));
    assert!(page.contains("default-src 'none'") && page.contains("<html lang=\"en\">"));
    assert!(!page.contains("http://") && !page.contains("src=\"http"));
    assert!(!text(&notice).contains('\u{202e}'));
}
