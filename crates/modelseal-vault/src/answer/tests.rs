//! Answers, through a connection: only there can they be had.

use modelseal_http::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;

use super::Answer;
use crate::connection::Call;
use crate::connection::faults::{Fault, Faults};

#[derive(Deserialize)]
struct Data {
    text: Option<String>,
}

fn answer(body: &serde_json::Value) -> Answer<Data> {
    let server = Faults::new([Fault::json(200, &body.to_string())]);
    server.connect(&[]).ask(Call::get("x")).unwrap()
}

#[test]
fn fields_that_are_null_or_not_there() {
    for body in [json!({}), json!({"data": null, "auth": null, "wrap_info": null, "warnings": null, "other": [{}]})] {
        let answer = answer(&body);
        assert!(answer.data.is_none() && answer.auth.is_none() && answer.wrap_info.is_none());
        assert!(answer.warnings.is_none() && answer.request_id.is_none());
    }
    assert!(answer(&json!({"data": {"text": null}})).data.unwrap().text.is_none());
}

#[test]
fn a_login() {
    let answer = answer(&json!({"request_id": "4f-2", "auth": {
        "client_token": "s.pl4nted", "accessor": "a", "policies": ["p"], "lease_duration": 300, "renewable": true,
        "token_type": "service", "num_uses": 0, "mfa_requirement": null, "metadata": {"role": "ci"},
    }}));
    assert!(!format!("{answer:?}").contains("pl4nted"));
    let auth = answer.auth.unwrap();
    assert_eq!(auth.client_token.expose_secret(), "s.pl4nted");
    assert_eq!((auth.lease_duration, auth.num_uses), (300, Some(0)));
    assert_eq!((auth.accessor.as_deref(), auth.token_type.as_deref()), (Some("a"), Some("service")));
    assert!(auth.mfa_requirement.is_none());
    assert_eq!(auth.policies.unwrap(), ["p"]);
}

#[test]
fn t23_no_field_but_its_own_repeats_a_token() {
    let answer = answer(&json!({
        "auth": {
            "client_token": "s.pl4nted-token", "accessor": "s.pl4nted-token", "lease_duration": 300,
            "policies": ["root", "s.pl4nted-token"], "token_type": "S.PL4NTED-TOKEN",
        },
        "wrap_info": {"creation_path": "auth/s.pl4nted-token/login"},
        "warnings": [format!("{}s.pl4nted-token", "x".repeat(290))],
    }));
    let auth = answer.auth.unwrap();
    assert_eq!(auth.client_token.expose_secret(), "s.pl4nted-token");
    assert_eq!((auth.accessor.as_deref(), auth.token_type.as_deref()), (Some("[secret]"), Some("[secret]")));
    assert_eq!(auth.policies.unwrap(), ["root", "[secret]"]);
    assert_eq!(answer.wrap_info.unwrap().creation_path.unwrap(), "auth/[secret]/login");
    assert!(answer.warnings.unwrap()[0].ends_with("x[secret]"));
}

#[test]
fn a_wrapped_login_and_a_second_factor() {
    let wrapped = answer(&json!({"auth": null, "wrap_info": {"token": "s.x", "creation_path": "auth/jwt/login"}}));
    assert!(wrapped.wrap_info.is_some());
    let second = json!({"auth": {"client_token": "", "lease_duration": 0, "mfa_requirement": {"mfa_request_id": "x"}}});
    assert!(answer(&second).auth.unwrap().mfa_requirement.is_some());
}

#[test]
fn texts_of_the_server_are_capped() {
    let warnings = answer(&json!({"warnings": vec!["é".repeat(5_000); 100]})).warnings.unwrap();
    assert_eq!((warnings.len(), warnings[0].chars().count()), (16, 300));
    for bad in ["", "xyz", "a b", "a\u{1b}", "é", &"1".repeat(65)] {
        assert_eq!(answer(&json!({"request_id": bad})).request_id, None, "{bad}");
    }
}
