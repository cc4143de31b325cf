//! Who answers for the purchases, as a user writes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::checked::{LegalBasis, Notice};

/// Who answers for the purchases and how to opt out. Every key may be left out; `tactful notice` says which it lacks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Notice")]
pub struct RawNotice {
    /// Name of the shop or company that answers for the purchases (the controller).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<String>,
    /// Where a customer writes or calls: postal address, e-mail address or phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// How to reach the data protection officer, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub officer: Option<String>,
    /// What a customer says at the till to opt out, such as "Leave my purchases out".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_out_words: Option<String>,
    /// Phone number to opt out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_out_phone: Option<String>,
    /// Page to opt out; starts with https://.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_out_url: Option<String>,
    /// Months for which purchases are kept, 1 to 240.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 240))]
    pub keep_months: Option<i64>,
    /// What the law lets the shop do this on. A human decides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<LegalBasis>,
    /// The supervisory authority that takes complaints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

impl From<&Notice> for RawNotice {
    fn from(notice: &Notice) -> Self {
        let notice = notice.clone();
        Self {
            controller: notice.controller,
            contact: notice.contact,
            officer: notice.officer,
            opt_out_words: notice.opt_out_words,
            opt_out_phone: notice.opt_out_phone,
            opt_out_url: notice.opt_out_url,
            keep_months: notice.keep_months.map(i64::from),
            legal_basis: notice.legal_basis,
            authority: notice.authority,
        }
    }
}
