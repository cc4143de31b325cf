//! What is refused, with which code.

use super::*;

/// One piece of [`GOOD`] → another, and the problem this makes.
#[test]
fn each_rule_has_its_code_and_names_its_key() {
    for (piece, other, problem) in [
        ("version = 1", "version = 2", "version spec.version"),
        ("shop-customers", "Shop", "population spec.population"),
        ("shop-customers", "-shop", "population spec.population"),
        ("\"EUR\"", "\" \"", "currency spec.text"),
        ("= 5000", "= 0", "expected_customers spec.expected-customers"),
        ("start = 2024-01-01", "start = 2024-13-01", " spec.syntax"),
        ("\"2025-01-01\"", "\"2025-02-31\"", "window.end spec.date"),
        ("\"2025-01-01\"", "2025-01-01T00:00:00Z", "window.end spec.date"),
        ("\"2025-01-01\"", "2024-01-01", "window.end spec.window-order"),
        ("\"2025-01-01\"", "2024-01-28", "window.end spec.window-short"),
        ("sales.csv.gz", "", "sources.transactions.file spec.path"),
        ("sales.csv.gz", "sales.xlsx", "sources.transactions.file spec.format"),
        ("date = \"day\"", "separator = \"ab\"\ndate = \"day\"", "sources.transactions.separator spec.separator"),
        (
            "category = \"category\"\n",
            "category = \"category\"\nseparator = \";\"\n",
            "sources.products.separator spec.separator",
        ),
        ("\"day\"", "\"\"", "sources.transactions.date spec.column"),
        ("\"day\"", "\"customer_id\"", "sources.transactions.date spec.column-twice"),
        ("[\"coupon\"]", "[\"coupon\", \"coupon\"]", "sources.transactions.discounts[1] spec.column-twice"),
        ("\"day\"", "\"day\"\ndate_format = \"%H:%M\"", "sources.transactions.date_format spec.date-format"),
        ("\"day\"", "\"day\"\ndate_format = \"%Q\"", "sources.transactions.date_format spec.date-format"),
        (
            "product = \"sku\"\namount",
            "product = \"sku\"\ncategory = \"c\"\namount",
            "sources.transactions.category spec.category-source",
        ),
        ("product = \"sku\"\namount", "amount", "sources.products spec.product-missing"),
        ("[taxonomy]", "[contract]\namount_max = -1\n[taxonomy]", "contract.amount_max spec.amount-max"),
        ("[taxonomy]", "[contract]\namount_max = nan\n[taxonomy]", "contract.amount_max spec.amount-max"),
        ("[taxonomy]", "[contract]\nrefuse_above = 1.5\n[taxonomy]", "contract.refuse_above spec.refuse-above"),
        ("\"fresh_fruit\"", "\"Fresh Fruit\"", "taxonomy.groups[0].key spec.group-key"),
        ("\"fresh_fruit\"", "\"bread\"", "taxonomy.groups[1].key spec.group-twice"),
        ("[\"BREAD\", \"ROLLS\"]", "[]", "taxonomy.groups[1].categories spec.group-empty"),
        ("\"ROLLS\"", "\"*\"", "taxonomy.groups[1].categories[1] spec.pattern"),
        ("\"ROLLS\"", "\"\"", "taxonomy.groups[1].categories[1] spec.pattern"),
        ("\"ROLLS\"", "\" apples\"", "taxonomy.groups[1].categories[1] spec.category-twice"),
        ("\"FUEL\"", "\"wine\"", "taxonomy.excluded[0] spec.category-twice"),
        ("\"ROLLS\"", "\"fuel\"", "taxonomy.groups[1].categories[1] spec.category-twice"),
        ("\"ROLLS\"", "\"Baby bread\"", "taxonomy.groups[1].categories[1] spec.category-denied"),
        ("\"all\"", "[\"bred\"]", "features[0].groups[0] spec.feature-group-unknown"),
        ("\"all\"", "[]", "features[0].groups spec.feature-groups"),
        ("\"all\"", "\"every\"", "features[0].groups spec.unknown-value"),
        ("kind = \"frequency\"", "kind = \"frequency\"\ngroups = \"all\"", "features[1].groups spec.feature-no-groups"),
        ("\"all\"", "[\"bread\", \"bread\"]", "features[0] spec.feature-twice"),
        ("\"all\"", "\"all\"\nlabel = \"x\"", "features[0].label spec.feature-label"),
        ("upper = 0.5", "upper = inf", "features[0].upper spec.bounds"),
        ("upper = 0.5", "upper = nan", "features[0].upper spec.bounds"),
        ("upper = 0.5", "lower = 0.5\nupper = 0.5", "features[0].upper spec.bounds"),
        ("upper = 0.5", "upper = 5", "features[0].upper spec.bounds-range"),
        ("upper = 200", "", "features[1].upper spec.missing-key"),
        ("upper = 200", "lower = -1\nupper = 200", "features[1].lower spec.log-negative"),
        ("upper = 200", "upper = 200\nweight = 0", "features[1].weight spec.weight"),
        ("upper = 200", "upper = 200\nweight = 1.01", "features[1].weight spec.weight"),
        ("upper = 200", "upper = 200\nweight = nan", "features[1].weight spec.weight"),
        ("kind = \"spend_share\"", "kind = \"incidence\"", "features[0] spec.log-incidence"),
        (
            "[\"coupon\"]\n",
            "[]\n[[features]]\nkind=\"discount_share\"\nupper=1\n",
            "features[0].kind spec.feature-needs-discounts",
        ),
        ("basket = \"receipt\"\n", "", ""),
        ("number = 6", "number = 0", "segments.number spec.segment-number"),
        ("number = 6", "number = 65", "segments.number spec.segment-number"),
        ("number = 6", "number = 6\nfloor = 19", "segments.floor spec.floor-too-low"),
        ("number = 6", "number = 6\nfloor = -5", "segments.floor spec.floor-too-low"),
        ("number = 6", "number = 6\nfloor = 20.5", "segments.floor spec.wrong-type"),
        ("epsilon = 1\n", "epsilon = 0\n", "privacy.epsilon spec.epsilon"),
        ("epsilon = 1\n", "epsilon = -1\n", "privacy.epsilon spec.epsilon"),
        ("epsilon = 1\n", "epsilon = nan\n", "privacy.epsilon spec.epsilon"),
        ("epsilon = 1\n", "epsilon = inf\n", "privacy.epsilon spec.epsilon"),
        ("epsilon = 1\n", "epsilon = \"1\"\n", "privacy.epsilon spec.wrong-type"),
        ("epsilon = 4", "epsilon = 0.5", "privacy.year.epsilon spec.year-below-release"),
        ("delta = 1e-5", "delta = 1e-7", "privacy.year.delta spec.year-below-release"),
        ("delta = 1e-6", "delta = 0.5", "privacy.delta spec.delta"),
        ("delta = 1e-6", "delta = 0.0", "privacy.delta spec.delta"),
        ("id = \"id\"\nproduct = \"sku\"", "id = \"id\"", "promotions spec.exactly-one"),
        ("id = \"id\"", "id = \"id\"\ngroup = \"g\"", "promotions spec.exactly-one"),
        ("margin = \"earns\"", "margin = \"earns\"\npriority = \"rank\"", "promotions spec.promotions-worth"),
        ("margin = \"earns\"", "margin = \"from\"", "promotions.valid_from spec.column-twice"),
        ("margin = \"earns\"", "margin = 3", "promotions.margin spec.wrong-type"),
        ("\"not_for\"", "\"email\"", "promotions.exclusions policy.column"),
        ("on = 2025-01-15", "on = \"15.01.2025\"", "promotions.on spec.date"),
        ("\"first_party\"", "\"social\"", "origin policy.origin"),
        ("\"first_party\"", "\"Third-Party\"", "origin policy.origin"),
        ("\"first_party\"", "\"firstparty\"", "origin spec.unknown-value"),
        ("\"receipt\"", "\"email\"", "sources.transactions.basket policy.column"),
        ("{ campaign = 18 }", "{ zip_code = 18 }", "promotions.only policy.column"),
        ("number = 6", "", "segments.number spec.missing-key"),
        ("number = 6", "nummer = 6", "segments.nummer spec.unknown-key"),
    ] {
        tells(piece, other, problem);
    }
}

