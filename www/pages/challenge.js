// The challenge page: waits for the decision, then goes on to Okta or offers the fallback factors.
// It judges nothing. The server decides; everything here also works as plain forms without this script.
"use strict";
(() => {
  const body = document.body;
  const base = body.dataset.challengePath;
  if (!base) return;
  const by = (id) => document.getElementById(id);
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const words = JSON.parse(document.querySelector('meta[name="tacit-reasons"]').content);
  const FINAL = ["allowed", "declined", "expired", "opened_elsewhere"];

  let begun = body.dataset.begun === "true";
  let leaving = false;
  let asking = new AbortController();

  // --- What the page says -------------------------------------------------------------------------------------------

  function show(state, reasons = []) {
    if (state !== "waiting" && reasons.length && !begun) {
      by("reason").replaceChildren(...reasons.map((code) => {
        const line = document.createElement("li");
        line.textContent = words[code] ?? words.policy_step_up;
        return line;
      }));
      by("warning").hidden = !reasons.some((code) => code.endsWith("_elsewhere"));
    }
    if (body.dataset.state === state) return;
    body.dataset.state = state;
    const heading = document.querySelector(`.when-${state.replace("_", "-")} h1`);
    if (!heading) return;
    document.title = heading.textContent;
    by("status").textContent = [heading.textContent, by("reason").innerText].join(" ");
    // Only a person who has not begun to move about the page is taken along to the new heading.
    if (document.activeElement === body || document.activeElement === null) heading.focus({ preventScroll: true });
  }

  function say(text) {
    by("message").textContent = text ?? "";
  }

  // --- The decision -------------------------------------------------------------------------------------------------

  async function watch() {
    let failures = 0;
    while (!leaving && !FINAL.includes(body.dataset.state)) {
      const asked = performance.now();
      try {
        const response = await fetch(`${base}/outcome`, {
          headers: { accept: "application/json" }, cache: "no-store", credentials: "same-origin", redirect: "error",
          signal: asking.signal,
        });
        if (response.status === 404 || response.status === 410) return show("expired");
        if (response.status === 403) return show("step_up", ["wrong_browser"]);
        if (!response.ok) throw new Error(String(response.status));
        take(await response.json());
        failures = 0;
      } catch {
        if (asking.signal.aborted) asking = new AbortController();
        else failures = Math.min(failures + 1, 5);
      }
      // The server holds the request; when it does not, this keeps the page from asking in a tight loop.
      const least = failures ? 500 * 2 ** failures : body.dataset.state === "waiting" ? 100 : begun || document.hidden ? 4000 : 1000;
      await wait(Math.max(0, least - (performance.now() - asked)));
    }
  }

  function take(outcome) {
    if (leaving) return;
    show(outcome.state, outcome.reasons);
    if (outcome.state === "step_up") {
      for (const choice of document.querySelectorAll("[data-factor]")) {
        choice.closest("li").hidden = !outcome.factors.includes(choice.dataset.factor);
      }
    }
    if (outcome.form) leave(outcome.form);
    if (outcome.location) {
      leaving = true;
      location.replace(outcome.location);
    }
  }

  function leave(form) {
    leaving = true;
    const out = document.createElement("form");
    out.method = "post";
    out.action = form.action;
    out.hidden = true;
    for (const [name, value] of Object.entries(form.fields)) {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = value;
      out.append(field);
    }
    body.append(out);
    out.submit();
  }

  // Back to this page from the next one: its state is old.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  // --- The fallback factors -----------------------------------------------------------------------------------------

  const PANELS = ["passkey", "totp", "code", "enrol_totp", "enrol_passkey"];
  let options = null;

  function open(step) {
    for (const name of PANELS) by(`panel-${name}`).hidden = name !== step;
    for (const choice of document.querySelectorAll("[data-factor]")) {
      choice.setAttribute("aria-expanded", String(choice.dataset.factor === step));
    }
    by(`panel-${step}`).querySelector("input, button.primary")?.focus();
  }

  async function post(path, fields) {
    const busy = [...document.querySelectorAll("#fallback button")];
    busy.forEach((button) => { button.disabled = true; });
    by("fallback").setAttribute("aria-busy", "true");
    say("");
    let step;
    try {
      const response = await fetch(path, {
        method: "POST", body: new URLSearchParams(fields), headers: { accept: "application/json" },
        credentials: "same-origin", redirect: "error",
      });
      step = await response.json();
    } catch {
      step = { step: "retry", message: "The server could not be reached. Try again." };
    } finally {
      busy.forEach((button) => { button.disabled = false; });
      by("fallback").removeAttribute("aria-busy");
    }
    await follow(step);
  }

  async function follow(step) {
    switch (step.step) {
      case "passed":
        begun = true;
        show("allowed");
        // The extension hears of it at once: while the way on is fetched, its message leaves the page.
        document.dispatchEvent(new Event("tacit-passed"));
        return passed();
      case "passkey":
        open("passkey");
        options = step.options;
        return usePasskey();
      case "code":
        by("number").textContent = step.number;
        return open("code");
      case "enrol_totp":
        by("secret").textContent = step.secret;
        by("otpauth").href = step.uri;
        by("qr").setAttribute("viewBox", `-4 -4 ${step.size + 8} ${step.size + 8}`);
        by("qr").firstElementChild.setAttribute("d", step.path);
        return open("enrol_totp");
      case "enrol_passkey":
        options = step.options;
        return open("enrol_passkey");
      case "totp":
        return open("totp");
      case "closed":
        say(step.message);
        begun = false;
        return asking.abort();
      default:
        say(step.message ?? "That did not work. Try again.");
        document.querySelector(".panel:not([hidden]) input")?.select();
    }
  }

  // A passed factor decides the challenge: the outcome now holds the form.
  async function passed() {
    await wait(50);
    for (let n = 0; n < 5 && !leaving; n += 1) {
      try {
        const response = await fetch(`${base}/outcome`, { headers: { accept: "application/json" }, cache: "no-store", credentials: "same-origin" });
        if (response.ok) take(await response.json());
      } catch { /* asked again below */ }
      if (!leaving) await wait(300);
    }
    if (!leaving) location.assign(`${base}/complete`);
  }

  async function usePasskey() {
    await withAuthenticator(async () => {
      const credential = await navigator.credentials.get({ publicKey: decoded(options.publicKey) });
      await post(`${base}/fallback/passkey/check`, { credential: JSON.stringify(encoded(credential)) });
    });
  }

  async function makePasskey() {
    await withAuthenticator(async () => {
      const credential = await navigator.credentials.create({ publicKey: decoded(options.publicKey) });
      await post(`${base}/fallback/passkey/enrol`, { credential: JSON.stringify(encoded(credential)) });
    });
  }

  async function withAuthenticator(action) {
    if (!window.PublicKeyCredential) return say("This browser cannot use passkeys. Choose another way.");
    try {
      await action();
    } catch (error) {
      say(error.name === "InvalidStateError"
        ? "This device already holds a passkey for you. Choose the passkey above."
        : "No passkey was used: the prompt was closed, timed out, or found none. Try again, or choose another way.");
    }
  }

  // WebAuthn speaks bytes, JSON speaks base64url.
  function bytes(text) {
    return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  }

  function text(buffer) {
    return btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function decoded(publicKey) {
    const key = { ...publicKey, challenge: bytes(publicKey.challenge) };
    if (key.user) key.user = { ...key.user, id: bytes(key.user.id) };
    for (const list of ["allowCredentials", "excludeCredentials"]) {
      if (key[list]) key[list] = key[list].map((c) => ({ ...c, id: bytes(c.id) }));
    }
    return key;
  }

  function encoded(credential) {
    const answer = credential.response;
    const out = { id: credential.id, rawId: text(credential.rawId), type: credential.type, extensions: {}, response: { clientDataJSON: text(answer.clientDataJSON) } };
    for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (answer[part]) out.response[part] = text(answer[part]);
    }
    return out;
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.closest("#fallback") || by("fallback").hasAttribute("aria-busy")) return;
    event.preventDefault();
    if (form.id === "use-passkey") return void usePasskeyAgain();
    if (form.id === "make-passkey") return void makePasskey();
    // From here on a late silent answer no longer counts: the person has chosen.
    begun = true;
    post(form.action, new FormData(form));
  });

  // Each attempt needs a new challenge from the server: the old one counts once.
  function usePasskeyAgain() {
    post(`${base}/fallback/passkey/begin`, {});
  }

  watch();
})();
