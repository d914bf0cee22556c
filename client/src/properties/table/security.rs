//! Encryption and logins.

use std::time::Duration;

use super::super::jaas::Jaas;
use super::super::oidc;
use super::super::parse::{fraction, millis, number, one_of, switch};
use super::super::security::{Protocol, SaslMechanism};
use super::super::ssl;
use super::row::{Setting, none};
use crate::security::Secret;

settings! {
    "security.protocol":
        "Whether connections are encrypted and whether to log in: PLAINTEXT, SSL, SASL_PLAINTEXT, \
         SASL_SSL",
        |_| "PLAINTEXT".to_owned() => |p, v| p.security.protocol = Some(Protocol::read(v)?);
    "sasl.mechanism" "sasl.mechanisms":
        "How to log in: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, GSSAPI",
        |_| "GSSAPI".to_owned() => |p, v| {
        p.security.mechanism = Some(SaslMechanism::read(v)?);
    };
    "sasl.username": "The user of PLAIN and SCRAM",
        none => |p, v| p.security.user = Some(v.to_owned());
    "sasl.password": "Their password",
        none => |p, v| p.security.password = Some(Secret::new(v));
    "sasl.kerberos.service.name": "The first part of the brokers' principal",
        |_| "kafka".to_owned() => |p, v| p.security.kerberos.service_name = Some(v.to_owned());
    "sasl.kerberos.principal": "As whom to log in by Kerberos",
        none => |p, v| p.security.kerberos.principal = Some(v.to_owned());
    "sasl.kerberos.keytab": "The file with the principal's keys",
        none => |p, v| p.security.kerberos.keytab = Some(v.to_owned());
    "sasl.kerberos.min.time.before.relogin": "How far two logins are apart",
        |_| "60000".to_owned() => |p, v| {
        p.security.kerberos.relogin_gap = Some(millis(v)?);
    };
    "sasl.kerberos.ticket.renew.window.factor": "After which part of a ticket's life it is renewed",
        |_| "0.8".to_owned() => |p, v| {
        p.security.kerberos.renew_factor = Some(fraction(v)?);
    };
    "sasl.kerberos.ticket.renew.jitter": "Which part of that time is left to chance",
        |_| "0.05".to_owned() => |p, v| {
        p.security.kerberos.renew_jitter = Some(fraction(v)?);
    };
    "sasl.jaas.config": "The entry of a JAAS file, which itself is not read; no class is loaded",
        none => |p, v| p.security.jaas = Some(Jaas::read(v)?);
    "sasl.oauthbearer.token.endpoint.url":
        "Where tokens are given out: https://, or http:// on this machine alone (KIP-768)",
        none => |p, v| p.security.oidc.url = Some(Secret::new(v));
    "sasl.oauthbearer.method":
        "oidc insists on a token endpoint; its URL is what decides",
        |_| "default".to_owned() => |p, v| {
        p.security.oidc.is_method = one_of(v, &[("default", false), ("oidc", true)])?;
    };
    "sasl.oauthbearer.grant.type": "Only client_credentials: an id and a secret",
        |_| "client_credentials".to_owned()
        => |_p, v| one_of(v, &[("client_credentials", ())])?;
    "sasl.oauthbearer.client.credentials.client.id" "sasl.oauthbearer.client.id":
        "Who asks for tokens",
        none => |p, v| p.security.oidc.id = Some(v.to_owned());
    "sasl.oauthbearer.client.credentials.client.secret" "sasl.oauthbearer.client.secret":
        "Its secret",
        none => |p, v| p.security.oidc.secret = Some(Secret::new(v));
    "sasl.oauthbearer.scope": "For what tokens are to be good",
        none => |p, v| p.security.oidc.scope = Some(v.to_owned());
    "sasl.oauthbearer.extensions": "What is sent to brokers beside the token: name=value,..",
        none => |p, v| p.security.oidc.extensions = Some(oidc::extensions(v)?);
    "sasl.oauthbearer.header.urlencode":
        "Whether id and secret are percent-encoded, as RFC 6749 wants",
        |_| "false".to_owned() => |p, v| p.security.oidc.header_urlencode = switch(v)?;
    "https.ca.location":
        "The file, or the folder, with the certificates of whom to trust at the endpoint, as PEM",
        none => |p, v| p.security.oidc.ca_location = Some(v.to_owned());
    "https.ca.pem": "Those certificates themselves, as PEM",
        none => |p, v| p.security.oidc.ca_pem = Some(v.to_owned());
    "sasl.login.connect.timeout.ms": "How long a connection to the endpoint may take",
        |_| "10000".to_owned() => |p, v| p.security.oidc.connect_timeout = Some(millis(v)?);
    "sasl.login.read.timeout.ms": "How long its whole answer may take",
        |_| "10000".to_owned() => |p, v| p.security.oidc.read_timeout = Some(millis(v)?);
    "sasl.login.retry.backoff.ms":
        "How long to wait before the endpoint is asked again; it doubles",
        |_| "100".to_owned() => |p, v| p.security.oidc.retry_backoff = Some(millis(v)?);
    "sasl.login.retry.backoff.max.ms": "For how long it is asked again for one token",
        |_| "10000".to_owned() => |p, v| p.security.oidc.retry_backoff_max = Some(millis(v)?);
    "sasl.login.refresh.window.factor":
        "After which part of a token's life the next one is fetched",
        |_| "0.8".to_owned() => |p, v| p.security.oidc.refresh_factor = Some(fraction(v)?);
    "sasl.login.refresh.window.jitter": "Which part of that time is left to chance",
        |_| "0.05".to_owned() => |p, v| p.security.oidc.refresh_jitter = Some(fraction(v)?);
    "sasl.login.refresh.min.period.seconds": "How far two fetches are apart, if tokens live long",
        |_| "60".to_owned() => |p, v| {
        p.security.oidc.refresh_period_min = Some(Duration::from_secs(number(v, 0, 900)?));
    };
    "sasl.login.refresh.buffer.seconds": "How long before a token's end the next one is there",
        |_| "300".to_owned() => |p, v| {
        p.security.oidc.refresh_buffer = Some(Duration::from_secs(number(v, 0, 3600)?));
    };
    "sasl.oauthbearer.jwt.retriever.class": "Only Kafka's own for client credentials",
        |_| oidc::RETRIEVER.to_owned() => |_p, v| {
        oidc::check_class(v, &["DefaultJwtRetriever", "ClientCredentialsJwtRetriever"])?;
    };
    "sasl.login.callback.handler.class": "Only Kafka's own for token endpoints: its work is done",
        none => |_p, v| oidc::check_class(v, &["OAuthBearerLoginCallbackHandler"])?;
    "ssl.truststore.location": "The file with the certificates of whom to trust",
        none => |p, v| p.security.ssl.keep("ssl.truststore.location", v);
    "ssl.truststore.password": "Its password",
        none => |p, v| p.security.ssl.keep("ssl.truststore.password", v);
    "ssl.truststore.certificates": "Those certificates themselves, as PEM",
        none => |p, v| p.security.ssl.keep("ssl.truststore.certificates", v);
    "ssl.ca.location": "The file, or the folder, with the certificates of whom to trust, as PEM",
        none => |p, v| p.security.ssl.keep("ssl.ca.location", v);
    "ssl.ca.pem": "Those certificates themselves, as PEM",
        none => |p, v| p.security.ssl.keep("ssl.ca.pem", v);
    "ssl.keystore.location": "The file with the client's key and certificate",
        none => |p, v| p.security.ssl.keep("ssl.keystore.location", v);
    "ssl.keystore.password": "Its password",
        none => |p, v| p.security.ssl.keep("ssl.keystore.password", v);
    "ssl.keystore.certificate.chain": "The client's certificate, as PEM",
        none => |p, v| {
        p.security.ssl.keep("ssl.keystore.certificate.chain", v);
    };
    "ssl.keystore.key": "The client's key, as PEM",
        none => |p, v| p.security.ssl.keep("ssl.keystore.key", v);
    "ssl.key.password": "The password of the client's key",
        none => |p, v| p.security.ssl.keep("ssl.key.password", v);
    "ssl.certificate.location": "The file with the client's certificate, as PEM",
        none => |p, v| p.security.ssl.keep("ssl.certificate.location", v);
    "ssl.certificate.pem": "That certificate itself, as PEM",
        none => |p, v| p.security.ssl.keep("ssl.certificate.pem", v);
    "ssl.key.location": "The file with the client's key, as PEM",
        none => |p, v| p.security.ssl.keep("ssl.key.location", v);
    "ssl.key.pem": "That key itself, as PEM",
        none => |p, v| p.security.ssl.keep("ssl.key.pem", v);
    "ssl.cipher.suites": "Which cipher suites may be used; all that are built in if none is named",
        none => |p, v| p.security.ssl.keep("ssl.cipher.suites", v);
    "ssl.truststore.type":
        "JKS, PKCS12 or PEM; a file of JKS or PKCS12 says itself which it is",
        |_| "JKS".to_owned() => |p, v| {
        ssl::check_type(v)?;
        p.security.ssl.keep("ssl.truststore.type", v);
    };
    "ssl.keystore.type":
        "JKS, PKCS12 or PEM; a file of JKS or PKCS12 says itself which it is",
        |_| "JKS".to_owned() => |p, v| {
        ssl::check_type(v)?;
        p.security.ssl.keep("ssl.keystore.type", v);
    };
    "ssl.enabled.protocols": "TLSv1.2, TLSv1.3, or both",
        |_| "TLSv1.2,TLSv1.3".to_owned() => |p, v| {
        ssl::enabled(v)?;
        p.security.ssl.keep("ssl.enabled.protocols", v);
    };
    "ssl.protocol": "TLS, TLSv1.2 or TLSv1.3; ssl.enabled.protocols decides",
        |_| "TLSv1.3".to_owned() => |_p, v| ssl::check_protocol(v)?;
    "ssl.endpoint.identification.algorithm":
        "Whether the certificate must name the host: https, or nothing if it need not",
        |_| "https".to_owned() => |p, v| p.security.ssl.keep_endpoint(v)?;
    "enable.ssl.certificate.verification": "Only true: a certificate is always looked at",
        |_| "true".to_owned() => |_p, v| ssl::check_verification(v)?;
    "ssl.keymanager.algorithm": "Only Java's own names: a key is read as its file says",
        |_| "SunX509".to_owned() => |_p, v| ssl::check_java(v, &["SunX509", "PKIX", "NewSunX509"])?;
    "ssl.trustmanager.algorithm": "Only Java's own names: certificates are checked by RFC 5280",
        |_| "PKIX".to_owned() => |_p, v| ssl::check_java(v, &["PKIX", "SunX509"])?;
    "ssl.provider": "Only nothing: the provider of cryptography is given to the builder",
        none => |_p, v| ssl::check_java(v, &[])?;
    "ssl.secure.random.implementation": "Only nothing: chance comes from the system",
        none => |_p, v| ssl::check_java(v, &[])?;
    "ssl.engine.factory.class": "Only nothing: no class is loaded",
        none => |_p, v| ssl::check_java(v, &[])?;
}