/// That this change of [`GOOD`] makes this problem; none, when it names none.
#[track_caller]
fn tells(piece: &str, other: &str, problem: &str) {
    let found = problems(&good_but(piece, other));
    let told = if problem.is_empty() { found.is_empty() } else { found.iter().any(|one| one == problem) };
    assert!(told, "{piece} → {other}: {found:?} lacks {problem}");
}

#[test]
fn shares_of_a_release_are_the_whole_and_leave_each_measurement_its_least() {
    let table = |shares: &str| format!("[privacy.split]\n{shares}\n[promotions]");
    for (shares, problem) in [
        ("", ""),
        ("clustering = 600\nincidence = 130", ""),
        ("clustering = 560\nincidence = 170\nfloor = 70\nsizes = 70\ngate = 100", ""),
        ("clustering = 200\nincidence = 10\nfloor = 20\nsizes = 640", ""),
        ("clustering = 600", "privacy.split spec.split-sum"),
        ("clustering = 500", "privacy.split spec.split-sum"),
        ("clustering = 199\nincidence = 531", "privacy.split.clustering spec.split-share"),
        ("floor = 19\nsizes = 121", "privacy.split.floor spec.split-share"),
        ("sizes = 9\nfloor = 131", "privacy.split.sizes spec.split-share"),
        ("incidence = -1", "privacy.split.incidence spec.split-share"),
        ("incidence = 9223372036854775807", "privacy.split.incidence spec.split-share"),
        ("incidence = 641", "privacy.split.incidence spec.split-share"),
        ("gate = 99\nsizes = 71", "privacy.split.gate policy.gate-share"),
        ("gate = 0\nclustering = 660", "privacy.split.gate policy.gate-share"),
        ("gate = -9223372036854775808", "privacy.split.gate policy.gate-share"),
        ("sizes = 70.0", "privacy.split.sizes spec.wrong-type"),
        ("sizes = nan", "privacy.split.sizes spec.wrong-type"),
        ("count = 10", "privacy.split.count spec.unknown-key"),
    ] {
        tells("[promotions]", &table(shares), problem);
    }
    let told = parse(&good_but("[promotions]", &table("clustering = 600"))).unwrap_err().to_string();
    assert!(told.contains("add up to 1010 per mille, not to 970") && told.contains("take 40 away"), "{told}");
    let told = parse(&good_but("[promotions]", &table("clustering = 500"))).unwrap_err().to_string();
    assert!(told.contains("60 are missing"), "{told}");
    let told = parse(&good_but("[promotions]", &table("gate = 50\nsizes = 120"))).unwrap_err();
    assert!(told.is_policy(), "{told}");
}

