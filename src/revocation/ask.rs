//! Which URL is asked for which certificates, in which order, and how many at a time.
//!
//! A list is downloaded once for all the certificates that name it, judged, and dropped, so at most one list for each
//! host in work lies in memory. A host is asked one question at a time; one that did not answer three times running is
//! not asked again, since a thousand certificates of a dead responder would each wait for the limit.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    sync::Arc,
};

use tokio::{
    sync::Semaphore,
    task::{JoinSet, spawn_blocking},
};

use super::{
    Asked, ISSUER_UNREADABLE, NO_SERIAL, Settings,
    answer::{self, Answer, Said, Why},
    authority::Authority,
    crl::{self, Wanted},
    fetch::{self, Place, Question, Trouble},
    ocsp, serial as serial_of,
    serial::Serial,
};
use crate::model::revocation::{Revocation, RevocationSource, RevocationStatus};

/// How many questions in a row a host may leave unanswered.
const PATIENCE: usize = 3;
/// The longest OCSP answer, in bytes.
const MAX_OCSP: usize = 256 * 1024;

/// A certificate that can be asked about.
#[derive(Debug)]
struct Case {
    serial: Serial,
    is_ca: bool,
    issuer: Vec<u8>,
    crl: Vec<String>,
    ocsp: Vec<String>,
}

/// A source of a certificate: its number, CRL or OCSP, and the place of the URL in it.
type Source = (usize, RevocationSource, usize);

/// What is asked of one URL.
#[derive(Debug)]
struct Job {
    url: Arc<str>,
    place: Place,
    source: RevocationSource,
    /// The certificates, and the place of this URL among those of each.
    cases: Vec<(usize, usize)>,
}

/// What came of a job: an answer for each of its certificates.
#[derive(Debug)]
struct Done {
    answers: Vec<(Source, Answer)>,
    note: Option<Why>,
    url: Arc<str>,
    dead: bool,
}

/// Everything that the tasks share.
#[derive(Debug)]
struct Desk {
    cases: Vec<Option<Case>>,
    settings: Settings,
}

/// The jobs of each host, in order.
type Hosts = BTreeMap<String, VecDeque<Job>>;

pub(super) async fn check(asked: Vec<Asked>, settings: &Settings) -> Vec<Revocation> {
    let mut said: BTreeMap<Source, Said> = BTreeMap::new();
    let mut certificates = Vec::new();
    let mut cases = Vec::new();
    let mut obstacles: Vec<Option<&'static str>> = Vec::new();
    for one in asked {
        certificates.push(one.certificate.sha256);
        let case = case(one);
        obstacles.push(case.as_ref().err().copied());
        cases.push(case.ok());
    }
    let desk = Arc::new(Desk { cases, settings: settings.clone() });

    let lists = plan(&desk, RevocationSource::Crl, &mut said);
    run(&desk, lists, &mut said).await;
    let responders = plan(&desk, RevocationSource::Ocsp, &mut said);
    run(&desk, responders, &mut said).await;

    let at = settings.clock.now();
    let mut results = Vec::new();
    for (n, (sha256, obstacle)) in certificates.into_iter().zip(obstacles).enumerate() {
        let range = (n, RevocationSource::Crl, 0)..=(n, RevocationSource::Ocsp, usize::MAX);
        let said: Vec<Said> = said.range(range).map(|(_, one)| one.clone()).collect();
        let mut result = answer::together(sha256, at, &said);
        if let Some(why) = obstacle {
            result.detail = Some(why.to_owned());
        }
        debug_assert!(result.status != RevocationStatus::Unknown || result.detail.is_some());
        results.push(result);
    }
    results
}

/// What is needed to ask, or why nobody can be asked.
fn case(asked: Asked) -> Result<Case, &'static str> {
    let serial = serial_of(&asked.certificate).ok_or(NO_SERIAL)?;
    let Some(details) = asked.certificate.details else {
        return Err("where it could be asked about is not known");
    };
    if details.crl.is_empty() && details.ocsp.is_empty() {
        return Err("it names neither CRL nor OCSP");
    }
    let issuer =
        asked.issuer.ok_or("its issuer's certificate is not known, so no answer could be checked")?;
    Authority::read(&issuer).map_err(|_| ISSUER_UNREADABLE)?;
    Ok(Case { serial, is_ca: details.is_ca, issuer, crl: details.crl, ocsp: details.ocsp })
}

