//! A signed review holds a spec to it, and is held to its signature and to the policy.

use super::*;
use crate::spec::review::{Proposal, Verdict, propose, sign, to_toml};
use crate::spec::sensitive::Overlay;

const NAMES: &str = r#"names = [
  ["APPLES", "group:fresh_fruit"],
  ["BLUEBERRIES", "group:fresh_fruit"],
  ["CRANBERRIES", "denied"],
  ["BREAD", "group:bread"],
  ["ROLLS", "group:bread"],
  ["WINE", "sensitive"],
  ["FUEL", "excluded"],
]
"#;

fn day() -> chrono::NaiveDate {
    chrono::NaiveDate::from_ymd_opt(2026, 11, 22).unwrap()
}

fn review(names: &str) -> String {
    format!("version = 1\npolicy = \"2026-11-22\"\n{names}")
}

/// A folder with [`GOOD`] that carries `review` under `hash`.
fn folder(review: &str, hash: &str, change: impl Fn(String) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("review.toml"), review).unwrap();
    let spec = GOOD.replace(
        "excluded = [\"FUEL\"]",
        &format!("excluded = [\"FUEL\"]\nreview = {{ file = \"review.toml\", hash = \"{hash}\" }}"),
    );
    std::fs::write(folder.path().join("spec.toml"), change(spec)).unwrap();
    folder
}

fn codes(folder: &tempfile::TempDir) -> Vec<&'static str> {
    match load(&folder.path().join("spec.toml")) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().iter().map(|problem| problem.rule.code()).collect(),
    }
}

fn signed(names: &str) -> (String, String) {
    let signed = sign(&review(names), "Rosa Rossi", day()).unwrap();
    (signed.text, signed.hash)
}

#[test]
fn a_spec_that_keeps_to_its_signed_review_is_sound() {
    let (text, hash) = signed(NAMES);
    let folder = folder(&text, &hash, |spec| spec);
    let spec = load(&folder.path().join("spec.toml")).unwrap_or_else(|error| panic!("{error}"));
    let taxonomy = spec.taxonomy.as_ref().unwrap();
    let review = taxonomy.review.as_ref().unwrap();
    assert_eq!((review.officer.as_str(), review.hash.as_str()), ("Rosa Rossi", hash.as_str()));
    assert!(spec.to_toml().contains(&hash), "the resolved spec carries the signature");
    assert!(spec.policy_advice().is_empty(), "{:?}", spec.policy_advice());
    // A pattern of the group covers both, and the officer let one of them through.
    let placer = Placer::new(taxonomy);
    assert_eq!(placer.place("blueberries"), Place::Group(0));
    assert_eq!(placer.place("CRANBERRIES"), Place::Unlisted);
    assert_eq!(placer.place("RASPBERRIES"), Place::Unlisted, "nobody classified it");
    let unreviewed = load_unreviewed(&folder.path().join("spec.toml")).unwrap();
    assert_eq!(Placer::new(unreviewed.taxonomy.as_ref().unwrap()).place("RASPBERRIES"), Place::Group(0));
}

#[test]
fn a_review_that_is_not_what_was_signed_is_refused() {
    let (text, hash) = signed(NAMES);
    let with = |text: &str, hash: &str| codes(&folder(text, hash, |spec| spec));
    assert_eq!(with(&text, &hash), [""; 0]);
    for (from, to) in [
        ("[\"CRANBERRIES\", \"denied\"]", "[\"CRANBERRIES\", \"group:fresh_fruit\"]"),
        ("[\"CRANBERRIES\", \"denied\"],", ""),
        ("Rosa Rossi", "Carla Conti"),
        ("date = \"2026-11-22\"", "date = \"2026-11-21\""),
        ("policy = \"2026-11-22\"", "policy = \"2027-01-01\""),
        ("version = 1\n", "version = 1\ncountries = [\"GB\"]\n"),
    ] {
        assert!(text.contains(from), "{from}");
        assert_eq!(with(&text.replacen(from, to, 1), &hash), ["policy.review-changed"], "{from}");
    }
    assert_eq!(with(&text, &hash.replace("sha256:", "sha256:0")), ["policy.review-other"]);
    assert_eq!(with(&review(NAMES), &hash), ["policy.review-unsigned"]);
    assert_eq!(with("names = 1", &hash), ["policy.review-shape"]);
    let comments = format!("# note\n{}", text.replace("[\"APPLES\"", "\n\n  [ \"APPLES\""));
    assert_eq!(with(&comments, &hash), [""; 0], "comments and blanks are not content");
    let countries = folder(&text, &hash, |spec| spec.replace("excluded = ", "countries = [\"FR\"]\nexcluded = "));
    assert_eq!(codes(&countries), ["policy.review-countries"]);
}

