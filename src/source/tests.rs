//! Every way a file can be wrong has its code, and no cell is in its message.

use std::io::Write;
use std::path::Path;

use polars::prelude::*;
use proptest::prelude::*;

use super::{ColumnType, RawError, Shape, columns, guard};
use crate::spec::Format;
use crate::testing::{CSV, file};

/// A value that must not be seen outside of its cell.
const CANARY: &str = "kanarienvogel";

fn in_folder(bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), bytes).unwrap();
    folder
}

fn rows(folder: &Path, format: Format) -> Result<DataFrame, RawError> {
    let shape = Shape::inspect(&file("data", format), folder)?;
    guard::collect(shape.public()?, Engine::Streaming).map_err(|_| shape.failure())
}

fn read(bytes: &[u8], format: Format) -> Result<DataFrame, RawError> {
    rows(in_folder(bytes).path(), format)
}

fn code(bytes: &[u8], format: Format) -> &'static str {
    let error = read(bytes, format).expect_err("an error");
    let text = error.to_string();
    assert!(!text.contains(CANARY) && !text.contains('\n'), "{text}");
    error.code()
}

fn parquet(mut frame: DataFrame) -> Vec<u8> {
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn cells(frame: &DataFrame, column: &str) -> Vec<Option<String>> {
    let text = frame.column(column).unwrap().cast(&DataType::String).unwrap();
    text.str().unwrap().iter().map(|cell| cell.map(str::to_owned)).collect()
}

fn some(cells: &[&str]) -> Vec<Option<String>> {
    cells.iter().map(|&cell| Some(cell.to_owned())).collect()
}

#[test]
fn a_path_that_is_no_file_has_a_code() {
    let folder = in_folder(b"");
    let look = |name: &str| columns(&file(name, CSV), folder.path()).unwrap_err().code();
    assert_eq!(look("nothing.csv"), "data.missing-file");
    assert_eq!(look("data/deeper.csv"), "data.missing-file");
    assert_eq!(look("."), "data.is-directory");
    assert_eq!(look("data"), "data.empty-file");
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_has_a_code() {
    use std::os::unix::fs::PermissionsExt;
    let folder = in_folder(b"a,b\n1,2\n");
    let path = folder.path().join("data");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        return; // The super-user may read everything.
    }
    assert_eq!(columns(&file("data", CSV), folder.path()).unwrap_err().code(), "data.permission");
}

#[test]
fn an_lfs_pointer_is_recognised_in_every_layout() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    for format in [Format::Parquet, CSV, Format::Aligned] {
        assert_eq!(code(pointer, format), "data.lfs-pointer");
    }
}

#[test]
fn a_file_without_rows_is_empty() {
    for text in ["a,b", "a,b\n", "a,b\r\n\r\n", "\n", "\u{feff}a,b\n"] {
        assert_eq!(code(text.as_bytes(), CSV), "data.empty-file", "{text:?}");
        assert_eq!(code(text.as_bytes(), Format::Aligned), "data.empty-file", "{text:?}");
    }
    assert_eq!(code(&gzip(b"a,b\n"), CSV), "data.empty-file");
    let none = parquet(DataFrame::new_infer_height(vec![Column::new("a".into(), Vec::<i64>::new())]).unwrap());
    assert_eq!(code(&none, Format::Parquet), "data.empty-file");
}

#[test]
fn short_codes_of_repeated_cells_are_counted_as_the_cells_that_they_become() {
    let cells = vec![7_i64; 100_000];
    let bytes = parquet(DataFrame::new_infer_height(vec![Column::new("a".into(), cells)]).unwrap());
    assert!(bytes.len() < 10_000, "the file holds codes");
    let shape = Shape::inspect(&file("data", Format::Parquet), in_folder(&bytes).path()).unwrap();
    let held = shape.bytes_at_once(["a"].into_iter());
    assert!((800_000..1_000_000).contains(&held), "{held}");
}

#[test]
fn what_is_not_whole_parquet_is_refused() {
    let whole = parquet(DataFrame::new_infer_height(vec![Column::new("a".into(), [CANARY; 100])]).unwrap());
    assert_eq!(read(&whole, Format::Parquet).unwrap().height(), 100);
    assert_eq!(code(&whole[..whole.len() / 2], Format::Parquet), "data.not-parquet");
    assert_eq!(code(&whole[..6], Format::Parquet), "data.not-parquet");
    assert_eq!(code(b"PA", Format::Parquet), "data.not-parquet");
    assert_eq!(code(b"a,b\n1,2\n", Format::Parquet), "data.not-parquet");
    let mut damaged = whole.clone();
    let footer = damaged.len() - 40;
    damaged[footer..footer + 30].fill(0xff);
    assert_eq!(code(&damaged, Format::Parquet), "data.not-parquet");
    assert_eq!(code(&whole, CSV), "data.not-text");
    assert_eq!(code(&whole, Format::Aligned), "data.not-text");
}

