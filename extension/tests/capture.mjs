// Runs the content scripts against a page made of plain objects, and prints every message they send, one a line.
// A failed expectation ends it with an error.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import vm from "node:vm";

EventEmitter.defaultMaxListeners = 50; // the script hangs all its listeners on one signal

const folder = new URL("../../www/extension/", import.meta.url);
const source = (name) => readFileSync(new URL(name, folder), "utf8");

/** A page with a clock of its own, on which events can be made that count as trusted. */
function page({ reply, timing = false } = {}) {
  const listeners = [];
  const timers = new Map();
  const sent = [];
  let now = 1000;
  let count = 0;
  class HTMLElement {}
  const listen = (target) => (type, handle, { capture, passive, signal }) => {
    assert.ok(capture && passive, `${type} listens in the capture phase, passively`);
    const entry = { target, type, handle };
    listeners.push(entry);
    signal.addEventListener("abort", () => listeners.splice(listeners.indexOf(entry), 1));
  };
  const window = {};
  const document = { activeElement: null, visibilityState: "visible" };
  window.addEventListener = listen(window);
  document.addEventListener = listen(document);
  const runtime = {
    id: "abc",
    sendMessage: (text) => {
      sent.push({ at: now, ...JSON.parse(text) });
      console.log(text);
      return Promise.resolve(reply?.(sent.length));
    },
  };
  const world = {
    window,
    document,
    HTMLElement,
    AbortController,
    chrome: { runtime, dom: { openOrClosedShadowRoot: (element) => element.shadow ?? null } },
    performance: { now: () => now, timeOrigin: 1.76e12 },
    Date: { now: () => 1.76e12 + now + world.drift },
    drift: 0,
    setTimeout: (work, ms) => (timers.set(++count, { at: now + ms, work }), count),
    clearTimeout: (id) => timers.delete(id),
  };
  world.globalThis = world;
  vm.createContext(world);
  if (timing) vm.runInContext(source("timing.js"), world);
  const start = () => vm.runInContext(source("capture.js"), world);
  start();
  const wait = async (ms) => {
    const until = now + ms;
    for (;;) {
      const next = [...timers].filter(([, timer]) => timer.at <= until).sort((a, b) => a[1].at - b[1].at)[0];
      if (!next) break;
      timers.delete(next[0]);
      now = Math.max(now, next[1].at);
      next[1].work();
      await null;
    }
    now = until;
    await new Promise(setImmediate);
  };
  const make = (type, members = {}, target = window) => {
    const event = { isTrusted: true, timeStamp: now, target, ...members };
    listeners.filter((l) => l.type === type && l.target === target).forEach((l) => l.handle(event));
  };
  const type = async (keyCode, members = {}) => {
    make("keydown", { keyCode, key: "x", repeat: false, ...members });
    await wait(40);
    make("keyup", { keyCode, key: "x", repeat: false, ...members });
    await wait(40);
  };
  const field = (members) => Object.assign(new HTMLElement(), { autocomplete: "", ...members });
  const events = () => sent.flatMap((batch) => batch.events);
  const sum = (member) => sent.reduce((total, batch) => total + batch[member], 0);
  return { world, document, runtime, listeners, sent, start, wait, make, type, field, events, sum };
}

// Keys come with their times and codes; auto-repeat is left out.
{
  const p = page();
  p.make("keydown", { keyCode: 65, timeStamp: 1000.12 });
  p.make("keydown", { keyCode: 65, repeat: true });
  p.make("keyup", { keyCode: 65, timeStamp: 1080.4 });
  p.make("keydown", { keyCode: 70_000 });
  await p.wait(600);
  assert.deepEqual(p.events(), [[0, 1000.1, 65], [1, 1080.4, 65], [0, 1000, 0]]);
}

// At most two messages a second while somebody types.
{
  const p = page();
  for (let i = 0; i < 100; i += 1) await p.type(65 + (i % 26));
  await p.wait(600);
  assert.equal(p.events().length, 200);
  assert.ok(p.sent.every((batch, i) => i === 0 || batch.at - p.sent[i - 1].at >= 500), "too often");
  assert.ok(p.sent.length <= 18, `${p.sent.length} messages`);
}

// What is done on purpose is told at once, and what is left when the page goes.
{
  const p = page();
  const { sent } = p;
  p.make("pointerdown", { clientX: 10, clientY: 20.55, button: 0 });
  assert.equal(sent.length, 1);
  p.make("pointerup", { clientX: 10, clientY: 20, button: 0 });
  assert.equal(sent.length, 1, "not a second one within the period");
  p.make("pagehide");
  assert.equal(sent.length, 2);
  assert.deepEqual(p.events(), [[3, 1000, 10, 20.6, 0], [4, 1000, 10, 20, 0]]);
}

