use std::io::Write as _;
use std::process::{Command, Stdio};

use der::Encode as _;
use pkcs8::EncryptedPrivateKeyInfoOwned;
use pkcs8::pkcs5::pbes2;

use super::*;

// Throw-away test keys, published on purpose: never trust them. All of them hold the same P-256 key, the encrypted
// ones under the passphrase `secret`; OpenSSL wrote them.
const PLAIN: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEINAuIU1AUGg+235jfdGPb0j7cE/j3gJigCawfo8JjIRToAoGCCqGSM49
AwEHoUQDQgAEAjyXZOeF+9hHv06t4bXrVN5JpRM+a5HmQSv0/daDatCpESOrOX4y
sVVHkEU/Y7Boi+mtL9+IjVsqPxjDsIDCpw==
-----END EC PRIVATE KEY-----
";
const PBKDF2_SHA1: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHeMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAjIvAIofxTJKQICCAAw
HQYJYIZIAWUDBAEqBBD3ffKwXSadukis+lHmmie+BIGQMg6fzN2bgJmE7n5CAJPS
PQBvpEhSZIxwgNOV3bMAPb/aA1e+zjK/SHjFsFlA2W/XKFTjXqlv7jmlaI/tH/SK
Z2cUs8aVgd9x7q4g6nL8p1pLRiQZrMNObKADagCo9IahnOutFNzVIiBxtDkGLGTs
FCkAP/f40Wg+U87it28WOjB1bP3Uekg50qyFroExbIyx
-----END ENCRYPTED PRIVATE KEY-----
";
const TRIPLE_DES: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAhd3ku6S0qYVgICCAAw
DAYIKoZIhvcNAgkFADAUBggqhkiG9w0DBwQIKvZfWeCsqxMEgZCkVm2Xw3LFFsQg
4NlG/78YzpromIJL1qQavJn5LghoPMsD+hKEaXJPw2NDsbqQ8aldGZoEBxkdFDIQ
dKqaA8kF7vIHta2vcgSwHE3MlAucPHzBg0je2oCyDuOQpTVK4iTMtzRWO0GNIxgz
vSbnQl9QwVm6twJRj0JNzvS+eUh8/zLCqeS3QGYI1ngTsWp9JnM=
-----END ENCRYPTED PRIVATE KEY-----
";
const PKCS12: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGxMBwGCiqGSIb3DQEMAQMwDgQImZwmsVbnua4CAggABIGQw+2lPPbl4yJLkUwQ
Ivukai10KL7ygrZaYnG0jn4FPng1m23MVYGHQh3FmWpdtCG3Yzi214ZiIG9TtLYB
GvscxOnrP5x44GXUtf40DSlvwrbJbTFK2fF7csXcrhBny3x4HxkUQTtiU5JBb3B+
+uaqV/PX9paX4IF8yxgSdjxSP4UeVrHvDW4gLLpXNPK7sgiK
-----END ENCRYPTED PRIVATE KEY-----
";
const SCRYPT: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAgcj0nt7Xs9/wICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBDOoPks6R6JRVr2exRM6zsLBIGQJcect2j376ZQ
y9Ohl0tqv+iSum6Zzqki6SGj5TkXzgD83Dem4YbWtUJK46ObijBbrK6xisfW31Rb
w6YdXyf6uCP535HalbfcSLbPJ9gh4nOiJPZ5X5n2cTyHhux++a1SyFxW+yOTCAb/
eJIblNlwfPpuCv/y6ZLczSJz77JDdfIMRbsK2U+yipsD0GbBePmd
-----END ENCRYPTED PRIVATE KEY-----
";

const SAMPLE_ID: &str = "601856183c448221cf02fa1b97a56d4b7ba101f1a3d58c875995b5cce82b57e4";

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.as_bytes().to_vec()).unwrap()
}

fn refused(text: impl AsRef<[u8]>, code: Code, message: &str) -> Error {
    let error = LocalKey::from_pem(text.as_ref(), Some(&passphrase("secret"))).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(error.message().contains(message), "{error}");
    error
}

fn block(label: &str, der: &[u8]) -> String {
    pem::encode(label, der).unwrap().to_string()
}

/// Runs OpenSSL. A machine without it fails these tests: passing unchecked would say what nobody saw.
fn openssl(arguments: &str, input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(arguments.split_whitespace()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("these tests run the `openssl` program: install it");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments}");
    output.stdout
}

