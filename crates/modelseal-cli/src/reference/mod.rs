//! The grammar of the reference tool `model_signing`, so that scripts written for it run unchanged.
//!
//! `verify key MODEL --signature S --public_key P` and its like are recognized before the own grammar is tried.

mod arguments;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;
use modelseal::vault::{ProcessEnv, Settings};
use modelseal::{
    Code, Error, Expected, KeyRef, Policy, Result, Root, SignOptions, TrustRequest, Unchecked, VerifiedArtifact,
    VerifyOptions, ignored_path, load_signing_key,
};

use crate::commands::sign::{certificates, sign};
use crate::commands::verify::{Target, Terms};
use crate::output::Console;
use crate::progress::Progress;
use crate::signals::Signals;
use crate::usage;
use arguments::{CommonArgs, SignArgs, VerifyArgs};

/// Methods that the reference tool has.
const METHODS: [&str; 5] = ["certificate", "key", "pkcs11-certificate", "pkcs11-key", "sigstore"];
/// Options that only the reference tool has in this spelling, or that have their meaning there.
const TELLING: [&str; 5] =
    ["--certificate-chain", "--private-key", "--public-key", "--signature", "--signing-certificate"];
/// Options that only the own grammar has.
const OURS: [&str; 2] = ["--key", "--policy"];

/// For errors in this grammar.
const HINT: &str = "this is the grammar of the reference tool; see `modelseal --help` for ours";

/// A call in the reference tool's grammar.
#[derive(Debug)]
pub(crate) struct Call {
    verb: Verb,
    method: &'static str,
    rest: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Sign,
    Verify,
}

/// The call, if `args` (the program's name first) is one in the reference tool's grammar.
pub(crate) fn recognize(args: &[OsString]) -> Option<Call> {
    let mut words = args.get(1..)?;
    while let Some(option) = words.first().map(|word| hyphenated(word)) {
        if option == "--log-level" {
            words = words.get(2..)?;
        } else if option.to_str().is_some_and(|option| option.starts_with("--log-level=")) {
            words = words.get(1..)?;
        } else {
            break;
        }
    }
    let [verb, method, rest @ ..] = words else { return None };
    let verb = match verb.to_str()? {
        "sign" => Verb::Sign,
        "verify" => Verb::Verify,
        _ => return None,
    };
    let method = METHODS.into_iter().find(|&known| *method == *known)?;
    let options = rest.split(|word| word == "--").next().unwrap_or_default();
    let rest_of = |from: usize| rest.get(from..).unwrap_or_default().iter().cloned();
    let options: Vec<OsString> = options.iter().map(|word| hyphenated(word)).collect();
    let holds = |names: &[&str]| {
        let name = |word: &OsString| word.to_str().map(|word| word.split('=').next().unwrap_or(word).to_owned());
        options.iter().filter_map(name).any(|name| names.contains(&name.as_str()))
    };
    if !holds(&TELLING) || holds(&OURS) {
        return None;
    }
    let from = options.len();
    Some(Call { verb, method, rest: options.into_iter().chain(rest_of(from)).collect() })
}

/// Option names with hyphens, whichever way they are written. Values are left alone.
fn hyphenated(word: &OsStr) -> OsString {
    match word.to_str().filter(|word| word.starts_with("--")) {
        None => word.to_owned(),
        Some(word) => match word.split_once('=') {
            Some((name, value)) => format!("{}={value}", name.replace('_', "-")).into(),
            None => word.replace('_', "-").into(),
        },
    }
}

/// Runs the call; the exit status.
pub(crate) fn run(call: &Call, mut console: Console) -> u8 {
    let ended = dispatch(call, &console).map(|said| {
        console.raw(&said);
        0
    });
    console.finish(ended)
}

