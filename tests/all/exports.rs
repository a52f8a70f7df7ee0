//! What `allclear export` writes for other systems, as those systems read it: published schemas and other people's readers
//! where there are any (`tests/peers/formats.py`), and the documented rules of the others written down here.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use serde_json::Value;

use crate::support::{
    HANG, Work, control_byte, free_port, fresh_address,
    listen::{Listener, Manner},
    peers::{self, need},
    run_with_limit,
};

const KINDS: [&str; 7] = ["defectdojo", "jira", "gitlab", "github", "sarif", "openvex", "junit"];
const HOSTILE: &str = "@all [x](http://evil.test) </failure>]]> `@root` /close #1";

/// An incident of two sweeps: nobody there, plain HTTP, one that was waived, and words of others wherever an inventory has any.
fn incident() -> (Work, Listener) {
    let work = Work::new();
    let http = Listener::start(Manner::PlainHttp);
    let (host, closed, open) = (fresh_address(), free_port(), http.port);
    let quoted = HOSTILE.replace('"', "\"\"");
    work.write(
        "services.csv",
        format!(
            "id,name,address,port,wrap,owner,exposure,env\n\
             http,,{host},{open},tls,web,public,prod\n\
             gone,,{host},{closed},tls,web,internal,prod\n\
             v6,,::1,{closed},tls,,,\n\
             late,,127.66.9.9,{closed},tls,@octocat,,\n\
             \"{quoted}\",,127.66.9.8,{closed},tls,\"{quoted}\",,\"{quoted}\"\n"
        ),
    );
    work.ok(&["sweep", "services.csv"]);
    work.ok(&["waive", "--service", "late", "--until", "2099-01-01", "--reason", "RISK-1 ]]> <b>"]);
    work.ok(&["sweep", "services.csv"]);
    (work, http)
}

/// Every kind in a file of its own.
fn export_all(work: &Work, incident: &str) -> BTreeMap<&'static str, String> {
    let mut written = BTreeMap::new();
    for kind in KINDS {
        let ending = match kind {
            "github" => "jsonl",
            "sarif" | "openvex" => "json",
            "junit" => "xml",
            _ => "csv",
        };
        let file = format!("{kind}.{ending}");
        work.ok(&["--incident", incident, "export", kind, "-o", &file]);
        let bytes = std::fs::read(work.path(&file)).unwrap();
        assert_eq!(control_byte(&bytes), None, "{kind}");
        let meta: Value =
            serde_json::from_slice(&std::fs::read(work.path(&format!("{file}.meta.json"))).unwrap()).unwrap();
        assert_eq!(
            (&meta["kind"], meta["notes"].as_array().is_some_and(|n| !n.is_empty())),
            (&Value::from(kind), true)
        );
        assert!(meta["absent_rows"].as_str().unwrap().contains("does not mean fixed"));
        written.insert(kind, String::from_utf8(bytes).unwrap());
    }
    work.ok(&["--incident", incident, "export", "defectdojo", "--json", "-o", "defectdojo.json"]);
    written
}

#[test]
fn each_system_is_told_of_every_service_and_of_none_as_fixed_that_is_not() {
    let (work, _http) = incident();
    let written = export_all(&work, "incident.db");
    let states: BTreeMap<String, String> = work.ok(&["status", "--json"]).json()["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["row_id"].as_str().unwrap().to_owned(), s["state"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(
        (states["late"].as_str(), states["gone"].as_str(), states["http"].as_str()),
        ("waived", "unknown", "not-affected")
    );

    let findings = defectdojo_csv(&written["defectdojo"]);
    assert_eq!(findings.len(), states.len(), "one finding a service, none merged away");
    for finding in &findings {
        let row =
            states.keys().find(|r| finding.description.contains(&format!("{r}/CVE-2014-0160"))).unwrap();
        assert_eq!(finding.active, states[row] != "not-affected", "{row}: {finding:?}");
        assert!(!finding.mitigated, "{row}: nothing here was fixed: {finding:?}");
        assert_eq!(finding.vulnerabilities, ["CVE-2014-0160"]);
    }
    let v6 = findings.iter().find(|f| f.description.contains("v6/CVE")).unwrap();
    assert!(v6.url.starts_with("tls://[::1]:"), "{v6:?}");
    let json = std::fs::read_to_string(work.path("defectdojo.json")).unwrap();
    let unique = defectdojo_json(&json);
    assert_eq!(unique.len(), states.len());
    assert!(unique.contains("gone/CVE-2014-0160"), "{unique:?}");

    let vex: Value = serde_json::from_str(&written["openvex"]).unwrap();
    let last = openvex(&vex);
    assert_eq!(last["urn:allclear:service:gone"], "under_investigation");
    assert_eq!(last["urn:allclear:service:late"], "affected", "accepted is not fixed");
    assert_eq!(last["urn:allclear:service:http"], "not_affected");
    assert_eq!(last.len(), states.len());

    let sarif: Value = serde_json::from_str(&written["sarif"]).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), states.len());
    let late = results.iter().find(|r| r["properties"]["rowId"] == "late").unwrap();
    assert_eq!(
        (&late["kind"], &late["suppressions"][0]["status"]),
        (&"fail".into(), &"accepted".into()),
        "{late:#}"
    );
    assert_eq!(
        results.iter().find(|r| r["properties"]["rowId"] == "gone").unwrap()["baselineState"],
        "unchanged"
    );
    assert_eq!(work.ok(&["export", "github"]).rows().len(), 3, "unknown, unknown, unknown");
}

