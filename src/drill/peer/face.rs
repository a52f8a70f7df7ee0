//! What an endpoint shows to the world: how it treats heartbeats, which hellos it takes, how its bytes
//! travel. Plain data; [`super::script`] acts it out.
//!
//! The named behaviours are those that were measured on real servers (PROBING 2); the knobs of [`Face`] add
//! what no real server shows on demand.

use std::time::Duration;

use super::identity::Identity;
use crate::{
    model::observation::TlsVersion,
    wire::tls::{
        alert,
        suites::{Auth, find},
    },
};

/// How a conversation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A fatal alert with this code (RFC 5246, 7.2), which also sends what the write buffer holds; then the
    /// connection is closed.
    Alert(u8),
    /// The connection is closed in order, without an alert.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing more is ever said; the connection stays open until the client goes.
    Silent,
}

/// What follows a heartbeat request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It is answered with the payload that it carried and 16 random bytes of padding. What it claims beyond
    /// what it carried is not answered: nothing here leaks.
    Echo,
    /// As [`Self::Echo`], and so many zero bytes more behind the padding, which a prober has to count.
    EchoAndMore(u16),
    /// It is answered with as many bytes, each of them another than the one that was sent.
    EchoWrong,
    /// It is dropped without a word.
    Drop,
    /// It ends the conversation.
    End(Ending),
    /// It ends the conversation, and every later connection ends before it begins: what an intrusion
    /// prevention system does with a source that it has blocked.
    Block {
        /// How this conversation ends.
        this: Ending,
        /// How later ones end.
        later: Ending,
    },
}

/// What an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// OpenSSL 1.0.1 to 1.0.1f with heartbeats: answers malformed ones.
    Vulnerable,
    /// OpenSSL 1.0.1g and later with heartbeats: drops malformed ones, answers well-formed ones.
    Fixed,
    /// A server without heartbeats: fatal alert 10 (unexpected_message).
    WithoutHeartbeats,
    /// A server without heartbeats that ends with another fatal alert.
    RefusesWith(u8),
    /// Closes without an alert on any heartbeat, as node 0.10.2 does.
    ClosesOnHeartbeat,
    /// Resets the connection on any heartbeat.
    ResetsOnHeartbeat,
    /// Drops every heartbeat; the poke earns its alert 10.
    SilentOnHeartbeat,
    /// Acknowledges the extension and ends with alert 10 on any heartbeat, as gnutls-serv with `--heartbeat`
    /// does in mid-handshake.
    AcknowledgesThenRefuses,
    /// Something in the way ends the connection at a malformed heartbeat; the server behind it answers
    /// well-formed ones.
    EatsMalformed(Ending),
    /// Something in the way swallows a malformed heartbeat and then blocks the client: this connection is
    /// silent, every later one ends like this.
    BlocksAfterMalformed(Ending),
    /// Answers heartbeats with bytes that nobody sent it; they are made up, not memory.
    AnswersWrongPayload,
    /// As [`Self::Vulnerable`], with so many zero bytes behind each answer.
    AnswersWithMore(u16),
    /// Whatever is wanted of malformed and well-formed heartbeats.
    Custom {
        /// What follows a request without its padding.
        malformed: Reaction,
        /// What follows a well-formed request.
        well_formed: Reaction,
        /// Whether the extension is acknowledged.
        acknowledges: bool,
    },
    /// TLS 1.3 alone, by rustls.
    Tls13Only,
    /// An HTTP server without TLS: any first bytes earn a 400.
    PlainHttp,
    /// Greets as an SMTP server, and waits.
    SmtpGreeting,
    /// Sends these bytes as soon as a client has connected, and waits.
    Speaks(&'static [u8]),
    /// Accepts, and never says anything.
    Tarpit,
    /// Ends the connection like this as soon as it is accepted.
    EndsAtOnce(Ending),
}

