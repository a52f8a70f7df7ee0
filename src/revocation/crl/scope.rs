//! Which certificates and reasons a list is about: its extensions (RFC 5280, 5.2).

use super::{
    super::der::{Malformed, Reader, SEQUENCE, context, context_plain, extension, truth},
    Wanted,
};

const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 0x14];
const DELTA: &[u8] = &[0x55, 0x1d, 0x1b];
const DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 0x1c];
const AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 0x23];

/// The most names of a distribution point that are looked at.
const MAX_POINTS: usize = 64;

/// The kind of certificates that a list is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Only {
    #[default]
    All,
    EndEntities,
    Authorities,
    Attributes,
}

/// What a list is about. All certificates of its issuer and all reasons, unless it says otherwise.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    /// It tells changes to another list.
    pub(super) delta: bool,
    pub(super) only: Only,
    /// The URLs of the point that it is one of several lists for; absent where it is the only one.
    points: Option<Vec<&'a [u8]>>,
    /// Why an absence says nothing, whatever the certificate.
    doubt: Option<&'static str>,
}

const ODD: &str = "it has a critical extension that is not known here";

impl<'a> Scope<'a> {
    pub(super) fn read(extensions: &'a [u8]) -> Result<Self, Malformed> {
        let mut scope = Self::default();
        let mut list = Reader(extensions);
        let mut placed = false;
        while let Some(extension) = extension(&mut list)? {
            match extension.id {
                DELTA => scope.delta = true,
                DISTRIBUTION_POINT if !placed => {
                    placed = true;
                    scope.distribution_point(extension.value)?;
                }
                CRL_NUMBER | AUTHORITY_KEY => {}
                _ if extension.critical || extension.id == DISTRIBUTION_POINT => scope.doubt = Some(ODD),
                _ => {}
            }
        }
        Ok(scope)
    }

    /// IssuingDistributionPoint (RFC 5280, 5.2.5).
    fn distribution_point(&mut self, value: &'a [u8]) -> Result<(), Malformed> {
        let mut outer = Reader(value);
        let mut fields = outer.inside(SEQUENCE)?;
        outer.end()?;
        if let Some(point) = fields.maybe(context(0))? {
            self.points = Some(urls(point.value)?);
        }
        let mut flag = |number| {
            let field = fields.maybe(context_plain(number))?;
            // A set of reasons is a BIT STRING, whatever is in it.
            if number == 3 { Ok(field.is_some()) } else { field.map_or(Ok(false), |f| truth(f.value)) }
        };
        let (end_entities, authorities) = (flag(1)?, flag(2)?);
        let (some_reasons, indirect, attributes) = (flag(3)?, flag(4)?, flag(5)?);
        fields.end()?;
        self.only = match (end_entities, authorities, attributes) {
            (false, false, false) => Only::All,
            (true, false, false) => Only::EndEntities,
            (false, true, false) => Only::Authorities,
            (false, false, true) => Only::Attributes,
            // At most one may be set.
            _ => return Err(Malformed),
        };
        if indirect {
            self.doubt = self.doubt.or(Some("it is an indirect list"));
        } else if some_reasons {
            self.doubt = self.doubt.or(Some("it is a list of some reasons only"));
        }
        Ok(())
    }

    /// Why an absence from this list says nothing about a certificate, if it says nothing.
    pub(super) fn reservation(&self, wanted: &Wanted<'_>) -> Option<&'static str> {
        let elsewhere = |points: &[&[u8]]| {
            !points.iter().any(|point| wanted.urls.iter().any(|url| url.as_bytes() == *point))
        };
        if self.doubt.is_some() {
            return self.doubt;
        }
        match (self.only, wanted.is_ca) {
            (Only::EndEntities, true) => Some("it is a list of end entities' certificates only"),
            (Only::Authorities, false) => Some("it is a list of authorities' certificates only"),
            (Only::Attributes, _) => Some("it is a list of attribute certificates only"),
            _ if self.points.as_deref().is_some_and(elsewhere) => {
                Some("it is the list of another distribution point")
            }
            _ => None,
        }
    }
}

/// The URLs of a DistributionPointName; none where it is relative to a name.
fn urls(value: &[u8]) -> Result<Vec<&[u8]>, Malformed> {
    let mut choice = Reader(value);
    let name = choice.any()?;
    choice.end()?;
    let mut found = Vec::new();
    if name.kind == context(0) {
        let mut names = Reader(name.value);
        while !names.is_empty() && found.len() < MAX_POINTS {
            let one = names.any()?;
            if one.kind == context_plain(6) {
                found.push(one.value);
            }
        }
    }
    Ok(found)
}
