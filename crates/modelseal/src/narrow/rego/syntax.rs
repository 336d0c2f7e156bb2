//! What a module may look like. The parser and the evaluator go down one frame of the stack for each level of nesting and
//! each link of a chain, and the parser tries nested brackets in every possible way.

use core::fmt::Display;

use modelseal_core::{Code, Error, Result};
use regorus::unstable::{Lexer, Source, Span, Token, TokenKind};

use super::words::said;

/// Deepest nesting of brackets.
const MAX_DEPTH: usize = 16;

/// Most operators, dots and calls between two brackets that hold them, without a break.
const MAX_LINKS: usize = 1000;

/// Checks a module before it is parsed.
///
/// # Errors
/// `policy/syntax`, with the place.
pub(super) fn check(name: &str, text: &str) -> Result<()> {
    let wrong = |why: &dyn Display| Error::new(Code::PolicySyntax, format!("the Rego module `{name}`: {}", said(&why)));
    if text.contains('\0') {
        // The parser would take it for the end, and leave out the rules behind it.
        return Err(wrong(&"a NUL character"));
    }
    let source = Source::from_contents(name.to_owned(), text.to_owned()).map_err(|error| wrong(&error))?;
    let mut lexer = Lexer::new(&source);
    // Links so far at each level of nesting.
    let mut levels = vec![0_usize];
    loop {
        let Token(kind, span) = lexer.next_token().map_err(|error| wrong(&error))?;
        match (kind, span.text()) {
            (TokenKind::Eof, _) => return Ok(()),
            (TokenKind::Symbol | TokenKind::Ident, text) => follow(&mut levels, text, &span)?,
            _ => {}
        }
    }
}

fn follow(levels: &mut Vec<usize>, text: &str, span: &Span) -> Result<()> {
    if matches!(text, "}" | "]" | ")") {
        // One that was never opened is for the parser to refuse.
        if levels.len() > 1 {
            levels.pop();
        }
        return Ok(());
    }
    let opens = matches!(text, "{" | "[" | "(");
    if let Some(links) = levels.last_mut() {
        match text {
            ";" | "," | "if" | "else" | ":=" => *links = 0,
            _ if opens || is_operator(text) => *links += 1,
            _ => {}
        }
        if *links > MAX_LINKS {
            return Err(refused(span, &format!("more than {MAX_LINKS} operators in one expression")));
        }
    }
    if opens {
        levels.push(0);
    }
    if levels.len() > MAX_DEPTH + 1 {
        return Err(refused(span, &format!("brackets are nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(())
}

fn is_operator(text: &str) -> bool {
    matches!(
        text,
        "+" | "-" | "*" | "/" | "%" | "|" | "&" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "=" | "." | "in" | "not"
    )
}

/// A refusal at a place in a module.
pub(super) fn refused(span: &Span, why: &str) -> Error {
    Error::new(Code::PolicySyntax, format!("the Rego module {}: {why}", place(span)))
}

/// `NAME:LINE:COLUMN`.
pub(super) fn place(span: &Span) -> String {
    format!("`{}`:{}:{}", span.source.get_path(), span.line, span.col)
}
