//! Who is told what, and how it gets there: through an SMTP server of other people's making (aiosmtpd), with everything that
//! such a server does to a message.

use crate::{
    fallback::with_app,
    support::{Agent, Browser, Database, Server, agent::Key, on_both_databases, server::START},
};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::Duration,
};
use tacit::{
    clock::{DAY, HOUR, MINUTE, SECOND},
    domain::{connection::Role, enrolment},
    limits::Limits,
    mail::{
        Letter, Mailer, Problem,
        delivery::{ATTEMPTS, deliver_due},
    },
    settings::{Mail, MailTls},
    store::{
        Store,
        outbox::{LETTERS, OutboxRow, WAITING},
        queue::Counts,
    },
};

const OPS: &str = "ops@acme.test";

/// aiosmtpd as a process that ends with this value.
struct Smtp {
    process: Child,
    taken: Receiver<String>,
    port: u16,
}

impl Smtp {
    fn start(port: u16, arguments: &[&Path]) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
        let mut process = Command::new(folder.join(".venv/bin/python"))
            .arg(folder.join("server.py"))
            .arg(port.to_string())
            .arg(if arguments.is_empty() {
                "plain"
            } else {
                "starttls"
            })
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("tests/mail/.venv is missing: `cargo xtask test` makes it");
        let (send, taken) = channel();
        let output = BufReader::new(process.stdout.take().unwrap());
        std::thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| send.send(line))
        });
        assert_eq!(
            taken.recv_timeout(Duration::from_secs(30)).unwrap(),
            format!("port {port}")
        );
        Self {
            process,
            taken,
            port,
        }
    }

    /// The next message that it took.
    fn next(&self) -> serde_json::Value {
        serde_json::from_str(&self.taken.recv_timeout(Duration::from_secs(10)).unwrap()).unwrap()
    }

    fn took_nothing_more(&self) {
        assert_eq!(
            self.taken.recv_timeout(Duration::from_millis(200)),
            Err(RecvTimeoutError::Timeout)
        );
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn mail(port: u16) -> Mail {
    Mail {
        host: "127.0.0.1".into(),
        port,
        tls: MailTls::NoneOnLoopback,
        ca: None,
        from: "Tacit <tacit@acme.test>".into(),
        administrators: vec![OPS.into()],
        user: None,
        password_file: None,
    }
}

async fn server_with(database: Database, mail: Mail) -> Server {
    let mail = Some(mail);
    Server::with_settings(database, Limits::generous(), Role::Factor, false, |s| {
        s.mail = mail
    })
    .await
}

fn mailer(server: &Server) -> Mailer {
    let settings = &server.app.settings;
    Mailer::new(settings.mail.as_ref().unwrap(), &settings.origin).unwrap()
}

async fn put(server: &Server, recipient: &str) {
    assert!(in_one!(
        server.app.store,
        insert_letter(recipient, "subject", "body", server.now())
    ));
}

async fn only(server: &Server) -> OutboxRow {
    let [row] = server
        .app
        .store
        .latest(&LETTERS, 9)
        .await
        .unwrap()
        .try_into()
        .unwrap();
    row
}

/// Recipients and subjects, sorted.
async fn letters(server: &Server) -> Vec<(String, String)> {
    let rows: Vec<OutboxRow> = server.app.store.latest(&LETTERS, 99).await.unwrap();
    let mut letters: Vec<_> = rows
        .into_iter()
        .map(|row| (row.recipient, row.subject))
        .collect();
    letters.sort();
    letters
}

/// A header of a message as it went over the wire, unfolded.
fn header<'a>(message: &'a serde_json::Value, name: &str) -> Vec<&'a str> {
    let (head, _) = message["content"]
        .as_str()
        .unwrap()
        .split_once("\r\n\r\n")
        .unwrap();
    let lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
    lines
        .filter(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}

