//! SARIF 2.1.0 (OASIS), which code scanning services read.

use serde_json::{Value, json};

use super::{relative, word};
use crate::policy::Diagnostic;
use crate::policy::check::codes;

/// One log of one run.
pub fn log(found: &[Diagnostic]) -> Value {
    let rules: Vec<Value> = codes::ALL
        .iter()
        .map(|(code, meaning)| json!({ "id": code, "shortDescription": { "text": meaning } }))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "grantwood",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": found.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn result(one: &Diagnostic) -> Value {
    let hint = one.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    let mut location = json!({ "artifactLocation": { "uri": uri(&relative(&one.file)) } });
    if one.line > 0 {
        location["region"] = json!({ "startLine": one.line, "startColumn": one.column.max(1) });
        if let Some(snippet) = &one.snippet {
            location["region"]["snippet"] = json!({ "text": snippet });
        }
    }
    let mut result = json!({
        "ruleId": one.code,
        "level": word(one.severity),
        "message": { "text": format!("{}{hint}", one.message) },
        "locations": [{ "physicalLocation": location }],
    });
    if let Some(index) = codes::ALL.iter().position(|(code, _)| *code == one.code) {
        result["ruleIndex"] = json!(index);
    }
    result
}

/// A path as a URI reference.
fn uri(path: &str) -> String {
    let parts = path.split('/').map(|part| {
        percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC)
            .to_string()
            .replace("%2E", ".")
            .replace("%2D", "-")
            .replace("%5F", "_")
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_names_a_rule_and_a_place() {
        let found = [
            Diagnostic::at("policies/a b.yaml", 2, 0, "bad").code(codes::NO_ID).hint("so").warning(),
            Diagnostic::file("policies", "not found"),
        ];
        let log = log(&found);
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results[0]["message"]["text"], "bad (so)");
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "policies/a%20b.yaml");
        assert_eq!(place["region"]["startColumn"], 1);
        assert!(results[1]["locations"][0]["physicalLocation"].get("region").is_none());
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        }
    }
}
