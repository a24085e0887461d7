//! Why a change of the org's rows is refused. The API turns it into an E-code.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("validation of {member} failed: {causes:?}")]
    Invalid { member: String, causes: Vec<String> },
    #[error("a member has the wrong type")]
    Malformed,
    #[error("{0} was not found")]
    NotFound(String),
    #[error("{what} is full")]
    Full { what: &'static str },
    /// An E-code that has a status and a text of its own.
    #[error("{code}: {summary}")]
    Refused {
        status: u16,
        code: &'static str,
        summary: String,
        causes: Vec<String>,
    },
}

impl Fault {
    pub fn invalid(member: impl Into<String>, cause: impl Into<String>) -> Fault {
        Fault::Invalid {
            member: member.into(),
            causes: vec![cause.into()],
        }
    }

    pub fn blank(member: &str) -> Fault {
        Fault::invalid(member, format!("{member}: The field cannot be left blank"))
    }

    /// Of a name that has to be unique.
    pub fn taken(member: &str) -> Fault {
        Fault::invalid(
            member,
            format!(
                "{member}: An object with this field already exists in the current organization"
            ),
        )
    }

    pub fn refused(status: u16, code: &'static str, summary: impl Into<String>) -> Fault {
        Fault::Refused {
            status,
            code,
            summary: summary.into(),
            causes: Vec::new(),
        }
    }
}
