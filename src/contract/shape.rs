//! What an id or a text looks like: whether it says who somebody is, whatever its column is called.
//!
//! Pure functions of one cell. Of a private table what they find is a flag of one customer, which is counted with noise; of a
//! public table it is told at once. No value is ever told.
//!
//! What cannot be told from a harmless id is let through: a UUID, and a run of digits that is no payment card and no
//! handset's number, may be what a careful shop puts in the place of a name.

use crate::source::RawError;

/// What a cell says of a person, by its shape: "an e-mail address".
type Says = &'static str;

/// A test, and what it tells.
type Shape = (fn(&str) -> bool, Says);

/// What the id of a privacy unit says of a person.
pub(crate) fn of_unit(id: &str) -> Option<Says> {
    let id = id.trim();
    number(id).or_else(|| contact(id)).or_else(|| {
        let says = [(is_date as fn(&str) -> bool, "a date"), (is_name, "a name")];
        says.into_iter().find_map(|(is, says)| is(id).then_some(says))
    })
}

/// What an id that is a number says of a person.
pub(crate) fn of_number(id: i64) -> Option<Says> {
    // Shorter ones are no card's and no handset's.
    if id < 100_000_000_000_000 { None } else { number(&id.to_string()) }
}

/// What no cell of reference data is: a way to reach a person or their money.
fn contact(text: &str) -> Option<Says> {
    let shapes: [Shape; 4] = [
        (is_email, "an e-mail address"),
        (is_phone, "a phone number"),
        (is_iban, "a bank account"),
        (is_network_address, "the address of a device"),
    ];
    shapes.into_iter().find_map(|(is, says)| is(text).then_some(says))
}

/// Numbers that banks, makers of handsets and states give out.
fn number(text: &str) -> Option<Says> {
    let shapes: [Shape; 3] =
        [(is_card, "a payment card"), (is_handset, "a device"), (is_official, "an official number of a person")];
    shapes.into_iter().find_map(|(is, says)| is(text).then_some(says))
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let end = domain.rsplit('.').next().unwrap_or_default();
    !local.is_empty()
        && text.len() <= 254
        && !text.contains(char::is_whitespace)
        && !domain.contains('@')
        && domain.len() > end.len() + 1
        && end.len() >= 2
        && end.chars().all(char::is_alphabetic)
}

/// In international form, or written in groups as people do. Digits alone may be any number.
fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if !(8..=15).contains(&digits) || !text.bytes().all(|b| b.is_ascii_digit() || b"+-()/. ".contains(&b)) {
        return false;
    }
    if let Some(rest) = text.strip_prefix('+') {
        return !rest.starts_with('0') && !rest.contains('+');
    }
    if text.contains('+') || digits < 9 || is_date(text) {
        return false;
    }
    let groups: Vec<usize> = text.split(|c: char| !c.is_ascii_digit()).map(str::len).filter(|&n| n > 0).collect();
    let american = groups == [3, 3, 4];
    let national = groups.len() > 1 && text.trim_start_matches('(').starts_with('0') && digits <= 13;
    // Four numbers with dots between are an address of the net, or a version.
    (american || national) && text.bytes().filter(|&b| b == b'.').count() != 3
}

fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).collect()
}

/// ISO 13616: two letters, and the remainder of 97 is 1.
fn is_iban(text: &str) -> bool {
    let text = compact(text);
    let b = text.as_bytes();
    if !(15..=34).contains(&b.len()) || !b.iter().all(u8::is_ascii_alphanumeric) {
        return false;
    }
    let starts = b[..2].iter().all(u8::is_ascii_uppercase) && b[2..4].iter().all(u8::is_ascii_digit);
    let rest = b[4..].iter().chain(&b[..4]).fold(0_u32, |rest, &c| match c {
        b'0'..=b'9' => (rest * 10 + u32::from(c - b'0')) % 97,
        _ => (rest * 100 + u32::from(c.to_ascii_uppercase() - b'A') + 10) % 97,
    });
    starts && rest == 1
}

/// An IP or a MAC address.
fn is_network_address(text: &str) -> bool {
    let mac = |separator| {
        let mut parts = text.split(separator);
        let pair = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
        parts.clone().count() == 6 && parts.all(pair)
    };
    text.parse::<core::net::IpAddr>().is_ok() || mac(':') || mac('-')
}

fn digits(text: &str) -> Option<Vec<u8>> {
    let grouped = |b: u8| b == b' ' || b == b'-';
    text.bytes().filter(|&b| !grouped(b)).map(|b| b.is_ascii_digit().then(|| b - b'0')).collect()
}

/// Luhn's check digit (ISO/IEC 7812-1, annex B).
fn luhn(digits: &[u8]) -> bool {
    let sum = |(i, &digit): (usize, &u8)| {
        let doubled = u32::from(digit) * if i % 2 == 1 { 2 } else { 1 };
        doubled / 10 + doubled % 10
    };
    digits.iter().rev().enumerate().map(sum).sum::<u32>() % 10 == 0
}

