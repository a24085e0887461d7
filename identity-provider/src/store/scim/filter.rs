//! From a filter that was checked to a condition in SQL. Values are only ever bound; columns are our own words.
//!
//! What no column holds becomes "always true", also below a `not`, so that the condition lets too many rows through and
//! never too few; the caller then looks at each of them. That is what `is_exact` tells.

use standards::scim::{
    document::milliseconds,
    error::ScimError,
    filter::{Comparison, Filter, Literal},
    fold,
    path::AttributePath,
    schema::{ResourceType, Target, USER},
};

/// A value to bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    Text(String),
    Number(i64),
}

/// A condition in SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub sql: String,
    pub binds: Vec<Bind>,
    pub is_exact: bool,
}

/// Where an attribute is stored.
#[derive(Clone, Copy)]
enum Column {
    /// Text in ASCII lower case.
    Folded(&'static str),
    /// Text as it is.
    Exact(&'static str),
    /// The person's status.
    Status,
    /// Milliseconds.
    Time(&'static str),
    /// Ids in another table: the condition for one of them, and what completes it to any of them.
    Ids(&'static str),
}

impl Condition {
    /// The condition of `filter`; its values are bound from `$first` on.
    pub fn of(
        filter: Option<&Filter>,
        resource: &ResourceType,
        first: usize,
    ) -> Result<Self, ScimError> {
        let mut writer = Writer {
            resource,
            first,
            binds: Vec::new(),
            is_exact: true,
        };
        let sql = match filter {
            Some(filter) => writer.write(filter, false)?,
            None => ALWAYS.into(),
        };
        Ok(Self {
            sql,
            binds: writer.binds,
            is_exact: writer.is_exact,
        })
    }
}

/// What a list is sorted by; resources are always sorted by id in the end. `None` if no column holds it.
pub fn order(resource: &ResourceType, path: &AttributePath) -> Option<&'static str> {
    let target = resource.resolve(path)?;
    match column(resource, &target)? {
        Column::Folded(name) | Column::Exact(name) | Column::Time(name) => Some(name),
        Column::Status => Some("status"),
        Column::Ids(_) => None,
    }
}

const ALWAYS: &str = "1 = 1";

struct Writer<'a> {
    resource: &'a ResourceType,
    first: usize,
    binds: Vec<Bind>,
    is_exact: bool,
}

impl Writer<'_> {
    fn write(&mut self, filter: &Filter, is_negated: bool) -> Result<String, ScimError> {
        match filter {
            // De Morgan: the negation is carried down to the comparisons.
            Filter::And(terms) => {
                self.join(terms, is_negated, if is_negated { " OR " } else { " AND " })
            }
            Filter::Or(terms) => {
                self.join(terms, is_negated, if is_negated { " AND " } else { " OR " })
            }
            Filter::Not(inner) => self.write(inner, !is_negated),
            Filter::Present(path) => {
                let sql = match self.column(path) {
                    Some(Column::Folded(name) | Column::Exact(name)) => {
                        Some(format!("{name} <> ''"))
                    }
                    Some(Column::Ids(table)) => Some(format!("EXISTS ({table})")),
                    Some(Column::Status | Column::Time(_)) => Some(ALWAYS.into()),
                    None => None,
                };
                self.leaf(sql, path, is_negated)
            }
            Filter::Compare(path, comparison, literal) => {
                let sql = self
                    .column(path)
                    .and_then(|c| self.compare(c, *comparison, literal));
                self.leaf(sql, path, is_negated)
            }
            Filter::Values(path, inner) => {
                let sql = match (self.column(path), inner.alternatives("value")) {
                    (Some(Column::Ids(table)), Some(ids)) => Some(self.one_of(table, &ids)),
                    _ => None,
                };
                self.leaf(sql, path, is_negated)
            }
        }
    }

    fn join(
        &mut self,
        terms: &[Filter],
        is_negated: bool,
        word: &str,
    ) -> Result<String, ScimError> {
        let terms: Result<Vec<_>, _> = terms.iter().map(|t| self.write(t, is_negated)).collect();
        Ok(format!("({})", terms?.join(word)))
    }

    /// The condition of one comparison, or what it costs not to have one.
    fn leaf(
        &mut self,
        sql: Option<String>,
        path: &AttributePath,
        is_negated: bool,
    ) -> Result<String, ScimError> {
        match sql {
            Some(sql) if is_negated => Ok(format!("NOT ({sql})")),
            Some(sql) => Ok(sql),
            // Memberships are not part of what is looked at row by row: lists of people would be read with all their groups.
            None if self
                .resource
                .resolve(path)
                .is_some_and(|t| is_membership(&t)) =>
            {
                Err(ScimError::FilterComparison(
                    "members and groups, other than by value,",
                ))
            }
            None => {
                self.is_exact = false;
                Ok(ALWAYS.into())
            }
        }
    }

    fn compare(
        &mut self,
        column: Column,
        comparison: Comparison,
        literal: &Literal,
    ) -> Option<String> {
        use Comparison::{Co, Eq, Ew, Ge, Gt, Le, Lt, Ne, Sw};
        let sign = match comparison {
            Eq => "=",
            Ne => "<>",
            Gt => ">",
            Ge => ">=",
            Lt => "<",
            Le => "<=",
            Co | Sw | Ew => "LIKE",
        };
        match (column, literal, comparison) {
            (Column::Folded(name) | Column::Exact(name), Literal::Null, Eq | Ne) => {
                Some(format!("{name} {sign} ''"))
            }
            (Column::Time(_) | Column::Status, Literal::Null, Ne) => Some(ALWAYS.into()),
            (Column::Time(_) | Column::Status, Literal::Null, _) => Some("1 = 0".into()),
            (Column::Ids(table), Literal::Null, Ne) => Some(format!("EXISTS ({table})")),
            (Column::Ids(table), Literal::Null, _) => Some(format!("NOT EXISTS ({table})")),
            (Column::Folded(name), Literal::Text(text), Eq | Ne) => Some(format!(
                "{name} {sign} {}",
                self.bind(Bind::Text(fold(text)))
            )),
            (Column::Exact(name), Literal::Text(text), Eq | Ne) => Some(format!(
                "{name} {sign} {}",
                self.bind(Bind::Text(text.clone()))
            )),
            // SQLite's LIKE knows no case and PostgreSQL's does, so it is only asked about text that has one case. What
            // is greater than what depends on the database's language, so that is looked at row by row.
            (Column::Folded(name), Literal::Text(text), Co | Sw | Ew) => {
                let (before, after) = (
                    if comparison == Sw { "" } else { "%" },
                    if comparison == Ew { "" } else { "%" },
                );
                let pattern = format!("{before}{}{after}", escaped(&fold(text)));
                let pattern = self.bind(Bind::Text(pattern));
                Some(format!(
                    "({name} <> '' AND {name} LIKE {pattern} ESCAPE '\\')"
                ))
            }
            (Column::Status, _, Eq | Ne) => {
                let wanted = match literal {
                    Literal::Boolean(value) => *value,
                    Literal::Text(text) => standards::scim::document::truth(text)?,
                    _ => return None,
                };
                Some(match wanted == (comparison == Eq) {
                    true => "status = 'active'".into(),
                    false => "status <> 'active'".into(),
                })
            }
            (Column::Time(name), Literal::Text(text), _) if sign != "LIKE" => {
                let at = milliseconds(text)?;
                Some(format!("{name} {sign} {}", self.bind(Bind::Number(at))))
            }
            (Column::Ids(table), Literal::Text(text), Eq) => Some(self.one_of(table, &[text])),
            (Column::Ids(table), Literal::Text(text), Ne) => {
                Some(format!("NOT {}", self.one_of(table, &[text])))
            }
            _ => None,
        }
    }

    fn one_of(&mut self, table: &'static str, ids: &[&str]) -> String {
        let marks: Vec<String> = ids
            .iter()
            .map(|id| self.bind(Bind::Text((*id).into())))
            .collect();
        format!(
            "EXISTS ({table} AND m.{} IN ({}))",
            if table == GROUPS {
                "group_id"
            } else {
                "user_id"
            },
            marks.join(", ")
        )
    }

    fn bind(&mut self, value: Bind) -> String {
        self.binds.push(value);
        format!("${}", self.first + self.binds.len() - 1)
    }

    fn column(&self, path: &AttributePath) -> Option<Column> {
        column(self.resource, &self.resource.resolve(path)?)
    }
}

const MEMBERS: &str = "SELECT 1 FROM scim_members m WHERE m.group_id = scim_groups.id";
const GROUPS: &str = "SELECT 1 FROM scim_members m WHERE m.user_id = users.id";

fn column(resource: &ResourceType, target: &Target) -> Option<Column> {
    if target.extension.is_some() {
        return None;
    }
    let is_user = resource.name == USER.name;
    match (target.attribute.name, target.sub.map(|s| s.name)) {
        ("id", None) => Some(Column::Exact("id")),
        ("externalId", None) => Some(Column::Exact("external_id")),
        ("userName", None) => Some(Column::Folded("login_folded")),
        ("displayName", None) => Some(Column::Folded(if is_user {
            "display_folded"
        } else {
            "name_folded"
        })),
        ("active", None) => Some(Column::Status),
        ("meta", Some("created")) => Some(Column::Time("created_at")),
        ("meta", Some("lastModified")) => Some(Column::Time("updated_at")),
        ("members", None | Some("value")) => Some(Column::Ids(MEMBERS)),
        ("groups", None | Some("value")) => Some(Column::Ids(GROUPS)),
        _ => None,
    }
}

fn is_membership(target: &Target) -> bool {
    matches!(target.attribute.name, "members" | "groups")
}

/// A text in a LIKE pattern that stands for itself.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use standards::scim::schema::GROUP;

