"""For tests of apps and servers: many engines in one process, with the reference relay's logic in memory, disks in memory,
and a clock that stands still until the test moves it.

    async def test_a_message_is_read():
        async with Network() as network:
            ann = await network.join("ann", "client")
            bea = await network.join("bea", "escort")
            talk = await ann.conversations.start(bea.user)
            await ann.messages.send(talk, "Hello")
            await network.settle()
            page = await bea.messages.page(talk, Cursor.NEWEST(), 1)
            assert page.messages[0].content.text == "Hello"

No time passes but by :meth:`Network.advance`, and :meth:`Network.settle` returns when nobody has anything left to do, so such
tests neither sleep nor fail at random. With pytest, the fixture ``undertone_network`` is a network of one test.
"""

from .network import Network

__all__ = ["Network"]
