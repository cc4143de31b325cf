use super::*;
use crate::engine::{Promise, Recipient};
use crate::spec::{Destination, LegalBasis, Profile, RegisterFile, Role, Span};
use crate::testing::{CSV, file, spec as base, with_opt_outs};

fn spec() -> Spec {
    let some = |text: &str| Some(text.to_owned());
    let mut base = base();
    base.sources.register = Some(RegisterFile::Usual);
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
        ..base
    }
}

/// The spec with a destination.
fn with_lists() -> Spec {
    let newsletter = Destination {
        name: "newsletter".into(),
        role: Role::Processor,
        contract: "C-1".into(),
        purpose: "mail".into(),
        profile: Profile::Csv,
        minimum: None,
        expires_after_days: 30,
        epoch: Span::Month,
        linkability_bits: 12,
        segments: None,
    };
    Spec { destinations: vec![newsletter], ..spec() }
}

/// The spec without categories, as `models/rfm` has none.
fn without_categories() -> Spec {
    let mut spec = spec();
    spec.taxonomy = None;
    spec.sources.transactions.category = None;
    spec.features.retain(|feature| {
        matches!(feature.kind, FeatureKind::Frequency | FeatureKind::Recency | FeatureKind::Monetary)
    });
    spec
}

/// Books of a population of which somebody holds a list.
fn lists_out(spec: &Spec) -> Books {
    let until = NaiveDate::from_ymd_opt(2026, 12, 24).unwrap();
    let who = |name: &str, until| Recipient {
        destination: name.into(),
        role: "processor".into(),
        contract: "C-1".into(),
        purpose: "mail".into(),
        until,
    };
    Books { recipients: vec![who("newsletter", until), who("till", day())], ..books(spec) }
}

fn of(spec: &Spec) -> Facts {
    Facts::new(spec, &books(spec), day())
}

/// What it says of these facts in a language.
fn said(facts: &Facts, lang: Lang) -> String {
    text(&write(facts, lang))
}

fn books(spec: &Spec) -> Books {
    Books::read(spec, std::path::Path::new("/nowhere/at/all")).unwrap()
}

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 22).unwrap()
}

fn facts() -> Facts {
    of(&spec())
}