#[test]
fn a_second_export_knows_the_first_by_its_guid() {
    let work = Work::new();
    let (host, port) = (fresh_address(), free_port());
    work.write("services.csv", format!("id,address,port\nx,{host},{port}\n"));
    work.ok(&["sweep", "services.csv"]);
    let first = work.ok(&["export", "sarif"]).json();
    let run = &first["runs"][0];
    assert!(run.get("baselineGuid").is_none() && run["results"][0].get("baselineState").is_none(), "{run:#}");
    work.ok(&["sweep", "services.csv"]);
    let second = work.ok(&["export", "sarif"]).json();
    assert_eq!(second["runs"][0]["baselineGuid"], run["automationDetails"]["guid"]);
    assert_ne!(second["runs"][0]["automationDetails"]["guid"], run["automationDetails"]["guid"]);
    assert_eq!(second["runs"][0]["results"][0]["baselineState"], "unchanged");
}

#[test]
fn what_has_no_cells_takes_no_dialect_and_help_names_every_kind() {
    let work = Work::new();
    let table: &[(&[&str], &str)] = &[
        (&["sarif", "--excel"], "CSV alone"),
        (&["openvex", "--tsv"], "CSV alone"),
        (&["junit", "--csv-raw"], "CSV alone"),
        (&["github", "--multiline"], "CSV alone"),
        (&["defectdojo", "--json", "--csv-raw"], "CSV alone"),
        (&["jira", "--excel"], "commas"),
        (&["defectdojo", "--tsv"], "commas"),
        (&["tracker", "--json"], "defectdojo"),
        (&["sarif", "--json"], "defectdojo"),
    ];
    for (arguments, said) in table {
        let ended = work.run(&[&["export"], *arguments].concat()).expect_code(2);
        assert!(ended.err().contains(said) && ended.stdout.is_empty(), "{arguments:?}: {}", ended.err());
    }
    let help = work.ok(&["export", "--help"]).out();
    for kind in KINDS.iter().chain(&["tracker", "secrets", "keys", "findings", "delta"]) {
        assert!(help.lines().any(|l| l.trim_start().starts_with(&format!("{kind} "))), "{kind} in:\n{help}");
    }
}

#[test]
fn each_owner_has_a_file_in_every_kind() {
    let (work, _http) = incident();
    for (kind, file) in [("sarif", "out.sarif"), ("junit", "out"), ("gitlab", "out.csv")] {
        work.ok(&["export", kind, "-o", file, "--by", "owner"]);
    }
    for name in
        ["out-web.sarif", "out-web.xml", "out-web.csv", "out-unowned.sarif", "out-web.sarif.meta.json"]
    {
        assert!(work.path(name).exists(), "{name}");
    }
    let part: Value = serde_json::from_slice(&std::fs::read(work.path("out-web.sarif")).unwrap()).unwrap();
    assert_eq!(part["runs"][0]["results"].as_array().unwrap().len(), 2);
    assert!(part["runs"][0]["automationDetails"]["id"].as_str().unwrap().contains("/owner/web/"), "{part:#}");
}

/// Runs a reader that nobody here wrote.
#[track_caller]
fn reader(python: &Path, arguments: &[&str], file: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/formats.py");
    let ended =
        run_with_limit(Command::new(python).arg(script).args(arguments).arg(file), b"", HANG).expect_code(0);
    serde_json::from_slice(&ended.stdout).unwrap_or_else(|e| panic!("{e}: {}", ended.out()))
}

