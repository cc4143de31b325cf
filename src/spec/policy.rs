//! What data may not enter, whatever the spec says: data of others, and columns about the person.

/// Origins that have a name only to be refused.
const OUTSIDE: [&str; 14] = [
    "third_party",
    "second_party",
    "social",
    "social_media",
    "public_record",
    "public_records",
    "purchased",
    "bought",
    "broker",
    "data_broker",
    "scraped",
    "enriched",
    "partner",
    "inferred",
];

/// Words, or runs of words, that name identity, outside data or a device. Single letters and
/// ordinary trade words (name of a product, country of a shop) are not here on purpose.
const PERSONAL: [&str; 82] = [
    "email",
    "e mail",
    "phone",
    "telephone",
    "mobile number",
    "fax",
    "first name",
    "last name",
    "full name",
    "given name",
    "family name",
    "middle name",
    "maiden name",
    "customer name",
    "client name",
    "member name",
    "user name",
    "person name",
    "contact name",
    "firstname",
    "lastname",
    "fullname",
    "username",
    "nickname",
    "surname",
    "forename",
    "address",
    "street",
    "house number",
    "postcode",
    "post code",
    "postal",
    "zip",
    "zipcode",
    "birth",
    "birthday",
    "birthdate",
    "birthplace",
    "dob",
    "age",
    "ages",
    "income",
    "salary",
    "wage",
    "gender",
    "sex",
    "ethnicity",
    "race",
    "religion",
    "nationality",
    "citizenship",
    "marital",
    "kids",
    "children",
    "occupation",
    "education",
    "credit score",
    "ssn",
    "passport",
    "iban",
    "device",
    "imei",
    "idfa",
    "gaid",
    "cookie",
    "ip",
    "user agent",
    "latitude",
    "longitude",
    "lat",
    "lon",
    "lng",
    "gps",
    "geolocation",
    "facebook",
    "instagram",
    "twitter",
    "tiktok",
    "linkedin",
    "snapchat",
    "pinterest",
    "whatsapp",
];

/// Whether `origin` names data that people did not give to this shop.
pub(super) fn is_outside(origin: &str) -> bool {
    OUTSIDE.contains(&origin.to_lowercase().replace(['-', ' '], "_").as_str())
}

/// The personal word in a column's name, if there is one. `name` alone is personal only where
/// rows are of people, so `of_people` says whether they are.
pub(super) fn personal_word(column: &str, of_people: bool) -> Option<&'static str> {
    let words = words(column).join(" ");
    if of_people && words == "name" {
        return Some("name");
    }
    let padded = format!(" {words} ");
    PERSONAL.into_iter().find(|word| padded.contains(&format!(" {word} ")))
}

/// Words of a column's name, in lower case: `FirstName`, `first_name` and `first-name` are alike.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let starts_word = c.is_uppercase()
            && (before.is_lowercase()
                || (before.is_uppercase() && chars.peek().is_some_and(|next| next.is_lowercase())));
        if starts_word || !c.is_alphabetic() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphabetic(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_about_the_person_is_known_by_its_words() {
        for column in [
            "email",
            "E-Mail",
            "customer_email",
            "emailAddress",
            "PhoneNumber",
            "first_name",
            "LastName",
            "surname",
            "home-address",
            "PostCode",
            "ZIP",
            "zip_code",
            "birth_date",
            "DOB",
            "age",
            "AGE_GROUP",
            "HHIncome",
            "gender",
            "deviceId",
            "client IP",
            "IPAddress",
            "facebook_id",
            "instagramHandle",
            "twitter",
            "kids_count",
        ] {
            assert!(personal_word(column, true).is_some(), "{column}");
        }
    }

    #[test]
    fn a_column_of_the_trade_is_let_through() {
        for column in [
            "household_id",
            "CustomerID",
            "StockCode",
            "Country",
            "InvoiceNo",
            "InvoiceDate",
            "Description",
            "package_size",
            "product_name",
            "category_name",
            "store_id",
            "basket_id",
            "retail_disc",
            "coupon_match_disc",
            "sales_value",
            "number_of_cds",
            "dollar_value",
            "transaction_timestamp",
            "UnitPrice",
            "brand",
            "shipping",
            "zipper_type",
            "average_price",
            "description",
            "unisex_size",
            "week",
        ] {
            assert_eq!(personal_word(column, true), None, "{column}");
        }
        assert_eq!(personal_word("name", false), None);
        assert_eq!(personal_word("name", true), Some("name"));
    }
}
