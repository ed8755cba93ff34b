//! The sentences of the pages: English built in, each of them replaceable.

use std::collections::BTreeMap;

/// Sentences by key, such as `login.title`. `{name}` in a sentence stands for an argument.
#[derive(Clone, Debug)]
pub struct Texts(BTreeMap<String, String>);

impl Default for Texts {
    fn default() -> Self {
        Self(parse(include_str!("texts.yaml")).unwrap_or_default())
    }
}

impl Texts {
    /// The built-in sentences with some of them replaced.
    ///
    /// # Errors
    /// What is wrong with the file, or the key that no page has.
    pub fn replaced_by(mut self, yaml: &str) -> Result<Self, String> {
        for (key, text) in parse(yaml)? {
            match self.0.get_mut(&key) {
                Some(sentence) => {
                    if let Some(name) = arguments(&text).find(|name| !arguments(sentence).any(|n| n == *name))
                    {
                        return Err(format!("text {key} has no argument {name}"));
                    }
                    *sentence = text;
                }
                None => return Err(format!("there is no text {key}")),
            }
        }
        Ok(self)
    }

    /// All keys.
    #[cfg(test)]
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A sentence with its arguments in place; nothing if there is no such sentence.
    pub fn say(&self, key: &str, argument: impl Fn(&str) -> Option<String>) -> Option<String> {
        let sentence = self.0.get(key)?;
        let mut said = String::with_capacity(sentence.len());
        let mut rest = sentence.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, behind)) = after.split_once('}') else { break };
            said.push_str(before);
            said.push_str(&argument(name)?);
            rest = behind;
        }
        said.push_str(rest);
        Some(said)
    }
}

/// The names between braces.
fn arguments(sentence: &str) -> impl Iterator<Item = &str> {
    sentence.split('{').skip(1).filter_map(|part| part.split_once('}').map(|(name, _)| name))
}

fn parse(yaml: &str) -> Result<BTreeMap<String, String>, String> {
    serde_yaml::from_str(yaml).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_take_arguments_and_are_replaced_by_key() {
        let texts = Texts::default();
        assert!(texts.say("login.title", |_| None).is_some(), "the built-in texts are read");
        let texts = texts.replaced_by("login.for_client: \"For {client}!\"\n").unwrap();
        assert_eq!(texts.say("login.for_client", |_| Some("<b>".to_owned())).as_deref(), Some("For <b>!"));
        assert_eq!(texts.say("login.for_client", |_| None), None, "an argument is missing");
        assert!(Texts::default().replaced_by("login.titel: x\n").unwrap_err().contains("login.titel"));
        assert!(Texts::default().replaced_by("login.title: \"{who}\"\n").unwrap_err().contains("who"));
    }
}
