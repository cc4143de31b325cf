//! A checked spec, written out and read again, is the same spec.

use proptest::prelude::*;

use super::*;

#[test]
fn a_resolved_spec_parses_back_to_itself() {
    let spec = parse(GOOD).unwrap();
    assert_eq!(parse(&spec.to_toml()).unwrap(), spec, "{}", spec.to_toml());
}

#[test]
fn json_has_the_shape_of_the_toml_with_every_default() {
    let json = serde_json::to_value(parse(GOOD).unwrap()).unwrap();
    assert_eq!(json["segments"]["floor"], 50);
    assert_eq!(json["contract"]["refuse_above"], 0.1);
    assert_eq!(json["features"][1]["groups"][0], "bread");
    assert_eq!(json["sources"]["transactions"]["separator"], ",");
    let known = json_schema();
    for key in json.as_object().unwrap().keys() {
        assert!(known["properties"][key].is_object(), "{key}");
    }
}

#[test]
fn the_fingerprint_tells_what_is_run_and_the_feature_fingerprint_what_is_compared() {
    let spec = parse(GOOD).unwrap();
    assert_eq!(spec.fingerprint().len(), 64);
    let same = parse(&format!("# a comment\n{GOOD}")).unwrap();
    assert_eq!(same.fingerprint(), spec.fingerprint());
    for (piece, other) in [
        ("epsilon = 1\n", "epsilon = 0.5\n"),
        ("start = 2024-01-01", "start = 2024-02-01"),
        ("sales.csv.gz", "sales2.csv"),
        ("Bread & rolls", "Bread"),
    ] {
        let changed = parse(&good_but(piece, other)).unwrap();
        assert_ne!(changed.fingerprint(), spec.fingerprint(), "{piece}");
        assert_eq!(changed.feature_fingerprint(), spec.feature_fingerprint(), "{piece}");
    }
    for (piece, other) in
        [("upper = 0.5", "upper = 0.4"), ("\"ROLLS\"", "\"BUNS\""), ("upper = 200", "upper = 200\nweight = 0.5")]
    {
        let changed = parse(&good_but(piece, other)).unwrap();
        assert_ne!(changed.feature_fingerprint(), spec.feature_fingerprint(), "{piece}");
    }
}

#[test]
fn a_split_is_part_of_the_run_and_the_usual_one_is_not_written() {
    let usual = parse(GOOD).unwrap();
    assert!(!usual.to_toml().contains("split"), "{}", usual.to_toml());
    let with =
        |shares: &str| parse(&good_but("[promotions]", &format!("[privacy.split]\n{shares}\n[promotions]"))).unwrap();
    let same = with("clustering = 560\ngate = 100");
    assert_eq!((&same, same.fingerprint()), (&usual, usual.fingerprint()));
    let moved = with("clustering = 400\nincidence = 330");
    assert_eq!(moved.privacy.split, Split::new([400, 330, 70, 70, 100]).unwrap());
    assert_ne!(moved.fingerprint(), usual.fingerprint());
    assert_eq!(moved.feature_fingerprint(), usual.feature_fingerprint());
    assert_eq!(parse(&moved.to_toml()).unwrap(), moved, "{}", moved.to_toml());
    let json = serde_json::to_value(&moved).unwrap();
    assert_eq!(json["privacy"]["split"]["incidence"], 330);
    assert!(serde_json::to_value(&usual).unwrap()["privacy"].get("split").is_none());
}

fn name() -> impl Strategy<Value = String> {
    // A label such as "RX" is refused, and rightly.
    let shown = |text: &String| !text.trim().is_empty() && sensitive::Policy::base().judge(text).is_empty();
    "[A-Za-zäß%&/.,\"'#=\\\\ ]{1,20}".prop_filter("blank or sensitive", shown)
}

proptest! {
    #[test]
    fn any_spec_that_parses_round_trips(
        population in "[a-z0-9][a-z0-9-]{2,40}",
        label in name(),
        // What leads out of the folder is refused, and rightly.
        file in name().prop_filter("leads out", |file| !file.contains("..")),
        separator in "[;|!\t]",
        days in 28_u64..4000,
        upper in 1e-9_f64..1.0,
        weight in 1e-6_f64..=1.0,
        money in 1e-3_f64..1e9,
        number in 1_usize..=64,
        floor in 20_u64..=1_000_000,
        epsilon in 1e-6_f64..20.0,
        delta in 1e-17_f64..1e-3,
        guess in proptest::option::of(1_u64..1 << 40),
    ) {
        let mut spec = parse(GOOD).unwrap();
        spec.population = population;
        spec.unit = label.trim().to_owned();
        spec.sources.transactions.file.path = file.into();
        spec.sources.transactions.file.format = Format::Csv { separator: separator.chars().next().unwrap() };
        spec.window.end = spec.window.start + chrono::Days::new(days);
        spec.features[0].upper = upper;
        spec.features[0].weight = weight;
        spec.features[0].label = label.trim().to_owned();
        spec.contract.amount_max = money;
        spec.segments = Segments { number, floor };
        spec.expected_customers = guess;
        spec.privacy.epsilon = tactful_kernel::Epsilon::new(epsilon).unwrap();
        spec.privacy.epsilon_per_year = spec.privacy.epsilon;
        spec.privacy.delta = tactful_kernel::Delta::new(delta).unwrap();
        spec.privacy.delta_per_year = spec.privacy.delta;
        let text = spec.to_toml();
        let back = parse(&text);
        prop_assert!(back.as_ref() == Ok(&spec), "{back:?}\n{text}");
        prop_assert_eq!(back.unwrap().fingerprint(), spec.fingerprint());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}", at in 0_usize..1200) {
        let _ = parse(&text);
        let mut broken = GOOD.to_owned();
        if broken.is_char_boundary(at.min(broken.len())) {
            broken.insert_str(at.min(GOOD.len()), &text);
        }
        let _ = parse(&broken);
    }
}
