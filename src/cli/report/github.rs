//! Workflow commands of GitHub Actions: a finding shows up beside its line in a pull request.

use super::{relative, word};
use crate::policy::Diagnostic;

/// One annotation.
pub fn annotation(one: &Diagnostic) -> String {
    let mut place = format!("file={}", property(&relative(&one.file)));
    if one.line > 0 {
        place.push_str(&format!(",line={},col={}", one.line, one.column.max(1)));
    }
    let hint = one.hint.as_ref().map_or_else(String::new, |hint| format!("\n{hint}"));
    let text = data(&format!("{}{hint}", one.message));
    format!("::{} {place},title={}::{text}", word(one.severity), property(one.code))
}

/// What a message may not hold is written as GitHub's own library writes it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_message_ends_the_command() {
        let one =
            Diagnostic::at("a,b:c.yaml", 2, 3, "50 %\n::error::x").code("lint.no-id").hint("h").warning();
        let text = annotation(&one);
        assert_eq!(
            text,
            "::warning file=a%2Cb%3Ac.yaml,line=2,col=3,title=lint.no-id::50 %25%0A::error::x%0Ah"
        );
        assert_eq!(annotation(&Diagnostic::file("x", "y")), "::error file=x,title=policy.invalid::y");
    }
}
