//! Encryption and logins.

use super::super::jaas::Jaas;
use super::super::parse::{fraction, millis};
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
        none => |p, v| p.security.kerberos.service_name = Some(v.to_owned());
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
    "sasl.jaas.config": "The line of a JAAS file; it is read, and no class is loaded",
        none => |p, v| p.security.jaas = Some(Jaas::read(v)?);
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
    "ssl.truststore.type": "JKS, PKCS12 or PEM; what the file says of itself counts",
        |_| "JKS".to_owned() => |p, v| {
        ssl::check_type(v)?;
        p.security.ssl.keep("ssl.truststore.type", v);
    };
    "ssl.keystore.type": "JKS, PKCS12 or PEM; what the file says of itself counts",
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
