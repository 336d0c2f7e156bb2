use proptest::prelude::*;

use super::samples::*;
use super::*;

// Throw-away certificates, published on purpose: never trust them.
const ROOT: &str = "-----BEGIN CERTIFICATE-----
MIIB+DCCAX+gAwIBAgIUJBPAzP/kYiSTHwgPVcs8sy4XLeUwCgYIKoZIzj0EAwMw
KjEZMBcGA1UECgwQT01TIGludGVyb3AgdGVzdDENMAsGA1UEAwwEcm9vdDAeFw0y
NTAxMDEwMDAwMDBaFw00NTAxMDEwMDAwMDBaMCoxGTAXBgNVBAoMEE9NUyBpbnRl
cm9wIHRlc3QxDTALBgNVBAMMBHJvb3QwdjAQBgcqhkjOPQIBBgUrgQQAIgNiAASF
8b8c+Ye+JjBnHiDGmyUPmDKlL7FomzQ+BM/UIQ+LK1LADmsm+ofWdS3sYBnJWoxJ
OqVys/vENzsfakCHtcJqkTSEWbW0x3Qz61A9NeKC0UkVDcUeyVz890NCGGmenGSj
ZjBkMBIGA1UdEwEB/wQIMAYBAf8CAQEwDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQW
BBQUGPDLdvxd9HbUzp5kfPg66tLSNjAfBgNVHSMEGDAWgBQUGPDLdvxd9HbUzp5k
fPg66tLSNjAKBggqhkjOPQQDAwNnADBkAjAjemECbaysWP8xU7/wqKtaGEYeve21
JapzgJ00p5UqTvS0xhRPFGkwtsyXSAdX+TUCMD5TZVC9yka13u4DRSG1JkVHlU54
YyL8sZtXlFK2XGZnGDMUMfLgkMW9OG0X3CeQYg==
-----END CERTIFICATE-----
";
const INTERMEDIATE: &str = "-----BEGIN CERTIFICATE-----
MIICADCCAYegAwIBAgIURo5ZMlZC3gg6d/yiNrMZn7HYlfMwCgYIKoZIzj0EAwMw
KjEZMBcGA1UECgwQT01TIGludGVyb3AgdGVzdDENMAsGA1UEAwwEcm9vdDAeFw0y
NTAxMDEwMDAwMDBaFw00NTAxMDEwMDAwMDBaMDIxGTAXBgNVBAoMEE9NUyBpbnRl
cm9wIHRlc3QxFTATBgNVBAMMDGludGVybWVkaWF0ZTB2MBAGByqGSM49AgEGBSuB
BAAiA2IABE5ri/DdkVyggoiPGNDqGfmKm+h0hez2572t3MSR3J3pn5pznzRHk6sl
JVHo/JTykpL7GMY3Hj1mkKfyxgxzn8GLnzU2dNqRx6c2i9L2Zx4ld1sqTPGNSQwY
fsea6zYCDqNmMGQwEgYDVR0TAQH/BAgwBgEB/wIBADAOBgNVHQ8BAf8EBAMCAQYw
HQYDVR0OBBYEFMcSdFzuAZAJK9arkYVwbZgFUvebMB8GA1UdIwQYMBaAFBQY8Mt2
/F30dtTOnmR8+Drq0tI2MAoGCCqGSM49BAMDA2cAMGQCMHHxbnaS2Ys6OiYwv+Bo
+goCRns87NUytAkh75Nd8Nsu7hXqynSaPO07N7/MzGxOeAIwTJerlBg3caOTIRDa
vBG0cL4t2BT1H/6nZPWSevzSgDEftFZZ5G//qHjZpmdRWa/r
-----END CERTIFICATE-----
";
const LEAF: &str = "-----BEGIN CERTIFICATE-----
MIIB8zCCAXmgAwIBAgIUffGduUKKahWAQnJu3Cirjp5Lme4wCgYIKoZIzj0EAwMw
MjEZMBcGA1UECgwQT01TIGludGVyb3AgdGVzdDEVMBMGA1UEAwwMaW50ZXJtZWRp
YXRlMB4XDTI1MDEwMTAwMDAwMFoXDTQ1MDEwMTAwMDAwMFowKjEZMBcGA1UECgwQ
T01TIGludGVyb3AgdGVzdDENMAsGA1UEAwwEbGVhZjBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABAI8l2TnhfvYR79OreG161TeSaUTPmuR5kEr9P3Wg2rQqREjqzl+
MrFVR5BFP2OwaIvprS/fiI1bKj8Yw7CAwqejdTBzMAwGA1UdEwEB/wQCMAAwDgYD
VR0PAQH/BAQDAgeAMBMGA1UdJQQMMAoGCCsGAQUFBwMDMB0GA1UdDgQWBBSprgZ0
ALPZji+solaQr4T0pJcElzAfBgNVHSMEGDAWgBTHEnRc7gGQCSvWq5GFcG2YBVL3
mzAKBggqhkjOPQQDAwNoADBlAjEApwAwlquycK/D/h0E6BOLLQ3WjYaXPEXOmXdi
/7NdMXoy8DPjxUY2hPdC6lHN8FADAjBfKnWsMCulPfXtB1CmjmwqcEO1Mr0wUkx0
PH1Ul/AV2j9sARl4ENtckVAaAduBa68=
-----END CERTIFICATE-----
";
const EXPIRED: &str = "-----BEGIN CERTIFICATE-----
MIIB+jCCAYGgAwIBAgIUDmBTDLo2FT/qcoIQg4SLvhWElgAwCgYIKoZIzj0EAwMw
MjEZMBcGA1UECgwQT01TIGludGVyb3AgdGVzdDEVMBMGA1UEAwwMaW50ZXJtZWRp
YXRlMB4XDTI1MDEwMTAwMDAwMFoXDTI1MDEwMjAwMDAwMFowMjEZMBcGA1UECgwQ
T01TIGludGVyb3AgdGVzdDEVMBMGA1UEAwwMbGVhZi1leHBpcmVkMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEAjyXZOeF+9hHv06t4bXrVN5JpRM+a5HmQSv0/daD
atCpESOrOX4ysVVHkEU/Y7Boi+mtL9+IjVsqPxjDsIDCp6N1MHMwDAYDVR0TAQH/
BAIwADAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUHAwMwHQYDVR0O
BBYEFKmuBnQAs9mOL6yiVpCvhPSklwSXMB8GA1UdIwQYMBaAFMcSdFzuAZAJK9ar
kYVwbZgFUvebMAoGCCqGSM49BAMDA2cAMGQCMAjtCHsl5bclYHisNbLL+b3K94Xo
2V19gbZ4Gw1NUfYiHAETvrkYHykY8J+tDh+lHgIwTBXN4irNJ+1K6V/QgQf+37om
on7BDGJUCDTqFfTRjTvlQeSy1KDyFV/rtRXwfw1m
-----END CERTIFICATE-----
";

