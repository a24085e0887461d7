//! Chains of navigations, honest and hostile, as a table.

use super::*;
use crate::sites::tests::sites;

const OKTA: &str = "https://acme.okta-standin.test";
const SERVER: &str = "https://login.tacit-idp.test";
const APP: &str = "https://app.workplace.test";
const EVIL: &str = "https://evil.test";

const CHALLENGE: &str = "https://login.tacit-idp.test/challenge/1";
const HOME: &str = "https://acme.okta-standin.test/";
const VERIFY: &str =
    "https://acme.okta-standin.test/signin/verify/generic_saml/custom?stateToken=00x";
const START: &str = "https://acme.okta-standin.test/app/workplace/sso/saml?SAMLRequest=x";
const IDPS: &str = "https://acme.okta-standin.test/sso/idps/0oa1?stateToken=00x";
const SSO: &str = "https://login.tacit-idp.test/saml/acme/sso";
const SSO_LINK: &str = "https://login.tacit-idp.test/saml/acme/sso?SAMLRequest=x";

/// What happens in one tab.
enum Do {
    /// A navigation begun by an origin (or nobody) through a chain of URLs.
    Go(Option<&'static str>, &'static [&'static str]),
    /// The same without the worker seeing a request: from the cache, or while it was dead.
    Appear(&'static str),
    /// A reload of the present document; the browser repeats the first initiator.
    Reload(Option<&'static str>, &'static str),
    /// Back or forward; the browser repeats the first initiator.
    History(Option<&'static str>, &'static str),
    /// The fragment changes.
    Fragment(&'static str),
    /// A trusted key or click in the present document.
    Touch,
    /// A trusted key or click that is reported after the document has gone.
    TouchBefore,
    /// A request that never commits: a download, or another navigation overtakes it.
    Ask(Option<&'static str>, &'static str),
    /// Seconds pass.
    Wait(u32),
}
use Do::*;

fn play(steps: &[Do]) -> Provenance {
    let sites = sites();
    let mut tab = Tab::default();
    let (mut now, mut count) = (1e12, 0u32);
    for step in steps {
        // The worker may die between any two events: what counts is what can be written down.
        let text = serde_json::to_string(&tab).unwrap();
        tab = serde_json::from_str(&text).unwrap();
        now += 10.0;
        let mut commit = |tab: &mut Tab, url: &str, reload: bool, history: bool| {
            count += 1;
            tab.committed(
                &sites,
                &Commit {
                    document: &format!("d{count}"),
                    url,
                    reload,
                    history,
                    at: now,
                },
            );
        };
        let ask = |tab: &mut Tab, id: &str, initiator: Option<&str>, url: &str| {
            tab.requested(&sites, &Request { id, url, initiator });
        };
        let id = format!("r{now}");
        match step {
            Go(initiator, urls) => {
                for url in *urls {
                    ask(&mut tab, &id, *initiator, url);
                }
                commit(&mut tab, urls.last().unwrap(), false, false);
            }
            Appear(url) => commit(&mut tab, url, false, false),
            Reload(initiator, url) => {
                ask(&mut tab, &id, *initiator, url);
                commit(&mut tab, url, true, false);
            }
            History(initiator, url) => {
                ask(&mut tab, &id, *initiator, url);
                commit(&mut tab, url, false, true);
            }
            Fragment(url) => tab.fragment_changed(&sites, url),
            Touch => tab.touched(&format!("d{count}"), now),
            TouchBefore => tab.touched(&format!("d{}", count - 1), now - 10.0),
            Ask(initiator, url) => ask(&mut tab, &id, *initiator, url),
            Wait(seconds) => now += f64::from(*seconds) * 1000.0,
        }
    }
    tab.provenance(&format!("d{count}"))
}

#[test]
fn what_a_person_starts_in_this_tab_is_proven() {
    let chains: &[(&str, &[Do])] = &[
        (
            "typed into the address bar, then signed in",
            &[
                Go(None, &[HOME]),
                Touch,
                Go(Some(OKTA), &[IDPS, SSO, CHALLENGE]),
            ],
        ),
        (
            "from the application, with a verify page in between",
            &[
                Go(None, &[APP]),
                Go(Some(APP), &["https://app.workplace.test/login", START]),
                Touch,
                Go(Some(OKTA), &[VERIFY]),
                Touch,
                Go(Some(OKTA), &[IDPS]),
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "a click that is reported after the page has gone",
            &[
                Go(None, &[HOME]),
                Go(Some(OKTA), &[VERIFY]),
                Go(Some(OKTA), &[IDPS]),
                TouchBefore,
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "the challenge page reloaded",
            &[
                Go(None, &[HOME]),
                Touch,
                Go(Some(OKTA), &[SSO, CHALLENGE]),
                Reload(Some(OKTA), CHALLENGE),
            ],
        ),
        (
            "the Okta page reloaded first",
            &[
                Go(None, &[HOME]),
                Reload(None, HOME),
                Touch,
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "a second challenge of the same stay",
            &[
                Go(None, &[HOME]),
                Touch,
                Go(Some(OKTA), &[SSO, CHALLENGE]),
                Go(
                    Some(SERVER),
                    &["https://acme.okta-standin.test/sso/saml2/0oa1"],
                ),
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "a fresh start after somebody else's link was opened here",
            &[
                Go(None, &[VERIFY]),
                Touch,
                Go(None, &[APP]),
                Go(Some(APP), &[START]),
                Touch,
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "the org's other name",
            &[
                Go(None, &["https://id.acme.test/"]),
                Touch,
                Go(Some("https://id.acme.test"), &[IDPS, SSO, CHALLENGE]),
            ],
        ),
        (
            "a request that never arrived, before the one that did",
            &[
                Go(None, &[HOME]),
                Touch,
                Ask(Some(EVIL), SSO_LINK),
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
    ];
    for (name, steps) in chains {
        let provenance = play(steps);
        assert!(provenance.is_proven(), "{name}: {provenance:?}");
    }
}

#[test]
fn what_came_from_outside_is_never_proven() {
    let chains: &[(&str, &[Do])] = &[
        ("nothing was seen", &[]),
        (
            "a link to our sign-on address in a mail program",
            &[Go(None, &[SSO_LINK, CHALLENGE])],
        ),
        (
            "the same in a tab that had a fresh stay at Okta",
            &[Go(None, &[HOME]), Touch, Go(None, &[SSO_LINK, CHALLENGE])],
        ),
        (
            "a link to our sign-on address on another site",
            &[
                Go(None, &[EVIL]),
                Touch,
                Go(Some(EVIL), &[SSO_LINK, CHALLENGE]),
            ],
        ),
        (
            "an opener sends a tab with a fresh stay at Okta to our sign-on address",
            &[
                Go(Some(EVIL), &[HOME]),
                Touch,
                Go(Some(EVIL), &[SSO_LINK, CHALLENGE]),
            ],
        ),
        (
            "another site posts a form to our sign-on address",
            &[Go(None, &[EVIL]), Touch, Go(Some(EVIL), &[SSO, CHALLENGE])],
        ),
        (
            "a sandboxed frame has no origin that could be named",
            &[
                Go(None, &[HOME]),
                Touch,
                Go(Some("null"), &[SSO_LINK, CHALLENGE]),
            ],
        ),
        (
            "a link to Okta that carries a state token, and the victim clicks there",
            &[
                Go(None, &[VERIFY]),
                Touch,
                Go(Some(OKTA), &[IDPS, SSO, CHALLENGE]),
            ],
        ),
        (
            "the same through a chain of redirects that hides the token's URL",
            &[
                Go(Some(EVIL), &["https://evil.test/r", VERIFY, HOME]),
                Touch,
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "the token wrapped in a return address",
            &[
                Go(
                    None,
                    &["https://acme.okta-standin.test/login?fromURI=%2Fx%3FstateToken%3D00x"],
                ),
                Touch,
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "our sign-on address wrapped in a return address",
            &[
                Go(
                    None,
                    &[
                        "https://acme.okta-standin.test/login?fromURI=https%3A%2F%2Flogin.tacit-idp.test%2Fsaml%2Facme%2Fsso%3FSAMLRequest%3Dx",
                    ],
                ),
                Touch,
                Go(Some(OKTA), &[SSO_LINK, CHALLENGE]),
            ],
        ),
        (
            "the token in a fragment that an opener sets",
            &[
                Go(Some(EVIL), &[HOME]),
                Touch,
                Fragment("https://acme.okta-standin.test/#stateToken=00x"),
                Touch,
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "a link straight to the IdP hop",
            &[Go(None, &[IDPS, SSO, CHALLENGE])],
        ),
        (
            "a detour on the way from Okta to us",
            &[
                Go(None, &[HOME]),
                Touch,
                Go(Some(OKTA), &["https://evil.test/r", SSO_LINK, CHALLENGE]),
            ],
        ),
        (
            "a tainted stay goes on over several Okta pages",
            &[
                Go(None, &[VERIFY]),
                Go(Some(OKTA), &[HOME]),
                Touch,
                Go(Some(OKTA), &[IDPS]),
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "a tainted stay reloaded",
            &[
                Go(None, &[VERIFY]),
                Reload(None, VERIFY),
                Touch,
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "nobody touched the Okta page",
            &[Go(None, &[HOME]), Go(Some(OKTA), &[SSO, CHALLENGE])],
        ),
        (
            "the last touch was on the page before Okta",
            &[
                Go(None, &[EVIL]),
                Touch,
                Go(Some(EVIL), &[HOME]),
                TouchBefore,
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "the last touch belongs to an earlier stay",
            &[
                Go(None, &[HOME]),
                Touch,
                Go(None, &[EVIL]),
                Go(Some(EVIL), &[HOME]),
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "the last touch was too long ago",
            &[
                Go(None, &[HOME]),
                Touch,
                Wait(121),
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "a touch on the challenge page itself",
            &[Go(None, &[HOME]), Go(Some(OKTA), &[SSO, CHALLENGE]), Touch],
        ),
        (
            "an Okta page in a frame of another site navigates the top",
            &[Go(None, &[EVIL]), Touch, Go(Some(OKTA), &[SSO, CHALLENGE])],
        ),
        (
            "a frame of another site inside an Okta page navigates the top",
            &[
                Go(None, &[HOME]),
                Touch,
                Go(Some(EVIL), &[SSO_LINK, CHALLENGE]),
            ],
        ),
        (
            "the request was not seen: cache, prerendering or a dead worker",
            &[Go(None, &[HOME]), Touch, Appear(CHALLENGE)],
        ),
        (
            "the Okta page's request was not seen",
            &[Appear(HOME), Touch, Go(Some(OKTA), &[SSO, CHALLENGE])],
        ),
        ("a restored tab", &[Reload(Some(OKTA), CHALLENGE)]),
        (
            "an old challenge through the history, after a fresh stay",
            &[
                Go(None, &[VERIFY]),
                Touch,
                Go(Some(OKTA), &[SSO, CHALLENGE]),
                Go(None, &[HOME]),
                Touch,
                History(Some(OKTA), CHALLENGE),
            ],
        ),
        (
            "a tainted Okta page through the history",
            &[
                Go(None, &[VERIFY]),
                Go(None, &[HOME]),
                Touch,
                History(None, VERIFY),
                Touch,
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "an unproven challenge reloaded",
            &[Go(None, &[SSO_LINK, CHALLENGE]), Reload(None, CHALLENGE)],
        ),
        (
            "a reload that ends on another challenge",
            &[
                Go(None, &[HOME]),
                Touch,
                Go(
                    Some(OKTA),
                    &[SSO, "https://login.tacit-idp.test/challenge/2"],
                ),
                Reload(Some(OKTA), CHALLENGE),
            ],
        ),
        (
            "a link on our own page that was not proven",
            &[
                Go(
                    None,
                    &[SSO_LINK, "https://login.tacit-idp.test/challenge/2"],
                ),
                Go(Some(SERVER), &[CHALLENGE]),
            ],
        ),
        (
            "Okta entered from our page that was not proven",
            &[
                Go(None, &[SSO_LINK, CHALLENGE]),
                Go(
                    Some(SERVER),
                    &["https://acme.okta-standin.test/sso/saml2/0oa1"],
                ),
                Touch,
                Go(Some(OKTA), &[SSO, CHALLENGE]),
            ],
        ),
        (
            "an endless chain",
            &[
                Go(None, &[HOME]),
                Touch,
                Go(
                    Some(OKTA),
                    &[
                        IDPS, SSO, IDPS, SSO, IDPS, SSO, IDPS, SSO, IDPS, SSO, IDPS, SSO, IDPS,
                        SSO, IDPS, SSO, IDPS, SSO, IDPS, SSO, IDPS, SSO, CHALLENGE,
                    ],
                ),
            ],
        ),
        (
            "a look-alike of the org",
            &[
                Go(None, &["https://acme.okta-standin.test@evil.test/"]),
                Touch,
                Go(Some(EVIL), &[SSO, CHALLENGE]),
            ],
        ),
    ];
    for (name, steps) in chains {
        let provenance = play(steps);
        assert_eq!(
            provenance.broken_by,
            Some(Reason::StartedElsewhere),
            "{name}: {provenance:?}"
        );
    }
}

#[test]
fn the_age_and_the_place_of_entry_are_told() {
    let provenance = play(&[
        Go(None, &[APP]),
        Go(Some(APP), &[START]),
        Touch,
        Wait(5),
        Go(Some(OKTA), &[SSO, CHALLENGE]),
    ]);
    assert_eq!(provenance.age_ms, Some(5_020));
    assert_eq!(provenance.entered_from, Some(Origin::new(APP).unwrap()));
    let provenance = play(&[Go(None, &[EVIL]), Go(Some(EVIL), &[SSO_LINK, CHALLENGE])]);
    assert_eq!(provenance.entered_from, Some(Origin::new(EVIL).unwrap()));
}

#[test]
fn another_document_of_the_tab_is_not_proven() {
    let sites = sites();
    let mut tab = Tab::default();
    tab.committed(
        &sites,
        &Commit {
            document: "d1",
            url: CHALLENGE,
            reload: false,
            history: false,
            at: 1e12,
        },
    );
    assert!(tab.shows("d1") && !tab.shows("d2"));
    assert!(!tab.provenance("d2").is_proven());
}

#[test]
fn no_url_is_kept() {
    let mut tab = Tab::default();
    let request = Request {
        id: "1",
        url: VERIFY,
        initiator: Some(EVIL),
    };
    tab.requested(&sites(), &request);
    let text = serde_json::to_string(&tab).unwrap();
    assert!(
        !text.contains("stateToken") && !text.contains("00x"),
        "{text}"
    );
}
