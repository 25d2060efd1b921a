"""Service presence: which instances of a service are there now, without a registry.

    GOSSIPERL_KEY=... python presence.py PORT serve SERVICE ADDRESS
    GOSSIPERL_KEY=... python presence.py PORT watch SERVICE

`serve` is an instance: it joins the overlay as SERVICE@ADDRESS, and being there says that it serves. `watch` prints the list
of instances as often as it changes: one that ends is gone at once, one that crashes or whose host is cut off within seconds.
"""

from __future__ import annotations

import asyncio
import os
import sys

from gossiperl import Client, GossiperlError, Member, MemberChanged


class Instances:
    """The addresses of a service's instances that can be reached."""

    def __init__(self, service: str) -> None:
        self._prefix = f"{service}@"
        self._addresses: set[str] = set()

    def note(self, member: Member) -> bool:
        """Notes how a member is; says whether the list is another now."""
        if not member.name.startswith(self._prefix):
            return False
        before = len(self._addresses)
        address = member.name[len(self._prefix) :]
        if member.state == "reachable":
            self._addresses.add(address)
        else:
            self._addresses.discard(address)
        return len(self._addresses) != before

    def __str__(self) -> str:
        return ", ".join(sorted(self._addresses)) or "none"


async def serve(port: int, key: str, service: str, address: str) -> None:
    async with Client(port=port, name=f"{service}@{address}", key=key):
        print("serving", flush=True)
        # Here it would serve. It ends with its standard input.
        await asyncio.to_thread(sys.stdin.read)


async def watch(port: int, key: str, service: str) -> None:
    instances = Instances(service)
    async with Client(port=port, name=f"watcher-{os.getpid()}", key=key) as client:
        for member in await client.watch_members():
            instances.note(member)
        print(f"{service}: {instances}", flush=True)
        async for event in client.events():
            if isinstance(event, MemberChanged) and instances.note(event.member):
                print(f"{service}: {instances}", flush=True)


async def main(arguments: list[str], key: str) -> None:
    if len(arguments) == 4 and arguments[1] == "serve":
        await serve(int(arguments[0]), key, arguments[2], arguments[3])
    elif len(arguments) == 3 and arguments[1] == "watch":
        await watch(int(arguments[0]), key, arguments[2])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1:], os.environ["GOSSIPERL_KEY"]))
    except KeyError:
        sys.exit(__doc__)
    except GossiperlError as error:
        sys.exit(f"{error}")
    except KeyboardInterrupt:
        pass
