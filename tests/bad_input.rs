//! Bad input: each kind gets one clear line, a stable code and status, no value of a cell, no partial release,
//! and spends nothing unless private data had been aggregated.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{CANARY, CANARY_NUMBER, Case, Said, as_somebody, data_dir, line, mode, open_to_all};
use polars::prelude::{Column, DataFrame, ParquetWriter};
use rustix::process::{Pid, Signal, kill_process};

const CUSTOMERS: usize = 400;

fn shop() -> Case {
    Case::corner_shop(CUSTOMERS)
}

// Files.

#[test]
fn a_sound_shop_is_released() {
    let case = shop();
    let release = case.survives();
    let size = release["population_size"]["estimate"].as_f64().unwrap();
    assert!((size - 400.0).abs() < 60.0, "{size}");
    assert_eq!(case.in_releases(), ["out"]);
    assert_eq!(case.reservations(), 1);
}

#[test]
fn a_missing_file_is_named() {
    for file in ["transactions.csv", "products.csv", "opt_outs.csv", "promotions.csv"] {
        let case = shop();
        fs::remove_file(case.file(file)).unwrap();
        case.refuses(15, "data.missing-file", &[file, "no such file", "--data"]);
    }
}

#[test]
fn a_missing_spec_is_named() {
    let case = shop();
    fs::remove_file(case.spec_path()).unwrap();
    case.refuses(3, "spec.file-missing", &["spec.toml", "tactful init"]);
}

#[test]
fn a_directory_is_no_file() {
    let case = shop();
    fs::remove_file(case.file("transactions.csv")).unwrap();
    fs::create_dir(case.file("transactions.csv")).unwrap();
    case.refuses(15, "data.is-directory", &["transactions.csv", "name one file"]);
}

#[test]
fn an_empty_file_is_refused() {
    for file in ["transactions.csv", "products.csv", "opt_outs.csv", "promotions.csv"] {
        let case = shop();
        case.write(file, "");
        case.refuses(15, "data.empty-file", &[file, "nothing", "export it again"]);
    }
}

#[test]
fn a_header_alone_is_no_table() {
    let case = shop();
    case.write("transactions.csv", "customer,day,basket,sku,amount\n");
    case.refuses(15, "data.empty-file", &["transactions.csv", "a header and no row"]);
}

#[test]
fn a_git_lfs_pointer_is_not_the_data() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 7391739\n";
    let case = shop();
    case.write("transactions.csv", pointer);
    case.refuses(15, "data.lfs-pointer", &["transactions.csv", "git lfs pull"]);
    let case = shop();
    case.edit("\"transactions.csv\"", "\"transactions.parquet\"");
    case.write("transactions.parquet", pointer);
    case.refuses(15, "data.lfs-pointer", &["transactions.parquet", "git lfs pull"]);
}

#[test]
fn a_real_git_lfs_pointer_is_not_the_data() {
    let Some(data) = data_dir() else { return };
    let case = shop();
    fs::copy(data.join("bad_inputs/git_lfs_pointer_orders.csv"), case.file("orders.csv")).unwrap();
    case.edit("\"transactions.csv\"", "\"orders.csv\"");
    case.refuses(15, "data.lfs-pointer", &["orders.csv", "git lfs pull"]);
}

/// Writes `transactions.parquet` with text in all columns but the amounts, and points the spec to it.
fn parquet(case: &Case, amounts: Column, customers: usize) {
    case.edit("\"transactions.csv\"", "\"transactions.parquet\"");
    let lines = amounts.len();
    let text =
        |name: &str, cell: &dyn Fn(usize) -> String| Column::new(name.into(), (0..lines).map(cell).collect::<Vec<_>>());
    let mut table = DataFrame::new_infer_height(vec![
        text("customer", &|n| format!("{CANARY}c{}", n % customers)),
        text("day", &|n| format!("2026-01-{:02}", 1 + n % 28)),
        text("basket", &|n| format!("{CANARY}b{n}")),
        text("sku", &|n| format!("{CANARY}s{}", 1 + 2 * (n % 2))),
        amounts,
    ])
    .unwrap();
    let file = fs::File::create(case.file("transactions.parquet")).unwrap();
    ParquetWriter::new(file).finish(&mut table).unwrap();
}