fn one(text: &str) -> Certificate {
    Certificate::from_pem(text.as_bytes()).unwrap().remove(0)
}

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn check(chain: &[&Certificate], anchors: &[&Certificate]) -> Result<ChainEvidence> {
    let owned = |list: &[&Certificate]| list.iter().map(|one| (*one).clone()).collect::<Vec<_>>();
    verify_chain(&owned(chain), &owned(anchors), &LeafPin::default(), now())
}

#[track_caller]
fn refused(result: Result<ChainEvidence>, code: Code, message: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(error.message().contains(message), "{error}");
}

#[track_caller]
fn untrusted(result: Result<ChainEvidence>, message: &str) {
    refused(result, Code::SignatureUntrustedCertificate, message);
}

/// A root, an intermediate and a leaf under it, each with the default extensions unless given.
struct Family {
    root: Certificate,
    intermediate: Certificate,
    leaf: Certificate,
}

impl Family {
    fn new(root: &Spec, intermediate: &Spec, leaf: &Spec) -> Self {
        let keys = [Key::p384(), Key::p256(), Key::p256()];
        Self {
            root: root.make(&keys[0], &keys[0]),
            intermediate: intermediate.make(&keys[1], &keys[0]),
            leaf: leaf.make(&keys[2], &keys[1]),
        }
    }

    fn check(&self) -> Result<ChainEvidence> {
        check(&[&self.leaf, &self.intermediate], &[&self.root])
    }
}

