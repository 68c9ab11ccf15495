// A tiny host of MCP Apps: shows the card in a sandboxed frame, and has it follow a task.

import assert from "node:assert";
import { withPage } from "./browser.mjs";

const { card, answer } = JSON.parse(process.argv[2]);

const host = (card, answer) => {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.srcdoc = card;
  window.seen = [];
  window.status = "pending";
  const send = (message) => frame.contentWindow.postMessage({ jsonrpc: "2.0", ...message }, "*");
  addEventListener("message", ({ data }) => {
    window.seen.push(data);
    if (data.method === "ui/initialize") {
      const hostContext = { theme: "dark" };
      send({ id: data.id, result: { protocolVersion: "2026-01-26", hostCapabilities: { serverTools: {} }, hostContext } });
    } else if (data.method === "ui/notifications/initialized") {
      send({ method: "ui/notifications/tool-input", params: { arguments: { id: "x" } } });
      send({ method: "ui/notifications/tool-result", params: answer });
    } else if (data.method === "tools/call") {
      send({ id: data.id, result: { content: [], structuredContent: { status: window.status } } });
    }
  });
  document.body.append(frame);
};

await withPage("about:blank", {}, async (page) => {
  const before = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'";
  const restricted = card.replace("<title>", `<meta http-equiv="Content-Security-Policy" content="${before}"><title>`);
  await page.evaluate(`(${host})(${JSON.stringify(restricted)}, ${JSON.stringify(answer)})`);
  const shown = page.frameLocator("iframe");
  await shown.locator("#question:not([hidden])").waitFor();
  const question = answer._meta["mcp-sftp-orchestrator/question"];
  assert.equal(await shown.locator("#text").textContent(), question.text);
  assert.equal((await shown.locator("#details").textContent()).trim(), question.details.trim());
  assert.equal(await shown.locator("#approve").textContent(), question.approve);
  assert.equal(await shown.locator("button, a, input").count(), 0, "it does not answer");
  assert.equal(await shown.locator("#details img").count(), 0, "no text becomes markup");
  assert.equal(await shown.locator("html.dark").count(), 1);
  await page.evaluate(() => { window.status = "running"; });
  await shown.locator("#state", { hasText: "It was approved, and runs." }).waitFor();
  const seen = await page.evaluate(() => window.seen);
  const calls = seen.filter(({ method }) => method === "tools/call").map(({ params }) => params);
  assert.ok(calls.length && calls.every(({ name, arguments: { id } }) => name === "task_status" && id === question.id));
  const sizes = seen.filter(({ method }) => method === "ui/notifications/size-changed");
  assert.ok(sizes.every(({ params }) => params.height > 0));
});