fn amounts(cells: Vec<&str>) -> Column {
    Column::new("amount".into(), cells)
}

#[test]
fn half_a_parquet_file_is_refused() {
    let case = shop();
    parquet(&case, Column::new("amount".into(), vec![10.0; 1600]), CUSTOMERS);
    let path = case.file("transactions.parquet");
    let whole = fs::read(&path).unwrap();
    for length in [5, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        case.refuses(15, "data.not-parquet", &["transactions.parquet", "export it again"]);
    }
}

#[test]
fn a_damaged_middle_of_a_parquet_file_is_told_without_its_cells_and_spends_nothing() {
    let case = shop();
    parquet(&case, Column::new("amount".into(), vec![10.0; 1600]), CUSTOMERS);
    let path = case.file("transactions.parquet");
    let mut bytes = fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[4..half].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let said = case.run();
    // The ledger is born, because the file had to be read to see it; it holds no loss.
    let born = case.ledger_bytes();
    case.refuses_after(born.as_deref(), &said, 15, "data.unreadable", &["transactions.parquet", "export it again"]);
    assert_eq!(case.reservations(), 0);
}

#[test]
fn a_parquet_footer_that_points_out_of_the_file_is_refused_before_anything_is_read() {
    let case = shop();
    parquet(&case, Column::new("amount".into(), vec![10.0; 1600]), CUSTOMERS);
    let path = case.file("transactions.parquet");
    let whole = fs::read(&path).unwrap();
    // Pages gone, footer whole: its offsets lie behind the end.
    let length = u32::from_le_bytes(whole[whole.len() - 8..][..4].try_into().unwrap()) as usize;
    fs::write(&path, [&whole[..4], &whole[whole.len() - 8 - length..]].concat()).unwrap();
    case.refuses(15, "data.not-parquet", &["transactions.parquet", "export it again"]);
}

#[test]
fn a_header_that_runs_on_into_the_first_row_shows_none_of_it() {
    let case = shop();
    let text = fs::read_to_string(case.file("transactions.csv")).unwrap();
    for end in ["\u{b}", "*", ""] {
        case.write("transactions.csv", &text.replacen('\n', end, 1));
        case.refuses(15, "data.missing-column", &["transactions.csv", "`amount`"]);
    }
}

#[test]
fn a_type_that_cannot_be_an_amount_is_refused() {
    let case = shop();
    parquet(&case, Column::new("amount".into(), vec![true; 1600]), CUSTOMERS);
    case.refuses(15, "data.wrong-type", &["transactions.parquet", "`amount`", "boolean", "must be a number"]);
}

#[test]
fn text_amounts_of_a_parquet_file_are_read_as_in_csv_and_refused_when_they_are_no_numbers() {
    let case = shop();
    parquet(&case, amounts(vec!["10.00"; 1600]), CUSTOMERS);
    case.survives();
    let case = shop();
    parquet(&case, amounts(vec!["zq7391 euros"; 1600]), CUSTOMERS);
    case.refuses_and_spends(15, "data.nobody-in-window", &["transactions.parquet"]);
}

#[test]
fn a_file_that_is_not_text_is_refused() {
    let case = shop();
    fs::write(case.file("transactions.csv"), b"customer,day,basket,sku,amount\nzq7391\xff\xfe,,,,\n").unwrap();
    case.refuses(15, "data.not-text", &["transactions.csv", "UTF-8"]);
    fs::write(case.file("transactions.csv"), b"PK\x03\x04zq7391").unwrap();
    case.refuses(15, "data.not-text", &["transactions.csv", "CSV"]);
    // Sound UTF-8, and no text: the remedy is another one.
    fs::write(case.file("transactions.csv"), b"customer,day,basket,sku,amount\nzq7391\0,,,,\n").unwrap();
    case.refuses(15, "data.not-text", &["transactions.csv", "NUL byte", "take it out"]);
}

// Columns.

