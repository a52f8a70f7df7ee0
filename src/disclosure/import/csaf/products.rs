//! The product tree of a CSAF document: which id stands for which package on which platform.
//!
//! One pass with a stack of its own; every later question is one look-up. Nothing here says what is affected.

use std::collections::HashMap;

use crate::disclosure::import::{
    draft::Notes,
    openvex,
    platform::{self, Nevra},
    purl::Purl,
    read::{Node, Wrong, shown},
    vers::{self, Span},
};

/// Which versions a product stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    /// The package as such.
    Any,
    /// This one.
    One(String),
    /// A range, with its type.
    Ranges(String, Vec<Span>),
    /// What is said cannot be read, or is said in two ways.
    Unclear(String),
}

/// A package as a product of the tree.
#[derive(Clone, Debug)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) versions: Versions,
    /// Whether it is the source of the others.
    pub(super) source: bool,
    /// The platform that it names itself.
    ecosystem: Result<String, String>,
}

/// What a product can be made of.
#[derive(Debug, Default)]
struct Product {
    platform: Option<String>,
    package: Option<Package>,
    /// Why it is no package that could be judged.
    apart: Option<String>,
}

/// The products of a document by their ids.
#[derive(Debug, Default)]
pub(super) struct Tree<'a> {
    products: HashMap<&'a str, Product>,
    /// A product that is one in another: package and platform; absent where the document has two answers.
    joined: HashMap<&'a str, Option<(&'a str, &'a str)>>,
    groups: HashMap<&'a str, Vec<&'a str>>,
}

/// What the branches above a product say of it.
#[derive(Clone, Copy, Default)]
struct Above<'a> {
    product: Option<&'a str>,
}

impl<'a> Tree<'a> {
    pub(super) fn read(tree: &Node<'a>, notes: &mut Notes) -> Result<Self, Wrong> {
        let mut found = Self::default();
        for product in tree.list_of("full_product_names")? {
            found.product(&product, "", "", Above::default(), notes);
        }
        found.branches(tree, notes)?;
        for relation in tree.list_of("relationships")? {
            if let Err(wrong) = found.relation(&relation) {
                notes.wrong(&wrong, "; the relationship is left out");
            }
        }
        for group in tree.list_of("product_groups")? {
            if let Err(wrong) = found.group(&group) {
                notes.wrong(&wrong, "; the group is left out");
            }
        }
        Ok(found)
    }

    /// Walks the branches in the order of the document.
    fn branches(&mut self, tree: &Node<'a>, notes: &mut Notes) -> Result<(), Wrong> {
        let mut stack: Vec<(Node<'a>, Above<'a>)> =
            tree.list_of("branches")?.map(|node| (node, Above::default())).collect();
        stack.reverse();
        while let Some((branch, above)) = stack.pop() {
            let named = branch.need_text("category").and_then(|c| Ok(Some((c, branch.need_text("name")?))));
            let Some((category, name)) = notes.keep(named) else { continue };
            if let Some(product) = notes.keep(branch.get("product")) {
                self.product(&product, category, name, above, notes);
            }
            let below = if category == "product_name" { Above { product: Some(name) } } else { above };
            let at = stack.len();
            let inner = notes.keep(branch.list_of("branches").map(Some));
            stack.extend(inner.into_iter().flatten().map(|node| (node, below)));
            if let Some(added) = stack.get_mut(at..) {
                added.reverse();
            }
        }
        Ok(())
    }

    fn product(
        &mut self,
        node: &Node<'a>,
        category: &str,
        name: &'a str,
        above: Above<'a>,
        notes: &mut Notes,
    ) {
        let read =
            node.need_text("product_id").and_then(|id| Ok((id, product(node, category, name, above)?)));
        match read {
            Err(wrong) => notes.wrong(&wrong, "; the product is left out"),
            Ok((id, _)) if self.products.contains_key(id) => {
                notes.add(&node.at, &format!("the product id `{}` is given twice; it is unknown", shown(id)));
                let apart = Some("the product id is given twice".to_owned());
                self.products.insert(id, Product { apart, ..Product::default() });
            }
            Ok((id, product)) => drop(self.products.insert(id, product)),
        }
    }

    fn relation(&mut self, node: &Node<'a>) -> Result<(), Wrong> {
        let id = node.need("full_product_name")?.need_text("product_id")?;
        let package = node.need_text("product_reference")?;
        let platform = node.need_text("relates_to_product_reference")?;
        let kind = node.need("category")?;
        if !["default_component_of", "installed_on"].contains(&kind.text()?) {
            return Err(kind.wrong(format!("`{}` says nothing of what is installed", shown(kind.text()?))));
        }
        let said = Some((package, platform));
        if self.joined.get(id).is_some_and(|before| *before != said) {
            self.joined.insert(id, None);
            return Err(node.wrong(format!("the product id `{}` is given twice", shown(id))));
        }
        self.joined.insert(id, said);
        Ok(())
    }

    fn group(&mut self, node: &Node<'a>) -> Result<(), Wrong> {
        let ids: Result<Vec<&'a str>, Wrong> =
            node.need("product_ids")?.list()?.map(|id| id.text()).collect();
        self.groups.insert(node.need_text("group_id")?, ids?);
        Ok(())
    }

