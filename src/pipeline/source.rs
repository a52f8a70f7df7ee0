//! Where a sweep's services come from: inventories, the incident file itself, or the sweep that was
//! cut off. Whatever the source, the services stand in the incident file before the first probe.

use std::path::Path;

use crate::{
    clock::Clock,
    error::Error,
    inventory,
    model::{ids::SweepId, loading::Loaded, service::Service, sweep::Sweep},
    pipeline::{runtime, settings::Settings},
    store::{NewSweep, Reader, Store},
};

pub use crate::inventory::{Input, Options, formats, live};

/// Asks every live source among the inputs, one after another; the others stay what they are. The text that a source
/// gave takes its place.
pub fn gather(inputs: Vec<Input>, access: &live::Access) -> Result<Vec<Input>, Error> {
    if !inputs.iter().any(|input| matches!(input, Input::Live(_))) {
        return Ok(inputs);
    }
    runtime::start()?.block_on(async {
        let mut gathered = Vec::with_capacity(inputs.len());
        for input in inputs {
            gathered.push(match input {
                Input::Live(source) => live::fetch(&source, access).await?,
                other => other,
            });
        }
        Ok(gathered)
    })
}

/// The services that an incident file has from a source: what is known of it while it does not answer. Empty where there
/// is no such file.
pub fn known_from(incident: &Path, source: &str) -> Result<Vec<Service>, Error> {
    if !incident.exists() {
        return Ok(Vec::new());
    }
    let mut services = Reader::open(incident)?.services()?;
    services.retain(|service| service.sources.iter().any(|from| &*from.file == source));
    Ok(services)
}

/// Loads inventories and secrets: services, bad rows, disagreements, notices. Contacts nothing.
pub fn load(inputs: &[Input], secrets: &[Input], options: &Options) -> Result<Loaded, Error> {
    Ok(inventory::load(inputs, secrets, options)?)
}

/// A sweep that is ready to run.
#[derive(Debug)]
pub struct Prepared {
    /// Its number.
    pub sweep: SweepId,
    /// Its settings; those it began with when it is resumed.
    pub settings: Settings,
    /// Its services.
    pub services: u64,
    /// Whether it goes on after an interruption.
    pub resumed: bool,
}

/// Begins a sweep over what inventories declare.
pub fn from_inventory(
    store: &mut Store,
    loaded: &Loaded,
    settings: Settings,
    command_line: &str,
    clock: &Clock,
) -> Result<Prepared, Error> {
    let digest = inventory::digest(&loaded.services, &loaded.secrets);
    let new = new_sweep(
        &settings,
        command_line,
        clock,
        digest,
        (loaded.services.len() as u64, loaded.bad.len() as u64),
    )?;
    let sweep = store.begin_sweep(&new)?;
    store.put_services(sweep, &mut loaded.services.iter())?;
    store.put_secrets(sweep, &loaded.secrets)?;
    Ok(Prepared { sweep, settings, services: loaded.services.len() as u64, resumed: false })
}

/// What the last sweep left alone stays alone when its services are looked at again: its exclusions, and its scope where
/// none is given.
pub fn bounded(reader: &Reader, mut settings: Settings) -> Result<Settings, Error> {
    let own = reader.sweeps()?.into_iter().rfind(|sweep| sweep.origin.is_none());
    let Some(last) = own else { return Ok(settings) };
    let before = settings_of(&last)?;
    let more = before.exclude.into_iter().filter(|rule| !settings.exclude.contains(rule)).collect::<Vec<_>>();
    settings.exclude.extend(more);
    settings.scope = settings.scope.or(before.scope);
    Ok(settings)
}

/// Begins a sweep over services that the incident file knows, such as `verify` asks for.
pub fn from_stored(
    store: &mut Store,
    services: &[&Service],
    settings: Settings,
    command_line: &str,
    clock: &Clock,
) -> Result<Prepared, Error> {
    let owned: Vec<Service> = services.iter().map(|s| (*s).clone()).collect();
    let digest = inventory::digest(&owned, &[]);
    let new = new_sweep(&settings, command_line, clock, digest, (owned.len() as u64, 0))?;
    let sweep = store.begin_sweep(&new)?;
    store.put_services(sweep, &mut owned.iter())?;
    Ok(Prepared { sweep, settings, services: owned.len() as u64, resumed: false })
}

/// Takes up the sweep that was cut off. An inventory may be given again; another one is an error.
pub fn resume(reader: &Reader, loaded: Option<&Loaded>) -> Result<Prepared, Error> {
    let Some(sweep) = reader.unfinished_sweep()? else {
        return Err(Error::Usage(
            "there is nothing to resume: the last sweep came to its end. Run `allclear sweep` without --resume"
                .to_owned(),
        ));
    };
    if let Some(loaded) = loaded
        && inventory::digest(&loaded.services, &loaded.secrets) != sweep.inventory
    {
        return Err(Error::Input(format!(
            "sweep {} was begun with another inventory, so it cannot be resumed with this one; give the same \
             files or none, or begin a new sweep without --resume",
            sweep.id
        )));
    }
    Ok(Prepared { sweep: sweep.id, settings: settings_of(&sweep)?, services: sweep.services, resumed: true })
}

/// The settings that a sweep ran under.
pub fn settings_of(sweep: &Sweep) -> Result<Settings, Error> {
    serde_json::from_value(sweep.settings.clone())
        .map_err(|e| Error::Internal(format!("the settings of sweep {} cannot be read: {e}", sweep.id)))
}

fn new_sweep(
    settings: &Settings,
    command_line: &str,
    clock: &Clock,
    inventory: crate::model::ids::Sha256,
    (services, bad_rows): (u64, u64),
) -> Result<NewSweep, Error> {
    Ok(NewSweep {
        origin: None,
        started_at: clock.now(),
        vantage: settings.vantage.clone(),
        tool: format!("allclear {}", env!("CARGO_PKG_VERSION")),
        command_line: command_line.to_owned(),
        settings: serde_json::to_value(settings).map_err(|e| Error::Internal(e.to_string()))?,
        inventory,
        services,
        bad_rows,
        disclosures: settings.disclosures.clone(),
    })
}