fn specs() -> (Spec, Spec, Spec) {
    (Spec::ca("CN=root", "CN=root"), Spec::ca("CN=int", "CN=root"), Spec::leaf("CN=int"))
}

fn with_leaf(change: impl FnOnce(Spec) -> Spec) -> Result<ChainEvidence> {
    let (root, intermediate, leaf) = specs();
    Family::new(&root, &intermediate, &change(leaf)).check()
}

fn with_intermediate(change: impl FnOnce(Spec) -> Spec) -> Result<ChainEvidence> {
    let (root, intermediate, leaf) = specs();
    Family::new(&root, &change(intermediate), &leaf).check()
}

fn with_root(change: impl FnOnce(Spec) -> Spec) -> Result<ChainEvidence> {
    let (root, intermediate, leaf) = specs();
    Family::new(&change(root), &intermediate, &leaf).check()
}

#[test]
fn published_chain_is_read_and_accepted() {
    let [root, intermediate, leaf] = [ROOT, INTERMEDIATE, LEAF].map(one);
    assert_eq!(leaf.subject(), "CN=leaf,O=OMS interop test");
    assert_eq!(leaf.issuer(), "CN=intermediate,O=OMS interop test");
    assert_eq!(leaf.fingerprint().to_string().len(), leaf.fingerprint().to_hex().len() + "sha256:".len());
    assert_eq!(leaf.not_before().to_string(), "2025-01-01T00:00:00Z");
    assert_eq!(leaf.not_after().to_string(), "2045-01-01T00:00:00Z");
    for certificate in [&root, &intermediate, &leaf] {
        assert!(crate::key::is_published_test_key(certificate.public_key().unwrap().id()));
    }
    let evidence = check(&[&leaf, &intermediate], &[&root]).unwrap();
    assert_eq!((&evidence.leaf, &evidence.anchor, evidence.pinned, evidence.leaf_is_ca), (&leaf, &root, false, false));
    let ids = |above: &[&Certificate]| above.iter().map(|one| one.public_key().unwrap().id()).collect::<Vec<_>>();
    assert_eq!(evidence.intermediates, std::slice::from_ref(&intermediate));
    assert_eq!(evidence.issuer_key_ids().collect::<Vec<_>>(), ids(&[&intermediate, &root]));
    // The intermediate alone is anchor enough, and helpers that are not needed do no harm.
    let shorter = check(&[&leaf], &[&intermediate]).unwrap();
    assert_eq!((&shorter.anchor, shorter.intermediates.len()), (&intermediate, 0));
    assert_eq!(shorter.issuer_key_ids().collect::<Vec<_>>(), ids(&[&intermediate]));
    let longer = check(&[&leaf, &root, &one(EXPIRED), &intermediate], &[&root]).unwrap();
    assert_eq!((&longer.anchor, &longer.intermediates[..]), (&root, std::slice::from_ref(&intermediate)));
    assert_eq!(check(&[&leaf, &intermediate, &root], &[&intermediate, &root]).unwrap().anchor, intermediate);
    refused(check(&[&one(EXPIRED), &intermediate], &[&root]), Code::SignatureCertificateTime, "expired at 2025-01-02");
    // An anchor that comes with the bundle only is none.
    untrusted(
        check(&[&leaf, &intermediate, &root], &[&one(EXPIRED)]),
        "`CN=root,O=OMS interop test`, which is not trusted",
    );
    untrusted(check(&[&leaf], &[&root]), "`CN=intermediate,O=OMS interop test`, which is not trusted");
    untrusted(check(&[&leaf, &intermediate], &[]), "no certificate is trusted");
    untrusted(check(&[], &[&root]), "no certificate to check");
}

#[test]
fn the_conformance_leaf_is_accepted() {
    // A CA as leaf that bears its issuer's name, P-384 under RSA.
    let (key, issuer) = (Key::p384(), rsa());
    let root = Spec::ca("CN=root-ca", "CN=root-ca").make(issuer, issuer);
    let intermediate_key = Key::rsa();
    let intermediate = Spec::ca("CN=intermediate-ca", "CN=root-ca").make(&intermediate_key, issuer);
    let spec = Spec::ca("CN=intermediate-ca", "CN=intermediate-ca").with(&[CA, DIGITAL_SIGNATURE]);
    let leaf = spec.make(&key, &intermediate_key);
    let evidence = check(&[&leaf, &intermediate, &root], &[&root]).unwrap();
    assert!(evidence.leaf_is_ca && evidence.anchor == root);
    untrusted(check(&[&leaf], &[&root]), "not trusted here");
}

