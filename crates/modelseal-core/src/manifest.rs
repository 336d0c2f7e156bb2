//! Manifests: the resources of a model in listed order, and how files became resources.

use core::num::NonZeroU64;
use core::ops::Range;

use sha2::Digest as _;

use crate::name::is_under;
use crate::{Code, Digest, Error, HashAlgorithm, ResourceName, Result};

/// The names at the top of a model that OMS tools leave out unless told otherwise.
pub const GIT_PATHS: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];

/// How files became resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// One resource per file.
    Files,
    /// One resource per `size` bytes of a file. Empty files are not covered.
    Shards {
        /// Bytes per shard; the last of a file may be shorter.
        size: NonZeroU64,
    },
}

impl Method {
    /// The name in the manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Shards { .. } => "shards",
        }
    }
}

/// A file, or a shard of one, with its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    name: ResourceName,
    digest: Digest,
    size: Option<u64>,
    shard: Option<(u64, u64)>,
}

impl Resource {
    /// A whole file. `size` in bytes, when known.
    #[must_use]
    pub const fn file(name: ResourceName, digest: Digest, size: Option<u64>) -> Self {
        Self { name, digest, size, shard: None }
    }

    /// The bytes `range` of a file.
    #[must_use]
    pub const fn shard(name: ResourceName, digest: Digest, range: Range<u64>) -> Self {
        Self { name, digest, size: Some(range.end.saturating_sub(range.start)), shard: Some((range.start, range.end)) }
    }

    /// The path of the file, without the range.
    #[must_use]
    pub const fn name(&self) -> &ResourceName {
        &self.name
    }

    /// The digest of the file or shard.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Bytes of the file or shard, when the manifest says so.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.size
    }

    /// The range in bytes, for a shard.
    #[must_use]
    pub fn range(&self) -> Option<Range<u64>> {
        self.shard.map(|(start, end)| start..end)
    }

    pub(crate) fn renamed(&self, name: ResourceName) -> Self {
        Self { name, ..self.clone() }
    }

    /// The name as the manifest writes it: `dir/file`, or `dir/file:START:END` for a shard.
    #[must_use]
    pub fn listed_name(&self) -> String {
        match self.shard {
            Some((start, end)) => format!("{}:{start}:{end}", self.name.as_str()),
            None => self.name.as_str().to_owned(),
        }
    }
}

/// How a model was serialized (OMS `predicate.serialization`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serialization {
    method: Method,
    hash: HashAlgorithm,
    allow_symlinks: bool,
    ignore_paths: Vec<String>,
}

impl Serialization {
    /// Parameters of a manifest. `ignore_paths` are taken literally, relative to the model.
    ///
    /// # Errors
    /// `format/malformed` for an ignored path that is empty, `.`, absolute or holds `..`, and
    /// `format/unsupported` for shards with BLAKE3, which the format does not have.
    pub fn new(method: Method, hash: HashAlgorithm, allow_symlinks: bool, ignore_paths: Vec<String>) -> Result<Self> {
        if let Some(bad) = ignore_paths.iter().find(|path| !is_acceptable_ignore_path(path)) {
            return Err(Error::new(Code::FormatMalformed, format!("`{bad}` is not an acceptable ignored path")));
        }
        if matches!((method, hash), (Method::Shards { .. }, HashAlgorithm::Blake3)) {
            return Err(Error::new(Code::FormatUnsupported, "the format has no shards with blake3"));
        }
        Ok(Self { method, hash, allow_symlinks, ignore_paths })
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The hash algorithm of every resource.
    #[must_use]
    pub const fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    /// What the signer recorded about links. Decides nothing: the verifier has its own switch.
    #[must_use]
    pub const fn allow_symlinks(&self) -> bool {
        self.allow_symlinks
    }

    /// Paths that the signer left out, relative to the model.
    #[must_use]
    pub fn ignore_paths(&self) -> &[String] {
        &self.ignore_paths
    }
}

fn is_acceptable_ignore_path(path: &str) -> bool {
    !matches!(path, "" | "." | "./") && !path.starts_with('/') && path.split('/').all(|part| part != "..")
}

/// The resources of a model **in listed order** and how they came about. The root digest is over that order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    serialization: Serialization,
    resources: Vec<Resource>,
    /// Positions in `resources`, sorted by name and range.
    sorted: Vec<u32>,
    root: Digest,
}

impl Manifest {
    /// Most resources of one manifest.
    pub const MAX_RESOURCES: usize = 1_000_000;

