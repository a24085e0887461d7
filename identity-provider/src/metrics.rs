//! Prometheus metrics. No label holds a name, an address or an identifier.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

/// The recorder of this process; made at the first call.
pub fn handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let builder = match builder.set_buckets_for_metric(
            Matcher::Suffix("_seconds".into()),
            &[
                0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0, 60.0,
                300.0,
            ],
        ) {
            Ok(builder) => builder,
            // Only an empty list of buckets is refused.
            Err(_) => PrometheusBuilder::new(),
        };
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        describe();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed: /metrics stays empty");
        }
        handle
    })
}

fn describe() {
    metrics::describe_counter!("tacit_decisions_total", "Decisions, by outcome and factor");
    metrics::describe_counter!(
        "tacit_refusals_total",
        "Refused messages of agents, by reason"
    );
    metrics::describe_counter!(
        "tacit_requests_refused_total",
        "Refused SAML requests, by connection"
    );
    metrics::describe_counter!("tacit_bindings_total", "Bindings made, by how");
    metrics::describe_counter!(
        "tacit_responses_total",
        "HTTP responses, by route and status class"
    );
    metrics::describe_counter!(
        "tacit_scim_tokens_refused_total",
        "SCIM requests without a good token"
    );
    metrics::describe_gauge!(
        "tacit_scim_token_seconds_left",
        "Until the last good SCIM token of a connection expires; 0 = there is none any more"
    );
    metrics::describe_counter!(
        "tacit_okta_actions_total",
        "Attempts at actions at orgs, by kind and result"
    );
    metrics::describe_gauge!(
        "tacit_okta_actions",
        "Actions at orgs that wait or were given up, by state"
    );
    metrics::describe_counter!(
        "tacit_okta_events_total",
        "Events of orgs, by what became of them"
    );
    metrics::describe_histogram!(
        "tacit_challenge_seconds",
        "From the request to the decision"
    );
}
