//! Second opinions that a policy asks for: Rego modules, an OPA server. They can only deny.

mod opa;
mod rego;

pub use opa::OpaNarrow;
pub use rego::RegoNarrow;
