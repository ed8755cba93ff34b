//! `prove`: statements about policies, for every request that there could be.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Failure, Settings, block_on, plan};
use crate::policy::prove::{self, Proof, Prover, Verdict};
use crate::policy::source::resolve;

/// Arguments of `prove`.
#[derive(Args)]
pub struct ProveArgs {
    /// OLD NEW: that NEW permits nothing that OLD did not. Folders, bundles, or git revisions; or one A..B; or NEW
    /// alone, against the policies of the settings.
    #[arg(num_args = 0..=2, value_name = "OLD NEW", required_unless_present = "invariants")]
    sets: Vec<String>,
    /// That no policy permits what policies/invariants/*.yaml name; or the file or folder given here. With OLD NEW:
    /// of the new set, as well.
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "")]
    invariants: Option<String>,
    /// The policies whose invariants are proven; absent = those of the settings.
    #[arg(long, value_name = "SET")]
    policies: Option<String>,
    /// Let invariants count clients of the database too, which may list anything.
    #[arg(long)]
    any_client: bool,
    /// The solver: cvc5, or a program that speaks as it does.
    #[arg(long, env = "CVC5", default_value = "cvc5")]
    solver: PathBuf,
    /// Seconds for one question to the solver.
    #[arg(long, default_value = "20", value_name = "SECONDS")]
    timeout: u64,
    /// How to print it.
    #[arg(long, default_value = "text")]
    format: Format,
}

/// How proofs are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// JSON.
    Json,
}

/// Proves.
pub fn prove(settings: &Settings, args: &ProveArgs) -> Result<(), Failure> {
    let (config, _) = settings.load()?;
    let (old, new) = match args.sets.is_empty() {
        false => {
            let (old, new) = plan::pair(&config, &args.sets)?;
            (Some(old), new)
        }
        true => {
            let tree = match &args.policies {
                Some(set) => resolve(set, &plan::here(&config)?).map_err(Failure::Usage)?,
                None => plan::configured(&config)?,
            };
            (None, plan::loaded(&config, tree)?)
        }
    };
    let proofs = block_on(async {
        let limit = Duration::from_secs(args.timeout.clamp(1, 3_600));
        let mut prover = Prover::open(&args.solver, limit).await.map_err(no_solver)?;
        let mut proofs: Vec<Proof> = Vec::new();
        if let Some(old) = &old {
            proofs.push(prove::compare(old, &new, &mut prover).await);
        }
        if let Some(path) = &args.invariants {
            let files = if path.is_empty() { None } else { Some(files(path)?) };
            let found = prove::invariants(&new, files, args.any_client, &mut prover).await;
            proofs.extend(found.map_err(|wrong| {
                let texts: Vec<String> = wrong.iter().map(ToString::to_string).collect();
                Failure::Invalid(texts.join("\n"))
            })?);
        }
        Ok(proofs)
    })?;
    match args.format {
        Format::Text => print!("{}", prove::text(&proofs)),
        Format::Json => println!("{}", serde_json::to_string_pretty(&proofs).unwrap_or_default()),
    }
    let count = |verdict| proofs.iter().filter(|proof| proof.verdict == verdict).count();
    match (count(Verdict::Refuted), count(Verdict::Unknown)) {
        (0, 0) => Ok(()),
        (0, unknown) => Err(Failure::Unknown(format!("{unknown} statements are neither proven nor refuted"))),
        (refuted, _) => Err(Failure::Finding(format!("{refuted} statements are refuted"))),
    }
}

fn no_solver(why: String) -> Failure {
    Failure::Missing(format!(
        "there is no solver ({why}). Proofs need cvc5: `apt-get install cvc5` on Debian and Ubuntu, `brew install \
         cvc5/cvc5/cvc5` on macOS, or a release of github.com/cvc5/cvc5; name it with --solver if it is not on the PATH"
    ))
}

/// The invariants of a file, or of all `.yaml` files of a folder.
fn files(path: &str) -> Result<Vec<(String, String)>, Failure> {
    let path = PathBuf::from(path);
    let mut names = vec![path.clone()];
    if path.is_dir() {
        names = std::fs::read_dir(&path)?.flatten().map(|entry| entry.path()).collect();
        names.retain(|name| name.extension().is_some_and(|ending| ending == "yaml"));
        names.sort();
    }
    let read = |name: PathBuf| {
        let shown = name.display().to_string();
        match std::fs::read_to_string(&name) {
            Ok(text) => Ok((shown, text)),
            Err(error) => Err(Failure::Usage(format!("{shown}: {error}"))),
        }
    };
    names.into_iter().map(read).collect()
}