    /// A manifest of `resources` in their listed order.
    ///
    /// # Errors
    /// `artifact/empty` without resources; `format/malformed` when a resource stands twice, lies under an ignored
    /// path, has another algorithm, or when shards do not tile their file.
    pub fn new(serialization: Serialization, resources: Vec<Resource>) -> Result<Self> {
        if resources.is_empty() {
            return Err(Error::new(Code::ArtifactEmpty, "the signature lists no file"));
        }
        if resources.len() > Self::MAX_RESOURCES {
            let most = Self::MAX_RESOURCES;
            return Err(malformed(format!("{} resources, more than {most}", resources.len())));
        }
        let mut sorted: Vec<u32> = (0u32..).take(resources.len()).collect();
        sorted.sort_by_key(|&at| {
            let resource = &resources[at as usize];
            (resource.name.as_str(), resource.shard)
        });
        let manifest = Self { root: root_digest(resources.iter()), serialization, resources, sorted };
        manifest.check_resources()?;
        manifest.check_shards()?;
        Ok(manifest)
    }

    /// How the files became resources.
    #[must_use]
    pub const fn serialization(&self) -> &Serialization {
        &self.serialization
    }

    /// The resources in listed order.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// Root digest: SHA-256 over the raw digests in listed order. Names are not in it.
    #[must_use]
    pub const fn root(&self) -> Digest {
        self.root
    }

    /// Root digest over the order that modelseal writes: code points of the whole listed name.
    #[must_use]
    pub fn canonical_root(&self) -> Digest {
        let mut order: Vec<(String, &Resource)> =
            self.resources.iter().map(|resource| (resource.listed_name(), resource)).collect();
        order.sort_by(|a, b| a.0.cmp(&b.0));
        root_digest(order.into_iter().map(|(_, resource)| resource))
    }

    /// Root digest over the order of the reference tool: path components one by one, shards by number.
    #[must_use]
    pub fn reference_root(&self) -> Digest {
        let mut order: Vec<&Resource> = self.resources.iter().collect();
        order.sort_by(|a, b| a.name.as_str().split('/').cmp(b.name.as_str().split('/')).then(a.shard.cmp(&b.shard)));
        root_digest(order.into_iter())
    }

    /// The files in code-point order.
    pub fn files(&self) -> impl Iterator<Item = ManifestFile<'_>> {
        self.sorted
            .chunk_by(|&a, &b| self.resources[a as usize].name == self.resources[b as usize].name)
            .map(|positions| ManifestFile { resources: &self.resources, positions })
    }

    /// The file of this name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<ManifestFile<'_>> {
        let name_at = |at: u32| self.resources[at as usize].name.as_str();
        let from = self.sorted.partition_point(|&at| name_at(at) < name);
        let count = self.sorted[from..].iter().take_while(|&&at| name_at(at) == name).count();
        let positions = &self.sorted[from..from + count];
        (!positions.is_empty()).then_some(ManifestFile { resources: &self.resources, positions })
    }

    /// Whether any file lies below the directory `name`.
    #[must_use]
    pub fn has_files_under(&self, name: &str) -> bool {
        let prefix = format!("{name}/");
        let from = self.sorted.partition_point(|&at| self.resources[at as usize].name.as_str() < prefix.as_str());
        self.sorted.get(from).is_some_and(|&at| self.resources[at as usize].name.as_str().starts_with(&prefix))
    }

    /// Whether the model is a single file listed as `.`.
    #[must_use]
    pub fn is_single_file(&self) -> bool {
        self.resources[0].name.is_single_file()
    }

    fn at(&self, position: u32) -> &Resource {
        &self.resources[position as usize]
    }

    fn check_resources(&self) -> Result<()> {
        for pair in self.sorted.windows(2) {
            let (a, b) = (self.at(pair[0]), self.at(pair[1]));
            if (&a.name, a.shard) == (&b.name, b.shard) {
                return Err(malformed(format!("`{}` is listed twice", b.listed_name())));
            }
        }
        let single = self.resources.iter().filter(|resource| resource.name.is_single_file()).count();
        if single != 0 && single != self.resources.len() {
            return Err(malformed("`.` is listed beside other files".to_owned()));
        }
        let sharded = matches!(self.serialization.method, Method::Shards { .. });
        for resource in &self.resources {
            if resource.digest.algorithm() != self.serialization.hash || resource.shard.is_some() != sharded {
                return Err(malformed(format!("`{}` does not fit the serialization", resource.listed_name())));
            }
        }
        for path in &self.serialization.ignore_paths {
            if self.file(path).is_some() || self.has_files_under(path) {
                return Err(malformed(format!("`{path}` is ignored and listed at the same time")));
            }
        }
        Ok(())
    }

    fn check_shards(&self) -> Result<()> {
        let Method::Shards { size } = self.serialization.method else { return Ok(()) };
        for file in self.files() {
            let mut expected_start = 0;
            let mut resources = file.resources().peekable();
            while let Some(resource) = resources.next() {
                let Some(Range { start, end }) = resource.range() else { continue };
                let length = end.checked_sub(start).filter(|&length| length > 0 && length <= size.get());
                let whole = length == Some(size.get()) || resources.peek().is_none();
                if start != expected_start || length.is_none() || !whole {
                    return Err(malformed(format!("the shards of `{}` do not tile it", file.name().as_str())));
                }
                expected_start = end;
            }
        }
        Ok(())
    }
}

