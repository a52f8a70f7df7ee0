//! STARTTLS in XMPP between servers (RFC 6120, 5): the machine of [`super::xmpp_client`] in the other namespace.
//!
//! It does not say which server it is (`from`), as that would claim a domain; no dialback is offered either.

use super::xmpp_client::Xmpp;
use super::{Asked, Entry};
use crate::model::wrap::Wrap;

/// The dialogue's registration.
pub(super) const ENTRY: Entry = Entry {
    name: "xmpp-server",
    wrap: Wrap::XmppServer,
    begin: |asked: &Asked<'_>| Box::new(Xmpp::new("jabber:server", asked)),
};
