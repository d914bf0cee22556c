//! How do I connect over TLS, and log in?
//!
//! Start a cluster that wants both, and show its CA's certificate to the example:
//!
//! ```text
//! kurier broker --topics orders --tls --ca-file ca.pem --sasl SCRAM-SHA-256 --user alice:secret
//! PASSWORD=secret cargo run --example secure -- localhost:9092 ca.pem alice
//! ```
//!
//! [`Client::from_properties`] takes the same by the names that Java's client has for it.

use kurier_client::Client;
use kurier_client::security::tls::{Store, Tls, Trust};
use kurier_client::security::{Sasl, ScramHash, Secret};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let ca = arguments.next().unwrap_or_else(|| "ca.pem".to_owned());
    let user = arguments.next().unwrap_or_else(|| "alice".to_owned());
    let password = Secret::new(std::env::var("PASSWORD").unwrap_or_default());

    // Without a store of one's own, the certificates that the system trusts are taken.
    let tls = Tls { trust: Trust::Store(Store::file(ca)), ..Tls::default() };
    let sasl = Sasl::Scram { hash: ScramHash::Sha256, user, password, is_token: false };
    let client = Client::builder([broker]).tls(tls).sasl(sasl).connect().await?;

    for topic in client.admin().list_topics().await? {
        println!("{}", topic.name);
    }
    Ok(())
}
