//! The conditions of one policy, one by one: which of them held, which did not, and the values that were compared.

use std::str::FromStr as _;

use cedar_policy::{EvalResult, Expression, Request, eval_expression};
use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind, Literal, UnaryOp};
use cedar_policy_core::parser::parse_policy;
use serde::Serialize;

use crate::policy::compile;
use crate::policy::decide::Case;

/// Longest text of a condition or a value that is shown, in characters.
const LONGEST: usize = 200;

/// One condition with what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// As it is written.
    pub text: String,
    /// Lines below the first line of the policy.
    pub below: usize,
    /// `true`, `false`, or `error` and why.
    pub result: String,
    /// The values that it compares. Those of request headers are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<(String, String)>,
}

/// The conditions that keep a policy whose head fits from applying. The first one decides; further ones are told if
/// they could be evaluated.
pub fn that_fail(text: &str, case: &Case) -> Vec<Condition> {
    let Some(asking) = Asking::of(case) else { return Vec::new() };
    let mut found = Vec::new();
    with_conditions(text, |expr| asking.against(expr, true, &mut found));
    let certain = |at: usize, one: &Condition| at == 0 || !one.result.starts_with("error");
    found.into_iter().enumerate().filter(|(at, one)| certain(*at, one)).map(|(_, one)| one).collect()
}

/// The conditions that made a policy apply.
pub fn that_apply(text: &str, case: &Case) -> Vec<Condition> {
    let Some(asking) = Asking::of(case) else { return Vec::new() };
    let mut found = Vec::new();
    with_conditions(text, |expr| asking.against(expr, false, &mut found));
    found
}

/// Whether an expression holds; none = it could not be evaluated.
pub fn holds(text: &str, case: &Case) -> Option<bool> {
    match Asking::of(case)?.value(text) {
        Ok(EvalResult::Bool(yes)) => Some(yes),
        _ => None,
    }
}

fn with_conditions(text: &str, mut look: impl FnMut(&Expr)) {
    if let Ok(policy) = parse_policy(None, text)
        && let Some(expr) = policy.non_scope_constraints()
    {
        look(expr);
    }
}

struct Asking<'a> {
    request: Request,
    case: &'a Case,
}

impl<'a> Asking<'a> {
    fn of(case: &'a Case) -> Option<Self> {
        let (principal, action) = (case.principal.clone(), case.action.clone());
        let request = Request::new(principal, action, case.resource.clone(), case.context.clone(), None);
        Some(Self { request: request.ok()?, case })
    }

    fn value(&self, text: &str) -> Result<EvalResult, String> {
        let expression = Expression::from_str(text).map_err(|error| error.to_string())?;
        eval_expression(&self.request, &self.case.entities, &expression).map_err(|error| error.to_string())
    }

    fn is(&self, expr: &Expr, wanted: bool) -> bool {
        match snippet(expr).map(|text| self.value(text)) {
            Some(Ok(EvalResult::Bool(yes))) => yes == wanted,
            _ => false,
        }
    }

    /// Finds the parts of an expression because of which it is not `wanted`; as a whole where parts do not tell.
    fn against(&self, expr: &Expr, wanted: bool, found: &mut Vec<Condition>) {
        match expr.expr_kind() {
            ExprKind::And { left, right } if wanted => {
                for side in [left, right] {
                    if !self.is_clause(side, true) {
                        self.against(side, true, found);
                    }
                }
            }
            // Not false because both sides are true.
            ExprKind::And { left, right } => {
                self.against(left, false, found);
                self.against(right, false, found);
            }
            ExprKind::Or { left, right } if !wanted => {
                let side = if self.is_clause(left, false) { right } else { left };
                self.against(side, false, found);
            }
            ExprKind::UnaryApp { op: UnaryOp::Not, arg } if is_written_not(expr, arg) => {
                self.against(arg, !wanted, found);
            }
            _ => found.extend(self.leaf(expr)),
        }
    }

    /// Like [`Self::is`] for what may be a whole clause or a joint of several, which are no expressions by text.
    fn is_clause(&self, expr: &Expr, wanted: bool) -> bool {
        match expr.expr_kind() {
            ExprKind::And { left, right } if wanted => {
                self.is_clause(left, true) && self.is_clause(right, true)
            }
            ExprKind::And { left, right } => self.is_clause(left, false) || self.is_clause(right, false),
            ExprKind::Or { left, right } if wanted => {
                self.is_clause(left, true) || self.is_clause(right, true)
            }
            ExprKind::Or { left, right } => self.is_clause(left, false) && self.is_clause(right, false),
            ExprKind::UnaryApp { op: UnaryOp::Not, arg } if is_written_not(expr, arg) => {
                self.is_clause(arg, !wanted)
            }
            _ => self.is(expr, wanted),
        }
    }

    fn leaf(&self, expr: &Expr) -> Option<Condition> {
        let text = snippet(expr)?;
        let result = match self.value(text) {
            Ok(value) => value.to_string(),
            Err(why) => format!("error: {}", short(&why)),
        };
        let mut values: Vec<(String, String)> = Vec::new();
        for name in expr.subexpressions().filter_map(path) {
            if name == text
                || name == "context"
                || name.contains(".headers")
                || values.iter().any(|(known, _)| *known == name)
            {
                continue;
            }
            if let Ok(value) = self.value(&name) {
                values.push((name, short(&value.to_string())));
            }
        }
        // `principal.owner` says more than `principal` beside it.
        let inner = |name: &str| values.iter().any(|(other, _)| other.starts_with(&format!("{name}.")));
        let values = values.iter().filter(|(name, _)| !inner(name)).cloned().collect();
        let source = expr.source_loc()?;
        let below = source.src.get(..source.start()).map_or(0, |before| before.matches('\n').count());
        Some(Condition { text: short(text), below, result, values })
    }
}

/// `!x` and `unless { x }` are parts that can be told apart; `a != b` and `a > b` are made of a "not" as well, which
/// nobody wrote.
fn is_written_not(expr: &Expr, inner: &Expr) -> bool {
    match (snippet(expr), snippet(inner)) {
        (Some(outer), Some(inner)) => {
            outer.len() > inner.len() && (outer.starts_with('!') || outer.starts_with("unless"))
        }
        _ => false,
    }
}

/// A variable, an attribute of one, or a tag, as it would be written. (The place of an attribute in the source is
/// that of the whole chain of calls that it stands in.)
fn path(expr: &Expr) -> Option<String> {
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match expr.expr_kind() {
        ExprKind::Var(variable) => Some(variable.to_string()),
        ExprKind::GetAttr { expr, attr } if plain(attr) => Some(format!("{}.{attr}", path(expr)?)),
        ExprKind::BinaryApp { op: BinaryOp::GetTag, arg1, arg2 } => match arg2.expr_kind() {
            ExprKind::Lit(Literal::String(tag)) => {
                Some(format!("{}.getTag({})", path(arg1)?, compile::quoted(tag)))
            }
            _ => None,
        },
        _ => None,
    }
}

fn snippet(expr: &Expr) -> Option<&str> {
    expr.source_loc().and_then(|source| source.snippet())
}

fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
