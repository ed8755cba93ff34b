//! The evaluations of one request, over one policy set: each subject is made ready once.

use std::sync::Arc;
use std::time::Instant;

use super::subject::{Known, known};
use super::target::{Target, target};
use super::{Ask, Asker, Circumstances, Question, Subject, Who};
use crate::app::App;
use crate::oauth::reject::Fault;
use crate::policy::{Asked, Decision, Evaluation, Properties, Snapshot, Stated, Trace};

/// Evaluations after which other requests get their turn.
const A_TURN: usize = 32;

/// When a request of many evaluations is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Semantic {
    /// After all.
    #[default]
    ExecuteAll,
    /// After the first no.
    DenyOnFirstDeny,
    /// After the first yes.
    PermitOnFirstPermit,
}

/// The answer to one question.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The policies decided.
    Decided(Decision),
    /// No: there is no such thing; says what.
    Unknown(&'static str),
    /// No: the question cannot be read; says why.
    Unreadable(String),
}

impl Answer {
    /// Yes or no.
    pub fn allowed(&self) -> bool {
        matches!(self, Self::Decided(decision) if decision.allowed)
    }
}

/// Why a decision is as it is, for somebody who may see policies.
pub fn reason(decision: &Decision) -> String {
    let policies = decision.policies.join(", ");
    match (decision.allowed, decision.errors.first(), policies.is_empty()) {
        (_, Some(error), _) => format!("a policy failed: {error}"),
        (true, None, _) => format!("permitted by {policies}"),
        (false, None, true) => "no policy permits it".to_owned(),
        (false, None, false) => format!("forbidden by {policies}"),
    }
}

/// Decides questions in their order until the semantic is satisfied. What cannot be read is a no like another.
///
/// # Errors
/// [`Fault`] if the database does not answer: nothing is decided then.
pub async fn decide(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    asker: &Asker,
    questions: &[Result<Question, String>],
    semantic: Semantic,
) -> Result<Vec<Answer>, Fault> {
    let (subjects, places) = subjects(app, ask, snapshot, asker, questions).await?;
    let mut ready: Vec<Option<Result<Evaluation<'_>, Decision>>> = Vec::new();
    ready.resize_with(subjects.len(), || None);
    let mut answers = Vec::with_capacity(questions.len());
    for (number, (question, place)) in questions.iter().zip(places).enumerate() {
        if number % A_TURN == A_TURN - 1 {
            tokio::task::yield_now().await;
        }
        let answer = match (question, place) {
            (Err(why), _) => Answer::Unreadable(why.clone()),
            (Ok(question), Some(place)) => {
                let target = target(snapshot, &question.action, &question.resource);
                match (&subjects[place], target) {
                    (Err(what), _) => Answer::Unknown(what),
                    (Ok(_), Err(what)) => Answer::Unknown(what),
                    (Ok(subject), Ok(target)) => {
                        let evaluation =
                            ready[place].get_or_insert_with(|| snapshot.evaluation(&subject.words()));
                        Answer::Decided(one(app, ask, snapshot, subject, evaluation, &target, question))
                    }
                }
            }
            (Ok(_), None) => Answer::Unknown("subject"),
        };
        let over = match semantic {
            Semantic::ExecuteAll => false,
            Semantic::DenyOnFirstDeny => !answer.allowed(),
            Semantic::PermitOnFirstPermit => answer.allowed(),
        };
        answers.push(answer);
        if over {
            break;
        }
    }
    Ok(answers)
}

fn one(
    app: &App,
    ask: &Ask,
    snapshot: &Snapshot,
    subject: &Known,
    evaluation: &Result<Evaluation<'_>, Decision>,
    target: &Target,
    question: &Question,
) -> Decision {
    let started = Instant::now();
    let decision = match (subject.granted(snapshot, &target.action), evaluation) {
        (Err(refused), _) => refused,
        (Ok(()), Err(failed)) => failed.clone(),
        (Ok(()), Ok(evaluation)) => {
            let action = Some(&question.action.properties);
            let stated = Stated { resource: target.resource.as_ref(), action, subject: None };
            evaluation.decide(&target.action, stated, target.http.as_ref())
        }
    };
    let took = started.elapsed();
    app.metrics.decided(target.action.as_str(), decision.allowed, decision.errors.len(), took);
    if !decision.allowed || app.decisions.wants_allows(&ask.request_id) {
        let assumed = std::slice::from_ref(&target.action);
        let trace = Trace { request_id: &ask.request_id, jti: subject.jti(), took };
        app.decisions.record(
            snapshot,
            &Asked::Use(subject.question(&target.action, assumed)),
            &decision,
            trace,
        );
    }
    decision
}

type Subjects = Vec<Result<Known, &'static str>>;

/// The distinct subjects of the questions, and for each question the place of its own.
async fn subjects(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    asker: &Asker,
    questions: &[Result<Question, String>],
) -> Result<(Subjects, Vec<Option<usize>>), Fault> {
    let mut seen: Vec<(&Subject, &Arc<Circumstances>)> = Vec::new();
    let (mut subjects, mut places) = (Vec::new(), Vec::with_capacity(questions.len()));
    for question in questions {
        let Ok(Question { subject, context, .. }) = question else {
            places.push(None);
            continue;
        };
        // A request repeats its subject mostly; of many different ones the last few are compared.
        let recent = seen.len().saturating_sub(A_TURN);
        let place = seen[recent..]
            .iter()
            .position(|(other, around)| same(other, subject) && Arc::ptr_eq(around, context));
        places.push(Some(match place {
            Some(place) => recent + place,
            None => {
                subjects.push(known(app, ask, snapshot, asker, subject, context).await?);
                seen.push((subject, context));
                seen.len() - 1
            }
        }));
    }
    Ok((subjects, places))
}

fn same(one: &Subject, other: &Subject) -> bool {
    fn stated(subject: &Subject) -> &Properties {
        &subject.properties
    }
    match (&one.who, &other.who) {
        (Who::Named { kind, id }, Who::Named { kind: k, id: i }) => {
            kind == k && id == i && stated(one) == stated(other)
        }
        (Who::User(user), Who::User(u)) => Arc::ptr_eq(user, u) && stated(one) == stated(other),
        (Who::Client(client), Who::Client(c)) => Arc::ptr_eq(client, c) && stated(one) == stated(other),
        _ => false,
    }
}
