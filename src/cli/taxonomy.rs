//! `taxonomy`: names of categories, a proposal, a signature. Reads no purchase and spends nothing.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::TaxonomyVerb;
use super::{Answer, Failure, write_new};
use crate::contract::catalogue;
use crate::source::error::one_line;
use crate::source::{self, RawError};
use crate::spec::review::{self, Proposal, Verdict};
use crate::spec::sensitive::{Overlay, Policy};
use crate::spec::{self, File, Format, Rule, Spec, SpecError};

pub(super) fn taxonomy(verb: TaxonomyVerb) -> Result<Answer, Failure> {
    match verb {
        TaxonomyVerb::Review { source, data, names, column, country, overlay, out } => {
            let asked = Asked { source, data, names, column, country, overlay };
            propose(&asked, out.as_deref())
        }
        TaxonomyVerb::Sign { review, officer } => sign(&review, &officer),
    }
}

/// What `taxonomy review` was asked for.
struct Asked {
    source: PathBuf,
    data: Option<PathBuf>,
    names: Option<PathBuf>,
    column: Option<String>,
    country: Vec<String>,
    overlay: Option<PathBuf>,
}

fn propose(asked: &Asked, out: Option<&Path>) -> Result<Answer, Failure> {
    let is_spec = asked.source.extension().is_some_and(|end| end.eq_ignore_ascii_case("toml"));
    let spec = is_spec.then(|| spec::load_unreviewed(&asked.source)).transpose()?;
    let taxonomy = spec.as_ref().and_then(|spec| spec.taxonomy.as_ref());
    let (names, from) = names(asked, spec.as_ref())?;
    if names.is_empty() {
        return Err(RawError::EmptyFile { file: one_line(&from), found: "no name of a category" }.into());
    }
    let mut countries = asked.country.clone();
    if let (Some(taxonomy), true) = (taxonomy, countries.is_empty()) {
        countries.clone_from(&taxonomy.countries);
    }
    countries.sort_unstable();
    countries.dedup();
    let shop = asked.overlay.as_deref().map_or_else(|| Ok(Overlay::default()), overlay)?;
    let proposals =
        review::propose(&names, taxonomy, &countries, &shop).map_err(|rule| refused(rule, &asked.source))?;
    let text = review::to_toml(&proposals, &countries, &shop);
    let value = json!({
        "policy": Policy::base().version(), "countries": countries, "names_from": from,
        "names": proposals.iter().map(row).collect::<Vec<_>>(),
    });
    let Some(out) = out else { return Ok(Answer { text, value }) };
    write_new(out, &text)?;
    let mut said = format!("Wrote {}: {} names from {from}.\n", out.display(), proposals.len());
    for (what, verdict) in [
        ("not classified: denied until somebody decides", Verdict::Denied),
        ("sensitive", Verdict::Sensitive),
        ("excluded", Verdict::Excluded),
    ] {
        let count = proposals.iter().filter(|proposal| proposal.verdict == verdict).count();
        let _ = writeln!(said, "  {count:>5}  {what}");
    }
    let grouped = proposals.iter().filter(|proposal| matches!(proposal.verdict, Verdict::Group(_))).count();
    let _ = writeln!(said, "  {grouped:>5}  in a group of the spec");
    let _ = writeln!(said, "Edit it, then: tactful taxonomy sign {} --officer NAME", out.display());
    Ok(Answer { text: said, value })
}

fn row(proposal: &Proposal) -> serde_json::Value {
    json!({ "name": proposal.name, "verdict": proposal.verdict.to_string(), "because": proposal.because })
}

/// The names, and where they are from. Never the purchases.
fn names(asked: &Asked, spec: Option<&Spec>) -> Result<(Vec<String>, String), Failure> {
    let file = asked.names.as_ref().or_else(|| spec.is_none().then_some(&asked.source));
    if let Some(path) = file {
        let file = File { path: path.clone(), format: format_of(path) };
        let first = || Ok(source::columns(&file, Path::new(""))?.into_iter().next().map(|(name, _)| name));
        let column = asked.column.clone().map_or_else(first, |column| Ok::<_, Failure>(Some(column)))?;
        let column = column.ok_or_else(|| Failure::Usage(format!("{}: has no column", path.display())))?;
        let names = catalogue::names(&file, &column, Path::new(""))?;
        return Ok((names, format!("{} (column `{column}`)", path.display())));
    }
    let Some(spec) = spec else { return Ok((Vec::new(), String::new())) };
    let folder = asked.source.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let base = asked.data.as_deref().unwrap_or(folder);
    if let Some(products) = &spec.sources.products {
        let names = catalogue::names(&products.file, &products.category, base)?;
        return Ok((names, format!("the catalogue {}", products.file.path.display())));
    }
    let listed =
        spec.taxonomy.iter().flat_map(crate::contract::taxonomy::exact_names).map(str::to_owned).collect::<Vec<_>>();
    if listed.is_empty() {
        return Err(Failure::Usage(
            "this spec has no catalogue and lists no exact names, and the categories in its purchases are not read: a rare word \
             would tell who bought it. Give a public file of names with --names FILE"
                .into(),
        ));
    }
    Ok((listed, "the spec's own lists (purchases are not read)".into()))
}

fn format_of(path: &Path) -> Format {
    let end = path.extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default();
    match end.as_str() {
        "parquet" | "pq" => Format::Parquet,
        "tsv" => Format::Csv { separator: '\t' },
        _ => Format::Csv { separator: ',' },
    }
}

fn overlay(path: &Path) -> Result<Overlay, Failure> {
    let text = read(path)?;
    let today = chrono::Utc::now().date_naive();
    let sound = |overlay: Overlay| {
        Policy::base().with(&[&overlay])?;
        overlay.dated(today)?;
        Ok(overlay)
    };
    // Here and not with the names: what is wrong stands in this file.
    Overlay::read(&text).and_then(sound).map_err(|error| refused(Rule::overlay(&error), path))
}

fn sign(path: &Path, officer: &str) -> Result<Answer, Failure> {
    let text = read(path)?;
    let today = chrono::Utc::now().date_naive();
    let signed = review::sign(&text, officer, today).map_err(|error| Failure::from(error.in_file(path)))?;
    replace(path, &signed.text)?;
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let text = format!(
        "{officer} approved {} names in {} on {today}.\nPut this into the spec, and the review beside it:\n\n    [taxonomy.review]\n    file = {}\n    \
         hash = \"{}\"\n\nThe hash shows that the review is what was approved. It has no key: it does not prove who approved it.\n",
        signed.names,
        path.display(),
        toml::Value::String(name.clone()),
        signed.hash
    );
    let value = json!({ "file": name, "hash": signed.hash, "officer": officer.trim(), "date": today.to_string(), "names": signed.names });
    Ok(Answer { text, value })
}

fn refused(rule: Rule, file: &Path) -> Failure {
    Failure::from(SpecError::whole(rule).in_file(file))
}

/// A larger review would not be read beside a spec either.
const MAX_BYTES: u64 = 4 << 20;

fn read(path: &Path) -> Result<String, Failure> {
    use std::io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(path);
    let size = file.and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
    match size {
        Ok(size) if size as u64 <= MAX_BYTES => Ok(text),
        _ => Err(Failure::Usage(format!("{}: cannot be read as text", path.display()))),
    }
}

/// The whole new text or the whole old one, whatever happens.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.as_file().set_permissions(std::fs::metadata(path)?.permissions())?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|_| Failure::Write(format!("{}: cannot be written", path.display())))
}
