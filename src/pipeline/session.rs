//! One sweep with the incident file held open for it: begin or resume, then run.

use std::path::{Path, PathBuf};

use super::{
    plan,
    settings::Settings,
    source::{self, Prepared},
    sweep::{self, Outcome, Sinks},
};
use crate::{
    clock::Clock,
    error::Error,
    inventory::resolve::Resolver,
    model::{loading::Loaded, service::Service},
    store::{Reader, Store},
};

/// A sweep that is ready to run, and the only writer of its incident file.
#[derive(Debug)]
pub struct Session {
    store: Store,
    incident: PathBuf,
    prepared: Prepared,
    notices: Vec<String>,
    resolver: Option<Resolver>,
}

impl Session {
    /// Begins a sweep over what inventories declare; makes the incident file where there is none.
    pub fn begin(
        incident: &Path,
        name: Option<&str>,
        loaded: &Loaded,
        settings: Settings,
        command_line: &str,
        clock: &Clock,
    ) -> Result<Self, Error> {
        if loaded.services.is_empty() {
            return Err(Error::Input("the inventory holds no service".to_owned()));
        }
        let mut store = Store::create_or_open(incident, clock.now(), name)?;
        let mut notices = store.notices().to_vec();
        if let Some(cut_off) = store.reader()?.unfinished_sweep()? {
            notices.push(format!(
                "Sweep {} was cut off before its end; this is a new one, and `sweep --resume` can no longer finish it.",
                cut_off.id
            ));
        }
        let prepared = source::from_inventory(&mut store, loaded, settings, command_line, clock)?;
        Ok(Self { store, incident: incident.to_path_buf(), prepared, notices, resolver: None })
    }

    /// Begins a sweep over services that the incident file knows.
    pub fn again(
        incident: &Path,
        services: &[&Service],
        settings: Settings,
        command_line: &str,
        clock: &Clock,
    ) -> Result<Self, Error> {
        let mut store = Store::open(incident)?;
        let settings = source::bounded(&Reader::open(incident)?, settings)?;
        let prepared = source::from_stored(&mut store, services, settings, command_line, clock)?;
        Ok(Self { store, incident: incident.to_path_buf(), prepared, notices: Vec::new(), resolver: None })
    }

    /// Takes up the sweep that was cut off; the same inventory may be given again.
    pub fn resume(incident: &Path, loaded: Option<&Loaded>) -> Result<Self, Error> {
        let store = Store::open(incident)?;
        let prepared = source::resume(&Reader::open(incident)?, loaded)?;
        Ok(Self { store, incident: incident.to_path_buf(), prepared, notices: Vec::new(), resolver: None })
    }

    /// Looks names up with this instead of what the settings say.
    #[cfg(test)]
    pub(super) fn resolving_with(mut self, resolver: Resolver) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// What the user should know about the incident file.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The sweep.
    pub const fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// Runs it and lets go of the incident file.
    pub fn run(mut self, clock: &Clock, sinks: Sinks<'_>) -> Result<Outcome, Error> {
        let resolver = self.resolver.unwrap_or_else(|| plan::resolver(&self.prepared.settings));
        sweep::run(&mut self.store, &self.incident, &self.prepared, resolver, clock, sinks)
    }
}
