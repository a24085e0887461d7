// Shows what the worker says and hands on what the person wants. It decides nothing.
import init, { words } from "./wasm/extension.js";

const at = (id) => document.getElementById(id);

/** The words of reasons come from the module, so that popup, page and console use the same ones. */
const module = init({ module_or_path: "wasm/extension_bg.wasm" });

async function ask(type, members = {}) {
  const request = { v: 1, body: { type, ...members } };
  const response = await chrome.runtime.sendMessage(JSON.stringify(request));
  if (!response) throw new Error("no answer");
  return response.body;
}

const OUTCOMES = {
  allow: "Answered silently",
  step_up: "Ordinary factor asked for",
  decline: "Left to Okta",
  observe: "Observed only",
  none: "Not answered",
};

const PROTECTION = {
  hardware: "in hardware",
  "os-protected": "in the system's key store",
  software: "in a file",
};

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** What came of a sign-in, in a few words. */
function result(outcome, reasons) {
  if (outcome === "step_up" && reasons.includes("strong_factor_passed")) return "Ordinary factor passed";
  return OUTCOMES[outcome ?? "none"] ?? outcome;
}

function decision({ at: time, outcome, reasons }) {
  const entry = element("li");
  const head = element("div", undefined, "head");
  const when = new Date(time);
  const today = when.toDateString() === new Date().toDateString();
  const stamp = element("time", when.toLocaleString([], today ? { timeStyle: "short" } : { dateStyle: "medium" }));
  stamp.title = when.toLocaleString();
  stamp.dateTime = when.toISOString();
  head.append(element("span", result(outcome, reasons), outcome ?? "none"), stamp);
  entry.append(head, ...reasons.map((code) => element("div", words(code) ?? code)));
  return entry;
}

function person({ user, progress, mature, confirmations }) {
  const entry = element("li");
  const name = element("span", user);
  const bar = element("progress");
  bar.max = 100;
  bar.value = progress;
  bar.setAttribute("aria-label", `Learned about ${user}`);
  const times = confirmations === 1 ? "1 confirmation" : `${confirmations} confirmations`;
  entry.append(name, element("span", mature ? "learned" : `${progress} % · ${times}`, "quiet"), bar);
  return entry;
}

const size = (bytes) => (bytes < 1024 ? `${bytes} bytes` : `${(bytes / 1024).toFixed(1)} kB`);

async function show() {
  await module;
  const state = await ask("state");
  at("sentence").textContent = state.sentence;
  at("learning").hidden = !state.learning.length;
  at("people").replaceChildren(...state.learning.map(person));
  at("decisions").replaceChildren(...state.decisions.map(decision));
  at("no-decisions").hidden = state.decisions.length > 0;
  at("stored").textContent = state.stored.length
    ? state.stored.map(({ user, template_bytes }) => `${user}: ${size(template_bytes)}, sealed.`).join(" ")
    : "Nothing has been learned yet.";
  at("pausing").hidden = state.paused_until !== null;
  at("resume").hidden = state.paused_until === null;
  const host = state.host ? `host ${state.host}` : "no host";
  const key = state.protection_class ? ` · key ${PROTECTION[state.protection_class]}` : "";
  at("versions").textContent = `Extension ${state.extension} · ${host}${key}`;
}

function tell(text, failed = false) {
  at("outcome").textContent = text;
  at("outcome").className = failed ? "failed" : "";
}

/** Runs what a button wants, tells how it went, and shows the new state. The focus of a button that is gone goes to `next`. */
const does = (id, work, next = id) =>
  at(id).addEventListener("click", async () => {
    at("steps").hidden = true;
    tell("");
    try {
      await work();
      await show();
      if (!at(id).checkVisibility()) at(next).focus();
    } catch {
      tell("The extension's worker did not answer. Try again.", true);
    }
  });

/** Whether it was done; else why not, in words. */
function done(body) {
  if (body.type !== "failed") return true;
  const hint =
    body.reason === "policy_step_up"
      ? "This needs an ordinary factor: pause Tacit, sign in once, and try again within ten minutes."
      : (words(body.reason) ?? body.reason);
  tell(hint, true);
  return false;
}

does("pause", async () => {
  if (done(await ask("pause", { minutes: Number(at("minutes").value) }))) tell("Paused.");
}, "resume");

does("resume", async () => {
  if (done(await ask("resume"))) tell("Tacit goes on.");
}, "pause");

does("export", async () => {
  const body = await ask("export");
  if (!done(body)) return;
  const text = JSON.stringify(JSON.parse(body.json), null, 2);
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "tacit-export.json";
  link.click();
  URL.revokeObjectURL(link.href);
  tell("Exported.");
});

does("delete", async () => {
  at("sure").returnValue = "no";
  at("sure").showModal();
  await new Promise((resolve) => at("sure").addEventListener("close", resolve, { once: true }));
  if (at("sure").returnValue === "yes" && done(await ask("delete"))) tell("Deleted.");
});

does("diagnose", async () => {
  tell("Testing each step …");
  const { steps } = await ask("diagnose");
  const entries = steps.map(({ name, ok, message }) => {
    const entry = element("li");
    entry.append(element("span", ok ? "✓ " : "✗ ", ok ? "ok" : "failed"), element("strong", `${name}: `), message);
    return entry;
  });
  at("steps").replaceChildren(...entries);
  at("steps").hidden = false;
  const broken = steps.find(({ ok }) => !ok);
  tell(broken ? `The first step that fails: ${broken.name}.` : "Every step works.", Boolean(broken));
});

show().catch(() => {
  at("sentence").textContent = "The extension's worker did not answer.";
});
