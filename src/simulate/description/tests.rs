use super::*;

fn code(change: impl FnOnce(&mut Description)) -> String {
    let mut description = (*Description::grocery()).clone();
    change(&mut description);
    match description.check() {
        Ok(()) => "fine".to_owned(),
        Err(SimulateError::Description { at, .. }) => at,
        Err(other) => other.code().to_owned(),
    }
}

#[test]
fn the_built_in_description_is_written_and_read_back() {
    let grocery = Description::grocery();
    assert_eq!((grocery.segments.len(), grocery.groups.len()), (8, 20));
    assert_eq!(Description::parse(&grocery.to_toml()).expect("reads back"), *grocery);
    assert!(!grocery.appetites_vary() && (grocery.tail_factor() - 1.0).abs() < 1e-15);
}

#[test]
fn every_number_has_a_range_and_nan_is_in_none() {
    assert_eq!(code(|_| ()), "fine");
    for (at, bad) in [
        ("seasonality", code(|d| d.seasonality = 1.1)),
        ("drift.movers", code(|d| d.drift.movers = f64::NAN)),
        ("tail.index", code(|d| d.tail.index = 1.0)),
        ("tail.share", code(|d| d.tail.share = -0.1)),
        ("customers.visit_shape", code(|d| d.customers.visit_shape = 0.0)),
        ("customers.spread", code(|d| d.customers.spread = f64::INFINITY)),
        ("segments[3].visits", code(|d| d.segments[3].visits = 1e9)),
        ("segments[0].appetite", code(|d| d.segments[0].appetite.extend([("no_such".into(), 1.0)]))),
        ("segments[0].appetite", code(|d| d.segments[0].appetite.extend([("fish".into(), f64::MAX)]))),
        ("groups[19].price", code(|d| d.groups[19].price = 0.0)),
        ("groups[1].key", code(|d| d.groups[1].key = "Fruit".into())),
        ("groups[1].peak", code(|d| d.groups[1].peak = -1.0)),
        ("rare[0].leaning", code(|d| d.rare[0].leaning.extend([("nobody".into(), 2.0)]))),
        ("rare", code(|d| d.rare[0].lines = 0.99)),
        ("unnamed.categories", code(|d| d.unnamed.categories.clear())),
    ] {
        assert_eq!(bad, at);
    }
}

#[test]
fn there_are_at_most_so_many_and_none_twice() {
    for (at, bad) in [
        ("segments", code(|d| d.segments.clear())),
        ("segments", code(|d| d.segments = vec![d.segments[0].clone(); 65])),
        ("segments", code(|d| d.segments[1].name = d.segments[0].name.clone())),
        ("groups", code(|d| d.groups.push(d.groups[0].clone()))),
        ("groups", code(|d| d.groups.push(Group { key: "sensitive".into(), ..d.groups[0].clone() }))),
        ("categories", code(|d| d.groups[1].categories[0] = "Tomatoes".into())),
        ("promotions", code(|d| d.promotions[1].id = d.promotions[0].id.clone())),
        ("groups[0].categories", code(|d| d.groups[0].categories = (0..51).map(|n| format!("c{n}")).collect())),
    ] {
        assert_eq!(bad, at);
    }
}

#[test]
fn a_name_is_no_formula_and_no_pattern() {
    for name in ["", "=1+1", "+1", "-1", "@x", " a", "a ", "a\nb", "a\u{202e}b", "\u{feff}a", &"a".repeat(101)] {
        assert_eq!(code(|d| d.groups[0].categories[0] = name.to_owned()), "groups[0].categories", "{name:?}");
        assert_eq!(code(|d| d.promotions[0].title = name.to_owned()), "promotions[0].title", "{name:?}");
    }
    assert_eq!(code(|d| d.groups[0].categories[0] = "tom*".into()), "groups[0].categories");
    assert_eq!(code(|d| d.groups[0].categories[0] = "Äpfel & Birnen, \"rot\"".into()), "fine");
}

#[test]
fn what_is_no_description_is_told_without_the_line_itself() {
    let error = Description::parse("seasonality = 0.1\nsurprise = \"zq7391\"\n").expect_err("an unknown key");
    assert_eq!(error.code(), "simulate.syntax");
    assert!(!error.to_string().contains("zq7391"), "{error}");
    for text in ["", "segments = 1", "\u{1b}[31m", "[[segments]]\n", "groups = []\nsegments = []"] {
        let error = Description::parse(text).expect_err("no description");
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
    }
}