#[test]
fn a_parquet_file_whose_pages_are_overwritten_is_unreadable_and_says_no_cell() {
    let text: Vec<String> = (0..300).map(|n| format!("{CANARY}{n}")).collect();
    let whole = parquet(DataFrame::new_infer_height(vec![Column::new("a".into(), text)]).unwrap());
    for byte in [0, 0xff] {
        let mut damaged = whole.clone();
        damaged[4..200].fill(byte);
        assert_eq!(code(&damaged, Format::Parquet), "data.unreadable");
    }
}

#[test]
fn text_whose_lines_end_with_a_carriage_return_alone_is_refused_by_its_header() {
    for text in
        ["a,b\r1,2\r", "a,b\r1,2", "a,b\r1,2\r\n3,4\n", "\u{feff}a,b\r1,2\r", "\n\r\na,b\r1,2\r", "a,b\r\r\n1,2\r\r\n"]
    {
        for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
            assert_eq!(code(&bytes, CSV), "data.line-ends", "{text:?}");
            assert_eq!(code(&bytes, Format::Aligned), "data.line-ends", "{text:?}");
        }
    }
    // A row of a private file decides nothing.
    for text in ["a,b\n1,2\r3,4\n", "a,b\r\n1,\r2\r\n", "a,b\r\n1,2\r"] {
        assert_eq!(read(text.as_bytes(), CSV).unwrap().height(), 1, "{text:?}");
    }
}

#[test]
fn what_is_not_utf8_text_is_refused() {
    for bytes in [&b"a,b\n\xff\xfe,1\n"[..], b"a,b\n\0,1\n", b"\xff\xfea\0,\0b\0", b"PK\x03\x04zip", b"a\xe9,b\n1,2\n"]
    {
        assert_eq!(code(bytes, CSV), "data.not-text");
        assert_eq!(code(bytes, Format::Aligned), "data.not-text");
    }
    // Behind the head only reading to the end can tell.
    let mut late = b"a,b\n".to_vec();
    late.extend(std::iter::repeat_n(&b"kanarienvogel,2\n"[..], 100_000).flatten());
    late.extend(b"\xff\xff\xff,2\n");
    assert_eq!(code(&late, CSV), "data.not-text");
    assert_eq!(code(&late, Format::Aligned), "data.not-text");
    let cut = gzip(&late);
    assert!(["data.unreadable", "data.not-text"].contains(&code(&cut[..cut.len() / 2], CSV)));
    assert_eq!(code(&cut[..cut.len() / 2], Format::Aligned), "data.unreadable");
}

#[test]
fn text_is_read_as_text_whatever_it_looks_like() {
    let text = "id;day;note\r\n0042;2020-01-01;\"a;b\nc\"\r\n1e3;;\"\"\r\nshort\r\nx;y;z;too;many\r\n";
    let format = Format::Csv { separator: ';' };
    for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes()), [b"\xef\xbb\xbf", text.as_bytes()].concat()] {
        let frame = read(&bytes, format).unwrap();
        assert!(frame.dtypes().iter().all(|dtype| *dtype == DataType::String));
        assert_eq!(cells(&frame, "id"), some(&["0042", "1e3", "short", "x"]));
        assert_eq!(cells(&frame, "day"), [Some("2020-01-01".into()), None, None, Some("y".into())]);
        assert_eq!(cells(&frame, "note")[0].as_deref(), Some("a;b\nc"));
    }
}

#[test]
fn aligned_text_is_read_with_leading_blanks_and_crlf() {
    let text = " customer_id  date number\r\n 00001 19970101  1\r\n 00002 19970112\r\n\r\n   3 4 5 6\r\n";
    for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
        let frame = read(&bytes, Format::Aligned).unwrap();
        assert_eq!(cells(&frame, "customer_id"), some(&["00001", "00002", "3"]));
        assert_eq!(cells(&frame, "number"), [Some("1".into()), None, Some("5".into())]);
    }
}

#[test]
fn a_missing_column_is_named_with_the_one_that_was_meant() {
    let folder = in_folder(b"Customer_ID,date,date\n1,2,3\n");
    let shape = Shape::inspect(&file("data", CSV), folder.path()).unwrap();
    let error = shape.dtype("customer_id", "privacy unit").unwrap_err();
    assert_eq!(error.code(), "data.missing-column");
    assert!(error.to_string().contains("did you mean `Customer_ID`?"), "{error}");
    assert_eq!(shape.dtype("date", "date").unwrap_err().code(), "data.duplicate-column");
    assert!(rows(folder.path(), CSV).is_ok(), "a name that stands twice and is not mapped does no harm");
    let headless = in_folder(b"kanarienvogel,1997\nx,y\n");
    let shape = Shape::inspect(&file("data", CSV), headless.path()).unwrap();
    let text = shape.dtype("customer_id", "privacy unit").unwrap_err().to_string();
    assert!(!text.contains(CANARY), "the first row of a file without header is no list of names");
}