    fn check(resource: &ResourceType, text: &str, sql: &str, binds: &[&str], is_exact: bool) {
        let filter = Filter::parse(text).unwrap();
        filter.check(resource).unwrap();
        let condition = Condition::of(Some(&filter), resource, 3).unwrap();
        let said: Vec<String> = condition
            .binds
            .iter()
            .map(|b| match b {
                Bind::Text(text) => text.clone(),
                Bind::Number(n) => n.to_string(),
            })
            .collect();
        assert_eq!(
            (
                condition.sql.as_str(),
                said.iter().map(String::as_str).collect::<Vec<_>>(),
                condition.is_exact
            ),
            (sql, binds.to_vec(), is_exact),
            "{text}"
        );
    }

    #[test]
    fn filters_become_conditions_and_values_are_bound() {
        check(
            &USER,
            r#"userName eq "A' OR 1=1 --""#,
            "login_folded = $3",
            &["a' or 1=1 --"],
            true,
        );
        check(
            &USER,
            r#"externalId eq "00uA" and active eq "True""#,
            "(external_id = $3 AND status = 'active')",
            &["00uA"],
            true,
        );
        check(
            &USER,
            r#"userName sw "a_%\\""#,
            r"(login_folded <> '' AND login_folded LIKE $3 ESCAPE '\')",
            &[r"a\_\%\\%"],
            true,
        );
        check(
            &USER,
            r#"not (id eq "1" or meta.created gt "1970-01-01T00:00:01Z")"#,
            "(NOT (id = $3) AND NOT (created_at > $4))",
            &["1", "1000"],
            true,
        );
        check(
            &USER,
            r#"not (userName pr and title pr)"#,
            "(NOT (login_folded <> '') OR 1 = 1)",
            &[],
            false,
        );
        check(&USER, r#"emails[type eq "work"]"#, "1 = 1", &[], false);
        check(&USER, r#"userName gt "a""#, "1 = 1", &[], false);
        check(&USER, r#"externalId sw "a""#, "1 = 1", &[], false);
        check(
            &USER,
            r#"groups eq "g""#,
            "EXISTS (SELECT 1 FROM scim_members m WHERE m.user_id = users.id AND m.group_id IN ($3))",
            &["g"],
            true,
        );
        check(
            &GROUP,
            r#"displayName eq "Staff""#,
            "name_folded = $3",
            &["staff"],
            true,
        );
        check(
            &GROUP,
            r#"members[value eq "a" or value eq "b"]"#,
            "EXISTS (SELECT 1 FROM scim_members m WHERE m.group_id = scim_groups.id AND m.user_id IN ($3, $4))",
            &["a", "b"],
            true,
        );
    }

    #[test]
    fn memberships_are_found_by_id_only() {
        for text in [r#"members.display co "a""#, r#"members[display eq "a"]"#] {
            let filter = Filter::parse(text).unwrap();
            assert!(Condition::of(Some(&filter), &GROUP, 1).is_err(), "{text}");
        }
    }
}
