//! Rows 72 to 85: logins and rights, and whoever stops in the middle.

use kurier_client::error::ErrorKind;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use tokio::time::sleep;

use super::{fetches, groups, logs, produce, transactions, transport};
use crate::code::Column;
use crate::ran::Ran;
use crate::reader::TOPIC;
use crate::row::{Row, cell, fault};
use crate::settings::{MS, SECOND, flood};
use crate::world::World;

pub(super) fn rows() -> Vec<Row> {
    vec![
        fault!(72, "A login is due while records are in flight; its renewal is refused", renewals,
            expect["L O P|E", "L D O P|E", "L D A P|E", "L C g P|E", "L C g P|E", "L g P|E", later])
        .shared()
        .tuned(|settings| settings.life.login = Some(3 * SECOND)),
        fault!(73, "A token is old, or whoever gives it is away",
            ("client/src/net/tests/logins.rs::\
              a_renewal_without_a_token_is_put_off_and_holds_nothing_up"),
            expect["E P M", "E P M", "E P M", "E P M", "E P M", "E P M", later]),
        fault!(74, "A server that lies in SCRAM",
            ("client/src/net/tests/logins.rs::a_hostile_broker_gets_nowhere"),
            expect["E", "E", "E", "E", "E", "E", later]),
        fault!(75, "A service that lies in GSSAPI",
            ("auth/src/kerberos/gss/tests.rs::no_altered_offer_is_unwrapped"),
            expect["E N", "E N", "E N", "E N", "E N", "E N", later]),
        fault!(76, "Certificates that are wrong, old, unknown or replaced",
            ("client/src/security/tls/tests.rs::\
              certificates_are_replaced_without_a_restart_and_a_bad_pair_keeps_the_old_one"),
            expect["E|P", "E|P", "E|P", "E|P", "E|P", "E|P", later]),
        fault!(77, "Rights are taken away in mid-run", rights,
            expect["E", "E D O", "F|a", "L C g E P", "L C g E P", "L g E P", later])
        .members(|world| Box::pin(groups::rights(world)))
        .readers(|world| Box::pin(fetches::rights(world)))
        .also(rights_are_named),
        fault!(78, "`kill -9` at each point of a connector", -,
            expect[-, -, later, "L C g P", "L C g P", -, later])
        .members(|world| Box::pin(groups::nothing_else(world)))
        .grouped(groups::dies)
        .sessions(),
        fault!(79, "The disk of checkpoints is full or fails", -,
            expect[-, -, -, -, -, -, later]),
        fault!(80, "A checkpoint is torn or missing", -, expect[-, -, -, -, -, -, later]),
        fault!(81, "Two instances of one connector", transactions::rivals,
            expect[-, -, "F", -, -, -, later])
        .tuned(|settings| settings.life.stays_down = true),
        fault!(82, "A power cut between rename and sync", -, expect[-, -, -, -, -, -, later]),
        fault!(83, "Little memory under a backlog", backlog,
            expect["M", "M", "M", "L C g M P", "L C g M P", "L g M P", later])
        .members(|world| Box::pin(logs::backlog(world)))
        .readers(|world| Box::pin(logs::backlog(world)))
        .tuned(|settings| {
            flood(settings);
            logs::overrun(settings);
        })
        .also(logs::much_was_held),
        fault!(84, "Futures are dropped wherever they wait", nothing_else,
            expect["L", "D O", "A", "L C g P", "L C g P", "L g P", later])
        .shared()
        .tuned(|settings| settings.life.drops = true)
        .sessions(),
        // Whoever is closed is not used again; its transaction must be whole.
        fault!(85, "Closing or dropping while anything is under way", anything,
            expect["E", "E", "A", "L C g P", "L C g P", "L g P", later])
        .shared()
        .tuned(|settings| {
            settings.life.closes = true;
            settings.producer.linger = 50 * MS;
        })
        .sessions(),
    ]
}

/// Each connection logs in again and again; with every second seed it is refused for a while.
async fn renewals(world: &World) {
    let before = world.cluster.counters().of(ApiKey::SASL_AUTHENTICATE);
    if world.settings.seed.is_multiple_of(2) {
        sleep(world.dice.millis(3000..=6000)).await;
        let code = ErrorCode::SASL_AUTHENTICATION_FAILED;
        world.plant(Fault::on(ApiKey::SASL_AUTHENTICATE).always().answer(code));
        sleep(world.dice.millis(2000..=5000)).await;
        world.cluster.clear_faults();
    } else {
        sleep(15 * SECOND).await;
    }
    if world.cluster.counters().of(ApiKey::SASL_AUTHENTICATE) > before {
        world.strike();
    }
}

const REFUSED: [ErrorCode; 2] =
    [ErrorCode::TOPIC_AUTHORIZATION_FAILED, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED];

/// Of one partition's records, or of a transactional id, for a while.
async fn rights(world: &World) {
    for _ in 0..3 {
        world.moment().await;
        let [topic, id] = REFUSED;
        if world.column() == Column::T && world.dice.one_in(2) {
            let api = world.dice.pick(&[ApiKey::ADD_PARTITIONS_TO_TXN, ApiKey::END_TXN]);
            world.plant(Fault::on(api).answer(id));
            continue;
        }
        let on = Fault::on(ApiKey::PRODUCE).topic(TOPIC).partition(world.any_partition());
        world.plant(on.always().answer(topic));
        sleep(world.dice.millis(500..=2000)).await;
        world.cluster.clear_faults();
    }
}

fn rights_are_named(_: Column, runs: &[Ran]) -> Result<(), String> {
    let mut said = runs.iter().flat_map(Ran::errors);
    match said.any(|error| error.kind() == ErrorKind::Authorization) {
        true => Ok(()),
        false => Err("nobody was told which right misses".to_owned()),
    }
}

/// Brokers that take less than they are sent.
async fn backlog(world: &World) {
    world.moment().await;
    world.cluster.network().bandwidth(Some(4000));
    world.strike();
}

/// The processes do it: `Life::drops`.
async fn nothing_else(_: &World) {}

/// One of the faults of other rows.
async fn anything(world: &World) {
    match world.dice.number(0..=5) {
        0 => transport::lost_answers(world).await,
        1 => transport::half_open(world).await,
        2 => transport::partition(world).await,
        3 => transport::late_requests(world).await,
        4 => produce::moves(world).await,
        _ => produce::too_few_after_append(world).await,
    }
}