#[test]
fn a_leaf_may_be_its_own_anchor() {
    let key = Key::p256();
    let leaf = Spec::leaf("CN=leaf").make(&key, &key);
    assert_eq!(check(&[&leaf], &[&leaf]).unwrap().anchor, leaf);
    untrusted(check(&[&leaf], &[&one(ROOT)]), "ends in `CN=leaf`");
    untrusted(check(&[&leaf, &leaf], &[&one(ROOT)]), "ends in `CN=leaf`");
    let late = Spec::leaf("CN=leaf").years(2030, 2040).make(&key, &key);
    refused(check(&[&late], &[&late]), Code::SignatureCertificateTime, "not valid before 2030-01-01");
    let bare = Spec::leaf("CN=leaf").with(&[]).make(&key, &key);
    untrusted(check(&[&bare], &[&bare]), "neither");
}

#[test]
fn leaf_usages() {
    for good in
        [&[DIGITAL_SIGNATURE][..], &[CODE_SIGNING], &[DIGITAL_SIGNATURE, CODE_SIGNING], &[CA, DIGITAL_SIGNATURE]]
    {
        assert!(with_leaf(|leaf| leaf.with(good)).is_ok(), "{good:?}");
    }
    for (bad, message) in [
        (&[][..], "neither"),
        (&[NOT_CA], "neither"),
        (&[CERT_SIGN, CODE_SIGNING], "without digitalSignature"),
        (&[DIGITAL_SIGNATURE, SERVER_AUTH], "without codeSigning"),
        (&[SERVER_AUTH], "without codeSigning"),
        (&[DIGITAL_SIGNATURE, ANY_PURPOSE], "without codeSigning"),
        (&[DIGITAL_SIGNATURE, ("2.5.29.37", "3000")], "without codeSigning"),
    ] {
        untrusted(with_leaf(|leaf| leaf.with(bad)), message);
    }
}

#[test]
fn leaf_keys() {
    let root_key = Key::p384();
    let root = Spec::ca("CN=root", "CN=root").make(&root_key, &root_key);
    for key in [Key::p256(), Key::p384(), Key::p521()] {
        assert!(check(&[&Spec::leaf("CN=root").make(&key, &root_key)], &[&root]).is_ok());
    }
    for key in [&Key::ed25519(), rsa()] {
        let leaf = Spec::leaf("CN=root").make(key, &root_key);
        refused(check(&[&leaf], &[&root]), Code::SignatureSchemeNotAllowed, "`CN=leaf`");
    }
}

#[test]
fn issuers_must_be_allowed_to_issue() {
    for good in
        [&[CA][..], &[CA, CERT_SIGN], &[CA, CODE_SIGNING], &[CA, ANY_PURPOSE], &[("2.5.29.19", "30060101ff020100")]]
    {
        assert!(with_intermediate(|spec| spec.with(good)).is_ok(), "{good:?}");
    }
    for (bad, message) in [
        (&[][..], "no CA"),
        (&[NOT_CA, CERT_SIGN], "no CA"),
        (&[CERT_SIGN], "no CA"),
        (&[CA, DIGITAL_SIGNATURE], "without keyCertSign"),
        (&[CA, SERVER_AUTH], "without codeSigning"),
    ] {
        untrusted(with_intermediate(|spec| spec.with(bad)), message);
        untrusted(with_root(|spec| spec.with(bad)), message);
    }
    let v1 = |spec: Spec| Spec { version: 0, ..spec.with(&[]) };
    untrusted(with_intermediate(v1), "version");
    untrusted(with_root(v1), "version");
    // No CA may stand below this root.
    untrusted(
        with_root(|spec| spec.with(&[("2.5.29.19", "30060101ff020100")])),
        "allows 0 CAs below it, and there are 1",
    );
    assert!(with_root(|spec| spec.with(&[("2.5.29.19", "30060101ff020101")])).is_ok());
}

