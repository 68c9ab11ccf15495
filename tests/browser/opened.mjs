// A file that leads to the page, as the program has a desktop open it.

import assert from "node:assert";
import { withPage } from "./browser.mjs";

const { link, origin } = JSON.parse(process.argv[2]);

await withPage(link, {}, async (page) => {
  await page.waitForURL(`${origin}/`);
  await page.waitForSelector("#stop");
});
