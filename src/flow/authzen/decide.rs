//! The evaluations of one request, over one policy set: each subject is made ready once.

use std::cell::OnceCell;
use std::sync::Arc;

use super::subject::{Known, known};
use super::target::{Target, target};
use super::{Ask, Asker, Circumstances, Question, Subject, Who};
use crate::app::App;
use crate::flow::usage;
use crate::oauth::reject::Fault;
use crate::policy::{Decision, Evaluation, Holds, Properties, Snapshot, Stated};

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
    Decided(Arc<Decision>),
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
    let ready: Vec<Ready<'_>> = subjects.iter().map(|_| Ready::new()).collect();
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
                        let subject = (subject, &ready[place]);
                        Answer::Decided(one(app, ask, snapshot, subject, &target, question))
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

/// A subject in the policy's words, made when the first question is put that memory does not answer.
type Ready<'a> = OnceCell<Result<Evaluation<'a>, Decision>>;

fn one<'a>(
    app: &App,
    ask: &Ask,
    snapshot: &'a Snapshot,
    (subject, ready): (&'a Known, &Ready<'a>),
    target: &Target,
    question: &Question,
) -> Arc<Decision> {
    let remembered = subject.remembered();
    if let Some(decision) = remembered.allowed(app, ask, &target.action) {
        return decision;
    }
    let assumed = std::slice::from_ref(&target.action);
    let action = Some(&question.action.properties);
    let stated = Stated { resource: target.resource.as_ref(), action, subject: None };
    let asked = subject.question(&target.action, assumed, stated, target.http.as_ref());
    usage::decided(app, ask, snapshot, remembered, (&asked, subject.jti()), || {
        let (granted, steady) = subject.granted(snapshot, &target.action);
        let bound = |holds: Holds| if steady { holds } else { Holds::Once };
        if let Err(refused) = granted {
            return (refused, bound(Holds::Stated));
        }
        match ready.get_or_init(|| snapshot.evaluation(&subject.words())) {
            Err(failed) => (failed.clone(), Holds::Once),
            Ok(evaluation) => {
                let (decision, holds) = evaluation.decide(&target.action, stated, target.http.as_ref());
                (decision, bound(holds))
            }
        }
    })
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
        (Who::User(state), Who::User(s)) => Arc::ptr_eq(&state.user, &s.user) && stated(one) == stated(other),
        (Who::Client(client), Who::Client(c)) => Arc::ptr_eq(client, c) && stated(one) == stated(other),
        _ => false,
    }
}