#[test]
fn what_the_policy_calls_sensitive_is_in_no_group_label_or_feature() {
    for (piece, other, problem) in [
        ("\"ROLLS\"", "\"BEERS/ALES\"", "taxonomy.groups[1].categories[1] policy.sensitive"),
        ("Bread & rolls", "Wine & cheese", "taxonomy.groups[1].label policy.sensitive"),
        ("\"fresh_fruit\"", "\"weight_loss\"", "taxonomy.groups[0].key policy.sensitive"),
        ("upper = 200", "upper = 200\nlabel = \"Visits when pregnant\"", "features policy.sensitive"),
        ("[\"FUEL\"]", "[\"FUEL\"]\ncountries = [\"XX\"]", "taxonomy.countries[0] policy.overlay"),
        ("\"APPLES\"", "\"CIDER\"", ""),
        (
            "excluded = [\"FUEL\"]\n\n[[taxonomy.groups]]\nkey = \"fresh_fruit\"\ncategories = [\"APPLES\"",
            "countries = [\"GB\"]\n[[taxonomy.groups]]\nkey = \"fresh_fruit\"\ncategories = [\"CIDER\"",
            "taxonomy.groups[0].categories[0] policy.sensitive",
        ),
        (
            "[\"FUEL\"]",
            "[\"FUEL\"]\nreview = { file = \"no.toml\", hash = \"x\" }",
            "taxonomy.review policy.review-unreadable",
        ),
        ("[\"FUEL\"]", "[\"FUEL\"]\nreview = { file = \"no.toml\" }", "taxonomy.review.hash spec.missing-key"),
    ] {
        tells(piece, other, problem);
    }
}

