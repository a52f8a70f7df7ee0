//! `allclear completions` and `allclear man`: made from the same definition as `--help`.

use clap::Args;
use clap_complete::Shell;

use super::{Console, command};
use crate::error::{Error, Exit};

/// Print shell completions
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// bash, zsh, fish, elvish or powershell
    shell: Shell,
}

/// Print the man page (roff)
#[derive(Debug, Args)]
pub(crate) struct ManArgs {}

impl CompletionsArgs {
    pub(super) fn run(&self, console: &mut Console) -> Result<Exit, Error> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command(), "allclear", &mut text);
        console.out.write_all(&text).map_err(Error::stdout)?;
        Ok(Exit::Done)
    }
}

impl ManArgs {
    #[expect(clippy::unused_self, reason = "every subcommand runs the same way")]
    pub(super) fn run(&self, console: &mut Console) -> Result<Exit, Error> {
        let mut text = Vec::new();
        clap_mangen::Man::new(command()).render(&mut text).map_err(Error::stdout)?;
        for sub in command().get_subcommands() {
            let page = clap_mangen::Man::new(sub.clone().bin_name(format!("allclear {}", sub.get_name())));
            page.render_synopsis_section(&mut text).map_err(Error::stdout)?;
            page.render_description_section(&mut text).map_err(Error::stdout)?;
            page.render_options_section(&mut text).map_err(Error::stdout)?;
        }
        console.out.write_all(&text).map_err(Error::stdout)?;
        Ok(Exit::Done)
    }
}
