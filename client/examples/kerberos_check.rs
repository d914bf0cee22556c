//! Logs in by Kerberos at a plain acceptor (`u32 length | token` to it, `u32 length | u8 status |
//! token or text` from it), as `ci/kerberos-matrix` needs it.
//!
//! ```text
//! kerberos_check --keytab F --principal P | --ccache C   [--service kafka] [--host localhost]
//!     --port N [--etypes 18,17] [--udp] [--skew S] [--times N [--pause MS]] [--renew]
//!     [--no-mutual] [--no-subkey] [--authzid A]
//! ```
//!
//! Status 0 is to go on, 1 the end, 2 a refusal. The last three options ask for what the
//! client itself never does: then its tickets are used in a context that does so.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use kurier_auth::kerberos::{GssapiClient, GssapiHabits};
use kurier_auth::{Mechanism, Step};
use kurier_client::security::kerberos::{EncryptionType, Kerberos, KerberosConfig, TicketSource};
use kurier_env::{Env, RealNet, RealWall, Wall};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

type Failure = Box<dyn Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if let Err(error) = run().await {
        println!("FAIL {error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().collect();
    let get = |name: &str| args.iter().skip_while(|arg| *arg != name).nth(1).cloned();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let number = |name: &str| get(name).and_then(|text| text.parse::<i64>().ok());
    let kinds = get("--etypes").map(|list| {
        let numbers = list.split(',').filter_map(|number| number.parse().ok());
        numbers.filter_map(EncryptionType::of_number).collect()
    });
    let source = match get("--ccache") {
        Some(name) => TicketSource::Cache(Some(name)),
        None => TicketSource::Keytab(get("--keytab").map(Into::into)),
    };
    let kerberos = Kerberos::new(KerberosConfig {
        principal: get("--principal"),
        source,
        service: get("--service").unwrap_or_else(|| "kafka".to_owned()),
        encryption_types: kinds,
        datagrams_first: has("--udp"),
        ..KerberosConfig::default()
    });
    let ahead = number("--skew").unwrap_or(0) * 1000;
    let seed = std::process::id().into();
    let real = Env::real();
    let names = ["KRB5_CONFIG", "KRB5CCNAME", "KRB5_KTNAME", "KRB5_CLIENT_KTNAME"];
    let variables = names.into_iter().filter_map(|name| Some((name, real.variable(name)?)));
    let env = Env::simulated(Arc::new(RealNet), Arc::new(Skewed(ahead)), seed);
    let env = env.with_variables(variables);
    let host = get("--host").unwrap_or_else(|| "localhost".to_owned());
    let port = u16::try_from(number("--port").unwrap_or(0))?;
    let to = env.net().resolve("127.0.0.1", port).await?;
    let mut stream = env.net().connect(*to.first().ok_or("no address")?).await?;
    let pause = Duration::from_millis(number("--pause").unwrap_or(0).unsigned_abs());
    let habits = GssapiHabits {
        is_mutual: !has("--no-mutual"),
        has_subkey: !has("--no-subkey"),
        authorization_id: get("--authzid").unwrap_or_default(),
    };
    let other = ["--no-mutual", "--no-subkey", "--authzid"].into_iter().any(has);
    let mut end = None;
    for round in 0..number("--times").unwrap_or(1) {
        tokio::time::sleep(if round == 0 { Duration::ZERO } else { pause }).await;
        let mechanism: Box<dyn Mechanism> = if other {
            let (ticket, now) = kerberos.ticket(&host, &env).await?;
            Box::new(GssapiClient::with_habits(&ticket, &now, habits.clone()))
        } else {
            kerberos.mechanism(&host, &env).await?
        };
        let said = log_in(mechanism, &mut stream).await?;
        println!("AUTH   complete: {said}");
        if has("--renew") {
            let (ticket, _) = kerberos.ticket(&host, &env).await?;
            if end.is_some_and(|end| ticket.end > end) {
                println!("RENEW  the ticket ends later now");
            }
            end = Some(ticket.end);
        }
    }
    Ok(())
}

/// Returns what the acceptor says of it.
async fn log_in(
    mut mechanism: Box<dyn Mechanism>,
    stream: &mut Box<dyn kurier_env::Io>,
) -> Result<String, Failure> {
    let mut answer = Vec::new();
    loop {
        let step = mechanism.step(&answer)?;
        let (Step::Continue(token) | Step::Done(token)) = &step;
        stream.write_u32(u32::try_from(token.len())?).await?;
        stream.write_all(token).await?;
        let length = stream.read_u32().await?;
        answer = vec![0; usize::try_from(length)?];
        stream.read_exact(&mut answer).await?;
        let status = answer.first().copied().unwrap_or(2);
        answer.drain(..1);
        match (status, &step) {
            (0, Step::Continue(_)) => {}
            (1, Step::Done(_)) => return Ok(String::from_utf8_lossy(&answer).into_owned()),
            (0, _) => return Err("we are through, the acceptor is not".into()),
            (1, _) => return Err("the acceptor is through, we are not".into()),
            _ => return Err(format!("acceptor: {}", String::from_utf8_lossy(&answer)).into()),
        }
    }
}

/// A clock that is wrong.
#[derive(Debug)]
struct Skewed(i64);

impl Wall for Skewed {
    fn millis(&self) -> i64 {
        RealWall.millis() + self.0
    }
}
