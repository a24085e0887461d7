// Reads one JSON task per line from stdin and answers each with one line. Nothing of ours judges here: discovery, the
// authorization URL, the exchange, the ID token's checks, userinfo and logout are what openid-client makes of them.
// A server on loopback speaks for the https issuer: only the way there is replaced, no check is.

import * as client from "openid-client";
import { createInterface } from "node:readline";

const kept = new Map();

const through = (origin, address) => (url, options) =>
  fetch(String(url).replace(origin, address), options);

const key = (jwk, alg) =>
  crypto.subtle.importKey("jwk", jwk, { name: "RSASSA-PKCS1-v1_5", hash: `SHA-${alg.slice(2)}` }, false, ["sign"]);

const authentication = async (task) => {
  switch (task.client_auth) {
    case "client_secret_post": return client.ClientSecretPost(task.client_secret);
    case "client_secret_basic": return client.ClientSecretBasic(task.client_secret);
    case "client_secret_jwt": return client.ClientSecretJwt(task.client_secret);
    case "private_key_jwt": return client.PrivateKeyJwt({ key: await key(task.client_key, "RS256"), kid: task.client_key.kid });
    case "none": return client.None();
  }
};

const tasks = {
  async discover(task) {
    const config = await client.discovery(
      new URL(task.issuer),
      task.client_id,
      {
        id_token_signed_response_alg: task.id_token_alg,
        require_auth_time: true,
        use_mtls_endpoint_aliases: false,
      },
      await authentication(task),
      { [client.customFetch]: through(task.origin, task.address) },
    );
    // Without it openid-client trusts TLS alone for an ID token that it fetched itself.
    client.enableNonRepudiationChecks(config);
    config[client.customFetch] = through(task.origin, task.address);
    kept.set(task.name, { config, task });
    const server = config.serverMetadata();
    return { issuer: server.issuer, supports_pkce: server.supportsPKCE() };
  },

  async authorize({ name, login, form_post, request_object_alg, parameters = {} }) {
    const { config, task } = kept.get(name);
    const verifier = client.randomPKCECodeVerifier();
    const checks = { pkceCodeVerifier: verifier, expectedState: client.randomState(), expectedNonce: client.randomNonce(), maxAge: 60, idTokenExpected: true };
    Object.assign(kept.get(name), { checks });
    const asked = {
      redirect_uri: task.redirect_uri,
      scope: "openid profile email",
      login_hint: login,
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      max_age: "60",
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      ...(form_post ? { response_mode: "form_post" } : {}),
      ...parameters,
    };
    const url = request_object_alg
      ? await client.buildAuthorizationUrlWithJAR(config, asked, await key(task.client_key, request_object_alg), {
          [client.modifyAssertion]: (header, claims) => { claims.exp ??= Math.floor(Date.now() / 1000) + 300; },
        })
      : client.buildAuthorizationUrl(config, asked);
    return { url: url.href };
  },

  async finish({ name, callback, form }) {
    const { config, checks, task } = kept.get(name);
    const answer = form
      ? new Request(task.redirect_uri, { method: "POST", body: new URLSearchParams(form) })
      : new URL(callback);
    const tokens = await client.authorizationCodeGrant(config, answer, checks);
    const claims = tokens.claims();
    const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
    const logout = client.buildEndSessionUrl(config, {
      post_logout_redirect_uri: task.post_logout_redirect_uri,
      id_token_hint: tokens.id_token,
      state: "bye",
    });
    Object.assign(kept.get(name), { access_token: tokens.access_token, sub: claims.sub });
    return { claims, userinfo, logout: logout.href, scope: tokens.scope };
  },

  async userinfo({ name }) {
    const { config, access_token, sub } = kept.get(name);
    return { userinfo: await client.fetchUserInfo(config, access_token, sub) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line);
  let answer;
  try {
    answer = { ok: true, ...(await tasks[task.task](task)) };
  } catch (error) {
    answer = { ok: false, error: String(error?.code ?? error?.message ?? error), cause: String(error?.error ?? error?.cause?.message ?? error?.message ?? "") };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
