use super::super::fixture::{self, HOSTILE};
use super::*;

/// All tags of a page. Text and attributes are escaped, so that each `<` outside `<style>` opens one.
fn tags(page: &str) -> Vec<String> {
    let style = page.find("<style>").unwrap() + 7;
    let end = page.find("</style>").unwrap();
    let rest = format!("{}{}", &page[..style], &page[end..]);
    rest.split('<').skip(1).map(|part| part.split('>').next().unwrap().to_owned()).collect()
}

fn name(tag: &str) -> &str {
    tag.trim_start_matches('/').split_whitespace().next().unwrap_or_default()
}

#[test]
fn no_request_leaves_the_report() {
    for release in [fixture::release(), fixture::example()] {
        let page = html(&release);
        for tag in tags(&page) {
            assert!(
                ![
                    "script", "iframe", "object", "embed", "form", "base", "img", "image", "use", "video", "audio",
                    "source"
                ]
                .contains(&name(&tag)),
                "{tag}"
            );
            for forbidden in
                [" src=", " srcset=", " action=", " ping=", " background=", " poster=", " onload=", " onclick="]
            {
                assert!(!tag.contains(forbidden), "{tag}");
            }
            for attribute in ["href=\"", "url("] {
                for value in tag.split(attribute).skip(1) {
                    assert!(value.starts_with('#') || value.starts_with("data:,"), "{tag}");
                }
            }
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import") && !STYLE.contains("</"));
        assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:;"));
    }
}

#[test]
fn hostile_titles_stay_text() {
    let known = [
        "!DOCTYPE", "a", "article", "b", "bdi", "body", "br", "caption", "circle", "dd", "defs", "details", "div",
        "dl", "dt", "footer", "h1", "h2", "h3", "h4", "head", "header", "html", "i", "li", "line", "link", "main",
        "meta", "nav", "ol", "p", "pattern", "pre", "rect", "section", "span", "strong", "style", "summary", "svg",
        "table", "tbody", "td", "text", "tfoot", "th", "thead", "title", "tr", "ul",
    ];
    let page = html(&fixture::release());
    for tag in tags(&page) {
        assert!(known.contains(&name(&tag)), "{tag}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'));
    assert!(!page.contains(['\u{202e}', '\u{2066}']));
    for attack in HOSTILE.iter().filter(|attack| attack.contains('<')) {
        assert!(!page.contains(attack));
    }
}

#[test]
fn every_tag_is_closed_in_order() {
    const VOID: [&str; 5] = ["!DOCTYPE", "meta", "link", "br", "img"];
    for release in [fixture::release(), fixture::example()].into_iter().chain(fixture::odd()) {
        let mut open: Vec<String> = Vec::new();
        for tag in tags(&html(&release)) {
            if tag.starts_with('/') {
                assert_eq!(open.pop().as_deref(), Some(name(&tag)));
            } else if !VOID.contains(&name(&tag)) {
                open.push(name(&tag).to_owned());
            }
        }
        assert!(open.is_empty());
    }
}

#[test]
fn every_link_has_its_target_and_every_id_is_unique() {
    let page = html(&fixture::release());
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    for link in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(ids.contains(&link), "{link}");
    }
    for label in page.split("aria-labelledby=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(ids.contains(&label), "{label}");
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn every_drawing_stands_in_a_row_with_its_numbers() {
    let page = html(&fixture::example());
    let drawings = page.matches("<svg class=\"strip").count();
    assert!(drawings > 50);
    assert_eq!(
        drawings,
        page.matches("class=\"plot\"").count() - page.matches("the highest of all segments</span></th>").count()
    );
    assert_eq!(page.matches("<svg").count(), page.matches("aria-hidden=\"true\" focusable=\"false\"").count());
}

#[test]
fn a_simulated_release_says_so() {
    let mut release = fixture::example();
    let page = html(&release);
    assert!(
        page.contains("class=\"simulated\"") && page.contains(">SIMULATED<") && page.contains("(simulated)</title>")
    );
    release.origin = "first_party".into();
    let page = html(&release);
    assert!(!page.contains("class=\"simulated\"") && !page.contains(">SIMULATED<") && !page.contains("(simulated)"));
}

#[test]
fn odd_releases_do_not_panic() {
    for release in fixture::odd() {
        let page = html(&release);
        assert!(page.ends_with("</html>"));
        assert!(!page.contains("=\"NaN") && !page.contains("=\"inf"));
    }
}

#[test]
fn the_promise_is_in_plain_words() {
    let page = html(&fixture::example());
    for sentence in [
        "an even guess (50%) whether one household is among the data",
        "at most 74%",
        "at most 89%",
        "at least 50 households",
        "Which segment a person is put into",
        "5 releases like this one left in the budget of 2026",
    ] {
        assert!(page.contains(sentence), "{sentence}");
    }
}

/// For looking at: writes the made-up releases' pages into the folder that `TACTFUL_SAMPLES` names.
#[test]
fn samples_can_be_written_for_looking_at() {
    if let Some(folder) = std::env::var_os("TACTFUL_SAMPLES").map(std::path::PathBuf::from) {
        std::fs::write(folder.join("example.html"), html(&fixture::example())).unwrap();
        std::fs::write(folder.join("hostile.html"), html(&fixture::release())).unwrap();
        std::fs::write(folder.join("cards.txt"), super::super::cards::text(&fixture::example(), 100, true)).unwrap();
        std::fs::write(folder.join("hostile.txt"), super::super::cards::text(&fixture::release(), 60, false)).unwrap();
    }
}

fn luminance(hex: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
}

/// WCAG 2.2 asks for 4.5 to 1.
#[test]
fn every_tint_is_readable_in_light_dark_and_print() {
    let blocks: Vec<&str> = STYLE.split(":root {").skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        let colour = |name: &str| {
            let hex = block.split(&format!("{name}: #")).nth(1).unwrap().split(';').next().unwrap();
            luminance(&if hex.len() == 3 { hex.chars().flat_map(|c| [c, c]).collect() } else { hex.to_owned() })
        };
        let mut pairs = vec![("--on-p4", "--p4"), ("--on-n4", "--n4")];
        pairs.extend(
            ["--p1", "--p2", "--p3", "--n1", "--n2", "--n3", "--paper", "--card", "--wash"].map(|on| ("--ink", on)),
        );
        pairs.extend(["--paper", "--card", "--wash"].map(|on| ("--soft", on)));
        pairs.extend(["--paper", "--card"].map(|on| ("--accent", on)));
        for (text, on) in pairs {
            let (a, b) = (colour(text), colour(on));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= 4.5, "{text} on {on}: {contrast:.2}");
        }
    }
}
