use super::*;

#[test]
fn keys_are_those_of_tables_of_keys() {
    let key = |lines: &str| format!("version = 1\n[[key]]\nname = \"a\"\n{lines}{RULE}{KEY_ONLY}");
    read(&key("public_key = \"ed25519.pem\"\nscheme = \"ed25519\"\n")).unwrap();
    read(&key(&format!("public_key = \"a.pem\"\nkey_id = \"{P256_ID}\"\n"))).unwrap();
    refused(&key("public_key = \"ed25519.pem\"\n"), 3, Code::PolicySyntax, "does not fit");
    refused(
        &key(&format!("public_key = \"b.pem\"\nkey_id = \"{P256_ID}\"\n")),
        3,
        Code::PolicySyntax,
        "the policy says",
    );
    refused(&key("public_key = \"../a.pem\"\n"), 4, Code::PolicySyntax, "directory of the policy");
    refused(&key("public_key = \"gone.pem\"\n"), 3, Code::InputNotFound, "gone.pem");
    refused(&key("public_key = \"data.json\"\n"), 3, Code::KeyWrongForm, "JSON");
    refused(&key("public_key = \"a.pem\"\nshared_key = \"yes\"\n"), 5, Code::PolicySyntax, "shared_key");
    let second = "[[key]]\nname = \"b\"\npublic_key = \"a.pem\"\n";
    refused(&key(&format!("public_key = \"a.pem\"\n{second}")), 6, Code::PolicySyntax, "there twice");
    refused(
        &key(&format!("public_key = \"a.pem\"\n{}", second.replace("\"b\"", "\"a\""))),
        6,
        Code::PolicySyntax,
        "there twice",
    );
    let mut files = Memory { test_keys: false, ..Memory::new() };
    let error = parse(TEAM.as_bytes(), "p", &mut files).unwrap_err();
    assert_eq!(error.code(), Code::KeyTestKey);
    assert!(error.message().starts_with("line 3: "), "{error}");
}

#[test]
fn certificates_need_roots_and_names() {
    let certificate = |name: &str, san: &str| {
        format!("[[certificate]]\nname = \"{name}\"\nroots = [\"root.pem\"]\nsan = [\"{san}\"]\n")
    };
    read(&after(&format!("{}{}", certificate("c", "one"), certificate("d", "two")))).unwrap();
    refused(&after(&certificate("a", "one")), 11, Code::PolicySyntax, "there twice");
    refused(
        &after(&format!("{}{}", certificate("c", "one"), certificate("c", "two"))),
        15,
        Code::PolicySyntax,
        "twice",
    );
    refused(&after(&format!("{}{}", certificate("c", "one"), certificate("d", "one"))), 15, Code::PolicySyntax, "same");
    refused(
        &after("[[certificate]]\nname = \"c\"\nroots = [\"root.pem\"]\n"),
        10,
        Code::PolicySyntax,
        "missing field `san`",
    );
    refused(&after(&certificate("c", "")), 13, Code::PolicySyntax, "empty text");
    refused(&after(&certificate("c", "s").replace("root.pem", "a.pem")), 12, Code::KeyWrongForm, "public key");
    let window = "not_before = 2026-02-01T00:00:00Z\nnot_after = 2026-01-01T00:00:00Z\n";
    refused(&after(&format!("{}{window}", certificate("c", "s"))), 15, Code::PolicySyntax, "no time lies between");
    let only = format!("version = 1\n{}{}{KEY_ONLY}", certificate("a", "s"), RULE);
    assert!(read(&only).unwrap().trusted.keys().is_empty());
    let mut files = Memory { test_keys: false, ..Memory::new() };
    assert_eq!(parse(only.as_bytes(), "p", &mut files).unwrap_err().code(), Code::KeyTestKey);
}

