//! The solver: an external program that is asked one question after the other, each within a time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cedar_policy_symcc::err::Error;
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env};
use tokio::process::Command;

/// What the solver found out.
pub(super) enum Answer {
    /// It holds, for every request that there could be.
    Holds,
    /// It does not; a request that shows it, where one could be made of the solver's model.
    Fails(Option<Box<Env>>),
    /// Nobody knows: too hard within the time, or the solver failed.
    Unknown(String),
}

/// A question.
pub(super) enum Query<'q> {
    /// Whatever the first permits, the second permits.
    Implies(&'q CompiledPolicySet, &'q CompiledPolicySet),
    /// It permits nothing.
    Denies(&'q CompiledPolicySet),
    /// It evaluates without an error.
    NeverFails(&'q CompiledPolicy),
}

/// Asks the solver. It is started anew after a failure.
pub struct Prover {
    program: PathBuf,
    limit: Duration,
    running: Option<CedarSymCompiler<LocalSolver>>,
    /// Questions that were asked.
    pub(super) asked: usize,
}

impl Prover {
    /// A solver that is found where a shell would find it. `limit` is for one question.
    ///
    /// # Errors
    /// In words: it is not there, or it is not a solver.
    pub async fn open(program: &Path, limit: Duration) -> Result<Self, String> {
        let found = Command::new(program).arg("--version").output().await;
        let output = found.map_err(|error| format!("{}: {error}", program.display()))?;
        if !output.status.success() {
            return Err(format!("{} --version fails", program.display()));
        }
        Ok(Self { program: program.to_owned(), limit, running: None, asked: 0 })
    }

    /// Asks one question.
    pub(super) async fn ask(&mut self, query: &Query<'_>) -> Answer {
        self.asked += 1;
        let answer = self.within(query, true).await;
        match answer {
            // A model that cannot be read is no reason not to know.
            Answer::Unknown(_) => match self.within(query, false).await {
                Answer::Unknown(_) => answer,
                known => known,
            },
            known => known,
        }
    }

    async fn within(&mut self, query: &Query<'_>, example: bool) -> Answer {
        let solver = match self.running.take().map_or_else(|| self.start(), Ok) {
            Ok(solver) => solver,
            Err(why) => return Answer::Unknown(why),
        };
        // The solver gives up by itself; if it does not, it is ended.
        match tokio::time::timeout(self.limit + Duration::from_secs(2), put(solver, query, example)).await {
            Err(_) => Answer::Unknown(format!("no answer within {} s", self.limit.as_secs())),
            Ok((solver, answer)) => {
                self.running = solver;
                answer
            }
        }
    }

    fn start(&self) -> Result<CedarSymCompiler<LocalSolver>, String> {
        let mut command = Command::new(&self.program);
        command.args(["--lang", "smt"]).arg(format!("--tlimit-per={}", self.limit.as_millis()));
        command.kill_on_drop(true);
        let solver = LocalSolver::from_command(&mut command).map_err(|error| error.to_string())?;
        CedarSymCompiler::new(solver).map_err(|error| error.to_string())
    }
}

/// Puts a question; the solver comes back only if it is in a state to be asked again.
async fn put(
    mut solver: CedarSymCompiler<LocalSolver>,
    query: &Query<'_>,
    example: bool,
) -> (Option<CedarSymCompiler<LocalSolver>>, Answer) {
    let found = match (query, example) {
        (Query::Implies(a, b), true) => solver
            .check_implies_with_counterexample_opt(a, b)
            .await
            .map(|env| env.map(|env| Some(Box::new(env)))),
        (Query::Denies(a), true) => solver
            .check_always_denies_with_counterexample_opt(a)
            .await
            .map(|env| env.map(|env| Some(Box::new(env)))),
        (Query::NeverFails(a), true | false) => {
            solver.check_never_errors_opt(a).await.map(|holds| (!holds).then_some(None))
        }
        (Query::Implies(a, b), false) => {
            solver.check_implies_opt(a, b).await.map(|holds| (!holds).then_some(None))
        }
        (Query::Denies(a), false) => {
            solver.check_always_denies_opt(a).await.map(|holds| (!holds).then_some(None))
        }
    };
    match found {
        Ok(None) => (Some(solver), Answer::Holds),
        Ok(Some(env)) => (Some(solver), Answer::Fails(env)),
        Err(Error::SolverUnknown) => (Some(solver), Answer::Unknown("the solver gave up".to_owned())),
        Err(error) => (None, Answer::Unknown(error.to_string())),
    }
}
