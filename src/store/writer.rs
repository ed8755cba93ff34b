//! The one writer of a SQLite file: a thread that commits many waiting jobs in one transaction.
//!
//! One durable commit costs a flush of the disk, whether it holds one row or 256. Where a job fails or panics, all
//! of it is taken back and run again with a savepoint for each job, so that the bad one takes back its own work
//! only. Nobody is answered before the commit. When the transaction itself is lost (disk full, I/O error), all of
//! its jobs fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use super::failure::{Failure, unavailable};
use crate::oauth::reject::Fault;

/// Most jobs of one transaction.
const BATCH: usize = 256;
/// Jobs that may wait; more are refused at once.
const WAITING: usize = 4_096;
/// How long a caller waits, from asking to the commit.
pub(super) const PATIENCE: Duration = Duration::from_millis(4_800);

/// Makes a connection that may write. Called again after a transaction was lost.
pub(super) type Connect = Box<dyn Fn() -> Result<SqliteConnection, Failure> + Send>;

/// Whether the file is still the one that was opened.
pub(super) type InPlace = Box<dyn Fn() -> bool + Send>;

/// The way to the writer's thread, which ends when this is dropped.
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
}

enum Message {
    Work(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// A job with its type erased.
trait Job: Send {
    /// Whether nobody waits for the answer any more.
    fn abandoned(&self) -> bool;
    /// Does the work, once more if it was taken back; false takes it back.
    fn run(&mut self, connection: &mut SqliteConnection) -> bool;
    /// Tells the caller; `lost` says why the transaction did not commit.
    fn answer(self: Box<Self>, lost: Option<&str>);
}

struct Work<T, F> {
    body: F,
    outcome: Option<Result<T, Failure>>,
    reply: oneshot::Sender<Result<T, Failure>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connect: Connect, in_place: InPlace) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(WAITING);
        let file = File { connection: None, connect, in_place };
        thread::Builder::new().name("store-writer".into()).spawn(move || serve(jobs, file))?;
        Ok(Self { queue })
    }

    /// Hands a body in and waits for its commit.
    pub(super) async fn commit<T, F>(&self, body: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Fn(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Work { body, outcome: None, reply });
        self.queue.try_send(Message::Work(job)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => unavailable("too many writes are waiting"),
            mpsc::error::TrySendError::Closed(_) => unavailable("the database is closed"),
        })?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(unavailable("the writer stopped")),
            Err(_) => Err(unavailable("the write took too long")),
        }
    }

    /// Commits what waits, then ends the thread.
    pub(super) async fn close(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Message::Close(done)).await.is_ok() {
            let _ = tokio::time::timeout(PATIENCE, wait).await;
        }
    }
}

impl<T, F> Job for Work<T, F>
where
    T: Send,
    F: Fn(&mut SqliteConnection) -> QueryResult<T> + Send,
{
    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &mut SqliteConnection) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.body)(connection)));
        let outcome = match outcome {
            Ok(outcome) => outcome.map_err(Failure::from),
            Err(_) => Err(unavailable("a write panicked")),
        };
        self.outcome.insert(outcome).is_ok()
    }

    fn answer(self: Box<Self>, lost: Option<&str>) {
        let outcome = match (self.outcome, lost) {
            // What failed for its own reason says so, whatever became of the others.
            (Some(Err(failure)), _) => Err(failure),
            (_, Some(why)) => Err(unavailable(why)),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(unavailable("the write was not run")),
        };
        let _ = self.reply.send(outcome);
    }
}

/// The writer's side of the file.
struct File {
    connection: Option<SqliteConnection>,
    connect: Connect,
    in_place: InPlace,
}

fn serve(mut queue: mpsc::Receiver<Message>, mut file: File) {
    let mut closing = None;
    let mut batch: Vec<Box<dyn Job>> = Vec::with_capacity(BATCH);
    while let Some(first) = queue.blocking_recv() {
        let (mut next, mut yielded) = (Some(first), false);
        while let Some(message) = next {
            match message {
                Message::Work(job) if job.abandoned() => {}
                Message::Work(job) => batch.push(job),
                Message::Close(done) => {
                    // What is in the queue still counts, nothing comes after it.
                    queue.close();
                    closing = Some(done);
                }
            }
            next = if batch.len() < BATCH { queue.try_recv().ok() } else { None };
            if next.is_none() && !yielded && batch.len() < BATCH {
                // Whoever waits for this processor may be about to hand something in, which then needs no flush of its
                // own. Where nobody waits, this takes no time.
                thread::yield_now();
                (next, yielded) = (queue.try_recv().ok(), true);
            }
        }
        if batch.is_empty() {
            continue;
        }
        let lost = file.commit(&mut batch).err();
        if let Some(why) = &lost {
            tracing::warn!(target: "grantwood::store", jobs = batch.len(), %why, "a transaction was lost");
        }
        for job in batch.drain(..) {
            job.answer(lost.as_deref());
        }
    }
    // Closing the last connection also folds the write-ahead log into the file.
    drop(file);
    if let Some(done) = closing {
        let _ = done.send(());
    }
}

impl File {
    /// Runs the batch in one transaction. After an error nothing of it has happened, and the next batch
    /// starts with a new connection, whatever state this one was left in.
    fn commit(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), String> {
        if !(self.in_place)() {
            self.connection = None;
            return Err("the database file was moved or removed".into());
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => (self.connect)().map_err(|failure| Fault::from(failure).to_string())?,
        };
        let done = together(&mut connection, batch).and_then(|all_went_well| match all_went_well {
            true => Ok(()),
            false => one_by_one(&mut connection, batch),
        });
        if let Err(error) = done {
            // Fails where the database has rolled back by itself, which is as good.
            let _ = connection.batch_execute("ROLLBACK");
            return Err(error.to_string());
        }
        self.connection = Some(connection);
        Ok(())
    }
}

/// Runs all jobs in one transaction without savepoints, which cost a copy of each page that two jobs change. False = a
/// job failed and nothing has happened. No job swallows an error of the database, so one whose error ended the
/// transaction is the last that runs.
fn together(connection: &mut SqliteConnection, batch: &mut [Box<dyn Job>]) -> QueryResult<bool> {
    connection.batch_execute("BEGIN IMMEDIATE")?;
    for job in batch {
        // BEGIN may have waited for the lock longer than the caller did, who was told that it failed.
        if !job.abandoned() && !job.run(connection) {
            // Fails where the job's error has ended the transaction, which is as good.
            let _ = connection.batch_execute("ROLLBACK");
            return Ok(false);
        }
    }
    connection.batch_execute("COMMIT")?;
    Ok(true)
}

/// The same with a savepoint for each job, so that one that fails takes back its own work only.
fn one_by_one(connection: &mut SqliteConnection, batch: &mut [Box<dyn Job>]) -> QueryResult<()> {
    connection.batch_execute("BEGIN IMMEDIATE")?;
    run_all(connection, batch)?;
    connection.batch_execute("COMMIT")
}

/// The statements around a savepoint fail when a job's error ended the whole transaction, so a later job
/// never runs, and commits, outside of it.
fn run_all(connection: &mut SqliteConnection, batch: &mut [Box<dyn Job>]) -> QueryResult<()> {
    for job in batch {
        // BEGIN may have waited for the lock longer than the caller did, who was told that it failed.
        if job.abandoned() {
            continue;
        }
        connection.batch_execute("SAVEPOINT job")?;
        if job.run(connection) {
            connection.batch_execute("RELEASE job")?;
        } else {
            connection.batch_execute("ROLLBACK TO job; RELEASE job")?;
        }
    }
    Ok(())
}
