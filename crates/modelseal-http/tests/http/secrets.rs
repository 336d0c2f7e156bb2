//! No secret is ever printed.

use modelseal_http::{
    Address, Client, ClientConfig, ClientIdentity, Delays, FixedEnv, Header, HeaderValue, Hooks, HttpError, Method,
    ProcessEnv, Proxy, ProxyUrl, Request, RequestRecord, Roots, SecretSlice, SecretString, TlsConfig,
};
use std::time::Duration;

use crate::support::{Server, answer, get};

const PLANTED: &str = "planted-secret";

#[test]
fn no_public_type_shows_one() {
    let secret = || SecretString::from(PLANTED);
    let bytes = || SecretSlice::from(PLANTED.as_bytes().to_vec());
    let server = Server::answering(|_| answer(200, &format!("Location: {PLANTED}\r\n"), PLANTED));
    let mut request = get();
    request.method = Method::Post;
    request.headers.push(Header::secret("x-vault-token", secret()));
    request.headers.push(Header::plain("x-plain", PLANTED));
    request.body = Some(bytes());
    let mut shown = vec![format!("{request:?}")];
    let client = server.client();
    shown.push(format!("{:?} {client:?}", client.send(request).unwrap()));

    let mut config = ClientConfig::new(Address::parse("https://vault.example").unwrap());
    config.proxy = Proxy::url(&format!("http://{PLANTED}:{PLANTED}@proxy.example:1")).unwrap();
    config.tls.roots = Roots::Only(vec![PLANTED.as_bytes().to_vec()]);
    config.tls.identity = Some(ClientIdentity::new(PLANTED.as_bytes().to_vec(), bytes()));
    shown.push(format!("{config:?} {:?} {:?} {:?}", config.proxy, config.tls, config.hooks));
    shown.push(format!("{:?} {:?}", config.tls.roots, config.tls.identity));
    shown.push(format!("{:?}", HeaderValue::Secret(secret())));
    shown.push(format!("{:?}", Header::secret("x-vault-token", secret())));
    shown.push(format!("{:?} {:?}", ProcessEnv, FixedEnv::from_iter([("VAULT_TOKEN", PLANTED)])));
    shown.push(format!("{:?} {:?} {:?}", Hooks::default(), Delays::new(Duration::ZERO, 1), TlsConfig::default()));
    let path = format!("v1/x?token={PLANTED}");
    shown.push(format!("{:?}", RequestRecord::new(Method::Get, &path, None, Duration::ZERO, Some(PLANTED))));

    let error = |error: HttpError| format!("{error} {error:?}");
    shown.push(error(Client::new(config).unwrap_err()));
    shown.push(error(Address::parse(&format!("https://{PLANTED}:{PLANTED}@h")).unwrap_err()));
    shown.push(error(ProxyUrl::parse(&format!("socks://{PLANTED}@h")).unwrap_err()));
    let mut request = Request::new(Method::Get, "v1/x");
    request.headers.push(Header::secret("x-vault-token", SecretString::from(format!("{PLANTED}\n"))));
    shown.push(error(client.send(request).unwrap_err()));
    for text in shown {
        assert!(!text.contains(PLANTED) && !text.contains("112, 108, 97"), "{text}");
    }
}
