//! `manifest.json` of a hand-over: what a destination must know besides the rows.

use serde::{Deserialize, Serialize};

/// Version of the manifest.
pub const MANIFEST_VERSION: u32 = 1;

/// What stands beside the files of a hand-over. It counts nobody and claims no privacy of statistics: this is row level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudienceManifest {
    /// [`MANIFEST_VERSION`].
    pub schema_version: u32,
    /// "audience".
    pub kind: String,
    /// Version of the program that wrote it.
    pub tactful_version: String,
    /// `first_party`, `simulated` or `public`.
    pub origin: String,
    /// To whom.
    pub destination: String,
    /// `own_channel` or `processor`.
    pub role: String,
    /// Under which contract.
    pub contract: String,
    /// For which purpose, and no other.
    pub purpose: String,
    /// How the files look.
    pub profile: String,
    /// The epoch of the ids; those of another epoch are other ids.
    pub epoch: String,
    /// First day on which ids change, `YYYY-MM-DD`.
    pub epoch_ends: String,
    /// When it was made, UTC, RFC 3339.
    pub created: String,
    /// When everything in it must have been deleted, UTC, RFC 3339.
    pub expires: String,
    /// Every segment in it has at least so many people.
    pub minimum: u64,
    /// Bits that the ids of this epoch can reveal by now, this hand-over included, such as "3.17". Removals alone count, and are
    /// never refused for it.
    pub linkability_bits: String,
    /// The most that they may when an audience goes out.
    pub linkability_bits_at_most: u8,
    /// SHA-256 of the manifest of the release that people were assigned by.
    pub release_manifest_sha256: String,
    /// When the consents were taken that were held against, UTC, RFC 3339. Not there when none counted: then removals alone are
    /// handed over, of everybody.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub consent_taken: Option<String>,
    /// Whether the audience takes the place of all that was handed over before. False only for removals alone.
    pub full_replace: bool,
    /// The files.
    pub files: Vec<AudienceFile>,
}

/// A file of a hand-over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudienceFile {
    /// Its name.
    pub name: String,
    /// `audience`: everybody who is in it now. `removals`: ids to delete.
    pub what: String,
    /// SHA-256, hex.
    pub sha256: String,
}

impl AudienceManifest {
    /// `manifest.json`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Texts, numbers and lists of them: nothing in it can fail to serialise.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}
