//! Threads for long computations, which give way to requests: whoever asks about a token does not wait for
//! somebody's password.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::oneshot;

use crate::oauth::reject::Fault;

type Job = Box<dyn FnOnce() + Send>;

/// So many threads, started with the first job: starting the server must not wait for them.
pub struct Aside {
    name: &'static str,
    threads: usize,
    jobs: OnceLock<Mutex<Sender<Job>>>,
}

impl Aside {
    /// At least one thread.
    pub fn new(name: &'static str, threads: usize) -> Self {
        Self { name, threads: threads.max(1), jobs: OnceLock::new() }
    }

    /// Runs a job when a thread is free. Of a caller who has gone meanwhile nothing is computed.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] if no thread can be started or the job panics.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
        let (done, answer) = oneshot::channel();
        let job: Job = Box::new(move || {
            if !done.is_closed() {
                // The caller may go while the job runs: then nobody wants to know.
                drop(done.send(job()));
            }
        });
        let stopped = || Fault::Unavailable(format!("the threads of {} have stopped", self.name));
        let jobs = self.jobs.get_or_init(|| Mutex::new(self.start()));
        jobs.lock().unwrap_or_else(PoisonError::into_inner).send(job).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())
    }

    fn start(&self) -> Sender<Job> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..self.threads {
            let queue = Arc::clone(&queue);
            let started = std::thread::Builder::new().name(self.name.to_owned()).spawn(move || work(&queue));
            if let Err(error) = started {
                tracing::error!(event = "threads.failed", name = self.name, %error, "a thread cannot be started");
            }
        }
        jobs
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    give_way();
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!(event = "panic", "a computation panicked");
        }
    }
}

/// Lowers the priority of this thread (on Linux priorities are of threads). Where the system does not have it,
/// the thread works with that of all.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 15) {
        tracing::debug!(event = "threads.priority", %error, "the priority of a thread stays as it is");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_fault_and_the_thread_goes_on() {
        let aside = Aside::new("test", 1);
        assert!(matches!(aside.run(|| panic!("on purpose")).await, Err::<(), _>(Fault::Unavailable(_))));
        assert_eq!(aside.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn no_more_run_at_a_time_than_there_are_threads() {
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        let aside = Aside::new("test", 2);
        let job = || {
            let running = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
            std::thread::sleep(std::time::Duration::from_millis(5));
            RUNNING.fetch_sub(1, Ordering::SeqCst);
            running
        };
        let most = futures_util::future::join_all((0..20).map(|_| aside.run(job))).await;
        let most = most.into_iter().map(Result::unwrap).max();
        assert_eq!(most, Some(2));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_threads_give_way() {
        let aside = Aside::new("test", 1);
        let priority =
            || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap_or_default();
        let own = priority();
        assert!(aside.run(priority).await.unwrap() > own);
    }
}
