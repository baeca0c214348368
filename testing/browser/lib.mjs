// A browser for tests: Debian's Chromium, without a window, that reaches this machine and nothing else.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What it is told: no other host has an address. */
const LOOPBACK_ONLY = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1";

/**
 * Opens an empty page. `complaints` fills with what the browser finds wrong with what it is shown: errors of scripts, and what a
 * content security policy refuses. Call `close` at the end, or this process does not end.
 */
export async function open({ width = 1280, height = 900, dark = false } = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    // Chromium's sandbox does not work for root.
    chromiumSandbox: process.getuid() !== 0,
    args: [LOOPBACK_ONLY, "--no-proxy-server"],
  });
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`${message.text()} ${message.location().url}`);
  });
  return { page, context, complaints, close: () => browser.close() };
}

/** Presses what has this role and exactly this name. */
export async function clickByRole(page, role, name) {
  await page.getByRole(role, { name, exact: true }).click();
}

/** The whole page as an image, at this place. */
export async function screenshot(page, file) {
  await page.screenshot({ path: file, fullPage: true });
}

/** What keeps people from using the page, as axe finds it: the serious and the critical. */
export async function axe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, impact, nodes }) => ({ id, impact, at: nodes.map((node) => node.target.join(" ")) }));
}

/** Whether the page is wider than the window. */
export async function overflows(page) {
  return page.evaluate(() => document.documentElement.scrollWidth > globalThis.innerWidth);
}
