//! The management API beyond what the recordings hold: life cycles, refusals, faults, tokens, signals and hooks.

mod common;
#[path = "management/faults.rs"]
mod faults;
#[path = "management/people.rs"]
mod people;
#[path = "management/service.rs"]
mod service;
#[path = "management/setup.rs"]
mod setup;

use common::Stand;
use common::receiver::Receiver;
use okta_stand_in::Pipeline;

/// An org without an identity provider; hosts `*.acme.test` are the receiver.
async fn empty(pipeline: Pipeline, receiver: Option<&Receiver>) -> Stand {
    let address = receiver.map(|receiver| receiver.address);
    Stand::with(|config| {
        config.idp = None;
        config.pipeline = pipeline;
        config.network.plain = true;
        if let Some(address) = address {
            config
                .network
                .hosts
                .insert("hook.acme.test".to_owned(), address);
        }
    })
    .await
}
