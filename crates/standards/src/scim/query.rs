//! The parameters of a query, from a URL or from the body of `/.search` (RFC 7644, sections 3.4.2 and 3.4.3).

use super::{
    LIST_RESPONSE, SEARCH_REQUEST, error::ScimError, filter::Filter, limits, path::AttributePath,
    projection::Projection,
};
use serde_json::{Value, json};

/// What a list is asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// Which resources.
    pub filter: Option<Filter>,
    /// By which attribute they are sorted.
    pub sort_by: Option<AttributePath>,
    /// The other way round.
    pub is_descending: bool,
    /// Resources before the page.
    pub offset: usize,
    /// Resources on the page at most.
    pub count: usize,
    /// Which attributes.
    pub projection: Projection,
}

const NAMES: [&str; 7] = [
    "filter",
    "sortBy",
    "sortOrder",
    "startIndex",
    "count",
    "attributes",
    "excludedAttributes",
];

impl Query {
    /// Reads decoded parameters of a URL. One that is said twice is refused; an unknown one is passed over.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ScimError> {
        let mut said: [Option<&str>; 7] = [None; 7];
        for (name, value) in pairs {
            let known = NAMES.iter().position(|n| n.eq_ignore_ascii_case(name));
            if let Some(n) = known
                && said[n].replace(value).is_some()
            {
                return Err(ScimError::ParameterRepeated(NAMES[n]));
            }
        }
        Self::read(said)
    }

    /// Reads the body of `/.search`.
    pub fn from_body(body: &Value) -> Result<Self, ScimError> {
        let not = ScimError::NotA("a search request");
        let Value::Object(body) = body else {
            return Err(not);
        };
        let mut texts: [Option<String>; 7] = Default::default();
        for (name, value) in body {
            if name.eq_ignore_ascii_case("schemas") {
                let is_search = |v: &Value| {
                    v.as_str()
                        .is_some_and(|s| s.eq_ignore_ascii_case(SEARCH_REQUEST))
                };
                if !value.as_array().is_some_and(|l| l.iter().any(is_search)) {
                    return Err(ScimError::SchemaMissing(SEARCH_REQUEST));
                }
            }
            let Some(n) = NAMES.iter().position(|n| n.eq_ignore_ascii_case(name)) else {
                continue;
            };
            texts[n] = Some(match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Array(list) => {
                    let names: Option<Vec<_>> = list.iter().map(Value::as_str).collect();
                    names.ok_or(ScimError::Parameter(NAMES[n]))?.join(",")
                }
                Value::Null => continue,
                _ => return Err(ScimError::Parameter(NAMES[n])),
            });
        }
        Self::read(texts.each_ref().map(Option::as_deref))
    }

    fn read(said: [Option<&str>; 7]) -> Result<Self, ScimError> {
        let [filter, sort_by, order, start, count, attributes, excluded] = said;
        let number = |text: Option<&str>, name| match text {
            None => Ok(None),
            Some(text) => text
                .trim()
                .parse::<i64>()
                .map(Some)
                .map_err(|_| ScimError::Parameter(name)),
        };
        // RFC 7644, table 6: a start below 1 is 1, a negative count is 0.
        let start = number(start, "startIndex")?.unwrap_or(1).max(1);
        let count =
            number(count, "count")?.map(|c| usize::try_from(c.max(0)).unwrap_or(usize::MAX));
        let sort_by = sort_by
            .map(|text| AttributePath::parse(text).ok_or(ScimError::Parameter("sortBy")))
            .transpose()?;
        let is_descending = match order {
            None => false,
            Some(order) if order.eq_ignore_ascii_case("ascending") => false,
            Some(order) if order.eq_ignore_ascii_case("descending") => true,
            Some(_) => return Err(ScimError::Parameter("sortOrder")),
        };
        Ok(Self {
            filter: filter
                .map(Filter::parse)
                .transpose()
                .map_err(ScimError::Filter)?,
            sort_by,
            is_descending,
            offset: usize::try_from(start - 1).unwrap_or(usize::MAX),
            count: count.unwrap_or(limits::DEFAULT_PAGE).min(limits::PAGE),
            projection: Projection::parse(attributes, excluded)?,
        })
    }

    /// The body of the answer. All three numbers are JSON integers: Okta's provisioning dies silently of strings.
    pub fn answer(&self, total: u64, resources: Vec<Value>) -> Value {
        json!({
            "schemas": [LIST_RESPONSE],
            "totalResults": total,
            "startIndex": self.offset.saturating_add(1),
            "itemsPerPage": resources.len(),
            "Resources": resources,
        })
    }
}