    /// The ids that an entry applies to: those it lists, and those of its groups.
    pub(super) fn meant(&self, entry: &Node<'a>) -> Result<Vec<&'a str>, Wrong> {
        let mut ids = Vec::new();
        for id in entry.list_of("product_ids")? {
            ids.push(id.text()?);
        }
        for group in entry.list_of("group_ids")? {
            let name = group.text()?;
            let members =
                self.groups.get(name).ok_or_else(|| group.wrong(format!("no group `{}`", shown(name))))?;
            ids.extend(members);
        }
        Ok(ids)
    }

    /// Ecosystem and package of a product, or why it has none.
    ///
    /// A component of a component (a package of a module stream) is not followed: so relationships that refer to
    /// each other lead nowhere.
    pub(super) fn resolve(&self, id: &str) -> Result<(String, &Package), String> {
        let Some(joined) = self.joined.get(id) else {
            let product = self.products.get(id).ok_or_else(|| not_there(id))?;
            let package = product.package()?;
            return Ok((package.ecosystem.clone()?, package));
        };
        let (part, platform) = joined.ok_or("the product id is given twice")?;
        if self.joined.contains_key(part) || self.joined.contains_key(platform) {
            return Err("a component of a component, such as a package of a module stream".to_owned());
        }
        let host = self.products.get(platform).ok_or_else(|| not_there(platform))?;
        let package = self.products.get(part).ok_or_else(|| not_there(part))?.package()?;
        match &host.platform {
            Some(ecosystem) => Ok((ecosystem.clone(), package)),
            None => Err(format!("the platform `{}` is not known", shown(platform))),
        }
    }
}

fn not_there(id: &str) -> String {
    format!("`{}` is not in the product tree", shown(id))
}

impl Product {
    fn package(&self) -> Result<&Package, String> {
        if let Some(reason) = &self.apart {
            return Err(reason.clone());
        }
        self.package.as_ref().ok_or_else(|| "names no package".to_owned())
    }
}

fn product(node: &Node<'_>, category: &str, branch: &str, above: Above<'_>) -> Result<Product, Wrong> {
    let mut found = Product::default();
    let name = node.text_of("name")?;
    let (mut cpe, mut purl) = (None, None);
    if let Some(helper) = node.get("product_identification_helper")? {
        cpe = helper.text_of("cpe")?;
        purl = helper.get("purl")?;
    }
    found.platform = cpe.and_then(|cpe| platform::of_cpe(cpe, name));
    if let Some(purl) = purl {
        let text = purl.text()?;
        let read = Purl::parse(text).map_err(|e| purl.wrong(format!("`{}`: {e}", shown(text))))?;
        from_purl(&read, branch, &mut found);
    } else if category == "product_version_range" {
        let package = above.product.or(name).unwrap_or(branch);
        found.package = Some(ranged(package, branch, cpe));
    } else if let Some(version) = cpe.and_then(platform::openssl_of_cpe) {
        let versions = if version.is_empty() { Versions::Any } else { Versions::One(version) };
        found.package = Some(upstream(versions));
    } else if category == "product_version" {
        found.package = from_name(branch);
    }
    Ok(found)
}

fn upstream(versions: Versions) -> Package {
    let ecosystem = Ok(crate::model::disclosure::UPSTREAM.to_owned());
    Package { name: "openssl".to_owned(), versions, source: true, ecosystem }
}

fn ranged(package: &str, range: &str, cpe: Option<&str>) -> Package {
    let versions = match vers::parse(range) {
        Ok((kind, spans)) => Versions::Ranges(kind, spans),
        Err(reason) => Versions::Unclear(reason),
    };
    if cpe.and_then(platform::openssl_of_cpe).is_some() || package.eq_ignore_ascii_case("openssl") {
        return upstream(versions);
    }
    let ecosystem = Err("a range of a product that names no platform".to_owned());
    Package { name: package.to_owned(), versions, source: false, ecosystem }
}

fn from_purl(purl: &Purl, branch: &str, found: &mut Product) {
    if purl.qualifier("rpmmod").is_some() {
        found.apart = Some("a package of a module stream".to_owned());
        return;
    }
    let (name, version) = match openvex::package(purl) {
        Ok(package) => package,
        Err(reason) => {
            found.apart = Some(reason);
            return;
        }
    };
    // Some leave the epoch out of the URL and write it in the full name beside it.
    let full = Nevra::parse(branch).filter(|full| purl.kind == "rpm" && full.name == name);
    let versions = match (version, full.and_then(|full| full.epoch.map(|epoch| (epoch, full.version)))) {
        (None, _) => Versions::Any,
        (Some(version), Some((epoch, bare))) => match version.split_once(':') {
            Some((own, rest)) if own != epoch || rest != bare => two_versions(&version, epoch, bare),
            None if version != bare => two_versions(&version, epoch, bare),
            _ => Versions::One(format!("{epoch}:{bare}")),
        },
        (Some(version), None) => Versions::One(version),
    };
    let source = ["src", "source"].contains(&purl.qualifier("arch").unwrap_or_default());
    found.package = Some(Package { name, versions, source, ecosystem: platform::of_purl(purl) });
}

fn two_versions(version: &str, epoch: &str, bare: &str) -> Versions {
    Versions::Unclear(format!(
        "`{}` in the package URL and `{epoch}:{}` in the name",
        shown(version),
        shown(bare)
    ))
}

/// A product version without a package URL: a full RPM name, or the bare name of a package.
fn from_name(branch: &str) -> Option<Package> {
    let ecosystem = Err("a package that names no platform".to_owned());
    if let Some(full) = Nevra::parse(branch) {
        let source = full.arch == Some("src");
        return Some(Package {
            name: full.name.to_owned(),
            versions: Versions::One(full.evr()),
            source,
            ecosystem,
        });
    }
    let bare = branch.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+.".contains(&b));
    let starts = branch.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    let package = || Package { name: branch.to_owned(), versions: Versions::Any, source: true, ecosystem };
    (bare && starts).then(package)
}
