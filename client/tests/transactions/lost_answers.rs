//! An attempt whose answer was lost is reported, and the same step can be taken again.

use std::time::Duration;

use kurier_client::transactions::{
    BegunTransaction, ConsumerGroupMetadata, GroupOffset, TransactionEnd, TransactionVersion,
};
use kurier_protocol::ApiKey;
use kurier_testkit::Fault;
use tokio::time::sleep;

use crate::world::{RELEASES, World, all};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_told_at_every_step_and_the_same_again_is_right() {
    for (release, version) in RELEASES {
        let world = World::new(release).await;
        let lose = |api| drop(world.cluster.fault(Fault::on(api).execute_then_close()));
        lose(ApiKey::INIT_PRODUCER_ID);
        let error = world.steps.init_producer_id("a", 60 * SECOND, None).await.unwrap_err();
        assert!(error.maybe_written(), "{release}: {error}");
        let transaction = world.init("a", version).await;
        let group = ConsumerGroupMetadata::new("g");
        let offsets = [GroupOffset::new("t", 0, 1)];
        if version == TransactionVersion::V1 {
            lose(ApiKey::ADD_PARTITIONS_TO_TXN);
            let lost = all(world.steps.add_partitions(&transaction, [("t", 0)]).await);
            assert!(lost.unwrap_err().maybe_written(), "{release}");
            lose(ApiKey::ADD_OFFSETS_TO_TXN);
            let lost = world.steps.add_offsets(&transaction, "g").await;
            assert!(lost.unwrap_err().maybe_written(), "{release}");
            world.steps.add_offsets(&transaction, "g").await.unwrap();
        }
        world.write(&transaction, 0, "v").await;
        lose(ApiKey::TXN_OFFSET_COMMIT);
        let commit = || world.steps.commit_offsets(&transaction, &group, offsets.clone());
        assert!(all(commit().await).unwrap_err().maybe_written(), "{release}");
        all(commit().await).unwrap();
        lose(ApiKey::END_TXN);
        let end = || world.steps.end(&transaction, TransactionEnd::Commit);
        assert!(end().await.unwrap_err().maybe_written(), "{release}");
        let next = end().await.unwrap();
        assert_eq!(end().await.unwrap(), next, "{release}: and once more");
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["v"], "{release}");
    }
}

/// What KAFKA-17754 is about, and what `init_producer_id` in between is for.
#[tokio::test(start_paused = true)]
async fn a_late_commit_does_not_touch_the_next_transaction_of_an_id_that_was_taken_over() {
    for (release, version) in RELEASES {
        let world = World::new(release).await;
        let first = world.init("a", version).await;
        world.write(&first, 0, "1").await;
        let late = Fault::on(ApiKey::END_TXN).close_then_execute(20 * SECOND);
        world.cluster.fault(late);
        let lost = world.steps.end(&first, TransactionEnd::Commit).await;
        assert!(lost.unwrap_err().maybe_written(), "{release}");
        let producer = world.steps.end(&first, TransactionEnd::Commit).await.unwrap();
        let second = match version {
            TransactionVersion::V1 => world.init("a", version).await,
            TransactionVersion::V2 => BegunTransaction { producer, ..first },
        };
        world.write(&second, 0, "2").await;
        sleep(30 * SECOND).await;
        assert_eq!(world.committed(0), ["1"], "{release}: the second one is open");
        world.steps.end(&second, TransactionEnd::Abort).await.unwrap();
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["1"], "{release}");
    }
}
