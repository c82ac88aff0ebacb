"""The socket of the live inbox (frames: docs/chat-protocol.md)."""

import asyncio
import re
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from channels.db import database_sync_to_async
from django.utils.translation import gettext as _

from accounts.models import User
from chat import desk, finding, presence, shapes
from chat.frames import NOT_YOURS, STALE_SECONDS, Frames
from chat.hub import INBOX, Hint
from chat.models import Conversation

INBOX_SECONDS = 0.3
CONVERSATION = re.compile(r"CON-[0-9a-f-]{36}")
# How often a page may say that its conversation is before somebody's eyes, and how often at once.
HERE_SECONDS = 1.0
HERE_AT_ONCE = 5


class InboxConsumer(Frames):
    """The inbox's rows, each as soon as it changes, and who reads what; where much changes, in bundles."""

    async def connect(self) -> None:
        """Agents only."""
        await self.accept()
        self._changed: set[str] = set()
        self._readers: set[presence.Reader] = set()
        self._is_telling = False
        self._me: User | None = None
        # What was said last of what this tab shows; nothing where it shows none.
        self._tab, self._said = uuid.uuid4().hex, dict[str, str]()
        self._here_until, self._checked_at = 0.0, self._now()
        if not await self._may_enter():
            await self.close(NOT_YOURS)
            return
        await self.listen(INBOX, self._hear)
        answered = await self._last_answer()
        await self.tell("live", answered_at=shapes.timestamp(answered) if answered else None)
        await self._tell_readers(presence.readers.all())

    async def on_here(self, frame: dict[str, Any]) -> None:
        """The agent has this conversation before their eyes; nothing is stored."""
        conversation = frame.get("conversation")
        if not isinstance(conversation, str) or not CONVERSATION.fullmatch(conversation):
            await self.refuse("bad_frame", _("Name the conversation by its id."))
            return
        if self._is_too_often():
            return
        if not await self._may_enter():
            await self.end_stay()
        elif self._me and self.listener:  # not closed meanwhile
            if conversation != self._said.get("conversation"):
                self._leave()
            self._said = {"conversation": conversation, "user": self._me.public_id, "name": self._me.display_name, "tab": self._tab}
            presence.say(**self._said, is_here=True)

    async def on_gone(self, frame: dict[str, Any]) -> None:
        """They no longer have."""
        self._leave()

    def _leave(self) -> None:
        if self._said:
            presence.say(**self._said, is_here=False)
            self._said = {}

    def _is_too_often(self) -> bool:
        now = self._now()
        until = max(now, self._here_until) + HERE_SECONDS
        if until - now > HERE_AT_ONCE * HERE_SECONDS:
            return True
        self._here_until = until
        return False

    def _stop_listening(self) -> None:
        if self.listener:
            self._leave()
        super()._stop_listening()

    def _hear(self, hint: Hint) -> None:
        if hint["kind"] == "access":
            self.begin(self._look())
            return
        if hint["kind"] == presence.HERE:
            self._readers.add((str(hint["conversation"]), str(hint["user"])))
        elif hint["kind"] == "seen" and not (self._me and hint["user"] == self._me.pk):
            return
        else:
            self._changed.add(str(hint["conversation"]))
        if not self._is_telling:
            self._is_telling = True
            self.begin(self._tell_news())

    async def _look(self) -> None:
        if not await self._may_enter():
            await self.end_stay()

    async def _tell_news(self) -> None:
        try:
            while self._changed or self._readers:
                changed, self._changed = self._changed, set()
                heard, self._readers = self._readers, set()
                # That somebody reads is told without a look at the database, for a while.
                if changed or self._now() - self._checked_at > STALE_SECONDS:
                    self._checked_at = self._now()
                    rows = await self._rows(changed)
                    if rows is None:
                        await self.end_stay()
                        return
                    for row in rows:
                        await self.tell("conversation", conversation=row)
                await self._tell_readers(heard)
                await asyncio.sleep(INBOX_SECONDS)
        finally:
            self._is_telling = False

    async def _tell_readers(self, heard: Iterable[presence.Reader]) -> None:
        for reader in heard:
            if self._me and reader[1] != self._me.public_id:
                await self.tell(presence.HERE, **presence.readers.state(reader))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

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
        return desk.rows(found, agent, words=finding.cleaned(self.query.get("q", ""))) if agent else None

    def _agent(self) -> User | None:
        """Who is logged in now, if they may be here."""
        _session, user = self.read_session()
        self._me = user if user and user.is_active and user.is_agent else None
        return self._me
