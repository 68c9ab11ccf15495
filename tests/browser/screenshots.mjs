// Two pictures of the page for the guide: a light desktop, and a dark phone.

import { withPage } from "./browser.mjs";

const { link, shots } = JSON.parse(process.argv[2]);

await withPage(link, { viewport: { width: 1120, height: 760 } }, async (page) => {
  await page.waitForSelector("#servers svg");
  await page.waitForSelector(".row");
  await page.screenshot({ path: `${shots}/page-light.png` });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 390, height: 780 });
  await page.waitForTimeout(300);
  await page.screenshot({ path: `${shots}/page-dark.png` });
});