on_both_databases! {
    async fn each_binding_factor_and_revocation_is_told_to_the_person_and_the_administrator(database: Database) {
        let server = server_with(database, mail(9)).await;
        let agent = Agent::enrolled(&server).await;
        let bound = "A device was enrolled for your sign-ins".to_owned();
        assert_eq!(letters(&server).await, [("ann@acme.test".into(), bound.clone()), (OPS.into(), bound.clone())]);
        server.wait(DAY);
        with_app(&server, "ann@acme.test").await;
        let added = "A way to sign in was added".to_owned();
        assert_eq!(letters(&server).await.iter().filter(|(_, s)| *s == added).count(), 2);
        assert!(enrolment::revoke(&server.app, &agent.device_id(), "desk", server.now()).await.unwrap());
        assert!(!enrolment::revoke(&server.app, &agent.device_id(), "desk", server.now()).await.unwrap());
        let revoked = "A device was revoked".to_owned();
        assert_eq!(letters(&server).await.iter().filter(|(_, s)| *s == revoked).count(), 2, "once");
        let kinds: Vec<_> = server.app.store.events_since(0, 99).await.unwrap().into_iter().map(|e| e.kind).collect();
        for kind in ["bound", "factor_added", "device_revoked"] {
            assert!(kinds.iter().any(|k| k == kind), "{kind} in {kinds:?}");
        }
        for row in server.app.store.latest::<OutboxRow>(&LETTERS, 99).await.unwrap() {
            assert!(row.body.contains(" for ann@acme.test."), "{}", row.body);
            assert!(row.body.contains("If you did not expect this"), "{}", row.body);
        }
    }

    async fn a_notice_stands_or_falls_with_what_it_tells_of(database: Database) {
        let server = server_with(database, mail(9)).await;
        let mut write = server.app.store.write().await.unwrap();
        assert!(Store::insert_letter(&mut write, OPS, "subject", "body", START).await.unwrap());
        drop(write);
        assert!(letters(&server).await.is_empty());
        // A second binding of the same roll-out use fails, and nobody is told of it.
        let quiet = Server::with_settings(Database::sqlite(), Limits::generous(), Role::Factor, false, |_| {}).await;
        Agent::enrolled(&quiet).await;
        assert!(letters(&quiet).await.is_empty(), "without [mail] nothing piles up");
        assert!(quiet.app.store.events_since(0, 9).await.unwrap().iter().any(|e| e.kind == "bound"), "the audit trail has it");
    }

    async fn a_server_that_is_down_or_says_later_gets_it_later_and_once(database: Database) {
        let port = free_port();
        let server = server_with(database, mail(port)).await;
        put(&server, OPS).await;
        let mailer = mailer(&server);
        assert_eq!(deliver_due(&server.app, &mailer).await.unwrap(), 0);
        let row = only(&server).await;
        assert_eq!((row.state.as_str(), row.attempts, row.problem.is_empty()), ("waiting", 1, false));
        let pause = row.due_at - server.now();
        assert!((22 * SECOND..38 * SECOND).contains(&pause), "{pause}");
        let smtp = Smtp::start(port, &[]);
        assert_eq!(deliver_due(&server.app, &mailer).await.unwrap(), 0, "not before its time");
        server.wait(pause);
        assert_eq!(deliver_due(&server.app, &mailer).await.unwrap(), 1);
        let message = smtp.next();
        assert_eq!(message["to"], serde_json::json!([OPS]));
        assert_eq!(header(&message, "auto-submitted"), ["auto-generated"]);
        let row = only(&server).await;
        assert_eq!((row.state.as_str(), row.body.as_str(), row.problem.as_str()), ("sent", "", ""));
        server.wait(DAY);
        assert_eq!(deliver_due(&server.app, &mailer).await.unwrap(), 0);
        smtp.took_nothing_more();
        server.app.store.sweep(server.now() + 8 * DAY).await.unwrap();
        assert!(letters(&server).await.is_empty(), "what was sent is forgotten after a week");
    }

    async fn a_notice_that_nobody_takes_is_given_up_and_can_be_tried_again(database: Database) {
        let smtp = Smtp::start(free_port(), &[]);
        let server = server_with(database, mail(smtp.port)).await;
        let mailer = mailer(&server);
        put(&server, "never@acme.test").await;
        deliver_due(&server.app, &mailer).await.unwrap();
        let row: OutboxRow = server.app.store.dead(&LETTERS, 1).await.unwrap().remove(0);
        assert_eq!((row.attempts, row.recipient.as_str()), (1, "never@acme.test"), "a 5yz reply is final");
        assert!(row.problem.contains("nobody has that name"), "{}", row.problem);
        put(&server, "later@acme.test").await;
        for _ in 0..ATTEMPTS {
            server.wait(3 * HOUR);
            deliver_due(&server.app, &mailer).await.unwrap();
        }
        let counts = server.app.store.count(&LETTERS).await.unwrap();
        assert_eq!(counts, Counts { waiting: 0, tried: 0, dead: 2 }, "a 4yz reply is final in the end");
        server.wait(3 * HOUR);
        assert_eq!(deliver_due(&server.app, &mailer).await.unwrap(), 0);
        assert_eq!(server.app.store.revive(&LETTERS, server.now()).await.unwrap(), 2);
        assert_eq!(server.app.store.count(&LETTERS).await.unwrap().waiting, 2);
        smtp.took_nothing_more();
    }

    async fn two_servers_send_each_notice_once_and_a_dead_ones_notices_are_sent_by_the_other(database: Database) {
        let smtp = Smtp::start(free_port(), &[]);
        let one = server_with(database, mail(smtp.port)).await;
        let two = one.another_process().await;
        for n in 0..6 {
            put(&one, &format!("person{n}@acme.test")).await;
        }
        let (a, b) = (mailer(&one), mailer(&one));
        let (sent, more) = tokio::join!(deliver_due(&one.app, &a), deliver_due(&two.app, &b));
        assert_eq!(sent.unwrap() + more.unwrap(), 6);
        let mut people: Vec<String> = (0..6).map(|_| smtp.next()["to"][0].as_str().unwrap().into()).collect();
        people.sort();
        people.dedup();
        assert_eq!(people.len(), 6);

        put(&one, OPS).await;
        let [id] = one.app.store.due(&LETTERS, one.now(), 9).await.unwrap().try_into().unwrap();
        let claimed: OutboxRow = one.app.store.claim(&LETTERS, &id, one.now(), one.now() + 2 * MINUTE).await.unwrap().unwrap();
        let letter = Letter { id: &id, to: &claimed.recipient, subject: "s", body: "b" };
        a.send(&letter).await.unwrap(); // … and here the process dies: sent, but not noted.
        assert_eq!(deliver_due(&two.app, &b).await.unwrap(), 0, "it is claimed");
        one.wait(2 * MINUTE);
        assert_eq!(deliver_due(&two.app, &b).await.unwrap(), 1);
        let (first, second) = (smtp.next(), smtp.next());
        assert_eq!(header(&first, "message-id"), header(&second, "message-id"), "twice, but one message");
        assert_eq!(header(&first, "message-id"), [format!("<{id}@login.tacit-idp.test>")]);
    }

    async fn a_mail_server_that_is_gone_for_good_does_not_fill_the_disk(database: Database) {
        let server = server_with(database, mail(9)).await;
        let mut write = server.app.store.write().await.unwrap();
        sqlx::query(
            "INSERT INTO outbox (id, state, recipient, subject, body, attempts, due_at, problem, created_at, ended_at) \
             WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
             SELECT 'letter ' || CAST(i AS TEXT), 'waiting', 'a', 's', 'b', 0, 0, '', 0, 0 FROM n",
        )
        .bind(WAITING)
        .execute(&mut *write)
        .await
        .unwrap();
        for room in [true, false] {
            assert_eq!(Store::insert_letter(&mut write, OPS, "s", "b", START).await.unwrap(), room);
        }
        write.commit().await.unwrap();
        Agent::enrolled(&server).await;
        assert_eq!(server.app.store.count(&LETTERS).await.unwrap().waiting, WAITING, "and a binding still happens");
    }
}

