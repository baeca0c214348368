// Signs people in with Microsoft's own library, and prints what it makes of their tokens as one line of JSON.
//
// Run by testing/graph-sim/tests/simulator/pages.rs; the certificate is trusted by NODE_EXTRA_CA_CERTS. The library leaves
// signatures to TLS, so they are checked here against the list of keys, by Node's own means.
import { createPublicKey, verify } from "node:crypto";
import { ConfidentialClientApplication, CryptoProvider } from "@azure/msal-node";

const { ROOT, AUTHORITY, CLIENT_ID, CLIENT_SECRET, PERSONAS } = process.env;
const redirectUri = "http://localhost:8365/connectors/microsoft-365/callback";
const scopes = ["openid", "profile"];

const application = new ConfidentialClientApplication({
  auth: {
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    authority: `${ROOT}/${AUTHORITY}`,
    knownAuthorities: [new URL(ROOT).host],
  },
});

/** Goes where the page's link leads, and comes back with a code and the state. */
async function answerOf(persona, request) {
  const page = new URL(await application.getAuthCodeUrl(request));
  page.pathname += `/as/${persona}`;
  const answer = await fetch(page, { redirect: "manual" });
  if (answer.status !== 302) throw new Error(`the page answers ${answer.status}: ${await answer.text()}`);
  const back = new URL(answer.headers.get("location")).searchParams;
  return { code: back.get("code"), state: back.get("state") };
}

async function signIn(persona, { nonce, expected }) {
  const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
  const request = {
    scopes,
    redirectUri,
    responseMode: "query",
    state: `state of ${persona}`,
    nonce,
    codeChallenge: challenge,
    codeChallengeMethod: "S256",
  };
  const answer = await answerOf(persona, request);
  // The library holds the state and the nonce of the answer against these.
  const redeemed = { scopes, redirectUri, codeVerifier: verifier, code: answer.code, state: request.state, nonce: expected };
  return application.acquireTokenByCode(redeemed, answer);
}

async function isSigned(token) {
  const [header, payload, signature] = token.split(".");
  const { kid } = JSON.parse(Buffer.from(header, "base64url"));
  const { keys } = await (await fetch(`${ROOT}/${AUTHORITY}/discovery/v2.0/keys`)).json();
  const key = createPublicKey({ key: keys.find((listed) => listed.kid === kid), format: "jwk" });
  return verify("RSA-SHA256", Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url"));
}

const people = {};
for (const persona of PERSONAS.split(",")) {
  const result = await signIn(persona, { nonce: "a-nonce", expected: "a-nonce" });
  const { idToken, idTokenClaims: claims, account, tenantId } = result;
  people[persona] = { claims, account: account.homeAccountId, tenantId, isSigned: await isSigned(idToken) };
}
const refused = await signIn(PERSONAS.split(",")[0], { nonce: "a-nonce", expected: "another" }).catch((error) => error.errorCode);
console.log(JSON.stringify({ people, refused }));