/// What other readers find in the seven files of an incident.
#[track_caller]
fn read_by_others(python: &Path, work: &Work, services: usize) {
    assert_eq!(reader(python, &["sarif"], &work.path("sarif.json"))["valid"], true);
    let counted = reader(python, &["junit"], &work.path("junit.xml"));
    assert_eq!(counted["tests"].as_u64(), Some(services as u64), "{counted}");
    for kind in ["jira", "gitlab", "defectdojo"] {
        let read = reader(python, &["csv"], &work.path(&format!("{kind}.csv")));
        assert!(read["header"].as_array().unwrap().len() >= 3, "{kind}: {read}");
    }
    for file in ["github.jsonl", "gitlab.csv"] {
        for text in reader(python, &["markdown"], &work.path(file)).as_array().unwrap() {
            assert_eq!(text["acting"], serde_json::json!([]), "{file}: {text}");
            let plain = text["plain"].as_str().unwrap();
            assert!(!plain.contains(['@', '<', '#', '[', '/', '`']), "{file}: {plain}");
        }
    }
}

#[test]
fn other_peoples_readers_find_nothing_wrong() {
    let python = need!(peers::formats());
    let (work, _http) = incident();
    export_all(&work, "incident.db");
    read_by_others(&python, &work, 5);
    // A whole response, with hosts, certificates and several sweeps.
    work.ok(&["drill"]);
    let written = export_all(&work, "drill/incident.db");
    let services = work.ok(&["--incident", "drill/incident.db", "export", "tracker"]).csv().len();
    read_by_others(&python, &work, services);
    assert_eq!(defectdojo_csv(&written["defectdojo"]).len(), services);
    openvex(&serde_json::from_str(&written["openvex"]).unwrap());
    assert!(
        written["github"].is_empty(),
        "nothing is owed after the drill, so there is no issue: {}",
        written["github"]
    );
}

// ---- DefectDojo's "Generic Findings Import", as documented and as its reader behaves

/// What its CSV reader makes of a row.
#[derive(Debug)]
struct Dojo {
    description: String,
    active: bool,
    mitigated: bool,
    vulnerabilities: Vec<String>,
    url: String,
}

/// Reads a file by its rules and panics where the file would crash it or be misread silently.
#[track_caller]
fn defectdojo_csv(text: &str) -> Vec<Dojo> {
    assert!(!text.starts_with('\u{feff}'), "the mark would be part of the first column's name");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    for required in ["Title", "Description", "Date", "Severity"] {
        assert!(header.iter().any(|h| h == required), "{required} is missing in {header:?}");
    }
    let known = "Title,Description,Date,Severity,Duplicate,Active,IsMitigated,MitigatedDate,Mitigation,Impact,References,Verified,\
                 FalsePositive,CVE,Vulnerability Id,CweId,CweIds,epss_score,epss_percentile,CVSSV3,CVSSV4,CVSSV4_score,kev_date,\
                 fix_version,Url";
    for column in &header {
        assert!(known.split(',').any(|k| k == column), "{column} is not read, or `False` in it is true");
    }
    let mut kept: BTreeMap<String, Dojo> = BTreeMap::new();
    for record in reader.deserialize() {
        let row: BTreeMap<String, String> = record.unwrap();
        let words = ["Info", "Low", "Medium", "High", "Critical"];
        assert!(words.contains(&row["Severity"].as_str()), "would become Info: {:?}", row["Severity"]);
        assert!(is_date(&row["Date"]), "{:?}", row["Date"]);
        for parsed in ["MitigatedDate", "CweId", "epss_score", "epss_percentile", "CVSSV4_score", "kev_date"]
        {
            assert!(row.get(parsed).is_none_or(|v| !v.is_empty()), "an empty {parsed} ends the import");
        }
        for flag in ["Active", "Verified", "FalsePositive", "Duplicate", "IsMitigated"] {
            assert!(["True", "False"].contains(&row[flag].as_str()), "{flag}: {:?}", row[flag]);
        }
        let truth = |flag: &str| row[flag].to_lowercase().starts_with('t');
        assert!(row["Url"].is_empty() || is_uri(&row["Url"]), "{:?}", row["Url"]);
        let named = [row.get("CVE").cloned(), row.get("Vulnerability Id").filter(|v| !v.is_empty()).cloned()];
        let vulnerabilities: Vec<String> = named.into_iter().flatten().collect();
        assert!(vulnerabilities.iter().all(|v| !v.is_empty()), "a vulnerability without a name");
        assert!(row["Title"].chars().count() <= 511, "the column ends there");
        let key = format!("{}|{}|{}", row["Severity"], row["Title"], row["Description"]);
        let finding = Dojo {
            description: row["Description"].clone(),
            active: truth("Active"),
            mitigated: truth("IsMitigated"),
            vulnerabilities,
            url: row["Url"].clone(),
        };
        assert!(kept.insert(key.clone(), finding).is_none(), "two rows become one finding: {key}");
    }
    kept.into_values().collect()
}

