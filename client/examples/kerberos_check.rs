//! Logs in by Kerberos at a plain acceptor (`u32 length | token` to it, `u32 length | u8 status |
//! token or text` from it), as the interoperability checks of Kerberos need it.
//!
//! ```text
//! kerberos_check --keytab F --principal P | --ccache C   [--service kafka] [--host localhost]
//!     --port N [--etypes 18,17] [--udp] [--skew S] [--times N [--pause MS]]
//! ```

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

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
    for round in 0..number("--times").unwrap_or(1) {
        tokio::time::sleep(if round == 0 { Duration::ZERO } else { pause }).await;
        let mechanism = kerberos.mechanism(&host, &env).await?;
        log_in(mechanism, &mut stream).await?;
        println!("AUTH   complete");
    }
    Ok(())
}

async fn log_in(
    mut mechanism: Box<dyn Mechanism>,
    stream: &mut Box<dyn kurier_env::Io>,
) -> Result<(), Failure> {
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
            (1, Step::Done(_)) => return Ok(()),
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
