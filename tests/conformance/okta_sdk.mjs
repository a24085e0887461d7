// Okta's own SDK for Node drives an org's management API and says what it made of the answers. Nothing of ours judges
// here: the SDK builds the requests, follows the Link headers, and turns bodies into its types.
// A server on loopback speaks for the https org: only the way there is replaced.

import okta from "@okta/okta-sdk-nodejs";

const { ORG, ADDRESS, TOKEN, CERTIFICATE } = process.env;
const direct = new okta.DefaultRequestExecutor();
const client = new okta.Client({
  orgUrl: ORG,
  token: TOKEN,
  cacheMiddleware: null,
  requestExecutor: { fetch: (request) => direct.fetch({ ...request, url: request.url.replace(ORG, ADDRESS) }) },
});

const done = [];
const check = (what, holds) => {
  if (!holds) throw new Error(`does not hold: ${what}`);
  done.push(what);
};
const all = async (collection) => {
  const rows = [];
  await (await collection).each((row) => { rows.push(row); });
  return rows;
};
const refused = async (what, status, code, call) => {
  try {
    await call();
  } catch (error) {
    check(`${what}: ${error.status} ${error.errorCode}`, error.status === status && error.errorCode === code);
    return;
  }
  throw new Error(`was not refused: ${what}`);
};