fn signs(key: &LocalKey) {
    let signature = key.sign_bytes(b"message").unwrap();
    assert_eq!(key.public_key().verify(key.scheme(), b"message", &signature), Ok(()));
    assert!(key.public_key().verify(key.scheme(), b"other", &signature).is_err());
}

#[test]
fn generated_keys_survive_writing_and_reading() {
    for key_type in KeyType::ALL {
        assert_eq!(key_type.to_string().parse::<KeyType>().unwrap(), *key_type);
        let key = LocalKey::generate(*key_type).unwrap();
        assert_eq!(key.public_key().kind().to_string(), key_type.as_str());
        signs(&key);
        for secret in [None, Some(&passphrase("secret"))] {
            let text = key.to_pem(secret).unwrap();
            assert!(text.ends_with("-----\n") && text.contains("ENCRYPTED") == secret.is_some());
            let again = LocalKey::from_pem(text.as_bytes(), Some(&passphrase("secret"))).unwrap();
            assert_eq!(again.public_key(), key.public_key());
            signs(&again);
        }
    }
    assert_eq!("rsa-2048".parse::<KeyType>().unwrap_err().code(), Code::UsageArguments);
}

#[test]
fn openssl_reads_what_we_write() {
    for key_type in KeyType::ALL {
        let key = LocalKey::generate(*key_type).unwrap();
        for secret in [None, Some(&passphrase("secret"))] {
            let text = key.to_pem(secret).unwrap();
            let public = openssl("pkey -passin pass:secret -pubout", text.as_bytes());
            assert_eq!(String::from_utf8(public).unwrap(), key.public_key().to_pem());
        }
    }
}

#[test]
fn we_read_what_openssl_writes() {
    for (curve, count) in [("prime256v1", 5), ("secp384r1", 5), ("secp521r1", 20)] {
        for _ in 0..count {
            // With an `EC PARAMETERS` block before it.
            let sec1 = openssl(&format!("ecparam -name {curve} -genkey"), b"");
            assert!(sec1.starts_with(b"-----BEGIN EC PARAMETERS-----"));
            let public = String::from_utf8(openssl("pkey -pubout", &sec1)).unwrap();
            let pkcs8 = openssl("pkcs8 -topk8 -nocrypt", &sec1);
            let bare = openssl("ec -no_public", &sec1);
            let compressed = openssl("ec -conv_form compressed", &sec1);
            for text in [&sec1, &pkcs8, &bare, &compressed] {
                let key = LocalKey::from_pem(text, None).unwrap();
                assert_eq!(key.public_key().to_pem(), public);
                signs(&key);
            }
        }
    }
    let text = openssl("genpkey -algorithm ed25519", b"");
    signs(&LocalKey::from_pem(&text, None).unwrap());
    for options in [
        "-v2 aes-128-cbc -v2prf hmacWithSHA256",
        "-v2 aes-192-cbc -v2prf hmacWithSHA384",
        "-v2 aes-256-cbc -v2prf hmacWithSHA512 -iter 5000",
        "-scrypt",
    ] {
        let text = openssl(&format!("pkcs8 -topk8 -passout pass:secret {options}"), PLAIN.as_bytes());
        let key = LocalKey::from_pem(&text, Some(&passphrase("secret"))).unwrap();
        assert_eq!(key.public_key().id().to_string(), SAMPLE_ID);
    }
    for curve in ["secp256k1", "secp224r1", "brainpoolP256r1"] {
        let text = openssl(&format!("ecparam -name {curve} -genkey -noout"), b"");
        refused(&text, Code::KeyUnsupported, "elliptic curve keys on");
        refused(openssl("pkcs8 -topk8 -nocrypt", &text), Code::KeyUnsupported, "elliptic curve keys on");
    }
    refused(openssl("ec -param_enc explicit", PLAIN.as_bytes()), Code::KeyUnsupported, "explicit");
    refused(openssl("pkey -ec_param_enc explicit", PLAIN.as_bytes()), Code::KeyUnsupported, "explicit");
    refused(openssl("genpkey -algorithm x25519", b""), Code::KeyUnsupported, "X25519");
    let rsa = openssl("genrsa 2048", b"");
    let hint = refused(&rsa, Code::KeyUnsupported, "RSA").hint().to_owned();
    assert!(hint.contains("keys generate"));
    refused(openssl("rsa -traditional", &rsa), Code::KeyUnsupported, "RSA");
    let legacy = openssl("ec -aes128 -passout pass:secret", PLAIN.as_bytes());
    assert!(refused(&legacy, Code::KeyUnsupported, "Proc-Type").hint().contains("openssl pkcs8 -topk8"));
}

