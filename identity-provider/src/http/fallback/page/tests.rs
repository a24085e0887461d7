use super::*;

fn view() -> ChallengeView {
    ChallengeView {
        request: RequestBody::Challenge {
            challenge: wire::id::ChallengeId::new("c1").unwrap(),
            nonce: wire::id::Nonce::new("A".repeat(43)).unwrap(),
            req: wire::id::Digest::new("A".repeat(43)).unwrap(),
            subject: wire::id::UserName::new("o'neil\"<b>@acme.test").unwrap(),
        },
        subject: "o'neil\"<b>@acme.test".into(),
        application: "<script>alert(1)</script>".into(),
        place: "<i>".into(),
        state: "waiting",
        reasons: vec![],
        offered: Factor::ALL.to_vec(),
        begun: false,
        panel: Panel::Closed,
        message: String::new(),
    }
}

/// The content of the meta element, with HTML's entities undone as a browser does.
fn meta_content(html: &str, name: &str) -> String {
    let start = html
        .split_once(&format!("<meta name=\"{name}\" content=\""))
        .unwrap()
        .1;
    let raw = start.split_once('"').unwrap().0;
    [
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(raw.to_owned(), |text, (entity, c)| text.replace(entity, c))
}

#[test]
fn the_page_carries_what_the_extension_reads() {
    let html = view().html().unwrap().0;
    let mut meta: serde_json::Value =
        serde_json::from_str(&meta_content(&html, "tacit-challenge")).unwrap();
    meta["type"] = "challenge".into();
    assert_eq!(
        serde_json::from_value::<RequestBody>(meta).unwrap(),
        view().request
    );
    assert!(html.contains("<body data-state=\"waiting\""));
    assert!(html.contains("id=\"reason\"") && html.contains("id=\"fallback\""));
    for factor in Factor::ALL {
        assert!(html.contains(&format!("data-factor=\"{}\"", factor.code())));
    }
    let words: std::collections::HashMap<String, String> =
        serde_json::from_str(&meta_content(&html, "tacit-reasons")).unwrap();
    assert_eq!(words.len(), Reason::ALL.len());
}

#[test]
fn a_sign_in_from_elsewhere_is_warned_of_by_name_and_place() {
    let mut view = view();
    view.state = "step_up";
    assert!(
        view.html()
            .unwrap()
            .0
            .contains("<aside id=\"warning\" class=\"warning when when-step-up\" hidden>")
    );
    view.reasons = vec![Reason::StartedElsewhere];
    view.place = "203.0.113.7, Chrome on Windows".into();
    let html = view.html().unwrap().0;
    assert!(html.contains("<aside id=\"warning\" class=\"warning when when-step-up\">"));
    assert!(html.contains("203.0.113.7, Chrome on Windows"));
}

#[test]
fn nothing_of_a_page_is_inline_and_nothing_from_outside_becomes_markup() {
    let mut view = view();
    view.message = "<img src=x onerror=alert(1)>".into();
    for html in [
        view.html().unwrap().0,
        OpenedElsewhereView {
            application: "<i>".into(),
            place: "<i>".into(),
            started: "<i>".into(),
        }
        .html()
        .unwrap()
        .0,
        CompleteView {
            application: "<i>".into(),
            state: "allowed",
            action: "https://a.test/?a&\"b".into(),
            fields: vec![("<i>".into(), "\"><i>".into())],
        }
        .html()
        .unwrap()
        .0,
        NoticeView {
            title: "<i>".into(),
            text: "<i>".into(),
            reference: "<i>".into(),
        }
        .html()
        .unwrap()
        .0,
    ] {
        for forbidden in [
            "<script>",
            "<style",
            " style=",
            " onclick",
            " onerror=alert(1)>",
            "<i>",
            "<img",
            "javascript:",
        ] {
            assert!(!html.contains(forbidden), "{forbidden} in {html}");
        }
    }
}

#[test]
fn the_page_of_another_browser_holds_nothing_to_answer_with() {
    let view = OpenedElsewhereView {
        application: "Workplace".into(),
        place: "203.0.113.7, Firefox on Windows".into(),
        started: "2 minutes ago".into(),
    };
    let html = view.html().unwrap().0;
    assert!(html.contains("Workplace") && html.contains("203.0.113.7"));
    assert!(html.contains("data-state=\"opened_elsewhere\""));
    assert!(
        !html.contains("tacit-challenge") && !html.contains("<script") && !html.contains("<form")
    );
}
