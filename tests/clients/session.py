"""Drives the server by MCP's Python SDK: python session.py MODE COMMAND…

MODE is the SDK's: `legacy` begins with `initialize`, `auto` with `server/discover`. A server `web1` has to be registered.
"""

import asyncio
import sys

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError


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


async def main(mode, command):
    server = StdioServerParameters(command=command[0], args=command[1:], env={"MCP_KEYRING": "false"})
    async with Client(stdio_client(server), mode=mode) as client:
        assert client.server_info.name == "orchestrator", client.server_info
        await tools(client)


asyncio.run(main(sys.argv[1], sys.argv[2:]))