#[test]
fn a_column_of_a_type_that_cannot_be_used_is_named_with_it() {
    let frame = DataFrame::new_infer_height(vec![
        Column::new("flag".into(), [true]),
        Column::new("id".into(), [1_i64]),
        Column::new("price".into(), [1_i64]).cast(&DataType::Decimal(9, 2)).unwrap(),
        Column::new("kind".into(), ["a"]).cast(&DataType::from_categories(Categories::global())).unwrap(),
    ])
    .unwrap();
    let folder = in_folder(&parquet(frame));
    let found = columns(&file("data", Format::Parquet), folder.path()).unwrap();
    let expected = [
        ("flag", ColumnType::Boolean),
        ("id", ColumnType::Integer),
        ("price", ColumnType::Number),
        ("kind", ColumnType::Text),
    ];
    assert_eq!(found, expected.map(|(name, dtype)| (name.to_owned(), dtype)));
    let shape = Shape::inspect(&file("data", Format::Parquet), folder.path()).unwrap();
    let error = shape.typed("flag", "privacy unit", &[ColumnType::Integer], "an id must be a number").unwrap_err();
    assert_eq!(error.code(), "data.wrong-type");
    assert!(error.to_string().contains("column `flag` (privacy unit) is of type boolean"), "{error}");
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), ascii in "[a-c,\"\n\r ;]{0,80}") {
        for format in [Format::Parquet, CSV, Format::Aligned] {
            let _ = read(&bytes, format);
            let _ = read(ascii.as_bytes(), format);
            let _ = read(&[b"PAR1", &bytes[..], b"PAR1"].concat(), format);
        }
    }
}

/// What one customer's lines do to a file of 40 others.
fn others_survive(mischief: &[(usize, String)]) -> bool {
    let mut lines: Vec<String> = (0..40).map(|n| format!("x{n},b{n},{n}\n")).collect();
    for (at, text) in mischief {
        lines.insert(*at % lines.len(), text.clone());
    }
    let folder = in_folder(("unit,basket,amount\n".to_owned() + &lines.concat()).as_bytes());
    let shape = Shape::inspect(&file("data", CSV), folder.path()).unwrap();
    let rows = match shape.private() {
        Err(error) => return error.code() == "data.unreadable",
        Ok(rows) => rows,
    };
    let mut kept = 0;
    let read = rows.try_map_sealed(|rows| {
        let frame = guard::collect(rows, Engine::Streaming)?;
        let [units, baskets, amounts] = ["unit", "basket", "amount"].map(|column| cells(&frame, column));
        let whole = |n: &usize| {
            let row = some(&[&format!("x{n}"), &format!("b{n}"), &n.to_string()]);
            (0..units.len()).any(|at| [&units, &baskets, &amounts].map(|column| column[at].clone())[..] == row)
        };
        kept = (0..40).filter(whole).count();
        Ok::<(), guard::Failed>(())
    });
    // A refusal shows nothing; an answer must have everybody in it.
    read.is_err() || kept == 40
}

#[test]
fn lines_with_a_quote_too_many_swallow_no_line_of_others() {
    let line = |text: &str| text.to_owned() + "\n";
    for text in [
        "\"evil,b,1",
        "evil,\"b,1",
        "evil,b,\"",
        "evil,b,1\"",
        "evil,b\"x,1",
        "evil,b\"1,\"",
        "evil,b\"1,2,3,x\"",
        "evil,\"\"\"b,1",
        "evil,\"b\"x\",1",
    ] {
        assert!(others_survive(&[(5, line(text)), (30, line(text))]), "{text}");
        assert!(others_survive(&[(5, line(text)), (30, "evil,b,1\"\n".to_owned())]), "{text}");
    }
    let odd = "evil,\"b,1\n";
    let file = |cell: &str| format!("unit,basket,amount\n{odd}a,{cell},1\n{odd}");
    let private = |bytes: &str| {
        let folder = in_folder(bytes.as_bytes());
        Shape::inspect(&self::file("data", CSV), folder.path()).unwrap().private().err().map(|error| error.code())
    };
    assert_eq!(private(&file("b")), Some("data.unreadable"), "two odd lines look even from afar");
    assert_eq!(private("unit,basket,amount\na,\"b\nc\",1\n"), Some("data.unreadable"), "a cell of two lines");
    for sound in ["a,\"b,c\",1\n", "a,\"b \"\"c\"\"\",1\r\n", "\"a\",\"\",\"1\"\n", "a,\"b\"c,1\n", "a,b,1"] {
        assert_eq!(private(&("\u{feff}\"unit, or so\",basket,amount\n".to_owned() + sound)), None, "{sound}");
    }
}

proptest! {
    #[test]
    fn no_text_of_one_customer_swallows_lines_of_others(
        mischief in prop::collection::vec((0_usize..40, "[\",a\r\n x]{0,9}\n"), 1..5),
    ) {
        prop_assert!(others_survive(&mischief), "{mischief:?}");
    }
}
