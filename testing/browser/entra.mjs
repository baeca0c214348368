// Signs in and consents on the simulator's pages as an administrator does, and prints what came of it as one line of JSON. Run by
// testing/graph-sim/tests/simulator/pages.rs. With SCREENSHOTS, the pages are written down in that folder.
import { axe, clickByRole, open, overflows, screenshot } from "./lib.mjs";

const { AUTHORIZE, CONSENT, SCREENSHOTS } = process.env;
const steps = [
  { name: "sign-in", url: AUTHORIZE, press: "Sign in as administrator" },
  { name: "consent", url: CONSENT, press: "Accept" },
];
const looks = [
  { width: 1280, dark: false },
  { width: 360, dark: true },
];

const found = [];
for (const look of looks) {
  const { page, complaints, close } = await open(look);
  try {
    for (const { name, url, press } of steps) {
      await page.goto(url);
      const heading = await page.getByRole("heading", { level: 1 }).innerText();
      const [violations, isWide] = [await axe(page), await overflows(page)];
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      if (SCREENSHOTS) await screenshot(page, `${SCREENSHOTS}/${name}-${look.width}.png`);
      await clickByRole(page, "link", press);
      await page.waitForURL((there) => there.pathname === "/back");
      found.push({ heading, violations, isWide, ground, complaints: complaints.splice(0), back: page.url() });
    }
  } finally {
    await close();
  }
}
console.log(JSON.stringify(found));
