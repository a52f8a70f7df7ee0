//! What DNS says of an inventory's names, put beside what loading found. Only name servers are asked.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use super::runtime;
use crate::{error::Error, inventory::dns, model::loading::Loaded};

/// Looks the names of all services up at these resolvers, or at the system's, and adds what is worth telling to the
/// notices. `progress` is told how many names of how many are done. Gives the addresses of the names that have any.
pub fn check(
    loaded: &mut Loaded,
    resolvers: &[SocketAddr],
    progress: &mut (dyn FnMut(usize, usize) + Send),
) -> Result<BTreeMap<String, Vec<IpAddr>>, Error> {
    let runtime = runtime::start()?;
    let looked = runtime.block_on(dns::look(&loaded.services, resolvers, progress));
    runtime.shutdown_background(); // questions that nobody waits for any more
    let looked = looked.map_err(Error::Input)?;
    if looked.is_silent() {
        return Err(Error::Input(
            "no name server answered for any name, so nothing of DNS was checked".to_owned(),
        ));
    }
    loaded.notices.extend(looked.notices());
    Ok(looked.addresses())
}
