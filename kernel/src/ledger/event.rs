//! What the ledger records: five kinds of event, each with a strict JSON body.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::Rule;
use super::handed::Audience;
use crate::loss::{Delta, Epsilon, Loss};

/// The (ε, δ) that a cap was made from, recorded so that a reader sees what was promised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// ε of the promise for a whole year.
    pub epsilon: Epsilon,
    /// δ of the promise for a whole year.
    pub delta: Delta,
}

impl Claim {
    /// Whether this promises at least as much privacy as `other`, in both parts.
    pub(super) fn within(self, other: Self) -> bool {
        self.epsilon <= other.epsilon && self.delta <= other.delta
    }
}

/// Event 1: whose losses are counted, and how much of them a year may hold.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Genesis {
    pub ledger_id: String,
    pub population: String,
    pub cap: Loss,
    pub claim: Claim,
    pub time: u64,
}

/// A loss that counts from now on, whatever becomes of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reserve {
    pub loss: Loss,
    pub spec_sha256: String,
    pub purpose: String,
    pub request_id: Option<String>,
    pub time: u64,
}

/// The release that a reservation paid for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    pub reservation: u64,
    pub manifest_sha256: String,
    pub release_path: String,
    pub model: Value,
    pub time: u64,
}

/// A larger cap, with the reason and the two people who answer for it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raise {
    pub cap: Loss,
    pub claim: Claim,
    pub reason: String,
    pub approvers: [String; 2],
    pub time: u64,
}

/// One event.
#[derive(Debug)]
pub(super) enum Event {
    Genesis(Genesis),
    Reserve(Reserve),
    Confirm(Confirm),
    Raise(Raise),
    Audience(Audience),
}

impl Event {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Genesis(_) => "genesis",
            Self::Reserve(_) => "reserve",
            Self::Confirm(_) => "confirm",
            Self::Raise(_) => "raise",
            Self::Audience(_) => "audience",
        }
    }

    /// The body as it is stored and hashed. `None` for what could not be read back, such as a model
    /// nested too deep: one unreadable event would lock the ledger for ever.
    pub fn body(&self) -> Option<String> {
        let body = match self {
            Self::Genesis(event) => serde_json::to_string(event),
            Self::Reserve(event) => serde_json::to_string(event),
            Self::Confirm(event) => serde_json::to_string(event),
            Self::Raise(event) => serde_json::to_string(event),
            Self::Audience(event) => serde_json::to_string(event),
        };
        body.ok().filter(|body| Self::parse(self.kind(), body).is_ok())
    }

    pub fn parse(kind: &str, body: &str) -> Result<Self, Rule> {
        let event = match kind {
            "genesis" => serde_json::from_str(body).map(Self::Genesis),
            "reserve" => serde_json::from_str(body).map(Self::Reserve),
            "confirm" => serde_json::from_str(body).map(Self::Confirm),
            "raise" => serde_json::from_str(body).map(Self::Raise),
            "audience" => serde_json::from_str(body).map(Self::Audience),
            _ => return Err(Rule::Body),
        };
        event.map_err(|_| Rule::Body)
    }

    pub fn time(&self) -> u64 {
        match self {
            Self::Genesis(Genesis { time, .. })
            | Self::Reserve(Reserve { time, .. })
            | Self::Confirm(Confirm { time, .. })
            | Self::Raise(Raise { time, .. })
            | Self::Audience(Audience { time, .. }) => *time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_with_a_field_too_many_does_not_parse() {
        let body = r#"{"reservation":2,"manifest_sha256":"","release_path":"","model":null,"time":1}"#;
        assert!(Event::parse("confirm", body).is_ok());
        assert!(Event::parse("confirm", &body.replace("\"time\"", "\"refund\":1,\"time\"")).is_err());
        assert!(Event::parse("refund", body).is_err());
    }

    #[test]
    fn what_cannot_be_read_back_is_not_written() {
        let model = (0..200).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        let (manifest_sha256, release_path) = (String::new(), String::new());
        let event = Event::Confirm(Confirm { reservation: 2, manifest_sha256, release_path, model, time: 1 });
        assert!(event.body().is_none());
    }
}
