//! `assign`: one customer, on the shop's own system; and the model for tills and apps.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{ErrorKind, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::args::{AssignArgs, Naming};
use super::{Answer, Failure, register_at};
use crate::audience::{Columns, EdgeModel, Found, Local, LocalError, NoSegment, Receipts};
use crate::consent::register::OptedOutSet;
use crate::engine;
use crate::release::{self, Release, plain, read};
use crate::source::RawError;
use crate::spec;

/// Most bytes of a release, of names or of one customer's receipts.
const MOST_BYTES: u64 = 256 << 20;

pub(super) fn assign(args: &AssignArgs) -> Result<Answer, Failure> {
    let spec = args.spec.as_deref().map(spec::load).transpose()?;
    let mut local = Local::new(model(&args.model)?, spec)?;
    if let Some(out) = &args.export_edge {
        return export(&local, args, out);
    }
    if let Some(last) = args.as_of {
        local.as_of(last)?;
    }
    let found = if args.opted_out {
        Err(NoSegment::OptedOut)
    } else {
        let columns = match args.columns {
            Naming::Receipt => Columns::Receipt,
            Naming::Spec => Columns::Spec,
        };
        let receipts = receipts(&args.receipts, local.separator(columns))?;
        let base = base(args);
        let asked = local.asks_register(&receipts, columns);
        let out = asked.then(|| opted_out(&local, args, &base)).transpose()?;
        local.assign(&receipts, columns, &base, out.as_ref())?
    };
    match found {
        Ok(found) => Ok(placed(&local, &found)),
        Err(reason) => Err(Failure::NoSegment(nowhere(&local, reason))),
    }
}

/// Who is in the register that the spec names.
fn opted_out(local: &Local, args: &AssignArgs, base: &Path) -> Result<OptedOutSet, Failure> {
    let spec = local.spec();
    let at = register_at(spec, base, args.register.as_deref(), args.keys.as_deref())?;
    let register = engine::open_register(spec, base, None, at.as_ref())?;
    let out = register.map(|mut register| register.opted_out()).transpose()?;
    Ok(out.ok_or(RawError::NoRegister)?)
}

/// Where relative paths of the spec start.
fn base(args: &AssignArgs) -> PathBuf {
    let folder = args.spec.as_deref().and_then(Path::parent);
    let folder = folder.map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    args.data.clone().or(folder.map(Path::to_path_buf)).unwrap_or_default()
}

pub(super) fn model(path: &Path) -> Result<Release, Failure> {
    if path.is_dir() {
        return Ok(release::load(path)?);
    }
    Ok(read::parse(&bytes(path)?)?)
}

fn receipts(files: &[PathBuf], separator: u8) -> Result<Receipts, Failure> {
    let mut receipts = Receipts::default();
    if files.is_empty() {
        let name = "standard input";
        let bytes = bounded(std::io::stdin().lock(), name)?;
        receipts.add(&bytes, separator, name).map_err(LocalError::from)?;
    }
    for file in files {
        receipts.add(&bytes(file)?, separator, &file.display().to_string()).map_err(LocalError::from)?;
    }
    Ok(receipts)
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let name = path.display().to_string();
    if path.is_dir() {
        return Err(RawError::IsDirectory { file: name }.into());
    }
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => RawError::MissingFile { file: name.clone() },
        ErrorKind::PermissionDenied => RawError::Permission { file: name.clone() },
        _ => RawError::Unreadable { file: name.clone() },
    })?;
    bounded(file, &name)
}

fn bounded(from: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = from.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    if read.is_ok() && bytes.len() as u64 <= MOST_BYTES {
        return Ok(bytes);
    }
    Err(RawError::Unreadable { file: name.to_owned() }.into())
}

fn placed(local: &Local, found: &Found) -> Answer {
    let mut text = head(local);
    let _ = writeln!(text, "Segment {}: {}", plain(&found.segment), plain(&found.label));
    if found.promotions.is_empty() {
        text.push_str("No promotion is known to fit.\n");
    } else {
        text.push_str("Promotions that fit, best first\n");
    }
    for (number, promotion) in (1..).zip(&found.promotions) {
        let (title, id, reason) = (plain(&promotion.title), plain(&promotion.id), plain(&promotion.reason));
        let _ = writeln!(text, "  {number}. {title} [{id}]\n     {reason}");
    }
    let mut value = json!({ "segment": found.segment, "label": found.label, "promotions": found.promotions });
    also(local, &mut value);
    Answer { text, value }
}

fn nowhere(local: &Local, reason: NoSegment) -> Answer {
    let mut value = json!({ "segment": null, "reason": reason.code() });
    also(local, &mut value);
    Answer { text: format!("{}No segment: {}.\n", head(local), reason.text()), value }
}

fn head(local: &Local) -> String {
    let mut text = String::new();
    if local.is_simulated() {
        text.push_str("SIMULATED: the release is of made-up data.\n");
    }
    if let Some(published) = local.published() {
        let _ = writeln!(
            text,
            "PUBLIC DATA: the release is of purchases that were published before: {}.",
            plain(published)
        );
    }
    if let Some(note) = local.note() {
        let _ = writeln!(text, "Note: {note}.");
    }
    text
}

/// What belongs to every answer.
fn also(local: &Local, value: &mut Value) {
    let window = local.window();
    value["window"] = json!({ "start": window.start.to_string(), "end": window.end.to_string() });
    value["simulated"] = json!(local.is_simulated());
    if let Some(published) = local.published() {
        value["published"] = json!(published);
    }
    value["note"] = json!(local.note());
}

fn export(local: &Local, args: &AssignArgs, out: &Path) -> Result<Answer, Failure> {
    let names = args.categories.as_deref().map(names).transpose()?;
    let products = args.data.is_some().then(|| base(args));
    let model = EdgeModel::of(local, names.as_deref(), products.as_deref()).map_err(LocalError::from)?;
    let json = model.to_json();
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(out)?;
        file.write_all(&json)?;
        file.sync_all()
    };
    write().map_err(|error| {
        let exists = error.kind() == ErrorKind::AlreadyExists;
        let why = if exists { "exists; choose another name" } else { "cannot be written" };
        Failure::Write(format!("{}: {why}", out.display()))
    })?;
    let (bytes, categories) = (json.len(), model.categories());
    let text = format!(
        "Wrote {}: {bytes} bytes, {categories} names of categories. All of it is public. Export it again after the next release, \
         and when categories get new names: a name that it does not know is ignored.\n",
        out.display()
    );
    Ok(Answer { text, value: json!({ "out": out.display().to_string(), "bytes": bytes, "categories": categories }) })
}

fn names(path: &Path) -> Result<Vec<String>, Failure> {
    let text = String::from_utf8(bytes(path)?);
    let text = text.map_err(|_| RawError::NotText { file: path.display().to_string(), remedy: "save it as UTF-8" })?;
    Ok(text.lines().map(|line| line.trim_start_matches('\u{feff}').trim().to_owned()).collect())
}