#[test]
fn rules_are_checked() {
    let syntax = |text: &str, line, message: &str| refused(text, line, Code::PolicySyntax, message);
    syntax(&rule(""), 6, "says nothing about who may sign");
    syntax(&rule("identity = \"any\"\n"), 9, "`identity` is `any`");
    syntax(&rule("identity = \"key-only\"\n[rule.github]\nrepository_id = [\"1\"]\n"), 6, "more than one thing");
    syntax(
        &rule("[rule.gitlab]\nproject_id = [\"1\"]\n[rule.github]\nrepository_id = [\"1\"]\n"),
        6,
        "more than one thing",
    );
    syntax(&after(&format!("{RULE}{KEY_ONLY}")), 11, "the rule `r` is there twice");
    refused(&rule("identity = \"key-only\"\nthreshold = 2\n"), 10, Code::PolicyNotSupported, "only 1");
    refused(&rule("identity = \"key-only\"\nthreshold = 0\n"), 10, Code::PolicyNotSupported, "only 1");
    refused(&after("").replace("keys = [\"a\"]", "keys = [\"b\"]"), 8, Code::PolicyUnknownKeyName, "`b`");
    for glob in ["**", "a?", "[a]", "{a}", "a\\\\*"] {
        let text = after("").replace("m/*", glob);
        refused(&text, 7, Code::PolicyBadGlob, "pattern");
    }
    syntax(&after("").replace("m/*", ""), 7, "empty text");
    for digest in ["sha256:00", "md5:00", &"0".repeat(64), &format!("blake3:{}", "0".repeat(64))] {
        syntax(&rule(&format!("identity = \"key-only\"\ndigests = [\"{digest}\"]\n")), 10, "no SHA-256 digest");
    }
    syntax(&rule("identity = \"key-only\"\nhash = [\"md5\"]\n"), 10, "`md5`");
    syntax(&rule("identity = \"key-only\"\nmethod = [\"tree\"]\n"), 10, "`tree`");
    syntax(&rule("identity = \"key-only\"\n[rule.files]\nformats = [\"exe\"]\n"), 11, "`exe`");
    syntax(&rule("identity = \"key-only\"\n[rule.freshness]\nmax_age = \"0d\"\n"), 11, "no span of time");
    syntax(&rule("identity = \"key-only\"\nnot_signed_before = 2026-01-01\n"), 10, "local time");
    syntax(&rule("identity = \"key-only\"\ndanger_root_only = \"yes\"\n"), 10, "invalid type");
}

#[test]
fn evidence_is_checked() {
    let evidence = |lines: &str| {
        rule(&format!("identity = \"key-only\"\n[[rule.evidence]]\npredicate_type = \"t\"\nkeys = [\"a\"]\n{lines}"))
    };
    read(&evidence("")).unwrap();
    for (fields, code) in [
        ("{}", Code::PolicyEmptyList),
        ("{ \"/a\" = [] }", Code::PolicyEmptyList),
        ("{ \"/a\" = \"x\" }", Code::PolicySyntax),
        ("{ \"a\" = [\"x\"] }", Code::PolicySyntax),
        ("{ \"\" = [\"x\"] }", Code::PolicySyntax),
        ("{ \"/a~2\" = [\"x\"] }", Code::PolicySyntax),
        ("{ \"/a\" = [1.5] }", Code::PolicySyntax),
        ("{ \"/a\" = [\"\"] }", Code::PolicySyntax),
        ("{ \"/a\" = [[\"x\"]] }", Code::PolicySyntax),
        ("{ \"/a\" = [2026-01-01T00:00:00Z] }", Code::PolicySyntax),
    ] {
        refused(&evidence(&format!("fields = {fields}\n")), 13, code, "");
    }
    refused(&evidence("").replace("keys = [\"a\"]\n", "keys = [\"b\"]\n"), 8, Code::PolicyUnknownKeyName, "`b`");
    refused(&evidence("max_age = \"soon\"\n"), 13, Code::PolicySyntax, "no span of time");
}

#[test]
fn revocations_name_one_thing() {
    let revoked = |lines: &str| after(&format!("[[revoked]]\nreason = \"x\"\n{lines}"));
    let digest = format!("\"sha256:{}\"", "0".repeat(64));
    refused(&revoked(""), 11, Code::PolicySyntax, "exactly one thing");
    refused(&revoked(&format!("model = {digest}\nfile = {digest}\n")), 11, Code::PolicySyntax, "exactly one thing");
    refused(&revoked("key = \"a\"\n"), 11, Code::PolicySyntax, "exactly one thing");
    refused(&revoked("versions = [1]\n"), 11, Code::PolicySyntax, "exactly one thing");
    refused(&revoked("model = \"sha256:0\"\n"), 12, Code::PolicySyntax, "no SHA-256 digest");
    refused(&revoked("key_id = \"x\"\n"), 12, Code::PolicySyntax, "");
    refused(&revoked("key = \"b\"\nversions = [1]\n"), 12, Code::PolicyUnknownKeyName, "`b`");
    refused(&revoked("key = \"a\"\nversions = [1]\n"), 12, Code::PolicySyntax, "no versions");
    let time = "except_timestamped_before = 2026-01-01T00:00:00Z\n";
    refused(&revoked(&format!("file = {digest}\n{time}")), 13, Code::PolicySyntax, "belongs to keys");
    refused(&after(&format!("[[revoked]]\nfile = {digest}\n")), 10, Code::PolicySyntax, "missing field `reason`");
    refused(&after(&format!("[[revoked]]\nfile = {digest}\nreason = \"\"\n")), 12, Code::PolicySyntax, "empty text");
    let versions = format!("{PRODUCTION}[[revoked]]\nkey = \"models\"\nreason = \"x\"\nversions = ");
    let file = read(&format!("{versions}[3, 4]\n")).unwrap();
    assert!(
        matches!(&file.revoked[1].what, RevokedThing::KeyVersions(name, numbers) if name == "models" && numbers.len() == 2)
    );
    let line = PRODUCTION.lines().count() + 4;
    refused(&format!("{versions}[]\n"), line, Code::PolicyEmptyList, "versions");
    refused(&format!("{versions}[0]\n"), line, Code::PolicySyntax, "not a version");
    refused(&format!("{versions}3\n"), line, Code::PolicySyntax, "list");
}

