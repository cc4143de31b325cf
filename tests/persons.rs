//! Columns that say who people are: refused for nothing where names tell, after a paid measurement where values do.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::format_collect,
    reason = "a test fails by panicking, says plainly what it skips, and its texts are short"
)]

mod common;

use std::fs;

use common::{CANARY, Case};

const CUSTOMERS: usize = 400;

/// Each customer's id as `id` makes it of the old one.
fn with_ids(case: &Case, id: impl Fn(&str) -> String) {
    case.change_lines("transactions.csv", |_, line| {
        let (customer, rest) = line.split_once(',').unwrap();
        format!("{},{rest}", id(customer))
    });
}

#[test]
fn ids_that_are_contacts_or_accounts_are_refused_after_a_measurement() {
    let makers: [fn(&str) -> String; 4] = [
        |id| format!("{id}@example.org"),
        |id| format!("+39 333 {:07}", id.bytes().fold(0_u32, |n, b| (n * 31 + u32::from(b)) % 10_000_000)),
        |id| {
            let n = id.bytes().fold(0_u16, |n, b| n.wrapping_mul(31).wrapping_add(b.into()));
            format!("00:1A:2B:3C:{:02X}:{:02X}", n >> 8, n & 255)
        },
        |id| {
            format!(
                "Ada Love{}",
                id.bytes().filter(u8::is_ascii_digit).map(|b| (b - b'0' + b'a') as char).collect::<String>()
            )
        },
    ];
    for make in makers {
        let case = Case::corner_shop(CUSTOMERS);
        with_ids(&case, make);
        case.refuses_and_spends(
            12,
            "policy.unit-shape",
            &["transactions.csv", "`customer`", "card number", "is spent"],
        );
    }
}

#[test]
fn a_few_such_ids_stop_nothing_and_no_one_of_them_is_told() {
    let case = Case::corner_shop(CUSTOMERS);
    with_ids(&case, |id| if id.ends_with("c7") { format!("{id}@example.org") } else { id.to_owned() });
    let release = case.survives();
    let rules: Vec<&str> = release["quality"].as_array().unwrap().iter().map(|q| q["rule"].as_str().unwrap()).collect();
    assert!(rules.contains(&"unit.personal") && rules.contains(&"category.free-text"), "{rules:?}");
}

#[test]
fn categories_of_purchases_that_are_sentences_are_refused_after_a_measurement() {
    let case = Case::corner_shop(CUSTOMERS);
    // The category in the purchases themselves.
    let header = "customer,day,basket,kind,amount\n";
    let text: String = (0..CUSTOMERS * 4)
        .map(|n| {
            let said = if n % 4 == 0 {
                "please leave the rolls with the neighbour on the second floor who is at home from nine to noon"
            } else {
                "rolls"
            };
            format!("{CANARY}c{},2026-01-{:02},{CANARY}b{n},{said},10.00\n", n / 4, 1 + n % 28)
        })
        .collect();
    case.write("transactions.csv", &format!("{header}{text}"));
    let spec = fs::read_to_string(case.spec_path()).unwrap();
    let start = spec.find("[sources.products]").unwrap();
    let end = spec.find("[sources.opt_outs]").unwrap();
    let spec = format!("{}{}", &spec[..start], &spec[end..]).replace("product = \"sku\"", "category = \"kind\"");
    let promotions = spec.find("[promotions]").map_or(spec.len(), |at| at);
    case.spec(&spec[..promotions]);
    case.refuses_and_spends(12, "policy.category-shape", &["transactions.csv", "`kind`", "free text", "is spent"]);
}

#[test]
fn a_catalogue_of_contacts_is_refused_for_nothing_and_without_a_value() {
    let case = Case::corner_shop(CUSTOMERS);
    case.change_lines("products.csv", |n, line| format!("{},{CANARY}{n}@example.org", line.split_once(',').unwrap().0));
    case.refuses(12, "policy.column-shape", &["products.csv", "`category`", "an e-mail address"]);
    let said = case.say("check", &[]);
    assert_eq!(said.status, Some(12));
    case.keeps_secrets(&said);
    let case = Case::corner_shop(CUSTOMERS);
    case.change_lines("promotions.csv", |n, line| {
        let cells: Vec<&str> = line.split(',').collect();
        format!("{},+39 333 12345{n:02},{}", cells[0], cells[2])
    });
    case.refuses(12, "policy.column-shape", &["promotions.csv", "`title`", "a phone number"]);
}

#[test]
fn names_and_origins_are_refused_before_anything_is_read() {
    let case = Case::corner_shop(CUSTOMERS);
    case.edit("unit = \"customer\"\ndate", "unit = \"customer_email\"\ndate");
    case.refuses(12, "policy.unit", &["customer_email", "an e-mail address", "card number"]);
    let case = Case::corner_shop(CUSTOMERS);
    case.edit("amount = \"amount\"", "amount = \"amount\"\norigin = \"third_party\"");
    case.refuses(12, "policy.origin", &["third_party", "did not give"]);
    let case = Case::corner_shop(CUSTOMERS);
    case.edit("amount = \"amount\"", "amount = \"amount\"\ncolumn_origins = { basket = \"social\" }");
    case.refuses(12, "policy.origin", &["social"]);
}

#[test]
fn check_and_init_say_which_columns_are_refused() {
    let case = Case::corner_shop(CUSTOMERS);
    let text = fs::read_to_string(case.file("transactions.csv")).unwrap();
    let mut lines = text.lines();
    let header = lines.next().unwrap();
    let wider: String = lines.map(|line| format!("{line},{CANARY}a,{CANARY}b\n")).collect();
    case.write("transactions.csv", &format!("{header},Telefonnummer,codice_fiscale\n{wider}"));
    let said = case.say("check", &[]).ok();
    assert!(said.stdout.contains("no run reads the column `Telefonnummer`, which names a phone number"), "{said:?}");
    case.keeps_secrets(&said);
    let said = case.call(&["init", case.file("transactions.csv").to_str().unwrap()]).ok();
    assert!(
        said.stdout
            .contains("Refused by policy, best left out of the file: Telefonnummer (a phone number), codice_fiscale")
    );
    // They are there and nothing reads them: the run goes on.
    case.survives();
}