#[test]
fn a_spec_that_contradicts_its_review_is_refused() {
    let (text, hash) = signed(NAMES);
    for (from, to, code) in [
        ("\"ROLLS\"", "\"CRANBERRIES\"", "policy.review-contradicts"),
        ("\"APPLES\", ", "\"ROLLS\", \"APPLES\", ", "policy.review-contradicts"),
        ("\"ROLLS\"", "\"BUNS\"", "policy.review-lacks"),
    ] {
        let found = codes(&folder(&text, &hash, |spec| spec.replacen(from, to, 1)));
        assert!(found.contains(&code), "{from} → {to}: {found:?}");
    }
    let sensitive = NAMES.replace("[\"ROLLS\", \"group:bread\"]", "[\"ROLLS\", \"sensitive\"]");
    let (text, hash) = signed(&sensitive);
    let error = load(&folder(&text, &hash, |spec| spec).path().join("spec.toml")).unwrap_err();
    assert_eq!(error.code(), "policy.review-contradicts");
    assert!(error.is_policy() && error.to_string().contains("says that `ROLLS` is sensitive"), "{error}");
}

#[test]
fn an_officer_cannot_sign_a_sensitive_category_into_a_group() {
    let signing = |names: &str| sign(&review(names), "Rosa Rossi", day()).map_err(|error| error.code());
    let drinks = NAMES.replace("[\"WINE\", \"sensitive\"]", "[\"WINE\", \"group:drinks\"]");
    assert_eq!(signing(&drinks).unwrap_err(), "policy.review-outdated");
    let loosen = |group: &str, word: &str, names: &str| {
        let reason = "a wine merchant sells nothing else";
        signing(&format!(
            "{names}[[overlay.loosen]]\ngroup = \"{group}\"\nwords = [\"{word}\"]\nreason = \"{reason}\"\nofficer = \"Rosa Rossi\"\ndate = \"2026-11-22\"\n"
        ))
    };
    assert!(loosen("alcohol", "wine", &drinks).is_ok());
    assert_eq!(loosen("alcohol", "beer", &drinks).unwrap_err(), "policy.review-outdated", "another word");
    let tests = NAMES.replace("[\"WINE\", \"sensitive\"]", "[\"PREGNANCY TESTS\", \"group:drinks\"]");
    assert_eq!(loosen("pregnancy", "pregnan*", &tests).unwrap_err(), "policy.overlay", "a special category");
    assert_eq!(signing(&NAMES.replace("denied", "allowed")).unwrap_err(), "policy.review-verdict");
    assert_eq!(signing(&NAMES.replace("CRANBERRIES", "apples ")).unwrap_err(), "policy.review-twice");
    for nobody in [" ", "Rosa", "R. 2", "42 17", "Rosa\nRossi", &"Rosa ".repeat(40)] {
        assert_eq!(sign(&review(NAMES), nobody, day()).unwrap_err().code(), "policy.officer", "{nobody:?}");
    }
    // One legal name and an office; a script without capitals, which writes a name as one word.
    for officer in ["Suharto, privacy officer", "R. Rossi", "王小明"] {
        assert!(sign(&review(NAMES), officer, day()).is_ok(), "{officer}");
    }
    assert_eq!(sign(&signed(NAMES).0, "Rosa Rossi", day()).unwrap_err().code(), "policy.review-signed");
}

