//! A server on loopback that answers what it was told to.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use modelseal_core::{Pae, PublicKey};
use serde_json::{Value, json};

/// Answers by method and path, such as `GET transit/keys/k`; and what was asked.
pub(crate) struct Fake {
    pub(crate) address: String,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// Serves until the test program ends.
    pub(crate) fn serve(answers: impl IntoIterator<Item = (&'static str, u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let mut all: HashMap<String, (u16, String)> =
            answers.into_iter().map(|(what, status, body)| (what.to_owned(), (status, body))).collect();
        let token = json!({"data": {"id": "t", "type": "service", "ttl": 299, "creation_ttl": 300, "num_uses": 0,
            "renewable": true, "expire_time": "2026-11-21T09:57:27Z", "accessor": "a", "policies": ["p"],
            "path": "auth/token/create"}});
        all.insert("GET auth/token/lookup-self".to_owned(), (200, token.to_string()));
        let (asked, heard) = (Arc::new(Mutex::new(Vec::new())), Arc::new(all));
        let record = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (record, heard) = (Arc::clone(&record), Arc::clone(&heard));
                thread::spawn(move || answer(&stream, &record, &heard));
            }
        });
        Self { address, asked }
    }

    /// How often something was asked.
    pub(crate) fn times(&self, what: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == what).count()
    }
}

fn answer(stream: &TcpStream, record: &Mutex<Vec<String>>, answers: &HashMap<String, (u16, String)>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut words = line.split(' ');
        let what = format!("{} {}", words.next().unwrap(), words.next().unwrap().trim_start_matches("/v1/"));
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            if header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        record.lock().unwrap().push(what.clone());
        let unknown = (404, r#"{"errors":[]}"#.to_owned());
        let (status, body) = answers.get(&what).unwrap_or(&unknown);
        let head =
            format!("HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut writer = stream;
        if writer.write_all((head + body).as_bytes()).is_err() {
            return;
        }
    }
}

/// An exchange that a real server had.
pub(crate) fn golden(name: &str) -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/transit.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let exchange = all["exchanges"].as_array().unwrap().iter().find(|exchange| exchange["name"] == name);
    exchange.unwrap_or_else(|| panic!("{name}"))["response"]["body"].clone()
}

/// An ECDSA P-256 key that this program can sign with.
pub(crate) struct OwnKey(EcdsaKeyPair);

impl OwnKey {
    pub(crate) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der().unwrap();
        PublicKey::from_spki_der(der.as_ref()).unwrap().to_pem()
    }

    pub(crate) fn sign(&self, encoding: &Pae) -> String {
        STANDARD.encode(self.0.sign(&SystemRandom::new(), encoding.as_bytes()).unwrap())
    }
}
