//! Core: what the names of hosts stand for.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

/// What a look-up of a name gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The addresses of these brokers, in this order.
    Brokers(Vec<i32>),
    /// These addresses. Those that are no broker's are unreachable.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    Missing,
    /// There is no answer, ever.
    Hangs,
}

/// The names that do not just mean a broker.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Name>);

#[derive(Debug)]
struct Name {
    client: Option<Arc<str>>,
    host: Box<str>,
    /// The last one stays.
    answers: VecDeque<Answer>,
}

impl Names {
    /// From now on a name has these answers, one after the other, the last one for ever. Without
    /// any it is what it was at the beginning.
    pub(super) fn set(
        &mut self,
        client: Option<Arc<str>>,
        host: &str,
        answers: impl IntoIterator<Item = Answer>,
    ) {
        let is_covered =
            |name: &Name| *name.host == *host && (client.is_none() || client == name.client);
        self.0.retain(|name| !is_covered(name));
        let answers: VecDeque<_> = answers.into_iter().collect();
        if !answers.is_empty() {
            self.0.push(Name { client, host: host.into(), answers });
        }
    }

    /// The answer to a client that asks now, if one was set.
    pub(super) fn poll(&mut self, client: &str, host: &str) -> Option<Answer> {
        let name = self.0.iter_mut().rev().find(|name| {
            *name.host == *host && name.client.as_deref().is_none_or(|wanted| wanted == client)
        })?;
        match name.answers.len() {
            0 | 1 => name.answers.front().cloned(),
            _ => name.answers.pop_front(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_turn_and_the_last_one_stays() {
        let mut names = Names::default();
        names.set(None, "kafka", [Answer::Brokers(vec![1]), Answer::Missing]);
        assert_eq!(names.poll("a", "kafka"), Some(Answer::Brokers(vec![1])));
        assert_eq!(names.poll("b", "kafka"), Some(Answer::Missing));
        assert_eq!(names.poll("a", "kafka"), Some(Answer::Missing));
        assert_eq!(names.poll("a", "other"), None);
        names.set(None, "kafka", []);
        assert_eq!(names.poll("a", "kafka"), None);
    }

    #[test]
    fn a_clients_own_answer_is_its_own_until_all_get_another() {
        let mut names = Names::default();
        names.set(None, "kafka", [Answer::Missing]);
        names.set(Some("a".into()), "kafka", [Answer::Hangs]);
        assert_eq!(names.poll("a", "kafka"), Some(Answer::Hangs));
        assert_eq!(names.poll("b", "kafka"), Some(Answer::Missing));
        names.set(None, "kafka", [Answer::Brokers(vec![2])]);
        assert_eq!(names.poll("a", "kafka"), Some(Answer::Brokers(vec![2])));
    }
}
