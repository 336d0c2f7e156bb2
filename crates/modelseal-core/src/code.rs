//! The one table of error codes: code → exit status, Python class, hint.

use core::fmt;
use core::str::FromStr;

/// What the exit status of the command says, after `docs/exit-codes.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Exit {
    /// Verification says no.
    No = 1,
    /// The command line, configuration or environment is wrong.
    Usage = 2,
    /// An input cannot be read, or changed while it was read; nothing was decided.
    Input = 3,
    /// The caller asked to stop.
    Interrupted = 130,
}

impl Exit {
    /// The process exit status.
    #[must_use]
    pub const fn status(self) -> u8 {
        self as u8
    }
}

/// The Python exception class that carries a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PythonClass {
    /// `BundleError`, a `VerificationError`.
    Bundle,
    /// `Cancelled`: the progress callable or a signal stopped the work.
    Cancelled,
    /// `InputError`.
    Input,
    /// `MismatchError`, a `VerificationError`.
    Mismatch,
    /// `PolicyError`, a `VerificationError`.
    Policy,
    /// `SignatureError`, a `VerificationError`.
    Signature,
    /// `UsageError`.
    Usage,
}

impl PythonClass {
    /// The class name in the `modelseal` package.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bundle => "BundleError",
            Self::Cancelled => "Cancelled",
            Self::Input => "InputError",
            Self::Mismatch => "MismatchError",
            Self::Policy => "PolicyError",
            Self::Signature => "SignatureError",
            Self::Usage => "UsageError",
        }
    }
}

macro_rules! codes {
    ($( $variant:ident = $text:literal, $exit:ident, $class:ident, $summary:literal, $hint:literal; )*) => {
        /// A stable error code, `family/reason`. Codes are never renamed or reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $( #[doc = $summary] $variant, )*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// The stable text, such as `artifact/modified`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )* }
            }

            /// The exit status of a run that ends with this code.
            #[must_use]
            pub const fn exit(self) -> Exit {
                match self { $( Self::$variant => Exit::$exit, )* }
            }

            /// The Python exception class of this code.
            #[must_use]
            pub const fn python_class(self) -> PythonClass {
                match self { $( Self::$variant => PythonClass::$class, )* }
            }

            /// What the code means, one sentence.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self { $( Self::$variant => $summary, )* }
            }

            /// The next step, unless the error itself knows a better one.
            #[must_use]
            pub const fn hint(self) -> &'static str {
                match self { $( Self::$variant => $hint, )* }
            }
        }
    };
}