impl Behaviour {
    /// What follows a malformed heartbeat and a well-formed one, and whether the extension is acknowledged.
    pub(in crate::drill) const fn heartbeats(&self) -> (Reaction, Reaction, bool) {
        const REFUSE: Reaction = Reaction::End(Ending::Alert(alert::UNEXPECTED_MESSAGE));
        const CLOSE: Reaction = Reaction::End(Ending::Close);
        const RESET: Reaction = Reaction::End(Ending::Reset);
        match *self {
            Self::Vulnerable => (Reaction::Echo, Reaction::Echo, true),
            Self::Fixed => (Reaction::Drop, Reaction::Echo, true),
            Self::RefusesWith(code) => {
                let refuse = Reaction::End(Ending::Alert(code));
                (refuse, refuse, false)
            }
            Self::ClosesOnHeartbeat => (CLOSE, CLOSE, false),
            Self::ResetsOnHeartbeat => (RESET, RESET, false),
            Self::SilentOnHeartbeat => (Reaction::Drop, Reaction::Drop, false),
            Self::AcknowledgesThenRefuses => (REFUSE, REFUSE, true),
            Self::EatsMalformed(ending) => (Reaction::End(ending), Reaction::Echo, true),
            Self::BlocksAfterMalformed(later) => {
                let block = Reaction::Block { this: Ending::Silent, later };
                (block, Reaction::Echo, true)
            }
            Self::AnswersWrongPayload => (Reaction::EchoWrong, Reaction::EchoWrong, true),
            Self::AnswersWithMore(n) => (Reaction::EchoAndMore(n), Reaction::EchoAndMore(n), true),
            Self::Custom { malformed, well_formed, acknowledges } => (malformed, well_formed, acknowledges),
            Self::WithoutHeartbeats
            | Self::Tls13Only
            | Self::PlainHttp
            | Self::SmtpGreeting
            | Self::Speaks(_)
            | Self::Tarpit
            | Self::EndsAtOnce(_) => (REFUSE, REFUSE, false),
        }
    }
}

/// What follows a ChangeCipherSpec that comes before any key was exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlyCcs {
    /// It ends the conversation: fixed code does, by alert 10.
    Refused(Ending),
    /// It is taken, keys are made of nothing, and the first record that these do not open ends the conversation like
    /// this: alert 20, unless the alert never gets out.
    Taken(Ending),
    /// It is dropped, as if it had not come.
    Dropped,
}

/// What follows a hello of SSL 2.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sslv2 {
    /// It ends the conversation: today's servers do, by alert 70.
    Refused(Ending),
    /// It is answered, with so many kinds of cipher.
    Spoken(usize),
    /// The answer is cut after so many bytes, and ends like this.
    Cut(usize, Ending),
    /// It is answered with these bytes, again and again until the client goes.
    Endless(&'static [u8]),
}

/// What a server does with the name that a client sends (RFC 6066, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SniRule {
    /// Takes any name, and none.
    Any,
    /// Ends like this where no name is sent.
    Needed(Ending),
    /// Ends like this where a name is sent.
    Refused(Ending),
    /// Warns of a name that it does not know (alert 112 at level warning) and goes on.
    Warns,
}

/// How a flight of handshake messages is cut into records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One record a message.
    PerMessage,
    /// All messages in one record.
    OneRecord,
    /// Records of so many bytes, wherever messages end.
    Fragments(usize),
}

/// Everything that an endpoint shows. Made by [`Face::new`] or [`Face::bare`] and changed by its fields.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches that have nothing to do with each other")]
pub struct Face {
    /// What it is.
    pub behaviour: Behaviour,
    /// Its keys and certificates, one for each kind of key. Suites are taken that fit one of them.
    pub identities: Vec<Identity>,
    /// Served instead where the client sends no name.
    pub without_sni: Option<Identity>,
    /// The oldest version that is spoken.
    pub oldest: TlsVersion,
    /// The newest version that is spoken, TLS 1.2 at most.
    pub newest: TlsVersion,
    /// How a hello for a version above the newest ends. `None`: it is answered with the newest, as it should.
    pub intolerance: Option<Ending>,
    /// Whether a client that offers TLS 1.3 gets it.
    pub tls13_too: bool,
    /// The suites that are taken, in the server's order of preference. Empty: every one with a certificate,
    /// in the client's order.
    pub suites: Vec<u16>,
    /// Whether a suite may be chosen that no key fits, with the first identity: a prober that stops at
    /// ServerHelloDone cannot tell.
    pub loose: bool,
    /// What becomes of names.
    pub sni: SniRule,
    /// The longest ClientHello message in bytes, with its header, and how a longer one ends.
    pub longest_hello: Option<(usize, Ending)>,
    /// The flight is cut after so many bytes of its records, and ends like this.
    pub cut: Option<(usize, Ending)>,
    /// Whether a client certificate is asked for.
    pub asks_certificate: bool,
    /// How the flight is cut into records.
    pub framing: Framing,
    /// Bytes of answers that are held back in mid-handshake: an answer that fits waits until more comes or
    /// an alert is sent. OpenSSL has 4096 (PROBING 2); 0 holds nothing.
    pub write_buffer: usize,
    /// TCP segments of so many bytes. 0: as large as they come.
    pub segment: usize,
    /// The time before each answer.
    pub delay: Duration,
    /// How an out-of-order handshake message ends the conversation.
    pub on_poke: Ending,
    /// So many out-of-order messages are dropped before that.
    pub pokes_dropped: u8,
    /// Whether one record is read each time that bytes arrive, and the rest stays unread until more do: what
    /// nginx makes of OpenSSL 1.0.1 (PROBING 2).
    pub one_record_per_arrival: bool,
    /// Whether the heartbeat extension is acknowledged, against what the behaviour says.
    pub acknowledges: Option<bool>,
    /// What follows an early ChangeCipherSpec.
    pub early_ccs: EarlyCcs,
    /// What follows a hello of SSL 2.0.
    pub sslv2: Sslv2,
    /// How a hello below the newest version ends that is marked as a fallback. `None`: the mark is not known.
    pub on_fallback: Option<Ending>,
    /// The Diffie-Hellman prime, big-endian.
    pub dh_prime: Vec<u8>,
    /// The modulus of the short RSA key of export suites, big-endian.
    pub export_modulus: Vec<u8>,
    /// How a hello ends that has no suite in common.
    pub no_suite: Ending,
}

