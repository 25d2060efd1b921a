"""A chat: publishes each line of standard input, and prints the others' lines and who comes and goes.

    GOSSIPERL_KEY=... python chat.py PORT NAME

PORT is the overlay's port on this host, GOSSIPERL_KEY its symmetric key. Everyone in the overlay who runs this, on any host
and in any language, sees each line.
"""

from __future__ import annotations

import asyncio
import os
import sys

from gossiperl import Client, Connected, Delivery, Disconnected, GossiperlError, MemberChanged

TYPE = "chat"


async def show(client: Client) -> None:
    """Prints what comes, until the client is closed."""
    async for event in client.events():
        if isinstance(event, Delivery):
            line = event.digest()
            print(f"<{line.text(1)}> {line.text(2)}", flush=True)
        elif isinstance(event, MemberChanged):
            comes = {"member_in": "is here", "member_rejoin": "is back", "member_out": "has left"}
            print(f"* {event.member.name} {comes.get(event.change, 'is silent')}", flush=True)
        elif isinstance(event, Connected):
            print(f"* connected to {event.daemon}", flush=True)
        elif isinstance(event, Disconnected):
            print(f"* disconnected: {event.reason}", flush=True)


async def chat(port: int, name: str, key: str) -> None:
    async with Client(port=port, name=name, key=key) as client:
        await client.subscribe(TYPE)
        for member in await client.watch_members():
            print(f"* {member.name} is here", flush=True)
        showing = asyncio.create_task(show(client))
        # Reading a terminal blocks, so a thread does it.
        while line := await asyncio.to_thread(sys.stdin.readline):
            await client.publish(TYPE, {1: name, 2: line.rstrip("\n")})
        await client.close()
        await showing


if __name__ == "__main__":
    if len(sys.argv) != 3 or "GOSSIPERL_KEY" not in os.environ:
        sys.exit(__doc__)
    try:
        asyncio.run(chat(int(sys.argv[1]), sys.argv[2], os.environ["GOSSIPERL_KEY"]))
    except GossiperlError as error:
        sys.exit(f"{error}")
    except KeyboardInterrupt:
        pass
