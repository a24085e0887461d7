// Reports how keys, pointer and wheel are used in this frame: when, and which key code, never text. No decision is made
// here. Password fields give nothing (their rhythm only where policy says so), and a count of what was withheld.
(() => {
  globalThis.tacitCapture?.(); // A copy that was here before an update of the extension makes room.

  const PERIOD = 500; // ms between two messages
  const MOST = 4000; // events in one message
  const SECRET = /password|one-time-code|cc-(number|csc)/;
  const timing = globalThis.tacitPasswordTiming === true;
  const ends = new AbortController();
  const secrets = new WeakSet(); // fields that have ever hidden what is typed: showing it does not make it public
  const held = new Set(); // keys that went down in such a field
  let events = [];
  let untrusted = 0;
  let withheld = 0;
  let timer = 0;
  let sent = -PERIOD;
  let quietUntil = 0;
  let origin = performance.timeOrigin;

  const stop = () => {
    ends.abort();
    clearTimeout(timer);
    events = [];
    if (globalThis.tacitCapture === stop) delete globalThis.tacitCapture;
  };
  globalThis.tacitCapture = stop;

  const heed = (reply) => {
    if (reply === "stop") stop();
    else if (reply?.quiet) quietUntil = performance.now() + reply.quiet;
  };

  const send = () => {
    clearTimeout(timer);
    timer = 0;
    if (!events.length && !untrusted && !withheld) return;
    sent = performance.now();
    // The page's clock stands still while the computer sleeps.
    const drift = Date.now() - origin - sent;
    if (Math.abs(drift) > 1000) origin += drift;
    const text = JSON.stringify({ v: 1, type: "events", origin, untrusted, withheld, events });
    events = [];
    untrusted = withheld = 0;
    try {
      // Without an id this copy belongs to an extension that has been reloaded or removed.
      if (!chrome.runtime?.id) return stop();
      chrome.runtime.sendMessage(text).then(heed, () => chrome.runtime?.id || stop());
    } catch {
      stop();
    }
  };

  const soon = () => {
    timer ||= setTimeout(send, PERIOD);
  };

  /** What was done on purpose is told at once, unless that were a second message within the period. */
  const now = () => {
    if (performance.now() - sent >= PERIOD) send();
  };

  const tenth = (number) => Math.round(number * 10) / 10;

  const add = (kind, time, ...rest) => {
    if (events.length < MOST) events.push([kind, tenth(time), ...rest]);
    soon();
  };

  const listen = (target, type, handle) =>
    target.addEventListener(
      type,
      (event) => {
        if (performance.now() < quietUntil) return;
        if (event.isTrusted) return handle(event);
        untrusted += 1;
        soon();
      },
      { capture: true, passive: true, signal: ends.signal },
    );

  /** The field that has the focus, through shadow roots of every kind. */
  const field = () => {
    let element = document.activeElement;
    for (let root; element && (root = chrome.dom?.openOrClosedShadowRoot(element)); ) {
      if (!root.activeElement) break;
      element = root.activeElement;
    }
    return element;
  };

  const isSecret = () => {
    const element = field();
    if (!(element instanceof HTMLElement)) return false;
    if (element.type === "password" || SECRET.test(element.autocomplete ?? "")) secrets.add(element);
    return secrets.has(element);
  };

  const key = (kind) => (event) => {
    if (event.repeat) return;
    const code = event.keyCode <= 255 ? event.keyCode : 0;
    const secret = kind === 0 ? isSecret() : held.has(code) || isSecret();
    if (kind === 0 && secret) held.add(code);
    else if (kind === 1) held.delete(code);
    if (!secret) add(kind, event.timeStamp, code);
    else if (timing) add(kind, event.timeStamp, 0);
    else {
      withheld += 1;
      soon();
    }
    if (event.key === "Enter") now();
  };

  const point = (kind, value) => (event) => {
    add(kind, event.timeStamp, tenth(event.clientX), tenth(event.clientY), Math.max(0, value(event)));
    if (kind !== 2) now();
  };
  const move = point(2, (event) => event.buttons & 255);

  listen(window, "keydown", key(0));
  listen(window, "keyup", key(1));
  listen(window, "pointermove", (event) => {
    const all = event.getCoalescedEvents();
    (all.length ? all : [event]).forEach(move);
  });
  listen(window, "pointerdown", point(3, (event) => event.button));
  listen(window, "pointerup", point(4, (event) => event.button));
  listen(window, "wheel", (event) => {
    const unit = event.deltaMode ? 16 : 1;
    add(5, event.timeStamp, tenth(event.deltaX * unit), tenth(event.deltaY * unit));
  });
  for (const [type, has] of [["focus", 1], ["blur", 0]]) {
    listen(window, type, (event) => event.target === window && add(6, event.timeStamp, has));
  }
  listen(document, "visibilitychange", (event) => {
    add(7, event.timeStamp, document.visibilityState === "visible" ? 1 : 0);
    if (document.visibilityState !== "visible") send();
  });
  listen(window, "pagehide", send);
  const inserted = (event, count) => count > 0 && !isSecret() && add(8, event.timeStamp, Math.min(count, 65535));
  listen(window, "paste", (event) => inserted(event, event.clipboardData?.getData("text").length ?? 0));
  listen(window, "input", (event) => {
    // Filled in by the browser or another program: such an event names no kind of input.
    if (!event.inputType) inserted(event, String(event.target?.value ?? "").length);
  });
})();
