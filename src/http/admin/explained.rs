//! Explanations on pages, and the page of one decision: `/admin/decisions/<request id or token id>`.

use poem::{Request, Response};

use super::context::{Admin, id};
use super::policies::href_of;
use crate::flow::admin::policies::file_of_source;
use crate::flow::explain::{self, Query, Recorded};
use crate::oauth::reject::Stop;
use crate::pages::admin::{
    ChangeLine, ConditionLine, DecisionPage, ExplainedView, NearLine, PolicyLine, RecordedLine,
};
use crate::policy::explain::{Change, Condition, Explanation, Named};
use crate::policy::record::Verdict;

/// The page of a decision: what was recorded under a request's id, or of a token, and what is decided now.
pub async fn decision(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let id = id(request)?;
    let query = Query::Id { id: id.clone() };
    let found = explain::answer(admin.app, admin.ask(), &admin.caller, Ok(query)).await?;
    admin.show(&DecisionPage {
        shell: admin.shell(),
        token: found.token.as_ref().map(|token| format!("/admin/tokens/{}", token.jti)),
        id,
        about: found.about,
        recorded: found.recorded.into_iter().map(recorded).collect(),
        now: found.now.iter().map(view).collect(),
    })
}

fn recorded(past: Recorded) -> RecordedLine {
    RecordedLine {
        time: past.time,
        decision: word(past.decision),
        action: past.action,
        resource: past.resource,
        places: past.places,
        error: past.error.unwrap_or_default(),
        revision: past.revision,
    }
}

fn word(verdict: Verdict) -> &'static str {
    if verdict == Verdict::Allow { "Allow" } else { "Deny" }
}

/// An explanation as pages show it.
pub fn view(told: &Explanation) -> ExplainedView {
    let question = &told.question;
    let user = question.user.as_ref().map_or_else(String::new, |user| format!(" for user {user}"));
    ExplainedView {
        allowed: told.decision == Verdict::Allow,
        error: told.error.clone().unwrap_or_default(),
        summary: told.summary.clone(),
        reason: told.reason(),
        question: format!("{} does {} on {}{user}", question.principal, question.action, question.resource),
        errors: told.errors.clone(),
        policies: told.policies.iter().map(policy).collect(),
        forbids: told.forbids.iter().map(|one| near(&one.policy, "applies", &one.because)).collect(),
        nearest: told.nearest.iter().map(|one| near(&one.policy, &one.says, &one.conditions)).collect(),
        changes: told.changes.iter().map(change).collect(),
        alternatives: told.alternatives.iter().map(change).collect(),
        verified: told.verified,
        revision: told.revision.clone(),
    }
}

fn policy(named: &Named) -> PolicyLine {
    PolicyLine {
        id: named.id.clone(),
        effect: named.effect,
        source: named.source.clone(),
        href: href_of(file_of_source(&named.source)),
        text: named.text.clone(),
        annotations: Vec::new(),
    }
}

fn near(named: &Named, says: &str, conditions: &[Condition]) -> NearLine {
    let known = !named.source.is_empty();
    NearLine {
        place: if known { format!("{} {}", named.id, named.source) } else { named.id.clone() },
        href: if known { href_of(file_of_source(&named.source)) } else { String::new() },
        says: says.to_owned(),
        conditions: conditions.iter().map(|one| condition(named, one)).collect(),
    }
}

fn condition(named: &Named, one: &Condition) -> ConditionLine {
    // The lines of a document are not those of the policy that it compiles to.
    let place = named.source.rsplit_once(':').filter(|(file, _)| file.ends_with(".cedar"));
    let place = place.and_then(|(file, line)| Some((file, line.parse::<usize>().ok()?)));
    ConditionLine {
        text: one.text.clone(),
        result: one.result.clone(),
        values: one.values.iter().map(|(name, value)| format!("{name} = {value}")).collect(),
        place: place.map_or_else(String::new, |(file, line)| format!("{file}:{}", line + one.below)),
    }
}

fn change(one: &Change) -> ChangeLine {
    let file = one.place.as_deref().map(file_of_source).filter(|file| file.contains('.'));
    ChangeLine { text: one.text.clone(), href: file.map(href_of).unwrap_or_default() }
}
