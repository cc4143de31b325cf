//! What people keep to themselves: that the policy knows it by its name, and that nothing of it comes out of a run.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips and what it measured"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::{CANARY, Case, Said, data_dir, tactful};
use polars::prelude::{ParquetReader, SerReader};
use sha2::{Digest, Sha256};
use tactful::spec::sensitive::{Overlay, Policy};

/// Name → groups; no group for what was judged not sensitive.
type Key = BTreeMap<String, BTreeSet<String>>;

/// The sections of a key file under `tests/sensitive`.
fn key(file: &str) -> BTreeMap<String, Key> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sensitive").join(file);
    let mut sections: BTreeMap<String, Key> = BTreeMap::new();
    let mut section = String::new();
    for line in fs::read_to_string(path).unwrap().lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut section);
            continue;
        }
        let mut cells = line.split(" | ");
        let (name, groups) = (cells.next().unwrap(), cells.next().unwrap());
        let groups = groups.split(',').map(|group| group.trim().to_owned()).filter(|group| group != "no");
        let known = Policy::base().groups();
        let groups: BTreeSet<String> = groups.collect();
        assert!(groups.iter().all(|group| known.iter().any(|known| known.id == *group)), "{line}");
        let before = sections.entry(section.clone()).or_default().insert(name.to_owned(), groups);
        assert!(before.is_none(), "judged twice: {line}");
    }
    sections
}

/// Right, wrong and missing, over all names or for one group.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Score {
    right: usize,
    wrong: usize,
    missed: usize,
}

impl Score {
    fn count(&mut self, wanted: bool, told: bool) {
        self.right += usize::from(wanted && told);
        self.wrong += usize::from(!wanted && told);
        self.missed += usize::from(wanted && !told);
    }

    fn precision(self) -> f64 {
        self.right as f64 / (self.right + self.wrong).max(1) as f64
    }

    fn recall(self) -> f64 {
        self.right as f64 / (self.right + self.missed).max(1) as f64
    }
}

/// Judges `names` and compares with the key; prints what docs/sensitive.md repeats.
fn score(title: &str, policy: &Policy, names: &BTreeSet<String>, key: &Key) -> (Score, BTreeMap<String, Score>) {
    let (mut all, mut groups) = (Score::default(), BTreeMap::<String, Score>::new());
    let none = BTreeSet::new();
    for name in key.keys() {
        assert!(names.contains(name), "{title}: the key judges `{name}`, which is not there");
    }
    for name in names {
        let wanted = key.get(name).unwrap_or(&none);
        let told: BTreeSet<String> = policy.judge(name).into_iter().map(|hit| hit.group.id.clone()).collect();
        all.count(!wanted.is_empty(), !told.is_empty());
        for group in wanted.union(&told) {
            groups.entry(group.clone()).or_default().count(wanted.contains(group), told.contains(group));
        }
        if wanted.is_empty() != told.is_empty() {
            eprintln!("{title}: {name}: judged {wanted:?}, told {told:?}");
        }
    }
    eprintln!("{title}: {} names, {all:?}, precision {:.3}, recall {:.3}", names.len(), all.precision(), all.recall());
    for (group, score) in &groups {
        eprintln!("  {group}: {score:?}");
    }
    (all, groups)
}

fn column(file: &Path, name: &str) -> BTreeSet<String> {
    let frame = ParquetReader::new(fs::File::open(file).unwrap()).with_columns(Some(vec![name.to_owned()])).finish();
    let frame = frame.unwrap();
    frame.column(name).unwrap().str().unwrap().iter().flatten().map(str::to_owned).collect()
}

/// `ID` and path of each category of the Google product taxonomy.
fn google(data: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(data.join("taxonomies/google/taxonomy-with-ids.en-US.txt")).unwrap();
    let rows = text.lines().filter_map(|line| line.split_once(" - "));
    rows.map(|(id, path)| (id.to_owned(), path.to_owned())).collect()
}

fn hashed(text: &str) -> Vec<u8> {
    Sha256::digest(text).to_vec()
}