/// A file of a manifest: one resource, or its shards.
#[derive(Clone, Copy, Debug)]
pub struct ManifestFile<'a> {
    resources: &'a [Resource],
    positions: &'a [u32],
}

impl<'a> ManifestFile<'a> {
    /// The path of the file.
    #[must_use]
    pub fn name(&self) -> &'a ResourceName {
        &self.resources[self.positions[0] as usize].name
    }

    /// Bytes of the file, when the manifest says so.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        let last = &self.resources[self.positions[self.positions.len() - 1] as usize];
        last.shard.map_or(last.size, |(_, end)| Some(end))
    }

    /// The resource of the file, or its shards in order.
    pub fn resources(&self) -> impl Iterator<Item = &'a Resource> + use<'a> {
        let resources = self.resources;
        self.positions.iter().map(move |&at| &resources[at as usize])
    }
}

fn root_digest<'a>(resources: impl Iterator<Item = &'a Resource>) -> Digest {
    let mut hasher = sha2::Sha256::new();
    for resource in resources {
        hasher.update(resource.digest.as_bytes());
    }
    Digest::from_sha256(hasher.finalize().into())
}

/// Whether one of `paths` is `name` or a directory above it.
pub(crate) fn covers<'a>(paths: impl IntoIterator<Item = &'a str>, name: &str) -> bool {
    paths.into_iter().any(|path| is_under(name, path))
}

fn malformed(message: String) -> Error {
    Error::new(Code::FormatMalformed, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ResourceName {
        ResourceName::parse(text).unwrap()
    }

    fn file(text: &str) -> Resource {
        Resource::file(name(text), Digest::sha256(text.as_bytes()), None)
    }

    fn files(ignored: &[&str]) -> Serialization {
        let ignored = ignored.iter().map(|&path| path.to_owned()).collect();
        Serialization::new(Method::Files, HashAlgorithm::Sha256, false, ignored).unwrap()
    }

    fn shards(ranges: &[(u64, u64)]) -> Result<Manifest> {
        let method = Method::Shards { size: NonZeroU64::new(100).unwrap() };
        let resources =
            ranges.iter().map(|&(start, end)| Resource::shard(name("f"), Digest::sha256(b""), start..end)).collect();
        Manifest::new(Serialization::new(method, HashAlgorithm::Sha256, false, vec![]).unwrap(), resources)
    }

    #[test]
    fn the_root_follows_the_listed_order() {
        let listed = Manifest::new(files(&[]), vec![file("a/x"), file("a-b/x"), file("Z")]).unwrap();
        let sorted = Manifest::new(files(&[]), vec![file("Z"), file("a-b/x"), file("a/x")]).unwrap();
        let reference = Manifest::new(files(&[]), vec![file("Z"), file("a/x"), file("a-b/x")]).unwrap();
        assert_ne!(listed.root(), sorted.root());
        assert_eq!(listed.canonical_root(), sorted.root());
        assert_eq!(sorted.reference_root(), reference.root());
        assert_eq!(listed.files().map(|file| file.name().as_str()).collect::<Vec<_>>(), ["Z", "a-b/x", "a/x"]);
    }

    #[test]
    fn look_ups_are_exact() {
        let manifest = Manifest::new(files(&[]), vec![file("a/x"), file("a-b/x"), file("ab")]).unwrap();
        assert!(manifest.file("a/x").is_some() && manifest.file("a").is_none());
        assert!(manifest.has_files_under("a") && manifest.has_files_under("a-b") && !manifest.has_files_under("ab"));
    }

    #[test]
    fn contradictions_are_refused() {
        for (resources, ignored) in [
            (vec![file("a"), file("a")], vec![]),
            (vec![file("."), file("a")], vec![]),
            (vec![file("d/a")], vec!["d"]),
            (vec![file("d")], vec!["d"]),
        ] {
            assert_eq!(Manifest::new(files(&ignored), resources).unwrap_err().code(), Code::FormatMalformed);
        }
        assert_eq!(Manifest::new(files(&[]), vec![]).unwrap_err().code(), Code::ArtifactEmpty);
        for bad in ["", ".", "/a", "a/../b", ".."] {
            let made = Serialization::new(Method::Files, HashAlgorithm::Sha256, false, vec![bad.to_owned()]);
            assert_eq!(made.unwrap_err().code(), Code::FormatMalformed, "{bad}");
        }
    }

    #[test]
    fn shards_must_tile_their_file() {
        assert!(shards(&[(100, 145), (0, 100)]).is_ok());
        assert_eq!(shards(&[(0, 100), (100, 145)]).unwrap().file("f").unwrap().size(), Some(145));
        for bad in [
            &[(0, 100), (150, 200)][..],
            &[(0, 100), (50, 150)],
            &[(0, 50), (50, 100)],
            &[(0, 101)],
            &[(5, 9)],
            &[(0, 0)],
        ] {
            assert_eq!(shards(bad).unwrap_err().code(), Code::FormatMalformed, "{bad:?}");
        }
    }
}
