// A person who has never seen the dashboard gets from the sign-in link to the first records, against the simulator.
//   node first-run.mjs SIGN-IN-LINK        prints "ok"; SCREENSHOTS=dir keeps a picture of each page, wide and narrow, light and dark
import { axe, clickByRole, open, overflows, screenshot } from "./lib.mjs";

const [link] = process.argv.slice(2);
const origin = new URL(link).origin;
const pictures = process.env.SCREENSHOTS;
const faults = [];

/** Whether the page is fit for people, in both themes and at both widths. */
async function look(page, name) {
  for (const [width, height] of [[1280, 900], [390, 844]]) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      for (const fault of await axe(page)) faults.push(`${name} at ${width}, ${colorScheme}: ${JSON.stringify(fault)}`);
      if (pictures) await screenshot(page, `${pictures}/${name}-${width}-${colorScheme}.png`);
    }
    if (await overflows(page)) faults.push(`${name} is wider than a window of ${width}`);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

const b = await open();
const { page } = b;
try {
  await page.goto(link);
  await look(page, "sign-in");
  await clickByRole(page, "button", "Sign in");
  await page.getByRole("heading", { name: "Nothing is being read" }).waitFor();
  await look(page, "set-up");
  await clickByRole(page, "link", "Connect Microsoft 365");
  await look(page, "connect");
  await clickByRole(page, "button", "Make a link");
  await page.getByRole("heading", { name: "Send this to the administrator" }).waitFor();
  await clickByRole(page, "button", "Sign in at Microsoft");
  await clickByRole(page, "link", "Sign in as administrator");
  await clickByRole(page, "link", "Accept");
  await clickByRole(page, "link", "Read the agreement");
  await look(page, "agreement");
  await page.getByRole("checkbox").check();
  await clickByRole(page, "button", "Accept");
  await clickByRole(page, "link", "Name domains");
  await page.getByLabel("Domains, one or many").fill("acme.com, contoso.com");
  await clickByRole(page, "button", "Add");
  await look(page, "domains-refused");
  await page.getByLabel("Domains, one or many").fill("acme.com globex.com");
  await clickByRole(page, "button", "Preview what they would bring");
  await page.getByRole("button", { name: "Add the proposed domains" }).waitFor({ timeout: 60_000 });
  await look(page, "preview");
  await clickByRole(page, "button", "Add the proposed domains");
  await look(page, "domains");
  await page.goto(`${origin}/settings/connectors/microsoft-365`);
  await clickByRole(page, "button", "Start initial sync");
  await page.getByText("Healthy").waitFor({ timeout: 60_000 });
  await look(page, "connector");
  await clickByRole(page, "button", "Pause the schedule");
  await page.getByText("Paused since").waitFor();
  await look(page, "connector-paused");
  await clickByRole(page, "button", "Resume the schedule");
  await page.getByText("Next sync").waitFor();
  await page.goto(`${origin}/settings/connectors/microsoft-365/register`);
  await page.getByLabel("Last day of the secret").fill(new Date(Date.now() + 20 * 86_400_000).toISOString().slice(0, 10));
  await clickByRole(page, "button", "Note the day");
  await page.getByText("in 20 days").waitFor();
  await page.goto(`${origin}/settings/connectors/microsoft-365`);
  await page.getByText("has to be replaced").waitFor();
  await look(page, "connector-secret-ends");
  await page.getByRole("link", { name: "Activities" }).first().click();
  const records = await page.locator("tbody tr").count();
  if (records === 0) faults.push("there are no records on the page of activities");
  await look(page, "activities");
  for (const [name, path] of [
    ["connectors", "/settings/connectors"],
    ["register", "/settings/connectors/microsoft-365/register"],
    ["connect-again", "/settings/connectors/microsoft-365/connect"],
    ["agreement-accepted", "/settings/connectors/microsoft-365/agreement"],
    ["agreement-text", "/settings/connectors/microsoft-365/agreement/text"],
    ["mailboxes", "/settings/connectors/microsoft-365/mailboxes"],
    ["settings", "/settings/connectors/microsoft-365/settings"],
    ["health", "/settings/connectors/microsoft-365/health"],
    ["runs", "/settings/connectors/microsoft-365/runs"],
    ["exclusions", "/settings/connectors/microsoft-365/exclusions"],
    ["disconnect", "/settings/connectors/microsoft-365/disconnect"],
    ["audit", "/settings/audit"],
    ["kept", "/settings/kept"],
    ["find", "/activities/person"],
  ]) {
    await page.goto(origin + path);
    await look(page, name);
  }
  await page.goto(`${origin}/settings/connectors/microsoft-365/runs`);
  await page.locator("tbody a").first().click();
  await look(page, "run");
  await page.goto(`${origin}/activities`);
  await page.locator('a[href^="/people/"]').first().click();
  await look(page, "person");
  await page.goto(`${origin}/settings/connectors/microsoft-365/agreement/text`);
  await page.getByLabel("Version").fill("2026-11");
  await page.getByRole("textbox", { name: "Text" }).fill("We agree.");
  await clickByRole(page, "button", "Put this text in force");
  await page.getByRole("alert").waitFor();
  await look(page, "agreement-text-refused");
  await page.getByLabel("Version").fill("Contoso 1");
  await clickByRole(page, "button", "Put this text in force");
  await page.getByText("A new text asks again").waitFor();
  await look(page, "agreement-own");
  await page.getByRole("checkbox").check();
  await clickByRole(page, "button", "Accept");
} catch (error) {
  faults.push(`${page.url().replace(/sign-in\/.*/, "sign-in/…")}: ${error.message}`);
  if (pictures) await screenshot(page, `${pictures}/failed.png`);
}
// A page that is not found, and nothing else, may be complained of.
faults.push(...b.complaints);
await b.close();
if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exit(1);
}
console.log("ok");
