//! From names to addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Host;

/// Asks the system for the addresses of a name. It blocks.
pub(crate) type Lookup = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

/// The system's own way: the hosts file, name servers and whatever else it is set up to ask.
pub(crate) fn system() -> Lookup {
    Arc::new(|name| Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect()))
}

/// Resolves the name in the URL, or `instead` of it another host: the URL has the name that the certificate must have.
pub(crate) struct Resolver {
    pub(crate) instead: Option<Host<String>>,
    pub(crate) lookup: Lookup,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        match self.instead.clone().unwrap_or_else(|| Host::Domain(name.as_str().to_owned())) {
            Host::Ipv4(address) => Box::pin(async move { Ok(addresses(vec![address.into()])) }),
            Host::Ipv6(address) => Box::pin(async move { Ok(addresses(vec![address.into()])) }),
            // Never asked for: plain HTTP is allowed to it, so nobody else may say where it is.
            Host::Domain(name) if name.eq_ignore_ascii_case("localhost") => {
                Box::pin(async { Ok(addresses(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])) })
            }
            Host::Domain(name) => {
                let lookup = Arc::clone(&self.lookup);
                Box::pin(async move {
                    let found = tokio::task::spawn_blocking(move || lookup(&name)).await??;
                    if found.is_empty() {
                        return Err(io::Error::from(io::ErrorKind::NotFound).into());
                    }
                    Ok(addresses(found))
                })
            }
        }
    }
}

/// With port 0, which stands for that of the URL.
fn addresses(found: Vec<IpAddr>) -> Addrs {
    Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)))
}
