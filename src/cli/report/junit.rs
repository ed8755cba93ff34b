//! JUnit's XML, which every CI shows.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::policy::testing::Outcome;

/// The results of policy tests: one suite a file.
pub fn junit(outcomes: &[Outcome], took: Duration) -> String {
    let mut files: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        files.entry(&outcome.file).or_default().push(outcome);
    }
    let failed = |outcomes: &[&Outcome]| outcomes.iter().filter(|one| one.failure.is_some()).count();
    let all: Vec<&Outcome> = outcomes.iter().collect();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuites name=\"grantwood\" tests=\"{}\" failures=\"{}\" time=\"{:.3}\">",
        all.len(),
        failed(&all),
        took.as_secs_f64()
    );
    for (file, outcomes) in files {
        let (name, count, failures) = (escaped(file), outcomes.len(), failed(&outcomes));
        let _ = writeln!(xml, "  <testsuite name=\"{name}\" tests=\"{count}\" failures=\"{failures}\">");
        for outcome in outcomes {
            let case = format!("    <testcase classname=\"{name}\" name=\"{}\"", escaped(&outcome.name));
            match &outcome.failure {
                None => {
                    let _ = writeln!(xml, "{case}/>");
                }
                Some(failure) => {
                    let place = format!("{}:{}:{}", failure.file, failure.line, failure.column);
                    let (message, place) = (escaped(&failure.message), escaped(&place));
                    let _ = writeln!(
                        xml,
                        "{case}>\n      <failure message=\"{message}\">{place}</failure>\n    </testcase>"
                    );
                }
            }
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// A text for XML 1.0, which has no way to write most control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('?'),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Diagnostic;

    #[test]
    fn names_cannot_break_the_document() {
        let outcomes = [
            Outcome { name: "a<b>&\"\u{1}".into(), file: "t.yaml".into(), failure: None },
            Outcome {
                name: "c".into(),
                file: "t.yaml".into(),
                failure: Some(Diagnostic::at("t.yaml", 3, 5, "]]> <x>")),
            },
        ];
        let xml = junit(&outcomes, Duration::from_millis(1_500));
        assert!(xml.contains("tests=\"2\" failures=\"1\" time=\"1.500\""), "{xml}");
        assert!(xml.contains("name=\"a&lt;b&gt;&amp;&quot; \"/>"), "{xml}");
        assert!(xml.contains("<failure message=\"]]&gt; &lt;x&gt;\">t.yaml:3:5</failure>"), "{xml}");
    }
}
