"""The socket of the live inbox (frames: docs/chat-protocol.md)."""

import asyncio
from datetime import datetime

from channels.db import database_sync_to_async

from accounts.models import User
from chat import desk, shapes
from chat.frames import NOT_YOURS, Frames
from chat.hub import INBOX, Hint
from chat.models import Conversation

INBOX_SECONDS = 0.3


class InboxConsumer(Frames):
    """The inbox's rows, each as soon as it changes; where much changes, in bundles."""

    async def connect(self) -> None:
        """Agents only."""
        await self.accept()
        self._changed: set[str] = set()
        self._is_telling = False
        if not await self._may_enter():
            await self.close(NOT_YOURS)
            return
        await self.listen(INBOX, self._hear)
        answered = await self._last_answer()
        await self.tell("live", answered_at=shapes.timestamp(answered) if answered else None)

    def _hear(self, hint: Hint) -> None:
        if hint["kind"] == "access":
            self.begin(self._look())
            return
        self._changed.add(str(hint["conversation"]))
        if not self._is_telling:
            self._is_telling = True
            self.begin(self._tell_rows())

    async def _look(self) -> None:
        if not await self._may_enter():
            await self.end_stay()

    async def _tell_rows(self) -> None:
        try:
            while self._changed:
                changed, self._changed = self._changed, set()
                rows = await self._rows(changed)
                if rows is None:
                    await self.end_stay()
                    return
                for row in rows:
                    await self.tell("conversation", conversation=row)
                await asyncio.sleep(INBOX_SECONDS)
        finally:
            self._is_telling = False

    @database_sync_to_async
    def _may_enter(self) -> bool:
        return self._agent() is not None

    @database_sync_to_async
    def _last_answer(self) -> datetime | None:
        return desk.last_answer()

    @database_sync_to_async
    def _rows(self, conversation_ids: set[str]) -> list[shapes.Shape] | None:
        """None where nobody may see them any more."""
        agent = self._agent()
        found = Conversation.objects.select_related("customer").filter(public_id__in=conversation_ids)
        return desk.rows(found, agent) if agent else None

    def _agent(self) -> User | None:
        _session, user = self.read_session()
        return user if user and user.is_active and user.is_agent else None
