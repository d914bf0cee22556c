//! Modules are floors: the `mod` lines of a file run from the ground up, and a module imports only
//! what is listed above its own line, never its parent. A cycle, between modules or files, needs
//! one import that breaks this rule.

use std::collections::{BTreeMap, BTreeSet};

use crate::lexer::{Source, closing};

type ModulePath = Vec<String>;

/// The files of one crate, by their path below `src/`.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    files: BTreeMap<String, String>, // code without tests
    modules: BTreeMap<ModulePath, Module>,
    macros: BTreeSet<String>,
}

#[derive(Debug)]
struct Module {
    file: String,
    children: Vec<String>, // ground floor first
}

/// What is wrong, and where.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl Crate {
    pub(crate) fn add(&mut self, file: &str, text: &str) {
        let source = Source::new(&by_file_name(text));
        let code = source.without_tests();
        for (at, _) in source.code.match_indices("macro_rules!") {
            self.macros.extend(identifier(source.code[at + 12..].trim_start()));
        }
        self.files.insert(file.into(), code);
    }

    /// Every import that goes up, and every file that no `mod` line leads to.
    pub(crate) fn faults(mut self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut reached = BTreeSet::new();
        let is_root = |file: &&String| {
            matches!(file.as_str(), "lib.rs" | "main.rs") || file.starts_with("bin/")
        };
        for root in self.files.keys().filter(is_root).cloned().collect::<Vec<_>>() {
            self.modules.clear();
            self.discover(Vec::new(), root);
            for (path, module) in &self.modules {
                reached.insert(module.file.clone());
                faults.extend(self.imports(path, module));
            }
        }
        for file in self.files.keys().filter(|file| !reached.contains(*file)) {
            if !file.ends_with("tests.rs") && !file.contains("tests/") {
                faults.push(Fault { file: file.clone(), line: 1, what: "no `mod` line".into() });
            }
        }
        faults
    }

    fn discover(&mut self, path: ModulePath, file: String) {
        let children = declared(&self.files[&file]);
        let folder = path.join("/");
        for child in &children {
            let stem = if folder.is_empty() { child.clone() } else { format!("{folder}/{child}") };
            let names = [format!("{stem}.rs"), format!("{stem}/mod.rs")];
            if let Some(found) = names.into_iter().find(|name| self.files.contains_key(name)) {
                self.discover([path.clone(), vec![child.clone()]].concat(), found);
            }
        }
        self.modules.insert(path, Module { file, children });
    }

    fn imports(&self, here: &ModulePath, module: &Module) -> Vec<Fault> {
        let code = &self.files[&module.file];
        let inline = inline_modules(code);
        let mut faults = Vec::new();
        for (at, names) in paths(code) {
            let depth = inline.iter().filter(|(start, end)| (*start..*end).contains(&at)).count();
            let Some(from_root) = absolute(here, depth, &names) else { continue };
            if let Some(what) = self.objection(here, &from_root) {
                let line = code[..at].matches('\n').count() + 1;
                let fault = Fault { file: module.file.clone(), line, what };
                if !faults.contains(&fault) {
                    faults.push(fault);
                }
            }
        }
        faults
    }

    fn objection(&self, here: &ModulePath, names: &[String]) -> Option<String> {
        let mut len = 0;
        while len < names.len() && self.modules.contains_key(&names[..len + 1]) {
            len += 1;
        }
        let there = &names[..len];
        let common = here.iter().zip(there).take_while(|(a, b)| a == b).count();
        if common == here.len() {
            return None; // itself, or a child
        }
        if common == there.len() {
            let item = names.get(len).map_or("itself", String::as_str);
            let named = if there.is_empty() { "crate".into() } else { there.join("::") };
            let is_macro = self.macros.contains(item);
            return (!is_macro).then(|| format!("imports `{item}` of `{named}`, its parent"));
        }
        let floors = &self.modules[&here[..common]].children;
        let floor = |name: &String| floors.iter().position(|floor| floor == name);
        let above = floor(&here[common]) < floor(&there[common]);
        above.then(|| format!("imports `{}`, which is a floor above", there.join("::")))
    }
}

/// A module whose file has another name, by a `path` attribute, gets the name of its file.
fn by_file_name(text: &str) -> String {
    let mut named = String::with_capacity(text.len());
    let mut file = None;
    for line in text.lines() {
        let line = match file.take() {
            Some(file) if line.contains("mod ") => format!("mod {file};"),
            _ => line.to_owned(),
        };
        let path = line.trim().strip_prefix("#[path = \"");
        file = path.and_then(|path| path.strip_suffix(".rs\"]")).map(String::from);
        named += &line;
        named.push('\n');
    }
    named
}

/// The names of the `mod name;` lines, in order.
fn declared(code: &str) -> Vec<String> {
    let names = module_heads(code).filter(|(_, _, rest)| rest.trim_start().starts_with(';'));
    names.map(|(_, name, _)| name).collect()
}

/// Where the bodies of the `mod name { .. }` items begin and end.
fn inline_modules(code: &str) -> Vec<(usize, usize)> {
    let inline = module_heads(code).filter(|(_, _, rest)| rest.trim_start().starts_with('{'));
    inline
        .filter_map(|(at, _, _)| {
            let open = at + code[at..].find('{')?;
            Some((open, closing(code, open)?))
        })
        .collect()
}

