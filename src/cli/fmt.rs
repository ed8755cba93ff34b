//! `fmt`: the one layout of Cedar and YAML files, of a whole policy folder, a part of it, or single files.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Settings};
use crate::policy::format::{Laid, documents};

/// Arguments of `fmt`.
#[derive(Args)]
pub struct FmtArgs {
    /// Policy folders, folders of one such as policies/rules, or .cedar and .yaml files; absent = the configured folder.
    paths: Vec<PathBuf>,
    /// Change nothing; print what would be changed as a diff, and end with 3 if anything would.
    #[arg(long)]
    check: bool,
}

/// Lays files out.
pub fn fmt(settings: &Settings, args: &FmtArgs) -> Result<(), Failure> {
    let paths = match args.paths.is_empty() {
        true => vec![settings.load()?.0.policies.path],
        false => args.paths.clone(),
    };
    let (mut changed, mut left, mut unread) = (0, 0, 0);
    for path in &paths {
        let (documents, errors) = documents(path);
        unread += errors.len();
        errors.iter().for_each(|error| eprintln!("{error}"));
        for document in documents {
            match document.laid() {
                Laid::Same => {}
                Laid::Left(why) => {
                    left += 1;
                    eprintln!("grantwood: {}: left alone: {why}", document.path.display());
                }
                Laid::Changed(text) => {
                    changed += 1;
                    if args.check {
                        print!("{}", document.diff(&text));
                    } else {
                        document.write(&text).map_err(Failure::Fault)?;
                        println!("{}", document.path.display());
                    }
                }
            }
        }
    }
    if unread > 0 {
        return Err(Failure::Invalid(format!("{unread} files cannot be read")));
    }
    if args.check && changed > 0 {
        return Err(Failure::Invalid(format!("{changed} files are not laid out; run `grantwood fmt`")));
    }
    let word = if args.check { "would change" } else { "changed" };
    eprintln!("grantwood: {changed} files {word}, {left} left alone");
    Ok(())
}
