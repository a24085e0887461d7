//! Rows in the order in which they were made, found by identifier, at most so many.

use std::collections::{BTreeMap, HashMap};

use super::Fault;

#[derive(Debug)]
pub struct Table<T> {
    /// Okta's word for a row, as its errors say it.
    what: &'static str,
    most: usize,
    next: u64,
    rows: BTreeMap<u64, (String, T)>,
    by_id: HashMap<String, u64>,
}

/// A part of a list.
pub struct Page<'t, T> {
    pub rows: Vec<(&'t str, &'t T)>,
    /// The cursor of the next part, where there is one.
    pub next: Option<u64>,
}

impl<T> Table<T> {
    pub fn new(what: &'static str, most: usize) -> Table<T> {
        Table {
            what,
            most,
            next: 1,
            rows: BTreeMap::new(),
            by_id: HashMap::new(),
        }
    }

    pub fn insert(&mut self, id: String, row: T) -> Result<(), Fault> {
        if self.rows.len() >= self.most {
            return Err(Fault::Full { what: self.what });
        }
        self.by_id.insert(id.clone(), self.next);
        self.rows.insert(self.next, (id, row));
        self.next += 1;
        Ok(())
    }

    pub fn find(&self, id: &str) -> Option<&T> {
        let number = self.by_id.get(id)?;
        self.rows.get(number).map(|(_, row)| row)
    }

    pub fn row(&self, id: &str) -> Result<&T, Fault> {
        self.find(id).ok_or_else(|| self.missing(id))
    }

    pub fn row_mut(&mut self, id: &str) -> Result<&mut T, Fault> {
        let missing = self.missing(id);
        let number = self.by_id.get(id);
        let row = number.and_then(|number| self.rows.get_mut(number));
        row.map(|(_, row)| row).ok_or(missing)
    }

    pub fn remove(&mut self, id: &str) -> Result<T, Fault> {
        let number = self.by_id.remove(id);
        let row = number.and_then(|number| self.rows.remove(&number));
        row.map(|(_, row)| row).ok_or_else(|| self.missing(id))
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &T)> {
        self.rows.values().map(|(id, row)| (id.as_str(), row))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut T)> {
        self.rows.values_mut().map(|(id, row)| (id.as_str(), row))
    }

    /// At most `limit` wanted rows behind the cursor.
    pub fn page(
        &self,
        after: Option<u64>,
        limit: usize,
        is_wanted: impl Fn(&str, &T) -> bool,
    ) -> Page<'_, T> {
        let from = after.map_or(0, |after| after.saturating_add(1));
        let mut rows = Vec::new();
        let mut last = None;
        for (number, (id, row)) in self.rows.range(from..) {
            if !is_wanted(id, row) {
                continue;
            }
            if rows.len() == limit {
                return Page { rows, next: last };
            }
            rows.push((id.as_str(), row));
            last = Some(*number);
        }
        Page { rows, next: None }
    }

    fn missing(&self, id: &str) -> Fault {
        let id: String = id.chars().take(100).collect();
        Fault::NotFound(format!("{id} ({})", self.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_behind_its_cursor_even_if_that_row_is_gone() {
        let mut table = Table::new("Number", 5);
        for n in 0..5 {
            table.insert(format!("n{n}"), n).unwrap();
        }
        assert!(table.insert("n5".to_owned(), 5).is_err());
        let page = table.page(None, 2, |_, _| true);
        assert_eq!(page.rows, [("n0", &0), ("n1", &1)]);
        let next = page.next;
        table.remove("n1").unwrap();
        let page = table.page(next, 3, |_, n| *n != 3);
        assert_eq!(page.rows, [("n2", &2), ("n4", &4)]);
        assert_eq!(page.next, None);
    }
}
