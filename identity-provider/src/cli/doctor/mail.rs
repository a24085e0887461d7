//! Whether notices reach anybody.

use super::{Findings, failed};
use crate::{
    app::App,
    mail::Mailer,
    store::outbox::{LETTERS, OutboxRow},
};

pub(super) async fn examine(app: &App, findings: &mut Findings) -> anyhow::Result<()> {
    let counts = app.store.count(&LETTERS).await?;
    let Some(mail) = &app.settings.mail else {
        // No fault: but nobody should believe that somebody is told.
        let what = "not set up, so notices are in `tacit audit events` and on the console only; [mail] in tacit.toml sends them";
        findings.note("mail", Ok(what.into()));
        return Ok(());
    };
    let server = format!("{}:{}", mail.host, mail.port);
    let finding = match Mailer::new(mail, &app.settings.origin) {
        Err(error) => failed(error, "mend [mail] in tacit.toml"),
        Ok(mailer) => match mailer.greet().await {
            Ok(()) => Ok(format!("{server} answers and lets us in")),
            Err(problem) => failed(
                format!("{server}: {problem}"),
                "check host, port, tls, user and password_file of [mail] in tacit.toml, then `tacit mail test ADDRESS`",
            ),
        },
    };
    findings.note("mail", finding);
    let finding = match (counts.dead, counts.tried, counts.waiting) {
        (0, 0, waiting) => Ok(format!("{waiting} on their way")),
        (0, tried, waiting) => Ok(format!(
            "{waiting} on their way, {tried} of them tried before"
        )),
        (dead, ..) => {
            let last: Vec<OutboxRow> = app.store.dead(&LETTERS, 1).await?;
            let why = last.first().map_or_else(String::new, |row| {
                format!(", the last one to {}: {}", row.recipient, row.problem)
            });
            failed(
                format!("{dead} could not be delivered{why}"),
                "mend the cause, then `tacit mail retry`; `tacit mail list` shows them",
            )
        }
    };
    findings.note("notices", finding);
    Ok(())
}
