//! `optout`: the channels of the register, as thin as can be. What is answered does not depend on whom it is about.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;

use super::args::optout::{OptoutVerb, RegisterArgs, WhoArgs};
use super::progress::stop_on_interrupt;
use super::{Answer, Failure, keys, register_path};
use crate::consent::batch;
use crate::consent::code::{Code, looks_like_a_code};
use crate::consent::drops::{After, Dropped, Drops};
use crate::consent::register::{Act, Register, RegisterError, Who};
use crate::engine;
use crate::keys::Ring;
use crate::source::error::printable;

/// Longest line that is read as an id.
const LONGEST: u64 = 4096;

pub(super) fn optout(verb: OptoutVerb, talk: bool) -> Result<Answer, Failure> {
    match verb {
        OptoutVerb::Init(args) => init(&args),
        OptoutVerb::Add { register, who } => enter(&register, &who, true),
        OptoutVerb::Remove { register, who } => enter(&register, &who, false),
        OptoutVerb::Import { register, file } => import(&register, &file),
        OptoutVerb::Watch { register, dir, once, every, settle, remove } => {
            let after = if remove { After::Remove } else { After::Keep };
            let drops = Drops::open(&dir, Duration::from_secs(settle), after)?;
            watch(&drops, &mut open(&register)?, (!once).then(|| Duration::from_secs(every)), talk)
        }
        OptoutVerb::Code { register, id } => code(&register, &id),
        OptoutVerb::Status { register, exact_count } => status(&register, exact_count),
    }
}

fn ring(args: &RegisterArgs) -> Result<Ring, Failure> {
    Ok(Ring::open(&args.ring.population, &keys::place(&args.ring)?)?)
}

fn open(args: &RegisterArgs) -> Result<Register, Failure> {
    Ok(Register::open(&register_path(args.register.as_deref(), &args.ring.population)?, ring(args)?)?)
}

fn init(args: &RegisterArgs) -> Result<Answer, Failure> {
    let path = register_path(args.register.as_deref(), &args.ring.population)?;
    Register::create(&path, &ring(args)?)?;
    let shown = printable(&path);
    // `true` is the usual place, and no other.
    let usual = engine::usual_register(&args.ring.population).is_some_and(|usual| usual == path);
    let whole = std::path::absolute(&path).unwrap_or(path);
    let said = if usual { "true".to_owned() } else { toml::Value::String(printable(&whole)).to_string() };
    let text = format!(
        "{shown}: made an empty register of opt-outs for `{}`. Say `register = {said}` under [sources.opt_outs] in its spec.\n",
        args.ring.population
    );
    Ok(Answer { text, value: json!({ "register": shown, "population": args.ring.population }) })
}

/// What was given, or the line on standard input.
fn given(text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut line = String::new();
    let read = std::io::stdin().take(LONGEST).read_to_string(&mut line);
    let one = line.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
    match read {
        Ok(size) if (size as u64) < LONGEST && !one.contains('\n') => Ok(one.to_owned()),
        _ => Err(Failure::Usage(
            "standard input must hold one line with one id or code; for more there is `import`".into(),
        )),
    }
}

/// Says that an entry counts and that the keys do not know it.
fn warn(register: &Register) {
    if register.is_unnoted() {
        super::say(
            "entered, but `register.seen` beside the keys could not be written, so that an older copy of the register would \
             not be refused; look at the rights of that folder and the room on its disk, then run `tactful optout status`",
        );
    }
}

fn enter(args: &RegisterArgs, who: &WhoArgs, out: bool) -> Result<Answer, Failure> {
    let text = given(&who.who)?;
    let mut register = open(args)?;
    let who = if !who.id && looks_like_a_code(&text) {
        Who::Code(Code::read(&text, register.ring())?)
    } else {
        Who::by_id(&text).ok_or(RegisterError::NoId)?
    };
    register.record(&[Act { who, out }])?;
    warn(&register);
    let (word, text) = if out {
        ("out", "Entered: out of everything from the next run on.\n")
    } else {
        ("in", "Entered: back in from the next run on.\n")
    };
    Ok(Answer { text: text.into(), value: json!({ "entered": word }) })
}

fn import(args: &RegisterArgs, path: &Path) -> Result<Answer, Failure> {
    let shown = printable(path);
    let mut register = open(args)?;
    let unreadable = |_| RegisterError::Batch { file: shown.clone(), why: "it cannot be opened" };
    let acts = batch::read(File::open(path).map_err(unreadable)?, &shown, register.ring())?;
    register.record(&acts)?;
    warn(&register);
    let text = format!("{shown}: all {} lines are entered.\n", acts.len());
    Ok(Answer { text, value: json!({ "file": shown, "lines": acts.len() }) })
}

fn watch(drops: &Drops, register: &mut Register, every: Option<Duration>, talk: bool) -> Result<Answer, Failure> {
    let stop = stop_on_interrupt();
    let (mut entered, mut refused) = (0_u64, 0);
    loop {
        let before = entered;
        refused += drops.take(register, &mut |file: Dropped| match file.refused {
            None => {
                entered += 1;
                if talk {
                    super::say(&format!("{}: entered", file.name));
                }
            }
            Some(error) => super::say(&format!("refused: {error} [{}]", error.code())),
        })?;
        if entered > before {
            warn(register);
        }
        let Some(every) = every else { break };
        let until = Instant::now() + every;
        while Instant::now() < until && !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100).min(every));
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    if refused > 0 {
        return Err(RegisterError::Refused { folder: drops.path().to_owned(), count: refused }.into());
    }
    let text = format!("{}: {entered} files entered.\n", drops.path());
    Ok(Answer { text, value: json!({ "folder": drops.path(), "entered": entered }) })
}

fn code(args: &RegisterArgs, id: &str) -> Result<Answer, Failure> {
    let text = given(id)?;
    let Some(Who::Id(id)) = Who::by_id(&text) else { return Err(RegisterError::NoId.into()) };
    let code = open(args)?.code(&id)?;
    Ok(Answer { text: format!("{code}\n"), value: json!({ "code": code }) })
}

fn status(args: &RegisterArgs, exact: bool) -> Result<Answer, Failure> {
    let mut register = open(args)?;
    let found = register.verify()?;
    let remembered = if found.remembered {
        "the key ring remembers this, so an older copy would be refused"
    } else {
        "the key ring cannot remember this, so an older copy would not be noticed"
    };
    let mut text = format!(
        "{}: sound. {} transactions, key generation {}; {remembered}.\n",
        printable(register.path()),
        found.sequence,
        found.generation
    );
    let mut value = json!({
        "register": printable(register.path()), "population": args.ring.population, "sound": true,
        "sequence": found.sequence, "generation": found.generation, "remembered": found.remembered,
    });
    if exact {
        let _ = writeln!(text, "{} are out: an exact figure, for inside the shop alone.", found.out);
        value["out"] = found.out.into();
    }
    Ok(Answer { text, value })
}
