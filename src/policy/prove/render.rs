//! Proofs for people: what is proven, under which assumptions, or the request that shows the contrary.

use std::fmt::Write as _;

use super::{Example, Proof, Verdict};

/// Proofs as text.
pub fn text(proofs: &[Proof]) -> String {
    let mut out = String::new();
    for proof in proofs {
        let word = match proof.verdict {
            Verdict::Proven => "proven  ",
            Verdict::Refuted => "REFUTED ",
            Verdict::Unknown => "unknown ",
        };
        let _ = writeln!(out, "{word} {}", proof.statement);
        let _ = writeln!(
            out,
            "          {} kinds of requests, the solver was asked about {}",
            proof.environments, proof.asked
        );
        for (number, example) in proof.examples.iter().enumerate() {
            show(&mut out, number + 1, example);
        }
        for why in &proof.unknown {
            let _ = writeln!(out, "  not known: {why}");
        }
        if !proof.data.is_empty() {
            out.push_str("  data that no proof about policies sees (`grantwood plan` tells what it does):\n");
            for line in proof.data.iter().take(50) {
                let _ = writeln!(out, "    {line}");
            }
        }
        for note in &proof.notes {
            let _ = writeln!(out, "  note: {note}");
        }
        out.push('\n');
    }
    let mut assumptions: Vec<&String> = proofs.iter().flat_map(|proof| &proof.assumptions).collect();
    assumptions.sort();
    assumptions.dedup();
    if !assumptions.is_empty() {
        out.push_str("Assumed:\n");
        for one in assumptions {
            let _ = writeln!(out, "  - {one}");
        }
    }
    out.chars().map(|c| if c == '\n' || !c.is_control() { c } else { '?' }).collect()
}

fn show(out: &mut String, number: usize, example: &Example) {
    let _ = writeln!(out, "\n  counterexample {number}: a request that is permitted");
    let note = if example.declared { "" } else { "   (made up by the solver; no document declares it)" };
    let _ = writeln!(out, "    principal  {}{note}", example.principal);
    let _ = writeln!(out, "    action     {}", example.action);
    let _ = writeln!(out, "    resource   {}", example.resource);
    for (name, value) in &example.context {
        let _ = writeln!(out, "    {name:10} {value}");
    }
    for reason in &example.permitted_by {
        let _ = writeln!(out, "    permitted by  {reason}");
    }
    for reason in &example.refused_by {
        let _ = writeln!(out, "    before        {reason}");
    }
    if let Some(why) = &example.why {
        let _ = writeln!(out, "    try           {why}");
    }
    if let Some(test) = &example.test {
        let _ = writeln!(out, "    as a case of policies/tests/:\n");
        for line in test.lines() {
            let _ = writeln!(out, "    {line}");
        }
    }
}
