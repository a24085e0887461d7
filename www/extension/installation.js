// The installation key: P-256, not extractable, kept by the browser. The WebAssembly module imports this file.

/** Creates the key if there is none (the browser may have evicted it), and gives its public half as JWK text. */
export async function installation_key() {
  const pair = await keys();
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  return JSON.stringify({ kty, crv, x, y });
}

/** Signs with ECDSA and SHA-256; gives r ‖ s. */
export async function installation_sign(bytes) {
  const pair = await keys();
  return new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, bytes));
}

/** The next call looks again; for a store that failed. */
let known;
const keys = () => (known ??= load().catch((error) => ((known = undefined), Promise.reject(error))));

async function load() {
  const database = await settled(indexedDB.open("tacit", 1), (request) => request.result.createObjectStore("keys"));
  try {
    const kept = await settled(database.transaction("keys").objectStore("keys").get("installation"));
    if (kept) return kept;
    const made = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
    const store = database.transaction("keys", "readwrite", { durability: "strict" }).objectStore("keys");
    await settled(store.put(made, "installation"));
    return made;
  } finally {
    database.close();
  }
}

function settled(request, upgrade) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
    if (upgrade) request.onupgradeneeded = () => upgrade(request);
  });
}
