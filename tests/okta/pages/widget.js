// Starts Okta's own Sign-In Widget against this org's endpoints, as Okta's hosted page does.

const place = document.getElementById("okta-login-container");
const { pipeline, stateToken, fromUri, skipVerify, identifierFirst, orgName } = place.dataset;

const settings = {
  baseUrl: location.origin,
  el: "#okta-login-container",
  brandName: orgName,
  language: "en",
  assets: { baseUrl: "/widget" },
  features: {
    router: false,
    rememberMe: false,
    multiOptionalFactorEnroll: true,
    skipIdpFactorVerificationBtn: skipVerify === "true",
  },
};
if (stateToken) settings.stateToken = stateToken;
if (pipeline === "classic" && identifierFirst === "true") {
  // Some names belong to an identity provider: the widget asks the org whose name it is.
  settings.features.idpDiscovery = true;
  settings.idpDiscovery = { requestContext: fromUri };
}
if (pipeline === "classic") Object.assign(settings, { useClassicEngine: true, relayState: fromUri });

new OktaSignIn(settings).renderEl(
  { el: settings.el },
  (result) => {
    if (result.status === "SUCCESS" && result.session) result.session.setCookieAndRedirect(location.origin + fromUri);
  },
  (error) => console.error("Sign-In Widget:", error.name, error.message),
);
