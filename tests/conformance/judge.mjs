// Reads a JSON array of tasks from stdin and writes a JSON array of answers. Nothing of ours judges here: every answer is
// what @node-saml/node-saml or samlify made of it. An error of theirs is an answer: {"ok":false,"error":"…"}.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { SAML, ValidateInResponseTo } = require("@node-saml/node-saml");
const samlify = require("samlify");

// samlify wants a schema validator of the caller's choice and refuses to work without one. Signatures, conditions and
// issuers are what is judged here; xmlsec1 and node-saml parse the same documents on their own.
samlify.setSchemaValidator({ validate: async () => "skipped" });

const oneRequest = (id) => ({
  saveAsync: async (key, value) => ({ value, createdAt: Date.now() }),
  getAsync: async (key) => (key === id ? new Date().toISOString() : null),
  removeAsync: async (key) => key,
});

const nodeSaml = (task, options = {}) =>
  new SAML({
    issuer: task.sp_entity_id,
    callbackUrl: task.acs,
    audience: task.sp_entity_id,
    entryPoint: task.sso_url,
    idpIssuer: task.idp_entity_id,
    idpCert: task.idp_certificate,
    acceptedClockSkewMs: 0,
    ...options,
  });

const samlifySides = (task) => ({
  sp: samlify.ServiceProvider({
    entityID: task.sp_entity_id,
    authnRequestsSigned: true,
    wantAssertionsSigned: task.signed_part === "assertion",
    wantMessageSigned: task.signed_part === "response",
    privateKey: task.sp_key,
    signingCert: task.sp_certificate,
    requestSignatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    assertionConsumerService: [{ Binding: samlify.Constants.namespace.binding.post, Location: task.acs }],
    signatureConfig: {
      prefix: "ds",
      location: {
        reference: "/*[local-name(.)='AuthnRequest']/*[local-name(.)='Issuer']",
        action: "after",
      },
    },
  }),
  idp: samlify.IdentityProvider({ metadata: task.idp_metadata }),
});

const tasks = {
  async "accept-response/node-saml"(task) {
    const saml = nodeSaml(task, {
      wantAssertionsSigned: task.signed_part === "assertion",
      wantAuthnResponseSigned: task.signed_part === "response",
      validateInResponseTo: ValidateInResponseTo.always,
      cacheProvider: oneRequest(task.request_id),
    });
    const { profile } = await saml.validatePostResponseAsync({ SAMLResponse: task.saml_response });
    const { nameID, nameIDFormat, sessionIndex, issuer } = profile;
    return { name_id: nameID, name_id_format: nameIDFormat, session_index: sessionIndex, issuer, attributes: profile.attributes };
  },

  async "accept-response/samlify"(task) {
    const { sp, idp } = samlifySides(task);
    const { extract } = await sp.parseLoginResponse(idp, "post", { body: { SAMLResponse: task.saml_response } });
    if (extract.response.inResponseTo !== task.request_id) throw new Error("InResponseTo is another request's");
    return {
      name_id: extract.nameID,
      session_index: extract.sessionIndex?.sessionIndex,
      issuer: extract.issuer,
      audience: extract.audience,
      attributes: extract.attributes,
    };
  },

  async "make-request/node-saml/redirect"(task) {
    const saml = nodeSaml(task, signing(task));
    const url = await saml.getAuthorizeUrlAsync(task.relay_state, undefined, {});
    return { octets: url.slice(url.indexOf("?") + 1) };
  },

  async "make-request/node-saml/post"(task) {
    const saml = nodeSaml(task, { ...signing(task), authnRequestBinding: "HTTP-POST", skipRequestCompression: true });
    const form = await saml.getAuthorizeMessageAsync(task.relay_state);
    return { octets: new URLSearchParams(form).toString() };
  },

  async "make-request/samlify/redirect"(task) {
    const { sp, idp } = samlifySides(task);
    const { context } = sp.createLoginRequest(idp, "redirect", { relayState: task.relay_state });
    return { octets: context.slice(context.indexOf("?") + 1) };
  },

  async "make-request/samlify/post"(task) {
    const { sp, idp } = samlifySides(task);
    const { context } = sp.createLoginRequest(idp, "post", { relayState: task.relay_state });
    return { octets: new URLSearchParams({ SAMLRequest: context, RelayState: task.relay_state }).toString() };
  },

  async "read-metadata/samlify"(task) {
    const { entityMeta } = samlify.IdentityProvider({ metadata: task.idp_metadata });
    return {
      entity_id: entityMeta.getEntityID(),
      post: entityMeta.getSingleSignOnService("post"),
      redirect: entityMeta.getSingleSignOnService("redirect"),
      certificates: [entityMeta.getX509Certificate("signing")].flat(),
      want_signed: entityMeta.isWantAuthnRequestsSigned(),
    };
  },
};

const signing = (task) => ({
  privateKey: task.sp_key,
  publicCert: task.sp_certificate,
  signatureAlgorithm: "sha256",
  digestAlgorithm: "sha256",
  forceAuthn: true,
  samlAuthnRequestExtensions: {
    OktaAppInstanceId: { "#text": "0oaapp" },
    OktaAppName: { "#text": "Work & play" },
  },
});

let text = "";
for await (const chunk of process.stdin) text += chunk;
const answers = [];
for (const task of JSON.parse(text)) {
  try {
    answers.push({ ok: true, ...(await tasks[task.task](task)) });
  } catch (error) {
    answers.push({ ok: false, error: String(error?.message ?? error) });
  }
}
process.stdout.write(JSON.stringify(answers));
