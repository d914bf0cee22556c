//! `sasl.jaas.config`: a login module and its options, read and never loaded. *core*
//!
//! ```text
//! org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="..";
//! ```
//!
//! What is wrong is told by the names of options, never by their values. Nor by words that only
//! stand where a name should: they may belong to a value that lacks its quotation marks.

use std::time::Duration;

use kurier_auth::oauthbearer::Claim;
use kurier_protocol::nearest::question;

use super::parse::Parsed;
use super::ssl::{SslSettings, check_type};
use crate::error::Error;
use crate::security::{Secret, UnsecuredLogin};

/// What a login module and its options say.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Jaas {
    /// `PlainLoginModule`.
    Plain { user: String, password: Secret },
    /// `ScramLoginModule`.
    Scram { user: String, password: Secret, is_token: bool },
    /// `OAuthBearerLoginModule`, with claims for a token that nobody signs.
    Unsecured(UnsecuredLogin),
    /// `OAuthBearerLoginModule` without them, with what a token endpoint is asked with.
    OauthBearer(ClientLogin),
    /// `Krb5LoginModule`.
    Kerberos(KerberosLogin),
}

/// The options of `Krb5LoginModule`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KerberosLogin {
    pub(super) use_keytab: bool,
    pub(super) keytab: Option<String>,
    pub(super) principal: Option<String>,
    pub(super) use_ticket_cache: bool,
    pub(super) ticket_cache: Option<String>,
    pub(super) service_name: Option<String>,
}

/// The options of `OAuthBearerLoginModule` for a token endpoint, all of which may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ClientLogin {
    pub(super) id: Option<String>,
    pub(super) secret: Option<Secret>,
    pub(super) scope: Option<String>,
    pub(super) extensions: Vec<(String, String)>,
    /// Whom to trust at the endpoint.
    pub(super) ssl: SslSettings,
}

impl ClientLogin {
    /// Whether there are no options, and with them no endpoint.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A value that may stand in two places, but not with two meanings.
pub(super) fn once<T: Clone + PartialEq>(
    key: &str,
    own: Option<&T>,
    in_jaas: Option<&T>,
) -> Result<Option<T>, Error> {
    match (own, in_jaas) {
        (Some(own), Some(other)) if own != other => {
            Err(Error::invalid(key, "is set, and sasl.jaas.config says otherwise; set one of them"))
        }
        (own, other) => Ok(own.or(other).cloned()),
    }
}

impl Jaas {
    /// Reads one entry.
    pub(super) fn read(text: &str) -> Parsed<Self> {
        let mut words = Words { rest: text };
        let module = words.next()?.ok_or("names no login module")?;
        if module.contains('{') || words.rest.trim_start().starts_with('{') {
            return Err(BRACES.to_owned());
        }
        let flag = words.next()?.ok_or("has no control flag, such as required")?;
        if !FLAGS.iter().any(|known| known.eq_ignore_ascii_case(&flag)) {
            return Err(format!("has no control flag: it is one of {}", FLAGS.join(", ")));
        }
        let mut options = Options(Vec::new());
        loop {
            let Some(name) = words.next()? else { return Err("has no ; at its end".to_owned()) };
            if name == ";" {
                break;
            }
            if words.next()?.as_deref() != Some("=") {
                return Err(NO_EQUALS.to_owned());
            }
            let value = words.next()?.filter(|value| value != ";");
            options.0.push((name, value.ok_or("has an option without a value")?));
        }
        if words.next()?.is_some() {
            return Err("has more than one login module".to_owned());
        }
        Self::of(module.rsplit('.').next().unwrap_or_default(), options)
    }

    fn of(module: &str, mut options: Options) -> Parsed<Self> {
        let login = match module {
            "PlainLoginModule" => {
                let (user, password) = options.login()?;
                Self::Plain { user, password }
            }
            "ScramLoginModule" => {
                let is_token = options.switch("tokenauth")?;
                let (user, password) = options.login()?;
                Self::Scram { user, password, is_token }
            }
            "OAuthBearerLoginModule" if options.begin_with("unsecuredLogin") => {
                Self::Unsecured(unsecured(&mut options)?)
            }
            "OAuthBearerLoginModule" => Self::OauthBearer(client_login(&mut options)?),
            "Krb5LoginModule" => Self::Kerberos(KerberosLogin {
                use_keytab: options.switch("useKeyTab")?,
                keytab: options.take("keyTab"),
                principal: options.take("principal"),
                use_ticket_cache: options.switch("useTicketCache")?,
                ticket_cache: options.take("ticketCache"),
                service_name: options.take("serviceName"),
            }),
            other => {
                // Nothing is shown that may be a value in the wrong place.
                let meant = question(other, MODULES.iter().copied());
                let is_name = meant.is_some() || other.ends_with("LoginModule");
                let named = if is_name { other } else { "a module" };
                let known = MODULES.join(", ");
                let meant = meant.map_or(String::new(), |meant| format!("; {meant}"));
                return Err(format!("names {named}, which is none of {known}{meant}"));
            }
        };
        let ignored = |name: &str| module == "Krb5LoginModule" && KERBEROS_IGNORED.contains(&name);
        match options.0.iter().find(|(name, _)| !ignored(name)) {
            Some((name, _)) => Err(login.lacks(name)),
            None => Ok(login),
        }
    }