#[test]
fn the_policy_agrees_with_the_key_on_complete_journey() {
    let Some(data) = data_dir() else { return };
    let (products, key) = (data.join("complete_journey/products.parquet"), key("complete_journey.key"));
    for (level, names, number) in
        [("categories", column(&products, "product_category"), 303), ("types", column(&products, "product_type"), 2378)]
    {
        assert_eq!(names.len(), number, "{level}");
        let (all, groups) = score(level, Policy::base(), &names, &key[level]);
        assert!(all.precision() >= 0.99 && all.recall() >= 0.99, "{level}: {all:?}");
        for (group, score) in groups {
            // A group of a few names cannot have one wrong and nine tenths right.
            assert!(
                score.missed <= score.right / 50 && score.wrong <= 1 + score.right / 10,
                "{level}, {group}: {score:?}"
            );
        }
    }
}

#[test]
fn the_policy_knows_names_that_it_was_not_made_on() {
    let Some(data) = data_dir() else { return };
    let key = key("holdout.key");
    let mut groceries = BTreeSet::new();
    for (file, cell) in [("Groceries.labels", 1), ("Groceries.cat1.labels", 1), ("Groceries.cat2.labels", 1)] {
        let text = fs::read_to_string(data.join("groceries").join(file)).unwrap();
        groceries.extend(text.lines().filter_map(|line| Some(line.split('\t').nth(cell)?.trim().to_owned())));
    }
    let mut rows: Vec<(Vec<u8>, String)> = google(&data).into_iter().map(|(id, path)| (hashed(&id), path)).collect();
    rows.sort();
    let leaf = |(_, path): &(Vec<u8>, String)| path.rsplit(" > ").next().unwrap().to_owned();
    let descriptions = column(&data.join("online_retail/online_retail_2010_2011.parquet"), "Description");
    let mut descriptions: Vec<String> = descriptions.iter().map(|text| text.trim().to_owned()).collect();
    descriptions.retain(|text| !text.is_empty() && text.to_uppercase() == *text);
    descriptions.sort_by_key(|text| hashed(text));
    descriptions.dedup();
    for (section, names, floor) in [
        ("groceries", groceries, 0.95),
        ("google", rows[..700].iter().map(leaf).collect(), 0.85),
        ("google_blind", rows[700..1200].iter().map(leaf).collect(), 0.85),
        ("online_retail", descriptions[..400].iter().cloned().collect::<BTreeSet<String>>(), 0.9),
    ] {
        let (all, _) = score(section, Policy::base(), &names, &key[section]);
        assert!(all.precision() >= 0.95 && all.recall() >= floor, "{section}: {all:?}");
    }
}

#[test]
fn a_country_overlay_knows_the_words_of_its_language() {
    let Some(data) = data_dir() else { return };
    let policy = Policy::base().with(&[&Overlay::country("AT").unwrap()]).unwrap();
    let text = fs::read_to_string(data.join("groceries/Groceries.labels")).unwrap();
    let key = &key("holdout.key")["groceries"];
    let (mut german, mut score) = (0, Score::default());
    for line in text.lines() {
        // Code, English, German: the same product.
        let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
        let wanted = key.get(cells[1]).is_some_and(|groups| !groups.is_empty());
        german += 1;
        score.count(wanted, !policy.judge(cells[2]).is_empty());
    }
    eprintln!("German labels: {german}, {score:?}");
    assert!(score.recall() >= 0.9 && score.precision() >= 0.85, "{score:?}");
}

