//! Mail: one message to one recipient over SMTP, and what a failure of that means.

pub mod delivery;

use crate::settings::{Mail, MailTls};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};
use std::time::Duration;
use wire::id::Origin;
use zeroize::Zeroizing;

/// How long one command may take.
const COMMAND: Duration = Duration::from_secs(15);
/// How long one message may take altogether.
const MESSAGE: Duration = Duration::from_secs(40);
/// Characters of a server's reply that are kept.
const PROBLEM: usize = 200;

/// Why no mail can be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    /// A file of the settings.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// The password may be read by others.
    #[error("{0} may be read by others: chmod 600 it")]
    Readable(String),
    /// The certificates or the host's name.
    #[error("TLS to the mail server cannot be set up: {0}")]
    Tls(lettre::transport::smtp::Error),
    /// The sender's address.
    #[error("the sender {0:?} is no mail address")]
    From(String),
}

/// Why one message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It may go better later: no connection, a 4yz reply, a refused sign-in (which an administrator can mend).
    #[error("{0}")]
    Later(String),
    /// The server will never take it.
    #[error("{0}")]
    Never(String),
}

/// One message.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// Stays the same for every attempt, so that whoever gets it twice sees one.
    pub id: &'a str,
    /// An address.
    pub to: &'a str,
    /// One line.
    pub subject: &'a str,
    /// Plain text.
    pub body: &'a str,
}

/// Sends mail as the settings say.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    host: String,
    patience: Duration,
}

impl Mailer {
    /// Reads password and certificates. Nothing is connected yet.
    pub fn new(mail: &Mail, origin: &Origin) -> Result<Self, MailerError> {
        let ours = origin.as_str().trim_start_matches("https://");
        let host = ours.split(':').next().unwrap_or(ours).to_owned();
        let tls = match mail.tls {
            MailTls::Required => Tls::Wrapper(tls_to(mail)?),
            MailTls::Starttls => Tls::Required(tls_to(mail)?),
            MailTls::NoneOnLoopback => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.host)
            .port(mail.port)
            .tls(tls)
            .timeout(Some(COMMAND))
            .hello_name(ClientId::Domain(host.clone()));
        if let (Some(user), Some(file)) = (&mail.user, &mail.password_file) {
            let name = file.display().to_string();
            if crate::keys::is_readable_by_others(file)
                .map_err(|e| MailerError::File(name.clone(), e))?
            {
                return Err(MailerError::Readable(name));
            }
            let text = std::fs::read_to_string(file).map_err(|e| MailerError::File(name, e))?;
            let text = Zeroizing::new(text);
            let password = text.trim_end_matches(['\r', '\n']).to_owned();
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self {
            transport: builder.build(),
            from: mail
                .from
                .parse()
                .map_err(|_| MailerError::From(mail.from.clone()))?,
            host,
            patience: MESSAGE,
        })
    }

    /// Gives up on a message after another time than the usual one.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Hands one message over; when this returns, the server has taken responsibility for it.
    pub async fn send(&self, letter: &Letter<'_>) -> Result<(), Problem> {
        let message = self.message(letter)?;
        match tokio::time::timeout(self.patience, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(problem(&error)),
            Err(_) => Err(Problem::Later(format!(
                "the mail server took longer than {} seconds",
                self.patience.as_secs_f32()
            ))),
        }
    }

    /// Whether the server answers and lets us in; nothing is sent.
    pub async fn greet(&self) -> Result<(), Problem> {
        match tokio::time::timeout(self.patience, self.transport.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Problem::Later("the mail server refused to go on".into())),
            Ok(Err(error)) => Err(problem(&error)),
            Err(_) => Err(Problem::Later("the mail server takes too long".into())),
        }
    }

    fn message(&self, letter: &Letter<'_>) -> Result<Message, Problem> {
        let never = |what: &dyn std::fmt::Display| Problem::Never(bounded(&what.to_string()));
        let to: Address = letter.to.parse().map_err(|e| never(&e))?;
        Message::builder()
            .message_id(Some(format!("<{}@{}>", letter.id, self.host)))
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(letter.subject))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .body(letter.body.to_owned())
            .map_err(|e| never(&e))
    }
}

/// Tells answering machines not to (RFC 3834, section 5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

fn tls_to(mail: &Mail) -> Result<TlsParameters, MailerError> {
    let mut tls = TlsParameters::builder(mail.host.clone());
    if let Some(file) = &mail.ca {
        let pem =
            std::fs::read(file).map_err(|e| MailerError::File(file.display().to_string(), e))?;
        let certificates = Certificate::from_pem(&pem).map_err(MailerError::Tls)?;
        tls = tls.add_root_certificate(certificates);
    }
    tls.build_rustls().map_err(MailerError::Tls)
}

/// What an attempt's failure means (RFC 5321, section 4.2.1).
fn problem(error: &lettre::transport::smtp::Error) -> Problem {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        words = format!("{words}: {deeper}");
        cause = deeper.source();
    }
    let words = bounded(&words);
    // RFC 4954: these say that our account or the way there is wrong, and nothing about the message.
    let is_ours = error
        .status()
        .is_some_and(|code| [530, 534, 535, 538].contains(&u16::from(code)));
    match error.is_permanent() && !is_ours {
        true => Problem::Never(words),
        false => Problem::Later(words),
    }
}

/// A server's own words, cut to what a row takes.
fn bounded(text: &str) -> String {
    one_line(text).chars().take(PROBLEM).collect()
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
