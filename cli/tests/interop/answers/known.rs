//! What is known to differ: fields that chance or the machine fills, and listed differences.

use std::collections::BTreeSet;

use super::compare::Difference;

/// Both lists, as files of rows with a tab between columns.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) fields: Vec<Field>,
    pub(super) listed: Vec<Listed>,
}

/// A field that is not compared as it stands.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) how: How,
    pub(super) reason: String,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It holds what two brokers cannot share: both have set it, or none has.
    Set,
    /// It is an array in any order.
    Order,
}

/// A difference that is there for a reason. A column may end in `*`: only its beginning is given.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) number: usize,
    api: String,
    path: String,
    kafka: String,
    ours: String,
    pub(super) reason: String,
}

impl Known {
    pub(super) fn read(fields: &str, listed: &str) -> Self {
        let fields: Vec<_> = rows(fields)
            .map(|[name, how, reason]| Field {
                name: name.to_owned(),
                how: if how == "order" { How::Order } else { How::Set },
                reason: reason.to_owned(),
            })
            .collect();
        let listed: Vec<_> = rows(listed)
            .enumerate()
            .map(|(index, [api, path, kafka, ours, reason])| Listed {
                number: index + 1,
                api: api.to_owned(),
                path: path.to_owned(),
                kafka: kafka.to_owned(),
                ours: ours.to_owned(),
                reason: reason.to_owned(),
            })
            .collect();
        assert!(fields.len() <= FIELDS_MAX, "{} fields are not compared", fields.len());
        assert!(listed.len() <= LISTED_MAX, "{} differences are listed", listed.len());
        Self { fields, listed }
    }

    /// The names of the fields that are compared in this way.
    pub(super) fn names(&self, how: How) -> Vec<&str> {
        self.fields.iter().filter(|field| field.how == how).map(|field| &field.name[..]).collect()
    }

    /// Parts what differs into the numbers of listed differences, and what is not listed.
    pub(super) fn sort(
        &self,
        api: &str,
        found: Vec<Difference>,
    ) -> (BTreeSet<usize>, Vec<Difference>) {
        let mut numbers = BTreeSet::new();
        let mut others = Vec::new();
        for difference in found {
            match self.listed.iter().find(|listed| listed.is(api, &difference)) {
                Some(listed) => drop(numbers.insert(listed.number)),
                None => others.push(difference),
            }
        }
        (numbers, others)
    }
}

impl Listed {
    fn is(&self, api: &str, difference: &Difference) -> bool {
        let pairs = [
            (&self.api[..], api),
            (&self.path, &difference.path),
            (&self.kafka, &difference.kafka),
            (&self.ours, &difference.ours),
        ];
        pairs.into_iter().all(|(listed, found)| match listed.strip_suffix('*') {
            Some(beginning) => found.starts_with(beginning),
            None => listed == found,
        })
    }
}

fn rows<const N: usize>(text: &str) -> impl Iterator<Item = [&str; N]> {
    let rows = text.lines().skip(1).filter(|line| !line.is_empty());
    rows.map(|line| {
        let columns: Vec<_> = line.split('\t').collect();
        columns.try_into().unwrap_or_else(|_| panic!("{N} columns are wanted: {line}"))
    })
}

const FIELDS_MAX: usize = 15;
const LISTED_MAX: usize = 20;
