//! The tables of settings as a page of documentation.

use std::fmt::Write;

use super::settings::Properties;
use super::table::{DIFFERENT, FOREIGN, Fate, OTHERS, SECTIONS, Setting};

pub(super) fn markdown() -> String {
    let mut page = String::from(HEAD);
    for (title, settings) in SECTIONS {
        page.push_str(&format!(
            "\n## {title}\n\n| name | default | what it is for |\n| --- | --- | --- |\n"
        ));
        settings.iter().for_each(|setting| row(&mut page, setting));
    }
    page.push_str("\n## Where a default is not Kafka's\n\n| name | why |\n| --- | --- |\n");
    for (name, why) in DIFFERENT {
        let _ = writeln!(page, "| `{name}` | {why} |");
    }
    for (title, text, kind) in KINDS {
        page.push_str(&format!("\n## {title}\n\n{text}\n\n| names | why |\n| --- | --- |\n"));
        for other in OTHERS {
            let (found, why) = match other.fate {
                Fate::Later(part) => (0, part.name()),
                Fate::Ignored(why) => (1, why),
                Fate::Refused(why) => (2, why),
            };
            if found == *kind {
                let _ = writeln!(page, "| {} | {why} |", quoted(other.names));
            }
        }
    }
    page.push_str(&format!("\n## Of other libraries\n\n{FOREIGN_TEXT}\n\n{}.\n", quoted(FOREIGN)));
    page
}

fn row(page: &mut String, setting: &Setting) {
    let default = (setting.default)(&Properties::default());
    let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
    let _ = writeln!(page, "| {} | {default} | {} |", quoted(setting.names), setting.about);
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

const HEAD: &str = "\
# Settings by name

`Properties` in the library, and `-X` and `-F` of `kurier`, take every name that Kafka's Java
clients and librdkafka have. This page is made from the code; a test holds it, and Kafka's defaults
beside ours.

Times are in milliseconds and sizes in bytes, where the name says nothing else. Where a row has
several names, the first is Java's. A later value wins over an earlier one, and an
empty one unsets what is about logins and encryption; only the empty
`ssl.endpoint.identification.algorithm` means something else. A name that neither client has is an
error that names the nearest ones; all names and values that are wrong are told at once.

A setting of logins or encryption beside a `security.protocol` that has none is an error, where Java
passes over it: a password that is not used may be one that was meant to be. The error names what to
unset, as in `-X security.protocol=PLAINTEXT -X sasl.mechanism= -X sasl.jaas.config=`.
";

const FOREIGN_TEXT: &str = "\
Files for Java often have settings of libraries that work on top of a client. Names that begin so
are taken, with a warning that names them:";

const KINDS: &[(&str, &str, u8)] = &[
    ("Later", "Taken, with a warning that names them: what would read them is not built yet.", 0),
    (
        "Ignored",
        "Taken without a word: they cannot change what is read or written, nor who may see it.",
        1,
    ),
    ("Refused", "An error that says why.", 2),
];