/// Of the great schemes, with their first digits: loyalty cards have others.
fn is_card(text: &str) -> bool {
    let Some(digits) = digits(text) else { return false };
    let first = digits.iter().take(4).fold(0_u32, |number, &digit| number * 10 + u32::from(digit));
    let scheme = match digits.len() {
        16 => matches!(first, 4000..=4999 | 5100..=5599 | 2221..=2720 | 3528..=3589 | 6011 | 6500..=6599),
        15 => matches!(first, 3400..=3499 | 3700..=3799),
        _ => false,
    };
    scheme && luhn(&digits)
}

/// An IMEI: its first two digits say who registered the type, and these two do nearly all.
fn is_handset(text: &str) -> bool {
    digits(text).is_some_and(|d| d.len() == 15 && matches!(d[..2], [3, 5] | [8, 6]) && luhn(&d))
}

/// US social security number as it is written, Italian codice fiscale, French NIR with its key.
fn is_official(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let numbers = |group: &&str| group.bytes().all(|b| b.is_ascii_digit());
    let american = groups.iter().map(|group| group.len()).eq([3, 2, 4]) && groups.iter().all(numbers);
    let plain = compact(text);
    let italian = plain.len() == 16
        && plain.bytes().zip("LLLLLLDDLDDLDDDL".bytes()).all(|(c, kind)| match kind {
            b'L' => c.is_ascii_uppercase(),
            // Some digits become letters where two people would have the same code.
            _ => c.is_ascii_digit() || b"LMNPQRSTUV".contains(&c),
        })
        && b"ABCDEHLMPRST".contains(&plain.as_bytes()[8]);
    let french = plain.len() == 15
        && plain.starts_with(['1', '2'])
        && matches!(plain.get(3..5).and_then(|month| month.parse::<u8>().ok()), Some(1..=12))
        && matches!((plain[..13].parse::<u64>(), plain[13..].parse::<u64>()), (Ok(n), Ok(key)) if 97 - n % 97 == key);
    american || italian || french
}

fn is_date(text: &str) -> bool {
    let groups: Vec<&str> = text.split(['-', '/', '.']).collect();
    let [first, second, third] = groups[..] else { return false };
    let number = |group: &str| if group.bytes().all(|b| b.is_ascii_digit()) { group.parse::<u32>().ok() } else { None };
    let within = |group: &str, width: std::ops::RangeInclusive<usize>, range: std::ops::RangeInclusive<u32>| {
        width.contains(&group.len()) && number(group).is_some_and(|number| range.contains(&number))
    };
    let year = |group| within(group, 4..=4, 1900..=2100);
    let (day, month) = (|group| within(group, 1..=2, 1..=31), |group| within(group, 1..=2, 1..=12));
    let of_year = |one, other| (month(one) && day(other)) || (day(one) && month(other));
    (year(first) && of_year(second, third)) || (year(third) && of_year(first, second))
}

/// Two to four words of letters, each with a capital: "Ada Lovelace", "ROSSI, Anna".
fn is_name(text: &str) -> bool {
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let named = |word: &&str| {
        word.starts_with(char::is_uppercase) && word.chars().all(|c| c.is_alphabetic() || "'’.-".contains(c))
    };
    let long = words.iter().filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() > 1).count();
    (2..=4).contains(&words.len()) && long > 1 && words.iter().all(named)
}

/// Letters, and words, from which on a part of a category's path is a sentence.
const LONG: usize = 100;
const MANY: usize = 14;

/// Whether a category reads like something that somebody wrote down: a sentence, or a way to reach a person.
pub(crate) fn is_free_text(category: &str) -> bool {
    let long = |part: &str| part.chars().count() > LONG || part.split_whitespace().count() > MANY;
    contact(category.trim()).is_some()
        || category.split(['>', '|', '/']).any(|part| long(part.trim()))
        || category.split_whitespace().any(is_email)
}

/// Above this share of what a public column holds, it is refused.
const SHARE: f64 = 0.05;

/// That a column of reference data says nothing of people; nor, where it is of `categories`, holds sentences.
///
/// # Errors
/// [`RawError::PersonalColumn`], with the column's name and none of its values.
pub(crate) fn is_reference<'a>(
    file: &str,
    column: &str,
    categories: bool,
    values: impl Iterator<Item = &'a str>,
) -> Result<(), RawError> {
    let (mut all, mut personal, mut says) = (0_u64, 0_u64, None);
    for value in values.map(str::trim).filter(|value| !value.is_empty()) {
        all += 1;
        let found = contact(value).or_else(|| (categories && is_free_text(value)).then_some("free text"));
        personal += u64::from(found.is_some());
        says = says.or(found);
    }
    match says {
        Some(says) if personal as f64 > SHARE * all as f64 => {
            Err(RawError::PersonalColumn { file: file.to_owned(), column: column.to_owned(), says })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
