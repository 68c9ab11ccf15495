// A person at the page: logs in, watches a task, answers two questions, stops the task, then everything.

import assert from "node:assert";
import { withPage } from "./browser.mjs";

const { link, task, yes, no } = JSON.parse(process.argv[2]);

await withPage(link, { viewport: { width: 1280, height: 900 } }, async (page, context) => {
  assert.equal(new URL(page.url()).search, "", "no token is left in the address");
  const [cookie] = await context.cookies();
  assert.ok(cookie.httpOnly && cookie.sameSite === "Strict");
  assert.equal((await page.request.get(link)).status(), 403, "the link works once");

  // By keys alone: the first task, and what it prints.
  await page.waitForSelector(`#task-${task} .running`);
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  const output = page.locator("#output");
  const ticks = async () => (await output.textContent()).split("tick").length;
  await page.waitForSelector("#output .stdout");
  const before = await ticks();
  await page.waitForFunction((count) => document.getElementById("output").textContent.split("tick").length > count, before);
  assert.match(await output.textContent(), /<img src=x onerror=alert\(1\)>/);
  assert.equal(await page.locator("#output img, #rows img, #trail img").count(), 0, "no text becomes markup");

  const question = (id) => page.locator(`[data-id="${id}"].question`);
  await question(yes).locator(".yes").click();
  await question(yes).waitFor({ state: "detached" });
  await question(no).focus();
  await page.keyboard.press("n");
  await question(no).waitFor({ state: "detached" });

  await page.keyboard.press("s");
  await page.waitForSelector(`#task-${task} .cancelled`);
  await page.fill("#search", "task_cancel");
  await page.waitForFunction(() => document.querySelectorAll("#trail tr").length === 1);
  assert.match(await page.textContent("#trail"), /\(web\)/);

  await page.click("#stop");
  await page.waitForSelector("#held:not([hidden])");

  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 360, height: 740 });
    const { wide, back, text } = await page.evaluate(() => {
      const { backgroundColor: back, color: text } = getComputedStyle(document.body);
      return { wide: document.documentElement.scrollWidth - innerWidth, back, text };
    });
    assert.equal(wide, 0, "a phone need not scroll to the side");
    const light = (colour) => Number(/\d+/.exec(colour)[0]) > 127;
    assert.deepEqual([light(back), light(text)], colorScheme === "light" ? [true, false] : [false, true]);
  }
});
