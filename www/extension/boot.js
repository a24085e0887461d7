// The service worker's script. It registers every listener before anything else happens, because the browser forgets
// events for listeners that appear later, and hands the events as plain values to the WebAssembly module.
import init, * as worker from "./wasm/extension.js";

/** What an area holds, as JSON text; the worker writes text only. */
const stored = async (area) => {
  const members = Object.entries(await area.get(null)).filter(([, value]) => typeof value === "string");
  return JSON.stringify(Object.fromEntries(members));
};

/**
 * Settles when the worker's state is back; events wait for it in their order. Managed storage is not among it: after a
 * start of the browser it answers only once all policies are loaded, which takes seconds.
 */
const ready = Promise.all([
  stored(chrome.storage.session),
  stored(chrome.storage.local),
  fetch("model.bin").then((response) => response.arrayBuffer()),
  init({ module_or_path: "wasm/extension_bg.wasm" }),
]).then(([session, local, model]) => {
  worker.start(session, local, new Uint8Array(model));
});

const report = (error) => console.error("Tacit:", String(error));

/** Hands an event over once the worker is ready. */
const on = (event, handle, ...filter) =>
  event.addListener((...values) => {
    ready.then(() => handle(...values)).catch(report);
  }, ...filter);

chrome.runtime.onMessage.addListener((message, sender, respond) => {
  const { id, origin, url, frameId, documentId, documentLifecycle, tab } = sender;
  const from = { id, origin, url, frameId, documentId, documentLifecycle };
  if (tab) from.tab = { id: tab.id, incognito: tab.incognito };
  const text = typeof message === "string" ? message : JSON.stringify(message);
  ready
    .then(() => worker.message(text, JSON.stringify(from)))
    .then(respond)
    .catch((error) => {
      report(error);
      respond();
    });
  return true;
});

const web = { urls: ["http://*/*", "https://*/*"], types: ["main_frame"] };
on(
  chrome.webRequest.onBeforeRequest,
  ({ tabId, requestId, url, initiator, documentLifecycle }) => {
    if (tabId >= 0 && documentLifecycle !== "prerender") worker.requested(tabId, requestId, url, initiator);
  },
  web,
);
on(chrome.webNavigation.onCommitted, (details) => {
  const { tabId, frameId, documentId, documentLifecycle, url, transitionType, transitionQualifiers, timeStamp } = details;
  if (frameId !== 0 || documentLifecycle === "prerender") return;
  const history = transitionQualifiers.includes("forward_back");
  worker.committed(tabId, documentId ?? "", url, transitionType === "reload", history, timeStamp);
});
on(chrome.webNavigation.onReferenceFragmentUpdated, ({ tabId, frameId, url }) => {
  if (frameId === 0) worker.fragment_changed(tabId, url);
});
on(chrome.webNavigation.onTabReplaced, ({ tabId, replacedTabId }) => {
  worker.tab_closed(tabId);
  worker.tab_closed(replacedTabId);
});
on(chrome.tabs.onRemoved, (tabId) => worker.tab_closed(tabId));
on(chrome.idle.onStateChanged, (state) => worker.idle_changed(state));
on(chrome.alarms.onAlarm, ({ name }) => worker.alarm(name));
on(chrome.runtime.onInstalled, () => worker.installed());
on(chrome.runtime.onStartup, () => worker.started());
on(chrome.storage.onChanged, (_changes, area) => {
  if (area === "managed") worker.policy_changed();
});

// Each wake settles what is due: configuration, registration of the scripts, enrolment.
ready.then(() => worker.woken()).catch(report);
ready.then(() => worker.policy_due()).catch(report);
