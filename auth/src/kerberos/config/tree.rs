//! Relations in sections, some of them sections again. *Core.*

/// Relations in their order; a name may occur again, and then the first is the one that counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree(Vec<(Box<str>, Value)>);

#[derive(Clone, Debug)]
enum Value {
    Text(Box<str>),
    Section(Tree),
}

impl Tree {
    pub(super) fn push_text(&mut self, name: &str, text: &str) {
        self.0.push((name.into(), Value::Text(text.into())));
    }

    pub(super) fn push_section(&mut self, name: &str, section: Self) {
        self.0.push((name.into(), Value::Section(section)));
    }

    /// All values at a path, in the order of the file.
    pub(super) fn all<'a>(&'a self, path: &[&str]) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut found = Vec::new();
        self.collect(path, &mut found);
        found.into_iter()
    }

    fn collect<'a>(&'a self, path: &[&str], found: &mut Vec<&'a str>) {
        let Some((first, rest)) = path.split_first() else { return };
        for (_, value) in self.0.iter().filter(|(name, _)| &**name == *first) {
            match value {
                Value::Text(text) if rest.is_empty() => found.push(text),
                Value::Section(section) if !rest.is_empty() => section.collect(rest, found),
                _ => {}
            }
        }
    }
}