// Alphabetical by text. `docs/troubleshooting.md` has a heading for each; a test holds both complete.
codes! {
    ArtifactEmpty = "artifact/empty", No, Mismatch,
        "The signature covers no file at all.",
        "a signature over nothing protects nothing: sign the model again, with its files in place";
    ArtifactMissing = "artifact/missing", No, Mismatch,
        "A signed file is not there.",
        "fetch the model again, complete; to check only some of its files use --only NAME";
    ArtifactModified = "artifact/modified", No, Mismatch,
        "A file is not the one that was signed.",
        "do not use the model; fetch it again from its source, or have it signed again if the change was meant";
    ArtifactSymlink = "artifact/symlink", No, Mismatch,
        "The model holds a symbolic link where a signed file is expected.",
        "copy the model with its links resolved (cp -rL), or accept links that stay inside it with --danger-allow-symlinks";
    ArtifactUnexpected = "artifact/unexpected", No, Mismatch,
        "A file is there that was not signed.",
        "remove the file, or have the model signed again with it";
    ArtifactUnsigned = "artifact/unsigned", No, Mismatch,
        "There is no signature.",
        "sign the model with `modelseal sign MODEL --key KEY`, or name its signature with --bundle PATH";
    FormatLegacy = "format/legacy", No, Bundle,
        "The bundle is of the form used before v1.0, which has no root digest and records no parameters.",
        "have the model signed again; to accept the old form once use --danger-accept-legacy";
    FormatMalformed = "format/malformed", No, Bundle,
        "The bundle breaks the rules of its format.",
        "have the model signed again; `modelseal inspect BUNDLE` shows what can be read of it";
    FormatUnsupported = "format/unsupported", No, Bundle,
        "The bundle is of a kind or version that is not accepted.",
        "sign with the key or certificate method and the v1.0 predicate; docs/formats.md lists what is accepted";
    InputChanged = "input/changed", Input, Input,
        "A file or directory changed while it was read.",
        "wait until nothing writes to the model, then run the command again";
    InputEmpty = "input/empty", Input, Input,
        "There is no file to sign.",
        "check the path and the ignored paths: a signature over nothing would protect nothing";
    InputLimit = "input/limit", Input, Input,
        "An input is larger or deeper than the documented limit.",
        "docs/formats.md lists the limits and the flags that move them";
    InputName = "input/name", Input, Input,
        "A file name cannot be written into a signature.",
        "rename the file: names must be valid UTF-8";
    InputNotFound = "input/not-found", Input, Input,
        "The named file or directory does not exist.",
        "check the path";
    InputSpecialFile = "input/special-file", Input, Input,
        "A FIFO, socket or device stands where a file is expected.",
        "remove it, or leave it out with --ignore PATH";
    InputSymlink = "input/symlink", Input, Input,
        "The model to sign holds a symbolic link that cannot be signed.",
        "replace the link by the file itself, leave it out with --ignore PATH, or accept links that stay inside the model with --danger-allow-symlinks";
    InputUnreadable = "input/unreadable", Input, Input,
        "A file or directory cannot be read.",
        "check the permissions and the file system";
    KeyMalformed = "key/malformed", Usage, Usage,
        "The key or certificate file cannot be understood.",
        "a public key is PEM `BEGIN PUBLIC KEY`, a private key PEM `BEGIN PRIVATE KEY` or `BEGIN EC PRIVATE KEY`";
    KeyMismatch = "key/mismatch", Usage, Usage,
        "The private key is not the one that was expected.",
        "compare with `modelseal keys show KEY`";
    KeyPassphrase = "key/passphrase", Usage, Usage,
        "The passphrase of the private key is missing or wrong.",
        "give it with --key-passphrase-file FILE or --key-passphrase-env NAME";
    KeyTestKey = "key/test-key", Usage, Usage,
        "The key is a published test key: anyone can sign with it.",
        "make a key of your own with `modelseal keys generate`; tests use --danger-allow-test-keys";
    KeyUnsupported = "key/unsupported", Usage, Usage,
        "The key is of a kind that is not accepted.",
        "use ECDSA on P-256, P-384 or P-521; docs/formats.md lists the others that are accepted";
    KeyWeak = "key/weak", Usage, Usage,
        "The key is too weak.",
        "use RSA with at least 2048 bits, or ECDSA on P-256";
    KeyWrongForm = "key/wrong-form", Usage, Usage,
        "The file holds another kind of key material than the one asked for.",
        "give the public key to verify and the private key to sign; `modelseal keys export` makes one from the other";
    OutputExists = "output/exists", Usage, Usage,
        "The output file exists and may not be replaced.",
        "choose another path, or move the file away";
    OutputUnwritable = "output/unwritable", Usage, Usage,
        "The output cannot be written.",
        "check that the directory exists, is writable and has room";
    PolicyAttestationMissing = "policy/attestation-missing", No, Policy,
        "An attestation that was signed along with the model is missing or is not bound to it.",
        "restore the attestation file that was published with the model";
    PolicyAttestationOtherModel = "policy/attestation-other-model", No, Policy,
        "An attestation by a trusted key is about another model.",
        "restore the attestation file that was published with the model";
    PolicyOtherModel = "policy/other-model", No, Policy,
        "The signature is good, but for another model than the one expected.",
        "compare the name and digest with `modelseal inspect BUNDLE`; somebody may have swapped the model";
    SignatureCertificateTime = "signature/certificate-time", No, Signature,
        "A certificate is expired or not yet valid.",
        "have the model signed again with a current certificate; check the clock of this machine";
    SignatureInvalid = "signature/invalid", No, Signature,
        "The signature does not fit the bundle.",
        "fetch the bundle again; if it was made through Vault, check that the hash fits the curve (P-384 needs sha2-384, P-521 sha2-512)";
    SignatureSchemeNotAllowed = "signature/scheme-not-allowed", No, Signature,
        "The key's signature scheme was not allowed.",
        "name the scheme of the trusted key, for example --key 'file:key.pem?scheme=ed25519'";
    SignatureUnknownKey = "signature/unknown-key", No, Signature,
        "The bundle was signed by a key that is not trusted here.",
        "check who signed it with `modelseal inspect BUNDLE`, and your key with `modelseal keys show KEY`";
    SignatureUntrustedCertificate = "signature/untrusted-certificate", No, Signature,
        "The certificate chain does not lead to a trusted certificate by the rules.",
        "check the chain with `modelseal inspect BUNDLE`; give the right root with --certificate-chain FILE";
    SignatureWrongMethod = "signature/wrong-method", No, Signature,
        "The bundle was signed by another method than the one checked.",
        "verify a key bundle with --key KEY, a certificate bundle with --certificate-chain FILE";
    UsageArguments = "usage/arguments", Usage, Usage,
        "The command line or the call is wrong.",
        "see `modelseal COMMAND --help`";
    UsageIgnorePath = "usage/ignore-path", Usage, Usage,
        "A path to ignore is not acceptable.",
        "name a file or directory inside the model, without patterns";
    UsageInterrupted = "usage/interrupted", Interrupted, Cancelled,
        "The work was stopped by the caller; nothing was decided or written.",
        "run the command again";
    UsageName = "usage/name", Usage, Usage,
        "A model name is not acceptable.",
        "use letters, digits, `.`, `_`, `-` in parts separated by `/`, at most 255 characters";
    UsageTrustInsideModel = "usage/trust-inside-model", Usage, Usage,
        "A key, certificate or policy lies inside the model that it would judge.",
        "keep what you trust outside the model: whoever can change the model could change it too";
    UsageUnknownResource = "usage/unknown-resource", Usage, Usage,
        "A file named for verification is not in the signature.",
        "`modelseal inspect BUNDLE` lists the signed files";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or(UnknownCode)
    }
}

/// A text that is no error code.
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCode;

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an error code")
    }
}

impl core::error::Error for UnknownCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_unique_sorted_and_read_back() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0].as_str() < pair[1].as_str()));
        for code in Code::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert!(!code.hint().is_empty() && !code.summary().is_empty());
        }
    }
}
