//! From what was found in a file to what the file is.
//!
//! A banner alone is nothing but the text of a header. Code is proved by the build information, by file names
//! that the code carries in its error calls, or by defined functions; and the relatives that have forked
//! those file names are told by theirs.

use crate::{
    host::library::{
        banner::Banner,
        elf::Dynamic,
        features::{self, Half, Symbols},
        markers::Evidence,
    },
    model::host::{CopyKind, CopyRole, Library, TlsLibrary},
};

/// The note of code whose version is not in the file.
pub(super) const NO_BANNER: &str = "its code carries no banner";

/// What is known of one file.
pub(super) struct Facts<'a> {
    pub(super) path: &'a str,
    pub(super) kind: CopyKind,
    /// A static archive, not an ELF file.
    pub(super) archive: bool,
    /// Packed by UPX.
    pub(super) packed: bool,
    pub(super) dynamic: Option<Dynamic>,
    pub(super) build_id: Option<String>,
    pub(super) evidence: Evidence,
    pub(super) symbols: Symbols,
    /// The version that a provider names among its parameters.
    pub(super) parameter: Option<String>,
}

/// The half of OpenSSL whose shared library has this name, also renamed: `libcrypto-ea28cefb.so.1.1`.
/// `libssl3.so` is NSS.
pub(super) fn half(name: &str) -> Option<Half> {
    let file = name.rsplit(['/', '!']).next().unwrap_or(name);
    let half = if file.starts_with("libssl") { Half::Ssl } else { Half::Crypto };
    let rest = file.strip_prefix("libssl").or_else(|| file.strip_prefix("libcrypto"))?;
    (rest.starts_with(['.', '-', '_']) && rest.contains(".so")).then_some(half)
}

