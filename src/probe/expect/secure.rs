//! TLS as a user's client speaks it, over a link: through dialogues and packets of other protocols. Verified by
//! [`Judge`]; deadlines and the amount of bytes are the link's.

use std::{
    io::{Read as _, Write as _},
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{ClientConnection, Error, pki_types::ServerName};

use super::{Said, host, judge::Judge, open};
use crate::probe::{context::Context, dial::Wait, kind::Target, limits::Timeouts, link::Link, trace::Way};

/// The most plain text of one connection that is looked at.
const MAX_HEARD: usize = 64 * 1024;

/// A connection whose handshake was verified.
pub(super) struct Secure {
    link: Link,
    client: Box<ClientConnection>,
    judge: Arc<Judge>,
    limits: Timeouts,
    heard: usize,
}

/// How a wait for plain text ended.
pub(super) enum Heard {
    /// What was waited for came.
    Met,
    /// It did not; what that means.
    Not(Said),
}

/// What a user's TLS client needs: who judges, and for which name.
pub(super) struct Asker {
    /// The judge.
    pub(super) judge: Arc<Judge>,
    /// The configuration that asks it.
    pub(super) config: Arc<rustls::ClientConfig>,
    /// The name that is asked for.
    pub(super) name: ServerName<'static>,
}

/// The client for a target, or why there is none.
pub(super) fn asker(target: Target<'_>, context: &Context, protocols: &[&[u8]]) -> Result<Asker, Said> {
    let Some(store) = &context.trust else {
        return Err(Said::untried("no trust store"));
    };
    let name = match target.sni {
        Some(_) => ServerName::try_from(host(target))
            .map_err(|_| Said::untried("the host's name is none that a TLS client can ask for"))?,
        None => ServerName::IpAddress(target.address.ip().into()),
    };
    let made = Judge::with_config(Arc::clone(store), context.clock.now(), protocols);
    let (judge, config) = made.map_err(|_| Said::untried("the TLS client could not be set up"))?;
    Ok(Asker { judge, config, name })
}

/// `tls`: a verified handshake, whatever dialogue comes before it, and nothing more.
pub(super) async fn handshake_alone(target: Target<'_>, context: &Context) -> Said {
    match Secure::open(target.wrap, target, context).await {
        Ok(secure) => secure.settled().await,
        Err(said) => said,
    }
}

impl Secure {
    /// Connects, goes through the dialogue of this wrap and shakes hands.
    pub(super) async fn open(
        wrap: crate::model::wrap::Wrap,
        target: Target<'_>,
        context: &Context,
    ) -> Result<Self, Said> {
        let Asker { judge, config, name } = asker(target, context, &[])?;
        let link = open(wrap, target, context).await?;
        let client = ClientConnection::new(config, name)
            .map_err(|_| Said::untried("the TLS client could not be set up"))?;
        let limits = context.settings.timeouts;
        let mut secure = Self { link, client: Box::new(client), judge, limits, heard: 0 };
        secure.shake().await?;
        target.tell(Way::Came, || "handshake verified".to_owned());
        Ok(secure)
    }

    async fn shake(&mut self) -> Result<(), Said> {
        // However slowly it is dragged out.
        let deadline = Instant::now() + self.limits.step.saturating_mul(2);
        while self.client.is_handshaking() {
            self.flush().await;
            let left = deadline.saturating_duration_since(Instant::now()).min(self.limits.step);
            let (link, client) = (&mut self.link, &mut self.client);
            let mut error = None;
            let wait = link
                .receive(left, |bytes| {
                    error = take(client, bytes, &mut |_| false).err();
                    error.is_some() || !client.is_handshaking() || client.wants_write()
                })
                .await;
            if let Some(error) = error {
                self.flush().await; // our alert, as a courtesy
                return Err(self.judge.said(&error));
            }
            let begun = self.client.protocol_version().is_some();
            match wait {
                Wait::Met => {}
                Wait::Closed => return Err(self.judge.ended("closed", begun)),
                Wait::Reset => return Err(self.judge.ended("reset", begun)),
                Wait::TimedOut => {
                    return Err(Said::failed(format!(
                        "no answer to the handshake within {} ms",
                        left.as_millis()
                    )));
                }
                Wait::Flooded => return Err(Said::failed("the handshake does not end")),
            }
        }
        self.flush().await;
        Ok(())
    }

    /// Sends what the client has to say. What goes wrong shows in what is received.
    async fn flush(&mut self) {
        let mut out = Vec::new();
        while self.client.wants_write() {
            if self.client.write_tls(&mut out).is_err() {
                break;
            }
        }
        if !out.is_empty() {
            let _ = self.link.send(&out, self.limits.step).await;
        }
    }

    /// Sends plain text.
    pub(super) async fn send(&mut self, text: &[u8]) {
        let _ = self.client.writer().write_all(text);
        self.flush().await;
    }

    /// Hands plain text to `enough` until that says so, or for at most `limit`.
    pub(super) async fn receive(
        &mut self,
        limit: Duration,
        mut enough: impl FnMut(&[u8]) -> bool + Send,
    ) -> Heard {
        let deadline = Instant::now() + limit;
        loop {
            let (link, client) = (&mut self.link, &mut self.client);
            let heard = &mut self.heard;
            let mut error = None;
            let mut met = false;
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = link
                .receive(left, |bytes| {
                    let mut plain = |text: &[u8]| {
                        *heard = heard.saturating_add(text.len());
                        met = met || enough(text);
                        met || *heard > MAX_HEARD
                    };
                    error = take(client, bytes, &mut plain).err();
                    met || error.is_some() || client.wants_write() || *heard > MAX_HEARD
                })
                .await;
            if met {
                return Heard::Met;
            }
            if let Some(error) = error {
                return Heard::Not(self.judge.said(&error));
            }
            if self.heard > MAX_HEARD {
                return Heard::Not(Said::failed("more was said than makes sense"));
            }
            match wait {
                Wait::Met => self.flush().await, // a new key, say
                Wait::Closed | Wait::Reset if self.judge.asked() => {
                    return Heard::Not(Said::untried(super::judge::WANTS_OURS));
                }
                Wait::Closed | Wait::Reset => return Heard::Not(Said::failed("closed without an answer")),
                Wait::TimedOut => {
                    return Heard::Not(Said::failed(format!("no answer within {} ms", limit.as_millis())));
                }
                Wait::Flooded => return Heard::Not(Said::failed("more was said than makes sense")),
            }
        }
    }

    /// Whether the server wanted a certificate of ours.
    pub(super) fn asked(&self) -> bool {
        self.judge.asked()
    }

    /// Waits a moment for an objection: in TLS 1.3 a server that wants a client certificate objects after the
    /// handshake. Then takes its leave.
    async fn settled(mut self) -> Said {
        let wait = self.limits.short_wait(self.link.rtt());
        let mut said = Said::met();
        if self.judge.asked() {
            match self.receive(wait, |_| true).await {
                Heard::Not(objection) if objection.met.is_none() => said = objection,
                Heard::Met | Heard::Not(_) => {}
            }
        }
        self.leave().await;
        said
    }

    /// Closes in the way of TLS.
    pub(super) async fn leave(&mut self) {
        self.client.send_close_notify();
        self.flush().await;
    }
}

/// Takes in bytes of TLS and hands on the plain text in them, until that is enough.
fn take(
    client: &mut ClientConnection,
    mut bytes: &[u8],
    plain: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<(), Error> {
    while !bytes.is_empty() {
        let n = client
            .read_tls(&mut bytes)
            .map_err(|_| Error::General("the client holds too much".to_owned()))?;
        let state = client.process_new_packets()?;
        let mut left = state.plaintext_bytes_to_read();
        while left > 0 {
            let mut text = [0; 4096];
            let got = client.reader().read(&mut text).unwrap_or(0);
            if got == 0 || plain(text.get(..got).unwrap_or_default()) {
                break;
            }
            left = left.saturating_sub(got);
        }
        if n == 0 {
            break;
        }
    }
    Ok(())
}
