//! Who is asking: what an administrator presents, held against what the configuration knows.
//!
//! Nothing here waits for anything. What a token of an issuer says is proven by whoever can ask the issuer, and
//! comes here as claims.

mod attempts;
mod bearer;
mod caller;
mod refusal;
mod roster;
mod site;
#[cfg(test)]
mod tests;

pub use attempts::Attempts;
pub use bearer::bearer;
pub use caller::Caller;
pub use refusal::Refusal;
pub use roster::{Roster, owner};
pub use site::{Hosts, judge_site};
