//! Core: what can happen to requests; each with an example.

use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::{ErrorCode, Request};

use super::action::{Action, Fate, ReplyTo, Twist};
use super::requests::{Fault, Requests};

impl Requests {
    /// The connection is closed, and the request is not executed.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// cluster.fault(Fault::on(ApiKey::PRODUCE).close());
    /// let mut peer = cluster.connect(1).await?;
    /// assert!(peer.produce("t", 0, "x").await.is_err());
    /// assert_eq!(cluster.high_watermark("t", 0), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn close(self) -> Fault {
        self.meet(Action::Fate(Fate::Close))
    }

    /// The request is executed after a delay. Later ones on the connection wait too.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// let by = std::time::Duration::from_secs(2);
    /// cluster.fault(Fault::on(ApiKey::PRODUCE).delay(by));
    /// let mut peer = cluster.connect(1).await?;
    /// let began = tokio::time::Instant::now();
    /// assert_eq!(peer.produce("t", 0, "x").await?, Ok(0));
    /// assert_eq!(began.elapsed(), by);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn delay(self, by: Duration) -> Fault {
        self.meet(Action::Twist(Twist::Delay(by)))
    }

    /// The request is not executed, and this code is the answer wherever it has room for one. With
    /// a [`topic`](Self::topic) or [`partition`](Self::partition) only these fail, and the rest of
    /// the request is executed; of AddPartitionsToTxn nothing is, and the rest is answered with
    /// `OPERATION_NOT_ATTEMPTED`. A request that wants no answer closes the connection.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// let code = ErrorCode::NOT_LEADER_OR_FOLLOWER;
    /// cluster.fault(Fault::on(ApiKey::PRODUCE).topic("t").partition(1).always().answer(code));
    /// let mut peer = cluster.connect(1).await?;
    /// assert_eq!(peer.produce("t", 0, "x").await?, Ok(0));
    /// assert_eq!(peer.produce("t", 1, "x").await?, Err(code));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn answer(self, code: ErrorCode) -> Fault {
        self.meet(Action::Fate(Fate::Answer(code)))
    }

    /// The requests are answered as by [`answer`](Self::answer), each with the next of these codes;
    /// [`ErrorCode::NONE`] lets one through. There are as many turns as codes, or the codes begin
    /// again if it is for [`always`](Self::always).
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// let (busy, old) = (ErrorCode::KAFKA_STORAGE_ERROR, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    /// cluster.fault(Fault::on(ApiKey::PRODUCE).answer_in_turn([busy, ErrorCode::NONE, old]));
    /// let mut peer = cluster.connect(1).await?;
    /// assert_eq!(peer.produce("t", 0, "a").await?, Err(busy));
    /// assert_eq!(peer.produce("t", 0, "b").await?, Ok(0));
    /// assert_eq!(peer.produce("t", 0, "c").await?, Err(old));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn answer_in_turn(mut self, codes: impl IntoIterator<Item = ErrorCode>) -> Fault {
        let codes: Arc<[ErrorCode]> = codes.into_iter().collect();
        if self.turns.times != u64::MAX {
            self.turns.times = codes.len() as u64;
        }
        self.meet(Action::Fate(Fate::AnswerInTurn(codes)))
    }

    /// The request is not executed; the answer has this code in its head and nothing else. Answers
    /// that have no code there get it as by [`answer`](Self::answer).
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// let code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND;
    /// cluster.fault(Fault::on(ApiKey::FETCH).answer_at_top(code));
    /// let mut peer = cluster.connect(1).await?;
    /// let failed = peer.fetch("t", 0, 0).await?;
    /// assert_eq!(failed.unwrap_err(), code);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn answer_at_top(self, code: ErrorCode) -> Fault {
        self.meet(Action::Fate(Fate::AnswerAtTop(code)))
    }

    /// The request is not executed, and this is the answer, whatever was asked. Requests of other
    /// APIs are let through.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// use kurier_protocol::api::metadata::{MetadataRequest, MetadataResponse};
    ///
    /// let empty = MetadataResponse::default();
    /// cluster.fault(Fault::on(ApiKey::METADATA).reply::<MetadataRequest>(empty));
    /// let mut peer = cluster.connect(1).await?;
    /// let answer = peer.call(9, &MetadataRequest::default()).await?;
    /// assert!(answer.brokers.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn reply<R: Request>(self, response: R::Response) -> Fault {
        self.meet(Action::Fate(Fate::Reply(R::KEY, Arc::new(ReplyTo::<R>(response)))))
    }

    /// The request is executed, and the answer says that it failed: with a [`topic`](Self::topic)
    /// or [`partition`](Self::partition) of these only. A fetch changes nothing, so it is as
    /// [`answer`](Self::answer) there.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// let code = ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND;
    /// cluster.fault(Fault::on(ApiKey::PRODUCE).execute_then_answer(code));
    /// let mut peer = cluster.connect(1).await?;
    /// assert_eq!(peer.produce("t", 0, "x").await?, Err(code));
    /// assert_eq!(cluster.high_watermark("t", 0), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn execute_then_answer(self, code: ErrorCode) -> Fault {
        self.meet(Action::Fate(Fate::ExecuteThenAnswer(code)))
    }

    /// The request is executed, and the connection closed without an answer.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// cluster.fault(Fault::on(ApiKey::PRODUCE).execute_then_close());
    /// let mut peer = cluster.connect(1).await?;
    /// assert!(peer.produce("t", 0, "x").await.is_err());
    /// assert_eq!(cluster.high_watermark("t", 0), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn execute_then_close(self) -> Fault {
        self.meet(Action::Fate(Fate::ExecuteThenClose))
    }

    /// The request is executed, and the connection stays open without an answer. What the client
    /// sends through it later is not handled either.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// cluster.fault(Fault::on(ApiKey::PRODUCE).execute_then_hang());
    /// let mut peer = cluster.connect(1).await?;
    /// let patience = std::time::Duration::from_secs(60);
    /// assert!(tokio::time::timeout(patience, peer.produce("t", 0, "x")).await.is_err());
    /// assert_eq!(cluster.high_watermark("t", 0), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn execute_then_hang(self) -> Fault {
        self.meet(Action::Fate(Fate::ExecuteThenHang))
    }

    /// The connection is closed at once, and the request executed after a delay: it was on its way
    /// for so long, and may come after others that were sent later.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// let after = std::time::Duration::from_secs(3);
    /// cluster.fault(Fault::on(ApiKey::PRODUCE).close_then_execute(after));
    /// let mut peer = cluster.connect(1).await?;
    /// assert!(peer.produce("t", 0, "late").await.is_err());
    /// assert_eq!(cluster.connect(1).await?.produce("t", 0, "early").await?, Ok(0));
    /// tokio::time::sleep(after * 2).await;
    /// assert_eq!(cluster.stored_records("t", 0)[1].value(), Some(&b"late"[..]));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn close_then_execute(self, after: Duration) -> Fault {
        self.meet(Action::Fate(Fate::CloseThenExecute(after)))
    }

    /// The request is executed and answered, and executed once more after a delay, of which nobody
    /// is told, as if its client had sent it twice. What was refused is not: whoever knows that
    /// sends it no more.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// let after = std::time::Duration::from_secs(3);
    /// cluster.fault(Fault::on(ApiKey::PRODUCE).execute_again(after));
    /// let mut peer = cluster.connect(1).await?;
    /// assert_eq!(peer.produce("t", 0, "x").await?, Ok(0));
    /// tokio::time::sleep(after * 2).await;
    /// assert_eq!(cluster.high_watermark("t", 0), 2);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn execute_again(self, after: Duration) -> Fault {
        self.meet(Action::Twist(Twist::ExecuteAgain(after)))
    }

    /// The request is executed at once and answered after a delay.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// let by = std::time::Duration::from_secs(2);
    /// // A broker that is far away.
    /// cluster.fault(Fault::any().broker(1).always().delay_answer(by));
    /// let mut peer = cluster.connect(1).await?;
    /// let began = tokio::time::Instant::now();
    /// assert_eq!(peer.produce("t", 0, "x").await?, Ok(0));
    /// assert_eq!(began.elapsed(), by);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn delay_answer(self, by: Duration) -> Fault {
        self.meet(Action::Twist(Twist::DelayAnswer(by)))
    }

    /// The client is over its quota: the answer says for how long it is throttled. From release 2.0
    /// on it comes at once, and the broker does not read from the connection for that long; a fetch
    /// is answered without records (KIP-219). Before, the answer comes late.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// let by = std::time::Duration::from_secs(2);
    /// cluster.fault(Fault::on(ApiKey::PRODUCE).throttle(by));
    /// let mut peer = cluster.connect(1).await?;
    /// let began = tokio::time::Instant::now();
    /// assert_eq!(peer.produce("t", 0, "x").await?, Ok(0));
    /// assert!(began.elapsed().is_zero());
    /// assert_eq!(peer.produce("t", 0, "y").await?, Ok(1));
    /// assert_eq!(began.elapsed(), by);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn throttle(self, by: Duration) -> Fault {
        self.meet(Action::Twist(Twist::Throttle(by)))
    }

    /// The request is executed, the first `bytes` bytes of the answer's frame are sent, and the
    /// connection is closed.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// cluster.fault(Fault::on(ApiKey::PRODUCE).cut(9));
    /// let mut peer = cluster.connect(1).await?;
    /// assert!(peer.produce("t", 0, "x").await.is_err());
    /// assert_eq!(cluster.high_watermark("t", 0), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn cut(self, bytes: usize) -> Fault {
        self.meet(Action::Fate(Fate::Cut(bytes)))
    }

    /// The request is executed, and behind its correlation id the answer is these bytes.
    ///
    /// ```
    /// # use kurier_protocol::ApiKey;
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// cluster.fault(Fault::on(ApiKey::PRODUCE).execute_then_garble(*b"xyz"));
    /// let mut peer = cluster.connect(1).await?;
    /// assert!(peer.produce("t", 0, "x").await.is_err());
    /// assert_eq!(cluster.high_watermark("t", 0), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn execute_then_garble(self, bytes: impl Into<Vec<u8>>) -> Fault {
        self.meet(Action::Fate(Fate::Garble(bytes.into().into())))
    }

    /// The request is executed, and the answer's frame is sent twice.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// use kurier_protocol::api::metadata::MetadataRequest;
    ///
    /// cluster.fault(Fault::on(ApiKey::METADATA).answer_twice());
    /// let mut peer = cluster.connect(1).await?;
    /// peer.send(9, &MetadataRequest::default()).await?;
    /// assert_eq!(peer.frame().await?, peer.frame().await?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn answer_twice(self) -> Fault {
        self.meet(Action::Fate(Fate::AnswerTwice))
    }

    /// A byte of the first batch in an answer to a fetch is inverted, `at` bytes from where the
    /// batch begins, or its last byte if it is shorter. The log stays as it is. Only answers that
    /// have records count.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// let mut peer = cluster.connect(1).await?;
    /// assert_eq!(peer.produce("t", 0, "x").await?, Ok(0));
    /// cluster.fault(Fault::on(ApiKey::FETCH).topic("t").corrupt(70));
    /// assert!(peer.fetch("t", 0, 0).await.is_err(), "the checksum is wrong");
    /// assert_eq!(peer.fetch("t", 0, 0).await?.unwrap().len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn corrupt(self, at: usize) -> Fault {
        self.meet(Action::Corrupt(at))
    }
}