/// Each `mod` keyword: where it stands, the name after it, and what follows.
fn module_heads(code: &str) -> impl Iterator<Item = (usize, String, &str)> {
    code.match_indices("mod ").filter_map(|(at, _)| {
        let starts = code[..at].chars().last().is_none_or(char::is_whitespace);
        let name = identifier(&code[at + 4..]).filter(|_| starts)?;
        let rest = &code[at + 4 + name.len()..];
        Some((at, name, rest))
    })
}

/// A path seen from the root of the crate; none if it stays inside an inline module of its file.
fn absolute(here: &ModulePath, depth: usize, names: &[String]) -> Option<ModulePath> {
    let ups = names.iter().take_while(|name| *name == "super").count();
    let rest = names.get(ups.max(1)..).unwrap_or_default().to_vec();
    match names.first()?.as_str() {
        "crate" => Some(rest),
        "super" if depth < ups => {
            let kept = here.len().checked_sub(ups - depth)?;
            Some([here[..kept].to_vec(), rest].concat())
        }
        _ => None,
    }
}

/// Every path that begins with `crate` or `super`, with braces multiplied out.
fn paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().last();
            if before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | '$' | ':')) {
                let mut tails = Vec::new();
                tree(&code[at..], &mut Vec::new(), &mut tails);
                found.extend(tails.into_iter().map(|tail| (at, tail)));
            }
        }
    }
    found
}

/// Reads one use tree and returns what follows it.
fn tree<'a>(text: &'a str, head: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if rest.is_empty() || rest.starts_with('}') {
                return rest.get(1..).unwrap_or_default();
            }
            rest = tree(rest, head, found).trim_start();
            // Over `as name` and the comma.
            rest = &rest[rest.find([',', '}']).unwrap_or(rest.len())..];
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
    }
    let Some(name) = identifier(text) else {
        found.push(head.clone());
        return text.strip_prefix('*').unwrap_or(text);
    };
    let rest = &text[name.len()..];
    head.push(name);
    let rest = match rest.strip_prefix("::") {
        Some(more) => tree(more, head, found),
        None => {
            found.push(head.clone());
            rest
        }
    };
    head.pop();
    rest
}

fn identifier(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
fn check(files: &[(&str, &str)]) -> Vec<String> {
    let mut krate = Crate::default();
    for (file, text) in files {
        krate.add(file, text);
    }
    krate.faults().into_iter().map(|f| format!("{}:{}: {}", f.file, f.line, f.what)).collect()
}

#[test]
fn an_import_of_a_lower_floor_passes() {
    let lib = ("lib.rs", "mod ground;\npub mod upper;\npub use upper::Top;");
    let upper = ("upper/mod.rs", "mod low;\nmod high;\nuse crate::ground::{A, b::C};\nuse low::X;");
    let high = ("upper/high.rs", "use super::low::X;\nuse crate::ground;\n");
    let files = [lib, upper, high, ("upper/low.rs", "use std::fmt;"), ("ground.rs", "")];
    assert_eq!(check(&files), Vec::<String>::new());
}

#[test]
fn an_import_of_a_higher_floor_is_found() {
    let lib = ("lib.rs", "mod ground;\nmod upper;");
    let ground = ("ground.rs", "use std::fmt;\nfn a() { crate::upper::b(); }");
    let up = "ground.rs:2: imports `upper`, which is a floor above";
    assert_eq!(check(&[lib, ground, ("upper.rs", "use crate::ground::a;")]), [up]);
}

#[test]
fn a_cycle_between_two_files_is_found() {
    let lib = ("lib.rs", "mod folder;");
    let low = ("folder/low.rs", "use super::{\n    high::B as Other,\n    low::A,\n};");
    let high = ("folder/high.rs", "use crate::folder::low::A;");
    let up = "folder/low.rs:1: imports `folder::high`, which is a floor above";
    assert_eq!(check(&[lib, ("folder/mod.rs", "mod low;\nmod high;"), low, high]), [up]);
}

#[test]
fn an_import_of_a_parent_is_found_but_for_its_macros() {
    let lib = ("lib.rs", "mod table;\nmod user;\npub use table::Row;");
    let table = ("table.rs", "macro_rules! api { () => { $crate::user::x } }");
    let user = ("user.rs", "use crate::api;\nuse crate::Row;\nmod inner { use super::Thing; }");
    let found = check(&[lib, table, user]);
    assert_eq!(found, ["user.rs:2: imports `Row` of `crate`, its parent"]);
}

#[test]
fn a_file_with_another_name_than_its_module_is_looked_at() {
    let lib = ("lib.rs", "mod one;\n#[path = \"other.rs\"]\nmod one;\nmod two;");
    let found = check(&[lib, ("one.rs", ""), ("other.rs", "use crate::two;"), ("two.rs", "")]);
    assert_eq!(found, ["other.rs:1: imports `two`, which is a floor above"]);
}

#[test]
fn tests_may_import_anything_and_a_lost_file_is_found() {
    let lib = ("lib.rs", "mod a;\nmod b;\n#[cfg(test)]\nmod tests;");
    let a = ("a.rs", "// crate::b::X\n#[cfg(test)]\nmod tests { use crate::b::X; }");
    let found = check(&[lib, a, ("b.rs", ""), ("tests.rs", ""), ("c.rs", "")]);
    assert_eq!(found, ["c.rs:1: no `mod` line"]);
}