#[test]
fn a_part_that_needs_another_says_so() {
    let without_taxonomy = {
        let start = GOOD.find("[taxonomy]").unwrap();
        let end = GOOD.find("[[features]]").unwrap();
        format!("{}{}", &GOOD[..start], &GOOD[end..])
    };
    let found = problems(&without_taxonomy);
    assert_eq!(found, ["features[0].kind spec.feature-needs-taxonomy", "promotions spec.promotions-need-taxonomy"]);

    let start = GOOD.find("[sources.products]").unwrap();
    let end = GOOD.find("[taxonomy]").unwrap();
    let without_products = format!("{}{}", &GOOD[..start], &GOOD[end..]);
    let found = problems(&without_products);
    assert_eq!(found, ["taxonomy spec.category-missing", "promotions.product spec.promotions-need-products"]);

    let no_basket = good_but("basket = \"receipt\"\n", "").replace("\"frequency\"", "\"basket_size\"");
    assert_eq!(problems(&no_basket), ["features[1].kind spec.feature-needs-basket"]);
}

#[test]
fn all_broken_rules_are_told_at_once_in_the_order_of_the_file() {
    let text = good_but("epsilon = 1\n", "epsilom = 1\nepsilon = nan\n")
        .replace("number = 6", "number = 6\nfloor = 5")
        .replace("shop-customers", "Shop!")
        .replace("date = \"day\"", "date = 5")
        .replace("\"all\"", "[\"bred\"]")
        .replace("start = 2024-01-01\n", "");
    assert_eq!(
        problems(&text),
        [
            "population spec.population",
            "window.start spec.missing-key",
            "sources.transactions.date spec.wrong-type",
            "features[0].groups[0] spec.feature-group-unknown",
            "segments.floor spec.floor-too-low",
            "privacy.epsilom spec.unknown-key",
            "privacy.epsilon spec.epsilon",
        ]
    );
}

#[test]
fn an_unknown_key_gets_a_suggestion_and_a_line() {
    let error = parse(&good_but("delta = 1e-6", "epsilom = 1\ndelta = 1e-6")).unwrap_err();
    let line = GOOD.lines().position(|line| line.starts_with("delta = 1e-6")).unwrap() + 1;
    assert_eq!(
        error.to_string(),
        format!(
            "line {line}: privacy.epsilom: unknown key `epsilom` in [privacy]; did you mean `epsilon`? [spec.unknown-key]"
        )
    );
}

