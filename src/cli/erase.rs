//! `erase`: what is kept of people goes, and the rows that are the shop's to delete are named.

use std::fmt::Write as _;
use std::path::PathBuf;

use chrono::Utc;
use serde_json::json;

use super::args::SpecArgs;
use super::audience::{lines, ring};
use super::{Answer, Failure, open};
use crate::engine::{self, Certificate, EngineError, Erase};
use crate::source::error::printable;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct EraseArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// The directory for the certificate and the rows to delete; must not exist.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

pub(super) fn erase(args: &EraseArgs) -> Result<Answer, Failure> {
    let opened = open(&args.spec)?;
    let ring = ring(&opened.spec, &opened.base, args.spec.keys.as_deref())?;
    let ids = lines()?;
    let certificate = engine::erase(&Erase {
        spec: &opened.spec,
        base: &opened.base,
        ledger: &opened.ledger,
        ring: &ring,
        register: opened.register.as_ref(),
        out: &args.out,
        ids: &ids,
        now: Utc::now(),
    })?;
    let value =
        serde_json::to_value(&certificate).map_err(|_| EngineError::Internal("the certificate does not serialise"))?;
    Ok(Answer { text: text(&certificate, &printable(&args.out)), value: json!({ "certificate": value }) })
}

fn text(certificate: &Certificate, out: &str) -> String {
    let mut text = format!("{out}: certificate.json and rows.csv.\n");
    for file in &certificate.searched {
        let said = if file.absent { "no row of theirs" } else { "rows of theirs, which rows.csv names: delete them" };
        let _ = writeln!(text, "  {} ({}): {said}", file.file, file.role);
    }
    for file in &certificate.not_searched {
        let _ = writeln!(text, "  {} ({}): not searched: {}", file.file.as_deref().unwrap_or("-"), file.role, file.why);
    }
    text.push_str(if certificate.absent {
        "They are absent from every file that was searched.\n"
    } else {
        "Delete those rows, then do this again: it proves that none is left.\n"
    });
    text.push_str(if certificate.store_forgotten {
        "The store of hand-overs no longer knows which pseudonym was theirs.\n"
    } else {
        "Nothing was ever handed over, so there is no store to forget them.\n"
    });
    text.push_str(if certificate.kept_out {
        "They stand in the register of opt-outs, so no later import brings them back.\n"
    } else {
        "The spec names no register of opt-outs: keep them on the list of opt-outs, or a later import brings them back.\n"
    });
    text.push_str(
        "Destinations get the ids to delete with the next hand-over. Statistics that are out stay out: they depend on no single \
         customer beyond what was promised, and nobody can be taken out of them.\n",
    );
    text
}
