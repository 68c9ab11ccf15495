"""Drives the server by MCP's Python SDK: python session.py MODE COMMAND…

MODE is the SDK's: `legacy` begins with `initialize`, `auto` with `server/discover`. A server `web1` has to be registered.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Literal

from mcp.client import Client, ClientExtension, ResultClaim
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolResult,
    ElicitResult,
    PromptReference,
    Request,
    RequestParams,
    ResourceTemplateReference,
    Result,
)


def text(answer):
    """The text of an answer, or of a prompt's message."""
    return "\n".join(part.text for part in answer.content if part.type == "text")


async def refusal(awaitable):
    """The code of the protocol error with which a request ends."""
    try:
        await awaitable
    except MCPError as error:
        return error.error.code
    raise AssertionError("it was not refused")


async def tools(client):
    """Lists tools and calls them, well and badly."""
    listed = await client.list_tools()
    names = {tool.name for tool in listed.tools}
    assert {"task_exec", "server_list"} <= names, names
    answer = await client.call_tool("task_exec", {"alias": "web1", "cmd": "echo hello"})
    assert not answer.is_error and "hello" in text(answer), answer
    # The SDK checks structured content against the tool's schema.
    for tool, arguments in [("server_list", {}), ("queue_stats", {}), ("get_system_resources", {"alias": "web1"})]:
        answer = await client.call_tool(tool, arguments)
        assert not answer.is_error, answer
    unknown = await client.call_tool("task_exec", {"alias": "nobody", "cmd": "true"})
    assert unknown.is_error and "UNKNOWN_ALIAS" in text(unknown), unknown
    misspelt = await client.call_tool("task_exec", {"alias": "web1", "command": "true"})
    assert misspelt.is_error and "INVALID_ARGUMENT" in text(misspelt), misspelt
    assert await refusal(client.call_tool("no_such_tool", {})) == -32602


async def resources(client):
    """Lists resources and templates, and reads some."""
    listed = {str(resource.uri) for resource in (await client.list_resources()).resources}
    assert "orchestrator://policy" in listed, listed
    templates = (await client.list_resource_templates()).resource_templates
    assert any("{id}" in template.uri_template for template in templates), templates
    for uri in ["orchestrator://policy", "orchestrator://servers/web1"]:
        read = await client.read_resource(uri)
        assert read.contents[0].text, read
    assert await refusal(client.read_resource("orchestrator://nothing")) in (-32002, -32602)


async def prompts(client):
    """Lists prompts and fills one in."""
    listed = {prompt.name for prompt in (await client.list_prompts()).prompts}
    assert {"add_server", "investigate", "deploy", "catch_up"} <= listed, listed
    filled = await client.get_prompt("investigate", {"alias": "web1"})
    assert "web1" in filled.messages[0].content.text, filled
    assert await refusal(client.get_prompt("no_such_prompt")) == -32602


async def completions(client):
    """Completes arguments of a prompt and of a template."""
    for ref in [
        PromptReference(name="investigate"),
        ResourceTemplateReference(uri="orchestrator://servers/{alias}"),
    ]:
        completed = await client.complete(ref, {"name": "alias", "value": "we"})
        assert completed.completion.values == ["web1"], completed


class Person:
    """The person behind the client, who answers as `says` tells."""

    def __init__(self):
        self.asked, self.says = [], None

    async def answer(self, _context, question):
        self.asked.append(question.message)
        return ElicitResult(action="accept", content={"confirm": self.says})


async def elicitation(client, person):
    """Removes a server, which a person is asked about."""
    spare = {"alias": "spare", "host": "192.0.2.1", "user": "nobody", "password": "unused", "verify": False}
    added = await client.call_tool("server_add", spare)
    assert not added.is_error, added
    for person.says in [False, True]:
        answer = await client.call_tool("server_remove", {"alias": "spare"})
        assert answer.is_error != person.says, answer
        assert "spare" in person.asked.pop() and not person.asked


async def asking(client, person, data_dir):
    """Runs a command that a rule asks about: after a yes, and not after a no."""
    (data_dir / "policies.json").write_text(json.dumps({"ask": ["touch *"]}))
    run = {"alias": "web1", "cmd": "touch asked", "reason": "a test"}
    for person.says in [False, True]:
        answer = await client.call_tool("task_exec", run)
        assert answer.is_error != person.says, answer
        question = person.asked.pop()
        assert "touch asked" in question and "reason: a test" in question, question
        assert not person.asked, person.asked


class TaskParams(RequestParams):
    """The parameters of a request about a task."""

    task_id: str


class GetTask(Request[TaskParams, Literal["tasks/get"]]):
    """A look at a task."""

    method: Literal["tasks/get"] = "tasks/get"
    name_param = "taskId"


class Task(Result):
    """A task as its creation answers."""

    result_type: Literal["task"]
    task_id: str
    poll_interval_ms: int


class DetailedTask(Result):
    """A task as it stands."""

    status: str
    result: CallToolResult | None = None


class Tasks(ClientExtension):
    """The tasks extension: looks at a task until it has ended."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self):
        self.created = []

    def claims(self):
        return [ResultClaim(result_type="task", model=Task, resolve=self.resolve)]

    async def resolve(self, task, context):
        self.created.append(task.task_id)
        while True:
            look = GetTask(params=TaskParams(task_id=task.task_id))
            state = await context.session.send_request(look, DetailedTask)
            if state.result is not None:
                return state.result
            assert state.status == "working", state
            await asyncio.sleep(task.poll_interval_ms / 1000)


async def tasks(client, extension):
    """Calls a tool that answers with a task where the version has the extension."""
    answer = await client.call_tool("task_exec", {"alias": "web1", "cmd": "sleep 1; echo hello", "background": True})
    if client.protocol_version < "2026-07-28":
        assert not extension.created and "goes on detached" in text(answer), answer
    else:
        assert extension.created and "hello" in text(answer), answer


async def main(mode, command):
    server = StdioServerParameters(command=command[0], args=command[1:], env={"MCP_KEYRING": "false"})
    person, extension = Person(), Tasks()
    transport = stdio_client(server)
    async with Client(
        transport, mode=mode, extensions=[extension], elicitation_callback=person.answer
    ) as client:
        assert client.server_info.name == "orchestrator", client.server_info
        for part in [tools, resources, prompts, completions]:
            await part(client)
        await elicitation(client, person)
        await tasks(client, extension)
        await asking(client, person, Path(command[-1].removeprefix("--data-dir=")))


asyncio.run(main(sys.argv[1], sys.argv[2:]))