/// The jobs of one kind. Every source gets its line in `said` now, so that none can be lost on the way.
fn plan(desk: &Desk, source: RevocationSource, said: &mut BTreeMap<Source, Said>) -> Hosts {
    let mut jobs: BTreeMap<(String, Option<usize>), Job> = BTreeMap::new();
    for (n, case) in desk.cases.iter().enumerate() {
        let Some(case) = case else { continue };
        let first = (n, RevocationSource::Crl, 0);
        let revoked = said.range(first..=(n, RevocationSource::Ocsp, usize::MAX));
        if revoked.into_iter().any(|(_, s)| matches!(s.answer, Answer::Revoked(..))) {
            continue;
        }
        let urls = if source == RevocationSource::Crl { &case.crl } else { &case.ocsp };
        for (at, url) in urls.iter().enumerate() {
            let place = Place::read(url);
            let why = place.as_ref().err().copied().unwrap_or("the check ended before it was asked");
            let several = (urls.len() > 1).then_some(at);
            let answer = Answer::unknown(why);
            said.insert((n, source, at), Said { source, place: several, url: None, answer, note: None });
            let Ok(place) = place else { continue };
            // A list is asked for once for everybody; an OCSP question is about one certificate.
            let key = (url.clone(), (source == RevocationSource::Ocsp).then_some(n));
            let job = jobs.entry(key);
            let job =
                job.or_insert_with(|| Job { url: Arc::from(url.as_str()), place, source, cases: Vec::new() });
            job.cases.push((n, at));
        }
    }
    let mut hosts = Hosts::new();
    for (_, job) in jobs {
        hosts.entry(job.place.host.clone()).or_default().push_back(job);
    }
    hosts
}

/// Does all jobs: hosts side by side, the jobs of one host in turn.
async fn run(desk: &Arc<Desk>, hosts: Hosts, said: &mut BTreeMap<Source, Said>) {
    let permits = Arc::new(Semaphore::new(desk.settings.parallel.clamp(1, 1024)));
    let mut tasks = JoinSet::new();
    for (_, jobs) in hosts {
        let (desk, permits) = (Arc::clone(desk), Arc::clone(&permits));
        tasks.spawn(async move {
            // The semaphore is never closed; were it, the lines of `said` would stay as they are.
            let Ok(_permit) = permits.acquire().await else { return Vec::new() };
            let work = |job: Job| {
                let desk = Arc::clone(&desk);
                async move { perform(&desk, job).await }
            };
            in_turn(jobs, work).await
        });
    }
    while let Some(done) = tasks.join_next().await {
        for done in done.unwrap_or_default() {
            for (source, answer) in done.answers {
                let Some(line) = said.get_mut(&source) else { continue };
                line.url = Some(Arc::clone(&done.url));
                line.note.clone_from(&done.note);
                line.answer = answer;
            }
        }
    }
}

/// The jobs of one host, until it has left too many unanswered.
async fn in_turn<F: Future<Output = Done>>(jobs: VecDeque<Job>, work: impl Fn(Job) -> F) -> Vec<Done> {
    let mut all = Vec::new();
    let mut unanswered = 0;
    for job in jobs {
        let done = if unanswered < PATIENCE {
            work(job).await
        } else {
            let why = format!("not asked, since its host did not answer {PATIENCE} times running");
            job.without_answer(&why.into(), true)
        };
        unanswered = if done.dead { unanswered.saturating_add(1) } else { 0 };
        all.push(done);
    }
    all
}

impl Job {
    fn done(self, answers: Vec<Answer>, note: Option<Why>) -> Done {
        let sources = self.cases.iter().map(|(n, at)| (*n, self.source, *at));
        Done { answers: sources.zip(answers).collect(), note, url: self.url, dead: false }
    }

    fn without_answer(self, why: &Why, dead: bool) -> Done {
        let answers = self.cases.iter().map(|_| Answer::Unknown(why.clone())).collect();
        Done { dead, ..self.done(answers, None) }
    }
}

async fn perform(desk: &Arc<Desk>, job: Job) -> Done {
    if job.source == RevocationSource::Crl { list(desk, job).await } else { responder(desk, job).await }
}

