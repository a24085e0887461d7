//! Lists: limits, cursors, and Okta's two `Link` headers.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::filter::Filter;
use crate::http::error::ApiError;
use crate::http::percent_encode;
use crate::org::Org;
use crate::resources::Table;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    pub limit: Option<String>,
    pub after: Option<String>,
    pub q: Option<String>,
    pub search: Option<String>,
    pub filter: Option<String>,
    /// Of policies and identity providers.
    pub r#type: Option<String>,
}

/// How many rows a list gives by default, and at most.
pub struct Limits {
    pub default: usize,
    pub most: usize,
}

impl ListQuery {
    pub fn filter(&self) -> Result<Option<Filter>, ApiError> {
        let text = self.search.as_deref().or(self.filter.as_deref());
        text.map(|text| Filter::parse(text).ok_or(ApiError::InvalidSearch))
            .transpose()
    }

    /// `q`, in lower case.
    pub fn words(&self) -> Option<String> {
        self.q.as_ref().map(|q| q.to_lowercase())
    }

    /// One page of a table, each wanted row as `body` shows it.
    pub fn answer<T>(
        &self,
        org: &Org,
        path: &str,
        limits: &Limits,
        table: &Table<T>,
        body: impl Fn(&str, &T) -> Value,
        is_wanted: impl Fn(&str, &T) -> bool,
    ) -> Result<Response, ApiError> {
        let limit = self.limit(limits)?;
        let after = self
            .after
            .as_deref()
            .map(|text| text.parse().map_err(|_| ApiError::InvalidSearch))
            .transpose()?;
        let page = table.page(after, limit, is_wanted);
        let rows: Vec<Value> = page.rows.iter().map(|(id, row)| body(id, row)).collect();
        let mut response = Json(rows).into_response();
        self.add_link(
            org,
            path,
            &mut response,
            limit,
            self.after.as_deref(),
            "self",
        );
        if let Some(next) = page.next {
            self.add_link(
                org,
                path,
                &mut response,
                limit,
                Some(&next.to_string()),
                "next",
            );
        }
        Ok(response)
    }

    fn limit(&self, limits: &Limits) -> Result<usize, ApiError> {
        match self.limit.as_deref() {
            None | Some("") => Ok(limits.default),
            Some(text) => match text.parse::<usize>() {
                Ok(0) | Err(_) => Err(ApiError::ValidationFailed(
                    "limit",
                    "limit: must be a positive number".to_owned(),
                )),
                Ok(limit) => Ok(limit.min(limits.most)),
            },
        }
    }

    fn add_link(
        &self,
        org: &Org,
        path: &str,
        response: &mut Response,
        limit: usize,
        after: Option<&str>,
        relation: &str,
    ) {
        let mut url = format!("{}{path}?", org.config.org_origin);
        if let Some(after) = after {
            url.push_str(&format!("after={after}&"));
        }
        url.push_str(&format!("limit={limit}"));
        let kept = [
            ("q", &self.q),
            ("search", &self.search),
            ("filter", &self.filter),
            ("type", &self.r#type),
        ];
        for (name, value) in kept {
            if let Some(value) = value {
                url.push_str(&format!("&{name}={}", percent_encode(value)));
            }
        }
        if let Ok(value) = HeaderValue::from_str(&format!("<{url}>; rel=\"{relation}\"")) {
            response.headers_mut().append(header::LINK, value);
        }
    }
}

/// A short list that Okta does not page.
pub fn whole(rows: Vec<Value>) -> Json<Value> {
    Json(json!(rows))
}
