//! The outside view: whether a service still gives its users what the inventory expects of it, tried as a user's
//! client would. That client verifies: a certificate that names another host or leads to no trusted root is a failure
//! here, whatever the probe thinks of the service's key.
//!
//! Every expectation is one connection to the service's own address and port, one after the other. Nothing is logged
//! in to, no redirect is followed, no mail is begun. What can be tried and fails is not met; what this build cannot
//! try is untried and says why; neither is a verdict.

pub mod mixed;

mod http;
mod judge;
mod lines;
mod secure;
mod xmpp;

use std::sync::Arc;

pub(super) use http::document;

use super::{
    context::Context,
    kind::Target,
    link::{self, Link, Unlinked},
    trace::Way,
};
use crate::{
    model::{
        expect::Expect,
        observation::Contact,
        served::Expectation,
        wrap::{Transport, Wrap},
    },
    wire::starttls::Ended,
};

/// Tries every expectation; one result for each, in order. `target.wrap` is the one that the service turned out to
/// speak. What servers say of their software goes to `target.aside`.
pub async fn try_all(expects: &[Expect], target: Target<'_>, context: &Context) -> Vec<Expectation> {
    let mut all = Vec::with_capacity(expects.len());
    for expect in expects {
        target.tell(Way::Note, || format!("as a user: {expect}"));
        let said = try_one(expect, target, context).await;
        target.tell(Way::Note, || told(&said));
        let expect = Arc::from(expect.to_string());
        all.push(Expectation { expect, met: said.met, saw: said.saw, mixed: said.mixed });
    }
    all
}

async fn try_one(expect: &Expect, target: Target<'_>, context: &Context) -> Said {
    if target.fragile {
        return Said::untried("a fragile device, and left alone");
    }
    if target.wrap.transport() != Transport::Tcp {
        return Said::untried(format!("expectations are tried over TCP, and the wrap is {}", target.wrap));
    }
    match expect {
        Expect::Http { tls, status, path } => http::get(*tls, *status, path, target, context).await,
        Expect::Greeting { protocol, code } => {
            lines::greeting(lines::Wanted::Code(*protocol, *code), target, context).await
        }
        Expect::Imap => lines::greeting(lines::Wanted::Imap, target, context).await,
        Expect::Pop3 => lines::greeting(lines::Wanted::Pop3, target, context).await,
        Expect::XmppStream => xmpp::stream(target, context).await,
        Expect::Tls => secure::handshake_alone(target, context).await,
    }
}

/// What came of one expectation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    met: Option<bool>,
    saw: Option<String>,
    mixed: Vec<String>,
}

impl Said {
    fn met() -> Self {
        Self { met: Some(true), ..Self::default() }
    }

    fn failed(saw: impl Into<String>) -> Self {
        Self { met: Some(false), saw: Some(saw.into()), ..Self::default() }
    }

    fn untried(why: impl Into<String>) -> Self {
        Self { saw: Some(why.into()), ..Self::default() }
    }
}

fn told(said: &Said) -> String {
    let met = match said.met {
        Some(true) => "met",
        Some(false) => "not met",
        None => "could not be tried",
    };
    match &said.saw {
        Some(saw) => format!("{met}: {saw}"),
        None => met.to_owned(),
    }
}

/// Connects to the target, through the dialogue of this wrap.
async fn open(wrap: Wrap, target: Target<'_>, context: &Context) -> Result<Link, Said> {
    let opened = Link::open(Target { wrap, ..target }, context, context.settings.timeouts).await;
    opened.map_err(|unlinked| match unlinked {
        Unlinked::NoConnection(Contact::Refused) => Said::failed("the connection was refused"),
        // From here, it is not known whether users elsewhere get through.
        Unlinked::NoConnection(contact) => Said::untried(format!("no connection: {contact}")),
        Unlinked::Said(Ended::RateLimited) => Said::untried(link::words(unlinked)),
        other => Said::failed(link::words(other)),
    })
}

/// The name that a user's client puts into its requests and looks for in the certificate.
fn host(target: Target<'_>) -> String {
    target.sni.map_or_else(|| target.address.ip().to_string(), |name| name.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests;