#[tokio::test]
async fn a_slow_server_is_given_up_on() {
    let smtp = Smtp::start(free_port(), &[]);
    let server = server_with(Database::sqlite(), mail(smtp.port)).await;
    let mailer = mailer(&server).with_patience(Duration::from_millis(300));
    put(&server, "slow@acme.test").await;
    put(&server, OPS).await;
    assert_eq!(
        deliver_due(&server.app, &mailer).await.unwrap(),
        1,
        "the others still get theirs"
    );
    assert_eq!(smtp.next()["to"][0], OPS);
    let rows: Vec<OutboxRow> = server.app.store.latest(&LETTERS, 9).await.unwrap();
    let slow = rows
        .iter()
        .find(|row| row.recipient == "slow@acme.test")
        .unwrap();
    assert_eq!(slow.state, "waiting");
    assert!(slow.problem.contains("longer than"), "{}", slow.problem);
}

#[tokio::test]
async fn nothing_that_a_stranger_chooses_gets_into_a_header() {
    let smtp = Smtp::start(free_port(), &[]);
    let server = server_with(Database::sqlite(), mail(smtp.port)).await;
    let mailer = mailer(&server);
    let letter = |to, subject| Letter {
        id: "i",
        to,
        subject,
        body: "one\r\n.\r\nQUIT\r\ntwo",
    };
    for to in [
        "a@acme.test\r\nBcc: x@evil.test",
        "a@acme.test, x@evil.test",
        "\"a\r\n\"@acme.test",
        "a@acme.test>\r\nRCPT TO:<x@evil.test",
        "",
    ] {
        assert!(
            matches!(mailer.send(&letter(to, "s")).await, Err(Problem::Never(_))),
            "{to:?}"
        );
    }
    mailer
        .send(&letter(
            "ann@acme.test",
            "Hello\r\nBcc: x@evil.test\r\n\r\nbody",
        ))
        .await
        .unwrap();
    let message = smtp.next();
    assert_eq!(message["to"], serde_json::json!(["ann@acme.test"]));
    assert!(header(&message, "bcc").is_empty());
    assert_eq!(header(&message, "subject").len(), 1);
    let content = message["content"].as_str().unwrap();
    assert!(
        content.contains("QUIT") && content.contains("two"),
        "a dot ends nothing early: {content}"
    );

    // What device and browser say of themselves is not repeated; what is, is ours.
    let browser = Browser::default();
    let page = browser.start(&server, "ann@acme.test").await;
    let mut challenge = server
        .app
        .store
        .find_challenge(&page.challenge)
        .await
        .unwrap()
        .unwrap();
    challenge.agent = "Call +1 900 555 0100 now: https://evil.test".into();
    let agent = Agent {
        device: Key::generate(),
        installation: Key::generate(),
    };
    agent.register(&server, crate::support::server::TOKEN).await;
    let mut device = server
        .app
        .store
        .find_device(&agent.device_id())
        .await
        .unwrap()
        .unwrap();
    device.posture.platform = "https://evil.test".into();
    let notice = tacit::domain::notice::Notice::bound(
        &challenge,
        &device,
        enrolment::How::Code,
        server.now(),
    );
    let body = notice.body(&server.ann, "https://login.tacit-idp.test");
    assert!(!body.contains("evil") && !body.contains("900"), "{body}");
    for secret in [
        page.nonce.as_str(),
        page.challenge.as_str(),
        challenge.matching.as_str(),
        browser.cookie().as_str(),
    ] {
        assert!(!body.contains(secret), "{secret}");
    }
}

