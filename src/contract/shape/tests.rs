use super::*;
use proptest::prelude::*;

/// Made up; the numbers are those that documentation prints as examples.
const PEOPLE: &[(&str, &str)] = &[
    ("ada@example.org", "an e-mail address"),
    ("a.b+c@mail.example.co.uk", "an e-mail address"),
    ("+39 333 123 4567", "a phone number"),
    ("+441632960001", "a phone number"),
    ("0171-5550123", "a phone number"),
    ("(030) 555 0123", "a phone number"),
    ("01 99 00 12 34", "a phone number"),
    ("(555) 010-1234", "a phone number"),
    ("555-010-1234", "a phone number"),
    ("DE89370400440532013000", "a bank account"),
    ("GB82 WEST 1234 5698 7654 32", "a bank account"),
    ("IT60X0542811101000000123456", "a bank account"),
    ("FR1420041010050500013M02606", "a bank account"),
    ("4111111111111111", "a payment card"),
    ("5500 0000 0000 0004", "a payment card"),
    ("378282246310005", "a payment card"),
    ("490154203237518", ""),
    ("356938035643809", "a device"),
    ("00:1A:2b:3C:4d:5E", "the address of a device"),
    ("00-1A-2B-3C-4D-5E", "the address of a device"),
    ("192.0.2.17", "the address of a device"),
    ("2001:db8::1", "the address of a device"),
    ("078-05-1120", "an official number of a person"),
    ("RSSMRA85T10A562S", "an official number of a person"),
    ("255081416802538", "an official number of a person"),
    ("1984-05-12", "a date"),
    ("12.05.1984", "a date"),
    ("5/12/1984", "a date"),
    ("Ada Lovelace", "a name"),
    ("ROSSI, Anna Maria", "a name"),
    ("Jean-Luc d'Arc", ""),
];

/// What tills call their customers.
const IDS: &[&str] = &[
    "1",
    "17850",
    "00042",
    "C-1001",
    "cust_4711",
    "A1B2C3",
    "4000000000000000",
    "9781234567897",
    "2012345678903",
    "634004025123456789",
    "550e8400-e29b-41d4-a716-446655440000",
    "550E8400-E29B-41D4-A716-446655440000",
    "d41d8cd98f00b204e9800998ecf8427e",
    "393331234567",
    "0171555012",
    "12-3456-789",
    "2024-000123",
    "K 1001",
    "HH 17",
    "1.2.3.4.5",
    "20240105",
    "household 12",
    "A",
    "X Y",
    "S1",
    "loyalty:00912",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "user@",
    "@shop",
    "a@b",
    "",
    "  ",
    "12345678-9",
    "ANNA",
    "e5",
    "4111111111111112",
];

#[test]
fn an_id_that_says_who_somebody_is_is_known_by_its_shape() {
    for &(id, says) in PEOPLE {
        assert_eq!(of_unit(id), (!says.is_empty()).then_some(says), "{id}");
        assert_eq!(of_unit(&format!("  {id} ")), of_unit(id), "{id}");
    }
}

#[test]
fn an_id_of_the_till_is_let_through() {
    for id in IDS {
        assert_eq!(of_unit(id), None, "{id}");
    }
    for id in [0, -1, 42, i64::MIN, i64::MAX, 393_331_234_567, 4_000_000_000_000_000] {
        assert_eq!(of_number(id), None, "{id}");
    }
    assert_eq!(of_number(4_111_111_111_111_111), Some("a payment card"));
    assert_eq!(of_number(356_938_035_643_809), Some("a device"));
}

#[test]
fn one_number_in_ten_at_most_looks_like_a_card_by_chance() {
    let cards = (0..10_000_i64).filter(|i| of_number(4_000_000_000_000_000 + i * 7919).is_some()).count();
    assert!((900..=1_100).contains(&cards), "{cards}");
    let handsets = (0..10_000_i64).filter(|i| of_number(350_000_000_000_000 + i * 7919).is_some()).count();
    assert!((900..=1_100).contains(&handsets), "{handsets}");
}

#[test]
fn a_sentence_is_no_category_and_a_path_is_one() {
    for text in [
        "please leave it with the neighbour on the second floor, she is at home from nine until noon every day",
        "call ada@example.org first",
        "+39 333 123 4567",
        &"x".repeat(101),
    ] {
        assert!(is_free_text(text), "{text}");
    }
    for text in [
        "",
        "FRUIT",
        "SET OF 3 CAKE TINS PANTRY DESIGN ",
        "Food, Beverages & Tobacco > Food Items > Condiments & Sauces > Olives, Capers and other things that are pickled",
        "Home/Garden/Tools with a rather long name of their own",
    ] {
        assert!(!is_free_text(text), "{text}");
    }
}

#[test]
fn no_name_of_a_public_taxonomy_is_free_text() {
    let data = std::env::var_os("TACTFUL_DATA").map_or_else(|| "../shared/data".into(), std::path::PathBuf::from);
    let mut files = Vec::new();
    for folder in ["google", "iab"] {
        let entries = std::fs::read_dir(data.join("taxonomies").join(folder));
        files.extend(entries.into_iter().flatten().flatten().map(|entry| entry.path()));
    }
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "txt" || end == "tsv")) {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        // IAB's audience taxonomy ends its lines with notes.
        let names = text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split('\t').take(2));
        let (all, free) = names.fold((0, 0), |(all, free), name| (all + 1, free + usize::from(is_free_text(name))));
        assert!(free * 1000 <= all, "{}: {free} of {all}", file.display());
    }
}

#[test]
fn a_public_column_of_contacts_is_refused_without_a_value() {
    let fruit = ["apples", "pears", ""].iter().copied().cycle().take(90);
    assert_eq!(is_reference("f", "c", true, fruit.clone()), Ok(()));
    assert_eq!(is_reference("f", "c", true, std::iter::empty()), Ok(()));
    let mixed = fruit.chain(["ada@example.org"; 20]);
    let error = is_reference("f.csv", "category", false, mixed).unwrap_err();
    assert_eq!(error.code(), "policy.column-shape");
    assert!(error.to_string().contains("`category`") && !error.to_string().contains("ada"));
}

proptest! {
    #[test]
    fn no_text_makes_a_shape_panic(text in any::<String>(), digits in "[0-9A-Za-z+@. /:()-]{0,40}", id in any::<i64>()) {
        for text in [text, digits] {
            let _ = (of_unit(&text), is_free_text(&text));
        }
        let _ = of_number(id);
    }
}