#[test]
fn critical_extensions_must_be_understood() {
    let names = ("2.5.29.17", "300781056140622e63");
    let policies = ("2.5.29.32", "3006300406022a03");
    let constraints = ("2.5.29.30", "3000");
    let unknown = ("1.2.3.4", "0500");
    let critical = |spec: Spec, extra: (&'static str, &'static str)| {
        let mut spec = spec;
        spec.extensions.push(extra);
        spec.critical.push(extra.0);
        spec
    };
    for known in [names, policies] {
        assert!(with_leaf(|spec| critical(spec, known)).is_ok());
        assert!(with_intermediate(|spec| critical(spec, known)).is_ok());
    }
    for (extra, message) in [(unknown, "1.2.3.4"), (constraints, "nameConstraints")] {
        untrusted(with_leaf(|spec| critical(spec, extra)), message);
        untrusted(with_intermediate(|spec| critical(spec, extra)), message);
        untrusted(with_root(|spec| critical(spec, extra)), message);
        let quiet = |mut spec: Spec| {
            spec.extensions.push(extra);
            spec
        };
        assert!(with_leaf(quiet).is_ok());
    }
}

#[test]
fn every_certificate_of_the_path_must_be_in_its_time() {
    let time = Code::SignatureCertificateTime;
    refused(with_leaf(|spec| spec.years(2020, 2026)), time, "`CN=leaf` expired at 2026-01-01");
    refused(with_leaf(|spec| spec.years(2027, 2040)), time, "`CN=leaf` is not valid before 2027-01-01");
    refused(with_intermediate(|spec| spec.years(2020, 2025)), time, "`CN=int` expired");
    refused(with_root(|spec| spec.years(2020, 2025)), time, "`CN=root` expired");
    refused(with_root(|spec| spec.years(2030, 2035)), time, "`CN=root` is not valid before");
    // A leaf older than its CA, and ends that never come.
    assert!(with_intermediate(|spec| spec.years(2025, 2040)).is_ok());
    let (root, intermediate, leaf) = specs();
    let family = Family::new(&root.years(2020, 9999), &intermediate.years(2020, 9999), &leaf.years(2020, 9999));
    assert_eq!(family.leaf.not_after(), Timestamp::MAX);
    let chain = [family.leaf.clone(), family.intermediate.clone()];
    for at in ["2020-01-01T00:00:00Z", "9999-12-30T00:00:00Z"] {
        let at = at.parse().unwrap();
        assert!(verify_chain(&chain, core::slice::from_ref(&family.root), &LeafPin::default(), at).is_ok());
    }
    let before = "2019-12-31T23:59:59Z".parse().unwrap();
    let error = verify_chain(&chain, core::slice::from_ref(&family.root), &LeafPin::default(), before).unwrap_err();
    assert_eq!(error.code(), time);
}

#[test]
fn of_several_paths_one_good_one_is_enough() {
    let (root_key, key) = (Key::p384(), Key::p256());
    let root = Spec::ca("CN=root", "CN=root").make(&root_key, &root_key);
    let good = Spec::ca("CN=int", "CN=root").make(&key, &root_key);
    let expired = Spec::ca("CN=int", "CN=root").years(2020, 2021).make(&key, &root_key);
    let no_ca = Spec::ca("CN=int", "CN=root").with(&[]).make(&key, &root_key);
    let stranger = Spec::ca("CN=int", "CN=root").make(&Key::p256(), &root_key);
    let leaf = Spec::leaf("CN=int").make(&Key::p256(), &key);
    assert!(check(&[&leaf, &expired, &stranger, &no_ca, &good], &[&root]).is_ok());
    // The refusal that tells most is told.
    refused(check(&[&leaf, &stranger, &no_ca, &expired], &[&root]), Code::SignatureCertificateTime, "expired");
    untrusted(check(&[&leaf, &stranger, &no_ca], &[&root]), "no CA");
    untrusted(check(&[&leaf, &stranger], &[&root]), "was not signed by `CN=int`");
}

