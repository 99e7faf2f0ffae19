package dev.undertone

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow

/** Follows conversations and their messages through pages and updates. */
internal class Streams(
    private val conversations: ChatConversations,
    private val messages: ChatMessages,
    private val subscribers: Subscribers,
) {
    /** What is unread in a conversation, then what comes. */
    fun messages(conversation: ConversationId, own: Boolean): Flow<Message> = flow {
        subscribers.subscribed(Topic.Conversation(conversation)) { updates ->
            var last = messages.page(conversation, Cursor.Newest, 1u).messages.firstOrNull()?.key
            val shown = HashSet<MessageKey>()
            unread(conversation).forEach { message ->
                shown += message.key
                emit(message)
            }
            while (true) {
                for (update in updates() ?: break) {
                    val added = when (update) {
                        is Update.MessageAdded -> listOf(update.message)
                        is Update.Resync -> since(conversation, last)
                        else -> emptyList()
                    }
                    for (message in added) {
                        last = maxOf(last ?: message.key, message.key)
                        if (message.key !in shown && (own || !message.own)) emit(message)
                    }
                }
            }
        }
    }

    /** What is unread anywhere, then what comes. */
    fun incoming(): Flow<Message> = flow {
        subscribers.subscribed(Topic.Conversations) { updates ->
            val given = HashMap<ConversationId, Set<MessageKey>>()
            var waiting = allUnread()
            while (true) {
                for (conversation in waiting) {
                    val before = given[conversation].orEmpty()
                    val unread = unread(conversation)
                    given[conversation] = unread.mapTo(HashSet()) { it.key }
                    unread.filter { it.key !in before }.forEach { emit(it) }
                }
                waiting = concerned(updates() ?: break)
            }
        }
    }

    fun updates(topic: Topic): Flow<Update> = flow {
        subscribers.subscribed(topic) { updates -> while (true) (updates() ?: break).forEach { emit(it) } }
    }

    /** Everything behind a place, oldest first. */
    private suspend fun since(conversation: ConversationId, from: MessageKey?): List<Message> {
        var last = from ?: return messages.page(conversation, Cursor.Newest, PAGE).messages.reversed()
        val found = ArrayList<Message>()
        while (true) {
            val page = messages.page(conversation, Cursor.After(last), PAGE)
            found += page.messages.reversed()
            if (!page.more || page.messages.isEmpty()) return found
            last = page.messages.first().key
        }
    }

    /** What is unread, oldest first. */
    private suspend fun unread(conversation: ConversationId): List<Message> {
        val found = ArrayList<Message>()
        var cursor: Cursor = Cursor.Newest
        while (true) {
            val page = messages.page(conversation, cursor, PAGE)
            found += page.messages.filter { it.unread }
            val first = page.firstUnread
            if (first == null || !page.more || page.messages.any { it.key <= first }) return found.reversed()
            cursor = Cursor.Before(page.messages.last().key)
        }
    }

    /** The conversations with something unread. */
    private suspend fun allUnread(): List<ConversationId> {
        val found = ArrayList<ConversationId>()
        var cursor: ConversationCursor? = null
        while (true) {
            val page = conversations.page(cursor)
            page.conversations.filter { it.unread > 0u }.mapTo(found) { it.id }
            cursor = page.next ?: return found
        }
    }

    /** The conversations in which messages may be new, by what has changed. */
    private suspend fun concerned(updates: List<Update>): List<ConversationId> =
        if (updates.any { it is Update.Resync }) {
            allUnread()
        } else {
            val changed = updates.filterIsInstance<Update.Conversation>().map { it.conversation }
            changed.filter { it.unread > 0u }.map { it.id }
        }

    private companion object {
        const val PAGE = 50u
    }
}