    fn lacks(&self, option: &str) -> String {
        let (module, known) = (self.module(), self.options());
        // The first one was taken.
        if known.contains(&option) || STORES.contains(&option) {
            return format!("has {option} twice; leave one of them");
        }
        match question(option, known.iter().copied()) {
            Some(meant) => format!("has an option that {module} lacks; {meant}"),
            None => format!(
                "has an option that {module} lacks, which has {}; a value with spaces needs \
                 quotation marks",
                known.join(", ")
            ),
        }
    }

    /// The names of the options that its module has, but for those that begin the names of many.
    fn options(&self) -> &'static [&'static str] {
        match self {
            Self::Plain { .. } => &["username", "password"],
            Self::Scram { .. } => &["username", "password", "tokenauth"],
            Self::Unsecured(_) => &[
                "unsecuredLoginStringClaim_sub",
                "unsecuredLoginLifetimeSeconds",
                "unsecuredLoginPrincipalClaimName",
                "unsecuredLoginScopeClaimName",
            ],
            Self::OauthBearer(_) => &["clientId", "clientSecret", "scope"],
            Self::Kerberos(_) => &[
                "useKeyTab",
                "keyTab",
                "principal",
                "useTicketCache",
                "ticketCache",
                "serviceName",
            ],
        }
    }

    /// The last part of the module's name.
    pub(super) fn module(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PlainLoginModule",
            Self::Scram { .. } => "ScramLoginModule",
            Self::Unsecured(_) | Self::OauthBearer(_) => "OAuthBearerLoginModule",
            Self::Kerberos(_) => "Krb5LoginModule",
        }
    }
}

/// Names and values that nobody has asked for yet.
struct Options(Vec<(String, String)>);

impl Options {
    fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(found, _)| found == name)?;
        Some(self.0.remove(index).1)
    }

    fn begin_with(&self, prefix: &str) -> bool {
        self.0.iter().any(|(name, _)| name.starts_with(prefix))
    }

    fn switch(&mut self, name: &str) -> Parsed<bool> {
        match self.take(name) {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(format!("has {name}, which is neither true nor false")),
        }
    }

    fn login(&mut self) -> Parsed<(String, Secret)> {
        let user = self.need("username")?;
        let password = self.need("password")?;
        Ok((user, Secret::new(password)))
    }

    fn need(&mut self, name: &'static str) -> Parsed<String> {
        self.take(name).ok_or_else(|| {
            let is_meant = |(found, _): &(String, String)| question(found, [name]).is_some();
            match self.0.iter().any(is_meant) {
                true => format!("lacks {name}, and has an option that is almost called {name}"),
                false => format!("lacks {name}"),
            }
        })
    }

    /// Takes what begins with this; the rest of the names.
    fn take_all(&mut self, prefix: &str) -> Vec<(String, String)> {
        let is_one = |(name, _): &mut (String, String)| name.starts_with(prefix);
        let found = self.0.extract_if(.., is_one);
        found.map(|(name, value)| (name.replacen(prefix, "", 1), value)).collect()
    }
}

fn client_login(options: &mut Options) -> Parsed<ClientLogin> {
    let mut ssl = SslSettings::default();
    for name in STORES {
        if let Some(value) = options.take(name) {
            if name.ends_with(".type") && check_type(&value).is_err() {
                return Err(format!("has {name}, which is none of JKS, PKCS12 and PEM"));
            }
            ssl.keep(name, &value);
        }
    }
    Ok(ClientLogin {
        id: options.take("clientId"),
        secret: options.take("clientSecret").map(Secret::new),
        scope: options.take("scope"),
        extensions: options.take_all("extension_"),
        ssl,
    })
}