#[test]
fn t29_files_of_revocations_hold_only_revocations_and_end() {
    let digest = "0".repeat(64);
    let text = top("valid_until = 2026-09-01T00:00:00Z\nrevocation_files = [\"r.toml\"]\n");
    let with = |content: &str| parse(text.as_bytes(), "p", &mut Memory::new().with("r.toml", content));
    let good = format!(
        "version = 1\nserial = 2\nvalid_until = 2026-10-01T00:00:00Z\n[[revoked]]\nfile = \"sha256:{digest}\"\nreason = \"x\"\n"
    );
    let file = with(&good).unwrap();
    assert_eq!(file.revoked.len(), 1);
    assert_eq!(file.valid_until.unwrap().to_string(), "2026-09-01T00:00:00Z");
    assert_eq!(
        with(&good.replace("2026-10", "2026-08")).unwrap().valid_until.unwrap().to_string(),
        "2026-08-01T00:00:00Z"
    );
    for (content, code, message) in [
        (good.replace("version = 1", "version = 2"), Code::PolicySyntax, "line 2: `r.toml`: line 1: "),
        (format!("name = \"x\"\n{good}"), Code::PolicyUnknownField, "line 2: `r.toml`: line 1: "),
        (format!("{good}{RULE}"), Code::PolicyUnknownField, "line 2: `r.toml`: line 7: "),
        (good.replace("serial = 2", "serial = 0"), Code::PolicySyntax, "line 2: `r.toml`: line 2: "),
        (good.replace("reason = \"x\"\n", ""), Code::PolicySyntax, "line 2: `r.toml`: line 4: "),
        ("version = 1\nrevoked = []".to_owned(), Code::PolicyEmptyList, "line 2: `r.toml`: line 2: "),
        (String::new(), Code::PolicySyntax, "line 2: `r.toml`: line 1: "),
    ] {
        let error = with(&content).unwrap_err();
        assert_eq!(error.code(), code, "{content}\n{error}");
        assert!(error.message().starts_with(message), "{content}\n{error}");
    }
}

#[test]
fn stages_are_checked() {
    let rego = |lines: &str| after(&format!("[rego]\n{lines}"));
    refused(&rego("data = [\"data.json\"]\n"), 10, Code::PolicySyntax, "missing field `modules`");
    refused(&rego("modules = [\"gone.rego\"]\n"), 11, Code::InputNotFound, "gone.rego");
    refused(&rego("modules = [\"extra.rego\", \"extra.rego\"]\n"), 11, Code::PolicySyntax, "twice");
    refused(&rego("modules = [\"extra.rego\"]\ndata = [\"twice.json\"]\n"), 12, Code::PolicySyntax, "twice.json");
    refused(&rego("modules = [\"extra.rego\"]\ndata = [\"a.pem\"]\n"), 12, Code::PolicySyntax, "a.pem");
    let many: Vec<_> = (0..33).map(|number| format!("\"{number}.rego\"")).collect();
    refused(&rego(&format!("modules = [{}]\n", many.join(","))), 10, Code::PolicySyntax, "more than 32 files");
    for time in ["0ms", "11s", "1m", "100"] {
        refused(
            &rego(&format!("modules = [\"extra.rego\"]\ntimeout = \"{time}\"\n")),
            12,
            Code::PolicySyntax,
            "timeout",
        );
    }
    let opa = |lines: &str| after(&format!("[opa]\n{lines}"));
    refused(&opa("url = \"http://opa.internal/v1/data/a\"\n"), 11, Code::PolicySyntax, "plain http");
    refused(&opa("timeout = \"1s\"\n"), 10, Code::PolicySyntax, "missing field `url`");
    let url = "url = \"https://opa/v1/data/a\"\n";
    refused(&opa(&format!("{url}timeout = \"31s\"\n")), 12, Code::PolicySyntax, "timeout");
    refused(&opa(&format!("{url}token_file = \"/run/token\"\n")), 12, Code::PolicySyntax, "not a path below");
    refused(&opa(&format!("{url}ca = \"gone.pem\"\n")), 12, Code::InputNotFound, "gone.pem");
}
