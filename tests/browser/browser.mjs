// A Chromium with a page that may have no error of its own.

import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.env.TOOLS}/`)("playwright-core");

// Opens the link, does `work` with the page, and fails on any error that the browser has told.
export async function withPage(link, options, work) {
  // As root, Chromium has no sandbox of its own.
  const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args });
  try {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => message.type() === "error" && problems.push(`${message.text()} ${message.location().url}`));
    page.on("dialog", (dialog) => dialog.accept());
    await page.goto(link);
    // The link leads on.
    await page.waitForURL((url) => url.pathname !== "/login");
    await work(page, context);
    if (problems.length) throw new Error(problems.join("\n"));
  } finally {
    await browser.close();
  }
}