impl Face {
    /// An endpoint with one key, SSL 3.0 to TLS 1.2, and the write buffer of OpenSSL.
    pub fn new(behaviour: Behaviour, identity: &Identity) -> Self {
        Self { identities: vec![identity.clone()], ..Self::bare(behaviour) }
    }

    /// An endpoint without a key, for behaviours that are no TLS.
    pub const fn bare(behaviour: Behaviour) -> Self {
        Self {
            behaviour,
            identities: Vec::new(),
            without_sni: None,
            oldest: TlsVersion::Ssl3,
            newest: TlsVersion::Tls12,
            intolerance: None,
            tls13_too: false,
            suites: Vec::new(),
            loose: false,
            sni: SniRule::Any,
            longest_hello: None,
            cut: None,
            asks_certificate: false,
            framing: Framing::PerMessage,
            write_buffer: 4096,
            segment: 0,
            delay: Duration::ZERO,
            on_poke: Ending::Alert(alert::UNEXPECTED_MESSAGE),
            pokes_dropped: 0,
            one_record_per_arrival: false,
            acknowledges: None,
            early_ccs: EarlyCcs::Refused(Ending::Alert(alert::UNEXPECTED_MESSAGE)),
            sslv2: Sslv2::Refused(Ending::Alert(alert::PROTOCOL_VERSION)),
            on_fallback: Some(Ending::Alert(alert::INAPPROPRIATE_FALLBACK)),
            dh_prime: Vec::new(),
            export_modulus: Vec::new(),
            no_suite: Ending::Alert(alert::HANDSHAKE_FAILURE),
        }
    }

    /// One version alone, with any suite that it has.
    pub const fn only(mut self, version: TlsVersion) -> Self {
        self.oldest = version;
        self.newest = version;
        self.loose = true;
        self
    }

    /// Whether the heartbeat extension is acknowledged to a client that offers it.
    pub(super) fn acknowledges(&self) -> bool {
        self.acknowledges.unwrap_or_else(|| self.behaviour.heartbeats().2)
    }

    /// The key and certificate for a suite that wants this kind of key.
    pub(super) fn identity_for(&self, auth: Auth, named: bool) -> Option<&Identity> {
        let served = match &self.without_sni {
            Some(other) if !named => std::slice::from_ref(other),
            _ => &*self.identities,
        };
        let fitting = served.iter().find(|identity| identity.auth == auth);
        fitting.or(served.first().filter(|_| self.loose))
    }

    /// The first identity with a private key, which TLS 1.3 needs.
    pub(super) fn identity_for_tls13(&self, named: bool) -> Option<&Identity> {
        let other = self.without_sni.as_ref().filter(|_| !named);
        let mut all = other.into_iter().chain(&self.identities);
        all.find(|identity| !identity.key_der.is_empty())
    }

    /// Whether this server can be had with a suite in a version.
    pub(super) fn serves(&self, number: u16, version: TlsVersion, named: bool) -> bool {
        let Some(suite) = find(number) else {
            return false;
        };
        let in_version = (version >= TlsVersion::Tls12 || !suite.needs_tls12())
            && (version > TlsVersion::Ssl3 || !suite.needs_curves());
        let with_key = match suite.auth {
            auth if auth.has_certificate() => self.identity_for(auth, named).is_some(),
            Auth::Anonymous | Auth::Psk => true,
            _ => false,
        };
        in_version && with_key
    }
}