fn unsecured(options: &mut Options) -> Parsed<UnsecuredLogin> {
    let mut login = UnsecuredLogin::new(String::new());
    for name in ["PrincipalClaimName", "ScopeClaimName"] {
        let option = format!("unsecuredLogin{name}");
        let usual = if name.starts_with('P') { "sub" } else { "scope" };
        if options.take(&option).is_some_and(|claim| claim != usual) {
            return Err(format!("has {option}, which can only be {usual}"));
        }
    }
    if let Some(seconds) = options.take("unsecuredLoginLifetimeSeconds") {
        let seconds = seconds.parse().map_err(|_| "has a lifetime that is no whole number")?;
        login.lifetime = Duration::from_secs(seconds);
    }
    for (name, value) in options.take_all("unsecuredLoginStringClaim_") {
        match name.as_str() {
            "sub" => login.user = value,
            _ => login.claims.push((name, Claim::Text(value))),
        }
    }
    for (name, value) in options.take_all("unsecuredLoginNumberClaim_") {
        let number = value.parse().map_err(|_| format!("has {name}, which is no number"))?;
        login.claims.push((name, Claim::Number(number)));
    }
    for (name, value) in options.take_all("unsecuredLoginListClaim_") {
        // The first character is what separates the rest.
        let mut chars = value.chars();
        let separator = chars.next().ok_or_else(|| format!("has {name}, which is empty"))?;
        let texts = chars.as_str().split(separator).map(Into::into).collect();
        login.claims.push((name, Claim::List(texts)));
    }
    login.extensions = options.take_all("unsecuredLoginExtension_");
    match login.user.is_empty() {
        true => Err("lacks unsecuredLoginStringClaim_sub".to_owned()),
        false => Ok(login),
    }
}