#[test]
fn path_signatures() {
    let leaf_key = Key::p256();
    for key in [&Key::p256(), &Key::p384(), &Key::p521(), rsa(), &Key::rsa_pss()] {
        let root = Spec::ca("CN=root", "CN=root").make(key, key);
        let leaf = Spec::leaf("CN=root").make(&leaf_key, key);
        assert!(check(&[&leaf], &[&root]).is_ok());
    }
    for (key, algorithm, message) in [
        (rsa(), RSA_SHA1, "RSA with SHA-1"),
        (rsa(), RSA_MD5, "RSA with MD5"),
        (rsa(), PSS_SHA384_SALT32, "unusual parameters"),
        (rsa(), PSS_SHA384, "was not signed by"),
        (rsa(), ECDSA_SHA256, "was not signed by"),
        (&Key::p256(), ECDSA_SHA1, "ECDSA with SHA-1"),
        (&Key::p256(), ECDSA_SHA512, "was not signed by"),
        (&Key::p256(), RSA_SHA256, "was not signed by"),
        (&Key::ed25519(), "300506032b6570", "Ed25519"),
    ] {
        let root = Spec::ca("CN=root", "CN=root").make(key, key);
        let spec = Spec { algorithms: Some((algorithm, algorithm)), ..Spec::leaf("CN=root") };
        untrusted(check(&[&spec.make(&leaf_key, key)], &[&root]), message);
    }
    let key = Key::p256();
    let root = Spec::ca("CN=root", "CN=root").make(&key, &key);
    let spec = Spec { algorithms: Some((ECDSA_SHA384, ECDSA_SHA256)), ..Spec::leaf("CN=root") };
    untrusted(check(&[&spec.make(&leaf_key, &key)], &[&root]), "two different algorithms");
}

#[test]
fn the_search_is_bounded() {
    // Eight certificates at most.
    let [root, intermediate, leaf] = [ROOT, INTERMEDIATE, LEAF].map(one);
    let mut chain = vec![&leaf];
    chain.extend([&intermediate; 7]);
    assert!(check(&chain, &[&root]).is_ok());
    chain.push(&intermediate);
    untrusted(check(&chain, &[&root]), "9 certificates");
    // Four CAs at most.
    let names = ["CN=a", "CN=b", "CN=c", "CN=d", "CN=e"];
    let keys = names.map(|_| Key::p256());
    let mut cas = vec![Spec::ca(names[0], names[0]).make(&keys[0], &keys[0])];
    for below in 1..names.len() {
        cas.push(Spec::ca(names[below], names[below - 1]).make(&keys[below], &keys[below - 1]));
    }
    let leaf = |issuer: usize| Spec::leaf(names[issuer]).make(&Key::p256(), &keys[issuer]);
    assert!(check(&[&leaf(3), &cas[3], &cas[2], &cas[1]], &[&cas[0]]).is_ok());
    untrusted(check(&[&leaf(4), &cas[4], &cas[3], &cas[2], &cas[1]], &[&cas[0]]), "longer than");
    assert!(check(&[&leaf(4), &cas[4], &cas[3], &cas[2]], &[&cas[1]]).is_ok());
    // CAs of one name that all issued each other: many paths, and none to the anchor.
    let key = Key::p256();
    let many =
        [2031, 2032, 2033, 2034, 2035, 2036, 2037].map(|to| Spec::ca("CN=x", "CN=x").years(2020, to).make(&key, &key));
    let leaf = Spec::leaf("CN=x").make(&Key::p256(), &key);
    let mut chain = vec![&leaf];
    chain.extend(&many);
    untrusted(check(&chain, &[&root]), "too many paths");
}