#[test]
fn every_id_of_a_public_taxonomy_is_what_the_policy_says_and_all_below_is_refused() {
    let Some(data) = data_dir() else { return };
    let google = google(&data);
    let policy = Policy::base();
    let mut below = BTreeSet::new();
    for group in policy.groups() {
        for branch in &group.google {
            let (id, path) = branch.split_once(' ').unwrap();
            assert_eq!(google.get(id).map(String::as_str), Some(path), "{}", group.id);
            for inner in google.values().filter(|inner| *inner == path || inner.starts_with(&format!("{path} > "))) {
                assert!(policy.judge(inner).iter().any(|hit| hit.group.id == group.id), "{inner} is not {}", group.id);
                below.insert(inner.clone());
            }
        }
    }
    eprintln!(
        "{} of {} categories of the Google product taxonomy are refused by their branch",
        below.len(),
        google.len()
    );
    assert!(below.len() >= 500, "{}", below.len());
    // Rows of tab-separated text: which column has the id, and which have the path.
    for (file, id_at, path_at, mapped) in [
        (
            "Content_Taxonomy_3.1.tsv",
            0,
            3..7,
            policy.groups().iter().map(|group| &group.iab_content).collect::<Vec<_>>(),
        ),
        ("Ad_Product_Taxonomy_2.0.tsv", 0, 3..6, policy.groups().iter().map(|group| &group.iab_ad_product).collect()),
        ("Audience_Taxonomy_1.1.tsv", 1, 4..10, policy.groups().iter().map(|group| &group.iab_audience).collect()),
    ] {
        let text = fs::read_to_string(data.join("taxonomies/iab").join(file)).unwrap();
        let rows: BTreeMap<String, String> = text
            .lines()
            .map(|line| {
                let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
                let path = path_at.clone().filter_map(|at| cells.get(at).filter(|cell| !cell.is_empty()).copied());
                ((*cells.get(id_at).unwrap_or(&"")).to_owned(), path.collect::<Vec<_>>().join(" > "))
            })
            .collect();
        let mut checked = 0;
        for branch in mapped.into_iter().flatten() {
            let (id, path) = branch.split_once(' ').unwrap();
            assert_eq!(rows.get(id).map(String::as_str), Some(path), "{file}");
            checked += 1;
        }
        assert!(checked >= 10, "{file}: {checked}");
    }
}

/// Stands in the name of a sensitive category and of a promotion for it, and nowhere else.
const PLANTED: &str = "qxjzkv";

/// A corner shop where half of the customers buy what the policy knows as sensitive and the spec does not list.
fn planted() -> Case {
    let case = Case::corner_shop(400);
    let products = fs::read_to_string(case.file("products.csv")).unwrap();
    case.write("products.csv", &format!("{}\n{CANARY}s77,PREGNANCY {PLANTED} 500\n", products.trim_end()));
    // Every other customer, on top of all else; were it not kept out, it would be the strongest taste in the shop.
    let lines = fs::read_to_string(case.file("transactions.csv")).unwrap();
    let more = lines.lines().skip(1).filter_map(|line| {
        let mut cells: Vec<&str> = line.split(',').collect();
        let buyer = cells[0].trim_end().bytes().last().is_some_and(|digit| digit % 2 == 0);
        let sku = format!("{CANARY}s77");
        cells[3] = &sku;
        cells[4] = "90.00";
        buyer.then(|| cells.join(",") + "\n")
    });
    let more: String = more.collect();
    assert!(more.lines().count() > 200);
    case.write("transactions.csv", &format!("{lines}{more}"));
    let promotions = fs::read_to_string(case.file("promotions.csv")).unwrap();
    let row = format!("P-77,Half off {PLANTED},PREGNANCY {PLANTED} 500");
    case.write("promotions.csv", &format!("{}\n{row}\n", promotions.trim_end()));
    // A pattern of a group that covers it, as a careless spec would have it.
    case.edit("categories = [\"rolls\", \"loaves\"]", "categories = [\"rolls\", \"loaves\", \"*500*\"]");
    case
}