#[test]
fn a_misspelt_key_is_not_told_as_missing_too() {
    assert_eq!(problems(&good_but("epsilon = 1\n", "epsilom = 1\n")), ["privacy.epsilom spec.unknown-key"]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_fine() {
    assert!(parse(&format!("\u{feff}{}", GOOD.replace('\n', "\r\n"))).is_ok());
}

#[test]
fn an_unknown_key_with_nothing_near_lists_what_is_known() {
    let error = parse(&good_but("number = 6", "number = 6\nzzz = 1")).unwrap_err();
    assert!(error.to_string().contains("known are floor, number"), "{error}");
}

#[test]
fn too_many_features_are_refused() {
    let group = |i: i32| format!("[[taxonomy.groups]]\nkey = \"g{i}\"\ncategories = [\"c{i}\"]\n");
    let groups = (0..127).map(group).collect::<Vec<_>>().concat();
    let start = GOOD.find("[[taxonomy.groups]]").unwrap();
    let end = GOOD.find("[[features]]").unwrap();
    let many = format!("{}{groups}{}", &GOOD[..start], &GOOD[end..]);
    assert_eq!(problems(&many), ["features spec.feature-count"]);
    assert_eq!(
        problems(&good_but("currency", "features = []\ncurrency").replace("[[features]]", "[[other]]"))[0],
        "features spec.feature-count"
    );
}

#[test]
fn an_empty_file_misses_everything_that_must_be_written() {
    let found = problems("");
    for key in ["version", "population", "origin", "currency", "window", "sources", "features", "segments", "privacy"] {
        assert!(found.contains(&format!("{key} spec.missing-key")), "{key}");
    }
}

#[test]
fn a_policy_refusal_is_told_apart() {
    let error =
        parse(&good_but("\"first_party\"", "\"third_party\"").replace("number = 6", "number = 99")).unwrap_err();
    assert!(error.is_policy());
    assert_eq!(error.code(), "policy.origin");
    let error = parse(&good_but("number = 6", "number = 99")).unwrap_err();
    assert!(!error.is_policy());
    assert_eq!(error.code(), "spec.segment-number");
}

#[test]
fn the_unit_column_may_be_any_id_but_one_that_says_who_somebody_is() {
    for column in ["card", "CardNumber", "household", "user_id", "x7"] {
        assert!(parse(&good_but("\"customer_id\"", &format!("\"{column}\""))).is_ok(), "{column}");
    }
    for column in ["email", "Telefonnummer", "codice_fiscale", "device_id", "IBAN", "nom_de_famille"] {
        let error = parse(&good_but("\"customer_id\"", &format!("\"{column}\""))).unwrap_err();
        assert_eq!(error.code(), "policy.unit", "{column}");
        assert!(error.to_string().contains("card number stand for the customer"));
    }
}

#[test]
fn data_that_people_did_not_give_to_the_shop_are_refused_for_a_file_and_for_a_column() {
    let with = |text: &str| good_but("amount = {", &format!("{text}\namount = {{"));
    assert!(parse(&with("origin = \"first_party\"")).is_ok());
    assert!(parse(&with("column_origins = { qty = \"first_party\" }")).is_ok());
    for origin in ["third_party", "Social", "public-record", "scraped", "inferred"] {
        for text in [format!("origin = \"{origin}\""), format!("column_origins = {{ qty = \"{origin}\" }}")] {
            let error = parse(&with(&text)).unwrap_err();
            assert_eq!(error.code(), "policy.origin", "{text}");
            assert!(error.to_string().contains("did not give that data for this"), "{error}");
        }
    }
    let code = |text: &str| parse(&with(text)).unwrap_err().code();
    assert_eq!(code("origin = \"simulated\""), "spec.origin-differs");
    assert_eq!(code("column_origins = { qty = \"simulated\" }"), "spec.origin-differs");
    assert_eq!(code("column_origins = { weather = \"first_party\" }"), "spec.origin-column");
    assert_eq!(code("origin = \"mars\""), "spec.unknown-value");
}

#[test]
fn a_notice_is_text_and_changes_no_run() {
    let with = |text: &str| format!("{}\n[notice]\n{text}\n", good_but("", ""));
    let plain = parse(&good_but("", "")).unwrap();
    let said =
        parse(&with("controller = \"Shop\"\nopt_out_url = \"https://shop.example/no\"\nkeep_months = 24")).unwrap();
    assert_eq!(plain.fingerprint(), said.fingerprint());
    assert_ne!(plain, said);
    assert_eq!(parse(&said.to_toml()).unwrap(), said);
    for (text, code) in [
        ("controller = \"\"", "spec.notice-text"),
        ("contact = \"a\\u0007b\"", "spec.notice-text"),
        ("opt_out_url = \"http://shop.example\"", "spec.notice-url"),
        ("opt_out_url = \"javascript:alert(1)\"", "spec.notice-url"),
        ("opt_out_url = \"https://a\\\"onclick=b\"", "spec.notice-url"),
        ("keep_months = 0", "spec.notice-months"),
        ("legal_basis = \"because\"", "spec.unknown-value"),
        ("phone = \"1\"", "spec.unknown-key"),
    ] {
        assert_eq!(parse(&with(text)).unwrap_err().code(), code, "{text}");
    }
}

#[test]
fn a_file_that_is_no_spec_is_refused_without_a_word_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let cases = [
        (dir.path().join("absent.toml"), "spec.file-missing"),
        (dir.path().to_owned(), "spec.file-unreadable"),
        (file("binary", &[0xff, 0xfe, 0, 1]), "spec.file-not-text"),
        (file("lfs.toml", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "spec.lfs-pointer"),
        (file("data.csv", b"customer_id,amount\nCANARY-7531,12\n"), "spec.syntax"),
        (file("data2.csv", b"a = 1\nCANARY-7531\n"), "spec.syntax"),
    ];
    for (path, code) in cases {
        let error = load(&path).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(!error.to_string().contains("CANARY"), "{error}");
        assert_eq!(error.to_string().lines().count(), 1);
    }
}

#[test]
fn what_was_written_is_shown_escaped_and_cut() {
    let long = "x".repeat(500);
    let error = parse(&format!("{GOOD}\n[\"\\u001b[31m{long}\"]\na = 1")).unwrap_err().to_string();
    assert!(!error.contains('\u{1b}') && error.len() < 600, "{error}");
}

#[test]
fn public_purchases_say_where_they_were_published_and_no_others_do() {
    let said = |text: &str| format!("date = \"day\"\npublished = \"{text}\"");
    let with =
        |origin: &str, published: &str| good_but("\"first_party\"", origin).replacen("date = \"day\"", published, 1);
    let (at, place) = ("sources.transactions.published", "Example Institute, https://example.org/purchases");
    let good = parse(&with("\"public\"", &said(place))).unwrap();
    assert_eq!(good.sources.transactions.published.as_deref(), Some(place));
    assert!(good.origin.is_open());
    assert_eq!(parse(&good.to_toml()).unwrap(), good);
    assert!(good.advice().iter().any(|line| line.contains(place)));
    let missing = parse(&with("\"public\"", "date = \"day\"")).unwrap_err();
    assert!(missing.is_policy());
    assert!(missing.problems()[0].rule.remedy().contains("first_party"));
    for (origin, published, problem) in [
        ("\"public\"", "date = \"day\"".to_owned(), "policy.published"),
        ("\"public\"", said(""), "spec.published"),
        ("\"public\"", said("yes"), "spec.published"),
        ("\"public\"", said("   somewhere   "), "spec.published"),
        ("\"public\"", said(&"x".repeat(301)), "spec.published"),
        ("\"public\"", said("on the\\nInternet, somewhere"), "spec.published"),
        ("\"public\"", "date = \"day\"\npublished = true".to_owned(), "spec.wrong-type"),
        ("\"first_party\"", said(place), "spec.published-private"),
        ("\"simulated\"", said(place), "spec.published-private"),
    ] {
        assert_eq!(problems(&with(origin, &published)), [format!("{at} {problem}")], "{origin} {published}");
    }
    assert!(!parse(GOOD).unwrap().origin.is_open());
}

#[test]
fn nobody_is_written_to_whose_purchases_were_published() {
    let published = "date = \"day\"\npublished = \"Example Institute, https://example.org/purchases\"";
    let text = good_but("\"first_party\"", "\"public\"").replacen("date = \"day\"", published, 1);
    let destination = "\n[[destinations]]\nname = \"mail\"\nrole = \"own_channel\"\ncontract = \"7\"\npurpose = \"offers\"\n\
                       profile = \"csv\"\nexpires_after_days = 30\nepoch = \"month\"\n";
    let found = problems(&(text + destination));
    assert!(found.contains(&"destinations policy.public-destination".to_owned()), "{found:?}");
    let found = problems(&(GOOD.to_owned() + destination));
    assert!(!found.contains(&"destinations policy.public-destination".to_owned()), "{found:?}");
}
