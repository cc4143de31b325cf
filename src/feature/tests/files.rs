//! Catalogue, opt-outs and checks, from files.

use polars::prelude::*;

use super::accounts_of_files;
use crate::contract::RULES;
use crate::contract::rules::UNKNOWN;
use crate::feature::{bounded, check};
use crate::testing::{spec, through_products, with_opt_outs};

/// A folder with `transactions.csv`, `products.csv` and `opted_out.csv`.
fn folder(transactions: &str, products: &str, opted_out: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("transactions.csv", transactions), ("products.csv", products), ("opted_out.csv", opted_out)] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const SALES: &str = "customer,date,basket,sku,amount,discount\n\
    0042,2020-01-05,b1,1,1.00,0\n\
    43,2020-01-05,b2,1.0,2.00,0\n\
    44,2020-01-05,b3,3,4.00,0\n\
    44,2020-01-05,b3,4,8.00,0\n\
    45,2020-01-05,b3,5,16.00,0\n\
    46,2020-01-05,b3,6,16.00,0\n";
const PRODUCTS: &str = "sku,kind\n1,apple\n3,bread\n4,wine\n5,\n6,bread\n6,WINE\n7,fuel\n8,apple\n8,bread\n";

#[test]
fn products_give_lines_their_categories_and_a_doubt_is_settled_for_the_customer() {
    let folder = folder(SALES, PRODUCTS, "customer\n9\n");
    let spec = through_products(spec());
    let all = accounts_of_files(&spec, folder.path()).unwrap();
    let groups: Vec<_> = all.iter().map(|(id, a)| (id.as_str(), a.group_cents.clone(), a.flags as u8)).collect();
    assert_eq!(
        groups,
        [("42", vec![100, 0], 0), ("43", vec![200, 0], 0), ("44", vec![0, 400], 0), ("45", vec![0, 0], UNKNOWN),]
    );
    let report = check(&spec, folder.path()).unwrap();
    assert_eq!(report.groups.iter().map(|group| group.products).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((report.unknown_products, report.barred_products), (1, 3));
    assert_eq!(report.files.iter().map(|file| file.role).collect::<Vec<_>>(), ["transactions", "products"]);
    let features = bounded(&spec, folder.path(), &|_| {}).unwrap();
    assert_eq!((features.groups(), features.flags()), (2, RULES.len()));
}

#[test]
fn who_opted_out_is_in_no_aggregate_whatever_the_ids_look_like() {
    let spec = with_opt_outs(through_products(spec()));
    for list in ["customer\n42\n44.0\n,\n", "x,customer\n1,00042\n1, 44 \n"] {
        let folder = folder(SALES, PRODUCTS, list);
        let all = accounts_of_files(&spec, folder.path()).unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["43", "45"]);
    }
}

#[test]
fn opt_outs_are_found_across_number_and_text_columns() {
    use crate::spec::Format;
    let folder = folder(SALES, PRODUCTS, "customer\n43\n");
    let customers = [
        Column::new("customer".into(), [42_i64, 44]),
        Column::new("customer".into(), [Some(42.0), Some(44.0)]),
        Column::new("customer".into(), [Some(42.0), None, Some(44.0)]),
        Column::new("customer".into(), [Some("42"), None, Some("0044")]),
    ];
    for customer in customers {
        let mut frame = DataFrame::new_infer_height(vec![customer]).unwrap();
        let path = folder.path().join("list.parquet");
        ParquetWriter::new(std::fs::File::create(&path).unwrap()).finish(&mut frame).unwrap();
        let mut spec = with_opt_outs(through_products(spec()));
        let list = spec.sources.opt_outs.as_mut().unwrap();
        list.file = crate::testing::file(path, Format::Parquet);
        assert_eq!(accounts_of_files(&spec, folder.path()).unwrap().keys().collect::<Vec<_>>(), ["43", "45"]);
    }
}

#[test]
fn an_opt_out_takes_away_one_unit_and_never_two() {
    let line = |id: &str| format!("{id},2020-01-05,b1,1,1.00,0\n");
    let header = "customer,date,basket,sku,amount,discount\n".to_owned();
    let sales = header + &["7", "07", "007", "0070", "7.0", "70", "A7", "A07", "Ada", "ada"].map(line).concat();
    let spec = with_opt_outs(through_products(spec()));
    let left = |opted_out: &str| {
        let folder = folder(&sales, PRODUCTS, &format!("customer\n{opted_out}\n"));
        accounts_of_files(&spec, folder.path()).unwrap().into_keys().collect::<Vec<_>>()
    };
    assert_eq!(left("nobody"), ["7", "70", "A07", "A7", "Ada", "ada"]);
    for id in ["7", "0007", "7.00"] {
        assert_eq!(left(id), ["70", "A07", "A7", "Ada", "ada"], "{id}");
    }
    assert_eq!(left("A7"), ["7", "70", "A07", "Ada", "ada"]);
    assert_eq!(left("ada"), ["7", "70", "A07", "A7", "Ada"]);
}

#[test]
fn a_category_that_the_catalogue_does_not_hold_is_an_error_with_a_suggestion() {
    let folder = folder(SALES, PRODUCTS, "customer\n9\n");
    let mut spec = through_products(spec());
    spec.taxonomy.as_mut().unwrap().groups[0].categories.push("aple".to_owned());
    for error in [check(&spec, folder.path()).unwrap_err(), bounded(&spec, folder.path(), &|_| {}).err().unwrap()] {
        assert_eq!(error.code(), "spec.unknown-category");
        assert!(error.to_string().contains("did you mean `apple`?"), "{error}");
    }
    spec.taxonomy.as_mut().unwrap().groups[0].categories[2] = "aple*".to_owned();
    assert!(check(&spec, folder.path()).is_ok(), "a pattern may match nothing");
}

#[test]
fn a_taxonomy_needs_a_way_to_categories() {
    let folder = folder(SALES, PRODUCTS, "customer\n9\n");
    let mut spec = through_products(spec());
    spec.sources.products = None;
    assert_eq!(check(&spec, folder.path()).unwrap_err().code(), "spec.no-category");
}
