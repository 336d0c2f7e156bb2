//! Words of servers in messages.

use modelseal_core::Error;
use serde_json::json;

use super::*;
use crate::connection::Call;
use crate::connection::faults::{Fault, Faults};

fn refusal(fault: Fault) -> Refusal {
    let server = Faults::new([fault]);
    server.connect(&[("VAULT_MAX_RETRIES", "0")]).tell(Call::get("transit/keys/k")).unwrap_err()
}

fn words(words: &[&str]) -> Refusal {
    refusal(Fault::json(403, &json!({"errors": words}).to_string()))
}

#[test]
fn the_servers_words_are_in_the_message_on_one_line() {
    let refusal = words(&["1 error occurred:\n\t* permission denied\n\n"]);
    let message = refusal.error.message();
    assert!(message.starts_with("GET v1/transit/keys/k at http://127.0.0.1:"), "{message}");
    assert!(message.ends_with(": status 403: permission denied"), "{message}");
    assert!(refusal.error.hint().contains("revoked"), "{}", refusal.error.hint());
    assert_eq!(refusal.words, ["1 error occurred:\n\t* permission denied\n\n"]);
    let error = refusal.named(Code::VaultLoginRefused, "the role refused");
    assert_eq!(error.code(), Code::VaultLoginRefused);
    assert_eq!(error.message(), "the role refused: permission denied");
}

#[test]
fn t11_hostile_words_are_capped_and_escaped() {
    let long = "é".repeat(5_000);
    let many = vec!["w"; 1_000];
    assert_eq!(words(&many).words.len(), MOST_WORDS);
    let refusal = words(&[&long, &long, "::error::\u{1b}[2J\u{202e}"]);
    assert!(refusal.words.iter().all(|word| word.chars().count() <= MOST_CHARACTERS + 1));
    assert!(refusal.error.message().chars().count() < MOST_CHARACTERS + 200);
    assert!(refusal.named(Code::VaultRefused, "m").message().chars().count() < MOST_CHARACTERS + 10);
    let message = words(&["::error::\u{1b}[2J\u{202e}\n::add-mask::x"]).error;
    assert!(!message.message().contains(['\u{1b}', '\u{202e}', '\n']), "{message}");
}

#[test]
fn t23_a_secret_that_the_server_says_back_is_not_repeated() {
    const TOKEN: &str = "s.pl4nted-token-of-the-test";
    let long = format!("{}{TOKEN}", "x".repeat(MOST_CHARACTERS - 12));
    let errors = json!({"errors": [format!("no such token {TOKEN}"), long], "request_id": TOKEN}).to_string();
    let place = format!("https://elsewhere.example/{TOKEN}/x");
    for fault in [Fault::json(403, &errors), Fault::json(307, "").with_header("location", place)] {
        let server = Faults::new([fault]);
        let token = TOKEN.into();
        let refusal = server.connect(&[]).tell(Call::get("transit/keys/k").with_token(Some(&token))).unwrap_err();
        let text = format!("{refusal:?} {}", refusal.error.message());
        assert!(!text.contains("pl4nted") && text.contains("[secret]"), "{text}");
    }
}

#[test]
fn what_is_not_the_servers_own_is_not_quoted() {
    let twice = r#"{"errors":["a"],"errors":["pl4nted"]}"#;
    for body in ["pl4nted", "<p>pl4nted", "[[\"pl4nted\"]]", r#"{"error":"pl4nted"}"#, r#"{"errors":"pl4nted"}"#, twice]
    {
        for status in [400, 403, 404, 500, 503] {
            let refusal = refusal(Fault::json(status, body));
            assert!(refusal.words.is_empty());
            let text = format!("{:?} {}", refusal.error, refusal.error.hint());
            assert!(!text.contains("pl4nted") && text.contains("not the server's own"), "{text}");
            assert_eq!(refusal.sent, Sent::Maybe, "{status}");
        }
    }
}

#[test]
fn a_plain_error_is_no_answer() {
    let refusal = Refusal::from(Error::new(Code::VaultCredentials, "x"));
    assert_eq!((refusal.status, refusal.sent), (None, Sent::Maybe));
    assert_eq!(refusal.named(Code::VaultRefused, "said").message(), "said");
    assert_eq!(Error::from(words(&["x"])).code(), Code::VaultPermission);
}
