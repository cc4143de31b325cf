//! `keys`: made, looked at, rotated. No key is ever shown.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use super::args::optout::{KeysVerb, RingArgs};
use super::{Answer, Failure, hygiene, register_path};
use crate::consent::register::Register;
use crate::keys::{KeyError, Place, Purpose, Ring};
use crate::source::error::printable;

pub(super) fn keys(verb: KeysVerb) -> Result<Answer, Failure> {
    match verb {
        KeysVerb::Init(args) => init(&args),
        KeysVerb::Status(args) => status(&args),
        KeysVerb::Rotate { ring, purpose, register } => rotate(&ring, purpose, register.as_deref()),
    }
}

/// Where the keys of a population are, as the command line and the environment say.
pub(super) fn place(args: &RingArgs) -> Result<Place, Failure> {
    Ok(Place::find(args.keys.as_deref(), hygiene::handed(), &args.population)?)
}

fn init(args: &RingArgs) -> Result<Answer, Failure> {
    let Place::Folder(folder) = place(args)? else {
        return Err(KeyError::HandedOver { place: "the environment".into() }.into());
    };
    place(args)?.keeps_clear_of(&args.population, [])?;
    let made = Ring::init(&args.population, &folder)?;
    let names: Vec<&str> = made.iter().map(|purpose| purpose.name()).collect();
    let shown = printable(&folder);
    let text = format!(
        "{shown}: made keys for {} of `{}`. Keep a copy away from the data: nobody can make them again.\n",
        names.join(", "),
        args.population
    );
    Ok(Answer { text, value: json!({ "keys": shown, "population": args.population, "made": names }) })
}

fn status(args: &RingArgs) -> Result<Answer, Failure> {
    let ring = Ring::open(&args.population, &place(args)?)?;
    let mut text = format!("The keys of `{}` are sound, and nobody else can read them.\n", args.population);
    let mut rows = Vec::new();
    for purpose in Purpose::ALL {
        let keys = ring.keys(purpose);
        let newest = keys.last().map(crate::keys::Key::fingerprint);
        let _ = match &newest {
            Some(print) => writeln!(text, "  {:<9} generation {}, fingerprint {print}", purpose.name(), keys.len()),
            None => writeln!(text, "  {:<9} none", purpose.name()),
        };
        rows.push(json!({ "purpose": purpose.name(), "generations": keys.len(), "fingerprint": newest }));
    }
    Ok(Answer { text, value: json!({ "population": args.population, "keys": rows }) })
}

fn rotate(args: &RingArgs, purpose: Purpose, register: Option<&Path>) -> Result<Answer, Failure> {
    let mut ring = Ring::open(&args.population, &place(args)?)?;
    let generation = if purpose == Purpose::Register {
        let file = register_path(register, &args.population)?;
        // A ring that never had a register has nothing to key anew.
        if register.is_some() || file.exists() || Register::is_remembered(&ring)? {
            Register::open(&file, ring)?.rotate()?
        } else {
            ring.rotate(purpose)?
        }
    } else {
        ring.rotate(purpose)?
    };
    let text = format!("The key `{}` of `{}` is now of generation {generation}.\n", purpose.name(), args.population);
    let value = json!({ "population": args.population, "purpose": purpose.name(), "generation": generation });
    Ok(Answer { text, value })
}