#[test]
fn a_missing_column_is_named_with_the_one_that_was_meant() {
    let case = shop();
    let text = fs::read_to_string(case.file("transactions.csv")).unwrap();
    case.write("transactions.csv", &text.replacen("customer,", "customers,", 1));
    case.refuses(15, "data.missing-column", &["transactions.csv", "`customer`", "did you mean `customers`?"]);
}

#[test]
fn a_file_without_a_header_shows_none_of_its_first_row() {
    let case = shop();
    let text = fs::read_to_string(case.file("transactions.csv")).unwrap();
    case.write("transactions.csv", text.split_once('\n').unwrap().1);
    case.refuses(15, "data.missing-column", &["transactions.csv", "correct the name in the spec"]);
}

#[test]
fn a_column_that_stands_twice_is_refused() {
    let case = shop();
    let text = fs::read_to_string(case.file("transactions.csv")).unwrap();
    case.write("transactions.csv", &text.replacen("basket", "amount", 1));
    case.edit("basket = \"basket\"\n", "");
    case.refuses(15, "data.duplicate-column", &["transactions.csv", "`amount`"]);
}

// Cells: the contract says what happens, and a run goes on unless the feed is broken.

/// Adds lines to the transactions.
fn add(case: &Case, lines: &str) {
    let mut text = fs::read_to_string(case.file("transactions.csv")).unwrap();
    text.push_str(lines);
    case.write("transactions.csv", &text);
}

#[test]
fn rows_of_nobody_are_dropped() {
    let case = shop();
    let nobody = ["", "NaN", "null", "  "];
    let lines: String = (0..4000).map(|n| line(nobody[n % 4], n, n, 1, "10.00")).collect();
    add(&case, &lines);
    let size = case.survives()["population_size"]["estimate"].as_f64().unwrap();
    assert!((size - 400.0).abs() < 60.0, "rows without a customer are nobody's: {size}");
}

#[test]
fn a_few_unparsable_dates_are_dropped() {
    let case = shop();
    case.change_lines("transactions.csv", |n, line| {
        if n % 100 == 0 { line.replacen("2026-01", &format!("{CANARY}-01"), 1) } else { line.to_owned() }
    });
    case.survives();
}

#[test]
fn unparsable_dates_of_most_customers_are_a_broken_feed() {
    let case = shop();
    case.change_lines("transactions.csv", |n, line| {
        if n % 4 == 0 { line.replacen("2026-01", &format!("{CANARY}-01"), 1) } else { line.to_owned() }
    });
    let words = ["transactions.csv", "`date.unparsable`", "contract.refuse_above", "budget of this run is spent"];
    case.refuses_and_spends(15, "data.refused", &words);
}

#[test]
fn unparsable_dates_everywhere_are_refused_after_a_measurement() {
    let case = shop();
    case.change_lines("transactions.csv", |_, line| line.replacen("2026-01", &format!("{CANARY}-01"), 1));
    let words = ["transactions.csv", "`day`", "date_format", "budget of this run is spent"];
    case.refuses_and_spends(15, "data.nobody-in-window", &words);
}

#[test]
fn a_window_without_rows_is_refused_after_a_measurement() {
    let case = shop();
    case.edit("2026-01-01", "2019-01-01").edit("2026-02-01", "2019-02-01");
    let words = ["transactions.csv", "`day`", "2019-01-01", "2019-02-01", "check the window"];
    case.refuses_and_spends(15, "data.nobody-in-window", &words);
}

#[test]
fn negative_amounts_are_dropped_or_netted_as_the_contract_says() {
    for action in ["drop", "net"] {
        let case = shop();
        case.edit("negative_amount = \"drop\"", &format!("negative_amount = \"{action}\""));
        let lines: String =
            (0..40).map(|n| line(&format!("{CANARY}c{n}"), n, n, 1, &format!("-{CANARY_NUMBER}"))).collect();
        add(&case, &lines);
        case.survives();
    }
}

