//! Door 2: what a customer's own data and a release say together. Row level, **not** differentially private.
//!
//! *X is in segment S3* is a function of X's own purchases: profiling, which no ε covers. So it has a door of its own, beside
//! [`release`](crate::release) and never inside it, with rules of its own:
//!
//! - [`Assigner`]: which segment a row belongs to, exactly as the run itself measured it.
//! - [`Local`]: a release and one customer's own [`Receipts`], on the shop's own system: the segment and the promotions that
//!   fit, and no list anywhere. The default.
//! - [`EdgeModel`]: the same for a till or an app, as one small public file for the JavaScript module in `edge/`.
//! - An audience, off by default: who is in which segment, for one destination under contract. [`Epoch`] and [`Pseudonyms`] make
//!   the ids that the destination knows, [`linkability`] counts what they reveal, [`profile`] and [`AudienceManifest`] are the
//!   files, [`Store`] remembers whom the destination will have to delete.

mod assign;
mod edge;
mod epoch;
mod error;
pub mod linkability;
mod local;
mod manifest;
pub mod profile;
mod pseudonym;
mod receipts;
mod store;

pub use assign::{Assigner, AssignerError};
pub use edge::{EdgeError, EdgeModel};
pub use epoch::Epoch;
pub use error::AudienceError;
pub use local::{Columns, Fit, Found, Local, LocalError, NoSegment};
pub use manifest::{AudienceFile, AudienceManifest, MANIFEST_VERSION};
pub use pseudonym::Pseudonyms;
pub use receipts::{Receipts, ReceiptsError};
pub use store::{Handing, Store, StoreError, Vault};