const scenarios = {
  async users() {
    const profile = (n) => ({ login: `sdk${n}@acme.test`, email: `sdk${n}@acme.test`, firstName: "S", lastName: `D${n}` });
    const users = [];
    for (let n = 0; n < 5; n += 1) users.push(await client.userApi.createUser({ body: { profile: profile(n) }, activate: true }));
    check("a user is created", users[0].id.startsWith("00u") && users[0].status === "PROVISIONED");
    check("dates are dates", users[0].created instanceof Date);
    const listed = await all(client.userApi.listUsers({ limit: 2 }));
    check("pages are followed by Link", listed.length === 7 && new Set(listed.map(({ id }) => id)).size === 7);
    const found = await all(client.userApi.listUsers({ search: 'profile.lastName eq "D3"' }));
    check("search finds", found.length === 1 && found[0].id === users[3].id);
    const changed = await client.userApi.updateUser({ userId: users[0].id, user: { profile: { nickName: "Nick" } } });
    check("a part is changed", changed.profile.nickName === "Nick" && changed.profile.lastName === "D0");
    const replaced = await client.userApi.replaceUser({ userId: users[0].id, user: { profile: profile(0) } });
    check("the whole is replaced", !replaced.profile.nickName);
    await refused("an unknown attribute", 400, "E0000001", () =>
      client.userApi.updateUser({ userId: users[0].id, user: { profile: { noSuchThing: true } } }));
    await refused("an unknown user", 404, "E0000007", () => client.userApi.getUser({ userId: "00unobody" }));
  },

  async groups() {
    const group = await client.groupApi.createGroup({ group: { profile: { name: "SDK", description: "made by the SDK" } } });
    const ann = await client.userApi.getUser({ userId: "ann@acme.test" });
    await client.groupApi.assignUserToGroup({ groupId: group.id, userId: ann.id });
    await client.groupApi.assignUserToGroup({ groupId: group.id, userId: ann.id });
    const members = await all(client.groupApi.listGroupUsers({ groupId: group.id }));
    check("a member is in", members.length === 1 && members[0].id === ann.id);
    await client.groupApi.unassignUserFromGroup({ groupId: group.id, userId: ann.id });
    check("and out", (await all(client.groupApi.listGroupUsers({ groupId: group.id }))).length === 0);
    const [found] = await all(client.groupApi.listGroups({ q: "SDK" }));
    check("a group is found by its name", found.id === group.id && found.type === "OKTA_GROUP");
    await client.groupApi.deleteGroup({ groupId: group.id });
    await refused("a deleted group", 404, "E0000007", () => client.groupApi.getGroup({ groupId: group.id }));
  },

  async idps() {
    const api = client.identityProviderApi;
    const key = await api.createIdentityProviderKey({ jsonWebKey: { x5c: [CERTIFICATE] } });
    check("a certificate is uploaded", key.kty === "RSA" && key.kid.length === 36);
    await refused("the same certificate", 409, "E0000096", () => api.createIdentityProviderKey({ jsonWebKey: { x5c: [CERTIFICATE] } }));
    const body = {
      type: "SAML2", name: "Tacit",
      protocol: {
        type: "SAML2",
        endpoints: { sso: { url: "https://login.tacit-idp.test/sso", binding: "HTTP-POST" }, acs: { binding: "HTTP-POST", type: "INSTANCE" } },
        algorithms: { request: { signature: { algorithm: "SHA-256", scope: "REQUEST" } }, response: { signature: { algorithm: "SHA-256", scope: "ANY" } } },
        credentials: { trust: { issuer: "https://login.tacit-idp.test/metadata", kid: key.kid } },
      },
      policy: {
        provisioning: { action: "DISABLED", groups: { action: "NONE" } }, accountLink: { action: "AUTO" },
        subject: { userNameTemplate: { template: "idpuser.subjectNameId" }, matchType: "USERNAME" }, maxClockSkew: 120000,
      },
    };
    const saml = await api.createIdentityProvider({ identityProvider: body });
    check("a SAML provider is created", saml.id.startsWith("0oa") && saml.status === "ACTIVE");
    check("it has an audience", saml.protocol.credentials.trust.audience.startsWith("https://www.okta.com/saml2/service-provider/sp"));
    const replaced = await api.replaceIdentityProvider({ idpId: saml.id, identityProvider: { ...body, name: "Tacit two" } });
    check("it is replaced", replaced.name === "Tacit two");
    const oidc = await api.createIdentityProvider({ identityProvider: {
      type: "OIDC", name: "Tacit OIDC",
      protocol: {
        type: "OIDC", issuer: { url: "https://login.tacit-idp.test" }, scopes: ["openid"],
        endpoints: {
          authorization: { url: "https://login.tacit-idp.test/authorize", binding: "HTTP-REDIRECT" },
          token: { url: "https://login.tacit-idp.test/token", binding: "HTTP-POST" },
          jwks: { url: "https://login.tacit-idp.test/jwks", binding: "HTTP-REDIRECT" },
        },
        credentials: { client: { client_id: "id", client_secret: "secret" } },
      },
      policy: body.policy,
    } });
    check("an OIDC provider is created", oidc.type === "OIDC" && oidc.issuerMode === "ORG_URL");
    const listed = await all(api.listIdentityProviders({ type: "SAML2" }));
    check("providers are listed by type", listed.length === 1 && listed[0].id === saml.id);
    const off = await api.deactivateIdentityProvider({ idpId: oidc.id });
    check("a provider is switched off", off.status === "INACTIVE");
    await api.deleteIdentityProvider({ idpId: oidc.id });
    await refused("a deleted provider", 404, "E0000007", () => api.getIdentityProvider({ idpId: oidc.id }));
  },

  async policies() {
    const api = client.policyApi;
    const [discovery, ...more] = await all(api.listPolicies({ type: "IDP_DISCOVERY" }));
    check("one discovery policy", more.length === 0 && discovery.system === true);
    const [saml] = await all(client.identityProviderApi.listIdentityProviders({ type: "SAML2" }));
    const rule = await api.createPolicyRule({ policyId: discovery.id, policyRule: {
      type: "IDP_DISCOVERY", name: "Route", priority: 1,
      conditions: { network: { connection: "ANYWHERE" }, userIdentifier: { type: "IDENTIFIER", patterns: [{ matchType: "SUFFIX", value: "tacit.test" }] } },
      actions: { idp: { providers: [{ type: "SAML2", id: saml.id }], idpSelectionType: "SPECIFIC" } },
    } });
    check("a routing rule is created", rule.priority === 1 && rule.actions.idp.providers[0].id === saml.id);
    const rules = await all(api.listPolicyRules({ policyId: discovery.id }));
    check("Okta's rule is the last", rules.length === 2 && rules[1].system === true);
    await refused("Okta's rule cannot be deleted", 403, "E0000006", () => api.deletePolicyRule({ policyId: discovery.id, ruleId: rules[1].id }));
    await api.deactivatePolicyRule({ policyId: discovery.id, ruleId: rule.id });
    check("a rule is switched off", (await api.getPolicyRule({ policyId: discovery.id, ruleId: rule.id })).status === "INACTIVE");
    await api.deletePolicyRule({ policyId: discovery.id, ruleId: rule.id });
    const [staff] = await all(client.groupApi.listGroups({ q: "staff" }));
    const policy = await api.createPolicy({ policy: {
      type: "OKTA_SIGN_ON", name: "Staff", conditions: { people: { groups: { include: [staff.id] } } } } });
    check("a sign-on policy comes before the default", policy.priority === 1);
    const signOn = await api.createPolicyRule({ policyId: policy.id, policyRule: {
      type: "SIGN_ON", name: "Factor", conditions: { network: { connection: "ANYWHERE" }, authContext: { authType: "ANY" } },
      actions: { signon: { access: "ALLOW", requireFactor: true, factorPromptMode: "ALWAYS" } } } });
    check("its rule asks for a factor", signOn.actions.signon.requireFactor === true);
    await api.deletePolicy({ policyId: policy.id });
  },

  async origins() {
    const api = client.trustedOriginApi;
    const origin = await api.createTrustedOrigin({ trustedOrigin: {
      name: "Gateway", origin: "https://gw.tacit.test", scopes: [{ type: "CORS" }, { type: "REDIRECT" }] } });
    check("a trusted origin is created", origin.id.startsWith("tos") && origin.scopes.length === 2);
    const off = await api.deactivateTrustedOrigin({ trustedOriginId: origin.id });
    check("it is switched off", off.status === "INACTIVE");
    check("origins are listed", (await all(api.listTrustedOrigins({ q: "gw" }))).length === 1);
    await api.deleteTrustedOrigin({ trustedOriginId: origin.id });
  },

  async hooks() {
    const api = client.eventHookApi;
    const hook = await api.createEventHook({ eventHook: {
      name: "Tacit", events: { type: "EVENT_TYPE", items: ["group.user_membership.add", "user.lifecycle.suspend"] },
      channel: { type: "HTTP", version: "1.0.0", config: { uri: "https://hook.tacit.test/okta_events",
        authScheme: { type: "HEADER", key: "Authorization", value: "shared" } } } } });
    check("an event hook is created", hook.verificationStatus === "UNVERIFIED" && hook.status === "ACTIVE");
    check("it is verified", (await api.verifyEventHook({ eventHookId: hook.id })).verificationStatus === "VERIFIED");
    await api.deactivateEventHook({ eventHookId: hook.id });
    await api.deleteEventHook({ eventHookId: hook.id });
    await refused("a deleted hook", 404, "E0000007", () => api.getEventHook({ eventHookId: hook.id }));
  },

  async log() {
    const events = await all(client.systemLogApi.listLogEvents({ filter: 'eventType eq "group.user_membership.add"', limit: 5, sortOrder: "DESCENDING" })
      .then((collection) => ({ each: async (run) => { const { value } = await collection.next(); run(value); } })));
    check("the System Log is read", events[0].eventType === "group.user_membership.add" && events[0].outcome.result === "SUCCESS");
  },

  async leaving() {
    const user = await client.userApi.getUser({ userId: "sdk0@acme.test" });
    const lifecycle = client.userLifecycleApi ?? client.userApi;
    await lifecycle.suspendUser({ id: user.id, userId: user.id });
    check("a user is suspended", (await client.userApi.getUser({ userId: user.id })).status === "SUSPENDED");
    await client.userApi.deleteUser({ id: user.id, userId: user.id });
    check("deleted once is deactivated", (await client.userApi.getUser({ userId: user.id })).status === "DEPROVISIONED");
    await client.userApi.deleteUser({ id: user.id, userId: user.id });
    await refused("deleted twice is gone", 404, "E0000007", () => client.userApi.getUser({ userId: user.id }));
  },
};

for (const [name, run] of Object.entries(scenarios)) {
  try {
    await run();
  } catch (error) {
    console.log(JSON.stringify({ failed: name, message: String(error.stack ?? error), held: done }));
    process.exit(1);
  }
}
console.log(JSON.stringify({ held: done }));
