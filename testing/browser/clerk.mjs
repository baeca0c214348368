// People sign in with Clerk's script, whose place the stand-in takes.
//   node clerk.mjs ORIGIN        prints "ok"
import { axe, clickByRole, open } from "./lib.mjs";

const [origin] = process.argv.slice(2);
const faults = [];
const b = await open();
const { page } = b;
try {
  await page.goto(`${origin}/settings/connectors`);
  await page.getByRole("button", { name: "Sign in as administrator", exact: true }).waitFor();
  for (const fault of await axe(page)) faults.push(`sign-in: ${JSON.stringify(fault)}`);
  await clickByRole(page, "button", "Sign in as administrator");
  await page.getByRole("heading", { name: "Connectors", exact: true }).waitFor();
  await page.goto(`${origin}/settings/audit`);
  await page.getByRole("heading", { name: "Audit trail", exact: true }).waitFor();
  await clickByRole(page, "button", "Sign out");
  await clickByRole(page, "button", "Sign in as member");
  await page.getByRole("heading", { name: "This needs an administrator" }).waitFor();
  await page.goto(`${origin}/activities`);
  await page.getByRole("heading", { name: "Activities", exact: true }).waitFor();
  await clickByRole(page, "button", "Sign out");
  await clickByRole(page, "button", "Sign in as administrator of another organization");
  await page.getByRole("heading", { name: "Your organization is not admitted here" }).waitFor();
} catch (error) {
  faults.push(`${page.url()}: ${error.message}`);
}
// That a page is refused is what is tried here; what a policy refuses is not.
faults.push(...b.complaints.filter((complaint) => !/status of 40[13]/.test(complaint)));
await b.close();
if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exit(1);
}
console.log("ok");
