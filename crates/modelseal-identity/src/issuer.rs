//! Who may have issued a token of a platform. A check of plausibility: whoever verifies the token decides.

/// The acceptable values of `iss`; none: any, or no issuer at all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Issuers(Vec<Accepted>);

#[derive(Clone, Debug)]
struct Accepted {
    base: String,
    below: bool,
}

impl Issuers {
    /// Any issuer.
    pub(crate) const fn any() -> Self {
        Self(Vec::new())
    }

    /// This one, byte for byte.
    pub(crate) fn exactly(issuer: impl Into<String>) -> Self {
        Self(vec![Accepted { base: issuer.into(), below: false }])
    }

    /// Also those whose path is below this one, as a platform has one for each of its customers.
    pub(crate) fn or_below(mut self, base: impl Into<String>) -> Self {
        self.0.push(Accepted { base: base.into(), below: true });
        self
    }

    pub(crate) fn accept(&self, issuer: Option<&str>) -> bool {
        self.0.is_empty() || issuer.is_some_and(|issuer| self.0.iter().any(|accepted| accepted.fits(issuer)))
    }

    /// For messages.
    pub(crate) fn shown(&self) -> String {
        let shown = |accepted: &Accepted| match accepted.below {
            true => format!("`{}/…`", accepted.base),
            false => format!("`{}`", accepted.base),
        };
        self.0.iter().map(shown).collect::<Vec<_>>().join(" or ")
    }
}

impl Accepted {
    fn fits(&self, issuer: &str) -> bool {
        if !self.below {
            return issuer == self.base;
        }
        let rest = issuer.strip_prefix(&self.base).and_then(|rest| rest.strip_prefix('/'));
        let plain = |part: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'{' | b'}');
            !part.is_empty() && !matches!(part, "." | "..") && part.bytes().all(plain)
        };
        rest.is_some_and(|rest| rest.trim_end_matches('/').split('/').all(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_not_enough() {
        let github = "https://token.actions.githubusercontent.com";
        let issuers = Issuers::exactly(github).or_below(github);
        for good in [github, "https://token.actions.githubusercontent.com/octo-inc"] {
            assert!(issuers.accept(Some(good)), "{good}");
        }
        for bad in [
            "https://token.actions.githubusercontent.com.evil.example",
            "https://token.actions.githubusercontent.com@evil.example",
            "https://token.actions.githubusercontent.com/..",
            "https://token.actions.githubusercontent.com/a//b",
            "https://token.actions.githubusercontent.com/a?b",
            "http://token.actions.githubusercontent.com",
            "",
        ] {
            assert!(!issuers.accept(Some(bad)), "{bad}");
        }
        assert!(!issuers.accept(None));
        assert!(Issuers::any().accept(None) && Issuers::any().accept(Some("x")));
    }
}
