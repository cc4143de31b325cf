//! The command line: parse, call the engine, render. Data go to stdout, talk to stderr; no policy lives here.

mod args;
mod assign;
mod audience;
mod audit;
mod campaign;
mod cluster;
mod demo;
mod erase;
mod hygiene;
mod inspect;
mod keys;
mod ledger;
mod optout;
mod papers;
mod plan;
mod progress;
mod run;
mod simulate;
mod sweep;
mod taxonomy;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};

use crate::engine::{self, EngineError, Exit, RegisterAt};
use crate::keys::Place;
use crate::lookalike::LookalikeError;
use crate::release::PublishError;
use crate::release::publish::SingleFile;
use crate::simulate::SimulateError;
use crate::spec::{self, RegisterFile, Spec};
use crate::sweep::SweepError;
use args::{Args, Format, SpecArgs, Verb};

/// What a verb hands back: the text for a person, or the value for a program.
#[derive(Debug)]
pub(crate) struct Answer {
    text: String,
    value: Value,
}

/// Why a verb gave no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// From the engine and below.
    Engine(EngineError),
    /// From a sweep.
    Sweep(SweepError),
    /// There is no look-alike of a release.
    Lookalike(LookalikeError),
    /// A shop cannot be simulated as asked.
    Simulate(SimulateError),
    /// The command line asks for something that cannot be.
    Usage(String),
    /// A notice lacks what only the shop can say; a line a field.
    Blanks(String),
    /// A file of the command line's own could not be written.
    Write(String),
    /// An audit refuted a claim; what it found goes to stdout like any answer.
    Violation(Answer),
    /// A customer is in no segment; why goes to stdout like any answer.
    NoSegment(Answer),
    /// The policy refuses something in what was looked at; what goes to stdout says what.
    Refused(Answer),
}

impl<E: Into<EngineError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        match error {
            SweepError::Engine(error) => Self::Engine(error),
            error => Self::Sweep(error),
        }
    }
}

impl Failure {
    fn code(&self) -> &'static str {
        match self {
            Self::Engine(error) => error.code(),
            Self::Sweep(error) => error.code(),
            Self::Lookalike(error) => error.code(),
            Self::Simulate(error) => error.code(),
            Self::Usage(_) => "usage",
            Self::Blanks(_) => "spec.notice-blank",
            Self::Write(_) => "output.write",
            Self::Violation(_) => "audit.violation",
            Self::NoSegment(_) => "assign.no-segment",
            Self::Refused(_) => "policy.campaign",
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Engine(error) => error.exit(),
            Self::Sweep(error) => error.exit(),
            Self::Simulate(error) => simulate::exit(error),
            Self::Lookalike(LookalikeError::Customers) | Self::Usage(_) => Exit::Usage,
            Self::Lookalike(_) => Exit::BadData,
            Self::Blanks(_) => Exit::BadSpec,
            Self::Write(_) => Exit::CannotWrite,
            Self::Violation(_) => Exit::Violation,
            Self::NoSegment(_) => Exit::NoSegment,
            Self::Refused(_) => Exit::Policy,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Engine(error) => error.to_string(),
            Self::Sweep(error) => error.to_string(),
            Self::Lookalike(error) => error.to_string(),
            Self::Simulate(error) => error.to_string(),
            Self::Usage(message) | Self::Blanks(message) | Self::Write(message) => message.clone(),
            Self::Violation(_) => {
                "a claim of this program is refuted: do not publish with this build, and report what it printed".into()
            }
            Self::NoSegment(_) => {
                "these receipts put their customer into no segment; offer what everybody is offered".into()
            }
            Self::Refused(_) => {
                "the policy refuses promotions of this file: take them out, or what is sensitive in them".into()
            }
        }
    }
}

/// Runs the command line; the exit statuses are those of [`Exit`], and 0.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    let format = args.format;
    match hygiene::begin().and_then(|()| answer(args)) {
        Ok(answer) => match print(&answer, format) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                tell(&failure);
                ExitCode::from(failure.exit() as u8)
            }
        },
        Err(failure) => {
            let (code, exit) = (failure.code(), failure.exit());
            let printed = match &failure {
                Failure::Violation(answer) | Failure::NoSegment(answer) | Failure::Refused(answer) => {
                    print(answer, format)
                }
                _ if format == Format::Json => {
                    let retry = exit == Exit::Busy;
                    let message = failure.message();
                    let error = json!({ "code": code, "exit": exit as u8, "message": message, "retry": retry });
                    written(&pretty(&json!({ "error": error })))
                }
                _ => Ok(()),
            };
            tell(&failure);
            // The status stays what it is: it says what happened, and stderr says that the answer is lost.
            if let Err(lost) = printed {
                tell(&lost);
            }
            ExitCode::from(exit as u8)
        }
    }
}

/// Says a failure on stderr.
fn tell(failure: &Failure) {
    for line in failure.message().lines() {
        // A spec has a code for each of its problems, in the text already.
        let coded = matches!(failure, Failure::Engine(EngineError::Spec(_)));
        let code = if coded { String::new() } else { format!(" [{}]", failure.code()) };
        say(&format!("{line}{code}"));
    }
}

/// A line on stderr. One that cannot be written there stops nothing: a full log is no reason to lose a release.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "tactful: {line}");
}

