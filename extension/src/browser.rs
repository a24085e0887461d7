//! The one place that touches `chrome.*`. Values go in and out as text, numbers and bytes.

use js_sys::{Array, Function, JSON, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// Milliseconds since 1970.
pub fn now() -> f64 {
    js_sys::Date::now()
}

/// Resolves after `ms`.
pub async fn sleep(ms: f64) {
    let promise = Promise::new(&mut |resolve, _| set_timeout(&resolve, ms));
    // A promise that only `setTimeout` settles is never rejected.
    let _ = JsFuture::from(promise).await;
}

/// Runs `work` beside everything else.
pub fn spawn(work: impl Future<Output = ()> + 'static) {
    wasm_bindgen_futures::spawn_local(work);
}

/// The extension's version.
pub fn version() -> String {
    text_member(&manifest(), "version").unwrap_or_default()
}

/// The extension's own origin.
pub fn own_origin() -> String {
    format!(
        "chrome-extension://{}",
        ID.with(JsValue::as_string).unwrap_or_default()
    )
}

/// Writes to session storage: in memory, gone with the browser, for the extension's own pages only.
pub async fn session_set(key: &str, text: &str) {
    // Losing rolling state costs evidence, nothing else: there is nobody to tell.
    let _ = area_set(&SESSION.with(JsValue::clone), key, text).await;
}

/// Removes from session storage.
pub async fn session_remove(key: &str) {
    let _ = area_remove(&SESSION.with(JsValue::clone), key).await;
}

/// Writes to local storage.
pub async fn local_set(key: &str, text: &str) -> Result<(), ()> {
    area_set(&LOCAL.with(JsValue::clone), key, text).await
}

/// Removes from local storage.
pub async fn local_remove(key: &str) -> Result<(), ()> {
    area_remove(&LOCAL.with(JsValue::clone), key).await
}

/// Keeps local storage from content scripts, which could read it otherwise.
pub async fn local_for_own_pages_only() {
    let level = object(&[("accessLevel", &"TRUSTED_CONTEXTS".into())]);
    let _ = call(&LOCAL.with(JsValue::clone), "setAccessLevel", &[&level]).await;
}

/// Everything in managed storage as JSON text.
pub async fn managed() -> String {
    let everything = call(&MANAGED.with(JsValue::clone), "get", &[&JsValue::NULL]).await;
    everything.as_ref().map(text_of).unwrap_or_default()
}

/// Sets the alarm `name` to `ms` from now, and every `ms` after that.
pub async fn set_alarm(name: &str, ms: f64) {
    let minutes = JsValue::from_f64((ms / 60_000.0).max(0.5));
    let when = object(&[("delayInMinutes", &minutes), ("periodInMinutes", &minutes)]);
    let _ = call(
        &ALARMS.with(JsValue::clone),
        "create",
        &[&name.into(), &when],
    )
    .await;
}

/// Whether the alarm `name` is set.
pub async fn has_alarm(name: &str) -> bool {
    let found = call(&ALARMS.with(JsValue::clone), "get", &[&name.into()]).await;
    found.is_ok_and(|alarm| alarm.is_object())
}

/// `active`, `idle` or `locked`.
pub async fn idle_state() -> Option<String> {
    let seconds = JsValue::from_f64(60.0);
    let state = call(&IDLE.with(JsValue::clone), "queryState", &[&seconds]).await;
    state.ok()?.as_string()
}

/// The managed browser profile's e-mail, if the browser tells.
pub async fn profile_email() -> Option<String> {
    let identity = IDENTITY.with(JsValue::clone);
    let how = object(&[("accountStatus", &"ANY".into())]);
    let info = call(&identity, "getProfileUserInfo", &[&how]).await.ok()?;
    text_member(&info, "email").filter(|email| !email.is_empty())
}

/// A content script as it is registered.
pub struct Script<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its files.
    pub files: &'a [&'a str],
    /// Match patterns.
    pub matches: Vec<String>,
    /// Match patterns that are left out.
    pub excludes: Vec<String>,
    /// Whether it runs in frames too.
    pub all_frames: bool,
}