/// Everything that a case holds but its sources.
fn outputs(case: &Case, said: &Said) -> Vec<(String, String)> {
    let mut found = vec![("stdout".to_owned(), said.stdout.clone()), ("stderr".to_owned(), said.stderr.clone())];
    let mut folders = vec![case.path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() && path != case.data() {
                folders.push(path);
            } else if path.is_file() {
                let bytes = fs::read(&path).unwrap();
                found.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
    }
    found
}

#[test]
fn a_sensitive_category_that_the_spec_does_not_list_is_found_nowhere_after_a_run() {
    let case = planted();
    let check = case.say("check", &[]).ok();
    let run = case.run().ok();
    let shown = case.call(&["show", case.out().to_str().unwrap()]).ok();
    let mut places = outputs(&case, &run);
    places
        .extend([("show".to_owned(), shown.stdout), ("check".to_owned(), format!("{}{}", check.stdout, check.stderr))]);
    assert!(places.len() > 8, "{}", places.len());
    for (place, text) in places {
        let text = text.to_lowercase();
        for word in [PLANTED, "pregnan"] {
            assert!(!text.contains(word), "`{word}` is in {place}");
        }
    }
    let release = common::release_in(&case.out());
    let bread = &release["groups"].as_array().unwrap()[0]["incidence"]["estimate"];
    let share = bread.as_f64().unwrap();
    assert!((0.3..0.7).contains(&share), "half of the customers buy bread, whatever else they buy: {share}");
    let unmatched = release["unmatched_promotions"].to_string();
    assert!(unmatched.contains("P-77") && unmatched.contains("sensitive"), "{unmatched}");
}

#[test]
fn a_sensitive_category_in_a_group_is_refused_before_anything_is_read() {
    let case = planted();
    case.edit("\"*500*\"", "\"cigarettes\"");
    case.refuses(
        12,
        "policy.sensitive",
        &["taxonomy.groups[0].categories[2]", "`cigarettes`", "tobacco", "taxonomy.sensitive"],
    );
}

#[test]
fn an_officer_reviews_signs_and_is_kept_to_it() {
    let case = planted();
    let (spec, review) = (case.spec_path(), case.file("review.toml"));
    let (spec, review) = (spec.to_str().unwrap(), review.to_str().unwrap());
    let said = case.call(&["--format", "json", "taxonomy", "review", spec, "--out", review]).ok().json();
    let verdict = |name: &str| {
        let rows = said["names"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).map(|row| row["verdict"].as_str().unwrap().to_owned())
    };
    assert_eq!(verdict(&format!("PREGNANCY {PLANTED} 500")).as_deref(), Some("sensitive"));
    assert_eq!(verdict("rolls").as_deref(), Some("group:bread"));
    assert_eq!(verdict("gin").as_deref(), Some("sensitive"));
    assert_eq!(verdict("deposits").as_deref(), Some("excluded"));
    assert_eq!(case.call(&["taxonomy", "review", spec, "--out", review]).status, Some(73), "it is not written over");

    let signed = case.call(&["taxonomy", "sign", review, "--officer", "Rosa Rossi"]).ok();
    let hash = signed.stdout.lines().find_map(|line| line.trim().strip_prefix("hash = \"")?.strip_suffix('"')).unwrap();
    assert!(signed.stdout.contains("does not prove who"), "{}", signed.stdout);
    case.edit(
        "excluded = [\"deposits\"]",
        &format!("excluded = [\"deposits\"]\nreview = {{ file = \"review.toml\", hash = \"{hash}\" }}"),
    );
    case.say("check", &[]).ok();
    case.run().ok();
    fs::remove_dir_all(case.out()).unwrap();

    // A second hand moves a category after the signature.
    let text = fs::read_to_string(review).unwrap();
    fs::write(review, text.replace("[\"cod\", \"group:fish\"]", "[\"cod\", \"denied\"]")).unwrap();
    case.refuses(12, "policy.review-changed", &["Rosa Rossi", "signed again"]);
    fs::write(review, text).unwrap();
    case.edit("\"cod\"", "\"hake\"");
    case.refuses(12, "policy.review-lacks", &["`hake`", "nobody classified"]);
    case.edit("\"hake\"", "\"rolls \"").edit("\"rolls\", ", "");
    case.refuses(12, "policy.review-contradicts", &["group:bread", "review and sign again"]);
}

#[test]
fn a_review_reads_names_and_never_a_purchase() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("names.csv"), "name,note\nBEERS/ALES,x\nBREAD,y\nBREAD,z\n,\n").unwrap();
    let say =
        |args: &[&str]| Said::of(&tactful(folder.path()).args(["--quiet", "taxonomy"]).args(args).output().unwrap());
    let text = say(&["review", "names.csv"]).ok().stdout;
    assert!(text.contains("[\"BEERS/ALES\", \"sensitive\"],  # alcohol by `beer`"), "{text}");
    assert_eq!(text.matches("\"BREAD\"").count(), 1, "{text}");
    assert!(text.contains("[\"BREAD\", \"denied\"]"), "nobody classified it: {text}");
    let shop = "[[loosen]]\ngroup = \"alcohol\"\nwords = [\"beer\", \"ale\"]\nreason = \"a brewery's own shop\"\nofficer = \"Rosa Rossi\"\ndate = \"2026-11-22\"\n";
    fs::write(folder.path().join("shop.toml"), shop).unwrap();
    let text = say(&["review", "names.csv", "--overlay", "shop.toml", "--country", "GB"]).ok().stdout;
    assert!(text.contains("Rosa Rossi") && text.contains("countries = [\"GB\"]"), "{text}");
    assert!(text.contains("[\"BEERS/ALES\", \"denied\"]"), "loosened, and still nobody's: {text}");
    fs::write(folder.path().join("review.toml"), text).unwrap();
    say(&["sign", "review.toml", "--officer", "Rosa Rossi"]).ok();
    fs::write(folder.path().join("shop.toml"), shop.replace("alcohol", "health")).unwrap();
    let refused = say(&["review", "names.csv", "--overlay", "shop.toml"]);
    assert_eq!(refused.status, Some(12), "{refused:#?}");
    assert!(
        refused.stderr.contains("cannot be loosened") && refused.stderr.contains("policy.overlay"),
        "{}",
        refused.stderr
    );

    // A list without a name is no list: an officer would sign for nothing.
    for (text, code) in [("name\rBEERS/ALES\rBREAD\r", "data.line-ends"), ("name,note\n,x\n,y\n", "data.empty-file")] {
        fs::write(folder.path().join("empty.csv"), text).unwrap();
        let refused = say(&["review", "empty.csv", "--out", "none.toml"]);
        assert_eq!(refused.status, Some(15), "{refused:#?}");
        assert!(refused.stderr.contains(code) && refused.stderr.contains("empty.csv"), "{refused:#?}");
        assert!(!folder.path().join("none.toml").exists());
    }

    // A shop whose purchases carry the categories: they stay unread.
    let case = Case::corner_shop(8);
    case.edit("product = \"sku\"\namount", "category = \"sku\"\namount");
    case.edit("[sources.products]\nfile = \"products.csv\"\nproduct = \"sku\"\ncategory = \"category\"\n\n", "");
    let said = case.call(&["taxonomy", "review", case.spec_path().to_str().unwrap()]).ok();
    for name in ["rolls", "loaves", "cod", "herring", "gin", "deposits"] {
        assert!(said.stdout.contains(&format!("[\"{name}\", ")), "{name}: {}", said.stdout);
    }
}