fn dispatch(call: &Call, console: &Console) -> Result<String> {
    if call.method == "sigstore" || call.method.starts_with("pkcs11-") {
        let message = format!("the method `{}` of the reference tool is not supported", call.method);
        return Err(Error::new(Code::UsageArguments, message)
            .with_hint("the methods `key` and `certificate` are; a model of that name is written ./NAME"));
    }
    if call.rest.iter().any(|word| word == "--password" || word.to_string_lossy().starts_with("--password=")) {
        return Err(Error::new(
            Code::UsageArguments,
            "--password would show the passphrase to every user of the machine",
        )
        .with_hint("use `modelseal sign MODEL --key KEY --key-passphrase-file FILE`"));
    }
    let words = std::iter::once(OsString::from("modelseal")).chain(call.rest.iter().cloned());
    let ended = match call.verb {
        Verb::Sign => SignArgs::try_parse_from(words).map(|args| run_sign(call.method, &args, console)),
        Verb::Verify => VerifyArgs::try_parse_from(words).map(|args| run_verify(call.method, &args, console)),
    };
    match ended {
        Ok(said) => said.map(str::to_owned),
        Err(help) if help.kind() == ErrorKind::DisplayHelp => Ok(help.render().to_string()),
        Err(error) => Err(usage::translate(&error, &[]).with_hint(HINT)),
    }
}

fn run_sign(method: &str, args: &SignArgs, console: &Console) -> Result<&'static str> {
    refuse_foreign(
        method,
        &[
            ("certificate", "--signing_certificate", args.signing_certificate.is_some()),
            ("certificate", "--certificate_chain", !args.certificate_chain.is_empty()),
        ],
    )?;
    let mut options = SignOptions::default();
    if method == "certificate" {
        let leaf = needed(args.signing_certificate.as_deref(), "--signing_certificate")?;
        options.certificates = certificates(Some(leaf), &args.certificate_chain)?;
    }
    options.bundle = Some(args.signature.clone().unwrap_or_else(|| PathBuf::from("model.sig")));
    options.ignore_paths = ignored(&args.common, None)?;
    options.ignore_git_paths = args.common.ignore_git_paths();
    options.danger_allow_symlinks = args.common.allow_symlinks;
    options.danger_allow_test_keys = args.common.danger_allow_test_keys;
    let key = KeyRef::file(needed(args.private_key.as_deref(), "--private_key")?);
    let signing = load_signing_key(&key, None, &Settings::default(), &ProcessEnv)?;
    let signed = sign(&args.common.model, &key, signing.as_ref(), options, &Signals::watch())?;
    for warning in &signed.warnings {
        console.warning(&modelseal::escape(warning));
    }
    Ok("Signing succeeded\n")
}

fn run_verify(method: &str, args: &VerifyArgs, console: &Console) -> Result<&'static str> {
    refuse_foreign(
        method,
        &[
            ("key", "--public_key", args.public_key.is_some()),
            ("certificate", "--certificate_chain", !args.certificate_chain.is_empty()),
            ("certificate", "--log_fingerprints", args.log_fingerprints),
        ],
    )?;
    let (keys, anchors) = if method == "key" {
        (vec![KeyRef::file(needed(args.public_key.as_deref(), "--public_key")?)], &[][..])
    } else {
        (Vec::new(), &args.certificate_chain[..])
    };
    let mut options = VerifyOptions::default();
    options.ignore_git_paths = args.common.ignore_git_paths();
    options.danger_ignore_paths = ignored(&args.common, Some(console))?;
    options.danger_ignore_unsigned_files = args.ignore_unsigned_files;
    options.danger_allow_symlinks = args.common.allow_symlinks;
    let mut request = TrustRequest::default();
    request.keys = keys;
    request.certificate_chain = anchors.to_vec();
    request.danger_allow_test_keys = args.common.danger_allow_test_keys;
    let trust = request.load(None)?;
    let terms = Terms {
        trust,
        policy: Policy::any_trusted_key(),
        expected: Expected::danger_any_model(),
        options,
        danger_ignore: Vec::new(),
    };
    let bundle = Some(needed(args.signature.as_deref(), "--signature")?.to_owned());
    let target = Target { model: args.common.model.clone(), bundle };
    let artifact = {
        let signals = Signals::watch();
        let progress = Progress::new(&signals);
        terms.verify(&target, false, &progress)?
    };
    report(&artifact, console);
    Ok("Verification succeeded\n")
}