/// Replaces all registered content scripts.
pub async fn register_scripts(scripts: &[Script<'_>]) -> Result<(), ()> {
    let scripting = SCRIPTING.with(JsValue::clone);
    let _ = call(&scripting, "unregisterContentScripts", &[]).await;
    let list = Array::new();
    for script in scripts {
        let entry = object(&[
            ("id", &script.id.into()),
            ("js", &texts(script.files.iter().copied())),
            ("matches", &texts(script.matches.iter().map(String::as_str))),
            ("allFrames", &script.all_frames.into()),
            ("matchOriginAsFallback", &script.all_frames.into()),
            ("runAt", &"document_start".into()),
            ("persistAcrossSessions", &true.into()),
        ]);
        if !script.excludes.is_empty() {
            let excludes = texts(script.excludes.iter().map(String::as_str));
            set(&entry, "excludeMatches", &excludes);
        }
        list.push(&entry);
    }
    let registered = call(&scripting, "registerContentScripts", &[&list]).await;
    registered.map(drop).map_err(drop)
}

/// Runs files in a tab that is already open. A tab that does not let us in is left alone.
pub async fn run_in_tab(tab: i32, files: &[&str], all_frames: bool) {
    let target = object(&[("tabId", &tab.into()), ("allFrames", &all_frames.into())]);
    let what = object(&[
        ("target", &target),
        ("files", &texts(files.iter().copied())),
        ("injectImmediately", &true.into()),
    ]);
    let _ = call(&SCRIPTING.with(JsValue::clone), "executeScript", &[&what]).await;
}

/// The open tabs with web pages: number and URL.
pub async fn open_tabs() -> Vec<(i32, String)> {
    let urls = object(&[("url", &texts(["http://*/*", "https://*/*"].into_iter()))]);
    let Ok(found) = call(&TABS.with(JsValue::clone), "query", &[&urls]).await else {
        return Vec::new();
    };
    let tab = |tab: JsValue| {
        Some((
            member(&tab, "id").as_f64()? as i32,
            text_member(&tab, "url")?,
        ))
    };
    Array::from(&found).iter().filter_map(tab).collect()
}

/// A port to the native host. Its listeners live as long as it does.
pub struct Port {
    port: JsValue,
    _on_message: Closure<dyn FnMut(JsValue)>,
    _on_disconnect: Closure<dyn FnMut()>,
}

impl Port {
    /// Starts the host `name`. Both functions may be called at once.
    pub fn open(
        name: &str,
        mut on_message: impl FnMut(String) + 'static,
        mut on_disconnect: impl FnMut(String) + 'static,
    ) -> Result<Self, ()> {
        let port = connect_native(name).map_err(drop)?;
        let on_message = Closure::new(move |message: JsValue| on_message(text_of(&message)));
        let on_disconnect = Closure::new(move || on_disconnect(last_error()));
        for (event, listener) in [
            ("onMessage", on_message.as_ref()),
            ("onDisconnect", on_disconnect.as_ref()),
        ] {
            apply(&member(&port, event), "addListener", &[listener])?;
        }
        Ok(Self {
            port,
            _on_message: on_message,
            _on_disconnect: on_disconnect,
        })
    }

    /// Sends JSON text as one message.
    pub fn post(&self, text: &str) -> Result<(), ()> {
        let message = JSON::parse(text).map_err(drop)?;
        apply(&self.port, "postMessage", &[&message]).map(drop)
    }

    /// Closes the port; the host sees the end of its input. `on_disconnect` is not called.
    pub fn close(self) {
        let _ = apply(&self.port, "disconnect", &[]);
    }
}

/// The public half of the installation key as JWK text; makes the key if there is none.
pub async fn installation_key() -> Option<String> {
    let key = JsFuture::from(js_installation_key()).await.ok()?;
    key.as_string()
}

/// Signs with the installation key.
pub async fn installation_sign(bytes: &[u8]) -> Option<Vec<u8>> {
    let promise = js_installation_sign(&Uint8Array::from(bytes));
    let signature = JsFuture::from(promise).await.ok()?;
    Some(Uint8Array::new(&signature).to_vec())
}

fn last_error() -> String {
    RUNTIME
        .with(|runtime| text_member(&member(runtime, "lastError"), "message").unwrap_or_default())
}

async fn area_set(area: &JsValue, key: &str, text: &str) -> Result<(), ()> {
    let items = object(&[(key, &text.into())]);
    call(area, "set", &[&items]).await.map(drop).map_err(drop)
}

async fn area_remove(area: &JsValue, key: &str) -> Result<(), ()> {
    call(area, "remove", &[&key.into()])
        .await
        .map(drop)
        .map_err(drop)
}

/// Calls a method that returns a promise, and waits for it.
async fn call(on: &JsValue, method: &str, arguments: &[&JsValue]) -> Result<JsValue, JsValue> {
    let promise = apply(on, method, arguments).map_err(|()| JsValue::NULL)?;
    JsFuture::from(Promise::resolve(&promise)).await
}

fn apply(on: &JsValue, method: &str, arguments: &[&JsValue]) -> Result<JsValue, ()> {
    let function: Function = member(on, method).dyn_into().map_err(drop)?;
    let list: Array = arguments.iter().copied().collect();
    function.apply(on, &list).map_err(drop)
}

fn object(members: &[(&str, &JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in members {
        set(&object, name, value);
    }
    object.into()
}

fn set(on: &JsValue, name: &str, value: &JsValue) {
    // Setting a member of a plain object of our own cannot fail.
    let _ = Reflect::set(on, &name.into(), value);
}

fn member(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

fn text_member(of: &JsValue, name: &str) -> Option<String> {
    member(of, name).as_string()
}

fn texts<'a>(list: impl Iterator<Item = &'a str>) -> JsValue {
    list.map(JsValue::from_str).collect::<Array>().into()
}

fn text_of(value: &JsValue) -> String {
    JSON::stringify(value).map(String::from).unwrap_or_default()
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(function: &Function, ms: f64);
    #[wasm_bindgen(js_namespace = ["chrome", "runtime"], js_name = getManifest)]
    fn manifest() -> JsValue;
    #[wasm_bindgen(js_namespace = ["chrome", "runtime"], js_name = connectNative, catch)]
    fn connect_native(name: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(thread_local_v2, js_namespace = chrome, js_name = runtime)]
    static RUNTIME: JsValue;
    #[wasm_bindgen(thread_local_v2, js_namespace = ["chrome", "runtime"], js_name = id)]
    static ID: JsValue;
    #[wasm_bindgen(thread_local_v2, js_namespace = ["chrome", "storage"], js_name = session)]
    static SESSION: JsValue;
    #[wasm_bindgen(thread_local_v2, js_namespace = ["chrome", "storage"], js_name = local)]
    static LOCAL: JsValue;
    #[wasm_bindgen(thread_local_v2, js_namespace = ["chrome", "storage"], js_name = managed)]
    static MANAGED: JsValue;
    #[wasm_bindgen(thread_local_v2, js_namespace = chrome, js_name = alarms)]
    static ALARMS: JsValue;
    #[wasm_bindgen(thread_local_v2, js_namespace = chrome, js_name = idle)]
    static IDLE: JsValue;
    #[wasm_bindgen(thread_local_v2, js_namespace = chrome, js_name = identity)]
    static IDENTITY: JsValue;
    #[wasm_bindgen(thread_local_v2, js_namespace = chrome, js_name = scripting)]
    static SCRIPTING: JsValue;
    #[wasm_bindgen(thread_local_v2, js_namespace = chrome, js_name = tabs)]
    static TABS: JsValue;
}

#[wasm_bindgen(raw_module = "../installation.js")]
extern "C" {
    #[wasm_bindgen(js_name = installation_key)]
    fn js_installation_key() -> Promise;
    #[wasm_bindgen(js_name = installation_sign)]
    fn js_installation_sign(bytes: &Uint8Array) -> Promise;
}