#[test]
fn an_overlay_that_cannot_be_used_is_told_by_its_own_file_with_the_whole_remedy() {
    let case = Case::corner_shop(8);
    let spec = case.spec_path();
    let overlay = case.path().join("ov.toml");
    let say = |text: &str| {
        fs::write(&overlay, text).unwrap();
        case.call(&["taxonomy", "review", spec.to_str().unwrap(), "--overlay", overlay.to_str().unwrap()])
    };
    let loosen = |group: &str, reason: &str, day: chrono::NaiveDate| {
        format!(
            "[[loosen]]\ngroup = \"{group}\"\nwords = [\"wine\"]\nreason = \"{reason}\"\nofficer = \"Rosa Rossi\"\ndate = \"{day}\"\n"
        )
    };
    let today = chrono::Utc::now().date_naive();
    let reason = "a wine merchant sells nothing else";
    say(&loosen("alcohol", reason, today)).ok();
    let long = "x".repeat(200);
    for (text, remedy) in [
        (loosen("alcohol", "because", today), "the name of the officer who answers for it"),
        (loosen("health", reason, today), "(GDPR Art. 9), or lets one be inferred"),
        (loosen(&long, reason, today), "there is no sensitive group `xxx"),
        (loosen("alcohol", reason, today + chrono::Days::new(4000)), "write the day on which the officer decided it"),
        (
            "[[add]]\ngroup = \"health\"\nwords = [\"*x\"]\nwhy = \"\"\n".to_owned(),
            "a star at a word's end, or `..` between words",
        ),
        ("[[ad]]\n".to_owned(), "this is no overlay"),
    ] {
        let said = say(&text);
        assert_eq!(said.status, Some(12), "{said:#?}");
        assert!(said.stderr.contains("ov.toml: ") && !said.stderr.contains("spec.toml"), "{}", said.stderr);
        assert!(said.stderr.contains(remedy) && said.stderr.contains("see docs/sensitive.md"), "{}", said.stderr);
        assert!(!said.stderr.contains(&long), "what a person wrote is cut: {}", said.stderr);
    }
}
