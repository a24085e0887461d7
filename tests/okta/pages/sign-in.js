// The stand-in's own sign-in page. It speaks the two JSON interfaces of an Okta org, each
// by its own rules: the Authentication API (Classic) and IDX (Identity Engine).

const main = document.getElementById("okta-sign-in");
const { pipeline, fromUri, orgName, idpName } = main.dataset;
const skipVerify = main.dataset.skipVerify === "true";
// Some names belong to an identity provider: no password is asked for before the name is known.
const identifierFirst = main.dataset.identifierFirst === "true";

start().catch(() => show("Something went wrong", [], "The org cannot be reached. Reload the page."));

async function start() {
  const stateToken = main.dataset.stateToken;
  if (pipeline === "oie") {
    idx(await post("/idp/idx/introspect", { stateToken }));
  } else if (stateToken) {
    classic(await post("/api/v1/authn/introspect", { stateToken }));
  } else if (identifierFirst) {
    showIdentifier("", discover);
  } else {
    showClassicPassword("");
  }
}

function showClassicPassword(known) {
  showPassword("", (username, password) =>
    post("/api/v1/authn", { username, password, relayState: fromUri, options: { multiOptionalFactorEnroll: true } })
      .then((answer) => (answer.ok ? classic(answer) : passwordError(answer))), known);
}

// Home-realm discovery: the org says whose name it is.
async function discover(name) {
  const query = new URLSearchParams({ resource: `okta:acct:${name}`, requestContext: fromUri });
  const response = await fetch(`/.well-known/webfinger?${query}`, { headers: { Accept: "application/jrd+json" } });
  const body = await response.json();
  if (!response.ok) return showError(body.errorSummary);
  const [link] = body.links;
  if (link.properties["okta:idp:type"] === "OKTA") return showClassicPassword(name);
  return location.assign(link.href.replace("login_hint=#", `login_hint=${encodeURIComponent(name)}`));
}

// --- Classic ---

function classic({ ok, body }) {
  if (!ok) return show("Sign in", [], body.errorSummary);
  const { stateToken, status, _embedded = {}, _links = {} } = body;
  const call = (path, more) => () => post(path, { stateToken, ...more }).then(classic);
  const go = () => location.assign(_links.next.href);
  switch (status) {
    case "MFA_REQUIRED": {
      const [factor] = _embedded.factors;
      const verifyAndGo = () => post(new URL(factor._links.verify.href).pathname, { stateToken, rememberDevice: false })
        .then((answer) => (answer.ok ? location.assign(answer.body._links.next.href) : classic(answer)));
      return skipVerify ? verifyAndGo() : showVerify(verifyAndGo);
    }
    case "MFA_CHALLENGE":
      if (body.factorResult !== "FAILED") return go();
      return showVerify(go, body.factorResultMessage);
    case "MFA_ENROLL": {
      const [factor] = _embedded.factors;
      return factor.status === "ACTIVE"
        ? showFinish(call("/api/v1/authn/skip"))
        : showSetup(() => showEnroll(call("/api/v1/authn/factors", { factorType: factor.factorType, provider: factor.provider })));
    }
    case "MFA_ENROLL_ACTIVATE":
      return body.factorResult === "FAILED" ? showEnroll(go, body.factorResultMessage) : go();
    case "SUCCESS": {
      const query = new URLSearchParams({ checkAccountSetupComplete: "true", token: body.sessionToken, redirectUrl: body.relayState || fromUri });
      return location.assign(`/login/sessionCookieRedirect?${query}`);
    }
    default:
      return show("Sign in", [], `Unknown status ${status}`);
  }
}

function passwordError({ status }) {
  showError(status === 429 ? "Too many attempts. Try again in a moment." : "Unable to sign in");
}

// --- Identity Engine ---

