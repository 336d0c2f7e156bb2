//! Real servers for tests, and what surrounds them: issuers, clusters, agents, and a server that misbehaves.

#![allow(dead_code, unused_imports, reason = "each test uses a part")]

pub(crate) mod admin;
pub(crate) mod agent;
pub(crate) mod fault;
pub(crate) mod issuer;
pub(crate) mod kubernetes;
pub(crate) mod opa;
pub(crate) mod process;
pub(crate) mod server;
pub(crate) mod setup;
pub(crate) mod tls;
pub(crate) mod wire;

pub(crate) use admin::Client;
pub(crate) use fault::{Behaviour, FaultServer};
pub(crate) use issuer::Issuer;
pub(crate) use server::{Kind, Options, Server};

/// Makes one test per kind of server, `NAME::openbao` and `NAME::vault`.
///
/// `fn name(server: &Server)` is given the server that the whole test program shares: it must keep to mounts of its
/// own. `fn name(kind: Kind)` starts what it needs with [`Server::own`].
macro_rules! on_each_server {
    ($($(#[$meta:meta])* fn $name:ident($argument:ident: $($type:tt)+) $body:block)+) => {$(
        mod $name {
            use super::*;

            fn check($argument: on_each_server!(@type $($type)+)) $body

            $(#[$meta])*
            #[test]
            fn openbao() {
                on_each_server!(@run Kind::OpenBao, $($type)+);
            }

            $(#[$meta])*
            #[test]
            fn vault() {
                on_each_server!(@run Kind::Vault, $($type)+);
            }
        }
    )+};
    (@type $($type:tt)+) => { $($type)+ };
    (@run $kind:expr, &Server) => {
        if $kind.available() {
            check(Server::shared($kind));
        }
    };
    (@run $kind:expr, Kind) => {
        if $kind.available() {
            check($kind);
        }
    };
}
pub(crate) use on_each_server;

/// A name that nothing else has.
pub(crate) fn unique(prefix: &str) -> String {
    use std::fmt::Write as _;

    let mut bytes = [0; 6];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes.iter().fold(format!("{prefix}-"), |mut name, byte| {
        write!(name, "{byte:02x}").unwrap();
        name
    })
}
