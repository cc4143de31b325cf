//! Who answers for the purchases, for the notice and the officer's drafts.

use super::super::checked::Notice;
use super::super::raw::RawNotice;
use super::super::report::Report;
use super::super::rule::Rule;

/// Longest text of a notice's field.
const LONGEST: usize = 200;
/// Longest that purchases may be said to be kept: twenty years.
const MONTHS: i64 = 240;

pub(super) fn notice(raw: RawNotice, report: &mut Report<'_>) -> Notice {
    let mut text = |value: Option<String>, key: &str| {
        let value = value?.trim().to_owned();
        let sound = !value.is_empty() && value.chars().count() <= LONGEST && !value.contains(char::is_control);
        report.must(sound, &format!("notice.{key}"), || Rule::NoticeText).then_some(value)
    };
    let (controller, contact) = (text(raw.controller, "controller"), text(raw.contact, "contact"));
    let (officer, authority) = (text(raw.officer, "officer"), text(raw.authority, "authority"));
    let (opt_out_words, opt_out_phone) =
        (text(raw.opt_out_words, "opt_out_words"), text(raw.opt_out_phone, "opt_out_phone"));
    let opt_out_url = text(raw.opt_out_url, "opt_out_url")
        .filter(|url| report.must(is_https(url), "notice.opt_out_url", || Rule::NoticeUrl));
    let keep_months = raw.keep_months.and_then(|months| {
        let sound = report.must((1..=MONTHS).contains(&months), "notice.keep_months", || Rule::NoticeMonths { months });
        u32::try_from(months).ok().filter(|_| sound)
    });
    Notice {
        controller,
        contact,
        officer,
        opt_out_words,
        opt_out_phone,
        opt_out_url,
        keep_months,
        legal_basis: raw.legal_basis,
        authority,
    }
}

/// A page that a browser opens over TLS; nothing that runs.
fn is_https(url: &str) -> bool {
    let rest = url.strip_prefix("https://").unwrap_or_default();
    !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic() && !"\"'<>\\^`{|}".contains(c))
}