/// A list: the one that is kept where it still decides, else the one that is served.
async fn list(desk: &Arc<Desk>, job: Job) -> Done {
    let settings = &desk.settings;
    if let Some(cache) = settings.cache.clone() {
        let (url, longest) = (Arc::clone(&job.url), settings.max_crl_bytes);
        let now = settings.clock.now();
        let kept = spawn_blocking(move || cache.read(&url, longest, now)).await.ok().flatten();
        if let Some(bytes) = kept {
            let (answers, _) = judged(desk, &job, bytes).await;
            if answers.iter().all(Answer::decides) {
                return job.done(answers, Some("by a list kept from an earlier download".into()));
            }
        }
    }
    let asked = fetch::ask(&job.place, Question::List, settings.timeout, settings.max_crl_bytes).await;
    let bytes = match asked {
        Ok(bytes) => bytes,
        Err(Trouble { why, dead }) => return job.without_answer(&why, dead),
    };
    let (answers, bytes) = judged(desk, &job, bytes).await;
    if let (Some(cache), true) = (settings.cache.clone(), answers.iter().any(Answer::decides)) {
        let url = Arc::clone(&job.url);
        // Not kept is only slower the next time.
        let _ = spawn_blocking(move || cache.keep(&url, &bytes)).await;
    }
    job.done(answers, None)
}

/// What a list says of each certificate of a job. Off the runtime's threads: hashing a large list takes a while.
async fn judged(desk: &Arc<Desk>, job: &Job, bytes: Vec<u8>) -> (Vec<Answer>, Vec<u8>) {
    let numbers: Vec<usize> = job.cases.iter().map(|(n, _)| *n).collect();
    let lost = numbers.iter().map(|_| Answer::unknown("the list could not be judged")).collect();
    let desk = Arc::clone(desk);
    let work = spawn_blocking(move || (judge(&desk, &numbers, &bytes), bytes));
    work.await.unwrap_or_else(|_| (lost, Vec::new()))
}

fn judge(desk: &Desk, numbers: &[usize], bytes: &[u8]) -> Vec<Answer> {
    let now = desk.settings.clock.now();
    let mut answers: Vec<Answer> =
        numbers.iter().map(|_| Answer::unknown("the list could not be judged")).collect();
    let case = |n: &usize| desk.cases.get(*n).and_then(Option::as_ref);
    // Nearly always one issuer; a list that certificates of several name is checked for each.
    let mut issuers: BTreeMap<&[u8], Vec<(usize, &Case)>> = BTreeMap::new();
    for (at, case) in numbers.iter().enumerate().filter_map(|(at, n)| case(n).map(|c| (at, c))) {
        issuers.entry(&case.issuer).or_default().push((at, case));
    }
    for (issuer, members) in issuers {
        let Ok(authority) = Authority::read(issuer) else { continue };
        let wanted: Vec<Wanted<'_>> = members
            .iter()
            .map(|(_, case)| Wanted { serial: &case.serial, is_ca: case.is_ca, urls: &case.crl })
            .collect();
        for ((at, _), answer) in members.iter().zip(crl::judge(bytes, &authority, &wanted, now)) {
            if let Some(slot) = answers.get_mut(*at) {
                *slot = answer;
            }
        }
    }
    answers
}

/// One question to a responder.
async fn responder(desk: &Desk, job: Job) -> Done {
    let settings = &desk.settings;
    let mut nonce = [0; ocsp::NONCE_LEN];
    let random = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut nonce);
    let case = job.cases.first().and_then(|(n, _)| desk.cases.get(*n)?.as_ref());
    let authority = case.and_then(|case| Authority::read(&case.issuer).ok());
    let (Ok(()), Some(case), Some(authority)) = (random, case, authority) else {
        return job.without_answer(&"the question could not be made".into(), false);
    };
    let question = ocsp::request(&authority, &case.serial, &nonce);
    let asked = fetch::ask(&job.place, Question::Ocsp(&question), settings.timeout, MAX_OCSP).await;
    match asked {
        Ok(bytes) => {
            let now = settings.clock.now();
            let answer = ocsp::judge(&bytes, &authority, &case.serial, Some(&nonce), now);
            job.done(vec![answer], None)
        }
        Err(Trouble { why, dead }) => job.without_answer(&why, dead),
    }
}