impl Facts<'_> {
    /// The record, or nothing where the file has nothing to do with a TLS library.
    pub(super) fn library(mut self) -> Option<Library> {
        if self.packed {
            let mut library = self.record(TlsLibrary::Unknown, CopyRole::Unreadable);
            library.note = Some("packed with UPX: what is in it shows in its process only".to_owned());
            return Some(library);
        }
        let (lib, role) = self.decide()?;
        let code = matches!(role, CopyRole::Embeds | CopyRole::BuildInput | CopyRole::Provider);
        let mut library = self.record(lib, role);
        let mut notes = Vec::new();
        match lib {
            TlsLibrary::Libressl => take(&mut library, self.evidence.libre.take(), code),
            TlsLibrary::AwsLc => take(&mut library, self.evidence.aws_banner.take(), code),
            TlsLibrary::Openssl => self.openssl(&mut library, code, &mut notes),
            TlsLibrary::Boringssl | TlsLibrary::Unknown => {}
        }
        if lib == TlsLibrary::Openssl && code && self.evidence.relative() {
            notes.push("holds code of BoringSSL or AWS-LC as well".to_owned());
        }
        if lib == TlsLibrary::Unknown {
            notes.push("defines functions of OpenSSL; nothing in it says whose they are".to_owned());
        }
        if code {
            library.proof = self.proof(lib);
        }
        library.note = (!notes.is_empty()).then(|| notes.join("; "));
        Some(library)
    }

    fn decide(&self) -> Option<(TlsLibrary, CopyRole)> {
        let e = &self.evidence;
        let embeds = if self.archive { CopyRole::BuildInput } else { CopyRole::Embeds };
        let module = self.symbols.defines("OSSL_provider_init") || self.path.contains("ossl-modules/");
        if e.fips_provider && module && e.banners.is_empty() {
            return Some((TlsLibrary::Openssl, CopyRole::Provider));
        }
        let functions = self.functions();
        let file_names = !e.strong.is_empty() || (!e.weak.is_empty() && !e.relative());
        let dated = !e.banners.is_empty();
        if e.libre.is_some() && !dated && (file_names || functions) {
            return Some((TlsLibrary::Libressl, embeds));
        }
        if file_names || (dated && functions && !e.relative()) {
            return Some((TlsLibrary::Openssl, embeds));
        }
        if e.aws || (e.aws_banner.is_some() && functions) || self.symbols.defines("awslc_version_string") {
            return Some((TlsLibrary::AwsLc, embeds));
        }
        if e.boring || self.symbols.defines("BORINGSSL_self_test") {
            return Some((TlsLibrary::Boringssl, embeds));
        }
        let named = half(self.path).is_some() || self.soname().and_then(half).is_some();
        if functions && (named || self.symbols.proof().count() >= 3) {
            return Some((TlsLibrary::Unknown, embeds));
        }
        if !self.needed().is_empty() || (dated && self.symbols.calls()) {
            return Some((TlsLibrary::Openssl, CopyRole::Uses));
        }
        dated.then_some((TlsLibrary::Openssl, CopyRole::HeaderText))
    }

    /// Whether it defines functions that only a TLS library of this family defines.
    fn functions(&self) -> bool {
        ["SSL_CTX_new", "CRYPTO_free", "EVP_EncryptInit_ex"].iter().any(|name| self.symbols.defines(name))
    }

    fn openssl(&self, library: &mut Library, code: bool, notes: &mut Vec<String>) {
        let (banner, several) = self.banner();
        library.banner = banner.map(|banner| banner.text.clone());
        if !code {
            return;
        }
        library.version = banner.map(|banner| banner.version.clone());
        library.built_on.clone_from(&self.evidence.built_on);
        let named = half(self.path).or_else(|| self.soname().and_then(half));
        if library.role == CopyRole::Provider {
            library.version.clone_from(&self.parameter);
            return;
        }
        if several {
            let all: Vec<&str> = self.evidence.banners.keys().map(|banner| banner.version.as_str()).collect();
            notes.push(format!("banners of several versions: {}", all.join(", ")));
        }
        if library.version.is_none() && !several && library.needed.is_empty() {
            notes.push(NO_BANNER.to_owned());
        }
        library.features = self.symbols.features(named, library.version.as_deref());
        let there = |name| library.features.get(name) == Some(&Some(true));
        if self.evidence.no_heartbeats
            && !there("tls1_process_heartbeat")
            && !there("dtls1_process_heartbeat")
        {
            features::without_heartbeats(&mut library.features);
        }
    }

    /// The library's own banner, and whether it could not be told from others of another version.
    fn banner(&self) -> (Option<&Banner>, bool) {
        let e = &self.evidence;
        if let [own, rest @ ..] = &*e.part_of.iter().collect::<Vec<_>>()
            && rest.iter().all(|other| other.version == own.version)
        {
            return (Some(own), false);
        }
        let mut all = e.banners.iter();
        let Some((first, _)) = all.next() else { return (None, false) };
        if all.all(|(other, _)| other.version == first.version) {
            return (Some(first), false);
        }
        // The linker keeps the texts of one source file together, and the build information comes from the
        // file that holds the banner.
        match e.block {
            Some(block) => (e.banners.iter().min_by_key(|(_, at)| at.abs_diff(block)).map(|(b, _)| b), false),
            None => (None, true),
        }
    }

    fn proof(&self, lib: TlsLibrary) -> Vec<String> {
        let e = &self.evidence;
        let mut proof: Vec<String> = Vec::new();
        if matches!(lib, TlsLibrary::Openssl | TlsLibrary::Libressl) {
            proof.extend(e.strong.iter().chain(&e.weak).map(|text| (*text).to_owned()));
        }
        if e.fips_provider && lib == TlsLibrary::Openssl && self.symbols.defines("OSSL_provider_init") {
            proof.push("symbol OSSL_provider_init".to_owned());
        }
        if lib == TlsLibrary::Boringssl && e.boring {
            proof.push("file names of boringssl".to_owned());
        }
        if lib == TlsLibrary::AwsLc && e.aws {
            proof.push("file names of aws-lc".to_owned());
        }
        for (name, of) in
            [("BORINGSSL_self_test", TlsLibrary::Boringssl), ("awslc_version_string", TlsLibrary::AwsLc)]
        {
            if lib == of && self.symbols.defines(name) {
                proof.push(format!("symbol {name}"));
            }
        }
        proof.extend(self.symbols.proof().map(|name| format!("symbol {name}")));
        proof
    }

    fn record(&mut self, lib: TlsLibrary, role: CopyRole) -> Library {
        let mut library = Library::new(self.path.to_owned(), self.kind, lib, role);
        library.needed = self.needed();
        library.soname = self.dynamic.as_mut().and_then(|d| d.soname.take());
        library.build_id = self.build_id.take();
        library
    }

    fn soname(&self) -> Option<&str> {
        self.dynamic.as_ref()?.soname.as_deref()
    }

    /// The libssl and libcrypto among what it needs.
    fn needed(&self) -> Vec<String> {
        let all = self.dynamic.iter().flat_map(|d| &d.needed);
        all.filter(|name| half(name).is_some()).cloned().collect()
    }
}

fn take(library: &mut Library, banner: Option<Banner>, code: bool) {
    if let (Some(banner), true) = (banner, code) {
        library.version = Some(banner.version);
        library.banner = Some(banner.text);
    }
}
