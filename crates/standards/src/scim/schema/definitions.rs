//! The schemas themselves.

use super::{Attribute, Kind, Mutability, ResourceType, Returned, Schema};

const fn of(name: &'static str, kind: Kind, description: &'static str) -> Attribute {
    Attribute {
        name,
        kind,
        is_multi: false,
        is_required: false,
        is_case_exact: !matches!(kind, Kind::Text),
        mutability: Mutability::ReadWrite,
        returned: Returned::Default,
        uniqueness: "none",
        subs: &[],
        canonical: &[],
        references: &[],
        description,
    }
}

const fn text(name: &'static str, description: &'static str) -> Attribute {
    of(name, Kind::Text, description)
}

const fn complex(
    name: &'static str,
    subs: &'static [Attribute],
    description: &'static str,
) -> Attribute {
    Attribute {
        subs,
        ..of(name, Kind::Complex, description)
    }
}

const fn list(
    name: &'static str,
    subs: &'static [Attribute],
    description: &'static str,
) -> Attribute {
    Attribute {
        is_multi: true,
        ..complex(name, subs, description)
    }
}

const fn read_only(attribute: Attribute) -> Attribute {
    Attribute {
        mutability: Mutability::ReadOnly,
        ..attribute
    }
}

const DISPLAY: Attribute = text("display", "A name to show.");
const PRIMARY: Attribute = of(
    "primary",
    Kind::Boolean,
    "The preferred value; true at most once.",
);

const fn kind_of(canonical: &'static [&'static str]) -> Attribute {
    Attribute {
        canonical,
        ..text("type", "What the value is for.")
    }
}

const EMAIL: &[Attribute] = &[
    text("value", "The e-mail address."),
    DISPLAY,
    kind_of(&["work", "home", "other"]),
    PRIMARY,
];
const PHONE: &[Attribute] = &[
    text("value", "The telephone number."),
    DISPLAY,
    kind_of(&["work", "home", "mobile", "fax", "pager", "other"]),
    PRIMARY,
];
const PLAIN: &[Attribute] = &[text("value", "The value."), DISPLAY, kind_of(&[]), PRIMARY];
const PHOTO: &[Attribute] = &[
    of("value", Kind::Reference, "Where the picture is."),
    DISPLAY,
    kind_of(&["photo", "thumbnail"]),
    PRIMARY,
];
const CERTIFICATE: &[Attribute] = &[
    of("value", Kind::Binary, "A DER certificate in base64."),
    DISPLAY,
    kind_of(&[]),
    PRIMARY,
];
const ADDRESS: &[Attribute] = &[
    text("formatted", "The whole address."),
    text("streetAddress", "Street and number."),
    text("locality", "Town."),
    text("region", "Region."),
    text("postalCode", "Postal code."),
    text("country", "ISO 3166-1 alpha-2."),
    kind_of(&["work", "home", "other"]),
    PRIMARY,
];
const NAME: &[Attribute] = &[
    text("formatted", "The whole name."),
    text("familyName", "Family name."),
    text("givenName", "Given name."),
    text("middleName", "Middle names."),
    text("honorificPrefix", "Title before the name."),
    text("honorificSuffix", "What follows the name."),
];
const GROUP_OF: &[Attribute] = &[
    read_only(Attribute {
        is_case_exact: true,
        ..text("value", "The group's id.")
    }),
    read_only(Attribute {
        references: &["Group"],
        ..of("$ref", Kind::Reference, "The group.")
    }),
    read_only(text("display", "The group's name.")),
    read_only(Attribute {
        canonical: &["direct"],
        ..text("type", "Always direct.")
    }),
];
const MEMBER: &[Attribute] = &[
    Attribute {
        is_case_exact: true,
        mutability: Mutability::Immutable,
        ..text("value", "The member's id.")
    },
    Attribute {
        references: &["User"],
        mutability: Mutability::Immutable,
        ..of("$ref", Kind::Reference, "The member.")
    },
    Attribute {
        mutability: Mutability::Immutable,
        ..text("display", "The member's name.")
    },
    Attribute {
        canonical: &["User"],
        mutability: Mutability::Immutable,
        ..text("type", "Always User.")
    },
];
const META: &[Attribute] = &[
    read_only(Attribute {
        is_case_exact: true,
        ..text("resourceType", "User or Group.")
    }),
    read_only(of("created", Kind::DateTime, "When it was made.")),
    read_only(of("lastModified", Kind::DateTime, "When it last changed.")),
    read_only(of("location", Kind::Reference, "Its URI.")),
    read_only(Attribute {
        is_case_exact: true,
        ..text("version", "Its weak entity tag.")
    }),
];

