//! Under which wrap a service speaks TLS, where its row does not fit: told by its greeting, or found out by trying.
//!
//! A greeting always leads to the dialogue of its protocol, whatever was declared; a server that says nothing where
//! a greeting was due is asked for TLS. Protocols in which the client speaks first show no greeting: those are tried
//! only where the user asked for it (`--wrap auto`), since each costs a connection.

use super::{First, Sampled, Seen, Target, sample, session::Missed};
use crate::{
    model::{observation::Contact, wrap::Wrap},
    probe::{
        context::Context,
        link::{Unlinked, wraps_of},
        trace::Way,
    },
    wire::starttls::Ended,
};

/// Protocols whose server says nothing before the client does, likeliest first.
const CLIENT_FIRST: &[Wrap] = &[Wrap::Postgres, Wrap::Ldap, Wrap::XmppClient, Wrap::Rdp, Wrap::Mssql];

/// The first sample, under the row's wrap and then under those that its failure leads to.
pub(super) async fn first_sample<'a>(target: Target<'a>, context: &Context) -> (Seen, Option<First<'a>>) {
    let Sampled { mut seen, first, missed } = sample(target, context).await;
    let Some(missed) = missed.filter(|_| !target.fragile) else {
        return (seen, first);
    };
    for wrap in candidates(target.wrap, missed, context.settings.find_wrap) {
        target.tell(Way::Note, || format!("trying {wrap} instead of {}", target.wrap));
        let Sampled { seen: mut other, first, missed } =
            Box::pin(sample(Target { wrap, trial: true, ..target }, context)).await;
        // The protocol is spoken there, even where TLS is not to be had.
        let spoken =
            matches!(missed, Some(Missed::Unlinked(Unlinked::Said(Ended::Refused | Ended::RateLimited))))
                || matches!(other.contact, Contact::HandshakeFailed if wrap != Wrap::Tls);
        if first.is_some() || spoken {
            other.wrap = Some(wrap);
            seen = other;
            return (seen, first);
        }
    }
    (seen, None)
}

/// What else may be spoken there.
fn candidates(tried: Wrap, missed: Missed, find: bool) -> Vec<Wrap> {
    let mut found: Vec<Wrap> = match missed {
        Missed::NotTls(Some(greeting)) | Missed::Unlinked(Unlinked::Said(Ended::NotThis(Some(greeting)))) => {
            wraps_of(greeting).to_vec()
        }
        Missed::Unlinked(
            Unlinked::Said(Ended::NotThis(None))
            | Unlinked::TimedOut { spoke: false }
            | Unlinked::Closed { spoke: false },
        ) => vec![Wrap::Tls],
        Missed::Closed | Missed::TimedOut | Missed::Broken | Missed::NotTls(None)
            if find && tried == Wrap::Tls =>
        {
            CLIENT_FIRST.to_vec()
        }
        _ => Vec::new(),
    };
    found.retain(|wrap| *wrap != tried);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::greeting::Greeting;

    #[test]
    fn a_failure_leads_to_what_fits_it() {
        let silent = Missed::Unlinked(Unlinked::TimedOut { spoke: false });
        let half = Missed::Unlinked(Unlinked::TimedOut { spoke: true });
        let greets = |g| Missed::NotTls(Some(g));
        let table: &[(Wrap, Missed, bool, &[Wrap])] = &[
            (Wrap::Tls, greets(Greeting::Smtp), false, &[Wrap::Smtp]),
            (Wrap::Plain, greets(Greeting::SmtpOrFtp), false, &[Wrap::Smtp, Wrap::Ftp]),
            (Wrap::Tls, greets(Greeting::Ssh), true, &[]),
            (
                Wrap::Imap,
                Missed::Unlinked(Unlinked::Said(Ended::NotThis(Some(Greeting::Pop3)))),
                false,
                &[Wrap::Pop3],
            ),
            (Wrap::Smtp, silent, false, &[Wrap::Tls]),
            (Wrap::Smtp, half, false, &[]),
            (Wrap::Smtp, Missed::Unlinked(Unlinked::Said(Ended::Refused)), true, &[]),
            (Wrap::Tls, Missed::Closed, false, &[]),
            (Wrap::Tls, Missed::Closed, true, CLIENT_FIRST),
            (Wrap::Tls, Missed::Alert(40), true, &[]),
        ];
        for (tried, missed, find, expected) in table {
            assert_eq!(candidates(*tried, *missed, *find), *expected, "{tried} {missed:?}");
        }
    }
}
