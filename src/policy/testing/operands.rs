//! The operands of a condition: what its `&&`, `||`, `!` and `if` join. Each is looked at where Cedar would evaluate
//! it: the right side of `&&` only where the left one holds, and so on.

use std::str::FromStr as _;

use cedar_policy::Expression;
use cedar_policy_core::ast::{Expr, ExprKind, Literal, UnaryOp};

/// A condition's operands, in the order in which they stand.
#[derive(Clone)]
pub struct Operands {
    /// The operands. Constants are none.
    pub all: Vec<Operand>,
    tree: Tree,
}

/// One of them.
#[derive(Clone)]
pub struct Operand {
    /// As it is written.
    pub text: String,
    /// Byte offset in the condition.
    pub offset: usize,
    expression: Expression,
}

#[derive(Clone)]
enum Tree {
    Operand(usize),
    Constant(bool),
    Not(Box<Tree>),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
    If(Box<[Tree; 3]>),
}

impl Operands {
    /// Of the text between a condition's braces; none where nothing is joined in it.
    pub fn of(text: &str) -> Option<Self> {
        let expr = Expr::from_str(text).ok()?;
        let mut all = Vec::new();
        let tree = tree(&expr, &mut all)?;
        (all.len() > 1).then_some(Self { all, tree })
    }

    /// Evaluates as Cedar does, and notes what each operand was that is reached; none = an operand has no value.
    pub fn look(
        &self,
        value: &mut dyn FnMut(&Expression) -> Option<bool>,
        note: &mut dyn FnMut(usize, bool),
    ) -> Option<bool> {
        self.walk(&self.tree, value, note)
    }

    fn walk(
        &self,
        tree: &Tree,
        value: &mut dyn FnMut(&Expression) -> Option<bool>,
        note: &mut dyn FnMut(usize, bool),
    ) -> Option<bool> {
        match tree {
            Tree::Constant(holds) => Some(*holds),
            Tree::Operand(number) => {
                let holds = value(&self.all.get(*number)?.expression)?;
                note(*number, holds);
                Some(holds)
            }
            Tree::Not(inner) => self.walk(inner, value, note).map(|holds| !holds),
            Tree::And(left, right) => match self.walk(left, value, note)? {
                true => self.walk(right, value, note),
                false => Some(false),
            },
            Tree::Or(left, right) => match self.walk(left, value, note)? {
                true => Some(true),
                false => self.walk(right, value, note),
            },
            Tree::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                let taken = if self.walk(condition, value, note)? { then } else { otherwise };
                self.walk(taken, value, note)
            }
        }
    }
}

fn tree(expr: &Expr, all: &mut Vec<Operand>) -> Option<Tree> {
    let joint =
        |a: &Expr, b: &Expr, all: &mut Vec<Operand>| Some((Box::new(tree(a, all)?), Box::new(tree(b, all)?)));
    match expr.expr_kind() {
        ExprKind::And { left, right } => joint(left, right, all).map(|(a, b)| Tree::And(a, b)),
        ExprKind::Or { left, right } => joint(left, right, all).map(|(a, b)| Tree::Or(a, b)),
        ExprKind::If { test_expr, then_expr, else_expr } => {
            let [a, b, c] = [test_expr, then_expr, else_expr].map(|one| tree(one, all));
            Some(Tree::If(Box::new([a?, b?, c?])))
        }
        // `a != b` and `a > b` are made of a "not" as well, which nobody wrote.
        ExprKind::UnaryApp { op: UnaryOp::Not, arg } if snippet(expr)?.1.starts_with('!') => {
            Some(Tree::Not(Box::new(tree(arg, all)?)))
        }
        ExprKind::Lit(Literal::Bool(holds)) => Some(Tree::Constant(*holds)),
        _ => {
            let (offset, text) = snippet(expr)?;
            let expression = Expression::from_str(text).ok()?;
            all.push(Operand { text: text.to_owned(), offset, expression });
            Some(Tree::Operand(all.len() - 1))
        }
    }
}

fn snippet(expr: &Expr) -> Option<(usize, &str)> {
    let place = expr.source_loc()?;
    Some((place.start(), place.snippet()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offsets, texts, and what was noted where operands have these values.
    fn noted(text: &str, values: &[bool]) -> (Vec<String>, Vec<(usize, bool)>, Option<bool>) {
        let operands = Operands::of(text).unwrap();
        let texts: Vec<String> = operands.all.iter().map(|one| one.text.clone()).collect();
        for one in &operands.all {
            assert!(text[one.offset..].starts_with(&one.text), "{text}: {} at {}", one.text, one.offset);
        }
        let (mut left, mut seen) = (values.iter().copied(), Vec::new());
        let holds = operands.look(&mut |_| left.next(), &mut |number, holds| seen.push((number, holds)));
        (texts, seen, holds)
    }

    #[test]
    fn operands_in_the_order_in_which_they_are_evaluated() {
        let text =
            "context has user && !(principal.a || context.user.b > 3) && resource in [Scope::\"x && y\"]";
        let (texts, seen, holds) = noted(text, &[true, false, false, true]);
        let expected =
            ["context has user", "principal.a", "context.user.b > 3", "resource in [Scope::\"x && y\"]"];
        assert_eq!(texts, expected);
        assert_eq!(seen, [(0, true), (1, false), (2, false), (3, true)]);
        assert_eq!(holds, Some(true));
        // What is not reached is not seen; what has no value ends the look.
        assert_eq!(noted(text, &[false]).1, [(0, false)]);
        assert_eq!(noted(text, &[true, true]).1, [(0, true), (1, true)]);
        assert_eq!(noted(text, &[true]).2, None);
        let (texts, seen, holds) = noted("if context.a == 1 then principal.x else true", &[false]);
        assert_eq!((texts.len(), seen, holds), (2, vec![(0, false)], Some(true)));
        assert_eq!(
            noted("principal.b != context.d && (context.f.isInRange(context.h))", &[true, true]).0[1],
            "context.f.isInRange(context.h)"
        );
        assert!(Operands::of("principal.a == 1").is_none() && Operands::of("!principal.a").is_none());
    }
}
