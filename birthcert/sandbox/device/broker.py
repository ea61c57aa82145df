"""The message broker of one place: sessions, routing, retained messages, wills."""

import asyncio
import itertools
from collections.abc import Callable

from birthcert.device.topics import share_group, unshared
from birthcert.sandbox.device.session import Message, Session, Subscription, for_subscriber
from birthcert.sandbox.device.topics import TopicTree

SESSION_EXPIRY_MAX_SECONDS = 604_800  # AWS IoT: 7 days


class Broker:
    """Lives on one event loop; nothing here blocks or awaits."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        self._loop, self._clock = loop, clock
        self._sessions: dict[str, Session] = {}
        self._subscriptions: TopicTree[Subscription] = TopicTree()
        self._retained: dict[str, Message] = {}
        self._timers: dict[str, list[asyncio.TimerHandle]] = {}
        self._turn = itertools.count()

    def session(self, client_id: str) -> Session | None:
        """The session of a client id, connected or kept."""
        return self._sessions.get(client_id)

    def open_session(
        self, client_id: str, *, clean_start: bool, expiry_seconds: int
    ) -> tuple[Session, bool]:
        """The session for a new connection, and whether it was there before."""
        for timer in self._timers.pop(client_id, []):
            timer.cancel()
        if clean_start:
            self.end_session(client_id)
        present = client_id in self._sessions
        session = self._sessions.setdefault(client_id, Session(client_id, self._clock))
        session.expiry_seconds = min(expiry_seconds, SESSION_EXPIRY_MAX_SECONDS)
        return session, present

    def leave(self, session: Session) -> None:
        """The session lost its connection: it is kept as long as it was promised."""
        if session.expiry_seconds == 0:
            self.end_session(session.client_id)
        else:
            self._later(session.client_id, session.expiry_seconds, self.end_session)

    def end_session(self, client_id: str) -> None:
        """Forget a session and its subscriptions."""
        self._timers.pop(client_id, None)
        session = self._sessions.pop(client_id, None)
        if session is not None:
            for topic_filter in list(session.subscriptions):
                self.unsubscribe(session, topic_filter)

    def will(self, session: Session, message: Message, delay_seconds: int) -> None:
        """Publish a will now, or after its delay unless the client comes back before."""
        if delay_seconds == 0 or session.expiry_seconds == 0:
            self.publish(message)
        else:
            delay = min(delay_seconds, session.expiry_seconds)
            self._later(session.client_id, delay, lambda _: self.publish(message))

    def _later(self, client_id: str, seconds: float, act: Callable[[str], None]) -> None:
        timer = self._loop.call_later(seconds, act, client_id)
        self._timers.setdefault(client_id, []).append(timer)

    def subscribe(self, session: Session, subscription: Subscription) -> bool:
        """File a subscription; whether it is a new one."""
        topic_filter = subscription.topic_filter
        is_new = topic_filter not in session.subscriptions
        session.subscriptions[topic_filter] = subscription
        self._subscriptions.put(
            unshared(topic_filter), _key(session.client_id, topic_filter), subscription
        )
        return is_new

    def unsubscribe(self, session: Session, topic_filter: str) -> bool:
        """Take a subscription out; whether it was there."""
        self._subscriptions.remove(unshared(topic_filter), _key(session.client_id, topic_filter))
        return session.subscriptions.pop(topic_filter, None) is not None

    def publish(self, message: Message, sender: str | None = None) -> None:
        """Keep it where it is to be retained, and send it to every subscriber."""
        if message.retain:
            self._retain(message)
        for client_id, subscription in self._receivers(message.topic, sender):
            session = self._sessions.get(client_id)
            if session is not None:
                session.deliver(for_subscriber(message, subscription, retained=False))

    def _receivers(self, topic: str, sender: str | None) -> list[tuple[str, Subscription]]:
        """One subscription a client, its widest; one member a shared group, by turns."""
        direct: dict[str, Subscription] = {}
        groups: dict[str, list[Subscription]] = {}
        for _, found in self._subscriptions.match(topic):
            if found.group is not None:
                groups.setdefault(found.topic_filter, []).append(found)
            elif not (found.no_local and found.client_id == sender):
                best = direct.get(found.client_id)
                if best is None or found.qos > best.qos:
                    direct[found.client_id] = found
        chosen = [self._member(members) for members in groups.values()]
        return [*direct.items(), *((one.client_id, one) for one in chosen)]

    def _member(self, members: list[Subscription]) -> Subscription:
        connected = [
            one
            for one in members
            if (session := self._sessions.get(one.client_id)) and session.link is not None
        ]
        choice = connected or members
        return choice[next(self._turn) % len(choice)]

    def _retain(self, message: Message) -> None:
        if message.payload:
            self._retained[message.topic] = message
        else:
            self._retained.pop(message.topic, None)

    def send_retained(self, session: Session, subscription: Subscription) -> None:
        """Send what is retained under a new subscription; shared ones get nothing."""
        if share_group(subscription.topic_filter) is not None:
            return
        tree: TopicTree[None] = TopicTree()
        tree.put(subscription.topic_filter, "", None)
        for message in list(self._retained.values()):
            if next(tree.match(message.topic), None) is not None:
                session.deliver(for_subscriber(message, subscription, retained=True))


def _key(client_id: str, topic_filter: str) -> str:
    return f"{client_id}\0{share_group(topic_filter) or ''}"
