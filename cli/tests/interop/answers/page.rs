//! The page `docs/answers.md`: what was asked, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use kurier_protocol::ApiKey;

use super::known::{How, Known};

/// What was asked so far, API by API.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<ApiKey, Row>);

/// What came of one request.
#[derive(Debug)]
pub(super) struct Compared {
    /// Whether Kafka's answer is an error.
    pub(super) is_error: bool,
    /// The numbers of the differences.
    pub(super) numbers: BTreeSet<usize>,
}

#[derive(Debug, Default)]
struct Row {
    versions: BTreeSet<i16>,
    requests: usize,
    errors: usize,
    identical: usize,
    numbers: BTreeSet<usize>,
}

impl Tally {
    /// Counts one request.
    pub(super) fn count(&mut self, (api, version): (ApiKey, i16), compared: Compared) {
        let row = self.0.entry(api).or_default();
        row.versions.insert(version);
        row.requests += 1;
        row.errors += usize::from(compared.is_error);
        row.identical += usize::from(compared.numbers.is_empty());
        row.numbers.extend(compared.numbers);
    }

    /// Why these requests do not say enough about an API; `None` if they do.
    pub(super) fn objection(&self, api: ApiKey, (oldest, newest): (i16, i16)) -> Option<String> {
        let nothing = Row::default();
        let row = self.0.get(&api).unwrap_or(&nothing);
        let wanted = [oldest, newest].into_iter().find(|version| !row.versions.contains(version));
        match row {
            Row { requests: 0..3, .. } => Some(format!("{api}: {} requests, not 3", row.requests)),
            Row { errors: 0, .. } => Some(format!("{api}: no request is answered with an error")),
            _ => wanted.map(|version| format!("{api}: version {version} was not asked for")),
        }
    }

    /// Listed differences that did not occur.
    pub(super) fn missing(&self, known: &Known) -> Vec<usize> {
        let seen: BTreeSet<_> = self.0.values().flat_map(|row| &row.numbers).collect();
        let numbers = known.listed.iter().map(|listed| listed.number);
        numbers.filter(|number| !seen.contains(number)).collect()
    }

    /// The part of the page that a run writes.
    pub(super) fn page(&self, known: &Known) -> String {
        let sum = |of: fn(&Row) -> usize| self.0.values().map(of).sum::<usize>();
        let mut page = format!(
            "{} APIs, {} requests, of which {} are answered with an error. {} answers are \
             identical; the others differ as listed.\n\n\
             | API | versions asked in | requests | errors | identical | differences |\n\
             | --- | --- | ---: | ---: | ---: | --- |\n",
            self.0.len(),
            sum(|row| row.requests),
            sum(|row| row.errors),
            sum(|row| row.identical),
        );
        for (api, row) in &self.0 {
            let (versions, numbers) = (list(&row.versions), list(&row.numbers));
            let Row { requests, errors, identical, .. } = row;
            writeln!(
                page,
                "| {api} | {versions} | {requests} | {errors} | {identical} | {numbers} |"
            )
            .unwrap();
        }
        page += "\n| | difference, and why it is there |\n| ---: | --- |\n";
        for listed in &known.listed {
            writeln!(page, "| {} | {} |", listed.number, listed.reason).unwrap();
        }
        page += "\n| field | how it is compared, and why |\n| --- | --- |\n";
        for field in &known.fields {
            let how = match field.how {
                How::Set => "set, or not set",
                How::Order => "in any order",
            };
            writeln!(page, "| `{}` | {how}: {} |", field.name, field.reason).unwrap();
        }
        page
    }
}

fn list<T: ToString>(items: &BTreeSet<T>) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// A page with a new part between its marks.
pub(super) fn with_part(page: &str, part: &str) -> String {
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    format!("{head}{BEGIN}\n{part}{END}{tail}")
}

const BEGIN: &str = "<!-- made: answers -->";
const END: &str = "<!-- end: answers -->";