/// A certificate for 127.0.0.1 and its key, as files.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()])
        .unwrap();
    let (c, k) = (folder.join("c.pem"), folder.join("k.pem"));
    std::fs::write(&c, key.cert.pem()).unwrap();
    std::fs::write(&k, key.signing_key.serialize_pem()).unwrap();
    (c, k)
}

#[tokio::test]
async fn mail_goes_over_tls_to_a_server_that_is_known_or_not_at_all() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (c, k) = certificate(folder.path());
    let smtp = Smtp::start(free_port(), &[&c, &k]);
    let password = folder.path().join("password");
    std::fs::write(&password, "a good password\n").unwrap();
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    let good = Mail {
        host: "localhost".into(),
        tls: MailTls::Starttls,
        ca: Some(c.clone()),
        user: Some("tacit".into()),
        password_file: Some(password.clone()),
        ..mail(smtp.port)
    };
    let origin = crate::support::agent::origin();
    let letter = Letter {
        id: "i",
        to: OPS,
        subject: "s",
        body: "b",
    };
    let sent = async |mail: &Mail| Mailer::new(mail, &origin).unwrap().send(&letter).await;
    sent(&good).await.unwrap();
    let message = smtp.next();
    assert_eq!(
        (&message["tls"], &message["user"]),
        (&true.into(), &"tacit".into())
    );

    let stranger = Mail {
        ca: None,
        ..good.clone()
    };
    assert!(
        matches!(sent(&stranger).await, Err(Problem::Later(_))),
        "nobody vouches for its certificate"
    );
    let wrapped = Mail {
        tls: MailTls::Required,
        ..good.clone()
    };
    assert!(
        matches!(sent(&wrapped).await, Err(Problem::Later(_))),
        "it does not begin with TLS"
    );
    std::fs::write(&password, "a wrong password\n").unwrap();
    let refused = sent(&good).await;
    assert!(
        matches!(&refused, Err(Problem::Later(why)) if !why.contains("password")),
        "an administrator can mend that: {refused:?}"
    );
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = Mailer::new(&good, &origin).err().unwrap().to_string();
    assert!(error.contains("chmod 600"), "{error}");
    let plain = Smtp::start(free_port(), &[]);
    let stripped = Mail {
        port: plain.port,
        user: None,
        password_file: None,
        ..good
    };
    assert!(
        matches!(sent(&stripped).await, Err(Problem::Later(_))),
        "whoever takes STARTTLS away gets nothing"
    );
    plain.took_nothing_more();
    smtp.took_nothing_more();
}
