//! Splits Rust source into code and comments, line by line, so that no check takes one for the
//! other.

/// The same text twice, each with as many lines as the original and blanks where the other speaks.
#[derive(Debug)]
pub(crate) struct Source {
    /// Without comments, and with empty string and character literals.
    pub(crate) code: String,
    /// Comments only, doc comments included.
    pub(crate) comments: String,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let mut lexer = Lexer { text, at: 0, code: String::new(), comments: String::new() };
        while lexer.at < text.len() {
            lexer.step();
        }
        Self { code: lexer.code, comments: lexer.comments }
    }

    /// The code without the items that only tests compile.
    pub(crate) fn without_tests(&self) -> String {
        let mut code = self.code.clone();
        while let Some(start) = code.find("#[cfg(test)]") {
            let end = item_end(&code, start);
            code.replace_range(start..end, &blank(&code[start..end]));
        }
        code
    }
}

/// Where the brace that opens at `open` closes.
pub(crate) fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (i, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

/// The end of the item that starts at `start`: its `;`, or the brace that closes it.
fn item_end(code: &str, start: usize) -> usize {
    let Some(found) = code[start..].find(['{', ';']) else { return code.len() };
    let at = start + found;
    if code[at..].starts_with(';') {
        at + 1
    } else {
        closing(code, at).map_or(code.len(), |i| i + 1)
    }
}

fn blank(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect()
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    code: String,
    comments: String,
}

impl Lexer<'_> {
    fn step(&mut self) {
        let rest = &self.text[self.at..];
        if rest.starts_with("//") {
            self.comment(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.comment(block_comment(rest));
        } else if let Some(len) = raw_string(rest, self.code.chars().last()) {
            self.literal(len);
        } else if rest.starts_with('"') {
            self.literal(quoted(rest, '"'));
        } else if let Some(len) = character(rest) {
            self.literal(len);
        } else if let Some(c) = rest.chars().next() {
            self.code.push(c);
            self.comments.push(if c == '\n' { '\n' } else { ' ' });
            self.at += c.len_utf8();
        }
    }

    fn comment(&mut self, len: usize) {
        let text = &self.text[self.at..self.at + len];
        self.code.push_str(&blank(text));
        self.comments.push_str(text);
        self.at += len;
    }

    fn literal(&mut self, len: usize) {
        let text = blank(&self.text[self.at..self.at + len]);
        self.code.push_str(&text);
        self.comments.push_str(&text);
        self.at += len;
    }
}

/// The length of a block comment; they nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The length of a raw string that starts here; the `r` must not be the end of a name.
fn raw_string(rest: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let prefix = if rest.starts_with("br") { 2 } else { 1 };
    let hashes = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let count = hashes.len() - hashes.trim_start_matches('#').len();
    let body = hashes[count..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(count));
    Some(prefix + count + 1 + body.find(&end)? + end.len())
}

/// The length of a quoted literal with escapes.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (i, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return i + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal that starts here; `'a` alone is a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.strip_prefix('\'')?.chars();
    match (chars.next()?, chars.next()?) {
        ('\\', _) => Some(quoted(rest, '\'')),
        (c, '\'') => Some(2 + c.len_utf8()),
        _ => None,
    }
}

#[test]
fn tells_code_from_comments_and_literals() {
    let source = Source::new("let a = \"// no\"; // yes\nlet b = '\"'; r#\"x\"y\"# 'a /* c */ z");
    let words = |text: &str| text.split_whitespace().map(String::from).collect::<Vec<_>>();
    assert_eq!(words(&source.code), ["let", "a", "=", ";", "let", "b", "=", ";", "'a", "z"]);
    assert_eq!(words(&source.comments), ["//", "yes", "/*", "c", "*/"]);
}

#[test]
fn leaves_out_what_only_tests_compile() {
    let source = Source::new("fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\nfn c() {}\n");
    let code = source.without_tests();
    assert!(code.contains("fn a") && !code.contains("fn b") && code.contains("fn c"));
    assert_eq!(code.lines().count(), 4);
}
