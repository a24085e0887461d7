// Runs on the configured server's pages alone and hands the challenge that the page carries to the worker, which looks
// up by itself where the message came from. Nothing is decided here.
(() => {
  globalThis.tacitAnswer?.abort(); // A copy that was here before an update of the extension makes room.
  const ends = (globalThis.tacitAnswer = new AbortController());
  const { signal } = ends;
  let asked = false;

  const send = async (body) => {
    // A browser that has just started may need a moment until the worker listens.
    for (let pause = 100; pause < 3000 && !signal.aborted && chrome.runtime?.id; pause *= 2) {
      try {
        return await chrome.runtime.sendMessage(JSON.stringify({ v: 1, body }));
      } catch {
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  };

  const challenge = () => {
    try {
      return JSON.parse(document.querySelector('meta[name="tacit-challenge"]').content);
    } catch {
      return null;
    }
  };

  const ask = () => {
    const found = asked ? null : challenge();
    // Only a page that the person sees is answered; another one as soon as it is seen.
    if (!found || document.prerendering || document.visibilityState !== "visible") return;
    asked = true;
    watch.disconnect();
    send({ type: "challenge", ...found });
  };

  const passed = () => {
    const found = challenge();
    if (found) send({ type: "passed", challenge: found.challenge });
  };

  const watch = new MutationObserver(ask);
  watch.observe(document, { childList: true, subtree: true });
  signal.addEventListener("abort", () => watch.disconnect());
  for (const type of ["DOMContentLoaded", "visibilitychange", "prerenderingchange"]) {
    document.addEventListener(type, ask, { signal });
  }
  document.addEventListener("tacit-passed", passed, { signal });
  ask();
})();
