use super::Database;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode},
};
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};
use tacit::{
    app::App,
    clock::{Clock, Millis},
    domain::{
        connection::{Connection, KeyStatus, Role, SigningKey},
        signing,
        user::{User, UserId, UserStatus},
    },
    http,
    keys::{MasterKey, hash},
    limits::Limits,
    random,
    settings::{FRESHNESS_MS, MASTER_KEY_FILE, Settings, Tls},
    store::{Store, token::TokenRow},
};
use tower::ServiceExt;
use wire::id::{ConnectionId, Origin, UserName};

pub const ORIGIN: &str = "https://login.tacit-idp.test";
pub const START: Millis = 1_795_393_898_042;
pub const TOKEN: &str = "the organisation's token";

/// The server with connection `acme`, people Ann and Ben, and one enrolment token.
pub struct Server {
    pub app: App,
    pub ann: User,
    pub ben: User,
    router: Router,
    _database: Option<Database>,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Server {
    pub async fn new(database: Database) -> Self {
        Self::with(database, Limits::generous(), Role::Factor, false).await
    }

    pub async fn with(
        database: Database,
        limits: Limits,
        role: Role,
        okta_offers_choice: bool,
    ) -> Self {
        Self::with_settings(database, limits, role, okta_offers_choice, |_| {}).await
    }

    pub async fn with_settings(
        database: Database,
        limits: Limits,
        role: Role,
        okta_offers_choice: bool,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings {
            origin: Origin::new(ORIGIN).unwrap(),
            listen: "127.0.0.1:0".parse().unwrap(),
            database: database.url.clone(),
            tls: Some(Tls {
                certificate: PathBuf::new(),
                key: PathBuf::new(),
            }),
            trusted_proxies: Vec::new(),
            metrics_from: Vec::new(),
            extension: None,
            freshness_ms: FRESHNESS_MS,
            mail: None,
        };
        change(&mut settings);
        let store = Store::open(&database.url).await.unwrap();
        let app = App::new(
            settings,
            store,
            Clock::set_to(START),
            MasterKey::new(&[7; 32]),
            limits,
        );
        let connection = Connection {
            id: acme(),
            role,
            okta_offers_choice,
            metadata: METADATA.into(),
            updated_at: START,
        };
        // One RSA key for all tests: making one takes longer than most of them.
        static KEY: OnceLock<SigningKey> = OnceLock::new();
        let make = || signing::generate(&app, &connection.id, KeyStatus::Current, START).unwrap();
        let key = KEY.get_or_init(make).clone();
        app.store
            .insert_connection(&connection, &key)
            .await
            .unwrap();
        let ann = add_user(&app, "ann@acme.test", &["staff"]).await;
        let ben = add_user(&app, "ben@acme.test", &[]).await;
        let token = TokenRow {
            id: random::id(START),
            purpose: "enrolment".into(),
            connection: String::new(),
            created_at: START,
            expires_at: 0,
            revoked_at: 0,
            last_used_at: 0,
        };
        app.store
            .insert_token(&token, &hash(TOKEN.as_bytes()))
            .await
            .unwrap();
        Self {
            router: http::router(app.clone()),
            app,
            ann,
            ben,
            _database: Some(database),
        }
    }

    /// A server beside this one, on the same database and clock, that knows nothing of it.
    pub async fn another_process(&self) -> Self {
        let settings = self.app.settings.clone();
        let store = Store::open(&settings.database).await.unwrap();
        let app = App::new(
            settings,
            store,
            self.app.clock.clone(),
            MasterKey::new(&[7; 32]),
            Limits::generous(),
        );
        Self {
            router: http::router(app.clone()),
            app,
            ann: self.ann.clone(),
            ben: self.ben.clone(),
            _database: None,
        }
    }

    /// On the data folder of a program, beside it, by the machine's own clock.
    pub async fn on(data: &Path) -> Self {
        let settings = Settings::load(data).unwrap();
        let master = MasterKey::load_file(&data.join(MASTER_KEY_FILE)).unwrap();
        let store = Store::open(&settings.database).await.unwrap();
        let app = App::new(settings, store, Clock::System, master, Limits::generous());
        let ann = app
            .store
            .find_user_by_name("ann@acme.test")
            .await
            .unwrap()
            .unwrap();
        Self {
            router: http::router(app.clone()),
            app,
            ben: ann.clone(),
            ann,
            _database: None,
        }
    }

    pub fn now(&self) -> Millis {
        self.app.now_ms()
    }

    pub fn wait(&self, by: Millis) {
        self.app.clock.advance(by);
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(Method::GET, path, headers, Body::empty()).await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
        self.send(Method::POST, path, headers, body.into()).await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self
            .router
            .clone()
            .oneshot(request.body(body).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.body))
    }

    /// The code of the refusal in an agent's reply.
    pub fn reason(&self) -> String {
        assert!(!self.status.is_success(), "{}", self.body);
        self.json()["reason"].as_str().unwrap().into()
    }
}

pub fn acme() -> ConnectionId {
    ConnectionId::new("acme").unwrap()
}

pub async fn add_user(app: &App, login: &str, groups: &[&str]) -> User {
    let user = User {
        id: UserId::generate(START),
        login: UserName::new(login).unwrap(),
        status: UserStatus::Active,
        additions_held_until: 0,
        created_at: START,
    };
    let groups: Vec<String> = groups.iter().map(|g| (*g).into()).collect();
    app.store.insert_user(&user, &groups).await.unwrap();
    user
}

pub const SP: &str = "https://www.okta.com/saml2/service-provider/spabcdefghijklmnopqr";
pub const ACS: &str = "https://acme.okta-standin.test/sso/saml2/0oa1";

pub const METADATA: &str = concat!(
    r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://www.okta.com/saml2/service-provider/spabcdefghijklmnopqr">"#,
    r#"<md:SPSSODescriptor AuthnRequestsSigned="false" WantAssertionsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">"#,
    r#"<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://acme.okta-standin.test/sso/saml2/0oa1" index="0" isDefault="true"/>"#,
    r#"</md:SPSSODescriptor></md:EntityDescriptor>"#
);
