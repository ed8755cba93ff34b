//! An answer for a person on a terminal.

use std::fmt::Write as _;

use super::Answer;
use crate::policy::record::Verdict;

impl Answer {
    /// All of it in lines; `full` adds the policies' texts.
    pub fn in_words(&self, full: bool) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text, full);
        text
    }

    fn write(&self, text: &mut String, full: bool) -> std::fmt::Result {
        if let Some(token) = &self.token {
            let user = token.user.as_ref().map_or_else(String::new, |user| format!(" for user {user}"));
            writeln!(text, "  token {} of client {}{user}: {}", token.jti, token.client, token.state)?;
            writeln!(text, "        issued with {} by revision {}", token.scopes.join(" "), token.revision)?;
            for place in &token.places {
                writeln!(text, "        {place}")?;
            }
        }
        if let Some(about) = &self.about {
            writeln!(text, "  {about}")?;
        }
        for past in &self.recorded {
            let word = if past.decision == Verdict::Allow { "allow" } else { "deny" };
            let error = past.error.as_ref().map_or_else(String::new, |error| format!(" {error}"));
            let (action, resource) = (&past.action, &past.resource);
            writeln!(
                text,
                "  then  {word}{error}   {action} on {resource}, {} by revision {}",
                past.time, past.revision
            )?;
            for place in &past.places {
                writeln!(text, "        {place}")?;
            }
        }
        for now in &self.now {
            text.push_str(&if full { now.in_full() } else { now.to_string() });
        }
        Ok(())
    }
}