#[test]
fn samples_are_read_and_old_encryptions_named() {
    for text in [PLAIN, SCRYPT] {
        let key = LocalKey::from_pem(text.replace('\n', "\r\n").as_bytes(), Some(&passphrase("secret"))).unwrap();
        assert_eq!(key.public_key().id().to_string(), SAMPLE_ID);
    }
    for (text, name) in [(PBKDF2_SHA1, "HMAC-SHA-1"), (TRIPLE_DES, "3DES"), (PKCS12, "PKCS#12")] {
        let error = refused(text, Code::KeyUnsupported, name);
        assert!(error.hint().contains("openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256"));
    }
}

#[test]
fn passphrases_are_asked_for_and_checked() {
    let missing = LocalKey::from_pem(SCRYPT.as_bytes(), None).unwrap_err();
    assert_eq!(missing.code(), Code::KeyPassphrase);
    let wrong = LocalKey::from_pem(SCRYPT.as_bytes(), Some(&passphrase("wrong"))).unwrap_err();
    assert_eq!(wrong.code(), Code::KeyPassphrase);
    assert_ne!(missing.message(), wrong.message());
    assert!(LocalKey::from_pem(PLAIN.as_bytes(), Some(&passphrase("unused"))).is_ok());
}

#[test]
fn absurd_costs_are_refused_before_any_work() {
    let document = pem::blocks(SCRYPT.as_bytes()).unwrap()[0].decode().unwrap();
    let changed = |from: &[u8], to: &[u8]| {
        let at = document.windows(from.len()).position(|window| window == from).unwrap();
        let mut der = document.to_vec();
        der[at..at + from.len()].copy_from_slice(to);
        block("ENCRYPTED PRIVATE KEY", &der)
    };
    // N, r and p of the sample: 16384, 8, 1.
    let costs = [2, 2, 0x40, 0, 2, 1, 8, 2, 1, 1];
    for to in [[2, 2, 0x40, 0, 2, 1, 0x7f, 2, 1, 0x7f], [2, 2, 0x40, 0, 2, 1, 8, 2, 1, 0x7f]] {
        refused(changed(&costs, &to), Code::KeyUnsupported, "scrypt");
    }
    for to in [[2, 2, 0x40, 1, 2, 1, 8, 2, 1, 1], [2, 2, 0x40, 0, 2, 1, 0, 2, 1, 1], [2, 2, 0x40, 0, 2, 1, 8, 2, 1, 0]]
    {
        refused(changed(&costs, &to), Code::KeyMalformed, "no sense");
    }
    for (rounds, code) in [(10_000_001, Code::KeyUnsupported), (0, Code::KeyMalformed), (1, Code::KeyPassphrase)] {
        let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(rounds, &[0; 16], [0; 16]).unwrap();
        let encrypted_data = der::asn1::OctetString::new([0; 32]).unwrap();
        let info = EncryptedPrivateKeyInfoOwned { encryption_algorithm: parameters.into(), encrypted_data };
        refused(block("ENCRYPTED PRIVATE KEY", &info.to_der().unwrap()), code, "");
    }
}

#[test]
fn other_forms_are_named() {
    for label in ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE", "OPENSSH PRIVATE KEY"] {
        refused(block(label, &[0; 3]), Code::KeyWrongForm, "this is");
    }
    for label in ["RSA PRIVATE KEY", "DSA PRIVATE KEY"] {
        refused(block(label, &[0; 3]), Code::KeyUnsupported, "accepted");
    }
    refused(block("DH PARAMETERS", &[0; 3]), Code::KeyMalformed, "DH PARAMETERS");
    refused(block("PRIVATE KEY", &[0; 3]), Code::KeyMalformed, "PKCS#8");
    refused(block("EC PRIVATE KEY", &[0; 3]), Code::KeyMalformed, "SEC 1");
    refused(block("ENCRYPTED PRIVATE KEY", &[0; 3]), Code::KeyMalformed, "PKCS#8");
    refused(format!("{PLAIN}{PLAIN}"), Code::KeyMalformed, "several");
    refused([0x30, 3, 2, 1, 1], Code::KeyWrongForm, "DER");
    refused("", Code::KeyMalformed, "empty");
    refused("hello", Code::KeyMalformed, "no PEM");
    refused(PLAIN.replace("-----END", "----END"), Code::KeyMalformed, "END");
    refused(PLAIN.replace("M", "_"), Code::KeyMalformed, "base64");
    refused("\n".repeat(65_537), Code::KeyMalformed, "64 KiB");
}

