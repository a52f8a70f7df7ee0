//! By what right live inventories are asked: from the environment, where the users of etcdctl and of consul have it
//! already. Nothing of it is stored, printed or taken from the command line, which others can see.

use std::{net::SocketAddr, path::Path};

use crate::{
    error::Error,
    pipeline::source::live::{Access, Kind},
};

/// What a kind of source is asked with, and the resolvers for its name.
pub(super) fn of(kind: Kind, resolvers: &[SocketAddr]) -> Result<Access, Error> {
    let mut access = Access { resolvers: resolvers.to_vec(), ..Access::default() };
    match kind {
        Kind::Etcd => {
            access.roots = pem("ETCDCTL_CACERT")?;
            access.identity = identity("ETCDCTL_CERT", "ETCDCTL_KEY")?;
            // As etcdctl has it: `user` or `user:password`; the password may stand alone.
            let user = variable("ETCDCTL_USER")?;
            let (user, password) = match user.as_deref().and_then(|user| user.split_once(':')) {
                Some((user, password)) => (Some(user.to_owned()), Some(password.to_owned())),
                None => (user, None),
            };
            (access.user, access.password) = (user, variable("ETCDCTL_PASSWORD")?.or(password));
        }
        Kind::Consul => {
            access.roots = pem("CONSUL_CACERT")?;
            access.identity = identity("CONSUL_CLIENT_CERT", "CONSUL_CLIENT_KEY")?;
            access.token = variable("CONSUL_HTTP_TOKEN")?;
        }
        Kind::Dns => {}
    }
    Ok(access)
}

/// A variable of the environment; an empty one is none.
fn variable(name: &str) -> Result<Option<String>, Error> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::Usage(format!("{name} is not UTF-8"))),
    }
}

/// The file that a variable names: what to call it, and its text.
fn pem(name: &str) -> Result<Option<(String, String)>, Error> {
    let Some(path) = variable(name)? else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(Path::new(&path))
        .map_err(|error| Error::Input(format!("{name}: {path} cannot be read: {error}")))?;
    Ok(Some((format!("{name} ({path})"), text)))
}

fn identity(certificate: &str, key: &str) -> Result<Option<(String, String, String)>, Error> {
    match (pem(certificate)?, pem(key)?) {
        (Some((name, certificate)), Some((_, key))) => Ok(Some((name, certificate, key))),
        (None, None) => Ok(None),
        _ => Err(Error::Usage(format!("{certificate} and {key} are needed both, or none"))),
    }
}