/// Reads the JSON form by its rules; returns the unique ids.
#[track_caller]
fn defectdojo_json(text: &str) -> BTreeSet<String> {
    const ALLOWED: &str = "title severity description date cwe cve mitigation impact steps_to_reproduce severity_justification \
        references active verified false_p out_of_scope risk_accepted under_review is_mitigated mitigated component_name \
        component_version static_finding dynamic_finding unique_id_from_tool vuln_id_from_tool nb_occurences service \
        planned_remediation_date tags endpoints vulnerability_ids cwes files fix_version";
    let document: Value = serde_json::from_str(text).unwrap();
    let mut unique = BTreeSet::new();
    for finding in document["findings"].as_array().unwrap() {
        for key in finding.as_object().unwrap().keys() {
            assert!(ALLOWED.split_whitespace().any(|a| a == key), "{key} ends the import");
        }
        for required in ["title", "severity", "description"] {
            assert!(finding[required].as_str().is_some_and(|t| !t.is_empty()), "{required}: {finding}");
        }
        assert!(
            ["Info", "Low", "Medium", "High", "Critical"].contains(&finding["severity"].as_str().unwrap())
        );
        assert!(finding["active"].is_boolean() && finding["is_mitigated"].is_boolean(), "{finding}");
        assert!(finding.get("cve").is_none(), "with it, the list of ids is put into the list of ids");
        for uri in finding["endpoints"].as_array().into_iter().flatten() {
            assert!(is_uri(uri.as_str().unwrap()), "{uri}");
        }
        let id = finding["unique_id_from_tool"].as_str().unwrap().to_owned();
        assert!(unique.insert(id), "an id twice: {finding}");
    }
    unique
}

fn is_date(text: &str) -> bool {
    let digits = |part: &str, n: usize| part.len() == n && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts.as_slice(), [y, m, d] if digits(y, 4) && digits(m, 2) && digits(d, 2))
}

/// A scheme, `://`, a host (IPv6 in brackets) and a port, of characters that RFC 3986 has for them.
fn is_uri(text: &str) -> bool {
    let Some((scheme, place)) = text.split_once("://") else { return false };
    let Some((host, port)) = place.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let sound = match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
    };
    ["tls", "dtls"].contains(&scheme) && sound && port.parse::<u16>().is_ok()
}

// ---- OpenVEX 0.2.0: no package ships its schema; these are its rules

/// Holds a document to them; returns the last status of each product.
#[track_caller]
fn openvex(document: &Value) -> BTreeMap<String, String> {
    let keys = |value: &Value, allowed: &str| {
        for key in value.as_object().unwrap().keys() {
            assert!(allowed.split_whitespace().any(|a| a == key), "{key} is not in the schema: {value}");
        }
    };
    keys(document, "@context @id author role timestamp last_updated version tooling statements");
    assert_eq!(document["@context"], "https://openvex.dev/ns/v0.2.0");
    assert!(document["@id"].as_str().unwrap().starts_with("urn:"), "an IRI");
    assert!(!document["author"].as_str().unwrap().is_empty() && document["version"].as_u64() >= Some(1));
    assert!(document["tooling"].as_str().unwrap().contains("deployment VEX"));
    let statements = document["statements"].as_array().unwrap();
    assert!(!statements.is_empty(), "at least one");
    let mut seen = BTreeSet::new();
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    let mut time = String::new();
    for statement in statements {
        assert!(seen.insert(statement.to_string()), "each once: {statement}");
        keys(
            statement,
            "@id version vulnerability timestamp last_updated products status supplier status_notes justification \
             impact_statement action_statement action_statement_timestamp",
        );
        keys(&statement["vulnerability"], "@id name description aliases");
        assert!(statement["vulnerability"]["name"].as_str().is_some_and(|n| !n.is_empty()));
        let at = statement["timestamp"].as_str().unwrap();
        assert!(at.ends_with('Z') && at >= time.as_str(), "later ones override earlier ones: {statement}");
        at.clone_into(&mut time);
        let has = |key: &str| statement[key].as_str().is_some_and(|t| !t.is_empty());
        let status = statement["status"].as_str().unwrap();
        match status {
            "not_affected" => {
                assert!(has("justification") != has("impact_statement"), "exactly one: {statement}");
            }
            "affected" => assert!(has("action_statement"), "{statement}"),
            "fixed" | "under_investigation" => {}
            _ => panic!("no such status: {statement}"),
        }
        for product in statement["products"].as_array().unwrap() {
            keys(product, "@id identifiers hashes subcomponents");
            let id = product["@id"].as_str().unwrap();
            let safe = |b: u8| b.is_ascii_alphanumeric() || b"-._~:%".contains(&b);
            assert!(id.starts_with("urn:allclear:service:") && id.bytes().all(safe), "{id}");
            last.insert(id.to_owned(), status.to_owned());
        }
    }
    last
}