#[test]
fn absurd_amounts_are_clipped_or_dropped_as_the_contract_says() {
    for action in ["clip", "drop"] {
        let case = shop();
        case.edit("absurd_amount = \"clip\"", &format!("absurd_amount = \"{action}\""));
        let absurd = |n| if n % 2 == 0 { format!("{CANARY_NUMBER}7391739") } else { "1e300".to_owned() };
        let lines: String = (0..40).map(|n| line(&format!("{CANARY}c{n}"), n, n, 1, &absurd(n))).collect();
        add(&case, &lines);
        case.survives();
    }
}

#[test]
fn amounts_that_are_no_finite_numbers_are_dropped() {
    let odd = ["NaN", "inf", "-inf", "1e400", "", "10,00", "zq7391", "€10"];
    let case = shop();
    let quoted = |cell: &str| format!("\"{cell}\"");
    let lines: String = (0..40).map(|n| line(&format!("{CANARY}c{n}"), n, n, 1, &quoted(odd[n % 8]))).collect();
    add(&case, &lines);
    case.survives();
    let case = shop();
    let cells = (0..1600_usize).map(|n| match n {
        0..10 => f64::NAN,
        10..20 => f64::INFINITY,
        20..30 => f64::NEG_INFINITY,
        _ => 10.0,
    });
    parquet(&case, Column::new("amount".into(), cells.collect::<Vec<_>>()), CUSTOMERS);
    case.survives();
}

#[test]
fn one_row_with_a_cell_too_many_or_too_few_stops_nothing() {
    let case = shop();
    add(&case, &format!("{CANARY}c1,2026-01-05,{CANARY}b1,{CANARY}s1,10.00,{CANARY}extra\n{CANARY}c2,2026-01-06\n"));
    case.survives();
}

#[test]
fn duplicate_lines_are_kept_or_dropped_as_the_contract_says() {
    let spent = |duplicates: &str| {
        let case = shop();
        case.edit("duplicates = \"keep\"", &format!("duplicates = \"{duplicates}\""));
        case.change_lines("transactions.csv", |_, line| [line; 3].join("\n"));
        let release = case.survives();
        let features = release["features"].as_array().unwrap();
        features.iter().find(|f| f["kind"] == "monetary").unwrap()["centre"].as_f64().unwrap()
    };
    let (kept, dropped) = (spent("keep"), spent("drop"));
    assert!((kept - 120.0).abs() < 15.0, "each line three times: {kept}");
    assert!((dropped - 40.0).abs() < 15.0, "each line once: {dropped}");
}

// The spec.

#[test]
fn a_category_that_no_product_has_is_refused() {
    let case = shop();
    case.edit("\"loaves\"", "\"loavs\"");
    case.refuses(3, "spec.unknown-category", &["products.csv", "`loavs`", "did you mean `loaves`?"]);
    let case = shop();
    case.edit("sensitive = [\"gin\"]", "sensitive = [\"genever\"]");
    case.refuses(3, "spec.unknown-category", &["products.csv", "`genever`"]);
}

#[test]
fn a_k_floor_below_20_is_refused() {
    for floor in ["19", "1", "0", "-1"] {
        let case = shop();
        case.edit("floor = 50", &format!("floor = {floor}"));
        case.refuses(3, "spec.floor-too-low", &["spec.toml", "line ", "segments.floor", "20 or more"]);
    }
}

#[test]
fn an_epsilon_that_protects_nobody_is_refused() {
    for epsilon in ["0", "0.0", "-0.0", "-1.0", "nan", "-nan", "inf", "-inf", "21.0", "1e308"] {
        let case = shop();
        case.edit("[privacy]\nepsilon = 10.0", &format!("[privacy]\nepsilon = {epsilon}"));
        case.refuses(3, "spec.epsilon", &["spec.toml", "privacy.epsilon", "above 0"]);
        let case = shop();
        case.edit("epsilon = 20.0", &format!("epsilon = {epsilon}"));
        case.refuses(3, "spec.epsilon", &["spec.toml", "privacy.year.epsilon", "above 0"]);
    }
}

