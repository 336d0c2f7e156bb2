//! The resources of a manifest, listed.

use core::fmt::Write as _;

use modelseal::{Manifest, escape};
use serde::Serialize;

/// A resource in JSON output.
#[derive(Debug, Serialize)]
pub(crate) struct ResourceObject {
    name: String,
    digest: String,
    size: Option<u64>,
}

/// Every resource in listed order.
pub(crate) fn objects(manifest: &Manifest) -> Vec<ResourceObject> {
    let object = |resource: &modelseal::Resource| ResourceObject {
        name: resource.listed_name(),
        digest: resource.digest().to_string(),
        size: resource.size(),
    };
    manifest.resources().iter().map(object).collect()
}

/// A line `digest  size  name` for every resource, sizes right-aligned, `-` where there is none.
pub(crate) fn lines(manifest: &Manifest) -> String {
    let size = |size: Option<u64>| size.map_or_else(|| "-".to_owned(), |size| size.to_string());
    let width = manifest.resources().iter().map(|resource| size(resource.size()).len()).max().unwrap_or(1);
    let mut text = String::new();
    for resource in manifest.resources() {
        let (digest, size) = (resource.digest(), size(resource.size()));
        let _ = writeln!(text, "{digest}  {size:>width$}  {}", escape(&resource.listed_name()));
    }
    text
}
