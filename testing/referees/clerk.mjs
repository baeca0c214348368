// Judges session tokens with Clerk's own library, and prints a verdict for each as one line of JSON.
//
// Nobody of this project wrote that library, so a verdict other than the connector's is a fault of the connector, or is
// listed as stricter. Run by crates/clerk/tests/it/referee.rs, which compares; the library's clock is set to the tokens'.
import { verifyToken } from "@clerk/backend";
import { getCookieSuffix, parsePublishableKey } from "@clerk/shared/keys";

let input = "";
for await (const piece of process.stdin) input += piece;
const { now, jwtKey, authorizedParties, tokens, publishableKeys } = JSON.parse(input);
Date.now = () => now * 1000;

async function verdict(token) {
  try {
    await verifyToken(token, { jwtKey, authorizedParties });
    return "taken";
  } catch (error) {
    return error.reason ?? error.name;
  }
}

async function instance(key) {
  const parsed = parsePublishableKey(key);
  return parsed && { host: parsed.frontendApi, live: parsed.instanceType === "production", suffix: await getCookieSuffix(key) };
}

const verdicts = [];
for (const token of tokens) verdicts.push(await verdict(token));
const instances = [];
for (const key of publishableKeys) instances.push(await instance(key));
console.log(JSON.stringify({ verdicts, instances }));