/// All facts that a text has words for.
fn all_facts() -> Vec<Facts> {
    let mut list = vec![facts()];
    list.push(Facts { releases: 3, reservations: 3, life: 91, ..facts() });
    list.push(Facts { releases: 3, reservations: 4, life: 91, ..facts() });
    list.push(Facts { releases: 0, reservations: 1, life: 76, ..facts() });
    list.push(Facts { year_of_spec: Some(89), ..facts() });
    let mut other = Facts { asks: true, ..facts() };
    other.said.legal_basis = Some(LegalBasis::Consent);
    list.push(other);
    list.push(Facts { simulated: true, ..facts() });
    list.extend([of(&with_lists()), of(&without_categories()), of(&with_opt_outs(spec()))]);
    list.push(Facts::new(&spec(), &lists_out(&spec()), day()));
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
        for section in all_facts().iter().flat_map(|facts| write(facts, lang).sections) {
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
            wanted.extend(facts.year_of_spec.map(u64::from));
            wanted.extend((facts.releases > 0).then_some(facts.releases as u64));
            wanted.extend((facts.reservations > 0).then_some(u64::from(facts.life)));
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
    let keys: Vec<_> = facts.missing().iter().map(Missing::place).collect();
    let shop = ["controller", "contact", "opt_out_words", "keep_months", "legal_basis", "authority"];
    assert_eq!(keys, [&shop.map(|key| format!("notice.{key}"))[..], &["sources.opt_outs".to_owned()]].concat());
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

/// The blank that a person must see, in each language.
const BLANKS: [&str; 4] = ["[TO FILL IN: ", "[DA COMPLETARE: ", "[AUSFÜLLEN: ", "[À REMPLIR : "];

#[test]
fn a_notice_promises_no_way_out_that_no_run_keeps() {
    let mut nobody = spec();
    nobody.sources.register = None;
    let facts = of(&nobody);
    let missing = facts.missing();
    assert_eq!(missing.iter().map(Missing::place).collect::<Vec<_>>(), ["sources.opt_outs"]);
    assert!(missing[0].remedy.contains("register = true") && missing[0].remedy.contains("leaves nobody out"));
    let promises = ["From then on", "Da quel momento", "Ab dann", "À partir de là"];
    for ((lang, promise), blank) in Lang::ALL.into_iter().zip(promises).zip(BLANKS) {
        let draft = said(&facts, lang);
        assert!(!draft.contains(promise) && draft.matches(blank).count() == 1, "{draft}");
        // The register and a list of the shop's are a way out each.
        for spec in [spec(), with_opt_outs(nobody.clone())] {
            assert!(of(&spec).missing().is_empty() && said(&of(&spec), lang).contains(promise));
        }
    }
}

#[test]
fn a_notice_says_that_only_who_said_yes_is_in_where_a_run_asks() {
    let mut spec = spec();
    spec.notice.as_mut().unwrap().legal_basis = Some(LegalBasis::Consent);
    let mut consent = crate::spec::Consent {
        file: file("consent.csv", CSV),
        unit: "customer".into(),
        purpose: None,
        granted: "granted".into(),
        max_age_days: 3,
        run_purpose: None,
    };
    let promises =
        ["only if you said yes", "solo se hai detto di sì", "nur, wenn Sie Ja gesagt", "si vous avez dit oui"];
    for snapshot in [None, Some(consent.clone())] {
        spec.sources.consent = snapshot;
        let facts = of(&spec);
        let missing = facts.missing();
        assert_eq!(missing.iter().map(Missing::place).collect::<Vec<_>>(), ["sources.consent.run_purpose"]);
        for ((lang, promise), blank) in Lang::ALL.into_iter().zip(promises).zip(BLANKS) {
            let draft = said(&facts, lang);
            assert!(!draft.contains(promise) && draft.contains(blank), "{draft}");
        }
    }
    consent.run_purpose = Some("segmentation".into());
    spec.sources.consent = Some(consent);
    assert!(of(&spec).missing().is_empty());
    for (lang, promise) in Lang::ALL.into_iter().zip(promises) {
        assert!(said(&of(&spec), lang).contains(promise));
    }
}

#[test]
fn who_says_no_is_told_of_lists_too_and_of_lists_that_are_still_out() {
    let lists = ["all new lists", "nessuna nuova lista", "keiner neuen Liste", "aucune nouvelle liste"];
    let before = ["Before, we also made", "Prima facevamo", "Früher haben wir", "Avant, nous faisions"];
    let days = ["24 December 2026", "24/12/2026", "24.12.2026", "24/12/2026"];
    let kept = ["secret codes of", "codici segreti di", "geheime Codes von", "codes secrets des"];
    for (i, lang) in Lang::ALL.into_iter().enumerate() {
        let plain = said(&facts(), lang);
        for words in [lists[i], before[i], kept[i]] {
            assert!(!plain.contains(words), "{words}: {plain}");
        }
        let made = said(&of(&with_lists()), lang);
        assert!(made.contains(lists[i]) && made.contains(kept[i]) && !made.contains(before[i]), "{made}");
        // The spec no longer has the destination; the ledger has the list.
        let out = said(&Facts::new(&spec(), &lists_out(&spec()), day()), lang);
        assert!(out.contains(before[i]) && out.contains(days[i]) && out.contains(kept[i]), "{out}");
        assert!(!out.contains(lists[i]), "{out}");
        // Where lists are still made, what is said of them covers those.
        assert!(!said(&Facts::new(&with_lists(), &lists_out(&spec()), day()), lang).contains(before[i]));
    }
}

#[test]
fn a_notice_without_categories_claims_nothing_of_goods() {
    let facts = of(&without_categories());
    let claims = [
        ["likes to buy", "too much about a person", "join it with another", "health and medicine"],
        ["che cosa gli piace", "dicono troppo di una persona", "lo uniamo a un altro", "salute e medicine"],
        ["was sie gern kauft", "zu viel über einen Menschen", "mit einer anderen zusammen", "Gesundheit und Arznei"],
        ["ce qu’il aime", "trop sur quelqu’un", "joignons à un autre", "la santé et les médicaments"],
    ];
    let truth = ["All things count alike", "conta allo stesso modo", "Alle Dinge zählen gleich", "de la même façon"];
    for ((lang, claims), truth) in Lang::ALL.into_iter().zip(claims).zip(truth) {
        let (with, without) = (said(&self::facts(), lang), said(&facts, lang));
        assert!(without.contains(truth) && !with.contains(truth), "{without}");
        for claim in claims {
            assert!(with.contains(claim) && !without.contains(claim), "{claim}: {without}");
        }
    }
}

#[test]
fn what_was_begun_and_not_finished_is_not_called_a_report() {
    let zero = ["0 reports", "0 rapporti", "0 Berichte", "0 rapports"];
    let begun = ["But we began", "Ma ne abbiamo iniziato", "Aber wir haben einen", "Mais nous en avons"];
    let none = ["not made any", "fatto nessun", "noch keinen", "fait aucun"];
    let others = ["We also began", "solo iniziati", "nur begonnen", "en avons aussi"];
    for (i, lang) in Lang::ALL.into_iter().enumerate() {
        let killed = said(&Facts { releases: 0, reservations: 1, life: 74, ..facts() }, lang);
        assert!(!killed.contains(zero[i]) && !killed.contains(none[i]) && killed.contains(begun[i]), "{killed}");
        let more = said(&Facts { releases: 1, reservations: 2, life: 76, ..facts() }, lang);
        assert!(more.contains(others[i]) && !more.contains(begun[i]), "{more}");
        let whole = said(&Facts { releases: 1, reservations: 1, life: 74, ..facts() }, lang);
        assert!(!whole.contains(others[i]) && !whole.contains(begun[i]), "{whole}");
        assert!(said(&facts(), lang).contains(none[i]));
    }
}

#[test]
fn a_run_that_was_killed_behind_its_reservation_has_spent_and_reported_nothing() {
    use tactful_kernel::Ledger;
    use tactful_kernel::ledger::{Confirmation, Opening, Request};
    let (spec, folder) = (spec(), tempfile::tempdir().unwrap());
    let path = folder.path().join("test.ledger");
    let (cap, claim) = crate::engine::year_cap(&spec.privacy).unwrap();
    let mut ledger = Ledger::open(&path, &Opening { population: spec.population.clone(), cap, claim }).unwrap();
    let mut reserve = |finished: bool| {
        let request = Request {
            loss: crate::engine::Costs::of(&spec.privacy).unwrap().loss,
            spec_sha256: spec.fingerprint(),
            purpose: "a test".into(),
            request_id: None,
        };
        let reservation = ledger.reserve(&request).unwrap().reservation();
        let release =
            Confirmation { manifest_sha256: "a".repeat(64), release_path: "/r".into(), model: serde_json::Value::Null };
        if finished {
            ledger.confirm(&reservation, &release).unwrap();
        }
        let facts = Facts::new(&spec, &Books::read(&spec, &path).unwrap(), day());
        (facts.life, said(&facts, Lang::En))
    };
    let (life, killed) = reserve(false);
    assert!(killed.contains("We have not finished any report so far. But we began one or more."), "{killed}");
    // One release is as much as one release, here and two sentences before.
    assert_eq!((life, killed.matches("right 74 times").count()), (74, 2), "{killed}");
    let (more, killed) = reserve(true);
    assert!(killed.contains("made one report so far. We also began one or more others."), "{killed}");
    assert!(more > life);
}

#[test]
fn a_year_of_the_spec_below_the_ledgers_is_said_beside_it() {
    let mut spec = spec();
    spec.privacy.epsilon_per_year = tactful_kernel::Epsilon::new(2.0).unwrap();
    let small = books(&spec);
    let six = Promise { epsilon: 6.0, ..small.year };
    let loss = six.loss.plus(six.loss).unwrap();
    let facts = Facts::new(&spec, &Books { year: Promise { loss, ..six }, ..small.clone() }, day());
    assert_eq!((facts.year.0, facts.year_of_spec), (100, Some(89)));
    assert!(said(&facts, Lang::En).contains("a lower mark. If we keep to it, he is right 89 times in 100"));
    assert!(!said(&Facts::new(&spec, &small, day()), Lang::En).contains("a lower mark"));
}

#[test]
fn how_long_a_no_is_kept_is_said() {
    let register = ["a note of it for good", "lo segniamo per sempre", "das für immer", "le notons pour toujours"];
    let list = [
        "customer number on a list",
        "numero di cliente in una lista",
        "Nummer auf eine Liste",
        "numéro sur une liste",
    ];
    let mut by_list = with_opt_outs(spec());
    by_list.sources.register = None;
    for (i, lang) in Lang::ALL.into_iter().enumerate() {
        let (one, other) = (said(&facts(), lang), said(&of(&by_list), lang));
        assert!(one.contains(register[i]) && !one.contains(list[i]), "{one}");
        assert!(other.contains(list[i]) && !other.contains(register[i]), "{other}");
    }
}
