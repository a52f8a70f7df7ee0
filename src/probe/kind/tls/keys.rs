//! The other keys of an endpoint: a server can hold an RSA and an ECDSA key, and another one for clients that
//! name no host; a client that offers one kind never sees the rest (PROBING 4).

use super::{
    First, Seen, Way, open_tls13,
    session::{Missed, Session},
};
use crate::{
    model::observation::{Certificate, OtherKey},
    probe::{certificate::Leaf, context::Context, kind::Target, tls13::Schemes},
    wire::tls::{
        hello::Hello,
        suites::{Auth, Offer},
    },
};

/// Keys found beside the first one.
#[derive(Debug)]
pub(in crate::probe::kind) struct Found {
    first: Option<Certificate>,
    others: Vec<OtherKey>,
    /// Whether the question after another kind of key was answered.
    learned: bool,
}

impl Found {
    /// Starts from a first look.
    pub(in crate::probe::kind) fn new(seen: &Seen) -> Self {
        Self { first: seen.certificate.clone(), others: Vec::new(), learned: false }
    }

    /// Takes in a certificate that was served; a key that is known already changes nothing.
    pub(in crate::probe::kind) fn add(&mut self, certificate: Option<Certificate>) {
        let Some(certificate) = certificate else { return };
        let Some(spki_sha256) = certificate.spki_sha256 else {
            return;
        };
        if self.first.is_none() {
            self.first = Some(certificate);
            return;
        }
        let first = self.first.as_ref().and_then(|c| c.spki_sha256);
        if first == Some(spki_sha256) || self.others.iter().any(|k| k.spki_sha256 == spki_sha256) {
            return;
        }
        self.others.push(OtherKey { spki_sha256, certificate: Some(certificate) });
    }

    /// The question after another kind of key was answered, with this certificate or with none.
    pub(in crate::probe::kind) fn learn(&mut self, certificate: Option<Certificate>) {
        self.learned = true;
        self.add(certificate);
    }

    /// Absent: nothing was learned; empty: there is none.
    pub(in crate::probe::kind) fn into_other_keys(self) -> Option<Vec<OtherKey>> {
        (self.learned || !self.others.is_empty()).then_some(self.others)
    }

    /// Asks with a hello that only another kind of key can serve. An alert is the answer that there is none;
    /// silence or an end without a word is no answer.
    pub(super) async fn look_for_another_kind(
        &mut self,
        first: &First<'_>,
        target: Target<'_>,
        context: &Context,
    ) {
        let Some(key) = first.key else { return };
        let leaf = match first.way {
            Way::Hello(hello) => {
                let hello = Hello { offer: Offer::for_other_key(key), ..hello };
                leaf_of(target, context, hello).await
            }
            Way::Tls13 => {
                let schemes = if key == Auth::Rsa { Schemes::NotRsa } else { Schemes::Rsa };
                leaf_of_tls13(target, context, schemes).await
            }
        };
        match leaf {
            Ok(certificate) => self.learn(certificate),
            Err(Missed::Alert(_)) => self.learn(None),
            Err(_) => {}
        }
    }

    /// Asks without a host name, where one was sent.
    pub(super) async fn look_without_sni(
        &mut self,
        first: &First<'_>,
        target: Target<'_>,
        context: &Context,
    ) {
        let leaf = match first.way {
            Way::Hello(hello) if hello.sends_sni() => {
                leaf_of(target, context, Hello { sni: None, ..hello }).await
            }
            Way::Tls13 if target.sni.is_some() => {
                leaf_of_tls13(Target { sni: None, ..target }, context, Schemes::Any).await
            }
            _ => return,
        };
        if let Ok(certificate) = leaf {
            self.add(certificate);
        }
    }
}

async fn leaf_of(
    target: Target<'_>,
    context: &Context,
    hello: Hello<'_>,
) -> Result<Option<Certificate>, Missed> {
    let session = Session::open(target, context, hello, context.settings.timeouts).await?;
    Ok(session.into_facts(target).and_then(|f| f.leaf).map(|leaf| leaf.certificate))
}

async fn leaf_of_tls13(
    target: Target<'_>,
    context: &Context,
    schemes: Schemes,
) -> Result<Option<Certificate>, Missed> {
    let shown = open_tls13(target, context, schemes, context.settings.timeouts).await?;
    Ok(shown.chain.first().map(|der| Leaf::read(der).certificate))
}
