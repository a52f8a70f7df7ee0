//! Which hello comes next when one led nowhere (PROBING C1, C2, C9, C10, C11). Pure: told what happened, it
//! says what to try. One connection each, and an end to it.

use super::session::Missed;
use crate::{
    model::observation::{Contact, TlsVersion},
    probe::link::{self, Unlinked},
    wire::{
        greeting::Greeting,
        starttls::Ended,
        tls::{alert, hello::Hello, suites::Offer},
    },
};

/// What to try on the next connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Try<'a> {
    pub(super) what: What<'a>,
    /// With doubled limits, after a time-out.
    pub(super) patient: bool,
    /// After a pause, since the service asked for one.
    pub(super) paused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What<'a> {
    /// A handshake up to TLS 1.2, up to ServerHelloDone.
    Hello(Hello<'a>),
    /// A whole TLS 1.3 handshake.
    Tls13,
}

/// Closes without a byte that are put up with (DESIGN: command line).
const MAX_CLOSES: u8 = 3;

const LOWER: &[TlsVersion] = &[TlsVersion::Tls11, TlsVersion::Tls10, TlsVersion::Ssl3];

/// What was tried on one endpoint, and what came of it.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    first: Hello<'a>,
    lower: std::slice::Iter<'static, TlsVersion>,
    done: Done,
    closes: u8,
    worst: Option<Missed>,
}

/// What happens at most once.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // six independent marks, not a state
struct Done {
    without_sni: bool,
    last_resort: bool,
    tls13: bool,
    short: bool,
    patience: bool,
    pause: bool,
}

impl<'a> Plan<'a> {
    pub(super) fn new(sni: Option<&'a str>) -> Self {
        Self { first: Hello::first(sni), lower: LOWER.iter(), done: Done::default(), closes: 0, worst: None }
    }

    /// One that is tried to find out whether the protocol is spoken at all: no second try after silence.
    pub(super) fn trial(sni: Option<&'a str>) -> Self {
        let mut plan = Self::new(sni);
        plan.done.patience = true;
        plan
    }

