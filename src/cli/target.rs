//! Which policy set a command looks at: the configured one, a folder, a bundle, or a git revision.

use clap::Args;

use super::plan::here;
use super::{Failure, Settings};
use crate::app::policy_source::options as configured;
use crate::app::start::policy_options;
use crate::config::Config;
use crate::policy::Options;
use crate::policy::source::{Tree, resolve};

/// The policy set of a command.
#[derive(Args, Clone, Debug, Default)]
pub struct Target {
    /// A policy folder, a bundle (.tar, .tar.gz), or a git revision such as main or HEAD~1:policies; absent = the
    /// configured folder.
    path: Option<String>,
    /// A git revision; PATH is then the folder in it.
    #[arg(long, value_name = "REV")]
    revision: Option<String>,
}

impl Target {
    /// What the policy engine is opened with. Policy tests are left to the command.
    pub fn options(&self, config: &Config, public_url: &str) -> Result<Options, Failure> {
        let options = match self.tree(config)? {
            Some(tree) => Options { tree, ..policy_options(config, public_url) },
            None => configured(config, public_url).map_err(Failure::Invalid)?,
        };
        Ok(Options { run_tests: false, ..options })
    }

    /// The same with the settings in force.
    pub fn options_of(&self, settings: &Settings) -> Result<Options, Failure> {
        let (config, _) = settings.load()?;
        let public = config.public_url()?;
        self.options(&config, public.issuer())
    }

    fn tree(&self, config: &Config) -> Result<Option<Tree>, Failure> {
        let argument = match (&self.revision, &self.path) {
            (None, None) => return Ok(None),
            (None, Some(path)) => path.clone(),
            (Some(revision), Some(path)) => format!("{revision}:{}", path.trim_end_matches('/')),
            // A folder of that name is not what is meant.
            (Some(revision), None) if std::path::Path::new(revision).exists() => {
                format!("{revision}:{}", here(config)?.subfolder)
            }
            (Some(revision), None) => revision.clone(),
        };
        resolve(&argument, &here(config)?).map(Some).map_err(Failure::Usage)
    }
}