#[test]
fn pins_name_what_was_expected_and_found() {
    let (root, intermediate, mut leaf) = specs();
    // a@b.c, example.org, https://e.x/, and an IP address, which is passed over.
    let names = "302881056140622e63820b6578616d706c652e6f7267860c68747470733a2f2f652e782f87047f000001";
    leaf.extensions.push(("2.5.29.17", names));
    let family = Family::new(&root, &intermediate, &leaf);
    let leaf = &family.leaf;
    assert_eq!(leaf.alternative_names(), ["a@b.c", "example.org", "https://e.x/"]);
    let verify = |pin: &LeafPin| {
        verify_chain(&[leaf.clone(), family.intermediate.clone()], core::slice::from_ref(&family.root), pin, now())
    };
    let pin = LeafPin {
        fingerprint: Some(leaf.fingerprint()),
        subject: Some("CN=leaf".to_owned()),
        alternative_name: Some("example.org".to_owned()),
    };
    assert!(verify(&pin).unwrap().pinned);
    assert!(verify(&LeafPin { fingerprint: None, subject: None, ..pin.clone() }).unwrap().pinned);
    let other = LeafPin { fingerprint: Some(family.root.fingerprint()), ..pin.clone() };
    untrusted(verify(&other), &family.root.fingerprint().to_string());
    untrusted(
        verify(&LeafPin { subject: Some("CN=Leaf".to_owned()), ..pin.clone() }),
        "subject `CN=leaf`, where `CN=Leaf`",
    );
    untrusted(
        verify(&LeafPin { alternative_name: Some("a".to_owned()), ..pin }),
        "`a@b.c, example.org, https://e.x/`, where `a`",
    );
}

#[test]
fn other_files_are_named() {
    let refused = |text: &[u8], code, message: &str| {
        let error = Certificate::from_pem(text).unwrap_err();
        assert!(error.code() == code && error.message().contains(message), "{error}");
    };
    let block = |label: &str| pem::encode(label, &[0; 3]);
    for label in ["PRIVATE KEY", "EC PRIVATE KEY", "PUBLIC KEY", "TRUSTED CERTIFICATE", "PKCS7", "CERTIFICATE REQUEST"]
    {
        refused(block(label).as_bytes(), Code::KeyWrongForm, label);
        refused(format!("{ROOT}{}", block(label)).as_bytes(), Code::KeyWrongForm, label);
    }
    refused(block("CERTIFICATE").as_bytes(), Code::KeyMalformed, "X.509");
    refused(b"", Code::KeyMalformed, "no PEM");
    refused(one(ROOT).to_der(), Code::KeyWrongForm, "DER");
    refused(ROOT.repeat(65).as_bytes(), Code::KeyMalformed, "65 certificates");
    assert_eq!(Certificate::from_pem(ROOT.repeat(64).as_bytes()).unwrap().len(), 64);
    let noted = format!("subject=caf\u{e9}\n{ROOT}\nissuer=x\r\n{LEAF}");
    assert_eq!(Certificate::from_pem(noted.as_bytes()).unwrap(), [one(ROOT), one(LEAF)]);
}

#[test]
fn der_is_strict() {
    let der = one(LEAF).to_der().to_vec();
    let key = Key::p256();
    let twice = Spec::leaf("CN=x").with(&[DIGITAL_SIGNATURE, DIGITAL_SIGNATURE]).der(&key, &key);
    let v1 = Spec { version: 0, ..Spec::leaf("CN=x") }.der(&key, &key);
    let bad_usage = Spec::leaf("CN=x").with(&[("2.5.29.15", "0500")]).der(&key, &key);
    let bad_names = Spec::leaf("CN=x").with(&[("2.5.29.17", "30038101ff")]).der(&key, &key);
    let trailing = [der.as_slice(), &[0]].concat();
    for bad in [&twice, &v1, &bad_usage, &bad_names, &trailing, &der[..der.len() - 1].to_vec(), &vec![0; 65_537]] {
        assert_eq!(Certificate::from_der(bad).unwrap_err().code(), Code::KeyMalformed);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Certificate::from_der(&bytes);
        let _ = Certificate::from_pem(&bytes);
    }

    #[test]
    fn one_changed_byte_never_verifies(at in any::<prop::sample::Index>(), change in 1..=255_u8, which in 0..2_usize) {
        let root = one(ROOT);
        let mut chain = [one(LEAF).to_der().to_vec(), one(INTERMEDIATE).to_der().to_vec()];
        let at = at.index(chain[which].len());
        chain[which][at] ^= change;
        if let (Ok(leaf), Ok(intermediate)) = (Certificate::from_der(&chain[0]), Certificate::from_der(&chain[1])) {
            let _ = (leaf.subject(), leaf.alternative_names(), leaf.not_after(), leaf.public_key());
            prop_assert!(check(&[&leaf, &intermediate], &[&root]).is_err());
        }
    }
}
