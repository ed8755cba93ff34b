//! An explanation for a person on a terminal.

use std::fmt;

use super::{Condition, Explanation, Named};
use crate::policy::record::Verdict;

/// Width of the margin.
const MARGIN: &str = "        ";

impl Explanation {
    /// Several lines, with the policies' texts.
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let forbids = self.forbids.iter().map(|matched| &matched.policy);
        let mut shown: Vec<&Named> = forbids.collect();
        shown.extend(self.policies.iter().filter(|one| !self.forbids.iter().any(|m| m.policy.id == one.id)));
        for policy in shown.into_iter().filter(|policy| !policy.text.is_empty()) {
            text.push_str(&format!("\n{MARGIN}// {} from {}\n", policy.id, policy.source));
            for line in policy.text.trim().lines() {
                text.push_str(&format!("{MARGIN}{line}\n"));
            }
        }
        text
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.decision == Verdict::Allow { "ALLOW" } else { "DENY" };
        let error = self.error.as_ref().map_or_else(String::new, |error| format!("  {error}"));
        writeln!(f, "  {word}{error}   {}", self.summary)?;
        if self.decision == Verdict::Allow {
            for policy in &self.policies {
                writeln!(f, "{MARGIN}{} {}", policy.id, policy.source)?;
            }
        }
        for matched in &self.forbids {
            writeln!(f, "{MARGIN}{} {}", matched.policy.id, matched.policy.source)?;
            conditions(f, &matched.because)?;
        }
        for (at, near) in self.nearest.iter().enumerate() {
            let label = if at == 0 { "nearest: " } else { "         " };
            let Named { id, source, .. } = &near.policy;
            let place = if source.is_empty() { id } else { source };
            writeln!(f, "{MARGIN}{label}{place} {}", near.says)?;
            conditions(f, &near.conditions)?;
        }
        for (at, change) in self.changes.iter().enumerate() {
            let label = match (at, self.verified) {
                (0, true) => "to allow it: ",
                (0, false) => "in the way:  ",
                _ => "        and: ",
            };
            writeln!(f, "{MARGIN}{label}{}", change.text)?;
        }
        for change in &self.alternatives {
            writeln!(f, "{MARGIN}         or: {}", change.text)?;
        }
        Ok(())
    }
}

fn conditions(f: &mut fmt::Formatter<'_>, all: &[Condition]) -> fmt::Result {
    for one in all {
        let values: Vec<String> =
            one.values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let values = if values.is_empty() { String::new() } else { format!("   [{}]", values.join("; ")) };
        writeln!(f, "{MARGIN}  {} is {}{values}", one.text, one.result)?;
    }
    Ok(())
}