#[test]
fn an_overlay_of_the_review_is_an_overlay_of_the_run() {
    let add =
        "[[overlay.add]]\ngroup = \"politics\"\nwords = [\"blueberries\"]\nwhy = \"their farmers have a party\"\n";
    let names = NAMES.replace("[\"BLUEBERRIES\", \"group:fresh_fruit\"]", "[\"BLUEBERRIES\", \"denied\"]");
    let (text, hash) = signed(&format!("{names}{add}"));
    let spec =
        load(&folder(&text, &hash, |spec| spec).path().join("spec.toml")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(Placer::new(spec.taxonomy.as_ref().unwrap()).place("BLUEBERRIES"), Place::Sensitive);
}

#[test]
fn nothing_is_loosened_from_a_day_after_the_signature_on() {
    let loosen = "[[overlay.loosen]]\ngroup = \"alcohol\"\nwords = [\"cider\"]\nreason = \"our cider has no alcohol\"\nofficer = \"Rosa Rossi\"\ndate = \"2026-11-23\"\n";
    let text = review(&format!("{NAMES}{loosen}"));
    let error = sign(&text, "Rosa Rossi", day()).unwrap_err();
    assert!(error.code() == "policy.overlay" && error.to_string().contains("2026-11-23"), "{error}");
    // Nor by a hand that signs without the program.
    let (text, hash) = crate::spec::review::sign_unchecked(&text, "Rosa Rossi", day());
    assert_eq!(codes(&folder(&text, &hash, |spec| spec)), ["policy.overlay"]);
    assert!(sign(&review(&format!("{NAMES}{loosen}")), "Rosa Rossi", day() + chrono::Days::new(1)).is_ok());
}

#[test]
fn a_policy_that_has_come_to_know_better_refuses_an_older_review() {
    // Signed when the policy did not know the word: only the signature is in order.
    let old = NAMES.replace("[\"WINE\", \"sensitive\"]", "[\"WINE\", \"group:bread\"]");
    let text = format!("version = 1\npolicy = \"2020-01-01\"\n{old}");
    let (text, hash) = crate::spec::review::sign_unchecked(&text, "Rosa Rossi", day());
    let error = load(&folder(&text, &hash, |spec| spec).path().join("spec.toml")).unwrap_err();
    assert_eq!(error.code(), "policy.review-outdated");
    for word in ["`wine`", "policy 2020-01-01", "policy 2026-11-22", "alcohol", "make it sensitive"] {
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
    // One that it does not touch stands, and says with which policy it was made.
    let text = format!("version = 1\npolicy = \"2020-01-01\"\n{NAMES}");
    let signed = sign(&text, "Rosa Rossi", day()).unwrap();
    let folder = folder(&signed.text, &signed.hash, |spec| spec);
    let spec = load(&folder.path().join("spec.toml")).unwrap_or_else(|error| panic!("{error}"));
    assert!(spec.policy_advice()[0].contains("policy 2020-01-01"), "{:?}", spec.policy_advice());
}

#[test]
fn a_proposal_knows_the_policy_and_the_spec_and_denies_the_rest() {
    let taxonomy = parse(GOOD).unwrap().taxonomy.unwrap();
    let names = ["APPLES", "BABY CARE", "BABY CARROTS", "BEER", "FUEL", "APPLES CRAB", "NEW THINGS"];
    let names: Vec<String> = names.map(str::to_owned).to_vec();
    let proposals = propose(&names, Some(&taxonomy), &[], &Overlay::default()).unwrap();
    let verdicts: Vec<String> = proposals.iter().map(|one| one.verdict.to_string()).collect();
    assert_eq!(
        verdicts,
        ["group:fresh_fruit", "sensitive", "sensitive", "sensitive", "excluded", "denied", "denied"],
        "BABY CARROTS are listed by the spec's own BABY*"
    );
    assert_eq!(proposals[1].because, "infant by `baby`");
    assert_eq!(proposals[5].because, "not classified: denied; like those of group:fresh_fruit");
    let text = to_toml(&proposals, &[], &Overlay::default());
    assert!(text.contains("[\"NEW THINGS\", \"denied\"],  # not classified: denied"), "{text}");
    assert_eq!(sign(&text, "Rosa Rossi", day()).unwrap().names, 7, "what is proposed can be signed");
    let odd = [Proposal { name: "\"]\n[x".into(), verdict: Verdict::Denied, because: "a\nb".into() }];
    assert_eq!(sign(&to_toml(&odd, &[], &Overlay::default()), "Rosa Rossi", day()).unwrap().names, 1);
}
