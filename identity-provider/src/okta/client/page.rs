//! Lists, page after page by `Link` (RFC 8288), bounded in pages and items.

use super::{Client, Error, Path, http::Call};
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;

impl Client {
    /// The whole list.
    pub async fn list<T: DeserializeOwned>(&self, path: &Path) -> Result<Vec<T>, Error> {
        let mut items: Vec<T> = Vec::new();
        let mut next = Some(path.clone());
        let mut pages = 0;
        while let Some(path) = next {
            pages += 1;
            if pages > self.bounds.pages {
                return Err(Error::TooMany("pages"));
            }
            let answer = self.call(&Call::new(Method::GET, &path)).await?;
            let page: Vec<T> = answer.json()?;
            let is_empty = page.is_empty();
            items.extend(page);
            if items.len() > self.bounds.items {
                return Err(Error::TooMany("items"));
            }
            next = next_of(&answer.links, self.org().as_str())?;
            // The system log always has a next page: the one to poll later.
            if is_empty || next.as_ref() == Some(&path) {
                break;
            }
            if next.is_some() {
                self.wait_if_used_up(&answer).await?;
            }
        }
        Ok(items)
    }
}

/// Where the list goes on: on the same origin, or it is refused, because the credential would go there.
fn next_of(links: &[String], org: &str) -> Result<Option<Path>, Error> {
    for link in links.iter().flat_map(|line| split(line)) {
        let Some((target, parameters)) = link
            .trim()
            .strip_prefix('<')
            .and_then(|rest| rest.split_once('>'))
        else {
            continue;
        };
        let is_next = parameters.split(';').any(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
            })
        });
        if !is_next {
            continue;
        }
        let base = Url::parse(org).map_err(|_| Error::Malformed("a link"))?;
        let url = base.join(target).map_err(|_| Error::Malformed("a link"))?;
        if url.origin() != base.origin() || !url.username().is_empty() || url.password().is_some() {
            return Err(Error::ForeignLink);
        }
        return Ok(Some(Path::of_link(url.path(), url.query())));
    }
    Ok(None)
}

/// The links of one line; a comma within `<…>` belongs to its URL.
fn split(line: &str) -> Vec<&str> {
    let (mut links, mut start, mut is_inside) = (Vec::new(), 0, false);
    for (at, c) in line.char_indices() {
        match c {
            '<' => is_inside = true,
            '>' => is_inside = false,
            ',' if !is_inside => {
                links.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    links.push(&line[start..]);
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(links: &[&str], expected: Result<Option<&str>, Error>) {
        let links: Vec<String> = links.iter().map(|l| (*l).to_owned()).collect();
        let next = next_of(&links, "https://acme.okta.test");
        assert_eq!(
            next.map(|n| n.map(|p| p.to_string())),
            expected.map(|n| n.map(str::to_owned)),
            "{links:?}"
        );
    }

    #[test]
    fn the_next_page_is_on_the_same_origin() {
        let this = r#"<https://acme.okta.test/api/v1/users?limit=2>; rel="self""#;
        let next = r#"<https://acme.okta.test/api/v1/users?after=00u1&limit=2>; rel="next""#;
        let found = Ok(Some("/api/v1/users?after=00u1&limit=2"));
        check(&[], Ok(None));
        check(&[this], Ok(None));
        check(&[this, next], found.clone());
        check(&[&format!("{this}, {next}")], found.clone());
        check(
            &["</api/v1/users?after=00u1&limit=2>; title=a; REL=next"],
            found,
        );
        check(
            &[r#"<https://acme.okta.test/a?b=1,2>; rel="next""#],
            Ok(Some("/a?b=1,2")),
        );
        for foreign in [
            r#"<https://evil.test/api/v1/users>; rel="next""#,
            r#"<http://acme.okta.test/api/v1/users>; rel="next""#,
            r#"<https://acme.okta.test:444/a>; rel="next""#,
            r#"<https://acme.okta.test@evil.test/a>; rel="next""#,
            r#"<//evil.test/a>; rel="next""#,
        ] {
            check(&[foreign], Err(Error::ForeignLink));
        }
        check(&["nonsense", "<", ">;rel=next"], Ok(None));
    }
}