/// What a script of the reference tool would not learn otherwise.
fn report(artifact: &VerifiedArtifact, console: &Console) {
    for relaxed in artifact.relaxed() {
        console.warning(&format!("verified with a weakened check: {}", relaxed.as_str()));
    }
    for path in artifact.uncovered() {
        console.warning(&format!("not covered: {} ({})", modelseal::escape(&path.name), path.kind));
    }
    for link in artifact.followed_links() {
        console.warning(&format!("followed link: {}", modelseal::escape(link.as_str())));
    }
    let unchecked: Vec<&str> = artifact.unchecked().iter().map(|unchecked| unchecked.as_str()).collect();
    if !unchecked.is_empty() {
        console.warning(&format!("not checked: {}", unchecked.join(", ")));
    }
    if artifact.unchecked().contains(&Unchecked::ExpectedModel) {
        console.warning(
            "any model of this signer was acceptable: `modelseal verify MODEL --expect-name NAME` says which one you want",
        );
    }
}

/// Refuses the options of another method, as the reference tool does: whoever gives one believes that it counts.
fn refuse_foreign(method: &str, options: &[(&str, &str, bool)]) -> Result<()> {
    match options.iter().find(|(owner, _, given)| *given && *owner != method) {
        None => Ok(()),
        Some((owner, option, _)) => {
            let message = format!("{option} belongs to the method `{owner}`, not to `{method}`");
            Err(Error::new(Code::UsageArguments, message).with_hint(HINT))
        }
    }
}

fn needed<'a>(path: Option<&'a Path>, option: &str) -> Result<&'a Path> {
    path.ok_or_else(|| Error::new(Code::UsageArguments, format!("{option} is missing")).with_hint(HINT))
}

/// The paths to ignore. They start at the working directory; on verification one that lies outside the model cannot
/// matter and is left out with a warning.
fn ignored(args: &CommonArgs, lenient: Option<&Console>) -> Result<Vec<String>> {
    if args.ignore_paths.is_empty() {
        return Ok(Vec::new());
    }
    let root = Root::open(&args.model)?;
    let here = std::env::current_dir()
        .map_err(|error| Error::new(Code::InputUnreadable, format!("cannot read the working directory: {error}")))?;
    let mut ignored = Vec::new();
    for path in &args.ignore_paths {
        match (ignored_path(&root, &here, path), lenient) {
            (Ok(path), _) => ignored.push(path),
            (Err(error), Some(console)) => console.warning(&format!("{}, so it is not used", error.message())),
            (Err(error), None) => return Err(error),
        }
    }
    Ok(ignored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognized(line: &str) -> Option<Call> {
        recognize(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_reference_grammar_is_told_from_ours() {
        for theirs in [
            "m verify key d --signature s --public_key p",
            "m verify key d --signature=s --public-key=p",
            "m --log-level INFO verify key d --signature s",
            "m --log_level=debug sign key d --private_key k",
            "m sign certificate d --signing_certificate c",
            "m verify sigstore d --signature s",
            "m sign pkcs11-key d --signature s",
            "m verify certificate --certificate_chain c d",
        ] {
            assert!(recognized(theirs).is_some(), "{theirs}");
        }
        for ours in [
            "m",
            "m verify",
            "m verify key",
            "m verify key --key k",
            "m verify key other --key k --signature s",
            "m verify ./key --certificate-chain c",
            "m verify sigstore --policy p --signature s",
            "m sign d --private_key k",
            "m sign key d",
            "m verify key -- --signature",
            "m --log-level",
            "m inspect key --signature s",
        ] {
            assert!(recognized(ours).is_none(), "{ours}");
        }
    }

    #[test]
    fn underscores_change_in_names_only() {
        let call = recognized("m verify key my_model --ignore_paths=a_b --public_key p_q -- --x_y").unwrap();
        assert_eq!(call.rest, ["my_model", "--ignore-paths=a_b", "--public-key", "p_q", "--", "--x_y"]);
        assert_eq!((call.verb, call.method), (Verb::Verify, "key"));
    }
}
