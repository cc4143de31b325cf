//! A notice as a page and as plain text.

use std::fmt::Write as _;

use maud::{DOCTYPE, PreEscaped, html};

use super::{Block, Notice};
use crate::release::plain;

const STYLE: &str = "body{font:1.15rem/1.6 system-ui,sans-serif;max-width:38rem;margin:2rem auto;padding:0 1rem;\
color:#1a1a1a;background:#fff}h1{font-size:1.7rem;line-height:1.25}h2{font-size:1.25rem;margin-top:2rem}\
li{margin:.2rem 0}@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}}@media print{body{margin:0}}";
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// One self-contained page without script and without any request.
#[must_use]
pub fn html(notice: &Notice) -> String {
    let page = html! {
        (DOCTYPE)
        html lang=(notice.lang.code()) {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="color-scheme" content="light dark";
                title { (plain(&notice.title)) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (plain(&notice.title)) }
                    @for (number, section) in notice.sections.iter().enumerate() {
                        section aria-labelledby=(format!("s{number}")) {
                            h2 id=(format!("s{number}")) { (plain(&section.heading)) }
                            @for block in &section.blocks {
                                @match block {
                                    Block::Paragraph(text) => p { (plain(text)) },
                                    Block::List(items) | Block::Never(items) => ul {
                                        @for item in items { li { (plain(item)) } }
                                    },
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

/// The same for a terminal, a letter or a poster.
#[must_use]
pub fn text(notice: &Notice) -> String {
    let mut out = format!("{}\n", plain(&notice.title));
    for section in &notice.sections {
        let _ = writeln!(out, "\n{}\n", plain(&section.heading).to_uppercase());
        for block in &section.blocks {
            match block {
                Block::Paragraph(text) => {
                    let _ = writeln!(out, "{}", plain(text));
                }
                Block::List(items) | Block::Never(items) => {
                    for item in items {
                        let _ = writeln!(out, "  - {}", plain(item));
                    }
                }
            }
        }
    }
    out
}