function idx({ ok, status, body }) {
  const message = body.messages?.value[0]?.message;
  if (body.success) return location.assign(body.success.href);
  const remediation = (name) => body.remediation?.value.find((entry) => entry.name === name);
  const call = (entry, more) => post(new URL(entry.href).pathname, { stateHandle: body.stateHandle, ...more });
  const choose = (entry) => () => {
    const field = entry.value.find(({ name }) => name === "authenticator");
    return call(entry, { authenticator: { id: field.options[0].value.form.value[0].value } }).then(idx);
  };
  const identify = remediation("identify");
  const redirect = remediation("redirect-idp");
  const enrol = remediation("select-authenticator-enroll");
  const skip = remediation("skip");
  if (!ok && status === 401 && identify) return showError(message);
  if (identify && identifierFirst) {
    return showIdentifier(message, (identifier) => call(identify, { identifier }).then(idx));
  }
  if (identify) {
    return showPassword(message, (identifier, passcode) => call(identify, { identifier, credentials: { passcode } }).then(idx));
  }
  const password = remediation("challenge-authenticator");
  if (password) {
    return showPassword(message, (_, passcode) => call(password, { credentials: { passcode } }).then(idx), body.user?.value.identifier ?? lastName);
  }
  const leave = () => location.assign(redirect.href);
  // The name is another's: there is nothing to verify here.
  if (redirect && !redirect.relatesTo) return message ? show("Sign in", [action("sign-in-with-idp", "Try again", leave)], message) : leave();
  if (redirect && body.enrollmentAuthenticator) return message ? showEnroll(leave, message) : leave();
  if (redirect) return skipVerify && !message ? leave() : showVerify(leave, message);
  if (enrol) return showSetup(() => showEnroll(choose(enrol)));
  if (skip) return showFinish(() => call(skip).then(idx));
  const select = remediation("select-authenticator-authenticate");
  if (select) return choose(select)();
  return show("Sign in", [], message || "This sign-in cannot go on. Please start again.");
}

// --- views ---

let lastName = "";

function showIdentifier(error, submit) {
  const form = document.createElement("form");
  form.id = "okta-signin-form";
  form.noValidate = true;
  form.append(
    label("Username", "okta-signin-username"), input("okta-signin-username", "text", "username"),
    button("okta-signin-submit", "Next", "submit"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    lastName = form.querySelector("input").value;
    showError("");
    busy(form, () => submit(lastName));
  });
  show(`Sign in to ${orgName}`, [form], error);
  form.querySelector("input").focus();
}

function showPassword(error, submit, known = "") {
  const form = document.createElement("form");
  form.id = "okta-signin-form";
  form.noValidate = true;
  form.append(
    label("Username", "okta-signin-username"), input("okta-signin-username", "text", "username"),
    label("Password", "okta-signin-password"), input("okta-signin-password", "password", "current-password"),
    button("okta-signin-submit", "Sign in", "submit"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const [username, password] = [...form.querySelectorAll("input")].map(({ value }) => value);
    showError("");
    busy(form, () => submit(username, password));
  });
  show(`Sign in to ${orgName}`, [form], error);
  form.querySelector("input").value = known;
  form.querySelectorAll("input")[known ? 1 : 0].focus();
}

function showVerify(go, error) {
  show(`Verify with ${idpName}`, [
    paragraph(`You will be redirected to verify with ${idpName}.`),
    action("verify-idp-factor", "Verify", go),
  ], error);
}

function showSetup(go) {
  show("Set up multifactor authentication", [
    paragraph(`${orgName} requires an additional factor for your account: ${idpName}.`),
    action("setup-idp-factor", "Set up", go),
  ]);
}

function showEnroll(go, error) {
  show(`Set up ${idpName}`, [
    paragraph(`You will be redirected to enroll in ${idpName}.`),
    action("enroll-idp-factor", "Enroll", go),
  ], error);
}

function showFinish(go) {
  show("Set up multifactor authentication", [
    paragraph(`${idpName} is enrolled. You can now finish.`),
    action("finish-enrollment", "Finish", go),
  ]);
}

function show(title, parts, error) {
  const heading = document.createElement("h1");
  heading.textContent = title;
  main.replaceChildren(heading, ...parts);
  showError(error);
  main.querySelector("button:not([type=submit])")?.focus();
}

function showError(text) {
  document.getElementById("okta-error")?.remove();
  if (!text) return;
  const box = document.createElement("div");
  box.id = "okta-error";
  box.setAttribute("role", "alert");
  box.textContent = text;
  main.querySelector("h1").after(box);
}

function action(id, text, run) {
  const element = button(id, text, "button");
  element.addEventListener("click", () => busy(element.parentElement, run));
  return element;
}

function busy(scope, run) {
  const element = scope.querySelector("button");
  element.disabled = true;
  Promise.resolve().then(run)
    .catch(() => showError("The org cannot be reached. Try again."))
    .finally(() => { element.disabled = false; });
}

function button(id, text, type) {
  const element = document.createElement("button");
  Object.assign(element, { id, type, textContent: text });
  return element;
}

function label(text, target) {
  const element = document.createElement("label");
  element.textContent = text;
  element.htmlFor = target;
  return element;
}

function input(id, type, autocomplete) {
  const element = document.createElement("input");
  Object.assign(element, { id, type, autocomplete, name: id, required: true });
  return element;
}

function paragraph(text) {
  const element = document.createElement("p");
  element.textContent = text;
  return element;
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  return { ok: response.ok, status: response.status, body: await response.json() };
}
