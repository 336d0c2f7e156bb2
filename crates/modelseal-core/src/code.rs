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
    /// The server refuses; trying again will not help.
    Refused = 4,
    /// The server cannot be used now; trying again may help.
    Unavailable = 5,
    /// A wrapping token was used before us: somebody may have read the secret.
    Intercepted = 6,
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
    /// `BackendError`: Vault or OpenBao refused, or could not be used.
    Backend,
    /// `BundleError`, a `VerificationError`.
    Bundle,
    /// `Cancelled`: the progress callable or a signal stopped the work.
    Cancelled,
    /// `IdentityError`, a `BackendError`: no usable credential to log in with.
    Identity,
    /// `IdentityUnavailable`, an `IdentityError`: no identity token to be had.
    IdentityUnavailable,
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
            Self::Backend => "BackendError",
            Self::Bundle => "BundleError",
            Self::Cancelled => "Cancelled",
            Self::Identity => "IdentityError",
            Self::IdentityUnavailable => "IdentityUnavailable",
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
    IdentityAlgorithm = "identity/algorithm", Usage, Identity,
        "The identity token is signed with an algorithm that its issuer may not use.",
        "do not accept it: nothing that signs for this issuer uses that algorithm";
    IdentityAudience = "identity/audience", Usage, Identity,
        "The identity token is not meant for this server.",
        "ask for a token with the audience that the role is bound to, and give the same one with --audience";
    IdentityClaims = "identity/claims", Usage, Identity,
        "The identity token lacks a claim that it needs, or one has the wrong form.",
        "compare the claims that `modelseal identity show` prints with those that the platform documents";
    IdentityExpired = "identity/expired", Usage, Identity,
        "The identity token has expired, or is not valid yet.",
        "ask for the token right before signing; check the clock of this machine";
    IdentityFork = "identity/fork", Usage, IdentityUnavailable,
        "The job is a pull request from a fork, which gets no identity token.",
        "sign after the merge, or pass `--skip-on-fork`";
    IdentityIssuer = "identity/issuer", Usage, Identity,
        "The identity token is of another issuer.",
        "name the right issuer with --identity-issuer, exactly as it stands in the token";
    IdentityKeysMalformed = "identity/keys-malformed", Usage, Identity,
        "The issuer's discovery document or key set cannot be used.",
        "fetch the key set again from the issuer's `jwks_uri`, and give that file with --jwks";
    IdentityKeysUnavailable = "identity/keys-unavailable", Unavailable, Identity,
        "The issuer's keys cannot be fetched.",
        "check that this machine reaches the issuer, or give its key set with --jwks FILE; to sign without provenance use --provenance off";
    IdentityMalformed = "identity/malformed", Usage, Identity,
        "The identity token is not a JSON web token.",
        "check where it comes from: one line, three parts between dots, nothing else";
    IdentityMissing = "identity/missing", Usage, IdentityUnavailable,
        "There is no identity token where one is needed.",
        "in CI check that the job may ask for one; elsewhere name its file with --identity-token-file or its variable with --identity-token-env";
    IdentityReplayFull = "identity/replay-full", Unavailable, Identity,
        "No more identity tokens can be remembered.",
        "try again when tokens have expired; a service with many callers needs a shared store";
    IdentityReplayed = "identity/replayed", Usage, Identity,
        "The identity token was used before.",
        "ask for a fresh token for every request";
    IdentitySignature = "identity/signature", Usage, Identity,
        "The signature of the identity token does not fit.",
        "do not accept it: a bad signature has nothing to do with clocks";
    IdentityUnavailable = "identity/unavailable", Unavailable, IdentityUnavailable,
        "The source of the identity token does not answer, or not with a token.",
        "run the job again; the message has what the source said";
    IdentityUnknownKey = "identity/unknown-key", Usage, Identity,
        "The identity token names a key that its issuer does not have.",
        "refresh the file given with --jwks; if the issuer changed its keys a moment ago, try again in a minute";
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
    PolicyAmbiguousIdentity = "policy/ambiguous-identity", No, Policy,
        "The signature comes with two provenance statements that differ.",
        "have the model signed again; one signature has one provenance";
    PolicyAttestationMissing = "policy/attestation-missing", No, Policy,
        "An attestation that was signed along with the model is missing or is not bound to it.",
        "restore the attestation file that was published with the model";
    PolicyAttestationOtherModel = "policy/attestation-other-model", No, Policy,
        "An attestation by a trusted key is about another model.",
        "restore the attestation file that was published with the model";
    PolicyBadGlob = "policy/bad-glob", Usage, Usage,
        "A pattern in the policy is not one that is accepted.",
        "`*` stands for any characters but `/`; nothing else is special, and `**`, `?`, brackets, braces and backslashes are refused";
    PolicyClaimNotEnforceable = "policy/claim-not-enforceable", Usage, Usage,
        "A rule matches a claim that the job's author may choose.",
        "docs/policy.md lists the claims that rules may match, and docs/identity.md what each is worth";
    PolicyEmptyList = "policy/empty-list", Usage, Usage,
        "A list in the policy is empty.",
        "leave the key out, or name what is allowed";
    PolicyExpired = "policy/expired", Usage, Usage,
        "The policy, or a list of revocations, is past its `valid_until`.",
        "fetch the current policy from whoever publishes it";
    PolicyKeyShared = "policy/key-shared", Usage, Usage,
        "One key stands behind two rules with different identities.",
        "give each identity a key of its own: whoever passes the weaker rule could satisfy the stronger; shared_key = \"danger\" accepts that";
    PolicyKeyVersion = "policy/key-version", No, Policy,
        "The signature was made by a version of the key that is no longer accepted.",
        "have the model signed again with the current version of the key";
    PolicyKeyWindow = "policy/key-window", No, Policy,
        "The key was not valid at this time.",
        "have the model signed again with the current version of the key; check the clock of this machine";
    PolicyNoImmutableId = "policy/no-immutable-id", Usage, Usage,
        "A rule binds no id that stays the same.",
        "bind repository_id or project_id: names can change hands";
    PolicyNoRuleMatches = "policy/no-rule-matches", No, Policy,
        "No rule of the policy allows this artifact.",
        "`modelseal policy explain MODEL --policy FILE --expect-name NAME` shows for each rule what it expected and what it found";
    PolicyNotSupported = "policy/not-supported", Usage, Usage,
        "The policy asks for something that is not done here.",
        "docs/policy.md says what is supported; use a version that does what the policy asks for, or change the policy";
    PolicyOpaDenied = "policy/opa-denied", No, Policy,
        "The OPA server did not allow the artifact.",
        "`modelseal policy input MODEL` prints what the server was asked";
    PolicyOpaUnavailable = "policy/opa-unavailable", Unavailable, Backend,
        "The OPA server cannot be asked, or gave no usable answer.",
        "check the url, the certificate authority and the token of [opa]; nothing is allowed without its answer";
    PolicyOtherModel = "policy/other-model", No, Policy,
        "The signature is good, but for another model than the one expected.",
        "compare the name and digest with `modelseal inspect BUNDLE`; somebody may have swapped the model";
    PolicyProvenanceMissing = "policy/provenance-missing", No, Policy,
        "There is no provenance with a verified identity.",
        "have the model signed in a job with an identity token, by a version of modelseal that signs provenance";
    PolicyRegoDenied = "policy/rego-denied", No, Policy,
        "The Rego modules did not allow the artifact.",
        "`modelseal policy input MODEL` prints what they were asked";
    PolicyRegoError = "policy/rego-error", No, Policy,
        "The Rego modules could not be evaluated.",
        "`modelseal policy check FILE` loads them; evaluation has a time limit, [rego] timeout";
    PolicyRegoFailOpen = "policy/rego-fail-open", Usage, Usage,
        "The Rego modules allow what they know nothing of, or can only deny.",
        "define `allow` so that it is true only when the facts it needs are there; docs/policy.md has an example";
    PolicyRevoked = "policy/revoked", No, Policy,
        "The model, a file or the key is revoked.",
        "do not use the model; the reason is in the policy";
    PolicySerial = "policy/serial", Usage, Usage,
        "The policy is older than the one that is expected.",
        "fetch the current policy from whoever publishes it; somebody may have put an old one back";
    PolicySignature = "policy/signature", Usage, Usage,
        "The policy is not signed as it must be.",
        "sign it again with `modelseal policy sign`, or check --policy-key";
    PolicySyntax = "policy/syntax", Usage, Usage,
        "The policy cannot be understood.",
        "docs/policy.md describes every key; `modelseal policy check FILE` points to the line";
    PolicyUnknownField = "policy/unknown-field", Usage, Usage,
        "The policy has a key that is not known.",
        "check its spelling with docs/policy.md: a key that is not understood could be one that protects";
    PolicyUnknownKeyName = "policy/unknown-key-name", Usage, Usage,
        "A rule names a key that the policy does not have.",
        "add a [[key]] of that name, or correct the rule";
    PolicyWarnings = "policy/warnings", Usage, Usage,
        "The policy has weaknesses, and none was to be accepted.",
        "change what the warnings name, or leave out --deny-warnings";
    SignatureCertificateTime = "signature/certificate-time", No, Signature,
        "A certificate is expired or not yet valid.",
        "have the model signed again with a current certificate; check the clock of this machine";
    SignatureInvalid = "signature/invalid", No, Signature,
        "The signature does not fit the bundle.",
        "fetch the bundle again; if it was made through Vault, check that the hash fits the curve (P-384 needs sha2-384, P-521 sha2-512)";
    SignatureOnlineRefused = "signature/online-refused", No, Signature,
        "The signature fits the public key here, but the server does not accept it.",
        "the server may have another key, or retired this version: compare with `modelseal keys show KEY`";
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
    UsageAttestationType = "usage/attestation-type", Usage, Usage,
        "An attestation of this type is not made on request.",
        "use a type of your own: signatures, provenance and policies are made by the commands that check them";
    UsageEnvironment = "usage/environment", Usage, Usage,
        "A variable of the environment has a value that cannot be used.",
        "correct or unset the variable that the message names; a flag wins over it";
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
    VaultAddress = "vault/address", Usage, Usage,
        "The address of the server cannot be used.",
        "the form is https://HOST:PORT, or unix:///PATH for a socket: give it with --vault-addr or VAULT_ADDR";
    VaultAnswer = "vault/answer", Refused, Backend,
        "The server's answer is not one that Vault or OpenBao would give; nothing of it was used.",
        "check that the address is that of the server itself; a proxy or another program may have answered";
    VaultCredentials = "vault/credentials", Usage, Identity,
        "A credential for the server cannot be used.",
        "check where it comes from: one line of printable ASCII, in a file that only its owner may change";
    VaultKeyNotFound = "vault/key-not-found", Refused, Backend,
        "The server has no such key.",
        "check name and mount, hashivault://MOUNT/KEY; an operator creates a key with `vault write -f MOUNT/keys/KEY type=ecdsa-p256`";
    VaultKeyType = "vault/key-type", Refused, Backend,
        "The key on the server cannot sign models.",
        "create a key of type ecdsa-p256, ecdsa-p384 or ecdsa-p521; docs/vault.md lists what else can be used";
    VaultKeyVersion = "vault/key-version", Refused, Backend,
        "The server does not offer that version of the key.",
        "look at `modelseal keys show hashivault://KEY`; min_decryption_version and min_encryption_version hide older versions";
    VaultLoginRefused = "vault/login-refused", Refused, Backend,
        "The server refused the login.",
        "compare the role's bound audience, claims and names with the credential; `modelseal vault login --dry-run` tries it alone";
    VaultMountNotFound = "vault/mount-not-found", Refused, Backend,
        "The server has no such mount.",
        "name the transit mount as hashivault://MOUNT/KEY or in TRANSIT_SECRET_ENGINE_PATH, the login mount with --auth-path";
    VaultNamespace = "vault/namespace", Refused, Backend,
        "The server has no such namespace.",
        "check --namespace and VAULT_NAMESPACE; servers without namespaces need none";
    VaultNoCredentials = "vault/no-credentials", Usage, Identity,
        "There is nothing to log in to the server with.",
        "give --role with an identity token (--identity-token-file), or another method with --auth; docs/vault.md shows each";
    VaultNotSupported = "vault/not-supported", Refused, Backend,
        "The server asks for something that is not supported.",
        "docs/vault.md lists what is: no multi-factor login, no encrypted sinks, no wrapped logins";
    VaultNotVault = "vault/not-vault", Refused, Backend,
        "What answers at the address is not Vault or OpenBao.",
        "check --vault-addr, with the path prefix if the server stands behind one";
    VaultPermission = "vault/permission", Refused, Backend,
        "The token may not do this.",
        "docs/vault.md has the smallest policies that suffice; `modelseal vault login --dry-run` shows what the token may do";
    VaultPlainHttp = "vault/plain-http", Usage, Usage,
        "Plain HTTP to another machine would show the token to everyone on the way.",
        "use https://, or --danger-plain-http if the way is protected otherwise";
    VaultRateLimited = "vault/rate-limited", Unavailable, Backend,
        "The server limits the rate of requests and kept refusing until the time was up.",
        "try again later, allow more time with --timeout, or raise the quota";
    VaultRedirect = "vault/redirect", Unavailable, Backend,
        "The server redirects to another address; redirects are never followed, since the token would travel along.",
        "if the new address is the right one, give it with --vault-addr";
    VaultRefused = "vault/refused", Refused, Backend,
        "The server refused the request.",
        "the message has the server's own words";
    VaultSealed = "vault/sealed", Unavailable, Backend,
        "The server is sealed or not initialised.",
        "ask its operator to unseal it, then run the command again";
    VaultServerError = "vault/server-error", Refused, Backend,
        "The server failed to handle the request.",
        "the message has the server's own words; its log has more, by the request id";
    VaultTimeout = "vault/timeout", Unavailable, Backend,
        "The server did not answer in time.",
        "try again, allow more time with --timeout, and check the address";
    VaultTls = "vault/tls", Refused, Backend,
        "There is no trustworthy TLS connection to the server.",
        "give the server's certificate authority with --ca-cert; the host name must be one of its certificate";
    VaultTokenInvalid = "vault/token-invalid", Refused, Backend,
        "The server does not know the token: it is expired, revoked or used up.",
        "log in again, with credentials that are fresh";
    VaultTokenTtl = "vault/token-ttl", Refused, Backend,
        "The token lives longer than allowed.",
        "set token_ttl and token_max_ttl of the role, or allow it with --max-token-ttl";
    VaultTokenUnlimited = "vault/token-unlimited", Refused, Backend,
        "The token is a root token or never expires.",
        "use a role with token_ttl; to use this token all the same give --danger-unlimited-token";
    VaultTooLarge = "vault/too-large", Refused, Backend,
        "The signed list is too large for this kind of key: the server must see all of it.",
        "use an ECDSA or RSA key, for which only the digest is sent";
    VaultUnavailable = "vault/unavailable", Unavailable, Backend,
        "The server, or a proxy before it, cannot handle requests now.",
        "try again later";
    VaultUnexpectedKey = "vault/unexpected-key", Refused, Backend,
        "The server signs with another key than the expected one.",
        "nothing was signed: check the address, and compare with `modelseal keys show KEY`; somebody may have exchanged the server or the key";
    VaultUnreachable = "vault/unreachable", Unavailable, Backend,
        "There is no connection to the server.",
        "check the address and the network";
    VaultWrappingPath = "vault/wrapping-path", Intercepted, Backend,
        "The wrapping token was not made by the expected role: somebody may have read the secret id and wrapped it again.",
        "tell security, and look for unwrap in the audit log; if only the spelling differs give the path with --wrapping-path";
    VaultWrappingToken = "vault/wrapping-token", Intercepted, Backend,
        "The wrapping token was used before, has expired, or never was one: somebody may have the secret id.",
        "tell security, look for unwrap in the audit log, destroy the role's secret ids, and issue a new one";
    VaultWrongSignature = "vault/wrong-signature", Refused, Backend,
        "The server's signature does not fit the server's own public key; nothing was written.",
        "do not trust this server: what answers may not be it";
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