fn print(answer: &Answer, format: Format) -> Result<(), Failure> {
    match format {
        Format::Text => written(&answer.text),
        Format::Json => written(&pretty(&answer.value)),
    }
}

/// Writes all of it to stdout.
fn written(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A reader that went away (`| head`) is no failure of ours.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::Write(
            "standard output: not all of the answer could be written; what was done stays done".into(),
        )),
        _ => Ok(()),
    }
}

fn answer(args: Args) -> Result<Answer, Failure> {
    let talk = !args.quiet;
    match args.verb {
        Verb::Demo { out } => demo::demo(&out, talk),
        Verb::Simulate(args) => simulate::simulate(&args, talk),
        Verb::Init { file, out, layout } => inspect::init(&file, out.as_deref(), layout),
        Verb::Check { spec, memory } => inspect::check(&spec, memory),
        Verb::Plan(args) => plan::plan(&args, talk),
        Verb::Notice { spec, lang, out, draft } => papers::notice(&spec, lang, out.as_deref(), draft),
        Verb::Officer { spec, out } => papers::officer(&spec, &out),
        Verb::Run { spec, out, request_id, memory } => run::run(&spec, &out, request_id, memory, talk),
        Verb::Show { dir } => run::show(&dir),
        Verb::Assign(args) => assign::assign(&args),
        Verb::Sweep(args) => sweep::sweep(&args, talk),
        Verb::Budget(spec) => ledger::budget(&spec),
        Verb::Ledger { verb } => ledger::ledger(verb),
        Verb::Taxonomy { verb } => taxonomy::taxonomy(verb),
        Verb::Campaign { verb } => campaign::campaign(verb),
        Verb::Cluster(args) => cluster::cluster(args),
        Verb::Audit { spec, seconds } => audit::audit(spec.as_deref(), seconds, talk),
        Verb::Keys { verb } => keys::keys(verb),
        Verb::Optout { verb } => optout::optout(verb, talk),
        Verb::Audience(args) => audience::audience(&args),
        Verb::Pseudonyms(args) => audience::pseudonyms(&args),
        Verb::Erase(args) => erase::erase(&args),
        Verb::Errors => Ok(inspect::errors()),
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Terminal width and whether colour is wanted on stdout.
fn screen() -> (usize, bool) {
    let terminal = std::io::stdout().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let width = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    (if width == 0 { 100 } else { width }, colour)
}

/// A spec, where its paths start, and its ledger.
pub(crate) struct Opened {
    pub spec: Spec,
    pub base: PathBuf,
    pub ledger: PathBuf,
    pub register: Option<RegisterAt>,
}

fn open(args: &SpecArgs) -> Result<Opened, Failure> {
    let spec = spec::load(&args.spec)?;
    let folder = args.spec.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let base = args.data.clone().unwrap_or_else(|| folder.to_path_buf());
    let ledger = ledger_path(args.ledger.as_deref(), &spec.population)?;
    let register = register_at(&spec, &base, args.register.as_deref(), args.keys.as_deref())?;
    Ok(Opened { spec, base, ledger, register })
}

/// Where the register that a spec names is, with its keys; `None` when it names none.
fn register_at(
    spec: &Spec,
    base: &Path,
    named: Option<&Path>,
    keys: Option<&Path>,
) -> Result<Option<RegisterAt>, Failure> {
    let file = match (&spec.sources.register, named) {
        (None, _) => return Ok(None),
        (Some(RegisterFile::At(path)), None) => engine::register_of_spec(path, base)?,
        (Some(_), named) => register_path(named, &spec.population)?,
    };
    let keys = Place::find(keys, hygiene::handed(), &spec.population)?;
    Ok(Some(RegisterAt { file, keys }))
}

/// The register of opt-outs named on the command line or in `TACTFUL_REGISTER`, else the population's own in the user's data
/// directory.
fn register_path(named: Option<&Path>, population: &str) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.to_path_buf());
    }
    engine::usual_register(population).ok_or_else(|| {
        Failure::Usage(
            "there is no home directory to keep the register in; name a file with --register or TACTFUL_REGISTER"
                .into(),
        )
    })
}

/// The ledger named on the command line or in `TACTFUL_LEDGER`, else the population's own in the user's data
/// directory.
fn ledger_path(named: Option<&Path>, population: &str) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.to_path_buf());
    }
    engine::usual_ledger(population).ok_or_else(|| {
        Failure::Usage(
            "there is no home directory to keep the ledger in; name a file with --ledger or TACTFUL_LEDGER".into(),
        )
    })
}

/// Makes the folder of the default ledger, for its owner alone.
fn make_ledger_folder(ledger: &Path) -> Result<(), Failure> {
    engine::make_ledger_folder(ledger).map_err(|_| {
        Failure::Write(format!(
            "{}: the ledger's folder cannot be made; name another file with --ledger",
            ledger.parent().unwrap_or(ledger).display()
        ))
    })
}

/// Writes a new file, whole or not at all, readable by its owner alone (0600). What exists is never replaced.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let file = SingleFile::begin(path).and_then(|file| file.publish(text.as_bytes()));
    file.map_err(|error| match error {
        PublishError::Exists { .. } | PublishError::Link { .. } => {
            Failure::Write(format!("{}: exists; choose another name", path.display()))
        }
        other => other.into(),
    })
}