/// What all resources have (RFC 7643, section 3.1).
pub const COMMON: &[Attribute] = &[
    read_only(Attribute {
        is_case_exact: true,
        returned: Returned::Always,
        uniqueness: "server",
        ..text("id", "Our name of the resource; never reassigned.")
    }),
    Attribute {
        is_case_exact: true,
        ..text("externalId", "The client's name of the resource.")
    },
    read_only(complex("meta", META, "What is known about the resource.")),
];

/// `urn:ietf:params:scim:schemas:core:2.0:User` (RFC 7643, section 4.1).
pub static CORE_USER: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:core:2.0:User",
    name: "User",
    description: "A person.",
    attributes: &[
        Attribute {
            is_required: true,
            uniqueness: "server",
            ..text("userName", "The login; unique without regard to case.")
        },
        complex("name", NAME, "The parts of the person's name."),
        text("displayName", "The name to show."),
        text("nickName", "What others call the person."),
        of("profileUrl", Kind::Reference, "The person's page."),
        text("title", "Job title."),
        text("userType", "Kind of employment."),
        text("preferredLanguage", "As in Accept-Language."),
        text("locale", "BCP 47 language tag."),
        text("timezone", "Name in the time zone database."),
        of(
            "active",
            Kind::Boolean,
            "Whether the person may sign in. False ends sessions and revokes devices.",
        ),
        Attribute {
            is_case_exact: true,
            mutability: Mutability::WriteOnly,
            returned: Returned::Never,
            ..text(
                "password",
                "Accepted and dropped: nobody has a password here.",
            )
        },
        list("emails", EMAIL, "E-mail addresses."),
        list("phoneNumbers", PHONE, "Telephone numbers."),
        list("ims", PLAIN, "Instant messaging addresses."),
        list("photos", PHOTO, "Pictures."),
        list("addresses", ADDRESS, "Postal addresses."),
        read_only(list("groups", GROUP_OF, "Groups the person belongs to.")),
        list("entitlements", PLAIN, "What the person may have."),
        list("roles", PLAIN, "Roles."),
        list("x509Certificates", CERTIFICATE, "Certificates."),
    ],
};

/// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User` (RFC 7643, section 4.3).
pub static ENTERPRISE_USER: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    name: "EnterpriseUser",
    description: "A person in an organisation.",
    attributes: &[
        text("employeeNumber", "The organisation's number of the person."),
        text("costCenter", "Cost centre."),
        text("organization", "Organisation."),
        text("division", "Division."),
        text("department", "Department."),
        complex(
            "manager",
            &[
                text("value", "The manager's id."),
                of("$ref", Kind::Reference, "The manager."),
                read_only(text("displayName", "The manager's name.")),
            ],
            "The manager.",
        ),
    ],
};

/// `urn:ietf:params:scim:schemas:core:2.0:Group` (RFC 7643, section 4.2).
pub static CORE_GROUP: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:core:2.0:Group",
    name: "Group",
    description: "A group of people, as policy rules name it.",
    attributes: &[
        Attribute {
            is_required: true,
            uniqueness: "server",
            ..text("displayName", "The name; unique without regard to case.")
        },
        list("members", MEMBER, "The people in it."),
    ],
};

/// People.
pub static USER: ResourceType = ResourceType {
    name: "User",
    endpoint: "/Users",
    description: "People.",
    core: &CORE_USER,
    extensions: &[&ENTERPRISE_USER],
};

/// Groups.
pub static GROUP: ResourceType = ResourceType {
    name: "Group",
    endpoint: "/Groups",
    description: "Groups of people.",
    core: &CORE_GROUP,
    extensions: &[],
};