    /// The first connection.
    pub(super) const fn first(&self) -> Try<'a> {
        Try { what: What::Hello(self.first), patient: false, paused: false }
    }

    /// What to try after `last` came to nothing; `None`: nothing is left.
    pub(super) fn after(&mut self, last: Try<'a>, missed: Missed) -> Option<Try<'a>> {
        self.worst = Some(self.worst.map_or(missed, |worst| more_telling(worst, missed)));
        if last.what == What::Tls13 && !matches!(missed, Missed::NoConnection(_) | Missed::Unlinked(_)) {
            return self.lower();
        }
        match missed {
            Missed::NoConnection(Contact::ConnectTimedOut) => self.once_more(last.what),
            Missed::Unlinked(Unlinked::Said(Ended::RateLimited)) => self.after_pause(last.what),
            // Slow, or out of connections for a moment.
            Missed::Unlinked(Unlinked::TimedOut { .. } | Unlinked::Closed { .. }) => {
                self.once_more(last.what)
            }
            Missed::NoConnection(_)
            | Missed::Unlinked(_)
            | Missed::NotTls(_)
            | Missed::StillPlain
            | Missed::Broken => None,
            Missed::TimedOut => {
                self.done.short = true;
                // Slow, or hanging on a long hello: a short one with more patience serves both.
                self.once_more(What::Hello(Hello { offer: Offer::Short, ..self.first }))
            }
            Missed::Closed => self.after_close(),
            Missed::Alert(alert::PROTOCOL_VERSION) => self.tls13().or_else(|| self.lower()),
            Missed::Alert(alert::UNRECOGNIZED_NAME) => {
                self.without_sni(last).or_else(|| self.after_refusal(last, 40))
            }
            Missed::Alert(code) => self.after_refusal(last, code),
        }
    }

    /// What tells most about why nothing came about.
    pub(super) const fn worst(&self) -> Option<Missed> {
        self.worst
    }

    /// How the contact ended and more about it, when nothing is left to try.
    pub(super) fn ended(&self) -> (Contact, Option<String>) {
        match self.worst {
            None => (Contact::ProbeTimedOut, None), // nothing was tried
            Some(missed) => contact_of(missed),
        }
    }

    fn after_refusal(&mut self, last: Try<'a>, code: u8) -> Option<Try<'a>> {
        if let Some(next) = self.without_sni(last) {
            return Some(next);
        }
        let chokes =
            matches!(code, alert::ILLEGAL_PARAMETER | alert::DECODE_ERROR | alert::INTERNAL_ERROR | 10 | 20);
        if chokes && !self.done.short {
            self.done.short = true;
            return hello(Hello { offer: Offer::Short, ..self.first });
        }
        if !self.done.last_resort {
            self.done.last_resort = true;
            return hello(Hello { offer: Offer::LastResort, ..self.first });
        }
        self.tls13().or_else(|| self.lower())
    }

    /// A short hello, then one of TLS 1.0 without extensions that takes anything: what chokes on length, on the
    /// version, on an extension or on the lack of a common suite is served by one of the two.
    fn after_close(&mut self) -> Option<Try<'a>> {
        self.closes += 1;
        if self.closes >= MAX_CLOSES {
            return None;
        }
        if self.done.short {
            return hello(Hello {
                version: TlsVersion::Tls10,
                offer: Offer::Anything,
                sni: None,
                extensions: false,
            });
        }
        self.done.short = true;
        hello(Hello { offer: Offer::Short, ..self.first })
    }

    fn without_sni(&mut self, last: Try<'a>) -> Option<Try<'a>> {
        let What::Hello(refused) = last.what else {
            return None;
        };
        if self.done.without_sni || !refused.sends_sni() {
            return None;
        }
        self.done.without_sni = true;
        hello(Hello { sni: None, ..refused })
    }

    fn tls13(&mut self) -> Option<Try<'a>> {
        let tried = std::mem::replace(&mut self.done.tls13, true);
        (!tried).then_some(Try { what: What::Tls13, patient: false, paused: false })
    }

    fn lower(&mut self) -> Option<Try<'a>> {
        let version = *self.lower.next()?;
        hello(Hello { version, ..self.first })
    }

    fn once_more(&mut self, what: What<'a>) -> Option<Try<'a>> {
        let tried = std::mem::replace(&mut self.done.patience, true);
        (!tried).then_some(Try { what, patient: true, paused: false })
    }

    fn after_pause(&mut self, what: What<'a>) -> Option<Try<'a>> {
        let tried = std::mem::replace(&mut self.done.pause, true);
        (!tried).then_some(Try { what, patient: false, paused: true })
    }
}

#[allow(clippy::unnecessary_wraps)] // reads as the answers of `Plan`
const fn hello(hello: Hello<'_>) -> Option<Try<'_>> {
    Some(Try { what: What::Hello(hello), patient: false, paused: false })
}

/// How one connection's failure ends a contact.
pub(in crate::probe::kind) fn contact_of(missed: Missed) -> (Contact, Option<String>) {
    match missed {
        Missed::NoConnection(contact) => (contact, None),
        Missed::Closed => (Contact::ClosedEarly, None),
        Missed::TimedOut => (Contact::ProbeTimedOut, None),
        Missed::Unlinked(unlinked) => unlinked_contact(unlinked),
        Missed::StillPlain => (Contact::HandshakeFailed, Some("plain text after STARTTLS".to_owned())),
        // An SSL 2.0 server is OpenSSL as likely as not: nothing that may be called clean.
        Missed::NotTls(Some(Greeting::Ssl2)) => (Contact::HandshakeFailed, Some("SSL 2.0 only".to_owned())),
        Missed::NotTls(greeting) => (Contact::NotTls, greeting.map(|g| format!("greeting of {g}"))),
        Missed::Broken => (Contact::HandshakeFailed, None),
        Missed::Alert(code) => (Contact::HandshakeFailed, Some(format!("alert {code}"))),
    }
}

/// How a dialogue that did not lead to TLS ends a contact.
fn unlinked_contact(unlinked: Unlinked) -> (Contact, Option<String>) {
    let contact = match unlinked {
        Unlinked::NoConnection(contact) => return (contact, None),
        Unlinked::Said(Ended::Refused) => Contact::StarttlsRefused,
        Unlinked::Said(Ended::RateLimited) => Contact::RateLimited,
        Unlinked::Said(Ended::NotThis(_)) => Contact::NotTls,
        Unlinked::Said(Ended::Garbled) | Unlinked::Ahead => Contact::HandshakeFailed,
        Unlinked::Closed { .. } => Contact::ClosedEarly,
        Unlinked::TimedOut { .. } => Contact::ProbeTimedOut,
    };
    (contact, Some(link::words(unlinked)))
}

/// Of two failures the one that says more about the service; of two alike the earlier.
fn more_telling(earlier: Missed, later: Missed) -> Missed {
    let weight = |m: Missed| match m {
        // Whatever was refused before: it may go on later.
        Missed::Unlinked(Unlinked::Said(Ended::RateLimited)) => 7,
        Missed::Alert(_) => 6,
        Missed::Broken
        | Missed::StillPlain
        | Missed::Unlinked(Unlinked::Said(Ended::Garbled) | Unlinked::Ahead) => 5,
        Missed::Unlinked(Unlinked::Said(_)) => 4,
        Missed::NotTls(Some(greeting)) if !link::wraps_of(greeting).is_empty() => 4,
        Missed::TimedOut | Missed::Unlinked(Unlinked::TimedOut { .. }) => 3,
        Missed::Closed | Missed::Unlinked(_) => 2,
        // Once silent or closed, and once in plain text: it may be a balancer's page, and is no proof of anything.
        Missed::NotTls(_) => 1,
        Missed::NoConnection(_) => 0,
    };
    if weight(later) > weight(earlier) { later } else { earlier }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tries that follow from these failures, each told in a few words.
    fn tries(sni: Option<&str>, failures: &[Missed]) -> Vec<String> {
        let mut plan = Plan::new(sni);
        let mut next = Some(plan.first());
        let mut out = Vec::new();
        for missed in failures {
            let Some(now) = next else { break };
            next = plan.after(now, *missed);
            out.push(next.map_or("end".to_owned(), told));
        }
        out
    }

    fn told(t: Try<'_>) -> String {
        let patient = if t.patient { " patient" } else { "" };
        match t.what {
            What::Tls13 => "tls13".to_owned(),
            What::Hello(h) => {
                let sni = if h.sends_sni() { " sni" } else { "" };
                let bare = if h.extensions { "" } else { " bare" };
                format!("{} {:?}{sni}{bare}{patient}", h.version, h.offer)
            }
        }
    }

    const SNI: Option<&str> = Some("web01.example.test");

    #[test]
    fn a_version_alert_leads_to_tls13_and_then_down() {
        let refused = [Missed::Alert(70); 6];
        assert_eq!(
            tries(SNI, &refused),
            ["tls13", "TLSv1.1 Certificates sni", "TLSv1.0 Certificates sni", "SSLv3 Certificates", "end"]
        );
    }

    #[test]
    fn a_refusal_leads_to_everything_there_is() {
        let refused = [Missed::Alert(40); 9];
        assert_eq!(
            tries(SNI, &refused),
            [
                "TLSv1.2 Certificates",
                "TLSv1.2 LastResort sni",
                "tls13",
                "TLSv1.1 Certificates sni",
                "TLSv1.0 Certificates sni",
                "SSLv3 Certificates",
                "end"
            ]
        );
        assert_eq!(
            tries(None, &refused),
            [
                "TLSv1.2 LastResort",
                "tls13",
                "TLSv1.1 Certificates",
                "TLSv1.0 Certificates",
                "SSLv3 Certificates",
                "end"
            ]
        );
    }

    #[test]
    fn other_failures_have_their_own_way() {
        type Row = (&'static str, Option<&'static str>, &'static [Missed], &'static [&'static str]);
        let table: &[Row] = &[
            ("the name is refused", SNI, &[Missed::Alert(112)], &["TLSv1.2 Certificates"]),
            ("a name that was not sent", None, &[Missed::Alert(112)], &["TLSv1.2 LastResort"]),
            ("it chokes", None, &[Missed::Alert(50)], &["TLSv1.2 Short"]),
            (
                "closes stop at three",
                SNI,
                &[Missed::Closed; 5],
                &["TLSv1.2 Short sni", "TLSv1.0 Anything bare", "end"],
            ),
            ("one patient try", None, &[Missed::TimedOut; 3], &["TLSv1.2 Short patient", "end"]),
            (
                "one patient connection",
                None,
                &[Missed::NoConnection(Contact::ConnectTimedOut); 3],
                &["TLSv1.2 Certificates patient", "end"],
            ),
            ("a closed port", None, &[Missed::NoConnection(Contact::Refused)], &["end"]),
            ("not TLS", SNI, &[Missed::NotTls(None)], &["end"]),
            ("garbled", SNI, &[Missed::Broken], &["end"]),
            (
                "a version alert, and no TLS 1.3 within the time",
                None,
                &[Missed::Alert(70), Missed::TimedOut],
                &["tls13", "TLSv1.1 Certificates"],
            ),
        ];
        for (what, sni, failures, expected) in table {
            assert_eq!(tries(*sni, failures), *expected, "{what}");
        }
    }

    #[test]
    fn whatever_happens_there_is_an_end() {
        let all = [
            Missed::NoConnection(Contact::ConnectTimedOut),
            Missed::Closed,
            Missed::TimedOut,
            Missed::Alert(70),
            Missed::Alert(112),
            Missed::Alert(40),
            Missed::Alert(50),
        ];
        // Every order of kinds that a counter in base 7 yields over twelve connections, sampled.
        for seed in 0u64..20_000 {
            let mut n = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let failures: Vec<Missed> = (0..14)
                .map(|_| {
                    n = n.rotate_left(7).wrapping_mul(31);
                    all[usize::try_from(n % 7).unwrap()]
                })
                .collect();
            let told = tries(SNI, &failures);
            assert_eq!(told.last().map(String::as_str), Some("end"), "failures: {failures:?}");
        }
    }

    #[test]
    fn the_most_telling_failure_is_reported() {
        let table: &[(&[Missed], Contact, Option<&str>)] = &[
            (
                &[Missed::Alert(70), Missed::Alert(40), Missed::Closed],
                Contact::HandshakeFailed,
                Some("alert 70"),
            ),
            (&[Missed::Closed, Missed::NoConnection(Contact::Refused)], Contact::ClosedEarly, None),
            (&[Missed::TimedOut, Missed::Closed], Contact::ProbeTimedOut, None),
            (&[Missed::Closed, Missed::NotTls(Some(Greeting::Http))], Contact::ClosedEarly, None),
            (
                &[Missed::TimedOut, Missed::NotTls(Some(Greeting::Smtp))],
                Contact::NotTls,
                Some("greeting of smtp"),
            ),
            (&[Missed::NotTls(Some(Greeting::Ssl2))], Contact::HandshakeFailed, Some("SSL 2.0 only")),
            (&[Missed::NoConnection(Contact::NoRoute)], Contact::NoRoute, None),
        ];
        for (failures, contact, detail) in table {
            let mut plan = Plan::new(None);
            let mut now = plan.first();
            for missed in *failures {
                now = plan.after(now, *missed).unwrap_or(now);
            }
            let (got, told) = plan.ended();
            assert_eq!((got, told.as_deref()), (*contact, *detail), "failures: {failures:?}");
        }
    }
}