#[test]
fn a_delta_that_protects_nobody_is_refused() {
    for delta in ["0.0", "-1e-6", "nan", "inf", "0.5", "1.0"] {
        let case = shop();
        case.edit("delta = 1e-6", &format!("delta = {delta}"));
        case.refuses(3, "spec.delta", &["spec.toml", "privacy.delta", "above 0"]);
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    let case = shop();
    case.edit("floor = 50", "flor = 50");
    case.refuses(3, "spec.unknown-key", &["spec.toml", "`flor`", "did you mean `floor`?"]);
}

#[test]
fn a_spec_that_is_no_toml_shows_none_of_its_lines() {
    let case = shop();
    case.spec(&common::corner_lines(3));
    case.refuses(3, "spec.syntax", &["spec.toml", "line 1"]);
}

#[test]
fn every_broken_rule_of_a_spec_gets_its_own_line_and_code() {
    let case = shop();
    case.edit("floor = 50", "floor = 5").edit("[privacy]\nepsilon = 10.0", "[privacy]\nepsilon = 0.0");
    let said = case.run();
    assert_eq!(said.status, Some(3), "{said:#?}");
    let codes: Vec<&str> = said.stderr.lines().map(|line| line.rsplit_once('[').unwrap().1).collect();
    assert_eq!(codes, ["spec.floor-too-low]", "spec.epsilon]"], "{said:#?}");
}

#[test]
fn a_loss_too_small_to_be_divided_is_refused_before_it_is_spent() {
    let case = shop();
    case.edit("[privacy]\nepsilon = 10.0", "[privacy]\nepsilon = 0.0005");
    case.refuses(3, "spec.budget", &["epsilon", "raise it"]);
    assert!(!case.ledger().exists(), "nothing was spent, and no ledger was made");
}

#[test]
fn data_of_others_is_refused_by_policy() {
    for origin in ["third_party", "social_media", "data-broker"] {
        let case = shop();
        case.edit("\"first_party\"", &format!("\"{origin}\""));
        case.refuses(12, "policy.origin", &["spec.toml", "origin", "first_party"]);
    }
}

#[test]
fn a_column_about_the_person_is_refused_by_policy() {
    for column in ["email", "customerEmail", "post_code"] {
        let case = shop();
        case.edit("basket = \"basket\"", &format!("basket = \"{column}\""));
        case.refuses(12, "policy.column", &["spec.toml", column, "leave it out"]);
    }
}

#[test]
fn promotions_for_nothing_that_is_known_are_refused() {
    let case = shop();
    case.write("promotions.csv", "id,title,category\nP1,Chair,chairs\nP2,Table,tables\n");
    case.refuses(15, "data.promotions-unknown-category", &["promotions.csv", "`category`", "extend the taxonomy"]);
}

// The output.

#[test]
fn an_output_that_exists_is_never_replaced() {
    let case = shop();
    let before = case.ledger_bytes();
    for make in [|p: &Path| fs::create_dir(p), |p: &Path| fs::write(p, "mine")] {
        make(&case.out()).unwrap();
        let said = case.run();
        let line = said.stderr.trim_end();
        assert_eq!(said.status, Some(73), "{said:#?}");
        assert!(line.ends_with("[output.exists]") && line.contains("releases/out"), "{line}");
        assert_eq!((case.in_releases(), case.ledger_bytes()), (vec!["out".to_owned()], before.clone()));
        if case.out().is_dir() {
            fs::remove_dir(case.out()).expect("nothing was put in");
        } else {
            assert_eq!(fs::read_to_string(case.out()).unwrap(), "mine");
        }
    }
}

#[test]
fn an_output_without_a_folder_is_refused() {
    let case = shop();
    let said = case.run_to(&case.releases().join("no/where"));
    case.refuses_after(None, &said, 73, "output.no-parent", &["no/where", "create it first"]);
}

#[test]
fn an_output_behind_a_link_is_refused() {
    let case = shop();
    std::os::unix::fs::symlink("/nowhere", case.out()).unwrap();
    let said = case.run();
    fs::remove_file(case.out()).unwrap();
    case.refuses_after(None, &said, 73, "output.link", &["releases/out", "name the folder itself"]);
}

#[test]
fn an_output_that_may_not_be_written_is_refused() {
    let case = shop();
    mode(&case.releases(), 0o555);
    let mut command = case.command("run", &["--out"]);
    command.arg(case.out());
    let Some(said) = as_somebody(&case, command) else { return };
    mode(&case.releases(), 0o755);
    case.refuses_after(None, &said, 73, "output.permission", &["releases/out", "may write to"]);
}

#[test]
fn a_ledger_that_may_not_be_written_is_refused() {
    let case = shop();
    open_to_all(&case.releases());
    fs::create_dir(case.path().join("locked")).unwrap();
    mode(&case.path().join("locked"), 0o555);
    let ledger = case.path().join("locked/shop.ledger");
    let mut command = common::tactful(case.path());
    command.args(["-q", "run"]).arg(case.spec_path()).arg("--ledger").arg(&ledger).arg("--out").arg(case.out());
    let Some(said) = as_somebody(&case, command) else { return };
    case.refuses_after(None, &said, 73, "ledger.read-only", &["locked/shop.ledger", "writable"]);
    assert!(!ledger.exists());
}

#[test]
fn a_file_that_may_not_be_read_is_refused() {
    let case = shop();
    open_to_all(&case.releases());
    mode(&case.file("transactions.csv"), 0o000);
    let mut command = case.command("run", &["--out"]);
    command.arg(case.out());
    let Some(said) = as_somebody(&case, command) else { return };
    case.refuses_after(None, &said, 15, "data.permission", &["transactions.csv", "change its mode"]);
}

/// Runs the case with `disk` on a file system of its own that has `size` bytes and is then filled. `None`,
/// said plainly, where none can be made.
fn on_a_full_disk(case: &Case, disk: &Path, size: &str, ledger: &Path) -> Option<Said> {
    let script = "mount -t tmpfs -o size=$1 none \"$0\" 2>/dev/null || exit 99
        cat /dev/zero > \"$0/fill\" 2>/dev/null
        shift
        exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(disk).arg(size);
    command.arg(env!("CARGO_BIN_EXE_tactful")).args(["--quiet", "run"]).arg(case.spec_path());
    command.arg("--ledger").arg(ledger).arg("--out").arg(case.out());
    match command.output().map(|output| Said::of(&output)) {
        Ok(said) if said.status != Some(99) && !said.stderr.starts_with("unshare:") => Some(said),
        _ => {
            eprintln!("skipped: no disk of one's own can be made here (unshare, mount)");
            None
        }
    }
}

#[test]
fn a_full_disk_is_refused_before_anything_is_spent() {
    let case = shop();
    let Some(said) = on_a_full_disk(&case, &case.releases(), "1m", &case.ledger()) else { return };
    case.refuses_after(None, &said, 73, "output.no-space", &["releases/out", "free at least"]);
}

#[test]
fn a_ledger_on_a_full_disk_is_refused() {
    let case = shop();
    let disk = case.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let Some(said) = on_a_full_disk(&case, &disk, "64k", &disk.join("shop.ledger")) else { return };
    case.refuses_after(None, &said, 73, "ledger.no-space", &["disk/shop.ledger", "free some"]);
}

#[test]
fn a_target_that_another_run_writes_is_busy() {
    let case = shop();
    let lock = fs::File::create(case.releases().join(".out.staging.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let said = case.run();
    assert_eq!(said.status, Some(75), "{said:#?}");
    assert!(said.stderr.trim_end().ends_with("[output.busy]") && said.stderr.contains("releases/out"), "{said:#?}");
    assert!(!case.out().exists() && !case.ledger().exists());
    drop(lock);
    case.survives();
    assert_eq!(case.in_releases(), ["out"], "the next run clears what was left");
}

// The ledger.

#[test]
fn a_year_that_is_spent_refuses_the_next_release() {
    let case = shop();
    case.edit("epsilon = 20.0", "epsilon = 10.0").edit("delta = 1e-4", "delta = 1e-6");
    case.survives();
    let before = case.ledger_bytes();
    let second = case.run_to(&case.releases().join("second"));
    fs::remove_dir_all(case.out()).unwrap();
    case.refuses_after(
        before.as_deref(),
        &second,
        10,
        "ledger.exhausted",
        &["shop.ledger", "does not fit", "next year"],
    );
}

#[test]
fn a_ledger_of_another_population_is_refused() {
    let case = shop();
    case.survives();
    fs::remove_dir_all(case.out()).unwrap();
    case.edit("\"corner-shop\"", "\"other-shop\"");
    case.refuses(12, "ledger.other-population", &["shop.ledger", "corner-shop", "other-shop"]);
}

#[test]
fn a_spec_that_asks_for_a_larger_year_is_refused() {
    let case = shop();
    case.edit("epsilon = 20.0", "epsilon = 15.0").survives();
    fs::remove_dir_all(case.out()).unwrap();
    case.edit("epsilon = 15.0", "epsilon = 20.0");
    case.refuses(12, "ledger.cap-raised", &["shop.ledger", "two approvers"]);
}

#[test]
fn a_file_that_is_no_ledger_is_left_as_it_is() {
    for content in ["", "zq7391 is no ledger", &format!("SQLite format 3\0{}", "zq7391".repeat(400))] {
        let case = shop();
        fs::write(case.ledger(), content).unwrap();
        let said = case.run();
        assert_eq!(said.status, Some(14), "{said:#?}");
        assert_eq!(fs::read(case.ledger()).unwrap(), content.as_bytes());
        assert!(!said.stderr.contains(CANARY) && said.stderr.contains("shop.ledger"), "{said:#?}");
        assert_eq!((said.stderr.lines().count(), case.in_releases()), (1, vec![]));
    }
}

#[test]
fn another_database_is_no_ledger() {
    let case = shop();
    let other = rusqlite::Connection::open(case.ledger()).unwrap();
    other.execute_batch("CREATE TABLE customers(name TEXT); INSERT INTO customers VALUES ('kept');").unwrap();
    drop(other);
    case.refuses(14, "ledger.foreign-file", &["shop.ledger", "left as it is"]);
}

#[test]
fn a_changed_byte_of_the_ledger_is_found() {
    let case = shop();
    case.survives();
    fs::remove_dir_all(case.out()).unwrap();
    let sound = fs::read(case.ledger()).unwrap();
    for word in ["corner-shop", "release of 2 segments", "spec_sha256"] {
        let at = sound.windows(word.len()).position(|w| w == word.as_bytes()).unwrap();
        let mut changed = sound.clone();
        changed[at] ^= 1;
        fs::write(case.ledger(), changed).unwrap();
        case.refuses(14, "ledger.integrity", &["shop.ledger", "breaks the rule", "restore"]);
        let verified = case.call(&["ledger", "verify", case.ledger().to_str().unwrap()]);
        assert_eq!(verified.status, Some(14), "{verified:#?}");
    }
}

#[test]
fn a_ledger_that_another_process_holds_is_busy_and_spends_nothing() {
    let case = shop();
    case.survives();
    fs::remove_dir_all(case.out()).unwrap();
    // Not read while it is held: closing any descriptor of a file lets go of the process's locks on it.
    let before = case.ledger_bytes();
    let held = rusqlite::Connection::open(case.ledger()).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let said = case.run();
    drop(held);
    let words = ["shop.ledger", "nothing was spent", "try again"];
    case.refuses_after(before.as_deref(), &said, 75, "ledger.busy", &words);
    assert_eq!(case.reservations(), 1);
    case.survives();
}

#[test]
fn a_release_of_another_ledger_is_found() {
    let (case, other) = (shop(), shop());
    case.survives();
    other.survives();
    let (ledger, out) = (case.ledger(), other.out());
    let said = case.call(&["ledger", "verify", ledger.to_str().unwrap(), "--releases", out.to_str().unwrap()]);
    assert_eq!(said.status, Some(14), "{said:#?}");
    assert!(said.stderr.trim_end().ends_with("[ledger.unknown-release]"), "{said:#?}");
    let own = case.out();
    case.call(&["ledger", "verify", ledger.to_str().unwrap(), "--releases", own.to_str().unwrap()]).ok();
}

// The floor, the command line, signals.

#[test]
fn nothing_above_the_floor_is_its_own_status() {
    let case = Case::corner_shop(150);
    case.edit("floor = 50", "floor = 200");
    case.refuses_and_spends(11, "floor.nothing-above", &["at least 200", "fewer segments", "is spent"]);
}

#[test]
fn bad_usage_is_its_own_status() {
    let case = shop();
    for args in [&[][..], &["walk"], &["run"], &["run", "spec.toml"], &["plan", "x", "--customers", "0"], &["show"]] {
        let said = case.call(args);
        assert_eq!((said.status, said.stdout.as_str()), (Some(2), ""), "{args:?}: {said:#?}");
    }
    case.edit("expected_customers = 400\n", "");
    let said = case.say("plan", &[]);
    assert_eq!(said.status, Some(2), "{said:#?}");
    assert!(said.stderr.contains("--customers N") && said.stderr.trim_end().ends_with("[usage]"), "{said:#?}");
    assert!(!case.ledger().exists());
}

#[test]
fn a_refusal_is_json_for_programs() {
    let case = shop();
    fs::remove_file(case.file("products.csv")).unwrap();
    let said = case.say("run", &["--format", "json", "--out", "o"]);
    let error = &said.json()["error"];
    assert_eq!(said.status, Some(15));
    assert_eq!((error["code"].as_str(), error["exit"].as_u64()), (Some("data.missing-file"), Some(15)));
    assert!(error["message"].as_str().unwrap().contains("products.csv") && error["retry"] == false);
}

#[test]
fn a_damaged_release_is_not_shown() {
    let case = shop();
    case.survives();
    let path = case.out().join("segments.csv");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen('S', "T", 1)).unwrap();
    let said = case.call(&["show", case.out().to_str().unwrap()]);
    assert_eq!((said.status, said.stdout.as_str()), (Some(15), ""), "{said:#?}");
    assert!(said.stderr.contains("segments.csv") && said.stderr.trim_end().ends_with("[release.altered]"), "{said:#?}");
}

fn start(case: &Case, out: &Path) -> Child {
    let mut command = common::tactful(case.path());
    command.arg("run").arg(case.spec_path()).arg("--ledger").arg(case.ledger()).arg("--out").arg(out);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Interrupts a run as soon as it says `step`, and says how it ended. A run that was over before the signal
/// came, because the machine had other things to do, is tried again.
fn interrupted_at(step: &str, customers: u32, lines: u64) -> (Case, Said) {
    for _ in 0..5 {
        let case = Case::simulated(customers, lines);
        let mut child = start(&case, &case.out());
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut text = String::new();
        while !text.contains(step) {
            assert!(stderr.read_line(&mut text).unwrap() > 0, "never came to {step:?}: {text}");
        }
        send(&child, Signal::INT);
        stderr.read_to_string(&mut text).unwrap();
        let said = Said { stderr: text, ..Said::of(&child.wait_with_output().unwrap()) };
        if said.status != Some(0) {
            return (case, said);
        }
    }
    panic!("five runs were faster than their signal");
}

#[test]
fn an_interrupt_before_the_reservation_spends_nothing() {
    let (case, said) = interrupted_at("[2/8]", 4000, 800_000);
    assert_eq!(said.status, Some(130), "{said:#?}");
    assert!(said.stderr.contains("before anything was spent; no release was written [run.interrupted]"), "{said:#?}");
    assert_eq!((case.in_releases(), case.reservations()), (vec![], 0));
}

#[test]
fn an_interrupt_after_the_reservation_leaves_no_release() {
    // Many customers, so that clustering outlasts the way of a signal.
    let (case, said) = interrupted_at("[5/8]", 40_000, 400_000);
    assert_eq!(said.status, Some(130), "{said:#?}");
    assert!(said.stderr.contains("that budget is spent; no release was written [run.interrupted]"), "{said:#?}");
    assert_eq!((case.in_releases(), case.reservations()), (vec![], 1));
}
