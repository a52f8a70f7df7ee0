//! `allclear serve`: the dashboard in a browser on this machine, while sweeps go on.

use std::{io::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use clap::Args;

use super::{Console, Globals, values::parse_duration};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    pipeline::serve::{self, Incident, Server},
};

/// Show the dashboard in a browser, and keep it up to date while sweeps and other commands write
///
/// Prints one line with the address of the page. The address has a secret in it that is made anew each time; whoever has
/// it can read what is vulnerable. Only this machine can reach the page, unless --allow-remote is given. Nothing is
/// written, nothing is locked, and no target is contacted.
///
/// Examples:
///   allclear serve                                   beside a sweep; Ctrl-C stops it
///   allclear serve --incident 2026-11.db             another incident
///   allclear serve --listen 127.0.0.1:8080           always at the same port, for an ssh tunnel
///
/// Exit codes: 0 after Ctrl-C or SIGTERM, 2 an address that others can reach without --allow-remote, 5 no incident file
/// or an address that cannot be listened on, 6 an incident file that was edited.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ServeArgs {
    /// The address and port to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Let other machines reach it. Nothing is encrypted
    #[arg(long)]
    allow_remote: bool,
    /// How often the incident file is looked at, such as 2s or 500ms
    #[arg(long, default_value = "2s", value_name = "TIME", value_parser = parse_interval)]
    every: Duration,
}

/// A tenth of a second at least: each look opens the file.
fn parse_interval(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text)?;
    if time < Duration::from_millis(100) {
        return Err(format!("`{text}` is out of range; from 100ms to 3600s"));
    }
    Ok(time)
}

impl ServeArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let remote = !self.listen.ip().to_canonical().is_loopback();
        if remote && !self.allow_remote {
            return Err(Error::Usage(format!(
                "{} can be reached by other machines, and the page tells what is vulnerable: listen on 127.0.0.1, or give \
                 --allow-remote",
                self.listen
            )));
        }
        let choice = globals.choice()?;
        let render = serve::dashboard(&globals.incident, &choice, &Clock::System);
        let incident = Incident::open(&globals.incident, choice, render)?;
        let server = Server::bind(self.listen, self.every)?;
        let stop = super::stop::stop_signal()?;
        writeln!(console.out, "{}", server.url())
            .and_then(|()| console.out.flush())
            .map_err(Error::stdout)?;
        console.note("Whoever has this address can read what is vulnerable. Ctrl-C stops it.");
        if remote {
            console.warn(
                "Warning: other machines can reach it, and nothing is encrypted: whoever is on the way can read the page \
                 and the address.",
            );
        }
        server.run(Arc::new(incident), stop)?;
        Ok(Exit::Done)
    }
}