// Each coalesced movement counts.
{
  const p = page();
  const at = (timeStamp, clientX) => ({ timeStamp, clientX, clientY: 5, buttons: 0 });
  p.make("pointermove", { ...at(1016, 9), getCoalescedEvents: () => [at(1008, 4), at(1016, 9)] });
  p.make("pointermove", { ...at(1033, 12), getCoalescedEvents: () => [] });
  await p.wait(600);
  assert.deepEqual(p.events(), [[2, 1008, 4, 5, 0], [2, 1016, 9, 5, 0], [2, 1033, 12, 5, 0]]);
}

// Scripted events are counted and nothing else.
{
  const p = page();
  p.make("keydown", { keyCode: 65, isTrusted: false });
  p.make("pointermove", { isTrusted: false });
  await p.wait(600);
  assert.deepEqual(p.events(), []);
  assert.equal(p.sum("untrusted"), 2);
}

// Password fields give nothing: shown or hidden, in any shadow root, or named as such.
for (const [name, change] of [
  ["a password field", (p) => [p.field({ type: "password" })]],
  ["a one-time code", (p) => [p.field({ type: "text", autocomplete: "one-time-code" })]],
  ["a card number", (p) => [p.field({ type: "text", autocomplete: "cc-number" })]],
  ["one in a closed shadow root", (p) => [p.field({ shadow: { activeElement: p.field({ type: "password" }) } })]],
  [
    "one that is shown later",
    (p) => {
      const field = p.field({ type: "password" });
      return [field, () => (field.type = "text")];
    },
  ],
]) {
  const p = page();
  const [field, later] = change(p);
  p.document.activeElement = field;
  await p.type(83);
  later?.();
  await p.type(69);
  p.make("paste", { clipboardData: { getData: () => "secret" } });
  p.make("input", { inputType: "", target: { value: "secret" } });
  await p.wait(600);
  assert.deepEqual(p.events(), [], name);
  assert.equal(p.sum("withheld"), 4, name);
}

// The key that leaves the field is still held there.
{
  const p = page();
  p.document.activeElement = p.field({ type: "password" });
  p.make("keydown", { keyCode: 83 });
  p.document.activeElement = null;
  p.make("keyup", { keyCode: 83 });
  await p.type(65);
  await p.wait(600);
  assert.deepEqual(p.events().map(([kind, , key]) => [kind, key]), [[0, 65], [1, 65]]);
}

// Where policy allows it, the rhythm, and still no keys.
{
  const p = page({ timing: true });
  p.document.activeElement = p.field({ type: "password" });
  await p.type(83);
  await p.wait(600);
  assert.deepEqual(p.events().map(([kind, , key]) => [kind, key]), [[0, 0], [1, 0]]);
}

// Wheel, focus, visibility and inserted text.
{
  const p = page();
  p.make("wheel", { deltaX: 0, deltaY: 3, deltaMode: 1 });
  p.make("blur");
  p.make("focus", { target: {} });
  p.make("paste", { clipboardData: { getData: () => "x".repeat(100_000) } });
  p.make("input", { inputType: "insertText", target: { value: "typed" } });
  p.make("input", { target: { value: "filled in" } });
  p.document.visibilityState = "hidden";
  p.make("visibilitychange", {}, p.document);
  assert.deepEqual(p.events(), [[5, 1000, 0, 48], [6, 1000, 0], [8, 1000, 65535], [8, 1000, 9], [7, 1000, 0]]);
}

// A flood is cut at the limit of one message.
{
  const p = page();
  for (let i = 0; i < 5000; i += 1) p.make("wheel", { deltaX: 0, deltaY: 1, deltaMode: 0 });
  await p.wait(600);
  assert.equal(p.sent[0].events.length, 4000);
}

// The page's clock stands still while the computer sleeps; the batch's origin does not.
{
  const p = page();
  p.world.drift = 3_600_000;
  await p.type(65);
  await p.wait(600);
  assert.equal(p.sent[0].origin, 1.76e12 + 3_600_000);
}

// An extension that was reloaded or removed leaves no trace: no error, no listener, no message.
{
  const p = page();
  p.runtime.id = undefined;
  await p.type(65);
  await p.wait(600);
  assert.equal(p.sent.length, 0);
  assert.equal(p.listeners.length, 0);
  p.runtime.id = "abc";
  p.runtime.sendMessage = () => {
    throw new Error("Extension context invalidated.");
  };
  p.start();
  await p.type(65);
  await p.wait(600);
  assert.equal(p.listeners.length, 0);
}

// A second copy takes the place of the first.
{
  const p = page();
  const before = p.listeners.length;
  p.start();
  assert.equal(p.listeners.length, before);
}

// The worker can stop it, or keep it quiet for a while.
{
  const stopped = page({ reply: () => "stop" });
  await stopped.type(65);
  await stopped.wait(600);
  assert.equal(stopped.listeners.length, 0);
  const quiet = page({ reply: (nth) => (nth === 1 ? { quiet: 5000 } : undefined) });
  await quiet.type(65);
  await quiet.wait(600);
  await quiet.type(66);
  await quiet.wait(6000);
  await quiet.type(67);
  await quiet.wait(600);
  assert.deepEqual(quiet.events().map(([, , key]) => key), [65, 65, 67, 67]);
}