#[test]
fn a_contradicting_public_key_is_refused() {
    let of = |key_type| LocalKey::generate(key_type).unwrap();
    for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::EcdsaP521] {
        let (one, other) = (of(key_type), of(key_type));
        let mut der = pem::blocks(one.to_pem(None).unwrap().as_bytes()).unwrap()[0].decode().unwrap().to_vec();
        let at = der.len() - other.point().len();
        der[at..].copy_from_slice(other.point());
        refused(block("PRIVATE KEY", &der), Code::KeyMalformed, "belongs to another");
    }
    let (Pair::Ed25519(pair), other) = (of(KeyType::Ed25519).pair, of(KeyType::Ed25519)) else { unreachable!() };
    // Version 2 repeats the public key.
    let document = pair.to_pkcs8().unwrap();
    let mut der = document.as_ref().to_vec();
    assert!(LocalKey::from_pem(block("PRIVATE KEY", &der).as_bytes(), None).is_ok());
    let at = der.len() - 32;
    der[at..].copy_from_slice(other.point());
    refused(block("PRIVATE KEY", &der), Code::KeyMalformed, "belongs to another");
}

#[test]
fn scalars_may_lack_or_have_leading_zeros() {
    let curve = Some(sec1::EcParameters::NamedCurve(der::asn1::ObjectIdentifier::new_unwrap("1.3.132.0.35")));
    let read = |scalar: &[u8]| {
        let key = sec1::EcPrivateKey { private_key: scalar, parameters: curve, public_key: None };
        LocalKey::from_pem(block("EC PRIVATE KEY", &key.to_der().unwrap()).as_bytes(), None)
    };
    let one = read(&[7]).unwrap();
    for len in [65, 66, 67] {
        let mut scalar = vec![0; len];
        scalar[len - 1] = 7;
        assert_eq!(read(&scalar).unwrap().public_key(), one.public_key());
    }
    for scalar in [&[0; 66][..], &[0xff; 66], &[1; 67], &[]] {
        assert_eq!(read(scalar).unwrap_err().code(), Code::KeyMalformed);
    }
}

#[test]
fn nothing_shows_the_secret() {
    let key = LocalKey::from_pem(PLAIN.as_bytes(), None).unwrap();
    assert_eq!(format!("{key:?}"), format!("LocalKey(ecdsa-p256 {SAMPLE_ID})"));
}

#[test]
fn no_changed_byte_panics() {
    let document = pem::blocks(PLAIN.as_bytes()).unwrap()[0].decode().unwrap();
    for at in 0..document.len() {
        for change in [1, 0x80, 0xff] {
            let mut der = document.to_vec();
            der[at] ^= change;
            for text in
                [block("PRIVATE KEY", &der), block("EC PRIVATE KEY", &der), block("ENCRYPTED PRIVATE KEY", &der)]
            {
                // The stored public key finds every change of the number.
                if let Ok(key) = LocalKey::from_pem(text.as_bytes(), None) {
                    assert_eq!(key.public_key().id().to_string(), SAMPLE_ID);
                }
            }
        }
        let _ = LocalKey::from_pem(block("PRIVATE KEY", &document[..at]).as_bytes(), None);
    }
}

#[test]
fn t23_neither_key_nor_passphrase_is_shown() {
    let passphrase = Passphrase::new(b"planted".to_vec()).unwrap();
    let key = LocalKey::from_pem(PLAIN.as_bytes(), Some(&passphrase)).unwrap();
    let all = format!("{key:?} {key:#?} {passphrase:?} {passphrase:#?}");
    // The private number, as text and as bytes.
    for secret in ["planted", "INAuIU1AUGg", "d02e214d", "208, 46, 33"] {
        assert!(!all.to_lowercase().contains(&secret.to_lowercase()), "{all}");
    }
}
