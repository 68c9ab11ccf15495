// Streamable HTTP on one side, a server on standard input and output on the other: node bridge.mjs COMMAND…
// It prints its port. Each session has a process; requests without a session share one.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

const COMMAND = process.argv.slice(2);
/** Sessions are seldom closed by their clients, so the oldest ends where there are more. */
const MOST_SESSIONS = 4;

const exec = (cmd, more) => ({ name: "task_exec", arguments: { alias: "web1", cmd, ...more } });

/** The test tools that the suite calls, as calls of this server's own ones. */
const TEST_TOOLS = {
  test_simple_text: () => exec("echo 'This is a simple text response for testing.'"),
  test_error_handling: () => exec("true", { alias: "nobody" }),
  greet: ({ name }) => exec(`echo 'Hello, ${name}!'`),
  slow_compute: ({ seconds }) => exec(`sleep ${seconds}`, { background: true }),
  failing_job: () => exec("sleep 60", { timeout: 1, background: true }),
};

/** The same of resources and prompts. */
const TEST_RESOURCES = { "test://static-text": "orchestrator://policy" };
const TEST_PROMPTS = {
  test_simple_prompt: () => ({ name: "catch_up" }),
  test_prompt_with_arguments: ({ arg1, arg2 }) => ({ name: "add_server", arguments: { alias: arg1, host: arg2 } }),
};

/** The parameters of a request in terms of this server's own, by its method. */
const TRANSLATIONS = {
  "tools/call": ({ name, arguments: given }) => TEST_TOOLS[name]?.(given ?? {}),
  "prompts/get": ({ name, arguments: given }) => TEST_PROMPTS[name]?.(given ?? {}),
  "resources/read": ({ uri }) => TEST_RESOURCES[uri] && { uri: TEST_RESOURCES[uri] },
  "completion/complete": ({ ref }) =>
    ref?.name in TEST_PROMPTS && { ref: { ...ref, name: "investigate" }, argument: { name: "alias", value: "" } },
};

/** A request that has no answer yet, and the HTTP response for it. */
class OpenRequest {
  constructor(message, response) {
    this.id = message.id;
    this.token = message.params?._meta?.progressToken;
    this.response = response;
  }

  stream(message) {
    if (!this.response.headersSent) this.response.writeHead(200, { "content-type": "text/event-stream" });
    this.response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
  }

  end(message) {
    if (this.response.headersSent) {
      this.stream(message);
      this.response.end();
    } else {
      this.response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(message));
    }
  }
}

/** A process of the server. */
class Server {
  open = new Map();
  requests = 0;

  constructor() {
    this.process = spawn(COMMAND[0], COMMAND.slice(1), { stdio: ["pipe", "pipe", "ignore"] });
    const lines = createInterface({ input: this.process.stdout });
    lines.on("line", (line) => this.receive(JSON.parse(line)));
  }

  end() {
    this.process.stdin.end();
  }

  send(message, response) {
    if (message.id !== undefined && message.method !== undefined) {
      // Clients that share this process may use the same IDs.
      this.requests += 1;
      this.open.set(this.requests, new OpenRequest(message, response));
      message = { ...message, id: this.requests };
    } else {
      response.writeHead(202).end();
    }
    this.process.stdin.write(`${JSON.stringify(message)}\n`);
  }

  receive(message) {
    if (message.method === undefined) {
      const request = this.open.get(message.id);
      this.open.delete(message.id);
      request?.end({ ...message, id: request.id });
      return;
    }
    const requests = [...this.open.values()];
    const token = message.params?.progressToken;
    const of = token === undefined ? requests.at(-1) : requests.find((request) => request.token === token);
    of?.stream(message);
  }
}

const sessions = new Map();
const shared = new Server();

function begin(response) {
  const [id, server] = [randomUUID(), new Server()];
  sessions.set(id, server);
  response.setHeader("mcp-session-id", id);
  if (sessions.size > MOST_SESSIONS) end(sessions.keys().next().value);
  return server;
}

function end(id) {
  sessions.get(id)?.end();
  return sessions.delete(id);
}

function translate(message) {
  const translated = TRANSLATIONS[message.method]?.(message.params ?? {});
  return translated ? { ...message, params: { ...message.params, ...translated } } : message;
}

async function handle(request, response) {
  const id = request.headers["mcp-session-id"];
  if (request.method === "DELETE") return response.writeHead(end(id) ? 204 : 404).end();
  if (request.method !== "POST") return response.writeHead(405).end();
  let body = "";
  for await (const part of request) body += part;
  const message = JSON.parse(body);
  const opens = message.method === "initialize" && message.params?.protocolVersion !== undefined;
  const server = opens ? begin(response) : id === undefined ? shared : sessions.get(id);
  if (server === undefined) return response.writeHead(404).end();
  server.send(translate(message), response);
}

const http = createServer(handle);
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