/// Words, quoted texts, `=` and `;`.
struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    fn next(&mut self) -> Parsed<Option<String>> {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        match first {
            '=' | ';' => {
                self.rest = self.rest.get(1..).unwrap_or_default();
                Ok(Some(first.to_string()))
            }
            '"' | '\'' => self.quoted(first).map(Some),
            _ => {
                let ends = |c: char| c.is_whitespace() || "=;\"'".contains(c);
                let end = self.rest.find(ends).unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                Ok(Some(word.to_owned()))
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Parsed<String> {
        let mut text = String::new();
        let mut chars = self.rest.chars();
        chars.next();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some(other) => text.push(other),
                    None => break,
                },
                c if c == quote => {
                    self.rest = chars.as_str();
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err("has a quotation mark without its partner".to_owned())
    }
}

const BRACES: &str = "has a whole section of a JAAS file; leave out its name and the { and };";
const NO_EQUALS: &str = "has a word that no = follows where an option should be; a value with \
    spaces needs quotation marks";
const FLAGS: [&str; 4] = ["required", "requisite", "sufficient", "optional"];
const MODULES: [&str; 4] =
    ["PlainLoginModule", "ScramLoginModule", "OAuthBearerLoginModule", "Krb5LoginModule"];
/// Options that say whom to trust at a token endpoint.
const STORES: [&str; 4] = [
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
    "ssl.truststore.certificates",
];
/// Options that mean nothing here.
const KERBEROS_IGNORED: [&str; 8] = [
    "storeKey",
    "doNotPrompt",
    "renewTGT",
    "debug",
    "refreshKrb5Config",
    "isInitiator",
    "useFirstPass",
    "clearPass",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_and_options_are_read_as_java_reads_them() {
        let scram = |user: &str, password: &str, is_token| Jaas::Scram {
            user: user.to_owned(),
            password: Secret::new(password),
            is_token,
        };
        let plain = |user: &str, password: &str| Jaas::Plain {
            user: user.to_owned(),
            password: Secret::new(password),
        };
        for (text, wanted) in [
            (
                "org.apache.kafka.common.security.plain.PlainLoginModule required \
                 username=\"alice\" password=\"a\\\"; b=c\\\\\";",
                plain("alice", "a\"; b=c\\"),
            ),
            ("PlainLoginModule REQUIRED\n username = alice\tpassword='x' ;", plain("alice", "x")),
            (
                "org.apache.kafka.common.security.scram.ScramLoginModule required \
                 username=\"id\" password=\"aG1hYw==\" tokenauth=true;",
                scram("id", "aG1hYw==", true),
            ),
            ("a.ScramLoginModule sufficient password=p username=u;", scram("u", "p", false)),
            ("x.OAuthBearerLoginModule required;", Jaas::OauthBearer(ClientLogin::default())),
        ] {
            assert_eq!(Jaas::read(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn claims_of_unsecured_tokens_are_read() {
        let text = "x.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"alice\" \
                    unsecuredLoginNumberClaim_n=\"1.5\" unsecuredLoginListClaim_scope=\",a,b\" \
                    unsecuredLoginLifetimeSeconds=\"60\" unsecuredLoginExtension_traceId=\"7\";";
        let wanted = UnsecuredLogin {
            user: "alice".to_owned(),
            claims: vec![
                ("n".to_owned(), Claim::Number(1.5)),
                ("scope".to_owned(), Claim::List(vec!["a".to_owned(), "b".to_owned()])),
            ],
            lifetime: Duration::from_secs(60),
            extensions: vec![("traceId".to_owned(), "7".to_owned())],
        };
        assert_eq!(Jaas::read(text), Ok(Jaas::Unsecured(wanted)));
    }

    #[test]
    fn options_for_a_token_endpoint_are_kept() {
        let text = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
                    clientId=\"id\" clientSecret=\"hush\" scope=\"kafka\" \
                    extension_logicalCluster=\"lkc-1\" ssl.truststore.location=\"/ca.pem\";";
        let mut wanted = ClientLogin {
            id: Some("id".to_owned()),
            secret: Some(Secret::new("hush")),
            scope: Some("kafka".to_owned()),
            extensions: vec![("logicalCluster".to_owned(), "lkc-1".to_owned())],
            ssl: SslSettings::default(),
        };
        wanted.ssl.keep("ssl.truststore.location", "/ca.pem");
        assert_eq!(Jaas::read(text), Ok(Jaas::OauthBearer(wanted)));
    }

    #[test]
    fn kerberos_options_are_kept() {
        let text = "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true \
                    storeKey=true keyTab=\"/k\" principal=\"a@R\" serviceName=\"kafka\";";
        let wanted = KerberosLogin {
            use_keytab: true,
            keytab: Some("/k".to_owned()),
            principal: Some("a@R".to_owned()),
            service_name: Some("kafka".to_owned()),
            ..Default::default()
        };
        assert_eq!(Jaas::read(text), Ok(Jaas::Kerberos(wanted)));
    }

    #[test]
    fn what_is_wrong_is_told_without_values() {
        for (text, wanted) in [
            ("", "names no login module"),
            ("x.PlainLoginModule", "has no control flag"),
            ("x.PlainLoginModule username=a;", "has no control flag"),
            ("x.PlainLoginModule required username=a password=hush", "has no ;"),
            ("x.PlainLoginModule required username=a;", "lacks password"),
            ("x.PlainLoginModule required password=hush;", "lacks username"),
            (
                "x.PlainLoginModule required username=a pasword=hush;",
                "lacks password, and has an option that is almost called password",
            ),
            (
                "x.PlainLoginModule required username=a password=b password=hush;",
                "has password twice",
            ),
            ("Client { x.PlainLoginModule required username=a password=hush; };", "{ and };"),
            ("Client{x.PlainLoginModule required username=a password=hush;};", "{ and };"),
            ("x.PlainLoginModule required password \"hush\";", "no = follows"),
            ("x.PlainLoginModule required username=a password=\"hush;", "without its partner"),
            ("x.PlainLoginModule required username=a password=;", "without a value"),
            ("x.PlainLoginModule required username=a password=b hush;", "needs quotation marks"),
            ("x.PlainLoginModule required username=a password=b \"hush\";", "no = follows"),
            ("x.PlainLoginModule required username=a password=b hush=c;", "that PlainLoginModule"),
            ("x.PlainLoginModule required username=a password=b hush=;", "without a value"),
            ("x.hush required username=a password=b;", "a module, which is none of"),
            ("x.PlainLoginModul required username=a;", "names PlainLoginModul, which is none of"),
            ("x.PlainLoginModul required username=a;", "; did you mean PlainLoginModule?"),
            ("x.PlainLoginModule required username=a password=b hush!=c;", "needs quotation marks"),
            (
                "x.PlainLoginModule required username=a password=b tokenauth=true;",
                "username, password",
            ),
            ("x.ScramLoginModule required username=a password=b tokenauth=hush;", "neither true"),
            ("x.PlainLoginModule required username=a password=b; y", "more than one"),
            ("com.sun.security.auth.module.JndiLoginModule required a=b;", "which is none of"),
            ("x.OAuthBearerLoginModule required clientId=b clientSecrt=c;", "clientSecret?"),
            (
                "x.OAuthBearerLoginModule required clientId=b ssl.truststore.type=hush;",
                "has ssl.truststore.type, which is none of JKS",
            ),
            (
                "x.OAuthBearerLoginModule required unsecuredLoginLifetimeSeconds=1;",
                "lacks unsecuredLoginStringClaim_sub",
            ),
        ] {
            let problem = Jaas::read(text).unwrap_err();
            assert!(problem.contains(wanted) && !problem.contains("hush"), "{text}: {problem}");
        }
    }
}
